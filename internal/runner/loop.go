package runner

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/internal/outage"
)

// Store is what the runner needs of the store.
type Store interface {
	// Site is everything, as of one moment. It is shared and not changed.
	Site(ctx context.Context, who composa.Who) (*composa.Site, error)
	// Advance writes progress, whole or not at all; moved where it was decided
	// on something that is not so any more.
	Advance(ctx context.Context, who composa.Who, a composa.Advance) (*composa.Operation, error)
	// NotifyFabric signals after each commit in which somebody else wrote an
	// operation of a fabric: not where Advance did, which answers what it wrote.
	NotifyFabric(fabric composa.FabricName) (changed <-chan struct{}, cancel func())
}

// Config is what a runner is made of.
type Config struct {
	Fabric composa.FabricName
	Driver driver.Fabric
	Store  Store
	// Epoch is the number of the tenure under which this runner acts. It ends
	// when the store shows another one.
	Epoch int64
	Clock func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nowhere
	// Nudge, where not nil, asks for a look at the fabric; it must not wait.
	Nudge func()
	// SettleTime, where not zero, is used in place of the abilities' where the
	// fabric cannot prove that nothing is pending.
	SettleTime time.Duration
}

// storePause is how long the runner leaves a store alone that failed.
const storePause = time.Second

// Runner carries out the operations of one fabric.
type Runner struct {
	config   Config
	reserver driver.Reserver // nil where the fabric has none
	preparer driver.Preparer // nil where the fabric has none
	// open are the operations of the fabric as they are, as far as they were read
	// and what was written since; current is false where they are to be read.
	open    []composa.Operation
	current bool
	// moved is the revision of an operation on which a write was answered moved.
	moved map[composa.OperationID]int64
	told  told
	// What the store refuses for a while.
	reading, writing outage.Outage
}

// New returns a runner that does nothing before Run.
func New(c Config) *Runner {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{config: c, moved: map[composa.OperationID]int64{}}
	r.reserver, _ = c.Driver.(driver.Reserver)
	r.preparer, _ = c.Driver.(driver.Preparer)
	return r
}

// NewState is a state that remembers nothing, as after a start.
func (r *Runner) NewState() State {
	return State{Fabric: r.config.Fabric, Epoch: r.config.Epoch, Reserves: r.reserver != nil, SettleTime: r.config.SettleTime}
}

// Run carries out operations until ctx ends, and then returns nil, or until
// somebody else has the tenure of the fabric, and then returns an error of code
// moved. It does not finish what it stops in: the next Run finds it in the
// store. When it returns, none of its calls is under way.
func (r *Runner) Run(ctx context.Context) error {
	changed, stop := r.config.Store.NotifyFabric(r.config.Fabric)
	defer stop()
	r.current = false
	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	defer calls.Wait()
	defer cancel()
	answers := make(chan Answer)
	state := r.NewState()
	var heard []Answer
	start := starter{
		call: func(c Call) {
			calls.Go(func() {
				a := r.make(ctx, c)
				select {
				case answers <- a:
				case <-ctx.Done():
				}
			})
		},
		ahead: func(s composa.Step) {
			if r.preparer != nil {
				calls.Go(func() { r.preparer.Prepare(ctx, s) })
			}
		},
	}
	for {
		next, wake, again, err := r.turn(ctx, state, heard, start)
		switch {
		case ctx.Err() != nil:
			return nil
		case composa.CodeOf(err) == composa.CodeMoved:
			return err
		case err != nil:
			r.reading.Failed(r.config.Log, "cannot carry out operations: the store failed", "fabric", r.config.Fabric, "error", err)
			wake, again = r.config.Clock().Add(storePause), false
		default:
			heard = nil
			r.reading.Over(r.config.Log, "operations are carried out again", "fabric", r.config.Fabric)
		}
		state = next
		if !again {
			heard = append(heard, r.await(ctx, changed, answers, wake)...)
		}
		select {
		case <-changed:
			r.current = false
		default:
		}
	}
}

