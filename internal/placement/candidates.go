package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// trial is what one fabric can give a request.
type trial struct {
	query  *query
	fabric *composa.Fabric
	reason string // why the fabric as a whole is out; empty: it is not

	have    []*composa.Device // what the machine keeps
	room    int               // how many more devices it may take
	entries []follow          // one an entry of the request
	items   []item            // what can serve, each taken whole or not at all
	free    map[composa.Kind]int
	blocks  map[block]int // free devices of a kind under one switch
	pick    *pick         // nil: nothing fits
}

// follow is one entry on its way through the conditions.
type follow struct {
	had, left int
	lost      []removed
}

// removed counts what one condition removed. Stages are the order in which
// conditions apply.
type removed struct {
	stage     int
	condition string
	count     int
}

// candidate is a device and the entries that it can serve, a bit each.
type candidate struct {
	device *composa.Device
	serves uint64
}

// item is what is taken whole or not at all: one device, or all of one unit.
type item struct {
	devices []candidate // natural order of name
	used    bool        // one of them may hold data
}

// block is the devices of a kind under one switch.
type block struct {
	kind composa.Kind
	name string
}

// The stages of the conditions.
const (
	stageNamed = iota
	stageIPMI
	stageModel
	stagePool
	stageHealth
	stageCordon
	stageHygiene
	stageUse
	stageUnit
	stageTogether
)

// out says why a fabric cannot serve at all.
func (t *trial) out() string {
	f, q := t.fabric, t.query
	able := f.Abilities
	if p := q.site.Pictures[f.Name]; able == nil && p != nil {
		able = p.Abilities
	}
	switch {
	case f.ReadOnly() != nil:
		return cmp.Or(f.ReadOnly().Why, "only observed")
	case f.Reach.Silent():
		return silence(f.Reach, q.site.Now)
	case q.site.Pictures[f.Name] == nil || able == nil:
		return "never seen yet"
	case q.request.Machine != nil && able.Reshape == composa.ReshapeNever:
		return "it cannot change the devices of a machine"
	case q.request.P2P && !able.Can(composa.ActP2P):
		return "it has no peer-to-peer"
	}
	t.readMachine()
	t.room = composa.MaxCount - len(t.have)
	if able.MaxDevices > 0 {
		t.room = min(t.room, able.MaxDevices-len(t.have))
	}
	_, wanted := q.kinds()
	if cpus := wanted[composa.KindCPU]; able.Make == composa.MakeHosted {
		switch {
		case q.request.Machine == nil && cpus != 1:
			return fmt.Sprintf("a machine there is one compute node, not %d", cpus)
		case q.request.Machine != nil && cpus > 0:
			return "a machine there is one compute node and can have no other"
		}
	}
	return ""
}

func silence(r composa.FabricReach, now time.Time) string {
	since := r.SilentSince.UTC()
	layout := "15:04:05"
	if now.Sub(since) >= 24*time.Hour {
		layout = "2006-01-02 15:04:05"
	}
	text := "silent since " + since.Format(layout)
	if r.Reason != "" {
		text += ": " + r.Reason
	}
	return text
}

// readMachine notes what the machine of the request keeps.
func (t *trial) readMachine() {
	r := &t.query.request
	if r.Machine == nil {
		return
	}
	for _, b := range t.query.site.Binding(r.Machine.ID) {
		leaves := slices.ContainsFunc(r.Leaving, func(l composa.Bound) bool { return l.Device.ID == b.Device.ID })
		if d := t.query.site.Device(b.Device.ID); d != nil && !leaves {
			t.have = append(t.have, d)
		}
	}
}

