package liqid

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
)

// same keeps what the lists that looks are made of were answered last. Most
// looks are told what the one before was told: then the same bytes are not read
// a second time, and the records are shared.
type same struct {
	mu   sync.Mutex
	last map[string]lastTold // by path
}

// lastTold is one answer with the bytes that it was read from.
type lastTold struct {
	text   []byte
	answer *answer
}

// sameMost is how many lists are kept; where there are more all are forgotten.
const sameMost = 64

// looked says whether a path is a list that looks are made of.
func looked(path string) bool {
	list, _, _ := strings.Cut(path, "?")
	switch list {
	case "group", "machine", "predevice", "status", "node/status":
		return true
	}
	return false
}

// find returns what the same bytes were read as before, or nil.
func (s *same) find(path string, text []byte) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.last[path]; ok && bytes.Equal(t.text, text) {
		return t.answer
	}
	return nil
}

func (s *same) keep(path string, text []byte, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.last[path]; s.last == nil || !ok && len(s.last) >= sameMost {
		s.last = map[string]lastTold{}
	}
	s.last[path] = lastTold{text, a}
}

// records are what the elements of an answer were read as, once they were: a
// list of one type, which nobody changes.
type records struct{ read atomic.Pointer[any] }

func recordsOf[T any](a *answer) ([]T, bool) {
	p := a.records.read.Load()
	if p == nil {
		return nil, false
	}
	list, ok := (*p).([]T)
	return list, ok
}

func keepRecords[T any](a *answer, list []T) {
	var is any = list
	a.records.read.Store(&is)
}
