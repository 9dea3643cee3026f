package cli

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"go.uber.org/goleak"
)

// following runs a command in this process, and sends it signals each time its
// standard error holds a text.
type following struct {
	t    *testing.T
	app  *app
	err  *shared
	code chan int
}

func startFollowing(t *testing.T, f *fake, args ...string) *following {
	t.Helper()
	errOut := newShared()
	root := New(Config{Out: newShared(), Err: errOut, Getenv: env(t, "COMPOSA_URL", f.web.URL, "COMPOSA_TOKEN", fakeToken)})
	run := &following{t: t, app: root.Context().Value(appKey{}).(*app), err: errOut, code: make(chan int, 1)}
	go func() { run.code <- Main(context.Background(), root, args) }()
	return run
}

func (r *following) signalAt(text string, sig os.Signal) {
	r.t.Helper()
	r.err.until(r.t, text)
	if !r.app.signals.hand(sig) {
		r.t.Fatalf("nobody took %v at %q", sig, text)
	}
}

// ends compares the exit code and the last line.
func (r *following) ends(code int, last string) {
	r.t.Helper()
	if got := <-r.code; got != code {
		r.t.Errorf("exit %d, want %d", got, code)
	}
	lines := strings.Split(strings.TrimSpace(r.err.String()), "\n")
	if !strings.Contains(lines[len(lines)-1], last) {
		r.t.Errorf("the last line is %q, want %q", lines[len(lines)-1], last)
	}
}

func TestSignals(t *testing.T) {
	cancelled := func(f *fake) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Contains(f.calls, "POST /v1/operations/op_1/cancel")
	}
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, f *fake)
	}{
		{"SIGTERM leaves it running", func(t *testing.T, f *fake) {
			r := startFollowing(t, f, "compose", "slow")
			r.signalAt("1/2 make the machine", syscall.SIGTERM)
			r.ends(exitInterrupted, "operation op_1 goes on: `composa operation wait op_1`")
			if cancelled(f) {
				t.Error("it was cancelled")
			}
		}},
		{"the first interrupt cancels and the undo is followed to its end", func(t *testing.T, f *fake) {
			r := startFollowing(t, f, "compose", "slow-undo")
			r.signalAt("1/2 make the machine", os.Interrupt)
			r.err.until(t, "slow-undo: goes back")
			f.mu.Lock()
			f.end(f.ops[0], "cancelled", nil)
			f.mu.Unlock()
			r.ends(exitInterrupted, "everything is as it was before")
		}},
		{"the second interrupt stops the waiting", func(t *testing.T, f *fake) {
			r := startFollowing(t, f, "compose", "slow-undo")
			r.signalAt("1/2 make the machine", os.Interrupt)
			r.signalAt("slow-undo: goes back", os.Interrupt)
			r.ends(exitInterrupted, "operation op_1 goes on")
			if !cancelled(f) {
				t.Error("it was not cancelled")
			}
		}},
		{"what was done meanwhile is done, interrupted or not", func(t *testing.T, f *fake) {
			r := startFollowing(t, f, "compose", "slow-undo")
			r.signalAt("1/2 make the machine", os.Interrupt)
			r.err.until(t, "slow-undo: goes back")
			f.advance()
			if got := <-r.code; got != exitDone {
				t.Errorf("exit %d, want %d: the operation is done", got, exitDone)
			}
		}},
		{"a server that stops for a moment is waited for", func(t *testing.T, f *fake) {
			r := startFollowing(t, f, "compose", "slow")
			r.err.until(t, "1/2 make the machine")
			f.mu.Lock()
			f.down = true
			f.mu.Unlock()
			f.web.CloseClientConnections()
			f.mu.Lock()
			f.down = false
			f.mu.Unlock()
			f.advance()
			if got := <-r.code; got != exitDone {
				t.Errorf("exit %d, want %d", got, exitDone)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			defer f.web.Config.Close() // waits for nobody
			tt.run(t, f)
		})
	}
	goleak.VerifyNone(t, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("os/signal.signal_recv"))
}

// breaking breaks the first calls of a path, after it was reached, and refuses
// the connection to all others meanwhile.
type breaking struct {
	path   string
	left   int // how often, from the first call of the path on
	begun  bool
	breaks int
}

func (b *breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	b.begun = b.begun || r.URL.Path == b.path
	if !b.begun || b.left == 0 {
		return http.DefaultTransport.RoundTrip(r)
	}
	b.left--
	if b.breaks++; b.breaks > 1 {
		return nil, errors.New("connection refused")
	}
	httptrace.ContextClientTrace(r.Context()).WroteHeaders()
	return nil, errors.New("connection reset by peer")
}

// A server that is restarted during a command is waited for, whichever of its
// calls that meets: the first, that of the change, or the one that reads what was
// made.
func TestARestartIsWaitedForThroughout(t *testing.T) {
	for _, path := range []string{"/v1", "/v1/machines/default/train", "/v1/operations/op_1", "/v1/machines/mach_train"} {
		t.Run(path, func(t *testing.T) {
			f := newFake()
			defer f.web.Close()
			b := &breaking{path: path, left: 3}
			exit, stderr := f.run(t, b, "compose train --gpu 1")
			if exit != exitDone || !strings.Contains(stderr, "trying again in ") {
				t.Errorf("exit %d, want 0 and that it is tried again:\n%s", exit, stderr)
			}
			if path != "/v1/operations/op_1" && b.left != 0 {
				t.Errorf("%d calls did not break", b.left)
			}
		})
	}
}

// Where what was done cannot be shown it is not told as if nothing had been: the
// last line is the command that tells of it.
func TestWhatWasDoneIsToldAsDone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signal bool
		exit   int
		detail string
	}{
		{"the server stays away", false, exitUnreachable, `compose of "train" is done, and the machine cannot be shown: cannot call GET /v1/machines/mach_1 at http://composa.example: connection refused`},
		{"interrupted", true, exitInterrupted, `compose of "train" is done; stopped waiting for the machine to be shown`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := client.New(client.Config{URL: "http://composa.example", HTTP: &http.Client{Transport: refusing{}}})
				if err != nil {
					t.Fatal(err)
				}
				signals := make(chan os.Signal, 1)
				f := &follower{a: &app{}, client: c, signals: signals}
				if tt.signal {
					signals <- os.Interrupt
				}
				began := time.Now()
				op := &api.Operation{ID: "op_1", Verb: "compose", Machines: []api.OperationMachine{{ID: "mach_1", Name: "train"}}}
				_, err = f.closing(t.Context(), op, "mach_1", "composa compose train --key k")
				got := failureOf(err)
				if got.exit != tt.exit || got.problem.Detail != tt.detail || got.problem.Next != "`composa compose train --key k` tells of it, and does nothing twice" {
					t.Errorf("exit %d: %s", got.exit, got.text())
				}
				if !tt.signal && time.Since(began) < patience {
					t.Errorf("it was given up after %s", time.Since(began))
				}
			})
		})
	}
}

// refusing is a server that is not there.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}
