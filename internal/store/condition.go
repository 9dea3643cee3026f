package store

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/composa-dev/composa"
)

// condition is the condition of a pool, made ready.
type condition struct {
	where string // its text
	meets func(*composa.Device) bool
	cost  int // for one device, at most
}

// gather puts the devices of a site that were put into no pool into the oldest
// pool whose condition they meet. A condition is read once, and asked of a
// device again only after that changed.
func (s *Store) gather(site, before *keptSite) {
	pools := s.conditional(site.Pools)
	switch {
	case len(pools) == 0:
		site.conditions, site.met, site.Devices = nil, nil, site.listed
		return
	case same(site.listed, before.listed) && same(site.Pools, before.Pools):
		site.Devices = before.Devices
		return
	}
	site.conditions = s.conditions(pools, site.conditions)
	site.met = site.meet(pools, before)
	site.Devices = slices.Clone(site.listed)
	room := make(map[composa.PoolID]int, len(pools)) // for how many more
	for _, p := range pools {
		if room[p.ID] = p.Most; p.Most == 0 {
			room[p.ID] = math.MaxInt
		}
	}
	for i := range site.listed {
		room[site.listed[i].Pool]--
	}
	for i := range site.Devices {
		d := &site.Devices[i]
		if d.Pool != "" {
			continue
		}
		for _, id := range site.met[i] {
			if room[id] > 0 { // never for a pool that has no condition
				d.Pool = id
				room[id]--
				break
			}
		}
	}
}

// conditional are the pools that have a condition, the oldest first.
func (s *Store) conditional(pools []composa.Pool) []*composa.Pool {
	var out []*composa.Pool
	for i := range pools {
		if pools[i].Where != "" && s.options.Selects != nil {
			out = append(out, &pools[i])
		}
	}
	slices.SortFunc(out, byAge)
	return out
}

// byAge orders pools, the oldest first.
func byAge(a, b *composa.Pool) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// conditions makes the conditions of pools ready that are not before. One that
// cannot be read, because a newer program wrote it, is met by nothing: its pool
// holds only what was put into it.
func (s *Store) conditions(pools []*composa.Pool, before map[composa.PoolID]*condition) map[composa.PoolID]*condition {
	out := make(map[composa.PoolID]*condition, len(pools))
	for _, p := range pools {
		if ready := before[p.ID]; ready != nil && ready.where == p.Where {
			out[p.ID] = ready
			continue
		}
		meets, cost, err := s.options.Selects(p.Where)
		if err != nil {
			meets, cost = func(*composa.Device) bool { return false }, 0
		}
		out[p.ID] = &condition{p.Where, meets, cost}
	}
	return out
}

// meet returns for each device the pools whose conditions it meets, the oldest
// first, and perhaps some that are gone or have no condition any more. What was
// found before is not asked for again.
func (site *keptSite) meet(pools []*composa.Pool, before *keptSite) [][]composa.PoolID {
	added := slices.ContainsFunc(pools, func(p *composa.Pool) bool { return before.conditions[p.ID] != site.conditions[p.ID] })
	was := unchanged(site.listed, before.listed)
	out := make([][]composa.PoolID, len(site.listed))
	for i := range site.listed {
		known := was[i] >= 0 && before.met != nil
		if known && !added {
			out[i] = before.met[was[i]]
			continue
		}
		for _, p := range pools {
			met := false
			if known && before.conditions[p.ID] == site.conditions[p.ID] {
				met = slices.Contains(before.met[was[i]], p.ID)
			} else {
				met = site.conditions[p.ID].meets(&site.listed[i])
			}
			if met {
				out[i] = append(out[i], p.ID)
			}
		}
	}
	return out
}

// unchanged tells for each device the place among those of before where it
// stood as it is now; -1 where it is new or changed.
func unchanged(now, before []composa.Device) []int {
	var byID map[composa.DeviceID]int // made where the places do not agree
	out := make([]int, len(now))
	for i := range now {
		j, there := i, i < len(before) && before[i].ID == now[i].ID
		if !there {
			if byID == nil {
				byID = make(map[composa.DeviceID]int, len(before))
				for k := range before {
					byID[before[k].ID] = k
				}
			}
			j, there = byID[now[i].ID]
		}
		if out[i] = -1; there && before[j].Revision == now[i].Revision {
			out[i] = j
		}
	}
	return out
}

// same says whether two lists are one.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// newCondition reads the condition that a pool is to have; nil where it has
// none. What it said of a device is remembered.
func (s *Store) newCondition(what string, p *composa.Pool) (*condition, error) {
	if p.Where == "" {
		return nil, nil
	}
	if s.options.Selects == nil {
		return nil, composa.Errorf(composa.CodeUnsupported, "cannot %s: this store reads no conditions", what)
	}
	meets, cost, err := s.options.Selects(p.Where)
	if err != nil {
		return nil, err
	}
	type state struct {
		id       composa.DeviceID
		revision int64
	}
	said := map[state]bool{}
	return &condition{where: p.Where, cost: cost, meets: func(d *composa.Device) bool {
		at := state{d.ID, d.Revision}
		met, known := said[at]
		if !known {
			met = meets(d)
			said[at] = met
		}
		return met
	}}, nil
}

