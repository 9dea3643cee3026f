package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

const poolColumns = `id, project, name, labels, condition, most, owner, created_at, updated_at, revision`

func scanPool(r row) (composa.Pool, error) {
	var p composa.Pool
	err := r.Scan(&p.ID, &p.Project, &p.Name, jsonText{&p.Labels}, &p.Where, &p.Most, &p.Owner, moment{&p.CreatedAt}, moment{&p.UpdatedAt}, &p.Revision)
	if len(p.Labels) == 0 {
		p.Labels = nil
	}
	return p, err
}

func (t *tx) pools(where string, args ...any) ([]composa.Pool, error) {
	var out []composa.Pool
	err := t.each(func(r row) error {
		p, err := scanPool(r)
		out = append(out, p)
		return err
	}, `SELECT `+poolColumns+` FROM pool WHERE deleted_at IS NULL AND `+where, args...)
	return out, err
}

// CreatePool makes a pool in a project, with its first devices, or none of it;
// exists when the project has one of that name. With a condition it holds what
// meets that at once, and it is refused where a device that meets it is in
// another pool by its condition, or where more meet it than it may hold. Id,
// times, owner and revision are given here.
func (s *Store) CreatePool(ctx context.Context, who composa.Who, terms composa.PoolTerms, p composa.Pool, devices ...composa.DeviceID) (*composa.PoolChange, error) {
	what := fmt.Sprintf("create pool %q", composa.Abridge(p.Name, composa.MaxName))
	if err := composa.CheckName("pool", p.Name); err != nil {
		return nil, err
	}
	if err := checkPool(what, &p); err != nil {
		return nil, err
	}
	if !who.Sees(p.Project) {
		return nil, firstError(known(who, what), composa.Errorf(composa.CodeNotFound, "cannot %s: there is no project %q", what, p.Project))
	}
	c, err := s.newCondition(what, &p)
	if err != nil {
		return nil, err
	}
	if err := s.foresee(ctx, who, what, c, func(site *keptSite) (*composa.Pool, error) {
		if site.PoolNamed(p.Project, p.Name) != nil {
			return nil, poolExists(what)
		}
		return &p, nil
	}); err != nil {
		return nil, err
	}
	return s.tryPool(ctx, who, terms, what, func(t *tx) (*composa.PoolChange, error) {
		if err := t.roomForPool(what, &p); err != nil {
			return nil, err
		}
		p.ID, p.Owner, p.CreatedAt, p.UpdatedAt, p.Revision = composa.PoolID(composa.NewID(composa.PrefixPool)), who.Principal.ID, t.now, t.now, 1
		site, err := t.gathered()
		if err != nil {
			return nil, err
		}
		if c != nil {
			if err := c.check(site, who, what, &p); err != nil {
				return nil, err
			}
		}
		if err := t.insertPool(what, &p); err != nil {
			return nil, err
		}
		if err := t.keepResult(string(p.ID), true); err != nil {
			return nil, err
		}
		put, err := t.fillPool(site, &p, devices, addTo(what))
		if err != nil {
			return nil, err
		}
		return t.changedPool("pool.created", 0, site, &p, c, put, what)
	})
}

// checkPool refuses what no pool can be.
func checkPool(what string, p *composa.Pool) error {
	if p.Most < 0 {
		return composa.Errorf(composa.CodeInvalid, "cannot %s: %d is not a number of devices", what, p.Most)
	}
	return composa.CheckLabels(p.Labels)
}

// roomForPool holds the pools and refuses one more where there are as many as
// may be.
func (t *tx) roomForPool(what string, p *composa.Pool) error {
	if err := t.holdPools(); err != nil {
		return err
	}
	var all, each int
	if _, err := t.get([]any{&all, &each}, `SELECT count(*), coalesce(sum(CASE WHEN project = $1 THEN 1 ELSE 0 END), 0)
		FROM pool WHERE deleted_at IS NULL`, string(p.Project)); err != nil {
		return err
	}
	const next = "delete one that nobody needs; composa pool ls shows them"
	switch {
	case each >= composa.MaxPoolsEach:
		return composa.Errorf(composa.CodeRefused, "cannot %s: the project has %d pools, which is the most", what, each).WithNext(next)
	case all >= composa.MaxPools:
		return composa.Errorf(composa.CodeRefused, "cannot %s: the site has %d pools, which is the most", what, all).WithNext(next)
	}
	return nil
}

