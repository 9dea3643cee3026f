package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// The stages of the conditions: the order in which they apply.
const (
	stageNamed = iota
	stageIPMI
	stageModel
	stageMin
	stageWhere
	stagePool
	stageHealth
	stageCordon
	stageHygiene
	stageUse
	stageUnit
	stageTogether
)

// condition is one thing that an entry asks of each device, made ready once for
// a placement.
type condition struct {
	stage int
	// what and from tell it in a counter-offer that asks less: "model", "A100".
	what, from string
	field      string // of a least; empty: another condition
	test       func(d *composa.Device) verdict
}

// verdict is what a condition says of a device.
type verdict struct {
	// why is empty where the device meets it, else as a refusal counts it. What
	// is not known meets nothing.
	why string
	// field, operator, have and want tell a size that was missed, as ">=" or
	// "<"; field is empty where none was.
	field, operator string
	have, want      int64
}

// learning is the verdict on a device whose details are not read yet.
var learning = verdict{why: "details not known yet"}

// conditionsOf makes the conditions of an entry ready, in the order in which
// they apply.
func (s *shared) conditionsOf(e *composa.Entry) ([]condition, error) {
	var out []condition
	if len(e.Places) > 0 {
		out = append(out, oneOf(e.Places))
	}
	if e.IPMI != "" {
		out = append(out, condition{stage: stageIPMI, test: func(d *composa.Device) verdict {
			return known(d, "ipmi", d.Facts.IPMI != "", d.Facts.IPMI == e.IPMI, "ipmi is not "+e.IPMI)
		}})
	}
	if e.Model != "" {
		out = append(out, model(e.Model))
	}
	for _, field := range slices.Sorted(maps.Keys(e.Min)) {
		out = append(out, least(field, e.Min[field]))
	}
	if e.Where == "" {
		return out, nil
	}
	x, err := s.where(e.Where)
	return append(out, condition{stage: stageWhere, what: "where", from: e.Where, test: func(d *composa.Device) verdict {
		return s.verdict(x, d)
	}}), err
}

// known is the verdict on a detail: whether it is told, and whether it is met.
func known(d *composa.Device, what string, told, met bool, why string) verdict {
	switch {
	case d.Facts.Learning:
		return learning
	case !told:
		return verdict{why: what + " not known"}
	case !met:
		return verdict{why: why}
	}
	return verdict{}
}

// oneOf are the devices of a fabric that an entry names: all of them lie in one.
func oneOf(places []composa.Place) condition {
	names := make(map[string]bool, len(places))
	for _, p := range places {
		names[p.Name()] = true
	}
	return condition{stage: stageNamed, test: func(d *composa.Device) verdict {
		if names[d.Name] {
			return verdict{}
		}
		return verdict{why: "not named"}
	}}
}

// model is any part of a model's name as it is shown, the vendor before it, in
// any case.
func model(part string) condition {
	type shown struct{ vendor, model string }
	seen := map[shown]bool{} // a site has few models
	low, why := strings.ToLower(part), "model is not like "+part
	return condition{stage: stageModel, what: "model", from: part, test: func(d *composa.Device) verdict {
		of := shown{d.Facts.Vendor, d.Facts.Model}
		met, tried := seen[of]
		if !tried {
			met = strings.Contains(strings.ToLower(strings.TrimSpace(of.vendor+" "+of.model)), low)
			seen[of] = met
		}
		return known(d, "model", of.model != "", met, why)
	}}
}

// least is the least that a field of a device must be.
func least(field string, want int64) condition {
	from := composa.Quantity(want).Of(field)
	why := field + " below " + from
	return condition{stage: stageMin, what: "min " + field, from: from, field: field, test: func(d *composa.Device) verdict {
		have := d.Number(field)
		v := known(d, field, have != 0, have >= want, why)
		if v.why == why {
			v.field, v.operator, v.have, v.want = field, ">=", have, want
		}
		return v
	}}
}

// maxShown is how much of an expression a refusal repeats.
const maxShown = 60

// unfit says which condition of an entry a device does not meet first.
func (q *query) unfit(entry int, d *composa.Device) (stage int, why string) {
	if stage, why = q.unfitPlainly(entry, d); why != "" {
		return stage, why
	}
	return q.unfitWhere(entry, d)
}

// unfitPlainly leaves out where, which may cost much.
func (q *query) unfitPlainly(entry int, d *composa.Device) (stage int, why string) {
	q.spend(1 + len(q.conditions[entry]))
	for i := range q.conditions[entry] {
		c := &q.conditions[entry][i]
		if c.stage == stageWhere {
			break
		}
		if v := c.test(d); v.why != "" {
			return c.stage, v.why
		}
	}
	return 0, ""
}

// unfitWhere is what where says, the last condition of an entry that has one.
func (q *query) unfitWhere(entry int, d *composa.Device) (stage int, why string) {
	if q.entries[entry].Where == "" {
		return 0, ""
	}
	list := q.conditions[entry]
	return stageWhere, list[len(list)-1].test(d).why
}

// freeStage is where in the order of conditions a reason of WhyNotFree stands.
func freeStage(why string) int {
	switch {
	case strings.Contains(why, "pool"):
		return stagePool
	case why == string(composa.HealthDegraded), why == string(composa.HealthFailed), why == string(composa.HealthMissing):
		return stageHealth
	case why == "cordoned":
		return stageCordon
	case strings.HasPrefix(why, "not erased"):
		return stageHygiene
	}
	return stageUse
}

// prepare makes the conditions of all entries ready.
func (q *query) prepare() error {
	q.conditions = make([][]condition, len(q.entries))
	q.ofKind = map[composa.Kind][]int{}
	for i := range q.entries {
		e := &q.entries[i]
		var err error
		if q.conditions[i], err = q.conditionsOf(e); err != nil {
			return composa.Errorf(composa.CodeOf(err), "%s: %v", q.begin, fmt.Errorf("the %s devices: %w", e.Kind, err))
		}
		q.ofKind[e.Kind] = append(q.ofKind[e.Kind], i)
	}
	return nil
}
