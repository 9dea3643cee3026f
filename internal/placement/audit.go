package placement

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

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
	s.far = s.far || !near(miss) || s.miss.field != "" && (!sameAsked(s.miss, miss))
	s.miss = miss
}

func sameAsked(a, b verdict) bool {
	return a.field == b.field && a.operator == b.operator && a.want == b.want
}

// near says whether a size was missed by less than a tenth of what is asked.
func near(v verdict) bool {
	off := v.want - v.have
	return v.field != "" && v.want > 0 && max(off, -off) <= (v.want-1)/10
}

// nearly marks a condition as missed by little.
func (f *follow) nearly(stage int, k composa.Kind, s *slack) {
	i := slices.IndexFunc(f.lost, func(r removed) bool { return r.stage == stage && r.condition == s.miss.why })
	if i < 0 {
		return
	}
	n := &composa.NearMiss{
		Kind: k, Field: s.miss.field, Operator: s.miss.operator, Want: s.miss.want,
		Least: slices.Min(s.values), Most: slices.Max(s.values),
	}
	who := "every " + string(k) + " that would do has"
	switch {
	case f.left > 0 && s.devices == 1:
		who = "the one " + string(k) + " that misses it has"
	case f.left > 0:
		who = fmt.Sprintf("the %d %s that miss it have", s.devices, k)
	case s.devices == 1:
		who = "the one " + string(k) + " that would do has"
	}
	n.Text = who + " " + nearText(n)
	f.lost[i].near = n
}

// asks are the comparisons as an account says what is asked.
var asks = map[string]string{">": "more than ", "<": "less than ", "<=": "at most "}

// nearText tells how closely devices missed a size: "memory 39.5 GB, 40 GB is
// asked: 1.2 % short".
func nearText(n *composa.NearMiss) string {
	farthest, way := n.Least, "short"
	if strings.HasPrefix(n.Operator, "<") {
		farthest, way = n.Most, "over"
	}
	digits := 4
	for farthest != n.Want && digits < 19 && amount(n, farthest, digits) == amount(n, n.Want, digits) {
		digits++
	}
	has := amount(n, farthest, digits)
	if n.Least != n.Most {
		has = amount(n, n.Least, digits) + " to " + amount(n, n.Most, digits)
	}
	text := fmt.Sprintf("%s %s, %s%s is asked", n.Field, has, asks[n.Operator], amount(n, n.Want, digits))
	if farthest == n.Want {
		return text
	}
	by := percent(n.Want-farthest, n.Want)
	if n.Least != n.Most && !strings.HasPrefix(by, "less") {
		by = "at most " + by
	}
	return text + ": " + by + " " + way
}

// percent is a difference of less than a tenth as people read it.
func percent(off, of int64) string {
	switch p := 100 * math.Abs(float64(off)/float64(of)); {
	case p < 0.1:
		return "less than 0.1 %"
	case p > 9.9:
		return "9.9 %"
	default:
		return strconv.FormatFloat(p, 'g', 2, 64) + " %"
	}
}

// amount is a value of a size in the unit in which it is asked.
func amount(n *composa.NearMiss, value int64, digits int) string {
	unit, factor := unitOf(n.Field, n.Want)
	text := strconv.FormatFloat(float64(value)/factor, 'f', -1, 64)
	if short := strconv.FormatFloat(float64(value)/factor, 'g', digits, 64); !strings.Contains(short, "e") {
		text = short
	}
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
