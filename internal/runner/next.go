package runner

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// Next decides what to do about every operation of a fabric. It changes none of
// its arguments. The time it returns is when it wants to be called again
// although nothing happened; zero: not at all.
func Next(s State, now time.Time, in Input) (State, Effects, time.Time) {
	s = s.clone()
	d := &decision{
		state: &s, now: now, site: in.Site, holders: map[composa.OperationID]bool{},
		entering: entering{ready: map[composa.OperationID]bool{}, begun: map[composa.OperationID]int{}},
	}
	answers := make(map[int64]*Answer, len(in.Answers))
	for i := range in.Answers {
		answers[in.Answers[i].Seq] = &in.Answers[i]
	}
	d.forget(in.Operations, answers)
	for i := range in.Operations {
		op := &in.Operations[i]
		l := s.legs[op.ID]
		if l == nil {
			l = &leg{}
			s.legs[op.ID] = l
		}
		l.turnTo(op)
		if l.ahead != nil && answers[l.ahead.Seq] != nil {
			call := l.ahead
			l.ahead = nil
			l.hearAhead(call, answers[call.Seq])
		}
		if l.call != nil && answers[l.call.Seq] != nil {
			call := l.call
			l.call = nil
			d.hear(op, l, call, answers[call.Seq])
		}
	}
	d.oneHolds(in.Operations)
	for _, op := range d.order(in.Operations) {
		d.operation(op, s.legs[op.ID])
	}
	d.enter()
	return s, d.effects, d.wakeAt
}

// oneHolds says who has the edit lock. Of those that are idle it is the first in
// turn, with its company, and nobody where another one has it fast: two that wait
// for each other would wait for ever.
func (d *decision) oneHolds(ops []composa.Operation) {
	var waiting []*composa.Operation
	for _, op := range inTurn(ops, d.state.served) {
		switch l := d.state.legs[op.ID]; holdOf(op, l) {
		case holdsFast:
			d.holders[op.ID] = true
		case holdsIdle:
			waiting = append(waiting, op)
		default:
			l.forgets()
		}
	}
	devices := 0
	for _, op := range waiting {
		l, r := d.state.legs[op.ID], current(op)
		alone := len(d.holders) == 0
		if l.gathers(r) && (alone || len(d.entering.ready) > 0 && devices+len(r.Step.Attach) <= maxCompany) {
			d.entering.ready[op.ID] = true
			devices += len(r.Step.Attach)
		} else if !alone {
			l.forgets()
			continue
		}
		d.holders[op.ID] = true
	}
}

// order is whose turn it is; who may give the edit lock back comes first, so that
// whose turn it is can have it.
func (d *decision) order(ops []composa.Operation) []*composa.Operation {
	turn := inTurn(ops, d.state.served)
	gives := func(op *composa.Operation) bool { return d.holders[op.ID] && d.state.legs[op.ID].proof != nil }
	slices.SortStableFunc(turn, func(a, b *composa.Operation) int {
		switch {
		case gives(a) == gives(b):
			return 0
		case gives(a):
			return -1
		}
		return 1
	})
	return turn
}

// decision is one run of Next.
type decision struct {
	state *State
	now   time.Time
	site  *composa.Site
	// holders have the edit lock: several after a restart, where each is to settle
	// what it left, and where they enter in company.
	holders  map[composa.OperationID]bool
	entering entering
	effects  Effects
	wakeAt   time.Time
}

// forget drops the legs of operations that ended. One that ended by a write whose
// answer was lost can have an edit call under way still: it has the lock until
// that comes back, and nobody hears what it says.
func (d *decision) forget(ops []composa.Operation, answers map[int64]*Answer) {
	open := make(map[composa.OperationID]bool, len(ops))
	for i := range ops {
		open[ops[i].ID] = true
	}
	for id, l := range d.state.legs {
		switch {
		case open[id]:
		case l.call != nil && l.call.edits() && answers[l.call.Seq] == nil:
			d.holders[id] = true
		default:
			delete(d.state.legs, id)
		}
	}
}

// operation decides about one operation: at most one thing to write, or one
// call, or to wait.
func (d *decision) operation(op *composa.Operation, l *leg) {
	if l.call != nil {
		d.underWay(op, l)
		return
	}
	r := current(op)
	switch {
	case l.failed != nil:
		d.fail(op, l, r)
	case l.proof != nil && r != nil:
		d.done(op, l, r)
	case d.cancels(op, r):
		d.turn(op, l, r, fault{code: composa.CodeCancelled, text: cancelled(op)})
	case op.CancelRequested && op.Direction == composa.Forward && op.Verb.OnlyForward() && !l.told:
		l.told = true
		d.write(op, composa.Advance{Phase: op.Phase, Reason: fmt.Sprintf("it cannot be cancelled any more: %s only goes forward once it has begun", op.Verb)})
	case d.gaveUp(op, l):
		d.giveUp(op, l, r)
	case d.now.Before(l.wake):
		d.wait(op, l)
	case stale(op) || l.replacing(op):
		d.renew(op, l, r)
	case r == nil:
		d.finish(op, l)
	default:
		d.step(op, l, r)
	}
}

