package rest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// changePool makes a change of a pool, or only looks what it would do, and shows
// the pool as the change leaves it, whatever others make of it since.
func (s *Server) changePool(ctx context.Context, project composa.ProjectID, name string, dryRun bool, change func(composa.Who) (*composa.PoolChange, error)) (*poolOutput, error) {
	c := callOf(ctx)
	var done *composa.PoolChange // nil: an earlier request with the key did it
	err := c.once(func(who composa.Who) (err error) {
		done, err = change(who)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case done == nil:
		return s.showPool(ctx, project, name)
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	if dryRun {
		done.Revision = done.Found // the one that it is at
	}
	v = v.after(done)
	out := &poolOutput{ETag: etag(done.Revision), Body: v.pool(&done.Pool)}
	out.Body.Change = v.poolChange(done, dryRun)
	out.Body.Change.Lines = append(out.Body.Change.Lines, v.poolSize(out.Body))
	return out, nil
}

// after is the view as it would be after a change of a pool.
func (v *view) after(c *composa.PoolChange) *view {
	site := *v.site
	site.Pools = append(slices.DeleteFunc(slices.Clone(site.Pools), func(p composa.Pool) bool { return p.ID == c.ID }), c.Pool)
	to := make(map[composa.DeviceID]composa.PoolID, len(c.Moves))
	for _, m := range c.Moves {
		to[m.Device] = m.To
	}
	site.Devices = slices.Clone(site.Devices)
	for i := range site.Devices {
		if pool, moves := to[site.Devices[i].ID]; moves {
			site.Devices[i].Pool = pool
		}
	}
	return newView(v.names, v.who, site.IndexAfter(v.site))
}

func (v *view) poolChange(c *composa.PoolChange, dryRun bool) *api.PoolChange {
	out := &api.PoolChange{DryRun: dryRun, Moves: []api.PoolMove{}}
	t := poolTeller{view: v, places: map[way][]string{}, kept: map[string][]string{}}
	for _, m := range c.Moves {
		d := v.site.Device(m.Device)
		if d == nil { // gone since
			continue
		}
		move := api.PoolMove{ID: string(d.ID), Place: string(d.Place()), From: v.poolName(m.From), To: v.poolName(m.To)}
		if holder := v.holder(d); holder != nil {
			move.Machine = holder.Name
		}
		out.Moves = append(out.Moves, move)
		t.take(m, c.ID, d, move.Machine)
	}
	out.Lines = t.lines()
	return out
}

// poolName is the name of a pool that the caller may know; empty for others.
func (v *view) poolName(id composa.PoolID) string {
	if p := v.site.Pool(id); p != nil && v.who.Sees(p.Project) {
		return p.Name
	}
	return ""
}

// othersPool stands for a pool that the caller may not know.
const othersPool = "another project's pool"

// way is from which pool to which devices go, in words; empty: none.
type way struct{ from, to string }

// poolTeller tells moves of devices in sentences.
type poolTeller struct {
	view     *view
	ways     []way // in the order of their first devices
	places   map[way][]string
	machines []string // of the caller, that have some of them
	kept     map[string][]string
	others   []string // places of those that somebody else uses
}

func (t *poolTeller) take(m composa.PoolMove, changed composa.PoolID, d *composa.Device, machine string) {
	word := func(id composa.PoolID) string {
		switch name := t.view.poolName(id); {
		case id == "":
			return ""
		case name == "" && id != changed:
			return othersPool
		default:
			return "pool " + name
		}
	}
	w := way{word(m.From), word(m.To)}
	if t.places[w] == nil {
		t.ways = append(t.ways, w)
	}
	place := string(d.Place())
	t.places[w] = append(t.places[w], place)
	switch {
	case machine != "":
		if t.kept[machine] == nil {
			t.machines = append(t.machines, machine)
		}
		t.kept[machine] = append(t.kept[machine], place)
	case t.view.use(d) != composa.UseFree:
		t.others = append(t.others, place)
	}
}

func (t *poolTeller) lines() []string {
	out := []string{}
	for _, w := range t.ways {
		out = append(out, w.line(t.places[w]))
	}
	for _, m := range t.machines {
		out = append(out, fmt.Sprintf("machine %s keeps %s until it gives %s back", m, some(t.kept[m]), oneOr(t.kept[m], "it", "them")))
	}
	if len(t.others) > 0 {
		out = append(out, fmt.Sprintf("%s %s in use by others, until %s given back", some(t.others), oneOr(t.others, "is", "are"), oneOr(t.others, "it is", "they are")))
	}
	if len(out) == 0 {
		out = append(out, "no device comes into another pool")
	}
	return out
}

// line says who gets devices that go from one pool to another, and who does not
// any more.
func (w way) line(places []string) string {
	them := oneOr(places, "it", "them")
	who := func(pool string) string {
		switch pool {
		case "":
			return "requests that name no pool"
		case othersPool:
			return "that project's requests"
		}
		return "requests that name " + pool
	}
	one, many, how := "goes", "go", "from "+w.from+" to "+w.to
	switch {
	case w.from == "":
		one, many, how = "comes", "come", "into "+w.to
	case w.to == "":
		one, many, how = "leaves", "leave", w.from
	}
	return fmt.Sprintf("%s %s %s: %s get %s now, %s do not", some(places), oneOr(places, one, many), how, who(w.to), them, who(w.from))
}

// poolSize says how much of the site a pool holds, and what no machine could be
// made of.
func (v *view) poolSize(p *api.Pool) string {
	n := len(p.Devices)
	site := fmt.Sprintf("the %d devices of the site", p.Of)
	switch {
	case p.Of == 1 && n == 0:
		return fmt.Sprintf("pool %s does not hold the one device of the site", p.Name)
	case p.Of == 1:
		return fmt.Sprintf("pool %s holds the one device of the site: requests that name no pool get none", p.Name)
	case n == 0:
		return fmt.Sprintf("pool %s holds none of %s", p.Name, site)
	case n == p.Of:
		return fmt.Sprintf("pool %s holds all %d devices of the site: requests that name no pool get none", p.Name, n)
	}
	host := func(place string) bool {
		d := v.site.At(composa.Place(place))
		return d != nil && d.Kind == composa.KindCPU
	}
	line := fmt.Sprintf("pool %s holds %d of %s", p.Name, n, site)
	if !slices.ContainsFunc(p.Devices, host) {
		line += ", and no compute node: a machine takes all of its devices from one pool"
	}
	return line
}

// maxPlacesTold is how many places a sentence names; beyond them it counts.
const maxPlacesTold = 4

func some(places []string) string {
	n := len(places)
	switch {
	case n == 1:
		return places[0]
	case n <= maxPlacesTold:
		return strings.Join(places[:n-1], ", ") + " and " + places[n-1]
	}
	return fmt.Sprintf("%s and %d more", strings.Join(places[:maxPlacesTold-1], ", "), n-maxPlacesTold+1)
}

func oneOr(places []string, one, many string) string {
	if len(places) == 1 {
		return one
	}
	return many
}
