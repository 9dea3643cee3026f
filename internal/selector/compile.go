package selector

import (
	"container/list"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"

	"github.com/composa-dev/composa"
)

// environment is made on first use: a server that is never asked pays nothing.
var environment = sync.OnceValues(newEnvironment)

// compile reads an expression.
func compile(expr string, seesSerials bool) (*Selector, error) {
	if n := utf8.RuneCountInString(expr); n > MaxExpression {
		return nil, composa.Errorf(composa.CodeTooLarge, "cannot read where: it has %d characters, %d are allowed", n, MaxExpression)
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(expr)
	if issues.Err() != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read where %q: %v", expr, issues.Err())
	}
	if ast.OutputType() != cel.BoolType {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read where %q: it says %s, not yes or no", expr, ast.OutputType())
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(MaxCost))
	if err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read where %q: %v", expr, err)
	}
	return &Selector{expr: expr, program: program}, nil
}

// maxCached bounds the compiled expressions that are kept.
const maxCached = 256

// cache keeps the expressions that were used last.
var cache = &recent{by: map[asked]*list.Element{}}

type asked struct {
	expr        string
	seesSerials bool
}

type kept struct {
	asked
	selector *Selector
}

// recent is a bounded cache; the longest unused goes first.
type recent struct {
	mu    sync.Mutex
	by    map[asked]*list.Element
	order list.List // front: used last
}

// get returns the compiled expression. Errors are not kept.
func (r *recent) get(expr string, seesSerials bool) (*Selector, error) {
	key := asked{expr, seesSerials}
	if s := r.look(key); s != nil {
		return s, nil
	}
	s, err := compile(expr, seesSerials)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.by[key]; !there {
		r.by[key] = r.order.PushFront(&kept{key, s})
	}
	for r.order.Len() > maxCached {
		last := r.order.Back()
		delete(r.by, last.Value.(*kept).asked)
		r.order.Remove(last)
	}
	return s, nil
}

// look returns what is kept, and marks it used.
func (r *recent) look(key asked) *Selector {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, there := r.by[key]
	if !there {
		return nil
	}
	r.order.MoveToFront(at)
	return at.Value.(*kept).selector
}
