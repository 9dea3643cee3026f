package selector

import (
	"container/list"
	"sync"
)

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
