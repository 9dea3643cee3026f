package store

import (
	"cmp"

	"github.com/composa-dev/composa"
)

// nearly is how far from the most a count is made alone, so that two
// transactions cannot both take the last place.
const nearly = 64

// room refuses a new operation where as many are open as may be.
func (t *tx) room(op *composa.Operation) error {
	most, each := cmp.Or(t.s.options.Open, composa.MaxOpen), cmp.Or(t.s.options.OpenEach, composa.MaxOpenEach)
	all, mine, err := t.open(op.Principal)
	if err != nil || (all+nearly < int64(most) && mine+nearly < int64(each)) {
		return err
	}
	if _, err := t.exec(`UPDATE site SET id = id WHERE one = 1`); err != nil {
		return err
	}
	if all, mine, err = t.open(op.Principal); err != nil {
		return err
	}
	const next = "wait until some have ended; composa operation ls shows them"
	switch {
	case mine >= int64(each):
		return composa.Errorf(composa.CodeTooMany, "cannot %s: %d operations of yours are open, which is the most", op.Verb, mine).WithNext(next)
	case all >= int64(most):
		return composa.Errorf(composa.CodeTooMany, "cannot %s: %d operations are open on the site, which is the most", op.Verb, all).WithNext(next)
	}
	return nil
}

// open counts the operations that have not ended: all, and those of a principal.
func (t *tx) open(principal composa.PrincipalID) (all, mine int64, err error) {
	_, err = t.get([]any{&all, &mine}, `SELECT count(*), coalesce(sum(CASE WHEN principal = $1 THEN 1 ELSE 0 END), 0)
		FROM operation WHERE ended_at IS NULL`, string(principal))
	return all, mine, err
}