// starter starts what goes on beside the loop, and does not wait for it.
type starter struct {
	call  func(Call)         // its answer is heard
	ahead func(composa.Step) // nobody waits for it
}

// await returns on answers, a change in the store, the time, or the end.
func (r *Runner) await(ctx context.Context, changed <-chan struct{}, answers <-chan Answer, wake time.Time) (heard []Answer) {
	var clock <-chan time.Time
	if !wake.IsZero() {
		t := time.NewTimer(max(0, wake.Sub(r.config.Clock())))
		defer t.Stop()
		clock = t.C
	}
	select {
	case a := <-answers:
		heard = append(heard, a)
	case <-changed:
		r.current = false
	case <-clock:
	case <-ctx.Done():
	}
	for {
		select {
		case a := <-answers:
			heard = append(heard, a)
		default:
			return heard
		}
	}
}

// turn reads what somebody else changed, and decides and acts until nothing is to
// be written any more. again asks for another turn at once. Answers may be heard
// once more after an error: those that were heard before find nobody.
func (r *Runner) turn(ctx context.Context, state State, heard []Answer, start starter) (_ State, wake time.Time, again bool, err error) {
	for range maxDecisions {
		if err := r.read(ctx); err != nil {
			return state, time.Time{}, false, err
		}
		var wrote written
		state, wrote, wake, err = r.decide(ctx, state, Input{Operations: r.open, Answers: heard}, start)
		r.open, heard = wrote.over(r.open), nil
		if err != nil || wrote.lost {
			r.current = false
		}
		if err != nil || wrote.moved || len(wrote.ops) == 0 {
			return state, wake, wrote.moved, err
		}
	}
	return state, wake, true, nil
}

// read reads the operations where what was read is not current any more.
func (r *Runner) read(ctx context.Context) error {
	if r.current {
		return nil
	}
	site, err := r.config.Store.Site(ctx, composa.System())
	if err != nil {
		return err
	}
	r.open, r.current = Open(site, r.config.Fabric), true
	return nil
}

// Open are the operations of a fabric that are to be carried out: they wait for
// no other one, have not ended and are not held. Oldest first.
func Open(site *composa.Site, fabric composa.FabricName) []composa.Operation {
	var out []composa.Operation
	for i := range site.Operations {
		if op := &site.Operations[i]; op.Fabric == fabric && carried(op) {
			out = append(out, *op)
		}
	}
	return out
}

func carried(op *composa.Operation) bool {
	return op.Phase != composa.PhaseQueued && op.Phase != composa.PhaseHeld && !op.Phase.Ended()
}

// maxDecisions is how often the runner decides before it hears answers and looks
// whether somebody else changed something.
const maxDecisions = 8

// written is what came of the writing of one decision.
type written struct {
	ops   []composa.Operation // as they are now
	moved bool                // what was decided on is not so any more
	lost  bool                // it is not known what is stored now
}

// over is what was read with what was written since in its place, but for what
// has ended or is held.
func (w written) over(read []composa.Operation) []composa.Operation {
	out := make([]composa.Operation, 0, len(read))
	for _, op := range read {
		if i := slices.IndexFunc(w.ops, func(is composa.Operation) bool { return is.ID == op.ID }); i >= 0 {
			op = w.ops[i]
		}
		if carried(&op) {
			out = append(out, op)
		}
	}
	return out
}

