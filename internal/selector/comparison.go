package selector

import (
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
	field  int
	whole  int64
	broken bool    // want counts, not whole
	want   float64 // the constant as a person reads it
	holds  func(order int) bool
}

func (n numeric) of(d *composa.Device, _ bool, _ *meter) truth {
	have := fields[n.field].number(d)
	if have == 0 {
		return without(n.field)
	}
	if !n.broken {
		return said(n.holds(order(have, n.whole)))
	}
	return said(n.holds(orderBroken(have, n.want)))
}

func order(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// orderBroken orders a whole and a broken number exactly.
func orderBroken(a int64, b float64) int {
	switch {
	case b >= math.MaxInt64:
		return -1
	case b < math.MinInt64:
		return 1
	}
	floor := math.Floor(b)
	if o := order(a, int64(floor)); o != 0 || floor == b {
		return o
	}
	return -1
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
