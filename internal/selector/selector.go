// Package selector reads and applies where expressions: conditions on a device,
// written in CEL, the language with which Kubernetes selects devices. An
// attribute that a fabric does not tell is unknown, and unknown is not false:
// no device matches because of it, under negation neither.
package selector

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/composa-dev/composa"
)

// Limits of an expression. MaxExpression is its longest text in characters,
// MaxCost what one device may cost at most, in CEL's units: about one for each
// operation and for each ten characters compared.
const (
	MaxExpression = composa.MaxWhere
	MaxCost       = 1000
	maxDepth      = 32
	maxRegexp     = 500 // instructions of a compiled regular expression
)

// Selector is a compiled expression. It is safe for many goroutines.
type Selector struct {
	expr    string
	program cel.Program
}

// Verdict says whether a device matches, and why not.
type Verdict struct {
	Met bool
	// Unknown is the attribute that the fabric does not tell and on which it
	// depends whether the device matches; empty where it does not.
	Unknown string
	// Miss is the one numeric condition that the device misses while it meets
	// all others; not OK where there is no such condition.
	Miss Miss
}

// Miss is a numeric condition that a device misses.
type Miss struct {
	Field string
	Have  float64
	Want  float64
	OK    bool
}

// Details is what a Verdict calls unknown while the fabric's details of a
// device are not read yet.
const Details = "details"

// String is the expression as it was written.
func (s *Selector) String() string { return s.expr }

// Compile reads an expression of somebody who may not see serial numbers.
func Compile(expr string) (*Selector, error) { return CompileFor(expr, false) }

// CompileFor reads an expression; device.serial and device.ipmi are refused to
// those who may not see them.
func CompileFor(expr string, seesSerials bool) (*Selector, error) {
	return cache.get(expr, seesSerials)
}

// Match applies the selector to a device. free is whether it could be given
// out now.
func (s *Selector) Match(d *composa.Device, free bool) Verdict {
	if d.Facts.Learning {
		return Verdict{Unknown: Details}
	}
	val, _, err := s.program.Eval(&view{device: d, free: free})
	if err != nil {
		return Verdict{}
	}
	switch v := val.(type) {
	case types.Bool:
		return Verdict{Met: bool(v)}
	case *types.Unknown:
		return Verdict{Unknown: firstOf(v)}
	}
	return Verdict{}
}

// view shows a device to CEL.
type view struct {
	device *composa.Device
	free   bool
}

// ResolveName returns a field of the device: unknown where it is not told.
func (v *view) ResolveName(name string) (any, bool) {
	i, ok := byVariable[name]
	if !ok {
		return nil, false
	}
	return fields[i].value(i, v.device, v.free), true
}

// Parent is nil: a view stands alone.
func (v *view) Parent() cel.Activation { return nil }

// firstOf is the first field, in the order of fields, that an unknown comes of.
func firstOf(u *types.Unknown) string {
	for i := range fields {
		if u.Contains(untold[i]) {
			return fields[i].name
		}
	}
	return Details
}
