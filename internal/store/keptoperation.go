package store

import (
	"maps"

	"github.com/composa-dev/composa"
)

// maxOperations bounds how many operations are kept decoded. When there are more
// those that have ended are let go, and where that is not enough, all.
const maxOperations = 1024

// keptOperation is an operation with its steps as its rows hold it, and its leg
// where that is known. It is never changed once it is here: readers share what
// it holds.
type keptOperation struct {
	composa.Operation
	leg leg
}

// leg is the row of an operation's one leg; the zero value: it is not known.
type leg struct {
	fabric composa.FabricName
	state  composa.Phase
	epoch  int64
}

// keptOperation returns an operation of a revision, nil where it is not kept. Its
// revision grows with every change of it or of its steps, so that one that is
// kept is what the tables hold, whoever wrote it.
func (k *decoded) keptOperation(id composa.OperationID, revision int64) *keptOperation {
	k.guard.Lock()
	defer k.guard.Unlock()
	if kept := k.operations[id]; kept != nil && kept.Revision == revision {
		return kept
	}
	return nil
}

func (k *decoded) keepOperation(is *keptOperation) {
	k.guard.Lock()
	defer k.guard.Unlock()
	if have := k.operations[is.ID]; have != nil && have.Revision >= is.Revision {
		return
	}
	if len(k.operations) >= maxOperations {
		maps.DeleteFunc(k.operations, func(_ composa.OperationID, old *keptOperation) bool { return old.Phase.Ended() })
	}
	if len(k.operations) >= maxOperations || k.operations == nil {
		k.operations = map[composa.OperationID]*keptOperation{}
	}
	k.operations[is.ID] = is
}

// keepOperation keeps an operation as it is when the transaction ended well.
func (t *tx) keepOperation(op *composa.Operation) {
	t.after = append(t.after, func() { t.s.decoded.keepOperation(&keptOperation{Operation: *op, leg: t.legs[op.ID]}) })
	t.rememberOperation(op)
}

// knowLeg notes what the row of a leg holds.
func (t *tx) knowLeg(id composa.OperationID, is leg) {
	if is == (leg{}) {
		return
	}
	if t.legs == nil {
		t.legs = map[composa.OperationID]leg{}
	}
	t.legs[id] = is
}

// wholeOperations are operations with their steps. Those that were decoded
// before, in the revision that their rows have, are not read again.
func (t *tx) wholeOperations(where string, args ...any) ([]composa.Operation, error) {
	var out []composa.Operation
	var missing []composa.OperationID
	err := t.each(func(r row) error {
		var id composa.OperationID
		var revision int64
		if err := r.Scan(&id, &revision); err != nil {
			return err
		}
		if kept := t.s.decoded.keptOperation(id, revision); kept != nil {
			t.knowLeg(id, kept.leg)
			out = append(out, kept.Operation)
		} else {
			missing = append(missing, id)
		}
		return nil
	}, `SELECT id, revision FROM operation WHERE `+where, args...)
	if err != nil || len(missing) == 0 {
		return out, err
	}
	read, err := t.readOperations(missing)
	return append(out, read...), err
}
