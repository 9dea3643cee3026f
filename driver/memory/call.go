package memory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// Call is one request of a driver to the world.
type Call struct {
	Seq      int    // from 1, over all drivers of the world
	Name     string // "read", "tasks", "group.create", "edit.open", "edit.commit", "edit.cancel", "task.await", "machine.create", …
	Target   string // the machine, group or device it is about; may be empty
	Changing bool   // it changes something where it succeeds
	// Proof is true for the read that follows a change in the same Apply.
	Proof bool
	// Step is what it is made for; nil in Observe. It must not be changed.
	Step *composa.Step
}

func (c Call) String() string {
	if c.Target == "" {
		return c.Name
	}
	return c.Name + " " + c.Target
}

// Effect is what becomes of a call that is answered with an error.
type Effect string

// The effects.
const (
	EffectNone Effect = ""     // it never happens
	EffectDone Effect = "done" // it happened, the answer was lost
	EffectLate Effect = "late" // it happens later, unless Settle ends it
)

// Fault is what goes wrong with one call. The zero value: nothing.
type Fault struct {
	// Code is what the caller is told; empty: the call succeeds. With an effect
	// it is always unknown.
	Code   composa.Code
	Effect Effect
	// After is how many further calls a late effect lets pass; 0: it waits for
	// Advance, Settle or the settle time.
	After int
	Hang  bool // no answer before the context ends
	// Stale makes a read answer what was so before the newest change. No driver
	// can tell; harmless only where Call.Proof is set.
	Stale      bool
	Incomplete bool // a read misses every second device, and says so
	// Crash kills the driver that makes the call, before or after the effect:
	// no further call of it arrives. Make a new one with [World.Fabric].
	Crash bool
	Delay time.Duration // on top of the world's delays
}

// Refuse answers a call without doing it. Code is refused, busy, unreachable,
// conflict or failed.
func Refuse(code composa.Code) Fault { return Fault{Code: code} }

// LoseAnswer does the call and loses the answer.
func LoseAnswer() Fault { return Fault{Code: composa.CodeUnknown, Effect: EffectDone} }

// LoseCall loses the call; the caller cannot know.
func LoseCall() Fault { return Fault{Code: composa.CodeUnknown} }

// Late does the call after n further ones; the caller is told unknown.
func Late(n int) Fault { return Fault{Code: composa.CodeUnknown, Effect: EffectLate, After: n} }

// Random returns a chooser for [World.Fail] that lets about one call in every
// go wrong, in any of the ways that a fabric can without lying to its driver:
// hanging is left out, since it needs a context that ends. It is deterministic
// in rng, and must not be called at the same time.
func Random(rng *rand.Rand, every int) func(Call) Fault {
	return func(c Call) Fault {
		if every <= 0 || rng.IntN(every) != 0 {
			return Fault{}
		}
		if !c.Changing {
			switch n := rng.IntN(4); {
			case n == 0:
				return Refuse(composa.CodeBusy)
			case n == 1:
				return Fault{Incomplete: true}
			case n == 2 && c.Proof:
				return Fault{Stale: true}
			}
			return Refuse(composa.CodeUnreachable)
		}
		switch rng.IntN(6) {
		case 0:
			return Refuse(composa.CodeRefused)
		case 1:
			return Refuse(composa.CodeBusy)
		case 2:
			return Refuse(composa.CodeUnreachable)
		case 3:
			return LoseAnswer()
		case 4:
			return LoseCall()
		}
		return Late(rng.IntN(4))
	}
}

// Fail has choose say what goes wrong with each call from now on; nil: nothing.
// It is called before the call has any effect and without a lock, so it may act
// as a rival ([World.Foreign]).
func (w *World) Fail(choose func(Call) Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = choose
}

// session is an open edit of a group or machine.
type session struct {
	id     int
	target string
	owner  composa.SiteID // empty: somebody else
}

// lateEffect is a call that was sent and has not happened yet.
type lateEffect struct {
	call  Call
	owner composa.SiteID
	key   string // of the step it belongs to
	due   int    // happens before this call; 0: not by count
	until time.Time
	work  effect
}

// effect is what a call does to the world, under its lock; a read looks at what
// goes wrong with it.
type effect func(Fault) error

