package selector

import (
	"container/list"
	"sync"
	"unicode/utf8"
)

// maxCached bounds the expressions that are kept.
const maxCached = 256

// cache keeps the expressions that were used last.
var cache = &recent{by: map[asked]*list.Element{}}

type asked struct {
	expr        string
	seesSerials bool
}

type kept struct {
	asked
	compiled func() (*Selector, error) // compiles once, for all who wait
}

// recent is a bounded cache; the longest unused goes first. What is refused is
// kept too: to find that out costs as much.
type recent struct {
	mu    sync.Mutex
	by    map[asked]*list.Element
	order list.List // front: used last
}

// get returns the compiled expression. One that is too long is refused at once,
// and not kept.
func (r *recent) get(expr string, seesSerials bool) (*Selector, error) {
	if utf8.RuneCountInString(expr) > MaxExpression {
		return compile(expr, seesSerials)
	}
	return r.look(asked{expr, seesSerials}).compiled()
}

// look returns what is kept of an expression, and marks it used.
func (r *recent) look(key asked) *kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, there := r.by[key]; there {
		r.order.MoveToFront(at)
		return at.Value.(*kept)
	}
	k := &kept{key, sync.OnceValues(func() (*Selector, error) { return compile(key.expr, key.seesSerials) })}
	r.by[key] = r.order.PushFront(k)
	if r.order.Len() > maxCached {
		last := r.order.Back()
		delete(r.by, last.Value.(*kept).asked)
		r.order.Remove(last)
	}
	return k
}
