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

// holdsEdit says whether an operation has its fabric's edit lock: it is about
// to hand over an edit step, waits for the answer, or does not know what became
// of one and has not settled it. One that waits for hardware gave its place
// back. What another life left running holds the lock until it is settled.
func holdsEdit(op *composa.Operation, l *leg) bool {
	r := current(op)
	if r == nil || r.Step.Lock != composa.LockEdit {
		return false
	}
	if l == nil {
		return r.State == composa.StepRunning
	}
	if l.call != nil {
		return l.call.Kind != CallObserve || l.call.look == lookBefore
	}
	if r.State != composa.StepRunning {
		// What was reserved or checked is so only as long as nobody else acts.
		reserved := l.ahead != nil || l.handles[r.Step.Machine.ID] != ""
		return (reserved || l.checked) && l.wake.IsZero() && l.failed == nil && !stale(op) && !l.replacing(op)
	}
	if l.intent != markOf(r) || l.unsure {
		return l.settled.IsZero()
	}
	if l.proof != nil { // the first of a company keeps it
		return !l.follows
	}
	return l.wake.IsZero() && l.failed == nil && !l.alone
}
