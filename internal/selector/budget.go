package selector

import "github.com/composa-dev/composa"

// Budget is what several selectors may cost together, over all the devices to
// which they are applied. It is for one goroutine.
type Budget struct{ meter meter }

// NewBudget returns a budget of so much, in CEL's units.
func NewBudget(limit uint64) *Budget { return &Budget{meter{limit: limit}} }

// Spent is how much was spent.
func (b *Budget) Spent() uint64 { return b.meter.spent }

// Over says that it is used up: what was asked since is not told.
func (b *Budget) Over() bool { return b.meter.empty() }

// MatchWithin applies the selector to one device. Beyond the budget only plain
// comparisons are made, and [Budget.Over] tells.
func (s *Selector) MatchWithin(b *Budget, d *composa.Device, free bool) Verdict {
	return s.match(d, free, &b.meter)
}
