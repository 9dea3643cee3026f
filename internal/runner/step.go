package runner

import (
	"fmt"
	"time"

	"github.com/composa-dev/composa"
)

// step carries the present step on. Steps with the lock machine need none
// here: one operation at a time changes a machine, and has one step under way.
func (d *decision) step(op *composa.Operation, l *leg, r *composa.StepRecord) {
	switch {
	case r.State == composa.StepPlanned, l.again:
		d.begin(op, l, r)
	case !l.surely(r):
		d.doubt(op, l, r)
	case d.grant(op, l, r):
		l.wake = time.Time{}
		if r.Step.Act == composa.ActEnter && !l.alone {
			d.entering.now = append(d.entering.now, op)
			return
		}
		d.handOver(op, l, r)
	}
}

// handOver has a step applied. The last one is to show all that the operation
// touches, so that nobody has to look again.
func (d *decision) handOver(op *composa.Operation, l *leg, r *composa.StepRecord) {
	s := r.Step
	if next(op, r) == nil {
		s.Show = scopeOf(op)
	}
	d.call(op, l, Call{Kind: CallApply, Step: s})
	d.reserveNext(op, l, r)
}

// reserveNext has the handle of a machine reserved beside the step before it is
// made, so that its step can begin with the end of this one.
func (d *decision) reserveNext(op *composa.Operation, l *leg, r *composa.StepRecord) {
	if n := next(op, r); n != nil && l.ahead == nil && r.Step.Lock == composa.LockEdit && d.needsHandle(l, n) {
		l.ahead = d.send(op, Call{Kind: CallReserve, Step: n.Step})
	}
}

// grant gives the edit lock to a step that needs it, when nobody has it but its
// company.
func (d *decision) grant(op *composa.Operation, l *leg, r *composa.StepRecord) bool {
	if r.Step.Lock != composa.LockEdit {
		return true
	}
	if alone := len(d.holders) == 0 || len(d.holders) == 1 && d.holders[op.ID]; !alone && !d.joins(op, l, r) {
		return false
	}
	if len(d.holders) == 0 && inLine(op) { // who only joins takes its turn later
		d.takesTurn(op)
	}
	d.holders[op.ID] = true
	return true
}

// takesTurn counts a turn for the owner of an operation.
func (d *decision) takesTurn(op *composa.Operation) {
	d.state.turns++
	d.state.served[op.Principal] = d.state.turns
}

// begin has a step written as running; only then it is handed over. A machine
// that is made under a handle of our choice gets it first. One that is made
// without is only known by what it holds, so nobody may have made its like.
func (d *decision) begin(op *composa.Operation, l *leg, r *composa.StepRecord) {
	if !d.grant(op, l, r) {
		return
	}
	switch {
	case d.needsHandle(l, r) && l.ahead != nil:
		return // it is being reserved
	case d.needsHandle(l, r):
		d.call(op, l, Call{Kind: CallReserve, Step: r.Step})
		return
	case d.needsCheck(r) && !l.checked:
		d.call(op, l, Call{Kind: CallObserve, look: lookBefore, Scope: r.Step.Scope()})
		return
	}
	row := d.running(l, *r)
	enters := row.Step.Act == composa.ActEnter && !l.alone
	l.follows = enters && len(d.entering.begun) > 0
	if enters {
		d.entering.begun[op.ID] = len(row.Step.Attach)
	}
	if !l.follows { // what one of a company begins with all do
		d.effects.Ahead = append(d.effects.Ahead, row.Step)
	}
	d.write(op, composa.Advance{Steps: []composa.StepRecord{row}})
}

// needsHandle says whether a step makes a machine under a handle of our choice,
// which is not chosen yet.
func (d *decision) needsHandle(l *leg, r *composa.StepRecord) bool {
	s := &r.Step
	return s.Act == composa.ActMake && d.state.Reserves && s.Machine.Native == "" && l.handles[s.Machine.ID] == ""
}

func (d *decision) needsCheck(r *composa.StepRecord) bool {
	return r.Step.Act == composa.ActMake && !d.state.Reserves && r.Attempt == 0
}

// running is the row of a step that is about to be handed over.
func (d *decision) running(l *leg, row composa.StepRecord) composa.StepRecord {
	row.State = composa.StepRunning
	row.Attempt++
	row.Step.Epoch = d.state.Epoch
	if row.BeganAt.IsZero() {
		row.BeganAt = d.now
	}
	row.Evidence = ""
	if row.Step.Act == composa.ActMake && row.Step.Machine.Native == "" {
		row.Step.Machine.Native = l.handles[row.Step.Machine.ID]
	}
	l.intent = markOf(&row)
	l.unsure, l.again, l.cause = false, false, nil
	return row
}

