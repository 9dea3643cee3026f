package liqid

import (
	"context"
	"slices"
	"sync"
)

// passed is how many others may go before a call that they go before.
const passed = 9

// places are those that calls are made at, as many as may be made side by side.
type places struct {
	mu   sync.Mutex
	free int                       // nobody waits where it is not 0
	rows [back + 1][]chan struct{} // who waits, in order; a place is given by closing
	went int                       // how many went while others waited in the back, since one of those did
}

// rank is in which row one waits for a place: who is in front goes first, and
// before who is in the back go up to passed others.
type rank int

const (
	front rank = iota
	middle
	back
)

// take waits for a place, or ends with ctx.
func (p *places) take(ctx context.Context, in rank) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	p.rows[in] = append(p.rows[in], mine)
	p.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	at := slices.Index(p.rows[in], mine)
	if at >= 0 {
		p.rows[in] = slices.Delete(p.rows[in], at, at+1)
	}
	p.mu.Unlock()
	if at < 0 {
		p.give() // it was given in that moment
	}
	return ctx.Err()
}

// give gives a place back.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	in := rank(slices.IndexFunc(p.rows[:], func(row []chan struct{}) bool { return len(row) > 0 }))
	switch {
	case in < 0:
		p.free++
		return
	case in == back || len(p.rows[back]) > 0 && p.went == passed:
		in, p.went = back, 0
	case len(p.rows[back]) > 0:
		p.went++
	}
	close(p.rows[in][0])
	p.rows[in] = slices.Delete(p.rows[in], 0, 1)
}
