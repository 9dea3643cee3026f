// Package selector reads and applies where expressions: conditions on a device,
// written in CEL, the language with which Kubernetes selects devices. An
// attribute that a fabric does not tell is unknown, and unknown is not false:
// no device matches because of it, under negation neither.
package selector

import (
	"slices"

	"cel.dev/cel-go/common/operators"

	"github.com/composa-dev/composa"
)

// Limits of an expression. MaxExpression is its longest text in characters,
// MaxCost what one device may cost at most, in CEL's units: about one for each
// operation and for each ten characters compared, MaxPoolCost the same in the
// condition of a pool, and MaxListCost what a list of devices may cost together,
// beside comparisons of a field with a constant.
const (
	MaxExpression = composa.MaxWhere
	MaxCost       = 2000
	MaxPoolCost   = surely
	MaxListCost   = 1_000_000
	MaxDepth      = 32  // of brackets
	MaxLoops      = 2   // exists and all in each other
	MaxRegexp     = 500 // instructions of a compiled regular expression
)

// Selector is a compiled expression. It is safe for many goroutines.
type Selector struct {
	expr string
	root node
	uses uint32 // fields that it names, by bit
	cost uint64 // of one device, at most
}

// Verdict says whether a device matches, and why not.
type Verdict struct {
	Met bool
	// Unknown is the attribute that the fabric does not tell and on which it
	// depends whether the device matches; empty where it does not.
	Unknown string
	// Miss is the one least or most that the device misses while it meets all
	// other conditions; not OK where there is no such condition.
	Miss Miss
}

// Miss is a least or a most that a device misses: what it has and what was
// wanted, in the unit of the field. Operator is how it should have stood to that,
// with the field on the left: ">=", ">", "<=", "<".
type Miss struct {
	Field      string
	Operator   string
	Have, Want int64
	OK         bool
}

// Details is what a Verdict calls unknown while the fabric's details of a
// device are not read yet.
const Details = "details"

// Compile reads an expression of somebody who may not see serial numbers.
func Compile(expr string) (*Selector, error) { return CompileFor(expr, false) }

// CompileFor reads an expression; device.serial and device.ipmi are refused to
// those who may not see them. The expressions that were used last are kept. The
// cause of an error is a [*Problem], which tells the place.
func CompileFor(expr string, seesSerials bool) (*Selector, error) {
	return cache.get(expr, seesSerials)
}

// String is the expression as it was written.
func (s *Selector) String() string { return s.expr }

// Uses says whether the expression names a field of device.
func (s *Selector) Uses(field string) bool {
	i, ok := byVariable["device."+field]
	return ok && s.uses&(1<<i) != 0
}

// Match applies the selector to one device. free is whether it could be given
// out now.
func (s *Selector) Match(d *composa.Device, free bool) Verdict { return s.match(d, free, nil) }

func (s *Selector) match(d *composa.Device, free bool, m *meter) Verdict {
	if d.Facts.Learning {
		return Verdict{Unknown: Details}
	}
	t := s.root.of(d, free, m)
	switch {
	case t.is == yes:
		return Verdict{Met: true}
	case t.is == untold && t.field >= 0:
		return Verdict{Unknown: fields[t.field].name}
	case t.is == untold:
		return Verdict{}
	}
	return Verdict{Miss: s.miss(d, free, m)}
}

// shownOrders are the comparisons that can be missed by little.
var shownOrders = map[string]string{
	operators.Less: "<", operators.LessEquals: "<=", operators.Greater: ">", operators.GreaterEquals: ">=",
}

// miss is the least or the most that alone keeps a device from matching.
func (s *Selector) miss(d *composa.Device, free bool, m *meter) Miss {
	parts, ok := s.root.(and)
	if !ok {
		parts = and{s.root}
	}
	if !slices.ContainsFunc(parts, func(n node) bool { _, is := n.(numeric); return is }) {
		return Miss{} // looked at first: most expressions have none
	}
	var out Miss
	for _, part := range parts {
		t := part.of(d, free, m)
		if t.is == yes {
			continue
		}
		n, ok := part.(numeric)
		if t.is == untold || !ok || shownOrders[n.operator] == "" || out.OK {
			return Miss{}
		}
		f := &fields[n.field]
		out = Miss{Field: f.name, Operator: shownOrders[n.operator], Have: f.number(d), Want: n.want, OK: true}
	}
	return out
}

// Run applies a selector to many devices, one after the other, and ends where
// they cost more together than MaxListCost. It is for one goroutine.
type Run struct {
	selector *Selector
	meter    meter
}

// Run begins a run over devices.
func (s *Selector) Run() *Run { return &Run{selector: s} }

// Match applies the selector to the next device. Beyond the limit only plain
// comparisons are made, and [Run.Err] tells.
func (r *Run) Match(d *composa.Device, free bool) Verdict { return r.selector.match(d, free, &r.meter) }

// Cost is what the run cost so far, in the units of MaxListCost.
func (r *Run) Cost() int { return int(r.meter.spent) }

// Err says that the run passed its limit, so that what it found is not all.
func (r *Run) Err() error {
	if !r.meter.empty() {
		return nil
	}
	return newSource(r.selector.expr).problem(-1, "ask fewer devices, or leave out exists and all",
		"it costs more for these devices than the %d allowed", MaxListCost).refused(composa.CodeInvalid)
}

// Pool reads the condition of a pool; cost is what it may cost for one device.
// What changes by itself, without anybody changing the device, cannot be in it.
// It is not kept here: whoever has the pool keeps it.
func Pool(where string) (meets func(*composa.Device) bool, cost int, err error) {
	s, err := compile(where, false)
	if err != nil {
		return nil, 0, err
	}
	src := newSource(where)
	switch {
	case s.cost > MaxPoolCost:
		err = src.problem(-1, "leave out exists and all", "it may cost %d for one device, %d are allowed in a pool", s.cost, MaxPoolCost).refused(composa.CodeInvalid)
	case s.uses == 0:
		err = src.problem(-1, "write a condition on device: device.labels.team == \"vision\"", "it asks nothing of the device").refused(composa.CodeInvalid)
	case s.Uses("free"):
		err = src.problem(-1, "leave device.free out: placement takes free devices only", "a pool cannot depend on what is free").refused(composa.CodeInvalid)
	case s.Uses("health"):
		err = src.problem(-1, "leave device.health out: placement takes devices that are ok only", "a pool cannot depend on how its devices are").refused(composa.CodeInvalid)
	}
	if err != nil {
		return nil, 0, err
	}
	return func(d *composa.Device) bool { return s.Match(d, false).Met }, int(s.cost), nil
}
