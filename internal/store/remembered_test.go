package store

import (
	"errors"
	"fmt"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
)

// looked counts what of a kind was compared.
type looked map[string]int

// sameRows compares what a store remembers of rows, and the operations that it
// keeps decoded, with the rows.
func (b *bed) sameRows(n looked) string {
	b.t.Helper()
	var diff string
	add := func(what string, row, is any) {
		n[what]++
		if d := cmp.Diff(row, is, cmpopts.EquateEmpty(), cmp.AllowUnexported(head{}, leg{})); d != "" {
			diff += fmt.Sprintf("%s (-row +remembered):\n%s", what, d)
		}
	}
	b.ok(b.empty().read(b.ctx(), system, "read rows", func(t *tx) error {
		rows, err := t.allRows()
		b.ok(err)
		m := &b.groups.memory
		if m.head != nil {
			row, err := t.head()
			b.ok(err)
			add("head", row, *m.head)
		}
		for id, is := range m.machines {
			add("machine", rows.machines[id], is)
		}
		for id, is := range m.claims {
			add("claim", rows.claims[id], is)
		}
		for id, is := range m.operations {
			add("revision", rows.operations[id].Revision, is)
		}
		for id, is := range b.decoded.operations {
			row := rows.operations[id]
			if row.Revision != is.Revision { // another server wrote it: it is read again
				continue
			}
			add("operation", row, is.Operation)
			if is.leg != (leg{}) {
				add("leg", rows.legs[id], is.leg)
			}
		}
		return nil
	}))
	return diff
}

// allRows is what is in the tables of what can be remembered.
type allRows struct {
	machines   map[composa.MachineID]composa.Machine
	claims     map[composa.ClaimID]composa.Claim
	operations map[composa.OperationID]composa.Operation
	legs       map[composa.OperationID]leg
}

func (t *tx) allRows() (allRows, error) {
	out := allRows{map[composa.MachineID]composa.Machine{}, map[composa.ClaimID]composa.Claim{}, map[composa.OperationID]composa.Operation{}, map[composa.OperationID]leg{}}
	machines, machinesErr := t.machines(`1 = 1`)
	for _, m := range machines {
		out.machines[m.ID] = m
	}
	claims, claimsErr := t.claims(`1 = 1`)
	for _, c := range claims {
		out.claims[c.ID] = c
	}
	operations, operationsErr := t.wholeOperations(`1 = 1`)
	for _, op := range operations {
		out.operations[op.ID] = op
	}
	err := t.each(func(r row) error {
		var id composa.OperationID
		var is leg
		err := r.Scan(&id, &is.fabric, &is.state, &is.epoch)
		out.legs[id] = is
		return err
	}, `SELECT operation, fabric, state, epoch FROM leg`)
	return out, errors.Join(machinesErr, claimsErr, operationsErr, err)
}