// stale says whether the newest steps no longer lead where the operation goes:
// it turned round, a person asked for another try, or one of them failed.
func stale(op *composa.Operation) bool {
	for _, r := range op.Current() {
		if r.Direction != op.Direction || r.State == composa.StepFailed {
			return true
		}
	}
	return op.Direction == composa.Undo && op.Generation() == 0
}

// cancels says whether an operation is to turn round because somebody asked.
// One whose steps are all done ends as done; one that only goes forward can be
// cancelled until its first step.
func (d *decision) cancels(op *composa.Operation, r *composa.StepRecord) bool {
	return op.CancelRequested && op.Direction == composa.Forward && r != nil && !(op.Verb.OnlyForward() && begun(op))
}

// gaveUp says whether an operation has waited for its fabric as long as the
// caller wanted. What is being undone waits for ever.
func (d *decision) gaveUp(op *composa.Operation, l *leg) bool {
	return !l.waiting.IsZero() && op.Direction == composa.Forward &&
		!op.Deadline.IsZero() && !d.now.Before(op.Deadline) && !d.findingOut(l)
}

// doubtTime is how long finding out what became of a step goes on past a
// deadline: what was sent late may still take effect, and what it opens must be
// ended before the operation is left to a person. It is more than any fabric's
// settle time.
const doubtTime = 2 * time.Minute

func (d *decision) findingOut(l *leg) bool {
	return l.unsure && !l.settled.IsZero() && d.now.Sub(l.settled) < doubtTime
}

func (d *decision) giveUp(op *composa.Operation, l *leg, r *composa.StepRecord) {
	why := fault{code: composa.CodeTimeout, text: "the time that it may wait has passed: " + op.Reason}
	if op.Verb.OnlyForward() {
		d.hold(op, l, r, why)
		return
	}
	l.rest()
	d.turn(op, l, r, why)
}

// write adds one transaction. Direction and phase are those that the operation
// has, where they are not given.
func (d *decision) write(op *composa.Operation, a composa.Advance) {
	a.Operation, a.Revision = op.ID, op.Revision
	a.Fabric, a.Epoch = d.state.Fabric, d.state.Epoch
	a.Direction = cmp.Or(a.Direction, op.Direction)
	if a.Phase == "" {
		a.Phase = composa.PhaseRunning
		if a.Direction == composa.Undo {
			a.Phase = composa.PhaseUndoing
		}
	}
	if a.Result == nil {
		a.Result = op.Result
	}
	if a.Reason == "" && a.Direction == composa.Undo && op.Result != nil {
		a.Reason = op.Result.Text
	}
	d.effects.Advances = append(d.effects.Advances, a)
}

// call adds one call.
func (d *decision) call(op *composa.Operation, l *leg, c Call) {
	l.call, l.asked, l.slow = d.send(op, c), d.now, false
}

func (d *decision) send(op *composa.Operation, c Call) *Call {
	d.state.seq++
	c.Seq, c.Operation, c.at = d.state.seq, op.ID, d.state.legs[op.ID].at
	c.Timeout = timeout(c)
	d.effects.Calls = append(d.effects.Calls, c)
	return &c
}

// underWay tells people, once a call, that nothing has come back for a while.
func (d *decision) underWay(op *composa.Operation, l *leg) {
	if l.slow {
		return
	}
	if at := l.asked.Add(slowAfter); d.now.Before(at) {
		d.callAgain(at)
		return
	}
	l.slow = true
	d.write(op, composa.Advance{Phase: op.Phase, Reason: fmt.Sprintf(
		"%s was asked at %s to %s and has not answered yet: it is slow, or somebody else has it just now; it is given up %s after that",
		d.state.Fabric, l.asked.UTC().Format("15:04:05Z"), l.call.wish(), l.call.Timeout)})
}

// wish is what a call asks of the fabric, for people.
func (c *Call) wish() string {
	switch c.Kind {
	case CallObserve:
		return "show what is so"
	case CallSettle:
		return "end what was left of the step to " + c.Step.String()
	case CallReserve:
		return "choose a number for " + c.Step.Machine.Name
	}
	return c.Step.String()
}

// timeout bounds each call. Applying includes what a host takes to shut down.
func timeout(c Call) time.Duration {
	switch c.Kind {
	case CallApply:
		return 10*time.Minute + c.Step.Grace
	case CallReserve:
		return time.Minute
	}
	return 2 * time.Minute
}

func (d *decision) callAgain(at time.Time) {
	if !at.IsZero() && (d.wakeAt.IsZero() || at.Before(d.wakeAt)) {
		d.wakeAt = at
	}
}

// wait says why an operation waits, where that is new, and when to go on.
func (d *decision) wait(op *composa.Operation, l *leg) {
	d.callAgain(l.wake)
	if op.Direction == composa.Forward && d.now.Before(op.Deadline) {
		d.callAgain(op.Deadline)
	}
	if op.Phase != composa.PhaseWaiting || op.Reason != l.reason && d.now.Sub(l.said) >= waitMost {
		l.said = d.now
		d.write(op, composa.Advance{Phase: composa.PhaseWaiting, Reason: l.reason})
	}
}
