package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// Site returns the whole site as of one moment: what placement and planning need
// to know what is free, whoever's it is. So it is not filtered; whoever shows it
// to people shows them their projects only.
//
// All callers share what it holds until something changes, so none may change
// it: who needs another site copies what differs and calls
// [composa.Site.IndexAfter]. Only Now is each caller's own. After a change only
// what changed is read again.
func (s *Store) Site(ctx context.Context, who composa.Who) (*composa.Site, error) {
	const what = "read the site"
	if err := known(who, what); err != nil {
		return nil, err
	}
	version, err := s.Version(ctx)
	if err != nil {
		return nil, err
	}
	site := s.kept.site.Load()
	if site == nil || site.Version < version {
		if site, err = s.readSite(ctx, what, version); err != nil {
			return nil, err
		}
	}
	mine := site.Site
	mine.Now = s.now()
	return &mine, nil
}

// readSite brings the kept site up to version at least: one reader does it for
// all who wait.
func (s *Store) readSite(ctx context.Context, what string, version int64) (*keptSite, error) {
	select {
	case s.kept.reading <- struct{}{}:
		defer func() { <-s.kept.reading }()
	case <-ctx.Done():
		return nil, s.engine.translate(ctx, what, ctx.Err())
	}
	before := s.kept.site.Load()
	if before != nil && before.Version >= version {
		return before, nil
	}
	if before == nil {
		before = new(keptSite)
	}
	var site *keptSite
	err := s.read(ctx, composa.System(), what, func(t *tx) (err error) {
		site, err = t.site(before)
		return err
	})
	if err != nil {
		return nil, err
	}
	site.IndexAfter(&before.Site)
	s.kept.site.Store(site)
	s.changes.forget(site.Version)
	return site, nil
}

// site reads what changed since before, and shares the rest with it.
func (t *tx) site(before *keptSite) (*keptSite, error) {
	var version int64
	if _, err := t.get([]any{&version}, `SELECT changes FROM event_head WHERE one = 1`); err != nil {
		return nil, err
	}
	changed := t.s.changes.between(before.Version, version)
	if before.Version == 0 {
		changed = nil
	}
	site := *before
	site.Version = version
	if site.ID == "" {
		if _, err := t.get([]any{&site.ID}, `SELECT id FROM site WHERE one = 1`); err != nil {
			return nil, err
		}
	}
	for _, read := range []func(*keptSite, *change) error{t.siteFabrics, t.siteMachines, t.siteClaims, t.sitePools, t.siteOperations} {
		if err := read(&site, changed); err != nil {
			return nil, err
		}
	}
	t.s.gather(&site, before)
	return &site, nil
}

// has says whether any of the tables may hold something else than before.
func (c *change) has(tables ...string) bool {
	return c == nil || slices.ContainsFunc(tables, func(table string) bool { return c.tables[table] || len(c.rows[table]) > 0 })
}

// ids are the rows of a table that changed; all is true where any may have.
func (c *change) ids(table string) (ids []string, all bool) {
	if c == nil || c.tables[table] {
		return nil, true
	}
	return slices.Sorted(maps.Keys(c.rows[table])), false
}

// maxRows is how many rows are read one by one, at most: beyond it all are read.
const maxRows = 400

// renew returns the rows of a table as they are now: those of before, with what
// changed read again by condition, in the order of compare.
func renew[T any, K ~string](t *tx, before []T, c *change, table, condition string, id func(*T) K,
	read func(where string, args ...any) ([]T, error), compare func(a, b T) int,
) ([]T, error) {
	ids, all := c.ids(table)
	if !all && len(ids) == 0 {
		return before, nil
	}
	if all || len(ids) > maxRows {
		fresh, err := read(condition)
		slices.SortFunc(fresh, compare)
		return fresh, err
	}
	which, args := in("id", ids, nil)
	fresh, err := read(condition+" AND "+which, args...)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(fresh, compare)
	out := make([]T, 0, len(before)+len(fresh))
	for i := range before {
		if c.rows[table][string(id(&before[i]))] {
			continue
		}
		for len(fresh) > 0 && compare(fresh[0], before[i]) < 0 {
			out, fresh = append(out, fresh[0]), fresh[1:]
		}
		out = append(out, before[i])
	}
	return append(out, fresh...), nil
}

