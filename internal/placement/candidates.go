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
	entries []follow          // one an entry of the request; nil: not examined
	items   []item            // what can serve, each taken whole or not at all
	free    map[composa.Kind]int
	blocks  map[block]int // free devices of a kind under one switch
	// domained is set where something that can serve, or that the machine has,
	// goes only with some.
	domained bool
	fits     bool  // some of the items fill the entries
	waiting  int   // how much work waits there
	pick     *pick // nil: not chosen here, or nothing fits

	followed bool      // see follow
	untold   bool      // what keeps it from serving was not found within the budget
	slack    [][]slack // see audit; by entry, by condition
}

// follow is one entry on its way through the conditions.
type follow struct {
	had, left int
	lost      []removed
	// later are devices that are not free and of which where is not asked yet.
	later []taken
}

// taken is a device with the reason why it is not free.
type taken struct {
	device *composa.Device
	why    string
}

// removed counts what one condition removed. Stages are the order in which
// conditions apply.
type removed struct {
	stage     int
	condition string
	count     int
	near      *composa.NearMiss
}

// candidate is a device and the entries that it can serve, a bit each.
type candidate struct {
	device *composa.Device
	serves uint64
	order  int // in natural order of name
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
			t.domained = t.domained || len(d.Domains) > 0
		}
	}
}

// examine applies the conditions to every device of the fabric that is of a kind
// that is asked for, or moves together with others.
func (t *trial) examine() {
	q := t.query
	devices := q.site.DevicesOf(t.fabric.Name)
	t.entries = make([]follow, len(q.entries))
	t.free, t.blocks = map[composa.Kind]int{}, map[block]int{}
	alone := make([]candidate, 0, len(devices)) // of it each item has its own one
	t.items = make([]item, 0, len(devices))
	units := map[string][]candidate{}
	var names []string
	standings := t.standings()
	for at, d := range devices {
		if q.over() {
			return
		}
		if d.Unit == "" && len(q.ofKind[d.Kind]) == 0 {
			continue
		}
		why := standings[at]
		c := candidate{device: d, serves: t.serves(d, why), order: at}
		if why == "" {
			t.blocks[block{d.Kind, d.Facts.Switch}]++
		}
		t.domained = t.domained || c.serves != 0 && len(d.Domains) > 0
		switch {
		case d.Unit != "":
			if units[d.Unit] == nil {
				names = append(names, d.Unit)
			}
			units[d.Unit] = append(units[d.Unit], c)
		case c.serves != 0:
			t.free[d.Kind]++
			alone = append(alone, c)
			t.items = append(t.items, item{devices: alone[len(alone)-1 : len(alone) : len(alone)], used: c.used()})
		}
	}
	for _, name := range names {
		t.addUnit(units[name])
	}
}

// standing is of which devices, and for whom, it is asked why they are not free.
// That is asked once a placement, whatever is tried beside the request itself.
type standing struct {
	fabric composa.FabricName
	pool   composa.PoolID
}

// standings are why each device of the fabric is not free for the request, in the
// order of [composa.Site.DevicesOf]. What operations under way will give back
// counts as free where the question is what comes later.
func (t *trial) standings() []string {
	q := t.query
	of := standing{t.fabric.Name, q.pool}
	why, known := q.standings[of]
	if !known {
		why = q.site.WhyNotFreeOf(of.fabric, q.request.Project, q.pool)
		q.standings[of] = why
	}
	if q.freeing == nil {
		return why
	}
	why = slices.Clone(why)
	for i, d := range q.site.DevicesOf(of.fabric) {
		if _, comes := q.freeing[d.ID]; comes && why[i] == "claimed" {
			why[i] = ""
		}
	}
	return why
}

// mayFit says whether as many devices are free as are asked for, whatever they
// are: where not, nothing else need be looked at.
func (t *trial) mayFit() bool {
	free := 0
	for _, why := range t.standings() {
		if why == "" {
			free++
		}
	}
	return free >= t.query.total()
}

// serves says which entries a device can serve, and counts why it cannot. Where,
// which may cost much, is asked of free devices only; of the others where an
// account is given (settle).
func (t *trial) serves(d *composa.Device, why string) uint64 {
	q := t.query
	var mask uint64
	for _, i := range q.ofKind[d.Kind] {
		f := &t.entries[i]
		f.had++
		stage, condition := q.unfitPlainly(i, d)
		switch {
		case condition != "":
		case why != "" && q.entries[i].Where != "":
			f.later = append(f.later, taken{d, why})
			continue
		case why != "":
			stage, condition = freeStage(why), why
		default:
			stage, condition = q.unfitWhere(i, d)
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

// settle asks where of the devices that are not free, as far as the budget goes,
// and puts what was lost in the order in which the conditions apply.
func (t *trial) settle() {
	q := t.query
	for i := range t.entries {
		f := &t.entries[i]
		for _, l := range f.later {
			stage, condition := freeStage(l.why), l.why
			if s, c := q.unfitWhere(i, l.device); c != "" && !q.over() {
				stage, condition = s, c
			}
			f.lose(stage, condition, 1)
		}
		f.later = nil
		slices.SortFunc(f.lost, func(a, b removed) int {
			return cmp.Or(cmp.Compare(a.stage, b.stage), strings.Compare(a.condition, b.condition))
		})
	}
}

func (f *follow) lose(stage int, condition string, n int) {
	i := slices.IndexFunc(f.lost, func(r removed) bool { return r.stage == stage && r.condition == condition })
	if i < 0 {
		f.lost = append(f.lost, removed{stage: stage, condition: condition, count: n})
		return
	}
	f.lost[i].count += n
}

// used says whether the device may hold data.
func (c *candidate) used() bool {
	return c.device.Kind.Keeping() && c.device.Hygiene == composa.HygieneUsed
}

// addUnit makes devices that move together an item; where one of them cannot
// serve none of them can.
func (t *trial) addUnit(devices []candidate) {
	it := item{devices: devices}
	whole := true
	for i := range devices {
		whole = whole && devices[i].serves != 0
		it.used = it.used || devices[i].used()
	}
	if whole {
		for _, c := range devices {
			t.free[c.device.Kind]++
		}
		t.items = append(t.items, it)
		return
	}
	for _, c := range devices {
		for i := range t.entries {
			if c.serves&(1<<i) != 0 {
				t.entries[i].left--
				t.entries[i].lose(stageUnit, "move together with what is not free or not asked for", 1)
			}
		}
	}
}
