package placement

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
)

// maxOffers bounds how many counter-offers are tried, and maxPools how many other
// pools.
const (
	maxOffers = 8
	maxPools  = 4
)

// How near an offer is to what was asked, the nearest first.
const (
	elsewhere = iota // all of it, on a fabric that was not named
	nearly           // all of it, a size less by under a tenth
	fewer            // at least half of each entry
	relaxed          // all of it, without one of the conditions of an entry
	few              // less than half
)

// offer is a request that asks less.
type offer struct {
	class  int
	amount float64 // how much less it is, within the class
	trial  *trial  // where it is to fit; nil: wherever it does
	entry  []composa.Entry
	pool   string
	less   []composa.Relaxed
	proven bool // that it fits is known already
}

// nearest is the nearest request that fits now; nil where none does.
func (q *query) nearest() *composa.Nearest {
	var offers []offer
	for _, t := range q.trials {
		if t.entries == nil {
			continue
		}
		if o, ok := t.fewer(); ok {
			offers = append(offers, o)
		}
		if o, ok := t.relax(); ok {
			offers = append(offers, o)
		}
	}
	offers = append(offers, q.otherwise()...)
	slices.SortStableFunc(offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.amount, b.amount))
	})
	tried := 0
	for i := range offers {
		o := &offers[i]
		if o.proven {
			return q.told(o, o.trial.fabric.Name)
		}
		if tried++; tried > maxOffers || q.over() {
			continue
		}
		if fabric := q.fitsOffer(o); fabric != "" {
			return q.told(o, fabric)
		}
	}
	return nil
}

// fewer offers as many devices as one fabric has together: with all devices that
// were named, and with a compute node where one was asked for.
func (t *trial) fewer() (offer, bool) {
	q := t.query
	got := t.most(true)
	if sum(got) == 0 || !q.useful(got) {
		return offer{}, false
	}
	o := offer{class: fewer, amount: float64(q.total() - sum(got)), trial: t, pool: q.request.Pool, proven: true}
	for i, e := range q.entries {
		if 2*got[i] < e.Count {
			o.class = few
		}
		if got[i] < e.Count {
			less := composa.Relaxed{Entry: e.Key, What: "count", From: fmt.Sprint(e.Count)}
			if got[i] > 0 {
				less.To = fmt.Sprint(got[i])
			}
			o.less = append(o.less, less)
		}
		if e.Count = got[i]; e.Count > 0 {
			o.entry = append(o.entry, e)
		}
	}
	return o, true
}

func (q *query) useful(got []int) bool {
	cpus, asked := 0, false
	for i, e := range q.entries {
		if (len(e.Places) > 0 || e.IPMI != "") && got[i] < e.Count {
			return false
		}
		if e.Kind == composa.KindCPU {
			cpus, asked = cpus+got[i], true
		}
	}
	return q.request.Machine != nil || !asked || cpus > 0
}

// relax offers the request with one condition less of each entry that is short.
func (t *trial) relax() (offer, bool) {
	q := t.query
	o := offer{class: nearly, trial: t, entry: slices.Clone(q.entries), pool: q.request.Pool}
	for i := range q.entries {
		e := &o.entry[i]
		need := e.Count - t.entries[i].left - t.entries[i].lostAt(stageTogether)
		if need <= 0 {
			continue
		}
		less, class, amount, ok := t.relaxEntry(i, e, need)
		if !ok {
			return offer{}, false
		}
		less.Entry = e.Key
		o.less, o.class, o.amount = append(o.less, less), max(o.class, class), o.amount+amount
	}
	return o, len(o.less) > 0
}

// relaxEntry takes the one condition from an entry that changes it least and
// yields as many devices more as are needed.
func (t *trial) relaxEntry(entry int, e *composa.Entry, need int) (less composa.Relaxed, class int, amount float64, ok bool) {
	best := -1
	for c := range t.slack[entry] {
		s, of := &t.slack[entry][c], &t.query.conditions[entry][c]
		if of.what == "" || s.devices < need {
			continue
		}
		cl, am, to := relaxed, 1.0, int64(0)
		if of.field != "" && len(s.values) >= need {
			want := e.Min[of.field]
			to = roundDown(of.field, greatestBut(s.values, need))
			if am = float64(want-to) / float64(want); am < 0.1 {
				cl = nearly
			}
		}
		if ok && (cl > class || cl == class && am >= amount) {
			continue
		}
		best, class, amount, ok = c, cl, am, true
		less = composa.Relaxed{What: of.what, From: of.from}
		if to > 0 {
			less.To = composa.Quantity(to).Of(of.field)
		}
	}
	if ok {
		t.without(e, &t.query.conditions[entry][best], less.To)
	}
	return less, class, amount, ok
}

