package placement

import (
	"cmp"
	"slices"

	"github.com/composa-dev/composa"
)

// pick is a choice on one fabric.
type pick struct {
	assigned [][]*composa.Device // by entry, natural order of name
	switches []string            // of the gpu devices; empty name: not told
	used     int                 // keeping devices that may hold data
	domain   string
	supply   int // how many items the domain offers
}

// feasible says whether the fabric has all of it together.
func (t *trial) feasible() bool {
	if t.query.total() > t.room {
		return false
	}
	return slices.ContainsFunc(t.domains(), func(domain string) bool {
		return (&fit{want: t.want(), budget: t.query.budget}).fits(t.within(domain))
	})
}

// choose finds the best choice of the fabric, if there is one.
func (t *trial) choose() {
	for _, domain := range t.domains() {
		items := t.within(domain)
		p := t.chooseFrom(items)
		if p == nil {
			continue
		}
		p.domain, p.supply = domain, len(items)
		if t.pick == nil || betterPick(p, t.pick, t.query.p2p()) {
			t.pick = p
		}
	}
}

// betterPick compares choices in two domains of one fabric as fabrics are
// compared.
func betterPick(a, b *pick, p2p bool) bool {
	switches := 0
	if p2p {
		switches = cmp.Compare(len(a.switches), len(b.switches))
	}
	return cmp.Or(switches, cmp.Compare(a.used, b.used), cmp.Compare(a.supply, b.supply)) < 0
}

// domains are those in which the devices may meet, in natural order. The empty
// one is that of devices which go with any.
func (t *trial) domains() []string {
	if !t.domained {
		return []string{""}
	}
	var out []string
	bound := false // what the machine has already limits it
	for _, d := range t.have {
		switch {
		case len(d.Domains) == 0:
		case !bound:
			out, bound = slices.Clone(d.Domains), true
		default:
			out = slices.DeleteFunc(out, func(name string) bool { return !slices.Contains(d.Domains, name) })
		}
	}
	if !bound {
		for _, it := range t.items {
			for _, c := range it.devices {
				out = append(out, c.device.Domains...)
			}
		}
	}
	slices.SortFunc(out, composa.NaturalCompare)
	out = slices.Compact(out)
	if len(out) == 0 {
		return []string{""}
	}
	return out
}

// within are the items that may meet in a domain.
func (t *trial) within(domain string) []item {
	if !t.domained {
		return t.items
	}
	return slices.DeleteFunc(slices.Clone(t.items), func(it item) bool {
		return slices.ContainsFunc(it.devices, func(c candidate) bool {
			return len(c.device.Domains) > 0 && !slices.Contains(c.device.Domains, domain)
		})
	})
}

func (t *trial) want() []int {
	var out []int
	for _, e := range t.query.entries {
		out = append(out, e.Count)
	}
	return out
}

// chooseFrom chooses among items of one domain: for peer-to-peer from the first
// block that has all the gpu devices.
func (t *trial) chooseFrom(items []item) *pick {
	f := &fit{want: t.want(), budget: t.query.budget}
	if !f.fits(items) {
		return nil
	}
	wantsGPU := slices.ContainsFunc(t.query.entries, func(e composa.Entry) bool { return e.Kind == composa.KindGPU })
	if !t.query.p2p() || !wantsGPU {
		return t.take(f, items, t.small)
	}
	for _, name := range t.gpuBlocks(items) {
		inside := slices.DeleteFunc(slices.Clone(items), func(it item) bool {
			return slices.ContainsFunc(it.devices, func(c candidate) bool {
				return c.device.Kind == composa.KindGPU && c.device.Facts.Switch != name
			})
		})
		if p := t.take(f, inside, t.small); p != nil {
			return p
		}
	}
	return t.take(f, items, t.big)
}

// take takes the first items of an order that fill the entries.
func (t *trial) take(f *fit, items []item, size func(*composa.Device) int) *pick {
	ordered := t.prefer(items, size)
	chosen := f.first(ordered)
	if chosen == nil {
		return nil
	}
	taken := make([]item, 0, len(chosen))
	for _, i := range chosen {
		taken = append(taken, ordered[i])
	}
	return assign(f, taken)
}

