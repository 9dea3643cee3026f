package liqid

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// atCommit does something once when a call comes that ends so, before the
// director has it.
func (s *scene) atCommit(end string, do func()) {
	done := false
	s.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
		if q.Method != http.MethodGet && strings.HasSuffix(q.URL.Path, end) && !done {
			done = true
			do()
		}
		return false
	})
}

// A look that is taken while we edit shows nothing of what is only queued; where
// the queue is known to be hidden it shows everything.
func TestALookBesideOurOwnEditDoesNotBelieveTheQueue(t *testing.T) {
	for _, queue := range emulator.HabitValues("queue") {
		t.Run(queue, func(t *testing.T) {
			s := newScene(t, emulator.Config{Counts: small, Habits: emulator.Habits{Queue: queue}})
			var beside *composa.Picture
			look := func() {
				p, err := s.f.Observe(t.Context(), composa.Scope{})
				if err != nil {
					t.Error(err)
				}
				beside = p
			}
			hidden := queue == "hidden"
			s.atCommit("/pool/done", look)
			s.do(s.enter("pcpu0", "gpu0", "gpu1"))
			if beside == nil || beside.Complete != hidden || (beside.Device("gpu0") != nil) != hidden || beside.Device("ssd0") == nil {
				t.Fatalf("while gpu0 enters the group: %+v", beside)
			}
			s.do(s.step(composa.ActMake))
			s.do(s.reshape([]string{"pcpu0", "gpu0"}, nil))
			s.atCommit("/fabric/reprogram", look)
			s.do(s.reshape([]string{"gpu1"}, []string{"gpu0"}))
			if beside.Complete != hidden || (beside.Machine("1") != nil) != hidden || (beside.Device("gpu1") != nil) != hidden {
				t.Errorf("while the machine is edited: %+v", beside)
			}
			if p := s.observe(); len(p.Devices) < 4 || p.Machine("1") == nil {
				t.Errorf("when it is over: %+v", p)
			}
		})
	}
}

// What may have been left open is in doubt until it is settled.
func TestWhatWasLeftOpenIsInDoubtUntilItIsSettled(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small, Habits: emulator.Habits{Queue: "shown"}}, func(c *Config) { c.Timeouts.Silence = 100 * time.Millisecond })
	step := s.enter("gpu0")
	s.killedAt("/pool/done")
	_, err := s.f.Apply(t.Context(), step)
	if driver.CodeOf(err) != composa.CodeUnknown {
		t.Fatalf("%v (%s)", err, driver.CodeOf(err))
	}
	s.answerWith(nil)
	p, err := s.f.Observe(t.Context(), composa.Scope{})
	if err != nil || p.Complete || p.Device("gpu0") != nil || p.Device("gpu1") == nil {
		t.Errorf("%v, %+v", err, p)
	}
	if err := s.f.Settle(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	if at := s.observe().Device("gpu0"); at == nil || at.Spot.Area != composa.AreaFree {
		t.Errorf("%+v", at)
	}
}
