package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// maxPage is the most entries that a list returns at once.
const maxPage = 1000

const machineColumns = `id, project, owner, name, fabric, label, native, native_since, spec, spec_revision, made, operation,
	created_at, updated_at, deleted_at, revision`

func scanMachine(r row) (composa.Machine, error) {
	var m composa.Machine
	var made int64
	err := r.Scan(&m.ID, &m.Project, &m.Owner, &m.Name, &m.Fabric, &m.Label, &m.Native, moment{&m.NativeSince}, jsonText{&m.Spec},
		&m.SpecRevision, &made, &m.Operation, moment{&m.CreatedAt}, moment{&m.UpdatedAt}, moment{&m.FreedAt}, &m.Revision)
	m.Made = made != 0
	return m, err
}

func (t *tx) machines(where string, args ...any) ([]composa.Machine, error) {
	var out []composa.Machine
	err := t.each(func(r row) error {
		m, err := scanMachine(r)
		out = append(out, m)
		t.knowProject(m.ID, m.Project)
		return err
	}, `SELECT `+machineColumns+` FROM machine WHERE `+where, args...)
	return out, err
}

// machine returns a machine, also a freed one, of a project that who asks may
// see.
func (t *tx) machine(id composa.MachineID) (*composa.Machine, error) { return t.machineBy(id, "") }

func (t *tx) machineBy(id composa.MachineID, hold string) (*composa.Machine, error) {
	found, err := t.machines(`id = $1`+hold, string(id))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || !t.who.Sees(found[0].Project) {
		return nil, composa.Errorf(composa.CodeNotFound, "cannot find machine %q: there is none of that id", composa.Abridge(string(id), 40))
	}
	return &found[0], nil
}

// lockMachine holds the row of a machine for the rest of the transaction and
// reads it.
func (t *tx) lockMachine(id composa.MachineID) (*composa.Machine, error) {
	if m, held := t.locked[id]; held && t.who.Sees(m.Project) {
		return &m, nil
	}
	if t.recall(id) && t.who.Sees(t.locked[id].Project) {
		m := t.locked[id]
		return &m, nil
	}
	m, err := t.machineBy(id, t.s.engine.hold)
	if err == nil {
		t.hold(m)
	}
	return m, err
}

// recall holds a machine that is remembered; false where it is not.
func (t *tx) recall(id composa.MachineID) bool {
	if !t.remembers("machine", string(id)) {
		return false
	}
	m, known := t.memory.machines[id]
	if known {
		t.knowProject(id, m.Project)
		t.hold(&m)
	}
	return known
}

// hold notes a machine whose row this transaction holds.
func (t *tx) hold(m *composa.Machine) {
	if t.locked == nil {
		t.locked = map[composa.MachineID]composa.Machine{}
	}
	t.locked[m.ID] = *m
}

// lockMachines holds the rows of several machines at once, in order of id.
func (t *tx) lockMachines(ids []composa.MachineID) error {
	ids = slices.DeleteFunc(slices.Clone(ids), t.recall)
	if len(ids) == 0 {
		return nil
	}
	which, args := in("id", ids, nil)
	found, err := t.machines(which+` ORDER BY id`+t.s.engine.hold, args...)
	for i := range found {
		t.hold(&found[i])
	}
	return err
}

// Machine returns the living machine of a name in a project.
func (s *Store) Machine(ctx context.Context, who composa.Who, project composa.ProjectID, name string) (*composa.Machine, error) {
	var out *composa.Machine
	err := s.read(ctx, who, fmt.Sprintf("read machine %q", name), func(t *tx) error {
		var found []composa.Machine
		if who.Sees(project) {
			var err error
			if found, err = t.machines(`project = $1 AND name = $2 AND deleted_at IS NULL`, string(project), name); err != nil {
				return err
			}
		}
		if len(found) == 0 {
			return composa.Errorf(composa.CodeNotFound, "cannot find machine %q: no living machine of the project has that name", composa.Abridge(name, composa.MaxName))
		}
		out = &found[0]
		return nil
	})
	return out, err
}

// MachineByID returns a machine, also after it was freed.
func (s *Store) MachineByID(ctx context.Context, who composa.Who, id composa.MachineID) (*composa.Machine, error) {
	var out *composa.Machine
	err := s.read(ctx, who, "read a machine", func(t *tx) (err error) {
		out, err = t.machine(id)
		return err
	})
	return out, err
}

