package store

import (
	"context"

	"github.com/composa-dev/composa"
)

// Explanation is the account of what was chosen for an operation; nil where
// nothing was. It is read only when somebody asks why: operations come without.
func (s *Store) Explanation(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Explanation, error) {
	var out *composa.Explanation
	err := s.read(ctx, who, "read why an operation chose", func(t *tx) error {
		if _, err := t.operation(id); err != nil {
			return err
		}
		_, err := t.get([]any{jsonText{&out}}, `SELECT explanation FROM operation WHERE id = $1`, string(id))
		return err
	})
	return out, err
}

// explain keeps the account of what was chosen for an operation whose turn came.
func (t *tx) explain(id composa.OperationID, why *composa.Explanation) error {
	if why == nil {
		return nil
	}
	account, err := explanationText(why)
	if err == nil {
		err = t.execRow(string(id), `UPDATE operation SET explanation = $1 WHERE id = $2`, account, string(id))
	}
	return err
}

// explanationText is an account as it is stored; empty for none.
func explanationText(why *composa.Explanation) (string, error) {
	if why == nil {
		return "", nil
	}
	return body(why)
}
