package store

import (
	"context"
	"fmt"
	"maps"

	"github.com/composa-dev/composa"
)

// SetPool changes what a pool is: its condition, how many devices it may hold,
// its labels. It is refused as making such a pool would be, and where the pool
// would take what another one has. A pool keeps its age, which decides where a
// device is that comes to meet two conditions later, and what was put into it.
// What changes nothing leaves it at its revision.
func (s *Store) SetPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, u composa.PoolUpdate) (*composa.PoolChange, error) {
	what := fmt.Sprintf("set pool %q", composa.Abridge(name, composa.MaxName))
	var wanted *condition
	if u.Where != nil {
		var err error
		if wanted, err = s.newCondition(what, &composa.Pool{Where: *u.Where}); err != nil {
			return nil, err
		}
	}
	if err := s.foresee(ctx, who, what, wanted, func(site *keptSite) (*composa.Pool, error) {
		found := site.PoolNamed(project, name)
		if found == nil || !who.Sees(project) {
			return nil, noPool(what)
		}
		p := *found
		if err := checkRevision(what, &p, terms.Revision); err != nil {
			return nil, err
		}
		if err := updatePool(what, &p, u); err != nil || p.Where == found.Where {
			return nil, err
		}
		return &p, nil
	}); err != nil {
		return nil, err
	}
	return s.tryPool(ctx, who, terms, what, func(t *tx) (*composa.PoolChange, error) {
		p, site, err := t.poolToChange(terms, project, name, what)
		if err != nil {
			return nil, err
		}
		was := *p
		if err := updatePool(what, p, u); err != nil {
			return nil, err
		}
		if p.Where == was.Where && p.Most == was.Most && maps.Equal(p.Labels, was.Labels) {
			return &composa.PoolChange{Pool: was, Found: was.Revision}, nil
		}
		c := site.conditions[p.ID]
		switch {
		case p.Where == "":
			c = nil
		case p.Where != was.Where:
			if c = wanted; c != nil {
				err = c.check(site, who, what, p)
			}
		case c != nil && p.Most != 0 && (was.Most == 0 || p.Most < was.Most):
			err = c.checkMost(site, what, p)
		}
		if err != nil {
			return nil, err
		}
		if err := t.changePool(p); err != nil {
			return nil, err
		}
		return t.changedPool("pool.changed", was.Revision, site, p, c, nil, what)
	})
}

// updatePool changes a pool as a person asked.
func updatePool(what string, p *composa.Pool, u composa.PoolUpdate) error {
	if u.Where != nil {
		p.Where = *u.Where
	}
	if u.Most != nil {
		p.Most = *u.Most
	}
	p.Labels = relabelled(p.Labels, u.Labels)
	return checkPool(what, p)
}

// relabelled are labels with some set, and some (nil) removed.
func relabelled(labels map[string]string, changes map[string]*string) map[string]string {
	if len(changes) == 0 {
		return labels
	}
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}
