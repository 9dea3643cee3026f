package selector

import (
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"

	"github.com/composa-dev/composa"
)

// environment is made on first use: a server that is never asked pays nothing.
var environment = sync.OnceValues(newEnvironment)

// compile reads an expression: its names, its types, its constants, its cost,
// and then what it does.
func compile(expr string, seesSerials bool) (*Selector, error) {
	if n := utf8.RuneCountInString(expr); n > MaxExpression {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read where: it has %d characters, %d are allowed", n, MaxExpression).
			WithNext("say less, or name the devices")
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	src := newSource(expr)
	if !utf8.ValidString(expr) || strings.ContainsRune(expr, 0) {
		return nil, src.problem(-1, "", "it is no text in UTF-8").refused(composa.CodeInvalid)
	}
	if strings.TrimSpace(expr) == "" {
		return nil, src.problem(-1, `write a condition: device.memory >= 40*GB`, "it is empty").refused(composa.CodeInvalid)
	}
	parsed, issues := env.Parse(expr)
	if issues.Err() != nil {
		return nil, src.unparsed(issues).refused(composa.CodeInvalid)
	}
	names := naming{source: src, info: parsed.NativeRep().SourceInfo(), seesSerials: seesSerials}
	if p := names.check(parsed.NativeRep().Expr()); p != nil {
		return nil, p.refused(names.code)
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, src.mistyped(issues, parsed.NativeRep()).refused(composa.CodeInvalid)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, src.problem(-1, "compare it with something", "it gives %s, not yes or no", a(checked.OutputType())).refused(composa.CodeInvalid)
	}
	b := builder{env: env, source: src, ast: checked.NativeRep()}
	if p := b.checkCost(checked); p != nil {
		return nil, p.refused(composa.CodeInvalid)
	}
	root := b.build(b.ast.Expr())
	if b.problem != nil {
		return nil, b.problem.refused(composa.CodeInvalid)
	}
	return &Selector{expr: expr, root: root, uses: names.uses, cost: b.cost}, nil
}
