package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/composa-dev/composa"
)

// gather puts the devices of a site that were put into no pool into the oldest
// pool whose condition they meet. Where neither devices nor pools changed it
// takes over what was before.
func (s *Store) gather(site, before *keptSite) {
	conditional := s.conditional(site.Pools)
	switch {
	case len(conditional) == 0:
		site.Devices = site.listed
		return
	case same(site.listed, before.listed) && same(site.Pools, before.Pools):
		site.Devices = before.Devices
		return
	}
	site.Devices = slices.Clone(site.listed)
	room := map[composa.PoolID]int{}
	for i := range site.listed {
		room[site.listed[i].Pool]--
	}
	for i := range site.Devices {
		d := &site.Devices[i]
		if d.Pool != "" {
			continue
		}
		for _, c := range conditional {
			if (c.Most == 0 || c.Most+room[c.ID] > 0) && c.meets(d) {
				d.Pool = c.ID
				room[c.ID]--
				break
			}
		}
	}
}

// conditionalPool is a pool with its condition, made ready.
type conditionalPool struct {
	*composa.Pool
	meets func(*composa.Device) bool
}

// conditional are the pools that have a condition, the oldest first. One whose
// condition cannot be read, because a newer program wrote it, holds only what
// was put into it.
func (s *Store) conditional(pools []composa.Pool) []conditionalPool {
	var out []conditionalPool
	for i := range pools {
		p := &pools[i]
		if p.Where == "" || s.options.Selects == nil {
			continue
		}
		if meets, err := s.options.Selects(p.Where); err == nil {
			out = append(out, conditionalPool{p, meets})
		}
	}
	slices.SortFunc(out, func(a, b conditionalPool) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// same says whether two lists are one.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// checkCondition refuses a pool whose condition cannot be read, is met by a
// device that is in another pool by its condition, or by more than it may hold.
// What comes to meet two conditions later is in the older pool.
func (s *Store) checkCondition(ctx context.Context, who composa.Who, what string, p *composa.Pool) error {
	if p.Where == "" {
		return nil
	}
	if s.options.Selects == nil {
		return composa.Errorf(composa.CodeUnsupported, "cannot %s: this store reads no conditions", what)
	}
	meets, err := s.options.Selects(p.Where)
	if err != nil {
		return err
	}
	if _, err := s.Site(ctx, who); err != nil {
		return err
	}
	site := s.kept.site.Load()
	n := 0
	for i := range site.listed {
		d := &site.listed[i]
		if d.Pool != "" || !meets(d) {
			continue
		}
		if other := site.Pool(site.Devices[i].Pool); other != nil {
			name := "another project's pool"
			if who.Sees(other.Project) {
				name = "pool " + other.Name
			}
			return composa.Errorf(composa.CodeRefused, "cannot %s: %s meets its condition and is in %s by its condition", what, d.Place(), name).
				WithNext("make the condition narrower, or name the devices")
		}
		n++
	}
	if p.Most > 0 && n > p.Most {
		return composa.Errorf(composa.CodeRefused, "cannot %s: %d devices meet its condition, %d are allowed", what, n, p.Most).
			WithNext("make the condition narrower, or allow more")
	}
	return nil
}

// notByCondition refuses to take a device out of a pool that it is in only
// because it meets the condition.
func (s *Store) notByCondition(begin string, p *composa.Pool, d *composa.Device) error {
	if p.Where == "" || s.options.Selects == nil {
		return nil
	}
	meets, err := s.options.Selects(p.Where)
	if err != nil || !meets(d) {
		return nil
	}
	return composa.Errorf(composa.CodeRefused, "cannot %s: %s is in it because it meets its condition", begin, d.Place()).
		WithNext("put it into another pool, or make a pool with a narrower condition")
}
