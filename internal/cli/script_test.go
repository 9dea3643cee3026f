package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"composa": func() {
		root := New(Config{Version: "v0.0.0-test"})
		os.Exit(Main(context.Background(), root, os.Args[1:]))
	}})
}

// The scripts run the real command line as a process of its own against a fake
// server, one for each script. They have these commands of their own:
//
//	exits CODE ARGS…   runs composa and compares the exit code
//	advance            lets every running operation end
//	began ||            waits until so many operations were begun as there are strokes
//	called TEXT        fails unless the server was called so ("! called": unless not)
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			f := newFake()
			env.Defer(f.web.Close)
			env.Defer(f.web.CloseClientConnections)
			env.Values[fakeKey{}] = f
			env.Setenv("COMPOSA_URL", f.web.URL)
			env.Setenv("COMPOSA_TOKEN", fakeToken)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("SERVER", f.web.URL)
			env.Setenv("GORACE", "atexit_sleep_ms=1") // a second each, otherwise
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"advance": func(ts *testscript.TestScript, _ bool, _ []string) { fakeOf(ts).advance() },
			"exits":   exits,
			"called":  called,
			"began":   began,
		},
	})
}

type fakeKey struct{}

func fakeOf(ts *testscript.TestScript) *fake { return ts.Value(fakeKey{}).(*fake) }

// exits runs composa and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARGS…")
	}
	err := ts.Exec("composa", args[1:]...)
	code := exitCodeOf(err)
	if code != args[0] {
		ts.Fatalf("composa %s exits with %q (%v), want %s", strings.Join(args[1:], " "), code, err, args[0])
	}
}

// exitCodeOf is the exit code of a program that ran.
func exitCodeOf(err error) string {
	if err == nil {
		return "0"
	}
	_, code, _ := strings.Cut(err.Error(), "exit status ")
	return code
}

// called compares the calls that the server got.
func called(ts *testscript.TestScript, neg bool, args []string) {
	f := fakeOf(ts)
	f.mu.Lock()
	defer f.mu.Unlock()
	got := strings.Join(f.calls, "\n") + "\n"
	if strings.Contains(got, strings.Join(args, " ")+"\n") == neg {
		ts.Fatalf("called %q: want %v in\n%s", strings.Join(args, " "), !neg, got)
	}
}

// began waits until the server has begun so many operations.
func began(ts *testscript.TestScript, _ bool, args []string) {
	f := fakeOf(ts)
	deadline := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		n, changed := len(f.ops), f.changed
		f.mu.Unlock()
		if len(args) == 1 && n >= len(args[0]) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			ts.Fatalf("%d operations were begun", n)
		}
	}
}
