package store

import "github.com/composa-dev/composa"

// memory is what is remembered of rows where one connection writes: they are as
// they were written last. It belongs to the one who runs a group, and all of it
// is forgotten wherever something fails. What is decided on it is written only
// where the row is still the one that is remembered.
type memory struct {
	head       *head
	machines   map[composa.MachineID]composa.Machine // that are living
	claims     map[composa.ClaimID]composa.Claim     // that are open
	operations map[composa.OperationID]int64         // revisions of those that are open
	// before is what was written by those of the group that ran already. It is not
	// committed yet, and so not remembered.
	before change
}

// remembers says whether what is remembered of a row is what the transaction
// would read.
func (t *tx) remembers(table, id string) bool {
	return t.memory != nil && !t.changed.touches(table, id) && !t.memory.before.touches(table, id)
}

// touches says whether a row may have been written.
func (c *change) touches(table, id string) bool { return c.tables[table] || c.rows[table][id] }

// lose forgets the rows that were written.
func (m *memory) lose(written *change) {
	if written.tables["machine"] {
		m.machines = nil
	}
	if written.tables["claim"] {
		m.claims = nil
	}
	if written.tables["operation"] || written.tables["step"] {
		m.operations = nil
	}
	for id := range written.rows["operation"] {
		delete(m.operations, composa.OperationID(id))
	}
	for id := range written.rows["machine"] {
		delete(m.machines, composa.MachineID(id))
	}
	for id := range written.rows["claim"] {
		delete(m.claims, composa.ClaimID(id))
	}
}

// rememberMachine remembers a machine as it is when the transaction ended well.
func (t *tx) rememberMachine(m *composa.Machine) {
	if t.memory == nil {
		return
	}
	is := *m
	is.NativeSince = stored(is.NativeSince)
	t.after = append(t.after, func() { remember(&t.memory.machines, is.ID, is, is.Living()) })
}

// rememberOperation remembers the revision of an operation as it is when the
// transaction ended well. It is kept itself (see keepOperation).
func (t *tx) rememberOperation(op *composa.Operation) {
	if t.memory != nil {
		t.after = append(t.after, func() { remember(&t.memory.operations, op.ID, op.Revision, !op.Phase.Ended()) })
	}
}

// rememberClaim remembers a claim as it is when the transaction ended well.
func (t *tx) rememberClaim(is composa.Claim) {
	if t.memory != nil {
		t.after = append(t.after, func() { remember(&t.memory.claims, is.ID, is, is.Open()) })
	}
}

// remember puts a row into what is remembered; lives is false where it is not to
// be written any more.
func remember[K comparable, V any](rows *map[K]V, id K, is V, lives bool) {
	switch {
	case !lives:
		delete(*rows, id)
	case *rows == nil:
		*rows = map[K]V{id: is}
	default:
		(*rows)[id] = is
	}
}

// still answers again where a statement did not change as many rows as it was
// to: they are not as they were when it was decided.
func still(rows int) func(int64) error {
	return func(changed int64) error {
		if changed != int64(rows) {
			return errAgain
		}
		return nil
	}
}
