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

// scarce is what there are places for, in the words of who finds none.
type scarce struct {
	begin, noun, verb string // "cannot wait", "calls", "wait for operations"
	less              string // what makes room where one has too many
	other             string // what is to be had without a place
}

var (
	toWait = scarce{
		begin: "cannot wait", noun: "calls", verb: "wait for operations",
		less: "ask again when one of them is answered", other: "ask without wait, and look at the operation later",
	}
	toFollow = scarce{
		begin: "cannot follow events", noun: "streams", verb: "are open",
		less: "close one and ask again", other: "read the events in pages, as application/json",
	}
)

// place takes a place for who asks until leave is called, or says why there is
// none.
func (s *shares) place(who composa.Who, of scarce) (leave func(), err error) {
	leave, short := s.take(who.Principal.ID)
	switch short {
	case yours:
		return nil, composa.Errorf(composa.CodeTooMany, "%s: %d %s of %s %s, which is the most of one principal", of.begin, s.each, of.noun, who.Principal.Name, of.verb).
			WithNext("%s; or %s", of.other, of.less)
	case total:
		return nil, composa.Errorf(composa.CodeUnavailable, "%s: %d %s %s, which is the most", of.begin, s.all, of.noun, of.verb).
			WithNext("ask again in a few seconds; or %s", of.other)
	}
	return leave, nil
}
