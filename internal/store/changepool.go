package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/composa-dev/composa"
)

// errTakenBack ends a transaction that was only to show what it would do.
var errTakenBack = errors.New("a dry run")

// tryPool runs a change of a pool. A dry run does all of it and takes it back, so
// that it is answered, or refused, as the change would be.
func (s *Store) tryPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, what string, f func(t *tx) (*composa.PoolChange, error)) (*composa.PoolChange, error) {
	var out *composa.PoolChange
	err := s.write(ctx, who, what, func(t *tx) (err error) {
		if out, err = f(t); err == nil && terms.DryRun {
			return errTakenBack
		}
		return err
	})
	if err != nil && !errors.Is(err, errTakenBack) {
		return nil, err
	}
	return out, nil
}

// foresee asks the devices the condition that a pool is to have, before anything
// is held, since that takes the longest, and refuses what check refuses. find
// finds the pool as it is to be, nil where it has the condition already; it goes
// first, and what the condition costs second, for both are known at once.
func (s *Store) foresee(ctx context.Context, who composa.Who, what string, c *condition, find func(*keptSite) (*composa.Pool, error)) error {
	if c == nil {
		return nil
	}
	if _, err := s.Site(ctx, who); err != nil {
		return err
	}
	site := s.kept.site.Load()
	p, err := find(site)
	if err != nil || p == nil {
		return err
	}
	return c.check(site, who, what, p)
}

// poolToChange holds a pool that is about to change, with what its change is
// decided on.
func (t *tx) poolToChange(terms composa.PoolTerms, project composa.ProjectID, name, what string) (*composa.Pool, *keptSite, error) {
	if err := t.holdPools(); err != nil {
		return nil, nil, err
	}
	p, err := t.lockPool(project, name, what)
	if err != nil {
		return nil, nil, err
	}
	if err := checkRevision(what, p, terms.Revision); err != nil {
		return nil, nil, err
	}
	if err := t.keepResult(string(p.ID), false); err != nil {
		return nil, nil, err
	}
	site, err := t.gathered()
	return p, site, err
}

// lockPool holds the row of a pool for the rest of the transaction, and reads it.
// The row owns the sum of the pool's devices: whoever counts them holds it first.
func (t *tx) lockPool(project composa.ProjectID, name, what string) (*composa.Pool, error) {
	var found []composa.Pool
	if t.who.Sees(project) {
		if _, err := t.exec(`UPDATE pool SET id = id WHERE project = $1 AND name = $2 AND deleted_at IS NULL`, string(project), name); err != nil {
			return nil, err
		}
		var err error
		if found, err = t.pools(`project = $1 AND name = $2`, string(project), name); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, noPool(what)
	}
	return &found[0], nil
}

func noPool(what string) error {
	return composa.Errorf(composa.CodeNotFound, "cannot %s: the project has none of that name", what).WithNext("composa pool ls shows what there is")
}

// checkRevision refuses a pool that is not at the revision that was looked at
// (0: any).
func checkRevision(what string, p *composa.Pool, revision int64) error {
	if revision != 0 && revision != p.Revision {
		return composa.Errorf(composa.CodeMismatch, "cannot %s: it is at revision %d, not %d", what, p.Revision, revision).WithNext("look at it again")
	}
	return nil
}

// changePool writes a pool that the transaction holds, with a new revision.
func (t *tx) changePool(p *composa.Pool) error {
	labels, err := body(p.Labels)
	if err != nil {
		return err
	}
	p.Revision, p.UpdatedAt = p.Revision+1, t.now
	_, err = t.exec(`UPDATE pool SET labels = $1, condition = $2, most = $3, revision = $4, updated_at = $5, updated_by = $6 WHERE id = $7`,
		labels, p.Where, p.Most, p.Revision, micros(t.now), string(t.who.Principal.ID), string(p.ID))
	return err
}

// changedPool ends a change of a pool: it checks the sum and what the change does
// to other pools, and tells the pool. found is the revision that the change was
// made to, c the condition that the pool has now (nil: none), and put says into
// which pools devices were put.
func (t *tx) changedPool(typ composa.EventType, found int64, site *keptSite, p *composa.Pool, c *condition, put map[composa.DeviceID]composa.PoolID, what string) (*composa.PoolChange, error) {
	n, err := t.held(p.ID)
	if err != nil {
		return nil, err
	}
	if p.Most > 0 && n > p.Most {
		return nil, composa.Errorf(composa.CodeRefused, "cannot %s: it would hold %d devices, %d are allowed", what, n, p.Most).
			WithNext("name fewer devices, or let the pool hold more")
	}
	out := &composa.PoolChange{Pool: *p, Found: found, Moves: t.s.moves(site, p, c, put)}
	if err := nothingTaken(site, t.who, what, out, put); err != nil {
		return nil, err
	}
	return out, t.tellPool(typ, p)
}

// nothingTaken refuses a change with which a pool takes by its condition what
// another one has, because the change gives it room. The pool that changes may
// let go of its own, and a person may put devices from one pool into another.
func nothingTaken(site *keptSite, who composa.Who, what string, c *composa.PoolChange, put map[composa.DeviceID]composa.PoolID) error {
	pool := func(id composa.PoolID) *composa.Pool {
		if id == c.ID {
			return &c.Pool
		}
		return site.Pool(id)
	}
	for _, m := range c.Moves {
		from, to := pool(m.From), pool(m.To)
		if from == nil || to == nil || from.ID == c.ID || put[m.Device] == to.ID || byAge(to, from) > 0 {
			continue // a younger pool has what an older one has no room for any more
		}
		taker := poolWord(who, to) + " would"
		if to.ID == c.ID {
			taker = "it would"
		}
		return composa.Errorf(composa.CodeRefused, "cannot %s: %s take %s from %s, whose condition it meets too", what, taker, site.Device(m.Device).Place(), poolWord(who, from)).
			WithNext("make the condition of the one or the other narrower first")
	}
	return nil
}

// poolWord is what a caller is told of a pool.
func poolWord(who composa.Who, p *composa.Pool) string {
	if who.Sees(p.Project) {
		return fmt.Sprintf("pool %s", p.Name)
	}
	return "another project's pool"
}
