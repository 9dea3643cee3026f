package placement

import (
	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/selector"
)

// Limits of one placement, together for all that is tried for it: its choice, its
// account, the offers beside it. MaxConditionCost is what where expressions may
// cost over all devices, in CEL's units; MaxSteps is how many steps plain
// conditions and matching may take, about one for each condition on each device
// and each way that is looked at.
const (
	MaxConditionCost = 1_000_000
	MaxSteps         = 10_000_000
)

// budget is what is left of them. What is asked when it is used up has no answer.
type budget struct {
	conditions *selector.Budget
	steps      int
}

func newBudget(cost uint64, steps int) *budget {
	return &budget{conditions: selector.NewBudget(cost), steps: steps}
}

func (b *budget) spend(steps int) { b.steps -= steps }

func (b *budget) over() bool { return b.steps < 0 || b.conditions.Over() }

// refused is the error of a choice that was not found within the budget: whether
// there is one is not known, so that it is no refusal.
func (b *budget) refused(begin string, next string) error {
	if b.conditions.Over() {
		return composa.Errorf(composa.CodeInvalid, "%s: its conditions cost too much to tell which devices meet them", begin).
			WithNext("write them shorter, without exists, all and matches%s", next)
	}
	return composa.Errorf(composa.CodeInvalid, "%s: there are too many ways to give its entries their devices", begin).
		WithNext("ask for fewer entries, or let them ask for the same%s", next)
}

// shared is what all questions of one placement share: what was found out of the
// site, and the budget.
type shared struct {
	*budget
	site      *composa.Site
	standings map[standing][]string
	wheres    map[string]*expression
}

func newShared(site *composa.Site, b *budget) *shared {
	return &shared{budget: b, site: site, standings: map[standing][]string{}, wheres: map[string]*expression{}}
}

// expression is a where with what was found out by it.
type expression struct {
	selector *selector.Selector
	why      string // of a device that does not meet it
	// told are the verdicts that cost something.
	told map[*composa.Device]verdict
}

// where makes an expression ready, once for all who ask it.
func (s *shared) where(expr string) (*expression, error) {
	if e := s.wheres[expr]; e != nil {
		return e, nil
	}
	compiled, err := selector.Compile(expr)
	if err != nil {
		return nil, err
	}
	e := &expression{selector: compiled, why: "not where " + composa.Abridge(expr, maxShown), told: map[*composa.Device]verdict{}}
	s.wheres[expr] = e
	return e, nil
}

// verdict is what the expression says of a device. Whether it is free is asked
// besides, so that device.free holds here.
func (s *shared) verdict(e *expression, d *composa.Device) verdict {
	if len(e.told) > 0 {
		if v, ok := e.told[d]; ok {
			return v
		}
	}
	s.spend(1 + len(e.selector.String())/16)
	if s.over() {
		return verdict{why: "where costs too much to tell"}
	}
	before := s.conditions.Spent()
	seen := d
	if e.selector.Uses("health") {
		seen = s.site.AsShown(d)
	}
	got := e.selector.MatchWithin(s.conditions, seen, true)
	v := e.read(got)
	if s.conditions.Spent() != before && !s.over() {
		e.told[d] = v
	}
	return v
}

func (e *expression) read(got selector.Verdict) verdict {
	switch {
	case got.Met:
		return verdict{}
	case got.Unknown == selector.Details:
		return learning
	case got.Unknown != "":
		return verdict{why: got.Unknown + " not known"}
	}
	v := verdict{why: e.why}
	if m := got.Miss; m.OK {
		v.field, v.operator, v.have, v.want = m.Field, m.Operator, m.Have, m.Want
	}
	return v
}
