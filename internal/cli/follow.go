package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// follower makes a changing call and follows what comes of it to its end. While
// it exists interrupts come to it: the first asks the server to cancel and undo
// (or, where something is given back, only ends the waiting), the second ends
// the waiting, as SIGTERM and --timeout do. The operation goes on then.
type follower struct {
	a        *app
	client   *client.Client
	progress progress
	// giveBack says that an interrupt does not cancel.
	giveBack bool
	deadline <-chan time.Time // nil: never
	stop     func()
	signals  <-chan os.Signal
	pressed  int // how often it was interrupted

	ids []string // of the operations, in the order in which they were met
	ops map[string]*api.Operation
}

// follow begins to take interrupts; the caller calls close. timeout 0: never.
func (a *app) follow(c *client.Client, giveBack bool, timeout time.Duration) *follower {
	f := &follower{a: a, client: c, giveBack: giveBack, progress: a.newProgress(), ops: map[string]*api.Operation{}}
	ch, release := a.signals.take()
	quiet := a.retrying.to(f.progress.note)
	f.signals = ch
	f.stop = func() { quiet(); release() }
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		f.deadline = timer.C
		f.stop = func() { timer.Stop(); quiet(); release() }
	}
	return f
}

func (f *follower) close() {
	f.stop()
	f.progress.close()
}

// call makes a call that may start something. An interrupt waits for its
// answer, so that what was started can be cancelled; the second does not.
func (f *follower) call(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- ask(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case sig := <-f.signals:
			f.pressed++
			if sig == os.Interrupt && f.pressed == 1 {
				f.progress.note("interrupted: the server's answer is awaited; interrupt again to leave at once")
				continue
			}
			cancel(interrupted("interrupted before the server answered: it may have begun; see `composa operation ls --open`"))
		case <-f.deadline:
			cancel(fail("timeout", "--timeout passed before the server answered: it may have begun; see `composa operation ls --open`"))
		}
	}
}

