package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/composa-dev/composa"
)

// Advance writes one transaction's worth of progress of an operation and
// returns the operation after it. It answers moved, with nothing written, when
// the operation has another revision than the one decided on, the fabric is in
// another tenure (Epoch 0: not asked), a claim is not open any more, or a
// machine belongs to another operation. With a Fabric it is the runner of that
// fabric that writes, which is not signalled by NotifyFabric then.
func (s *Store) Advance(ctx context.Context, who composa.Who, a composa.Advance) (*composa.Operation, error) {
	var out *composa.Operation
	err := s.write(ctx, who, "advance operation "+string(a.Operation), func(t *tx) error {
		if a.Fabric != "" {
			if err := t.tenure(a.Fabric, a.Epoch); err != nil {
				return err
			}
			t.runner = a.Fabric
		}
		was, err := t.lockOperation(a.Operation)
		if err != nil {
			return err
		}
		if err := mayAdvance(was, &a); err != nil {
			return err
		}
		if err := t.lockMachines(was.Machines); err != nil {
			return err
		}
		op := advanced(was, &a, t)
		if err := t.changeOperation(&op); err != nil {
			return err
		}
		if err := t.putLeg(&op, a.Epoch); err != nil {
			return err
		}
		if was.Phase != op.Phase {
			if err := t.tellOperation(composa.EventType("operation."+string(op.Phase)), &op); err != nil {
				return err
			}
		}
		if err := t.putSteps(&op, a.Steps); err != nil {
			return err
		}
		if err := t.changeClaims(slices.SortedFunc(slices.Values(a.Claims), func(x, y composa.ClaimChange) int { return cmp.Compare(x.Claim, y.Claim) }), op.ID); err != nil {
			return err
		}
		for _, m := range a.Machines {
			if err := t.advanceMachine(m, was, &op); err != nil {
				return err
			}
		}
		if err := t.tellStates(was, &op, a.Machines); err != nil {
			return err
		}
		var shown *laid
		if a.Picture != nil {
			l, err := t.overlay(a.Picture)
			if err != nil {
				return err
			}
			shown = &l
		}
		if err := t.tellDriftAfter(&a, shown); err != nil {
			return err
		}
		if err := t.keepResult(string(op.ID), false); err != nil { // of who resolves a held one
			return err
		}
		out = &op
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func mayAdvance(op *composa.Operation, a *composa.Advance) error {
	switch {
	case op.Revision != a.Revision:
		return composa.Errorf(composa.CodeMoved, "cannot advance operation %s: it changed meanwhile (revision %d, not %d)", op.ID, op.Revision, a.Revision)
	case op.Phase.Ended():
		return composa.Errorf(composa.CodeInvalid, "cannot advance operation %s: it has ended (%s)", op.ID, op.Phase)
	case a.Fabric == "" && a.Epoch != 0:
		return composa.Errorf(composa.CodeInvalid, "cannot advance operation %s: tenure %d is of no fabric", op.ID, a.Epoch)
	case a.Picture != nil && a.Picture.Fabric != a.Fabric:
		return composa.Errorf(composa.CodeInvalid, "cannot advance operation %s on fabric %q: the picture is of %q", op.ID, a.Fabric, a.Picture.Fabric)
	}
	return nil
}

// advanced is the operation after a. What a leaves empty of phase and direction
// stays as it is; reason and result are what a says.
func advanced(was *composa.Operation, a *composa.Advance, t *tx) composa.Operation {
	op := *was
	if a.Phase != "" {
		op.Phase = a.Phase
	}
	if a.Direction != "" {
		op.Direction = a.Direction
	}
	op.Reason, op.Result = a.Reason, a.Result
	if op.StartedAt.IsZero() && op.Phase != composa.PhaseQueued {
		op.StartedAt = t.now
	}
	if op.Phase.Ended() {
		op.EndedAt = t.now
	}
	return op
}

// advanceMachine writes the new state of a machine that belongs to op.
func (t *tx) advanceMachine(change composa.MachineChange, was, op *composa.Operation) error {
	before, err := t.lockMachine(change.Machine)
	if err != nil {
		return err
	}
	if before.Operation != op.ID {
		return composa.Errorf(composa.CodeMoved, "cannot change machine %q: it does not belong to operation %s", before.Name, op.ID)
	}
	m := *before
	if change.Native != "" {
		m.Native = change.Native
	}
	if !change.NativeSince.IsZero() {
		m.NativeSince = change.NativeSince
	}
	m.Made = m.Made || change.Made
	if change.Idle || change.Freed {
		m.Operation = ""
	}
	if change.Freed {
		m.FreedAt = t.now
	}
	if err := t.recordBinding(&m, change, op); err != nil {
		return err
	}
	return t.changeMachine(before, &m, owner(before, was), owner(&m, op), op.ID)
}

// recordBinding writes into the history of a machine what an operation made of
// it. The binding of the newest revision is filled in once, when an operation
// reaches it; another spec, or another binding later, is another revision.
func (t *tx) recordBinding(m *composa.Machine, change composa.MachineChange, op *composa.Operation) error {
	if change.Freed || change.Spec == nil && !change.Made && !change.Idle {
		return nil
	}
	bound := change.Binding
	if change.Spec == nil {
		var err error
		if bound, err = t.binding(m.ID); err != nil {
			return err
		}
	}
	parts, err := t.parts(bound)
	if err != nil {
		return err
	}
	text, err := body(parts)
	if err != nil {
		return err
	}
	same := change.Spec == nil
	if !same {
		texts, err := bodies(m.Spec, *change.Spec)
		if err != nil {
			return err
		}
		same = texts[0] == texts[1]
	}
	if same {
		var recorded []RevisionPart
		var known bool
		if _, err := t.get([]any{jsonText{&recorded}, &known}, `SELECT binding, binding IS NOT NULL FROM machine_revision WHERE machine = $1 AND revision = $2`, string(m.ID), m.SpecRevision); err != nil {
			return err
		}
		if known && sameParts(recorded, parts) {
			return nil
		}
		if !known {
			err = t.execRow(string(m.ID), `UPDATE machine_revision SET binding = $1 WHERE machine = $2 AND revision = $3 AND binding IS NULL`, text, string(m.ID), m.SpecRevision)
			return err
		}
	}
	if change.Spec != nil {
		m.Spec = *change.Spec
	}
	m.SpecRevision++
	if err := t.addRevision(m, op); err != nil {
		return err
	}
	return t.execRow(string(m.ID), `UPDATE machine_revision SET binding = $1 WHERE machine = $2 AND revision = $3`, text, string(m.ID), m.SpecRevision)
}

func sameParts(a, b []RevisionPart) bool {
	return slices.EqualFunc(a, b, func(x, y RevisionPart) bool { return x.Device.ID == y.Device.ID && x.Entry == y.Entry })
}

// binding is what a machine holds by record.
func (t *tx) binding(id composa.MachineID) ([]composa.Bound, error) {
	claims, err := t.claims(`machine = $1 AND closed_at IS NULL AND purpose = 'machine'`, string(id))
	if err != nil {
		return nil, err
	}
	bound := make([]composa.Bound, len(claims))
	for i, c := range claims {
		bound[i] = composa.Bound{Device: composa.DeviceRef{ID: c.Device}, Entry: c.Entry}
	}
	return bound, nil
}

// parts are the devices of a binding as they are now, in natural order of name.
func (t *tx) parts(bound []composa.Bound) ([]RevisionPart, error) {
	ids := make([]composa.DeviceID, len(bound))
	entries := make(map[composa.DeviceID]string, len(bound))
	for i, b := range bound {
		ids[i] = b.Device.ID
		entries[b.Device.ID] = b.Entry
	}
	which, args := in("id", ids, nil)
	devices, err := t.devices(which, args...)
	if err != nil {
		return nil, err
	}
	out := make([]RevisionPart, len(devices))
	for i := range devices {
		d := &devices[i]
		out[i] = RevisionPart{Bound: composa.Bound{Device: d.Ref(), Entry: entries[d.ID]}, Facts: d.Facts}
	}
	slices.SortFunc(out, func(a, b RevisionPart) int { return composa.NaturalCompare(a.Device.Name, b.Device.Name) })
	return out, nil
}

// tellStates tells the new state of those machines of an operation whose state
// changed only because the operation's phase did. changed are told already.
func (t *tx) tellStates(was, op *composa.Operation, changed []composa.MachineChange) error {
	if was.Phase == op.Phase {
		return nil
	}
	for _, id := range slices.Sorted(slices.Values(op.Machines)) {
		m, err := t.lockMachine(id)
		switch {
		case composa.CodeOf(err) == composa.CodeNotFound:
			continue // it was named and never made
		case err != nil:
			return err
		case m.Operation != op.ID || !m.Living():
			continue
		}
		state := composa.StateOf(m, op, false, nil)
		told := slices.ContainsFunc(changed, func(c composa.MachineChange) bool { return c.Machine == m.ID })
		if told || state == composa.StateOf(m, was, false, nil) {
			continue
		}
		if err := t.tellMachine(composa.EventType("machine."+string(state)), m, op.ID); err != nil {
			return err
		}
	}
	return nil
}
