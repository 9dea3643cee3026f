package rest

import (
	"context"
	"sync"

	"github.com/composa-dev/composa"
)

// shared lets callers who ask a fabric the same at the same time share one
// answer, so that many of them cost its director no more than one. Who comes
// while an answer is being made does not get that one, which began before they
// asked, but the next, together with all who came meanwhile. So a fabric is
// asked by one at a time, and every answer is as new as its question.
type shared[T any] struct {
	mu sync.Mutex
	// now is being made; next begins when that has ended.
	now, next map[composa.FabricName]*sharing[T]
}

// sharing is one answer that callers wait for.
type sharing[T any] struct {
	ended chan struct{} // closed once value and err are there
	value T
	err   error
}

func newShared[T any]() *shared[T] {
	return &shared[T]{now: map[composa.FabricName]*sharing[T]{}, next: map[composa.FabricName]*sharing[T]{}}
}

// ask returns what make answers, or fails with ctx. The first of those who share
// makes the answer, for the others too: make must not end with that caller.
func (s *shared[T]) ask(ctx context.Context, name composa.FabricName, make func() (T, error)) (T, error) {
	mine, before, first := s.join(name)
	if !first {
		select {
		case <-mine.ended:
			return mine.value, mine.err
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
	if before != nil {
		<-before.ended
	}
	defer s.end(name, mine)
	mine.err = composa.Errorf(composa.CodeInternal, "cannot ask %s: something went wrong in the server", name) // should make panic
	mine.value, mine.err = make()
	return mine.value, mine.err
}

// join finds the answer that a caller is to share. The first one makes it, once
// the one before has ended.
func (s *shared[T]) join(name composa.FabricName) (mine, before *sharing[T], first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if mine = s.next[name]; mine != nil {
		return mine, nil, false
	}
	mine, before = &sharing[T]{ended: make(chan struct{})}, s.now[name]
	if before == nil {
		s.now[name] = mine
	} else {
		s.next[name] = mine
	}
	return mine, before, true
}

func (s *shared[T]) end(name composa.FabricName, mine *sharing[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next := s.next[name]; next != nil {
		s.now[name] = next
		delete(s.next, name)
	} else {
		delete(s.now, name)
	}
	close(mine.ended)
}