func (t *tx) insertPool(what string, p *composa.Pool) error {
	labels, err := body(p.Labels)
	if err != nil {
		return err
	}
	now, by := micros(t.now), string(t.who.Principal.ID)
	added, err := t.exec(`INSERT INTO pool (id, project, owner, name, labels, condition, most, created_at, created_by, updated_at, updated_by, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
		string(p.ID), string(p.Project), string(p.Owner), p.Name, labels, p.Where, p.Most, now, by, now, by, p.Revision)
	if err == nil && added == 0 {
		err = poolExists(what)
	}
	return err
}

func poolExists(what string) error {
	return composa.Errorf(composa.CodeExists, "cannot %s: the project has a pool of that name", what).WithNext("choose another name, or change that pool")
}

func (t *tx) tellPool(typ composa.EventType, p *composa.Pool) error {
	return t.tell(composa.Event{Type: typ, Project: p.Project, Subject: string(p.ID), Revision: p.Revision}, p)
}

// held counts the devices of a pool that are there.
func (t *tx) held(id composa.PoolID) (int, error) {
	var n int
	_, err := t.get([]any{&n}, `SELECT count(*) FROM device WHERE pool = $1 AND gone_at IS NULL`, string(id))
	return n, err
}

// AddToPool puts devices into a pool, all or none: refused when one was put into
// another pool or is in one of another project by its condition, when the pool
// would hold more than it may, or when one leaves room in a pool that would be
// filled from another one. A device that was put into the pool already is no
// mistake.
func (s *Store) AddToPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, devices []composa.DeviceID) (*composa.PoolChange, error) {
	begin := fmt.Sprintf("add to pool %q", name)
	return s.refillPool(ctx, who, terms, project, name, begin, devices, addTo(begin))
}

// poolChange says what becomes of one device, and whether that is a change.
type poolChange func(*composa.Pool, *composa.Device, standing) (bool, error)

// standing is how a device stands to the pool that is changed: which one it is
// in, be it by a condition (nil: none).
type standing struct{ in *composa.Pool }

// addTo puts devices into a pool. That goes before the conditions of the same
// project's pools, not of another's.
func addTo(begin string) poolChange {
	return func(p *composa.Pool, d *composa.Device, now standing) (bool, error) {
		switch {
		case d.Pool == p.ID:
			return false, nil
		case d.Pool != "":
			return false, composa.Errorf(composa.CodeRefused, "cannot %s: %s is in another pool", begin, d.Place()).WithNext("remove it from that pool first")
		case now.in != nil && now.in.Project != p.Project:
			return false, composa.Errorf(composa.CodeRefused, "cannot %s: %s is in a pool of another project, whose condition it meets", begin, d.Place()).
				WithNext("name another device, or ask for that pool to be made narrower")
		}
		d.Pool = p.ID
		return true, nil
	}
}

// RemoveFromPool takes devices out of a pool, all or none: refused when one is
// in another pool, or in this one by its condition alone, or when the room that
// they leave would be filled from another pool. One that was put into it and meets
// the condition too stays by that. A device that is in no pool is no mistake.
func (s *Store) RemoveFromPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, devices []composa.DeviceID) (*composa.PoolChange, error) {
	begin := fmt.Sprintf("remove from pool %q", name)
	return s.refillPool(ctx, who, terms, project, name, begin, devices, func(p *composa.Pool, d *composa.Device, now standing) (bool, error) {
		switch {
		case now.in == nil:
			return false, nil
		case now.in.ID != p.ID:
			return false, composa.Errorf(composa.CodeRefused, "cannot %s: %s is in another pool", begin, d.Place())
		case d.Pool != p.ID: // it was not put into it
			return false, composa.Errorf(composa.CodeRefused, "cannot %s: %s was not put into it: it meets its condition", begin, d.Place()).
				WithNext("put it into another pool, or make the condition narrower")
		}
		d.Pool = ""
		return true, nil
	})
}

// refillPool holds a pool and changes what was put into it.
func (s *Store) refillPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name, begin string, devices []composa.DeviceID, change poolChange) (*composa.PoolChange, error) {
	return s.tryPool(ctx, who, terms, begin, func(t *tx) (*composa.PoolChange, error) {
		p, site, err := t.poolToChange(terms, project, name, begin)
		if err != nil {
			return nil, err
		}
		found := p.Revision
		put, err := t.fillPool(site, p, devices, change)
		switch {
		case err != nil:
			return nil, err
		case len(put) == 0:
			return &composa.PoolChange{Pool: *p, Found: found}, nil
		}
		if err := t.changePool(p); err != nil {
			return nil, err
		}
		return t.changedPool("pool.changed", found, site, p, site.conditions[p.ID], put, begin)
	})
}

// fillPool lets change say of each device what becomes of it, and returns into
// which pool those that it changed were put.
func (t *tx) fillPool(site *keptSite, p *composa.Pool, devices []composa.DeviceID, change poolChange) (map[composa.DeviceID]composa.PoolID, error) {
	put := map[composa.DeviceID]composa.PoolID{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(devices))) {
		d, err := t.lockDevice(id)
		if err != nil {
			return nil, err
		}
		changed, err := change(p, d, site.standing(d))
		if err != nil {
			return nil, err
		}
		if !changed {
			continue
		}
		put[d.ID] = d.Pool
		if err := t.changeDevice(d); err != nil {
			return nil, err
		}
		if err := t.touchParts(d.Fabric); err != nil {
			return nil, err
		}
		if err := t.tellDevice("device.changed", d, ""); err != nil {
			return nil, err
		}
	}
	return put, nil
}