// without takes a condition from an entry, or lowers it to a size.
func (t *trial) without(e *composa.Entry, c *condition, to string) {
	switch c.stage {
	case stageModel:
		e.Model = ""
	case stageWhere:
		e.Where = ""
	case stageMin:
		min := map[string]int64{}
		for field, n := range e.Min {
			min[field] = n
		}
		delete(min, c.field)
		if n, err := composa.ParseQuantity(to); err == nil {
			min[c.field] = n
		}
		e.Min = min
	}
}

// greatestBut is the nth greatest of values.
func greatestBut(values []int64, n int) int64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)-n]
}

// roundDown writes a size as people do: as it is where that is short, else three
// digits of it.
func roundDown(field string, value int64) int64 {
	if field != "memory" && field != "size" && field != "speed" || value < 1000 {
		return value
	}
	digits := len(strconv.FormatInt(value, 10))
	step := int64(math.Pow10(digits - 3))
	rounded := value / step * step
	if len(composa.Quantity(value).Of(field)) <= len(composa.Quantity(rounded).Of(field)) {
		return value
	}
	return rounded
}

// otherwise offers all of it on any fabric, from no pool, or from another pool of
// the project.
func (q *query) otherwise() []offer {
	r := &q.request
	if r.Machine != nil || slices.ContainsFunc(q.entries, func(e composa.Entry) bool { return len(e.Places) > 0 }) {
		return nil
	}
	var out []offer
	if len(r.Fabrics) > 0 {
		out = append(out, offer{class: elsewhere, entry: q.entries, pool: r.Pool, less: []composa.Relaxed{{What: "fabric", From: fabricsText(r.Fabrics)}}})
	}
	pools := append(poolNames(q.site, r.Project), "")
	slices.SortFunc(pools, composa.NaturalCompare)
	for _, name := range pools[:min(len(pools), maxPools+1)] {
		if name != r.Pool {
			out = append(out, offer{class: relaxed, amount: 0.5, entry: q.entries, pool: name, less: []composa.Relaxed{{What: "pool", From: orNo(r.Pool), To: name}}})
		}
	}
	return out
}

func orNo(pool string) string {
	if pool == "" {
		return "none"
	}
	return pool
}

// fitsOffer tries an offer and returns the fabric on which it fits; empty: none.
func (q *query) fitsOffer(o *offer) composa.FabricName {
	r := q.request
	r.Entries, r.Pool = o.entry, o.pool
	switch {
	case o.trial != nil:
		r.Fabrics = []composa.FabricName{o.trial.fabric.Name}
	case o.class == elsewhere:
		r.Fabrics = nil
	}
	again, err := q.again(r)
	if err != nil {
		return ""
	}
	best := again.best()
	if best == nil {
		return ""
	}
	return best.fabric.Name
}

// told is an offer as data.
func (q *query) told(o *offer, fabric composa.FabricName) *composa.Nearest {
	n := &composa.Nearest{Fabric: fabric, Counts: map[composa.Kind]int{}, Entries: o.entry, Pool: o.pool, Relaxed: o.less}
	for _, e := range o.entry {
		n.Counts[e.Kind] += e.Count
	}
	if o.class == elsewhere {
		n.Relaxed[0].To = string(fabric)
	}
	n.Text = nearestText(n)
	switch q.request.Verb {
	case composa.VerbCompose:
		n.Write = composa.WishFlags([]composa.FabricName{fabric}, o.pool, o.entry)
		if n.Write != "" && n.Counts[composa.KindCPU] == 0 {
			n.Write += " --cpu 0" // where none is written, compose asks for one
		}
		if n.Write != "" && q.request.P2P {
			n.Write += " --p2p"
		}
	case composa.VerbPlug:
		n.Write = composa.WishFlags(nil, "", o.entry)
	}
	return n
}

func fabricsText(names []composa.FabricName) string {
	words := make([]string, 0, len(names))
	for _, name := range names {
		words = append(words, string(name))
	}
	return strings.Join(words, ",")
}
