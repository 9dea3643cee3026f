package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// choice is the choice on the best fabric, with its account.
func (q *query) choice(best *trial) *Choice {
	x := composa.Explanation{Fabric: best.fabric.Name, Chosen: best.chosen()}
	x.Fabrics, x.MoreFabrics = q.accounts(best)
	x.Cut = q.over()
	why := []string{q.whyFabric(best)}
	for _, c := range x.Chosen {
		if c.Kind == composa.KindGPU && q.p2p() {
			why = append(why, best.whySwitches())
			break
		}
	}
	if n := best.pick.used; n > 0 {
		why = append(why, fmt.Sprintf("%d of the drives may still hold data of this project", n))
	}
	x.Text = why[0]
	return &Choice{Fabric: best.fabric.Name, Bound: best.bound(), Why: why, Explanation: x}
}

// whyFabric says why this fabric.
func (q *query) whyFabric(best *trial) string {
	name := best.fabric.Name
	var others []*trial // that fit too
	for _, t := range q.trials {
		if t.fits && t != best {
			others = append(others, t)
		}
	}
	switch {
	case q.request.Machine != nil:
		return fmt.Sprintf("%q is on %s", q.request.Name, name)
	case len(q.trials) == 1 && len(q.request.Fabrics) != 1 && slices.ContainsFunc(q.entries, named):
		return fmt.Sprintf("the devices named are on %s", name)
	case len(q.trials) == 1 && len(q.site.Fabrics) > 1:
		return fmt.Sprintf("%s was asked for", name)
	case len(q.trials) == 1:
		return fmt.Sprintf("%s is the only fabric", name)
	case len(others) == 0:
		return fmt.Sprintf("%s is the only fabric of %d that fits now", name, len(q.trials))
	}
	// What sets it apart from the best of the others decided.
	slices.SortStableFunc(others, q.compare)
	next, fit := others[0], len(others)+1
	switch {
	case q.p2p() && len(next.pick.switches) != len(best.pick.switches):
		return fmt.Sprintf("%s fits best of %d: it has the gpu devices under the fewest switches", name, fit)
	case next.waiting != best.waiting:
		return fmt.Sprintf("%s has the least waiting of %d that fit: %s", name, fit, stepsText(best.waiting))
	}
	for _, k := range q.scarce {
		if next.free[k] != best.free[k] {
			return fmt.Sprintf("%s fits best of %d: it has only %d %s that would do, so that more stays whole elsewhere", name, fit, best.free[k], k)
		}
	}
	return fmt.Sprintf("%s fits best of %d: as well as %s, and comes first by name", name, fit, next.fabric.Name)
}

func named(e composa.Entry) bool { return len(e.Places) > 0 }

// against says what spoke against a fabric that fits too: the first rule that
// sets the best one apart from it.
func (q *query) against(t, best *trial) string {
	name := best.fabric.Name
	switch {
	case q.p2p() && len(t.pick.switches) != len(best.pick.switches):
		return fmt.Sprintf("its gpu devices would be under %d switches, those of %s are under %d", len(t.pick.switches), name, len(best.pick.switches))
	case t.waiting != best.waiting:
		return fmt.Sprintf("%s there, %s on %s", stepsText(t.waiting), waitText(best.waiting), name)
	}
	for _, k := range q.scarce {
		if t.free[k] != best.free[k] {
			return fmt.Sprintf("it has %d %s that would do and %s has %d: the smaller block is used first", t.free[k], k, name, best.free[k])
		}
	}
	return fmt.Sprintf("as good as %s, which comes first by name", name)
}

func stepsText(n int) string {
	switch n {
	case 0:
		return "no step waits"
	case 1:
		return "1 step waits"
	}
	return fmt.Sprintf("%d steps wait", n)
}

