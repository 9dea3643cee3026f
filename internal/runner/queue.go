package runner

import (
	"cmp"
	"slices"

	"github.com/composa-dev/composa"
)

// current is the step that an operation is at: the first of its newest
// generation that is not done; nil when all are.
func current(op *composa.Operation) *composa.StepRecord {
	g := op.Generation()
	var first *composa.StepRecord
	for i := range op.Steps {
		r := &op.Steps[i]
		if r.Generation == g && r.State != composa.StepDone && (first == nil || r.Ordinal < first.Ordinal) {
			first = r
		}
	}
	return first
}

// next is the step after one of the newest generation, or nil.
func next(op *composa.Operation, after *composa.StepRecord) *composa.StepRecord {
	for i := range op.Steps {
		r := &op.Steps[i]
		if r.Generation == after.Generation && r.Ordinal == after.Ordinal+1 {
			return r
		}
	}
	return nil
}

// begun says whether any step of an operation was ever handed over.
func begun(op *composa.Operation) bool {
	return slices.ContainsFunc(op.Steps, func(r composa.StepRecord) bool { return r.Attempt > 0 })
}

// inLine says whether an operation has begun nothing yet but to take its devices
// in, which others do in its company before it is their turn.
func inLine(op *composa.Operation) bool {
	return op.Direction == composa.Forward && !slices.ContainsFunc(op.Steps, func(r composa.StepRecord) bool {
		return r.Attempt > 0 && (r.Step.Act != composa.ActEnter || r.State != composa.StepDone)
	})
}

// inTurn orders operations by whose turn it is: what is undone first, then what
// has begun, then what is in line, its owners in turn and the oldest of each first.
func inTurn(ops []composa.Operation, served map[composa.PrincipalID]int64) []*composa.Operation {
	class := func(op *composa.Operation) int {
		switch {
		case op.Direction == composa.Undo:
			return 0
		case !inLine(op):
			return 1
		}
		return 2
	}
	out := make([]*composa.Operation, 0, len(ops))
	for i := range ops {
		if op := &ops[i]; carried(op) {
			out = append(out, op)
		}
	}
	slices.SortStableFunc(out, func(a, b *composa.Operation) int {
		if c := cmp.Compare(class(a), class(b)); c != 0 {
			return c
		}
		if class(a) == 2 {
			if c := cmp.Compare(served[a.Principal], served[b.Principal]); c != 0 {
				return c
			}
		}
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// hold is how an operation has its fabric's edit lock.
type hold int

const (
	// holdsNot: it has none. One that waits for hardware gave its place back.
	holdsNot hold = iota
	// holdsIdle: it was written as running or chose a handle, and is about to go
	// on. Nothing of it is under way, so it can be passed over (see oneHolds).
	holdsIdle
	// holdsFast: it waits for an answer, or was proven, or does not know what
	// became of its step and has not settled it; so too what another life left
	// running.
	holdsFast
)

// holdOf says how an operation has the edit lock.
func holdOf(op *composa.Operation, l *leg) hold {
	r := current(op)
	if r == nil || r.Step.Lock != composa.LockEdit {
		return holdsNot
	}
	if l.call != nil {
		return fast(l.call.edits())
	}
	if r.State != composa.StepRunning {
		// What was reserved or checked is so only as long as nobody else acts.
		reserved := l.ahead != nil || l.handles[r.Step.Machine.ID] != ""
		return idle((reserved || l.checked) && l.wake.IsZero() && l.failed == nil && !stale(op) && !l.replacing(op))
	}
	if !l.surely(r) {
		return fast(l.settled.IsZero())
	}
	if l.proof != nil {
		return fast(!l.follows) // the first of a company keeps it
	}
	return idle(l.wake.IsZero() && l.failed == nil && !l.alone)
}

func fast(is bool) hold {
	if is {
		return holdsFast
	}
	return holdsNot
}

func idle(is bool) hold {
	if is {
		return holdsIdle
	}
	return holdsNot
}
