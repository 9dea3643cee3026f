package cli

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/client"
	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/real run against the real server: a demo of three
// emulated racks, a process of its own for each script.
func TestRealServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and starts the whole server")
	}
	program := filepath.Join(t.TempDir(), "composa-server")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/composa").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the server: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "real"),
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("GORACE", "atexit_sleep_ms=1")
			return startDemo(env, program)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"examples": runExamples,
			// with FILE ARGS… runs composa with the last line of a file as its last argument.
			"with": func(ts *testscript.TestScript, _ bool, args []string) {
				lines := strings.Fields(ts.ReadFile(args[0]))
				ts.Check(ts.Exec("composa", append(args[1:], lines[len(lines)-1])...))
			},
			// apply FILE CODE carries out the plan whose id a file holds, and compares the
			// exit code.
			"apply": func(ts *testscript.TestScript, neg bool, args []string) {
				exits(ts, neg, []string{args[1], "apply", "--yes", "--progress", "none", "-f", strings.TrimSpace(ts.ReadFile(args[0]))})
			},
		},
	})
}

// startDemo starts the demo and returns when it says that it serves.
func startDemo(env *testscript.Env, program string) error {
	cmd := exec.Command(program, "demo", "--listen", "127.0.0.1:0", "--data", filepath.Join(env.WorkDir, "data"))
	cmd.Env = env.Vars
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	// The demo greets on either stream; both end here.
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	env.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // how it ends is the demo's own test
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			return racksSeen(env)
		}
	}
	return fail("failed", "the demo ended before it served")
}

// racksSeen waits until every rack was looked at once.
func racksSeen(env *testscript.Env) error {
	s, err := chooseServer(env.Getenv, "")
	if err != nil {
		return err
	}
	env.Setenv("DEMO", s.url)
	c, err := client.New(client.Config{URL: s.url, Token: s.token})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	first := ""
	for e, err := range c.PastEvents(ctx, "", client.EventFilter{}) {
		if err != nil {
			return err
		}
		first = e.ID
		break
	}
	for _, err := range c.Events(ctx, first, client.EventFilter{}) {
		if err != nil {
			return err
		}
		fabrics, err := client.All(c.Fabrics(ctx))
		if err != nil {
			return err
		}
		seen := 0
		for _, f := range fabrics {
			if f.State == "ok" {
				seen++
			}
		}
		if seen == 3 {
			return nil
		}
	}
	return ctx.Err()
}
