package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// refuse explains why nothing fits.
func (q *query) refuse() error {
	r := &composa.Explanation{}
	for _, t := range q.trials {
		if t.entries != nil {
			t.audit()
			t.follow()
		}
	}
	r.Nearest = q.nearest()
	r.Earliest = q.earliest()
	r.Text = q.text()
	r.Fabrics, r.MoreFabrics = q.accounts(nil)
	r.Cut = q.over()
	e := composa.Errorf(composa.CodeRefused, "%s: %s", q.begin, r.Text)
	e.Refusal = r
	if next := q.next(r.Nearest); next != "" {
		e = e.WithNext("%s", next)
	}
	return e
}

// next says what to ask instead.
func (q *query) next(n *composa.Nearest) string {
	if i, _, _ := q.shortest(); i >= 0 && q.entries[i].Kind == composa.KindCPU && len(q.entries[i].Places) == 0 {
		switch {
		case q.pool != "" && !q.inPool(composa.KindCPU):
			return fmt.Sprintf("pool %s has no compute node: composa pool add %[1]s FABRIC/CPU", q.request.Pool)
		case q.entries[i].Count > 1:
			return "--cpu counts compute nodes, not cores"
		}
	}
	if n == nil {
		return ""
	}
	return n.Text
}

// nearestText tells a counter-offer in a sentence.
func nearestText(n *composa.Nearest) string {
	text := fmt.Sprintf("the nearest that fits now is %s, on %s", countsText(n.Counts), n.Fabric)
	for _, r := range n.Relaxed {
		if r.What != "count" && r.What != "fabric" {
			text += ", " + r.String()
		}
	}
	return text
}

// inPool says whether the pool of the request has a device of a kind.
func (q *query) inPool(k composa.Kind) bool {
	return slices.ContainsFunc(q.site.Devices, func(d composa.Device) bool { return d.Kind == k && d.Pool == q.pool })
}

// usable are the fabrics that are not out as a whole.
func (q *query) usable() []*trial {
	return slices.DeleteFunc(slices.Clone(q.trials), func(t *trial) bool { return t.reason != "" })
}

// shortest finds the first entry that no usable fabric can fill, and where the
// most of it is; -1 where each entry can be had somewhere.
func (q *query) shortest() (entry, most int, where *trial) {
	for i, e := range q.entries {
		most, where = 0, nil
		for _, t := range q.usable() {
			// What concerns all entries together is told as that.
			if n := t.entries[i].left + t.entries[i].lostAt(stageTogether); where == nil || n > most {
				most, where = n, t
			}
		}
		if where != nil && most < e.Count {
			return i, most, where
		}
	}
	return -1, 0, nil
}

// text is the shortest true reason.
func (q *query) text() string {
	usable := q.usable()
	if len(usable) == 0 {
		return q.allOut()
	}
	who, one := q.who(usable)
	i, most, where := q.shortest()
	if i < 0 {
		return q.apart(who, one, usable)
	}
	e := q.entries[i]
	if len(e.Places) > 0 {
		return q.placeText(where, i)
	}
	switch {
	case most == 0 && one:
		return fmt.Sprintf("%s has no free %s", who, q.describe(e, 1))
	case most == 0:
		return fmt.Sprintf("%s has a free %s", who, q.describe(e, 1))
	case one:
		return fmt.Sprintf("%s has %d free %s, %d are wanted", who, most, q.describe(e, most), e.Count)
	}
	return fmt.Sprintf("%s has %d free %s; the most is %d, in %s", who, e.Count, q.describe(e, e.Count), most, where.fabric.Name)
}

// who names those that were looked at.
func (q *query) who(usable []*trial) (who string, one bool) {
	switch {
	case len(q.trials) == 1:
		return string(q.trials[0].fabric.Name), true
	case len(usable) == 1:
		return fmt.Sprintf("%s, the only fabric that can serve now,", usable[0].fabric.Name), true
	case len(usable) < len(q.trials):
		return fmt.Sprintf("none of the %d fabrics that can serve now", len(usable)), false
	}
	return "no fabric", false
}