// prefer orders items: by kind, clean before used, by block, then by place.
func (t *trial) prefer(items []item, size func(*composa.Device) int) []item {
	rank := map[composa.Kind]int{}
	for i, k := range composa.Kinds() {
		rank[k] = i
	}
	type ranked struct {
		item
		kind, size int
	}
	list := make([]ranked, 0, len(items))
	for _, it := range items {
		d := it.devices[0].device
		list = append(list, ranked{it, rank[d.Kind], size(d)})
	}
	slices.SortFunc(list, func(a, b ranked) int {
		return cmp.Or(
			cmp.Compare(a.kind, b.kind),
			compareBool(a.used, b.used),
			cmp.Compare(a.size, b.size),
			compareNames(a.devices[0].device.Facts.Switch, b.devices[0].device.Facts.Switch),
			cmp.Compare(a.devices[0].order, b.devices[0].order),
		)
	})
	out := make([]item, 0, len(list))
	for _, r := range list {
		out = append(out, r.item)
	}
	return out
}

func compareNames(a, b string) int {
	if a == b {
		return 0
	}
	return composa.NaturalCompare(a, b)
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// small prefers small blocks, so that big ones stay whole.
func (t *trial) small(d *composa.Device) int { return t.blocks[block{d.Kind, d.Facts.Switch}] }

// big prefers, for gpu devices that fit under no one switch, the switch of those
// that the machine has, then big blocks: so that they are under few.
func (t *trial) big(d *composa.Device) int {
	switch {
	case d.Kind != composa.KindGPU:
		return t.small(d)
	case d.Facts.Switch == "":
		return 1
	case d.Facts.Switch == t.ownSwitch():
		return -composa.MaxCount * composa.MaxCount
	}
	return -t.small(d)
}

// ownSwitch is the one switch that the machine's gpu devices are under; empty
// where there is none.
func (t *trial) ownSwitch() string {
	name, found := "", false
	for _, d := range t.have {
		switch {
		case d.Kind != composa.KindGPU:
		case found && d.Facts.Switch != name:
			return ""
		default:
			name, found = d.Facts.Switch, true
		}
	}
	return name
}

// gpuBlocks are the switches under which items have gpu devices: the machine's
// own first, then the smallest. One that is not told is none.
func (t *trial) gpuBlocks(items []item) []string {
	var out []string
	for _, it := range items {
		for _, c := range it.devices {
			if c.device.Kind == composa.KindGPU && c.device.Facts.Switch != "" {
				out = append(out, c.device.Facts.Switch)
			}
		}
	}
	slices.SortFunc(out, composa.NaturalCompare)
	out = slices.Compact(out)
	own := t.ownSwitch()
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Or(
			compareBool(a != own, b != own),
			cmp.Compare(t.blocks[block{composa.KindGPU, a}], t.blocks[block{composa.KindGPU, b}]),
		)
	})
	return out
}

// assign gives the devices of taken items to entries: in natural order of name
// to the first entry that has room, within what fills them all.
func assign(f *fit, taken []item) *pick {
	_, lots := f.lots(taken)
	devices := make([]int, len(f.classes))
	for _, s := range lots {
		for c, n := range s.devices {
			devices[c] += n * s.count
		}
	}
	_, by := f.matched(devices)
	var all []candidate
	p := &pick{assigned: make([][]*composa.Device, len(f.want))}
	for _, it := range taken {
		all = append(all, it.devices...)
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(a.order, b.order) })
	for _, c := range all {
		class := slices.Index(f.classes, c.serves)
		e := slices.IndexFunc(by[class], func(n int) bool { return n > 0 })
		by[class][e]--
		p.assigned[e] = append(p.assigned[e], c.device)
		if c.device.Kind == composa.KindGPU {
			p.switches = append(p.switches, c.device.Facts.Switch)
		}
		if c.used() {
			p.used++
		}
	}
	slices.SortFunc(p.switches, composa.NaturalCompare)
	p.switches = slices.Compact(p.switches)
	return p
}
