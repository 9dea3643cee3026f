package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the tree of [New] with args (without the program's name), prints
// what went wrong, and returns the exit code. An interrupt or a SIGTERM ends
// the context of the command, but where an operation is followed: there the
// rules of `composa help exit-codes` hold.
func Main(ctx context.Context, root *cobra.Command, args []string) int {
	a := root.Context().Value(appKey{}).(*app)
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, appKey{}, a))
	defer cancel(nil)
	stop := a.signals.listen(cancel)
	defer stop()
	a.args = args
	root.SetArgs(args)
	groupStrays(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	var passed *passedExit
	if errors.As(err, &passed) {
		return passed.code
	}
	if errors.Is(err, context.Canceled) && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	f := a.withoutToken(failureOf(asUsage(cmd, err)))
	a.printFailure(f, args)
	return f.exit
}

// withoutToken says how a token is saved, where the server refused a call that
// carried none.
func (a *app) withoutToken(f *failure) *failure {
	if f.problem.Code != "unauthenticated" || a.server == nil || a.server.token != "" {
		return f
	}
	return f.next("save one: `composa context create NAME --url %s --token-file FILE`", a.server.url)
}

// passedExit is the exit code of a program that was run: its own is ours.
type passedExit struct{ code int }

func (p *passedExit) Error() string { return fmt.Sprintf("exit %d", p.code) }

// printFailure tells what went wrong on standard error. Where JSON was asked
// for, the problem is the last line.
func (a *app) printFailure(f *failure, args []string) {
	if a.wantsJSON(args) {
		line, err := json.Marshal(f.problem)
		if err == nil {
			a.tell(string(escaped(line)) + "\n")
			return
		}
	}
	a.tell(f.text())
}

// text is the failure as people read it.
func (f *failure) text() string {
	var b strings.Builder
	fmt.Fprintln(&b, clean(f.problem.Detail))
	for _, l := range f.lines {
		fmt.Fprintln(&b, "  "+clean(l))
	}
	if f.problem.Next != "" && !f.saysNearest {
		fmt.Fprintln(&b, clean(f.problem.Next))
	}
	return b.String()
}

// wantsJSON says whether results are asked for as JSON, also where the flags
// could not be read to their end.
func (a *app) wantsJSON(args []string) bool {
	if a.flags.output != "" {
		return a.flags.output == "json" || a.flags.output == "jsonl"
	}
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--output=")
		if !ok {
			value, ok = strings.CutPrefix(arg, "-o")
		}
		if (arg == "-o" || arg == "--output") && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if arg == "--" {
			return false
		}
		if ok && slices.Contains([]string{"json", "jsonl"}, strings.TrimPrefix(value, "=")) {
			return true
		}
	}
	return false
}

// signals are the interrupts of one run: they end the command, or go to who
// took them.
type signals struct {
	mu    sync.Mutex
	taker chan os.Signal // nil: nobody took them
}

// listen begins to receive. A signal that nobody took cancels; from then on
// signals do what they do without us, so that a second one ends a command that
// does not end.
func (s *signals) listen(cancel context.CancelCauseFunc) (stop func()) {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			select {
			case <-done:
				return
			case sig := <-ch:
				if !s.hand(sig) {
					signal.Stop(ch)
					cancel(interrupted("interrupted"))
				}
			}
		}
	})
	return func() {
		signal.Stop(ch)
		close(done)
		ended.Wait()
	}
}

// hand gives a signal to who took them; false where nobody did.
func (s *signals) hand(sig os.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taker == nil {
		return false
	}
	select {
	case s.taker <- sig:
	default: // it has more than it needs already
	}
	return true
}

// take makes the caller the one who gets the signals, until release.
func (s *signals) take() (<-chan os.Signal, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan os.Signal, 4)
	s.taker = ch
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taker = nil
	}
}
