package selector

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/composa-dev/composa"
)

// naming finds names that stand for nothing, before CEL does: it knows what was
// probably meant.
type naming struct {
	*source
	info        *ast.SourceInfo
	seesSerials bool
	code        composa.Code // of the problem
	uses        uint32       // the fields that are named, by bit
	local       []string     // variables of the macros around
}

// check walks the expression and returns the first name that is wrong.
func (n *naming) check(e ast.Expr) *Problem {
	n.code = composa.CodeInvalid
	switch e.Kind() {
	case ast.LiteralKind:
		if v, unsigned := e.AsLiteral().(types.Uint); unsigned {
			return n.problem(n.start(e), "", "no number here is unsigned: write %d", uint64(v))
		}
	case ast.IdentKind:
		return n.ident(e)
	case ast.SelectKind:
		return n.selected(e)
	case ast.CallKind:
		return n.call(e)
	case ast.ListKind:
		return n.each(e.AsList().Elements()...)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			if p := n.each(entry.AsMapEntry().Key(), entry.AsMapEntry().Value()); p != nil {
				return p
			}
		}
	case ast.StructKind:
		return n.problem(n.start(e), "", "%s{…} makes nothing here", e.AsStruct().TypeName())
	case ast.ComprehensionKind:
		return n.comprehension(e.AsComprehension(), e)
	}
	return nil
}

func (n *naming) each(list ...ast.Expr) *Problem {
	for _, e := range list {
		if p := n.check(e); p != nil {
			return p
		}
	}
	return nil
}

// start is the offset of a part of the expression; -1 where CEL does not tell.
func (n *naming) start(e ast.Expr) int {
	if r, ok := n.info.GetOffsetRange(e.ID()); ok {
		return int(r.Start)
	}
	return -1
}

func (n *naming) ident(e ast.Expr) *Problem {
	name := e.AsIdent()
	switch {
	case slices.Contains(n.local, name), slices.ContainsFunc(constants, func(c constant) bool { return c.name == name }):
		return nil
	case name == "device":
		return n.problem(n.start(e), "write device.memory, device.kind, …", "device is asked by its fields")
	case slices.ContainsFunc(fields, func(f field) bool { return f.name == name }):
		return n.problem(n.start(e), "", "there is no %s by itself: did you mean device.%s?", name, name)
	}
	for _, meant := range []string{"true", "false", "device"} {
		if strings.EqualFold(name, meant) {
			return n.problem(n.start(e), "", "there is no %s: did you mean %s?", name, meant)
		}
	}
	if meant := unitMeant(name); meant != "" {
		return n.problem(n.start(e), "", "there is no unit %s: did you mean %s?", name, meant)
	}
	if meant := composa.Nearly(name, fieldNames()); meant != "" && len(name) > 3 {
		return n.problem(n.start(e), "", "there is no %s: did you mean device.%s?", composa.Abridge(name, 40), meant)
	}
	return n.problem(n.start(e), "if it is text, put it in quotes: \""+composa.Abridge(name, 40)+"\"", "there is no %s", composa.Abridge(name, 40))
}

func (n *naming) selected(e ast.Expr) *Problem {
	s := e.AsSelect()
	if s.Operand().Kind() != ast.IdentKind || s.Operand().AsIdent() != "device" || slices.Contains(n.local, "device") {
		return n.check(s.Operand())
	}
	name := s.FieldName()
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
	switch {
	case s.IsTestOnly():
		return n.problem(n.word("has", n.start(e)), "what a fabric does not tell matches nothing anyhow", "has asks for labels: has(device.labels.team)")
	case i < 0:
		at := n.after(n.start(e))
		if meant := composa.Nearly(name, fieldNames()); meant != "" {
			return n.problem(at, "", "device has no field %s: did you mean %s?", composa.Abridge(name, 40), meant)
		}
		return n.problem(at, "its fields are "+strings.Join(fieldNames(), ", "), "device has no field %s", composa.Abridge(name, 40))
	case fields[i].private && !n.seesSerials:
		p := n.problem(n.after(n.start(e)), "name the device by its place", "device.%s can be asked in lists only", name)
		n.code = composa.CodeNotAllowed
		return p
	}
	n.uses |= 1 << i
	return nil
}

func (n *naming) call(e ast.Expr) *Problem {
	c := e.AsCall()
	if name := c.FunctionName(); !slices.Contains(functions, name) && !slices.Contains(ownFunctions, name) {
		at := n.word(name, n.start(e))
		switch {
		case slices.Contains(macros, name):
			return n.problem(at, "write labels.exists(k, k == \"team\")", "%s wants a list or labels before it, a name and a condition", name)
		case operators.Has == name:
			return n.problem(at, "", "has asks for labels: has(device.labels.team)")
		}
		if meant := composa.Nearly(name, callable()); meant != "" && len(name) > 3 {
			return n.problem(at, "", "there is no function %s: did you mean %s?", composa.Abridge(name, 40), meant)
		}
		return n.problem(at, "there are "+strings.Join(callable(), ", "), "there is no function %s", composa.Abridge(name, 40))
	}
	if c.FunctionName() == "matches" && len(c.Args()) > 0 && c.Args()[len(c.Args())-1].Kind() != ast.LiteralKind {
		return n.problem(n.word("matches", n.start(e)), "write it in quotes: matches(\"^A[0-9]+\")", "matches wants a regular expression that is told")
	}
	if c.IsMemberFunction() {
		if p := n.check(c.Target()); p != nil {
			return p
		}
	}
	return n.each(c.Args()...)
}

// word is where a name stands that ends before offset.
func (s *source) word(name string, offset int) int {
	if at := offset - len([]rune(name)); at >= 0 && offset <= len(s.at) && string(s.at[at:offset]) == name {
		return at
	}
	return offset
}

func (n *naming) comprehension(c ast.ComprehensionExpr, e ast.Expr) *Problem {
	if p := n.check(c.IterRange()); p != nil {
		return p
	}
	for _, name := range []string{c.IterVar(), c.IterVar2()} {
		if name == "device" {
			return n.problem(n.start(e), "", "device is taken: call the variable otherwise")
		}
	}
	before := len(n.local)
	n.local = append(n.local, c.IterVar(), c.IterVar2(), c.AccuVar())
	p := n.each(c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result())
	n.local = n.local[:before]
	return p
}

// fieldNames are the names of the fields that everybody may ask.
func fieldNames() []string {
	var out []string
	for _, f := range fields {
		if !f.private {
			out = append(out, f.name)
		}
	}
	return out
}

// callable are the functions that have a name.
func callable() []string {
	var out []string
	for _, f := range slices.Concat(functions, ownFunctions, macros) {
		if f[0] >= 'a' && f[0] <= 'z' {
			out = append(out, f)
		}
	}
	return out
}
