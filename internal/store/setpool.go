package store

import (
	"context"
	"fmt"
	"maps"

	"github.com/composa-dev/composa"
)

// SetPool changes what a pool is: its condition, how many devices it may hold,
// its labels. It is refused as making such a pool would be. A pool keeps its age,
// which decides where a device is that comes to meet two conditions later, and
// what was put into it.
func (s *Store) SetPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, u composa.PoolUpdate) (*composa.PoolChange, error) {
	what := fmt.Sprintf("set pool %q", composa.Abridge(name, composa.MaxName))
	var wanted *condition
	if u.Where != nil {
		var err error
		if wanted, err = s.newCondition(what, &composa.Pool{Where: *u.Where}); err != nil {
			return nil, err
		}
	}
	if wanted != nil { // before anything is held: this takes the longest
		site, err := s.Site(ctx, who)
		if err != nil {
			return nil, err
		}
		for i := range site.Devices {
			wanted.meets(&site.Devices[i])
		}
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
		labels, err := body(p.Labels)
		if err != nil {
			return nil, err
		}
		if _, err := t.exec(`UPDATE pool SET labels = $1, condition = $2, most = $3 WHERE id = $4`, labels, p.Where, p.Most, string(p.ID)); err != nil {
			return nil, err
		}
		return t.fillPool("pool.changed", site, p, c, what, nil, nil)
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