// decide decides and acts once. Where it could not decide the state is the one
// that it was given.
func (r *Runner) decide(ctx context.Context, state State, in Input, start starter) (next State, wrote written, wake time.Time, err error) {
	c := &r.config
	next, eff, wake := Next(state, c.Clock(), in)
	if eff.NeedSite {
		if in.Site, err = c.Store.Site(ctx, composa.System()); err != nil {
			return state, wrote, time.Time{}, err
		}
		next, eff, wake = Next(state, c.Clock(), in)
	}
	for _, call := range eff.Calls {
		start.call(call)
	}
	for _, step := range eff.Ahead {
		start.ahead(step)
	}
	for i, said := range r.advance(ctx, eff.Advances) {
		a, err := eff.Advances[i], said.err
		switch {
		case err == nil:
			wrote.ops = append(wrote.ops, *said.op)
			delete(r.moved, a.Operation)
			r.writing.Over(c.Log, "progress is written again", "fabric", c.Fabric)
		case composa.CodeOf(err) == composa.CodeMoved && r.moved[a.Operation] != a.Revision:
			wrote.moved, wrote.lost = true, true
			r.moved[a.Operation] = a.Revision
			if err := r.tenure(ctx); err != nil {
				return next, wrote, wake, err
			}
		case ctx.Err() != nil:
			return next, wrote, wake, err
		default: // also moved twice although the operation did not
			wrote.lost = true
			r.writing.Failed(c.Log, "cannot write progress", "fabric", c.Fabric, "operation", a.Operation, "error", err)
			if retry := c.Clock().Add(storePause); wake.IsZero() || retry.Before(wake) {
				wake = retry
			}
		}
	}
	if eff.Nudge && len(wrote.ops) > 0 && c.Nudge != nil {
		c.Nudge()
	}
	return next, wrote, wake, nil
}

// advanced is what the store answered to one Advance.
type advanced struct {
	op  *composa.Operation
	err error
}

// sideBySide is how many Advances are written at once.
const sideBySide = 64

// advance writes what one decision wants written: it is of different operations,
// and a store commits together what waits for it.
func (r *Runner) advance(ctx context.Context, all []composa.Advance) []advanced {
	var said []advanced
	for some := range slices.Chunk(all, sideBySide) {
		now := make([]advanced, len(some))
		var writing sync.WaitGroup
		for i := range some {
			writing.Go(func() { now[i].op, now[i].err = r.config.Store.Advance(ctx, composa.System(), some[i]) })
		}
		writing.Wait()
		said = append(said, now...)
	}
	return said
}

// tenure answers moved when somebody else has the fabric.
func (r *Runner) tenure(ctx context.Context) error {
	site, err := r.config.Store.Site(ctx, composa.System())
	if err != nil {
		return nil // the next turn meets the store again
	}
	f := site.Fabric(r.config.Fabric)
	if f == nil || r.config.Epoch != 0 && f.Epoch != r.config.Epoch {
		return composa.Errorf(composa.CodeMoved, "cannot act on %s: somebody else has taken it over", r.config.Fabric)
	}
	return nil
}

// make makes one call, with its deadline.
func (r *Runner) make(ctx context.Context, c Call) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	a := Make(ctx, r.config.Driver, c)
	a.Ended = r.config.Clock()
	if ctx.Err() == nil {
		r.told.call(ctx, r.config.Log, r.config.Fabric, c, a.Err)
	}
	return a
}

// Make makes one call of a driver. An error of a context that ended counts as
// unknown, since the call may have been sent.
func Make(ctx context.Context, f driver.Fabric, c Call) Answer {
	a := Answer{Seq: c.Seq}
	switch c.Kind {
	case CallReserve:
		r, ok := f.(driver.Reserver)
		if !ok {
			a.Err = composa.Errorf(composa.CodeUnsupported, "cannot %s: the fabric does not let us choose handles", c.Step.String())
			return a
		}
		a.Native, a.Err = r.Reserve(ctx, c.Step)
	case CallApply:
		a.Picture, a.Err = f.Apply(ctx, c.Step)
	case CallSettle:
		a.Err = f.Settle(ctx, c.Step)
	case CallObserve:
		a.Picture, a.Err = f.Observe(ctx, c.Scope)
	}
	if a.Err != nil && ctx.Err() != nil {
		a.Err = composa.Errorf(composa.CodeUnknown, "cannot %s: no answer came in %s: %w", whatOf(c), c.Timeout, a.Err)
	}
	return a
}

func whatOf(c Call) string {
	if c.Kind == CallObserve {
		return "look at the fabric"
	}
	return fmt.Sprintf("%s (%s)", c.Step.String(), c.Kind)
}
