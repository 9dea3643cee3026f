package selector

import (
	"math"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/composa-dev/composa"
)

// builder turns a checked expression into nodes.
type builder struct {
	env     *cel.Env
	source  *source
	ast     *ast.AST
	cost    uint64   // of the whole expression, at most
	problem *Problem // the first that was found
}

func (b *builder) build(e ast.Expr) node {
	if b.constant(e) {
		v, _ := b.fold(e).(types.Bool)
		return constantly(v)
	}
	if i := b.field(e); i >= 0 && fields[i].name == "free" {
		return isFree{}
	}
	if e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && b.isLabels(e.AsSelect().Operand()) {
		return hasLabel(e.AsSelect().FieldName())
	}
	if e.Kind() == ast.CallKind {
		c := e.AsCall()
		switch c.FunctionName() {
		case operators.LogicalAnd:
			return and(b.all(operators.LogicalAnd, c.Args()))
		case operators.LogicalOr:
			return or(b.all(operators.LogicalOr, c.Args()))
		case operators.LogicalNot:
			return not{b.build(c.Args()[0])}
		}
		if n := b.comparison(c); n != nil {
			return n
		}
	}
	return b.leaf(e)
}

// all are the parts that an operator joins, however they are bracketed.
func (b *builder) all(operator string, args []ast.Expr) []node {
	var out []node
	for _, e := range args {
		if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operator {
			out = append(out, b.all(operator, e.AsCall().Args())...)
			continue
		}
		out = append(out, b.build(e))
	}
	return out
}

// leaf is a part that CEL evaluates. What it may cost is counted only where it
// could come near the limit.
func (b *builder) leaf(e ast.Expr) node {
	b.foldWithin(e)
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if b.cost > surely {
		options = append(options, cel.CostLimit(MaxCost))
	}
	p, err := b.env.PlanProgram(b.part(e), options...)
	if err != nil {
		b.found(e, "%v", err)
		return constantly(false)
	}
	return program{p}
}

// part is a part of the expression by itself.
func (b *builder) part(e ast.Expr) *ast.AST {
	return ast.NewCheckedAST(ast.NewAST(e, b.ast.SourceInfo()), b.ast.TypeMap(), b.ast.ReferenceMap())
}

// found keeps the first problem.
func (b *builder) found(e ast.Expr, format string, args ...any) {
	if b.problem != nil {
		return
	}
	at := -1
	if r, ok := b.ast.SourceInfo().GetOffsetRange(e.ID()); ok {
		at = int(r.Start)
	}
	b.problem = b.source.problem(at, "", format, args...)
}

// field is the number of the field that an expression is; -1 if it is none.
func (b *builder) field(e ast.Expr) int {
	if e.Kind() != ast.SelectKind && e.Kind() != ast.IdentKind {
		return -1
	}
	r, ok := b.ast.ReferenceMap()[e.ID()]
	if !ok || r.Value != nil {
		return -1
	}
	if i, ok := byVariable[r.Name]; ok {
		return i
	}
	return -1
}

// constant says whether an expression asks nothing of the device.
func (b *builder) constant(e ast.Expr) bool {
	is := true
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(part ast.Expr) {
		switch part.Kind() {
		case ast.SelectKind, ast.ComprehensionKind:
			is = false
		case ast.IdentKind:
			r, ok := b.ast.ReferenceMap()[part.ID()]
			is = is && ok && r.Value != nil
		}
	}))
	return is
}

// fold is the value of a constant expression; nil, and a problem, where it has
// none.
func (b *builder) fold(e ast.Expr) ref.Val {
	p, err := b.env.PlanProgram(b.part(e), cel.CostLimit(MaxCost))
	if err == nil {
		var v ref.Val
		if v, _, err = p.Eval(cel.NoVars()); err == nil {
			return v
		}
	}
	b.found(e, "%v", err)
	return nil
}

// foldWithin finds constants that have no value, such as quantity("40XB").
func (b *builder) foldWithin(e ast.Expr) {
	switch {
	case e.Kind() == ast.CallKind && b.constant(e):
		b.fold(e)
	case e.Kind() == ast.CallKind:
		if e.AsCall().IsMemberFunction() {
			b.foldWithin(e.AsCall().Target())
		}
		for _, arg := range e.AsCall().Args() {
			b.foldWithin(arg)
		}
	case e.Kind() == ast.ListKind:
		for _, part := range e.AsList().Elements() {
			b.foldWithin(part)
		}
	}
}

