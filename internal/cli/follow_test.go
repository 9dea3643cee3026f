package cli

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

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
