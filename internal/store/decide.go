package store

import (
	"context"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// RequestCancel asks that an operation end and that everything be as it was
// before. A queued one ends at once, and a machine that it was to make is
// freed; a running one is marked, and its runner undoes it; one that has ended
// stays as it is. A held one answers invalid with the ways out.
func (s *Store) RequestCancel(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error) {
	var out *composa.Operation
	err := s.write(ctx, who, "cancel operation "+string(id), func(t *tx) (err error) {
		if out, err = t.requestCancel(id); err != nil {
			return err
		}
		return t.keepResult(string(id), false)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *tx) requestCancel(id composa.OperationID) (*composa.Operation, error) {
	op, err := t.lockOperation(id)
	if err != nil {
		return nil, err
	}
	switch {
	case op.Phase.Ended():
		return op, nil
	case op.Phase == composa.PhaseHeld:
		return nil, composa.Errorf(composa.CodeInvalid, "cannot cancel operation %s: it is held, a person must decide", id).
			WithNext("choose one of: %s", strings.Join(waysOut(op), ", "))
	case op.Phase == composa.PhaseQueued:
		return op, t.cancelQueued(op)
	case op.CancelRequested:
		return op, nil
	}
	op.CancelRequested = true
	if err := t.changeOperation(op); err != nil {
		return nil, err
	}
	return op, t.tellOperation("operation.cancel_requested", op)
}

func waysOut(op *composa.Operation) []string {
	if op.Result != nil && len(op.Result.Ways) > 0 {
		return op.Result.Ways
	}
	return []string{"retry", "undo"}
}

func (t *tx) cancelQueued(op *composa.Operation) error {
	was := *op
	op.CancelRequested, op.Phase, op.EndedAt = true, composa.PhaseCancelled, t.now
	op.Result = &composa.Result{Code: composa.CodeCancelled, Text: "cancelled before it began"}
	if err := t.changeOperation(op); err != nil {
		return err
	}
	if err := t.putLeg(op, 0); err != nil {
		return err
	}
	if err := t.tellOperation("operation.cancelled", op); err != nil {
		return err
	}
	mine, err := t.machines(`operation = $1 AND operation <> '' AND deleted_at IS NULL ORDER BY id`, string(op.ID))
	if err != nil {
		return err
	}
	for i := range mine {
		m := mine[i]
		m.Operation = ""
		if !m.Made {
			m.FreedAt = t.now
		}
		if err := t.changeMachine(&mine[i], &m, &was, nil, op.ID); err != nil {
			return err
		}
	}
	return nil
}

// Decide ends the holding of an operation: "retry" goes on in the direction in
// which it was held, "undo" goes back to what was before.
func (s *Store) Decide(ctx context.Context, who composa.Who, id composa.OperationID, decision string) (*composa.Operation, error) {
	var out *composa.Operation
	err := s.write(ctx, who, decision+" operation "+string(id), func(t *tx) error {
		op, err := t.lockOperation(id)
		if err != nil {
			return err
		}
		if op.Phase != composa.PhaseHeld {
			return composa.Errorf(composa.CodeInvalid, "cannot %s operation %s: it is %s, not held", decision, id, op.Phase)
		}
		switch {
		case decision == "undo" && op.Verb.OnlyForward():
			return composa.Errorf(composa.CodeInvalid, "cannot undo operation %s: %s only goes forward", id, op.Verb).WithNext("retry it")
		case decision == "undo":
			op.Direction = composa.Undo
		case decision != "retry":
			return composa.Errorf(composa.CodeInvalid, "cannot decide on operation %s: %q is no decision", id, composa.Abridge(decision, 24)).WithNext("choose retry or undo")
		}
		was := *op
		op.Phase = composa.PhaseRunning
		if op.Direction == composa.Undo {
			op.Phase = composa.PhaseUndoing
		}
		op.Result, op.Reason, op.CancelRequested = nil, "", false
		if !op.Deadline.IsZero() && !op.Deadline.After(t.now) {
			op.Deadline = time.Time{} // the caller of then waits no more, a person asks now
		}
		if err := t.changeOperation(op); err != nil {
			return err
		}
		if err := t.keepResult(string(id), false); err != nil {
			return err
		}
		if err := t.putLeg(op, 0); err != nil {
			return err
		}
		out = op
		if err := t.tellOperation(composa.EventType("operation."+string(op.Phase)), op); err != nil {
			return err
		}
		return t.tellStates(&was, op, nil)
	})
	return out, err
}