// send is how every call reaches the world: it is counted, what goes wrong is
// chosen, time passes, and it happens or not.
func (f *fabric) send(ctx context.Context, c Call, do effect) error {
	w := f.world
	fault, delay, err := f.arrive(ctx, &c)
	if err != nil {
		return err
	}
	if fault.Crash {
		f.crash()
	}
	if err := wait(ctx, delay+fault.Delay, fault.Hang); err != nil && fault.Code == "" {
		fault.Code = composa.CodeUnknown
		if c.Changing && fault.Effect == EffectNone && !fault.Hang {
			fault.Effect, fault.After = EffectLate, 1 // the fabric goes on although the caller left
		}
		if !c.Changing {
			fault.Code = composa.CodeUnreachable
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case fault.Code == "" && !fault.Crash:
		return w.run(c, fault, do)
	case fault.Effect == EffectDone:
		_ = w.run(c, Fault{}, do) // the answer is lost, also where it was a refusal
	case fault.Effect == EffectLate && c.Changing:
		w.delayEffect(f, c, fault.After, do)
	}
	code := fault.Code
	if code == "" || fault.Effect != EffectNone {
		code = composa.CodeUnknown
	}
	return composa.Errorf(code, "cannot %s on %s: %s", c, w.config.Name, explain(code, ctx))
}

func explain(code composa.Code, ctx context.Context) string {
	if ctx.Err() != nil {
		return "the caller did not wait for the answer"
	}
	switch code {
	case composa.CodeUnknown:
		return "no answer came"
	case composa.CodeUnreachable:
		return "no connection"
	}
	return "the fabric says " + string(code)
}

// arrive counts a call and chooses what goes wrong with it. A call of a dead
// driver, or one whose context has ended, does not arrive.
func (f *fabric) arrive(ctx context.Context, c *Call) (Fault, time.Duration, error) {
	w := f.world
	if f.dead() {
		return Fault{}, 0, composa.Errorf(composa.CodeUnreachable, "cannot %s on %s: this driver has crashed", c, w.config.Name)
	}
	if err := ctx.Err(); err != nil {
		return Fault{}, 0, composa.Errorf(composa.CodeUnreachable, "cannot %s on %s: %w", c, w.config.Name, err)
	}
	w.mu.Lock()
	w.calls++
	c.Seq = w.calls
	delay := w.delays.Read
	if c.Changing {
		w.changes++
		delay = w.delays.Change
	}
	w.ripen()
	choose := w.fail
	w.mu.Unlock()
	if choose == nil {
		return Fault{}, delay, nil
	}
	return choose(*c), delay, nil
}

// wait lets time pass; hang: until ctx ends. A context that cannot end does not
// hang: it counts as ended.
func wait(ctx context.Context, d time.Duration, hang bool) error {
	if hang {
		if ctx.Done() != nil {
			<-ctx.Done()
		}
		return context.Canceled
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run does a call now. w is locked.
func (w *World) run(c Call, fault Fault, do effect) error {
	if !c.Changing {
		return do(fault)
	}
	was := w.now.clone()
	if err := do(fault); err != nil {
		w.now = was
		return err
	}
	w.changed(was)
	return nil
}

// changed keeps what was before a change and wakes who watches. w is locked.
func (w *World) changed(was state) {
	w.before = was
	for _, ch := range w.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (w *World) delayEffect(f *fabric, c Call, after int, do effect) {
	l := lateEffect{call: c, owner: f.site, key: stepKey(c.Step), work: do}
	if after > 0 {
		l.due = w.calls + after + 1
	}
	if w.config.SettleTime > 0 {
		l.until = w.config.Clock().Add(w.config.SettleTime)
	}
	w.late = append(w.late, l)
}

// ripen lets the late effects happen whose time has come. w is locked.
func (w *World) ripen() {
	if len(w.late) == 0 {
		return
	}
	at := w.config.Clock()
	due := func(l lateEffect) bool {
		return l.due > 0 && w.calls >= l.due || !l.until.IsZero() && !at.Before(l.until)
	}
	var ripe []lateEffect
	for _, l := range w.late {
		if due(l) {
			ripe = append(ripe, l)
		}
	}
	w.late = slices.DeleteFunc(w.late, due)
	for _, l := range ripe {
		w.happen(l)
	}
}

// happen does a late call, unless the world refuses it by now. w is locked.
func (w *World) happen(l lateEffect) { _ = w.run(l.call, Fault{}, l.work) }

// stepKey tells the late effects of one step from those of another.
func stepKey(s *composa.Step) string {
	if s == nil {
		return ""
	}
	var names []string
	for _, d := range s.Devices() {
		names = append(names, d.Name)
	}
	return fmt.Sprint(s.Act, "|", s.Machine.Label, "|", s.Machine.Native, "|", s.On, "|", names)
}
