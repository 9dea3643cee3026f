package selector

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/common/operators"

	"github.com/composa-dev/composa"
)

// numbers are the comparisons of numbers, as what they say of how a device's
// number stands to the one that is wanted: -1, 0, 1.
var numbers = map[string]func(order int) bool{
	operators.Equals:        func(o int) bool { return o == 0 },
	operators.NotEquals:     func(o int) bool { return o != 0 },
	operators.Less:          func(o int) bool { return o < 0 },
	operators.LessEquals:    func(o int) bool { return o <= 0 },
	operators.Greater:       func(o int) bool { return o > 0 },
	operators.GreaterEquals: func(o int) bool { return o >= 0 },
}

// texts are the conditions on a text.
var texts = map[string]func(have, want string) bool{
	operators.Equals:        func(a, b string) bool { return a == b },
	operators.NotEquals:     func(a, b string) bool { return a != b },
	operators.Less:          func(a, b string) bool { return a < b },
	operators.LessEquals:    func(a, b string) bool { return a <= b },
	operators.Greater:       func(a, b string) bool { return a > b },
	operators.GreaterEquals: func(a, b string) bool { return a >= b },
	"contains":              strings.Contains,
	"startsWith":            strings.HasPrefix,
	"endsWith":              strings.HasSuffix,
}

// mirrored are the comparisons with their sides exchanged.
var mirrored = map[string]string{
	operators.Equals: operators.Equals, operators.NotEquals: operators.NotEquals,
	operators.Less: operators.Greater, operators.LessEquals: operators.GreaterEquals,
	operators.Greater: operators.Less, operators.GreaterEquals: operators.LessEquals,
}

// numeric compares a number of a device with a constant.
type numeric struct {
	field    int
	operator string
	want     int64
	holds    func(order int) bool // the operator's
}

func (n numeric) of(d *composa.Device, _ bool, _ *meter) truth {
	have := fields[n.field].number(d)
	if have == 0 {
		return without(n.field)
	}
	return said(n.holds(cmp.Compare(have, n.want)))
}

// wholly is the order of whole numbers with a whole one that says exactly what
// their order with a broken one does: above 1.5 is from 2 on.
func wholly(operator string, want float64) (string, int64) {
	less := operator == operators.Less || operator == operators.LessEquals
	switch {
	case want >= math.MaxInt64 && less:
		return operators.LessEquals, math.MaxInt64
	case want >= math.MaxInt64:
		return operators.Greater, math.MaxInt64
	case want < math.MinInt64 && less:
		return operators.Less, math.MinInt64
	case want < math.MinInt64:
		return operators.GreaterEquals, math.MinInt64
	case want == math.Trunc(want):
		return operator, int64(want)
	case less:
		return operators.LessEquals, int64(math.Floor(want))
	}
	return operators.GreaterEquals, int64(math.Ceil(want))
}

// textual compares a text of a device with a constant.
type textual struct {
	field int
	want  string
	holds func(have, want string) bool
}

func (n textual) of(d *composa.Device, _ bool, _ *meter) truth {
	have := fields[n.field].text(d)
	if have == "" {
		return without(n.field)
	}
	return said(n.holds(have, n.want))
}

// oneOf holds where a text is one of some constants.
type oneOf struct {
	field int
	want  []string
}

func (n oneOf) of(d *composa.Device, _ bool, _ *meter) truth {
	have := fields[n.field].text(d)
	if have == "" {
		return without(n.field)
	}
	return said(slices.Contains(n.want, have))
}

// labelled compares a label with a constant; of one that is not set nothing can
// be told.
type labelled struct {
	key, want string
	holds     func(have, want string) bool
}

func (n labelled) of(d *composa.Device, _ bool, _ *meter) truth {
	have, set := d.Labels[n.key]
	if !set {
		return without(-1)
	}
	return said(n.holds(have, n.want))
}

// hasLabel holds where a label is set.
type hasLabel string

func (n hasLabel) of(d *composa.Device, _ bool, _ *meter) truth {
	_, set := d.Labels[string(n)]
	return said(set)
}

// isFree is device.free.
type isFree struct{}

func (isFree) of(_ *composa.Device, free bool, _ *meter) truth { return said(free) }
