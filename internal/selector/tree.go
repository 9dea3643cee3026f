package selector

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/composa-dev/composa"
)

// truth is what a condition says of a device: yes, no, or that it cannot be
// told.
type truth struct {
	is answer
	// field is, of an untold truth, the first field that is missing; -1 where
	// none is: a label that is not set, a division by zero, too much cost.
	field int
}

type answer int8

const (
	no answer = iota
	untold
	yes
)

func said(b bool) truth {
	if b {
		return truth{is: yes}
	}
	return truth{is: no}
}

func without(field int) truth { return truth{untold, field} }

// undecided is the less telling of two untold truths: a field that is missing
// goes before other reasons, the first field before later ones.
func undecided(a, b truth) truth {
	if a.field < 0 || b.field >= 0 && b.field < a.field {
		return b
	}
	return a
}

// node is a part of a condition. A condition is split at its ands, ors and nots,
// so that plain comparisons are made without CEL.
type node interface {
	of(d *composa.Device, free bool, m *meter) truth
}

// and holds where all hold, and fails where one fails, whatever the others say.
type and []node

func (n and) of(d *composa.Device, free bool, m *meter) truth {
	out := truth{is: yes}
	for _, part := range n {
		switch t := part.of(d, free, m); {
		case t.is == no:
			return t
		case t.is == untold && out.is == untold:
			out = undecided(out, t)
		case t.is == untold:
			out = t
		}
	}
	return out
}

// or holds where one holds, whatever the others say.
type or []node

func (n or) of(d *composa.Device, free bool, m *meter) truth {
	out := truth{is: no}
	for _, part := range n {
		switch t := part.of(d, free, m); {
		case t.is == yes:
			return t
		case t.is == untold && out.is == untold:
			out = undecided(out, t)
		case t.is == untold:
			out = t
		}
	}
	return out
}

// not turns yes and no round; what is not told stays so.
type not struct{ node }

func (n not) of(d *composa.Device, free bool, m *meter) truth {
	t := n.node.of(d, free, m)
	switch t.is {
	case yes:
		t.is = no
	case no:
		t.is = yes
	}
	return t
}

// constantly is a condition that asks nothing of the device.
type constantly bool

func (n constantly) of(*composa.Device, bool, *meter) truth { return said(bool(n)) }

// program is a condition that CEL evaluates.
type program struct{ cel.Program }

func (n program) of(d *composa.Device, free bool, m *meter) truth {
	if m.empty() {
		return without(-1)
	}
	// An error is among the values: a label that is not set, a limit passed.
	val, details, _ := n.Eval(&view{device: d, free: free})
	m.count(details)
	return truthOf(val)
}

func truthOf(val ref.Val) truth {
	switch v := val.(type) {
	case types.Bool:
		return said(bool(v))
	case *types.Unknown:
		for i := range fields {
			if v.Contains(missing[i]) {
				return without(i)
			}
		}
	}
	return without(-1)
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
	return value(i, v.device, v.free), true
}

// Parent is nil: a view stands alone.
func (v *view) Parent() cel.Activation { return nil }