func (q *query) allOut() string {
	if len(q.trials) == 0 {
		return "the site has no fabric"
	}
	var reasons []string
	for _, t := range q.trials {
		reasons = append(reasons, fmt.Sprintf("%s: %s", t.fabric.Name, t.reason))
	}
	if len(reasons) == 1 {
		return reasons[0]
	}
	return "no fabric can serve now: " + strings.Join(reasons, "; ")
}

// apart is the reason where each entry can be had and not all together.
func (q *query) apart(who string, one bool, usable []*trial) string {
	text := who + " has all of it together"
	if one {
		text = who + " does not have all of it together"
		for _, f := range usable[0].entries {
			if i := slices.IndexFunc(f.lost, func(l removed) bool { return l.stage == stageTogether }); i >= 0 {
				return fmt.Sprintf("%s: %d %s", text, f.lost[i].count, f.lost[i].condition)
			}
		}
	}
	return text
}

// placeText says why a named device cannot be had.
func (q *query) placeText(t *trial, entry int) string {
	e := &q.entries[entry]
	for _, p := range e.Places {
		d := q.site.At(p)
		why := q.site.WhyNotFree(d, q.request.Project, q.pool)
		_, condition := q.unfit(entry, d)
		switch {
		case condition != "" && !q.over():
			return fmt.Sprintf("%s does not serve: %s", p, condition)
		case why == "claimed":
			return fmt.Sprintf("%s is %s", p, q.holder(d))
		case why == "cordoned":
			return fmt.Sprintf("%s is cordoned: %s", p, d.Cordon.Reason)
		case why != "":
			return fmt.Sprintf("%s is %s", p, why)
		}
	}
	for _, p := range e.Places {
		if d := q.site.At(p); d.Unit != "" {
			return fmt.Sprintf("%s moves together with the rest of its unit %s, which is not free or not asked for", p, d.Unit)
		}
	}
	return fmt.Sprintf("%s cannot give the devices named", t.fabric.Name)
}

// holder says who has a claimed device, as far as the project may know.
func (q *query) holder(d *composa.Device) string {
	c := q.site.Claim(d.ID)
	if c == nil {
		return "in use"
	}
	m := q.site.Machine(c.Machine)
	switch {
	case c.Purpose == composa.PurposeReleasing:
		return "being given back"
	case m == nil || m.Project != q.request.Project:
		return "claimed"
	case q.request.Machine != nil && m.ID == q.request.Machine.ID:
		return fmt.Sprintf("in %q already", m.Name)
	}
	return fmt.Sprintf("claimed by %q", m.Name)
}

// describe names what an entry asks for: "gpu devices like A100".
func (q *query) describe(e composa.Entry, n int) string {
	text := string(e.Kind) + " devices"
	if n == 1 {
		text = string(e.Kind) + " device"
	}
	if e.Model != "" {
		text += " like " + e.Model
	}
	if e.IPMI != "" {
		text += " with ipmi " + e.IPMI
	}
	for _, field := range slices.Sorted(maps.Keys(e.Min)) {
		text += fmt.Sprintf(" with %s %s or more", field, composa.Quantity(e.Min[field]).Of(field))
	}
	if e.Where != "" {
		text += " where " + composa.Abridge(e.Where, maxShown)
	}
	if q.request.Pool != "" {
		text += " in pool " + q.request.Pool
	}
	return text
}

// countsText tells counts by kind: "1 cpu, 8 gpu".
func countsText(counts map[composa.Kind]int) string {
	var out []string
	for _, k := range composa.Kinds() {
		if counts[k] > 0 {
			out = append(out, fmt.Sprintf("%d %s", counts[k], k))
		}
	}
	return strings.Join(out, ", ")
}
