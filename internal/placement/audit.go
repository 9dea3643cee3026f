package placement

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/composa-dev/composa"
)

// slack is what one condition of an entry keeps from serving by itself: free
// devices that meet all others.
type slack struct {
	devices int
	values  []int64 // what they have, where it is known and the condition is a size
	miss    verdict // of one of them, where all missed a size nearly
	far     bool    // one of them did not
}

// audit notes, for entries that are short, what each condition alone keeps from
// serving, and which of them were missed nearly.
func (t *trial) audit() {
	q := t.query
	t.slack = make([][]slack, len(t.entries))
	standings := t.standings()
	for at, d := range q.site.DevicesOf(t.fabric.Name) {
		if q.over() { // nothing can be said of all
			t.slack = make([][]slack, len(t.entries))
			return
		}
		if standings[at] != "" {
			continue
		}
		for _, i := range q.ofKind[d.Kind] {
			if t.entries[i].left < q.entries[i].Count {
				t.auditDevice(i, d)
			}
		}
	}
	for i := range t.slack {
		for c := range t.slack[i] {
			if s := &t.slack[i][c]; s.devices > 0 && !s.far {
				t.entries[i].nearly(q.conditions[i][c].stage, q.entries[i].Kind, s)
			}
		}
	}
}

// auditDevice counts a free device with the one condition that it does not meet.
func (t *trial) auditDevice(entry int, d *composa.Device) {
	only, miss := -1, verdict{}
	t.query.spend(len(t.query.conditions[entry]))
	for c := range t.query.conditions[entry] {
		v := t.query.conditions[entry][c].test(d)
		if v.why == "" {
			continue
		}
		if only >= 0 {
			return
		}
		only, miss = c, v
	}
	if only < 0 {
		return
	}
	if t.slack[entry] == nil {
		t.slack[entry] = make([]slack, len(t.query.conditions[entry]))
	}
	s := &t.slack[entry][only]
	s.devices++
	if miss.field != "" {
		s.values = append(s.values, miss.have)
	}
	s.far = s.far || !near(miss) || s.miss.field != "" && (s.miss.field != miss.field || s.miss.want != miss.want)
	s.miss = miss
}

// near says whether a size was missed by less than a tenth of what is asked.
func near(v verdict) bool {
	off := float64(v.want) - float64(v.have)
	return v.field != "" && v.want > 0 && max(off, -off) < float64(v.want)/10
}

// nearly marks a condition as missed by little.
func (f *follow) nearly(stage int, k composa.Kind, s *slack) {
	i := slices.IndexFunc(f.lost, func(r removed) bool { return r.stage == stage && r.condition == s.miss.why })
	if i < 0 {
		return
	}
	n := &composa.NearMiss{Kind: k, Field: s.miss.field, Want: s.miss.want, Least: slices.Min(s.values), Most: slices.Max(s.values)}
	n.Text = nearText(n, s.devices)
	f.lost[i].near = n
}

// nearText tells how closely devices missed a size: "every gpu has 39.5 GB, 40
// GB is asked: 1.3 % short".
func nearText(n *composa.NearMiss, devices int) string {
	// Of what missed it the other way, an upper bound, the farthest has the most.
	farthest, way := n.Least, "short"
	if n.Least > n.Want {
		farthest, way = n.Most, "over"
	}
	off := 100 * float64(n.Want-farthest) / float64(n.Want)
	who, has, by := "every "+string(n.Kind), amount(n, farthest), fmt.Sprintf("%s %%", strconv.FormatFloat(max(off, -off), 'g', 2, 64))
	if devices == 1 {
		who = "the one " + string(n.Kind)
	}
	if n.Least != n.Most {
		has = amount(n, n.Least) + " to " + amount(n, n.Most)
		by = "at most " + by
	}
	return fmt.Sprintf("%s that would do has %s %s, %s is asked: %s %s", who, n.Field, has, amount(n, n.Want), by, way)
}

// amount is a value of a size in the unit in which it is asked.
func amount(n *composa.NearMiss, value int64) string {
	unit, factor := unitOf(n.Field, n.Want)
	text := strconv.FormatFloat(float64(value)/factor, 'g', 4, 64)
	if unit == "" {
		return text
	}
	return text + " " + unit
}

// unitOf is the unit in which people write a size.
func unitOf(field string, value int64) (unit string, factor float64) {
	type scale struct {
		unit   string
		factor int64
	}
	var scales []scale
	switch field {
	case "memory", "size":
		scales = []scale{{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}}
	case "speed":
		scales = []scale{{"Tb/s", 1e12}, {"Gb/s", 1e9}, {"Mb/s", 1e6}}
	}
	for _, s := range scales {
		if value >= s.factor && value%s.factor == 0 {
			return s.unit, float64(s.factor)
		}
	}
	for _, s := range scales {
		if value >= s.factor {
			return s.unit, float64(s.factor)
		}
	}
	return "", 1
}