// examine applies the conditions to every device of the fabric.
func (t *trial) examine() {
	q := t.query
	t.entries = make([]follow, len(q.entries))
	t.free, t.blocks = map[composa.Kind]int{}, map[block]int{}
	_, wanted := q.kinds()
	units := map[string][]candidate{}
	var names []string
	for i := range q.site.Devices {
		d := &q.site.Devices[i]
		if d.Fabric != t.fabric.Name || wanted[d.Kind] == 0 && d.Unit == "" {
			continue
		}
		why := q.site.WhyNotFree(d, q.request.Project, q.pool)
		c := candidate{device: d, serves: t.serves(d, why)}
		if why == "" {
			t.blocks[block{d.Kind, d.Facts.Switch}]++
		}
		if c.serves != 0 {
			t.free[d.Kind]++
		}
		key := "alone " + d.Name
		if d.Unit != "" {
			key = "unit " + d.Unit
		}
		if units[key] == nil {
			names = append(names, key)
		}
		units[key] = append(units[key], c)
	}
	for _, key := range names {
		t.addItem(units[key])
	}
	for i := range t.entries {
		slices.SortFunc(t.entries[i].lost, func(a, b removed) int {
			return cmp.Or(cmp.Compare(a.stage, b.stage), strings.Compare(a.condition, b.condition))
		})
	}
}

// serves says which entries a device can serve, and counts why it cannot.
func (t *trial) serves(d *composa.Device, why string) uint64 {
	var mask uint64
	for i := range t.query.entries {
		e, f := &t.query.entries[i], &t.entries[i]
		if e.Kind != d.Kind {
			continue
		}
		f.had++
		stage, condition := unfit(e, d)
		if condition == "" && why != "" {
			stage, condition = freeStage(why), why
		}
		if condition != "" {
			f.lose(stage, condition, 1)
			continue
		}
		f.left++
		mask |= 1 << i
	}
	return mask
}

// unfit says which condition of an entry a device does not meet. What is not
// known meets none.
func unfit(e *composa.Entry, d *composa.Device) (stage int, condition string) {
	if len(e.Places) > 0 && !slices.Contains(e.Places, d.Place()) {
		return stageNamed, "not named"
	}
	for _, c := range []struct {
		stage          int
		what, want, is string
		met            bool
	}{
		{stageIPMI, "ipmi", e.IPMI, d.Facts.IPMI, e.IPMI == d.Facts.IPMI},
		{stageModel, "model", e.Model, d.Facts.Model, like(d.Facts, e.Model)},
	} {
		switch {
		case c.want == "":
		case d.Facts.Learning:
			return c.stage, "details not known yet"
		case c.is == "":
			return c.stage, c.what + " not known"
		case !c.met && c.stage == stageIPMI:
			return c.stage, "ipmi is not " + c.want
		case !c.met:
			return c.stage, "model is not like " + c.want
		}
	}
	return 0, ""
}

// like says whether part is any part of a model's name as it is shown, the
// vendor before it, in any case.
func like(f composa.Facts, part string) bool {
	return strings.Contains(strings.ToLower(strings.TrimSpace(f.Vendor+" "+f.Model)), strings.ToLower(part))
}

// freeStage is where in the order of conditions a reason of WhyNotFree stands.
func freeStage(why string) int {
	switch {
	case strings.Contains(why, "pool"):
		return stagePool
	case slices.Contains([]string{string(composa.HealthDegraded), string(composa.HealthFailed), string(composa.HealthMissing)}, why):
		return stageHealth
	case why == "cordoned":
		return stageCordon
	case strings.HasPrefix(why, "not erased"):
		return stageHygiene
	}
	return stageUse
}

func (f *follow) lose(stage int, condition string, n int) {
	i := slices.IndexFunc(f.lost, func(r removed) bool { return r.stage == stage && r.condition == condition })
	if i < 0 {
		f.lost = append(f.lost, removed{stage, condition, n})
		return
	}
	f.lost[i].count += n
}

// addItem makes devices that move together an item; where one of them cannot
// serve none of them can.
func (t *trial) addItem(devices []candidate) {
	slices.SortFunc(devices, func(a, b candidate) int { return composa.NaturalCompare(a.device.Name, b.device.Name) })
	it := item{devices: devices}
	whole := true
	for _, c := range devices {
		whole = whole && c.serves != 0
		it.used = it.used || c.device.Kind.Keeping() && c.device.Hygiene == composa.HygieneUsed
	}
	if whole {
		t.items = append(t.items, it)
		return
	}
	for _, c := range devices {
		if c.serves != 0 {
			t.free[c.device.Kind]--
		}
		for i := range t.entries {
			if c.serves&(1<<i) != 0 {
				t.entries[i].left--
				t.entries[i].lose(stageUnit, "move together with what is not free or not asked for", 1)
			}
		}
	}
}
