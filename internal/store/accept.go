package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// Acceptance is a request that was placed and planned, or that waits in line:
// all that is to be written for it.
type Acceptance struct {
	// Operation is new (Revision 0), or a queued one of that revision that now
	// starts, or goes on waiting behind another.
	Operation composa.Operation
	// NewMachine is inserted; compose only.
	NewMachine *composa.Machine
	// Machines are those that the operation takes.
	Machines []MachineAccept
	// Claims are opened.
	Claims []composa.Claim
	// Heirs change open claims (move).
	Heirs []composa.ClaimChange
	// Cancels is an operation that is asked to end (free of what is being made);
	// empty: none.
	Cancels composa.OperationID
	// Plan is the stored plan that is carried out; empty: none. It is answered
	// with moved when another operation carries it out.
	Plan composa.PlanID
	// Explanation is the account of what was chosen; nil where nothing was.
	Explanation *composa.Explanation
}

// MachineAccept is one machine that an operation takes.
type MachineAccept struct {
	Machine composa.MachineID
	// Revision is that of the machine which was decided on; another one is
	// answered with moved.
	Revision int64
	Fabric   composa.FabricName // empty: as it is
	Spec     *composa.Spec      // the new wish; nil: as it is
}

// Accept writes a request in one transaction: the operation with its steps, the
// machine or the new wishes for machines, claims and events. It answers exists
// when the name of a new machine is taken, and moved, with nothing written,
// when a device was claimed, a machine changed or was taken, or the queued
// operation is not as it was. A machine belongs to the operation from then on,
// except to one that waits in line; a new machine always does.
func (s *Store) Accept(ctx context.Context, who composa.Who, a Acceptance) (*composa.Operation, error) {
	what := acceptWhat(&a)
	if !who.Sees(a.Operation.Project) {
		return nil, firstError(known(who, what), composa.Errorf(composa.CodeNotFound, "cannot %s: there is no project %q", what, a.Operation.Project))
	}
	if a.Operation.Phase != composa.PhaseQueued && a.Operation.Phase != composa.PhaseRunning {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot %s: an operation begins queued or running, not %s", what, a.Operation.Phase)
	}
	var out *composa.Operation
	err := s.write(ctx, who, what, func(t *tx) (err error) {
		op := a.Operation
		before := (*composa.Operation)(nil)
		if op.Revision == 0 {
			err = t.addOperation(&op, a.Explanation)
		} else {
			before, err = t.startOperation(&op, a.Explanation)
		}
		if err != nil {
			return err
		}
		if err := t.asked(&a); err != nil {
			return err
		}
		if a.NewMachine != nil {
			if err := t.addMachine(*a.NewMachine, &op); err != nil {
				return err
			}
		}
		if err := t.takeMachines(a.Machines, before, &op); err != nil {
			return err
		}
		if err := t.openClaims(a.Claims, &op); err != nil {
			return err
		}
		if err := t.changeClaims(a.Heirs, op.ID); err != nil {
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

func acceptWhat(a *Acceptance) string {
	if a.NewMachine != nil {
		return fmt.Sprintf("%s %q", a.Operation.Verb, a.NewMachine.Name)
	}
	return string(a.Operation.Verb)
}

// asked writes what the acceptance says of who asked: the answer to its key, the
// plan that it carries out, and the operation that it cancels.
func (t *tx) asked(a *Acceptance) error {
	if err := t.keepResult(string(a.Operation.ID), a.NewMachine != nil); err != nil {
		return err
	}
	if err := t.carryOut(a.Plan, a.Operation.ID); err != nil {
		return err
	}
	if a.Cancels == "" {
		return nil
	}
	_, err := t.requestCancel(a.Cancels)
	return err
}

// addOperation inserts a new operation with its steps.
func (t *tx) addOperation(op *composa.Operation, why *composa.Explanation) error {
	if op.Principal == "" {
		op.Principal = t.who.Principal.ID
	}
	if op.Direction == "" {
		op.Direction = composa.Forward
	}
	if err := t.room(op); err != nil {
		return err
	}
	op.CreatedAt, op.Revision, op.Deadline = t.now, 1, stored(op.Deadline)
	t.keepOperation(op)
	t.written = append(t.written, op)
	if op.Phase == composa.PhaseRunning {
		op.StartedAt = t.now
	}
	texts, err := bodies(op.Machines, op.Prior, op.Target)
	if err != nil {
		return err
	}
	account, err := explanationText(why)
	if err != nil {
		return err
	}
	if err := t.insert("operation", `id, project, principal, verb, message, phase, direction, machines, fabric, request, prior, target,
		behind, deadline, reason, explanation, created_at, started_at, updated_at, updated_by, revision`, "", [][]any{{
		string(op.ID), string(op.Project), string(op.Principal), string(op.Verb), op.Message, string(op.Phase), string(op.Direction),
		texts[0], string(op.Fabric), string(op.Request), texts[1], texts[2], string(op.Behind), micros(op.Deadline), op.Reason, account,
		micros(op.CreatedAt), micros(op.StartedAt), micros(t.now), string(t.who.Principal.ID), op.Revision,
	}}, nil); err != nil {
		return err
	}
	return t.began(op)
}

// startOperation gives a queued operation what it now does, and returns it as
// it was.
func (t *tx) startOperation(op *composa.Operation, why *composa.Explanation) (before *composa.Operation, err error) {
	before, err = t.lockOperation(op.ID)
	if err != nil {
		return nil, err
	}
	if before.Revision != op.Revision || before.Phase != composa.PhaseQueued {
		return nil, composa.Errorf(composa.CodeMoved, "cannot start operation %s: it is %s meanwhile (revision %d, not %d)", op.ID, before.Phase, before.Revision, op.Revision)
	}
	is := *before
	is.Message, is.Phase, is.Machines, is.Fabric, is.Request = op.Message, op.Phase, op.Machines, op.Fabric, op.Request
	is.Prior, is.Target, is.Behind, is.Deadline, is.Reason, is.Steps = op.Prior, op.Target, op.Behind, op.Deadline, op.Reason, op.Steps
	if is.Phase == composa.PhaseRunning {
		is.StartedAt = t.now
	}
	is.Deadline = stored(is.Deadline)
	*op = is
	if err := t.restateOperation(op); err != nil {
		return nil, err
	}
	if err := t.explain(op.ID, why); err != nil {
		return nil, err
	}
	return before, t.began(op)
}

// began writes what follows from an operation that is new or starts: the
// machines that it names, its leg, its steps, and that it happened.
func (t *tx) began(op *composa.Operation) error {
	rows := make([][]any, len(op.Machines))
	for i, m := range op.Machines {
		rows[i] = []any{string(op.ID), string(m)}
	}
	if err := t.insert("operation_machine", "operation, machine", "ON CONFLICT DO NOTHING", rows, nil); err != nil {
		return err
	}
	if err := t.putLeg(op, 0); err != nil {
		return err
	}
	if err := t.tellOperation(composa.EventType("operation."+string(op.Phase)), op); err != nil {
		return err
	}
	steps := op.Steps
	bare := *op
	bare.Steps = nil // so that every step counts as new
	err := t.putSteps(&bare, steps)
	op.Steps = bare.Steps
	return err
}

// addMachine inserts the machine that op makes.
func (t *tx) addMachine(m composa.Machine, op *composa.Operation) error {
	m.CreatedAt, m.UpdatedAt, m.Revision, m.Operation = t.now, t.now, 1, op.ID
	m.SpecRevision = max(1, m.SpecRevision)
	if m.Owner == "" {
		m.Owner = op.Principal
	}
	texts, err := bodies(m.Spec, m.Spec.Labels)
	if err != nil {
		return err
	}
	now, by := micros(t.now), string(t.who.Principal.ID)
	err = t.insert("machine", "id, project, owner, name, fabric, label, native, native_since, spec, spec_revision, operation, labels, created_at, created_by, updated_at, updated_by, revision",
		"ON CONFLICT DO NOTHING", [][]any{{
			string(m.ID), string(m.Project), string(m.Owner), m.Name, string(m.Fabric), m.Label, m.Native, micros(m.NativeSince), texts[0], m.SpecRevision,
			string(m.Operation), texts[1], now, by, now, by, m.Revision,
		}}, func(added, _ int64) error {
			if added == 1 {
				return nil
			}
			return composa.Errorf(composa.CodeExists, "cannot %s %q: a machine of that name exists", op.Verb, m.Name).
				WithNext("choose another name, or free that one first")
		})
	if err != nil {
		return err
	}
	t.knowProject(m.ID, m.Project)
	t.rememberMachine(&m)
	if err := t.addRevision(&m, op); err != nil {
		return err
	}
	return t.tellMachine(composa.EventType("machine."+string(composa.StateOf(&m, op, false, nil))), &m, op.ID)
}

// takeMachines gives machines to an operation, in order of id so that two
// transactions wait for each other instead of crossing. before is the operation
// as it was, nil where it is new.
func (t *tx) takeMachines(machines []MachineAccept, before, op *composa.Operation) error {
	machines = slices.Clone(machines)
	slices.SortFunc(machines, func(a, b MachineAccept) int { return strings.Compare(string(a.Machine), string(b.Machine)) })
	for _, take := range machines {
		was, err := t.lockMachine(take.Machine)
		if err != nil {
			return err
		}
		if why := whyNotTaken(was, take, op.ID); why != "" {
			return composa.Errorf(composa.CodeMoved, "cannot %s %q: %s", op.Verb, was.Name, why).WithNext("look at it again")
		}
		m := *was
		if op.Phase == composa.PhaseRunning {
			m.Operation = op.ID
		}
		if take.Fabric != "" {
			m.Fabric = take.Fabric
		}
		if take.Spec != nil {
			m.Spec = *take.Spec
			m.SpecRevision++
			if err := t.addRevision(&m, op); err != nil {
				return err
			}
		}
		if err := t.changeMachine(was, &m, owner(was, before), owner(&m, op), op.ID); err != nil {
			return err
		}
	}
	return nil
}

func whyNotTaken(m *composa.Machine, take MachineAccept, op composa.OperationID) string {
	switch {
	case !m.Living():
		return "it was freed meanwhile"
	case m.Operation != "" && m.Operation != op:
		return "another operation changes it now"
	case m.Revision != take.Revision:
		return fmt.Sprintf("it changed meanwhile (revision %d, not %d)", m.Revision, take.Revision)
	}
	return ""
}

// owner is op where the machine belongs to it, else nil.
func owner(m *composa.Machine, op *composa.Operation) *composa.Operation {
	if op == nil || m.Operation != op.ID {
		return nil
	}
	return op
}
