package rest

import (
	"sync"

	"github.com/composa-dev/composa"
)

// shares are places of which one principal takes a part at most, so that the
// others find one whatever it does.
type shares struct {
	all, each int
	mu        sync.Mutex
	taken     int
	of        map[composa.PrincipalID]int // without those that have none
}

func newShares(all, each int) *shares {
	return &shares{all: all, each: each, of: map[composa.PrincipalID]int{}}
}

// shortage is why there is no place.
type shortage int

const (
	none  shortage = iota // there is one
	yours                 // who asks has as many as one may
	total                 // all are taken
)

// take takes a place for a principal until leave is called, once.
func (s *shares) take(id composa.PrincipalID) (leave func(), short shortage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[id] >= s.each:
		return nil, yours
	case s.taken >= s.all:
		return nil, total
	}
	s.taken++
	s.of[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken--
		if s.of[id]--; s.of[id] == 0 {
			delete(s.of, id)
		}
	}, none
}

// placeToWait takes a place among the calls that wait for operations.
func (s *Server) placeToWait(who composa.Who) (leave func(), err error) {
	leave, short := s.waits.take(who.Principal.ID)
	switch short {
	case yours:
		return nil, composa.Errorf(composa.CodeTooMany, "cannot wait: %d calls of %s wait for operations, which is the most of one principal", s.Limits.WaitsEach, who.Principal.Name).
			WithNext("ask without wait, and look at the operation later; or ask again when one of them is answered")
	case total:
		return nil, composa.Errorf(composa.CodeUnavailable, "cannot wait: %d calls wait for operations, which is the most", s.Limits.Waits).
			WithNext("ask again in a few seconds, or without wait")
	}
	return leave, nil
}

// placeToFollow takes a place among the streams of events.
func (s *Server) placeToFollow(who composa.Who) (leave func(), err error) {
	leave, short := s.streams.take(who.Principal.ID)
	switch short {
	case yours:
		return nil, composa.Errorf(composa.CodeTooMany, "cannot follow events: %d streams of %s are open, which is the most of one principal", s.Limits.StreamsEach, who.Principal.Name).
			WithNext("close one and ask again; or read the events in pages, as application/json")
	case total:
		return nil, composa.Errorf(composa.CodeUnavailable, "cannot follow events: %d streams are open, which is the most", s.Limits.Streams).
			WithNext("ask again in a few seconds; or read the events in pages, as application/json")
	}
	return leave, nil
}