// comparison is a condition of one field and constants; nil if c is none that
// is made without CEL.
func (b *builder) comparison(c ast.CallExpr) node {
	operator, args := c.FunctionName(), c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	if len(args) != 2 {
		return nil
	}
	if n := b.onLabel(operator, args[0], args[1]); n != nil {
		return n
	}
	i, other := b.field(args[0]), args[1]
	if i < 0 {
		if i, other = b.field(args[1]), args[0]; i < 0 || mirrored[operator] == "" {
			return nil
		}
		operator = mirrored[operator]
	}
	if !b.constant(other) {
		return nil
	}
	switch {
	case fields[i].number != nil && numbers[operator] != nil:
		return b.numeric(i, operator, other)
	case fields[i].text != nil && operator == operators.In:
		return b.oneOf(i, other)
	case fields[i].text != nil && texts[operator] != nil:
		want, _ := b.fold(other).(types.String)
		b.checkName(i, other, string(want), operator)
		return textual{field: i, want: string(want), holds: texts[operator]}
	}
	return nil
}

// onLabel is a condition on one label; nil if it is none that is made without
// CEL.
func (b *builder) onLabel(operator string, left, right ast.Expr) node {
	if operator == operators.In && b.isLabels(right) && b.constant(left) {
		if key, ok := b.fold(left).(types.String); ok {
			return hasLabel(key)
		}
		return nil
	}
	key, ok := b.label(left)
	if !ok || texts[operator] == nil || !b.constant(right) {
		return nil
	}
	want, ok := b.fold(right).(types.String)
	if !ok {
		return nil
	}
	return labelled{key: key, want: string(want), holds: texts[operator]}
}

func (b *builder) isLabels(e ast.Expr) bool {
	i := b.field(e)
	return i >= 0 && fields[i].name == "labels"
}

// label is the key of the label that an expression is: device.labels.team or
// device.labels["team"].
func (b *builder) label(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		return s.FieldName(), !s.IsTestOnly() && b.isLabels(s.Operand())
	case ast.CallKind:
		if c := e.AsCall(); c.FunctionName() == operators.Index && b.isLabels(c.Args()[0]) && b.constant(c.Args()[1]) {
			key, ok := b.fold(c.Args()[1]).(types.String)
			return string(key), ok
		}
	}
	return "", false
}

func (b *builder) numeric(i int, operator string, other ast.Expr) node {
	n := numeric{field: i, operator: operator}
	switch v := b.fold(other).(type) {
	case types.Int:
		n.want = int64(v)
	case types.Double:
		if math.IsNaN(float64(v)) {
			b.found(other, "this is not a number, and nothing compares with it")
			return constantly(false)
		}
		n.operator, n.want = wholly(operator, float64(v))
	default:
		b.found(other, "device.%s is compared with a number", fields[i].name)
		return constantly(false)
	}
	n.holds = numbers[n.operator]
	return n
}

func (b *builder) oneOf(i int, list ast.Expr) node {
	if list.Kind() != ast.ListKind {
		return nil
	}
	out := oneOf{field: i}
	for _, e := range list.AsList().Elements() {
		want, ok := b.fold(e).(types.String)
		if !ok {
			return nil
		}
		b.checkName(i, e, string(want), operators.Equals)
		out.want = append(out.want, string(want))
	}
	return out
}

// checkName refuses a kind or a health that no device can have.
func (b *builder) checkName(i int, e ast.Expr, word, operator string) {
	if operator != operators.Equals && operator != operators.NotEquals {
		return
	}
	var known []string
	switch fields[i].name {
	case "kind":
		for _, k := range composa.Kinds() {
			known = append(known, string(k))
		}
	case "health":
		for _, h := range []composa.Health{composa.HealthOK, composa.HealthDegraded, composa.HealthFailed, composa.HealthMissing} {
			known = append(known, string(h))
		}
	default:
		return
	}
	if slices.Contains(known, word) {
		return
	}
	if meant := composa.Nearly(word, known); meant != "" {
		b.found(e, "no device has %s %q: did you mean %q?", fields[i].name, composa.Abridge(word, 40), meant)
		return
	}
	b.found(e, "no device has %s %q: it is one of %q", fields[i].name, composa.Abridge(word, 40), known)
}
