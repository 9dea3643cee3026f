package liqid

import (
	"testing"
	"time"

	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// While a director lists what it is at, nothing else is asked: a commit that is
// answered before its work is done is looked at twice, however long it takes.
func TestADirectorAtWorkIsNotLookedAt(t *testing.T) {
	const work = 300 * time.Millisecond
	s := newScene(t, emulator.Config{
		API: "2.5", Habits: emulator.Habits{Commit: "early"}, Counts: small, CommitLatency: emulator.Latency{Min: work, Max: work},
	})
	s.observe()
	s.do(s.enter("gpu0")) // how it takes things is learnt
	step := s.enter("gpu1")
	before := s.director.CallCount()
	s.do(step)
	looks, polls, committed := 0, 0, false
	for _, c := range s.director.Calls(before) {
		switch {
		case c.Path == "pool/done":
			committed = true
		case !committed:
		case c.Path == "status":
			looks++
		case c.Path == "state/1":
			polls++
		}
	}
	if looks > 2 || polls < 3 {
		t.Errorf("it was looked at %d times and asked %d times what it is at", looks, polls)
	}
}