// check refuses a pool whose condition costs too much beside those of the other
// pools, is met by a device that is in another pool by its condition, or by more
// than it may hold. What comes to meet two conditions later is in the older pool.
func (c *condition) check(site *keptSite, who composa.Who, what string, p *composa.Pool) error {
	if err := c.checkCost(site, what, p); err != nil {
		return err
	}
	for i := range site.listed {
		d := &site.listed[i]
		other := site.Pool(site.Devices[i].Pool)
		if d.Pool != "" || other == nil || other.ID == p.ID || !c.meets(d) {
			continue
		}
		return composa.Errorf(composa.CodeRefused, "cannot %s: %s meets its condition and is in %s by its condition", what, d.Place(), poolWord(who, other)).
			WithNext("make the condition narrower, or name the devices")
	}
	return c.checkMost(site, what, p)
}

// checkMost refuses a pool that may hold fewer than were put into it and meet its
// condition.
func (c *condition) checkMost(site *keptSite, what string, p *composa.Pool) error {
	put, met := 0, 0
	for i := range site.listed {
		switch d := &site.listed[i]; {
		case d.Pool == "" && c.meets(d):
			met++
		case d.Pool != "" && d.Pool == p.ID:
			put++
		}
	}
	if p.Most == 0 || put+met <= p.Most {
		return nil
	}
	also := ""
	if put > 0 {
		also = fmt.Sprintf(" beside the %d that were put into it", put)
	}
	return composa.Errorf(composa.CodeRefused, "cannot %s: %d devices meet its condition%s, %d are allowed", what, met, also, p.Most).
		WithNext("make the condition narrower, or allow more")
}

func (c *condition) checkCost(site *keptSite, what string, p *composa.Pool) error {
	all, each := c.cost, c.cost
	for id, other := range site.conditions {
		if id == p.ID {
			continue
		}
		all += other.cost
		if site.Pool(id).Project == p.Project {
			each += other.cost
		}
	}
	const next = "make the condition simpler, or delete a pool with another one"
	switch {
	case each > composa.MaxPoolsCostEach:
		return composa.Errorf(composa.CodeRefused, "cannot %s: the conditions of the project's pools may cost %d for one device with it, %d are allowed", what, each, composa.MaxPoolsCostEach).WithNext(next)
	case all > composa.MaxPoolsCost:
		return composa.Errorf(composa.CodeRefused, "cannot %s: the conditions of the site's pools may cost %d for one device with it, %d are allowed", what, all, composa.MaxPoolsCost).WithNext(next)
	}
	return nil
}

// standing is how a device stands to pools. Its own row, which the transaction
// holds, says into which pool it was put.
func (site *keptSite) standing(d *composa.Device) standing {
	id := d.Pool
	if found := site.Device(d.ID); id == "" && found != nil {
		id = found.Pool
	}
	return standing{in: site.Pool(id)}
}

// moves are the devices that are in another pool once a pool is as p, with the
// condition c (nil: none), and devices were put into the pools that put names.
func (s *Store) moves(site *keptSite, p *composa.Pool, c *condition, put map[composa.DeviceID]composa.PoolID) []composa.PoolMove {
	after := site.without(p)
	after.Pools = append(after.Pools, *p)
	for i := range after.listed {
		if to, changed := put[after.listed[i].ID]; changed {
			after.listed[i].Pool = to
		}
	}
	if c != nil {
		after.conditions[p.ID] = c
	}
	return s.movesTo(after, site)
}

// movesWithout are the devices that are in another pool once a pool is gone into
// which none was put.
func (s *Store) movesWithout(site *keptSite, p *composa.Pool) []composa.PoolMove {
	return s.movesTo(site.without(p), site)
}

// without is a site without a pool, to be changed further.
func (site *keptSite) without(p *composa.Pool) *keptSite {
	out := *site
	out.Pools = slices.DeleteFunc(slices.Clone(site.Pools), func(other composa.Pool) bool { return other.ID == p.ID })
	out.listed = slices.Clone(site.listed)
	out.conditions = map[composa.PoolID]*condition{}
	maps.Copy(out.conditions, site.conditions)
	return &out
}

func (s *Store) movesTo(after, site *keptSite) []composa.PoolMove {
	s.gather(after, site)
	var out []composa.PoolMove
	for i := range after.Devices {
		if d, was := &after.Devices[i], site.Devices[i].Pool; d.Pool != was {
			out = append(out, composa.PoolMove{Device: d.ID, From: was, To: d.Pool})
		}
	}
	return out
}

// gathered is the site as this transaction finds it, with the devices in their
// pools by condition. The transaction holds the pools.
func (t *tx) gathered() (*keptSite, error) {
	before := t.s.kept.site.Load()
	if before == nil {
		before = new(keptSite)
	}
	site, err := t.site(before)
	if err != nil {
		return nil, err
	}
	site.IndexAfter(&before.Site)
	return site, nil
}

// holdPools holds what the pools of the site share for the rest of the
// transaction: what one transaction finds of them stays so until its end.
func (t *tx) holdPools() error {
	_, err := t.exec(`UPDATE site SET id = id WHERE one = 1`)
	return err
}
