package liqid

import (
	"context"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// An inventory lets steps go before it: what it would read beside a step the
// step's own proof shows, and a director and we have better things to do then.
const (
	// polite is how long an inventory waits at most for steps to end: for longer
	// than most commits take, so that also on a rack where one operation follows
	// another it looks between two of them. What a look beside a step shows of what
	// that moves is in doubt.
	polite = 3 * time.Second
	// between is how long after a step another one is expected to follow, which
	// is longer than its end takes to be written.
	between = 20 * time.Millisecond
)

// steps knows whether steps are being carried out.
type steps struct {
	mu    sync.Mutex
	n     int
	ended time.Time     // the newest of them
	none  chan struct{} // closed when none is under way any more; nil: none is
}

func (s *steps) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; s.n == 1 {
		s.none = make(chan struct{})
	}
}

func (s *steps) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = time.Now()
	if s.n--; s.n == 0 {
		close(s.none)
		s.none = nil
	}
}

// giveWay waits, where a look is at everything, until no step is under way and
// none seems to follow, polite at most.
func (s *steps) giveWay(ctx context.Context, scope composa.Scope) {
	if !scope.Everything() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, polite)
	defer cancel()
	for ctx.Err() == nil {
		s.mu.Lock()
		none, left := s.none, time.Until(s.ended.Add(between))
		s.mu.Unlock()
		switch {
		case none != nil:
			select {
			case <-none:
			case <-ctx.Done():
			}
		case left <= 0:
			return
		default:
			_ = pause(ctx, left) // the loop sees whether it is over
		}
	}
}
