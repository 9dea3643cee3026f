package liqid

import (
	"slices"
	"sync"
	"time"
)

// remembered is how many calls of a kind a median is taken of: the newest ones.
const remembered = 256

// timed is how long the answered calls of one kind took.
type timed struct {
	count  int           // since this driver began
	median time.Duration // of the newest ones; 0 where there is none
}

// timing keeps how long the calls of one kind took that were answered with
// success. Its methods may be called at the same time.
type timing struct {
	mu    sync.Mutex
	count int
	last  []time.Duration // at most remembered, in the order of a ring
}

func (t *timing) took(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.last) < remembered {
		t.last = append(t.last, d)
	} else {
		t.last[t.count%remembered] = d
	}
	t.count++
}

func (t *timing) told() timed {
	t.mu.Lock()
	sorted := slices.Clone(t.last)
	out := timed{count: t.count}
	t.mu.Unlock()
	slices.Sort(sorted)
	if n := len(sorted); n > 0 {
		out.median = (sorted[(n-1)/2] + sorted[n/2]) / 2
	}
	return out
}