func waitText(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// whySwitches says under which switches the gpu devices are, for peer-to-peer.
func (t *trial) whySwitches() string {
	switch n := len(t.pick.switches); {
	case n == 1 && t.pick.switches[0] != "":
		return fmt.Sprintf("for peer-to-peer all gpu devices are under %s", t.pick.switches[0])
	case n == 1:
		return fmt.Sprintf("%s does not tell under which switch its gpu devices are", t.fabric.Name)
	}
	return fmt.Sprintf("no one switch has the gpu devices for peer-to-peer: they are under %s", strings.Join(t.pick.switches, ", "))
}

// chosen tells entry by entry what was chosen and which rules decided.
func (t *trial) chosen() []composa.ChosenEntry {
	var out []composa.ChosenEntry
	for i, devices := range t.pick.assigned {
		e := &t.query.entries[i]
		c := composa.ChosenEntry{Entry: e.Key, Kind: e.Kind, Why: t.whyDevices(i, devices)}
		for _, d := range devices {
			c.Places = append(c.Places, d.Place())
		}
		out = append(out, c)
	}
	return out
}

// whyDevices says why an entry got these devices and not others.
func (t *trial) whyDevices(entry int, devices []*composa.Device) []string {
	e := &t.query.entries[entry]
	left := t.entries[entry].left
	switch {
	case len(e.Places) > 0:
		return []string{"named"}
	case left == len(devices):
		return []string{"all that would do"}
	}
	var why []string
	if e.Kind == composa.KindGPU && t.query.p2p() {
		why = append(why, t.whySwitches())
	} else if text := t.whyBlock(entry, devices); text != "" {
		why = append(why, text)
	}
	if text := t.whyClean(entry, devices); text != "" {
		why = append(why, text)
	}
	if slices.ContainsFunc(devices, func(d *composa.Device) bool { return d.Unit != "" }) {
		why = append(why, "some move together with others of their unit")
	}
	if len(why) == 0 {
		why = append(why, t.whyPlaces(entry, devices))
	}
	return why
}

// whyPlaces says that the lowest places were taken, where they were: of those
// that go together with the rest and that no other entry was given.
func (t *trial) whyPlaces(entry int, devices []*composa.Device) string {
	given := map[*composa.Device]bool{}
	for i, list := range t.pick.assigned {
		for _, d := range list {
			given[d] = i != entry
		}
	}
	var could []candidate
	for _, it := range t.within(t.pick.domain) {
		for _, c := range it.devices {
			if c.serves&(1<<entry) != 0 && !given[c.device] {
				could = append(could, c)
			}
		}
	}
	slices.SortFunc(could, func(a, b candidate) int { return cmp.Compare(a.order, b.order) })
	lowest := slices.EqualFunc(could[:len(devices)], devices, func(c candidate, d *composa.Device) bool { return c.device == d })
	switch n := len(could); {
	case !lowest:
		return "small blocks before big ones, so that all entries are served"
	case n == t.entries[entry].left:
		return fmt.Sprintf("the lowest of %d that would do", n)
	case n == len(devices):
		return "all that the other entries and the domain leave"
	default:
		return fmt.Sprintf("the lowest of %d that the other entries and the domain leave", n)
	}
}

// whyBlock says that small blocks were used up first; empty where that did not
// decide: where the entry could be served from one block only.
func (t *trial) whyBlock(entry int, devices []*composa.Device) string {
	k := t.query.entries[entry].Kind
	could := map[string]bool{}
	for _, it := range t.items {
		for i := range it.devices {
			if c := &it.devices[i]; c.serves&(1<<entry) != 0 {
				could[c.device.Facts.Switch] = true
			}
		}
	}
	names, largest, all := []string{}, 0, len(could)
	for _, d := range devices {
		if could[d.Facts.Switch] {
			delete(could, d.Facts.Switch)
			names = append(names, d.Facts.Switch)
			largest = max(largest, t.blocks[block{k, d.Facts.Switch}])
		}
	}
	bigger := false
	for name := range could {
		size := t.blocks[block{k, name}]
		if size < largest {
			return ""
		}
		bigger = bigger || size > largest
	}
	if len(could) == 0 {
		return ""
	}
	slices.SortFunc(names, composa.NaturalCompare)
	under := "under " + strings.Join(names, ", ")
	if names[0] == "" {
		under = strings.Join(append([]string{"under no switch that is told"}, names[1:]...), ", ")
	}
	if !bigger {
		return fmt.Sprintf("%s, the first of %d blocks that are as large", under, all)
	}
	return fmt.Sprintf("%s, the smallest of %d blocks: bigger ones stay whole", under, all)
}

// whyClean says how clean drives and those that may hold data were chosen
// between; empty where there was nothing to choose.
func (t *trial) whyClean(entry int, devices []*composa.Device) string {
	used := 0
	for _, d := range devices {
		if (&candidate{device: d}).used() {
			used++
		}
	}
	couldBeUsed := slices.ContainsFunc(t.items, func(it item) bool {
		return slices.ContainsFunc(it.devices, func(c candidate) bool { return c.serves&(1<<entry) != 0 && c.used() })
	})
	switch {
	case used > 0:
		return fmt.Sprintf("clean before used: %d may still hold data of this project", used)
	case couldBeUsed:
		return "clean before used"
	}
	return ""
}