// doubt finds out what became of a step of which nobody knows: settle, then
// look (see hear).
func (d *decision) doubt(op *composa.Operation, l *leg, r *composa.StepRecord) {
	l.unsure = true
	if l.settled.IsZero() || l.overdue {
		d.settle(op, l, r)
		return
	}
	d.call(op, l, Call{Kind: CallObserve, look: lookDoubt, Scope: r.Step.Scope()})
}

// settle ends what a step may have left open. Until it is settled the first time
// the operation has the edit lock; to settle once more it needs it again, since
// another step can have a session on the same group.
func (d *decision) settle(op *composa.Operation, l *leg, r *composa.StepRecord) {
	if l.overdue && !d.grant(op, l, r) {
		return
	}
	d.call(op, l, Call{Kind: CallSettle, Step: r.Step})
}

// done writes in one transaction that a step is proven, what it made, and that
// the next one runs, where that may begin at once, or that the operation has
// ended, where that can be told.
func (d *decision) done(op *composa.Operation, l *leg, r *composa.StepRecord) {
	row := *r
	row.State, row.EndedAt = composa.StepDone, d.now
	row.Evidence = "shown by a look that began at " + l.proof.Began.UTC().Format(time.RFC3339Nano)
	a := composa.Advance{Steps: []composa.StepRecord{row}, Picture: l.proof}
	ref := r.Step.Machine
	if made := d.made(r, l.proof); made != nil {
		ref.Native, ref.NativeSince = made.Native, made.Created
		a.Machines = []composa.MachineChange{{Machine: ref.ID, Native: ref.Native, NativeSince: ref.NativeSince}}
	}
	if next(op, r) == nil {
		d.last(op, l, a)
		return
	}
	on := false // it keeps the edit lock
	for n := next(op, r); n != nil; n = next(op, n) {
		later := *n
		if ref.ID != "" && later.Step.Machine.ID == ref.ID && later.Step.Machine.Native == "" {
			later.Step.Machine.Native, later.Step.Machine.NativeSince = ref.Native, ref.NativeSince
		}
		first := n.Ordinal == r.Ordinal+1
		switch {
		case first && n.State == composa.StepPlanned && !l.follows && !d.cancels(op, n) && !d.needsHandle(l, &later) && !d.needsCheck(&later) && d.grant(op, l, &later):
			on = later.Step.Lock == composa.LockEdit
			a.Steps = append(a.Steps, d.running(l, later))
		case later.Step.Machine.Native != n.Step.Machine.Native:
			a.Steps = append(a.Steps, later)
		}
	}
	d.write(op, a)
	if !on && l.ahead == nil {
		delete(d.holders, op.ID)
	}
}

// made is the machine that a make step made, where p shows it.
func (d *decision) made(r *composa.StepRecord, p *composa.Picture) *composa.SeenMachine {
	if r.Step.Act != composa.ActMake || r.Attempt == 0 {
		return nil
	}
	return r.Step.Made(p)
}

// unclear says why a look that came after settling is not yet an answer; empty:
// it is. It must be whole, have begun after settling, show every device of the
// step, and, where the fabric cannot prove that nothing is pending, have begun
// after that time has passed and what came in it was settled too.
func (d *decision) unclear(l *leg, devices []composa.DeviceRef, p *composa.Picture, holds bool) string {
	if !p.Complete {
		return "the fabric did not show everything"
	}
	if l.settled.IsZero() {
		return ""
	}
	if p.Began.Before(l.settled) {
		return "the look began too early"
	}
	for _, ref := range devices {
		if p.Device(ref.Name) == nil && p.Began.Sub(l.settled) < goneAfter {
			return fmt.Sprintf("%s is not shown", composa.PlaceOf(d.state.Fabric, ref.Name))
		}
	}
	late := d.settleTime(p)
	switch {
	case late == 0 || holds:
		return ""
	case p.Began.Sub(l.settled) < late:
		return "what was sent before may still take effect"
	case l.quiet.IsZero():
		l.overdue = true // a session can have been opened late
		return "what took effect meanwhile is to be settled"
	}
	return ""
}

func (d *decision) settleTime(p *composa.Picture) time.Duration {
	if p.Abilities == nil || p.Abilities.SettleTime == 0 {
		return 0
	}
	if d.state.SettleTime > 0 {
		return d.state.SettleTime
	}
	return p.Abilities.SettleTime
}
