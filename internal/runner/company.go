package runner

import (
	"maps"
	"slices"

	"github.com/composa-dev/composa"
)

// A fabric takes devices into the site's group by a commit, and that is what
// takes long, however many they are. So the enter steps of operations that wait
// for the edit lock at the same moment have it together and are handed over as
// one: they are company. Only the call is shared. Every operation has its own
// step written as running first, judges by itself what the answer shows, and
// settles and looks by itself where that is not known; what a restart finds are
// steps like any others (decision 0027).

// maxCompany is how many devices are taken in at once. Each is a call of its own
// before the commit, and the first operation waits for those of all.
const maxCompany = 64

// entering are the enter steps that have the edit lock together.
type entering struct {
	// ready are to be handed over: they were written as running, and nothing of
	// them was sent. Nobody joins them any more.
	ready map[composa.OperationID]bool
	// begun are those whose writing is decided now, by how many devices they take
	// in.
	begun map[composa.OperationID]int
	// now are handed over in this decision.
	now []*composa.Operation
}

// gathers says whether a step is written as running in this life, may go in
// company, and was not handed over yet.
func (l *leg) gathers(r *composa.StepRecord) bool {
	return r != nil && r.Step.Act == composa.ActEnter && r.State == composa.StepRunning && l.surely(r) &&
		l.call == nil && l.proof == nil && !l.again && !l.alone
}

// joins says whether an enter step may have the edit lock together with those
// that have it.
func (d *decision) joins(op *composa.Operation, l *leg, r *composa.StepRecord) bool {
	if r.Step.Act != composa.ActEnter || l.alone {
		return false
	}
	if d.entering.ready[op.ID] {
		return true // they are its company (see oneHolds)
	}
	devices := len(r.Step.Attach)
	for id := range d.holders {
		n, is := d.entering.begun[id]
		if !is {
			return false
		}
		devices += n
	}
	return devices <= maxCompany
}

// enter hands over what is to enter, in company where there are several. The one
// whose turn it was keeps the edit lock for its next step.
func (d *decision) enter() {
	ops := d.entering.now
	if len(ops) == 0 {
		return
	}
	first := ops[max(0, slices.IndexFunc(ops, func(op *composa.Operation) bool { return !d.state.legs[op.ID].follows }))]
	l, r := d.state.legs[first.ID], current(first)
	if l.follows { // whose turn it was is not among them any more
		l.follows = false
		d.takesTurn(first)
	}
	if len(ops) == 1 {
		d.handOver(first, l, r)
		return
	}
	shared := d.send(first, Call{Kind: CallApply, Step: d.whole(ops)})
	for _, op := range ops {
		own, l := *shared, d.state.legs[op.ID]
		own.Operation, own.Step, own.at, own.shared = op.ID, current(op).Step, l.at, true
		l.call, l.asked, l.slow, l.follows = &own, d.now, false, op != first
	}
	d.reserveNext(first, l, r)
}

// whole is one step for the enter steps of several operations. It is of no
// machine, and its proof is to show what each of them wants to see.
func (d *decision) whole(ops []*composa.Operation) composa.Step {
	s := composa.Step{
		Act: composa.ActEnter, Fabric: d.state.Fabric, Lock: composa.LockEdit, Epoch: d.state.Epoch,
		Expect: composa.Expect{Spots: map[string][]composa.Spot{}},
	}
	for _, op := range ops {
		own := current(op).Step
		s.Attach = append(s.Attach, own.Attach...)
		maps.Copy(s.Expect.Spots, own.Expect.Spots)
		sc := own.Scope()
		s.Show.Machines, s.Show.Labels = append(s.Show.Machines, sc.Machines...), append(s.Show.Labels, sc.Labels...)
	}
	return s
}

// part takes a step out of its company after anything but a proof: what came up
// may be another one's fault.
func (l *leg) part() { l.alone, l.follows = true, false }