// Freed returns the freed machines of a project that had a name, or any where it
// is empty, the last one first: at most limit, and at most 1,000, also when
// limit is 0.
func (s *Store) Freed(ctx context.Context, who composa.Who, project composa.ProjectID, name string, limit int) ([]composa.Machine, error) {
	if !who.Sees(project) {
		return nil, known(who, "read freed machines")
	}
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	var out []composa.Machine
	err := s.read(ctx, who, "read freed machines", func(t *tx) (err error) {
		out, err = t.machines(`project = $1 AND (name = $2 OR $2 = '') AND deleted_at IS NOT NULL ORDER BY deleted_at DESC, id LIMIT $3`,
			string(project), name, limit)
		return err
	})
	return out, err
}

// MachineRevision is one state of what was wanted of a machine, and of what it
// then was made of.
type MachineRevision struct {
	Machine  composa.MachineID `json:"machine"`
	Revision int64             `json:"revision"`
	Spec     composa.Spec      `json:"spec"`
	// Binding is nil until an operation reached the revision; then the devices,
	// with their facts as they were.
	Binding   []RevisionPart      `json:"binding,omitempty"`
	Principal composa.PrincipalID `json:"principal"`
	Operation composa.OperationID `json:"operation"`
	Reason    string              `json:"reason,omitempty"` // in the words of who asked
	At        time.Time           `json:"at"`
}

// RevisionPart is one device of a binding, with what it was at the time.
type RevisionPart struct {
	composa.Bound
	Facts composa.Facts `json:"facts"`
}

// History returns the revisions of a machine's spec, the first one first. They
// are only ever added to.
func (s *Store) History(ctx context.Context, who composa.Who, id composa.MachineID) ([]MachineRevision, error) {
	var out []MachineRevision
	err := s.read(ctx, who, "read the history of a machine", func(t *tx) error {
		if _, err := t.machine(id); err != nil {
			return err
		}
		return t.each(func(r row) error {
			h := MachineRevision{Machine: id}
			err := r.Scan(&h.Revision, jsonText{&h.Spec}, jsonText{&h.Binding}, &h.Principal, &h.Operation, &h.Reason, moment{&h.At})
			out = append(out, h)
			return err
		}, `SELECT revision, spec, binding, principal, operation, reason, at FROM machine_revision WHERE machine = $1 ORDER BY revision`, string(id))
	})
	return out, err
}

// addRevision records the spec of a machine as its newest revision.
func (t *tx) addRevision(m *composa.Machine, op *composa.Operation) error {
	spec, err := body(m.Spec)
	if err != nil {
		return err
	}
	principal := op.Principal
	if principal == "" {
		principal = t.who.Principal.ID
	}
	return t.insert("machine_revision", "machine, revision, spec, principal, operation, reason, at", "", [][]any{{
		string(m.ID), m.SpecRevision, spec, string(principal), string(op.ID), op.Message, micros(t.now),
	}}, nil)
}

// changeMachine writes what can change of a machine whose row this transaction
// holds, and tells it: op is the operation that the machine then has, nil when
// it has none.
func (t *tx) changeMachine(before, m *composa.Machine, was, op *composa.Operation, cause composa.OperationID) error {
	m.Revision++
	m.UpdatedAt = t.now
	const progress = `UPDATE machine SET fabric = $1, native = $2, native_since = $3, made = $4, operation = $5, deleted_at = $6,
		updated_at = $7, updated_by = $8, revision = $9`
	values := []any{
		string(m.Fabric), m.Native, micros(m.NativeSince), bit(m.Made), string(m.Operation), micros(m.FreedAt),
		micros(t.now), string(t.who.Principal.ID), m.Revision,
	}
	var err error
	if m.SpecRevision == before.SpecRevision { // the spec of a revision never changes
		err = t.execStill(string(m.ID), progress+` WHERE id = $10 AND revision = $11`, append(values, string(m.ID), before.Revision)...)
	} else {
		var texts []string
		if texts, err = bodies(m.Spec, m.Spec.Labels); err == nil {
			err = t.execStill(string(m.ID), progress+`, spec = $10, spec_revision = $11, labels = $12 WHERE id = $13 AND revision = $14`,
				append(values, texts[0], m.SpecRevision, texts[1], string(m.ID), before.Revision)...)
		}
	}
	if err != nil {
		return err
	}
	t.hold(m)
	t.rememberMachine(m)
	typ := composa.EventType("machine.changed")
	if state := composa.StateOf(m, op, false, nil); state != composa.StateOf(before, was, false, nil) {
		typ = composa.EventType("machine." + string(state))
	}
	return t.tellMachine(typ, m, cause)
}

func (t *tx) tellMachine(typ composa.EventType, m *composa.Machine, cause composa.OperationID) error {
	return t.tell(composa.Event{Type: typ, Project: m.Project, Subject: string(m.ID), Revision: m.Revision, Cause: string(cause)}, m)
}