func (t *tx) siteMachines(site *keptSite, c *change) (err error) {
	site.Machines, err = renew(t, site.Machines, c, "machine", `deleted_at IS NULL`,
		func(m *composa.Machine) composa.MachineID { return m.ID }, t.machines,
		func(a, b composa.Machine) int {
			return cmp.Or(composa.NaturalCompare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		})
	return err
}

func (t *tx) siteClaims(site *keptSite, c *change) (err error) {
	site.Claims, err = renew(t, site.Claims, c, "claim", `closed_at IS NULL`,
		func(c *composa.Claim) composa.ClaimID { return c.ID }, t.claims,
		func(a, b composa.Claim) int { return cmp.Or(a.TakenAt.Compare(b.TakenAt), cmp.Compare(a.ID, b.ID)) })
	return err
}

func (t *tx) siteOperations(site *keptSite, c *change) (err error) {
	site.Operations, err = renew(t, site.Operations, c, "operation", `ended_at IS NULL`,
		func(op *composa.Operation) composa.OperationID { return op.ID }, t.wholeOperations,
		func(a, b composa.Operation) int {
			return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
	return err
}

func (t *tx) sitePools(site *keptSite, c *change) (err error) {
	if !c.has("pool") {
		return nil
	}
	site.Pools, err = t.pools(`1 = 1`)
	slices.SortFunc(site.Pools, func(a, b composa.Pool) int {
		return cmp.Or(composa.NaturalCompare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return err
}

// siteFabrics reads the fabrics with their pictures, and the devices.
func (t *tx) siteFabrics(site *keptSite, c *change) error {
	if !c.has("fabric", "observed", "device") {
		return nil
	}
	pictures, err := t.pictures()
	if err != nil {
		return err
	}
	if !c.has("fabric", "device") {
		site.Fabrics = slices.Clone(site.Fabrics)
		t.s.show(site, pictures)
		return nil
	}
	rows, err := t.fabrics()
	if err != nil {
		return err
	}
	site.Fabrics = make([]composa.Fabric, len(rows))
	for i, f := range rows {
		site.Fabrics[i] = f.Fabric
	}
	t.s.show(site, pictures)
	return t.siteDevices(site, c, rows)
}

// show gives the fabrics of a site their pictures.
func (s *Store) show(site *keptSite, pictures map[composa.FabricName]*observed) {
	site.Pictures = make(map[composa.FabricName]*composa.Picture, len(site.Fabrics))
	for i := range site.Fabrics {
		f := &site.Fabrics[i]
		f.Reach.Seen, f.Reach.Stale = time.Time{}, false
		o := pictures[f.Name]
		if o == nil {
			continue
		}
		site.Pictures[f.Name] = o.picture
		if o.picture.Complete {
			f.Reach.Seen = o.picture.Began
			f.Reach.Stale = o.picture.Began.Before(s.opened)
		}
	}
}

// siteDevices reads the parts that are not gone, with the pools they were put
// into: those that changed, where they
// are known, else those of the fabrics where any did.
func (t *tx) siteDevices(site *keptSite, c *change, rows []fabricRow) (err error) {
	byPlace := func(a, b composa.Device) int {
		return cmp.Or(composa.NaturalCompare(string(a.Fabric), string(b.Fabric)), composa.NaturalCompare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	}
	parts := make(map[composa.FabricName]int64, len(rows))
	for _, f := range rows {
		parts[f.Name] = f.parts
	}
	was := site.parts
	site.parts = parts
	if _, all := c.ids("device"); !all {
		site.listed, err = renew(t, site.listed, c, "device", `gone_at IS NULL`,
			func(d *composa.Device) composa.DeviceID { return d.ID }, t.devices, byPlace)
		return err
	}
	if maps.Equal(was, parts) {
		return nil
	}
	of := map[composa.FabricName][]composa.Device{}
	for first := range site.listed {
		if name := site.listed[first].Fabric; of[name] == nil {
			n := first
			for n < len(site.listed) && site.listed[n].Fabric == name {
				n++
			}
			of[name] = site.listed[first:n]
		}
	}
	lists := make([][]composa.Device, len(rows))
	for i, f := range rows {
		if before, known := was[f.Name]; known && before == f.parts {
			lists[i] = of[f.Name]
			continue
		}
		if lists[i], err = t.devices(`fabric = $1 AND gone_at IS NULL`, string(f.Name)); err != nil {
			return err
		}
		slices.SortFunc(lists[i], byPlace)
	}
	site.listed = slices.Concat(lists...)
	return nil
}
