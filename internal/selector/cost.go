package selector

import (
	"cmp"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"

	"github.com/composa-dev/composa"
)

// What the texts of a device are taken to be long at most when the cost of an
// expression is estimated, in characters. A device that has longer ones costs
// more; the limit while it is evaluated bounds that.
const (
	maxText = 128
	// surely is the estimated cost up to which nothing is counted while an
	// expression is evaluated: it cannot come near the limit.
	surely = MaxCost / 10
)

// sizes tells CEL how large the fields of a device can be.
type sizes struct{}

func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	most := uint64(maxText)
	switch path[len(path)-1] {
	case "device.labels":
		most = composa.MaxLabels
	case "@keys":
		most = composa.MaxLabelKey
	case "@values":
		most = composa.MaxLabelValue
	}
	return &cost.SizeEstimate{Min: 0, Max: most}
}

// EstimateCallCost tells what our own functions cost.
func (z sizes) EstimateCallCost(_, overload string, target *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	if overload != lowerOverload || target == nil {
		return nil
	}
	size := (*target).ComputedSize()
	if size == nil {
		size = z.EstimateSize(*target)
	}
	if size == nil {
		return nil
	}
	return &cost.CallEstimate{CostEstimate: size.MultiplyByCostFactor(0.1), ResultSize: size}
}

// checkCost refuses what may cost too much for one device.
func (b *builder) checkCost(checked *cel.Ast) *Problem {
	estimate, err := b.env.EstimateCost(checked, sizes{})
	if err != nil {
		return b.source.problem(-1, "", "its cost cannot be told: %v", err)
	}
	b.cost = estimate.Max
	if estimate.Max > MaxCost {
		return b.source.problem(-1, "leave out exists and all in each other, and long texts", "it may cost %d for one device, %d are allowed", estimate.Max, uint64(MaxCost))
	}
	return nil
}

// meter adds up what the devices of a list cost. A nil one counts nothing.
type meter struct {
	spent uint64
	limit uint64 // zero: MaxListCost
}

func (m *meter) empty() bool { return m != nil && m.spent > cmp.Or(m.limit, MaxListCost) }

// count adds what one evaluation cost, where CEL counted it; where it did not it
// cost little.
func (m *meter) count(details *cel.EvalDetails) {
	if m == nil {
		return
	}
	m.spent += surely / 10
	if details != nil && details.ActualCost() != nil {
		m.spent += *details.ActualCost()
	}
}