// untilSettled follows operations until each ended or is held.
func (f *follower) untilSettled(ctx context.Context, ops ...*api.Operation) error {
	ctx, cancel := context.WithCancel(ctx)
	var trackers sync.WaitGroup
	defer trackers.Wait()
	defer cancel()
	updates := make(chan update)
	for _, op := range ops {
		f.see(op)
		if !client.Settled(op) {
			trackers.Go(func() { f.track(ctx, op, updates) })
		}
	}
	if f.pressed > 0 {
		if err := f.interrupt(ctx); err != nil {
			return err
		}
	}
	for len(f.open()) > 0 {
		select {
		case u := <-updates:
			if u.err != nil {
				return f.lost(u.err)
			}
			f.see(u.op)
		case sig := <-f.signals:
			f.pressed++
			if sig != os.Interrupt {
				return interrupted("stopped waiting; %s", f.goesOn())
			}
			if err := f.interrupt(ctx); err != nil {
				return err
			}
		case <-f.deadline:
			return fail("timeout", "--timeout passed; %s", f.goesOn())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// see takes a newer state of an operation; older ones are dropped.
func (f *follower) see(op *api.Operation) {
	last := f.ops[op.ID]
	if last == nil {
		f.ids = append(f.ids, op.ID)
	} else if op.Revision < last.Revision {
		return
	}
	f.ops[op.ID] = op
	f.progress.show(op)
}

// open are the ids of the operations that go on.
func (f *follower) open() []string {
	var ids []string
	for _, id := range f.ids {
		if !client.Settled(f.ops[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

// goesOn is the line that names what goes on, and how to go on with it.
func (f *follower) goesOn() string {
	var ops []*api.Operation
	for _, id := range f.open() {
		ops = append(ops, f.ops[id])
	}
	return goesOn(ops)
}

func goesOn(ops []*api.Operation) string {
	var ids []string
	cancellable := true
	for _, op := range ops {
		ids = append(ids, op.ID)
		cancellable = cancellable && !onlyForward(op)
	}
	var text, id string
	switch len(ids) {
	case 0:
		return "nothing goes on"
	case 1:
		text, id = fmt.Sprintf("operation %s goes on: `composa operation wait %s` follows it", ids[0], ids[0]), ids[0]
	default:
		text, id = fmt.Sprintf("operations %s go on: `composa operation wait ID` follows one", strings.Join(ids, ", ")), "ID"
	}
	if cancellable {
		text += fmt.Sprintf(", `composa operation cancel %s` ends it", id)
	}
	return text
}

// onlyForward says whether an operation has begun what is not put back: then
// cancelling does not end it.
func onlyForward(op *api.Operation) bool {
	return (op.Verb == "free" || op.Verb == "unplug") && op.Phase != "queued"
}

// cancelText tells what becomes of an operation that is to be cancelled.
func cancelText(op *api.Operation) string {
	if onlyForward(op) {
		return "goes on to its end although it was to be cancelled: " + op.Verb + " is not put back once it has begun"
	}
	return "is being cancelled"
}

// interrupt does what an interrupt asks for: the first cancels, or ends the
// waiting where something is given back; later ones end the waiting.
func (f *follower) interrupt(ctx context.Context) error {
	if f.giveBack || f.pressed > 1 {
		return interrupted("stopped waiting; %s", f.goesOn())
	}
	for _, id := range f.open() {
		f.progress.note(fmt.Sprintf("interrupted: cancelling operation %s, everything goes back to what was before; interrupt again to stop waiting", id))
		var op *api.Operation
		err := f.call(ctx, func(ctx context.Context) (err error) {
			op, err = f.client.Cancel(ctx, id)
			return err
		})
		switch {
		case err == nil:
			f.see(op)
		case f.pressed > 1:
			return interrupted("stopped waiting before the server answered whether operation %s is cancelled; %s", id, f.goesOn())
		default:
			return interrupted("cannot cancel operation %s: %s", id, failureOf(err).problem.Detail).next("%s", f.goesOn())
		}
	}
	if f.pressed > 1 && len(f.open()) > 0 {
		return interrupted("stopped waiting; %s", f.goesOn())
	}
	return nil
}

// lost tells that the server stopped answering while an operation goes on.
func (f *follower) lost(err error) error {
	lost := *failureOf(err)
	lost.problem.Next = f.goesOn()
	return &lost
}

// update is a newer state of an operation, or why there is none.
type update struct {
	op  *api.Operation
	err error
}

const (
	// longPoll is how long one call waits for the next step of an operation.
	longPoll = time.Minute
	// patience is how long a server may be away before the waiting ends.
	patience = 30 * time.Second
	// firstPause and longestPause bound the time between two tries.
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// track sends newer states of an operation until it settled: at each step, and
// over restarts of the server.
func (f *follower) track(ctx context.Context, op *api.Operation, out chan<- update) {
	id, at := op.ID, op.Revision
	for ctx.Err() == nil {
		op, err := patiently(ctx, f.a.retrying.again, func(ctx context.Context) (*api.Operation, error) {
			return f.client.Newer(ctx, id, at, longPoll)
		})
		select {
		case out <- update{op: op, err: err}:
		case <-ctx.Done():
		}
		if err != nil || client.Settled(op) {
			return
		}
		at = max(at, op.Revision)
	}
}

// closing reads the machine as it is after a change that is done, over a restart
// of the server too. Where it cannot be had the change is told as done, and again
// as the command that tells of it. A signal ends the reading.
func (f *follower) closing(ctx context.Context, op *api.Operation, id, again string) (*api.Machine, error) {
	done := fmt.Sprintf("%s of %q is done", op.Verb, operationName(op))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type answer struct {
		m   *api.Machine
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		m, err := patiently(ctx, f.a.retrying.again, func(ctx context.Context) (*api.Machine, error) { return f.client.MachineByID(ctx, id) })
		answered <- answer{m, err}
	}()
	for {
		select {
		case a := <-answered:
			if a.err == nil || f.left(a.err) {
				return a.m, a.err
			}
			e := *failureOf(a.err)
			e.problem.Detail = fmt.Sprintf("%s, and the machine cannot be shown: %s", done, e.problem.Detail)
			return nil, e.next("`%s` tells of it, and does nothing twice", again)
		case <-f.signals:
			f.pressed++
			cancel(interrupted("%s; stopped waiting for the machine to be shown", done).next("`%s` tells of it, and does nothing twice", again))
		case <-f.deadline:
			cancel(fail("timeout", "%s; --timeout passed before the machine could be shown", done).next("`%s` tells of it, and does nothing twice", again))
		}
	}
}

// patiently asks until there is an answer, for a while also where the server is
// away. told is told before each further try.
func patiently[T any](ctx context.Context, told func(error, time.Duration), ask func(context.Context) (T, error)) (T, error) {
	var none T
	pause := firstPause
	var giveUp <-chan time.Time // runs from the first call that did not get through
	for {
		got, err := ask(client.AtOnce(ctx))
		if err == nil {
			return got, nil
		}
		if exit := failureOf(err).exit; exit != exitUnreachable {
			return none, err
		}
		if giveUp == nil {
			giveUp = time.After(patience)
		}
		told(err, pause)
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-giveUp:
			again.Stop()
			return none, err
		case <-ctx.Done():
			again.Stop()
			return none, context.Cause(ctx)
		}
		pause = min(2*pause, longestPause)
	}
}
