package liqid

import (
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A commit that is answered with a failure and carried out later: nobody says
// that nothing happened, and when it cannot be late any more the step comes to
// its end, with nothing open.
func TestACommitThatTakesEffectLate(t *testing.T) {
	for _, director := range []emulator.Config{
		{API: "2.5", Habits: emulator.Habits{Pending: "lists"}}, {API: "2.5", Habits: emulator.Habits{Pending: "silent"}}, {API: "3.4"},
	} {
		for _, tt := range []struct {
			call string
			at   int // which step of a life
		}{{"POST pool/done", 0}, {"POST fabric/reprogram", 2}, {"DELETE machine/*", 8}} {
			t.Run(director.API+" "+director.Habits.Pending+" "+tt.call, func(t *testing.T) {
				t.Parallel()
				config := director
				config.Counts = small
				s := newScene(t, config)
				for _, next := range s.life()[:tt.at] {
					s.do(next())
				}
				step := s.life()[tt.at]()
				if err := s.director.SetFaults(rule(t, "#1 %s late=150ms", tt.call)); err != nil {
					t.Fatal(err)
				}
				s.disturbed = true
				p, err := s.f.Apply(t.Context(), step)
				switch code := driver.CodeOf(err); {
				case s.director.Faults()[0].Fired != 1:
					t.Fatalf("nothing was late: %v", err)
				case err == nil && code == "":
					if standing, why := step.Judge(p); standing != composa.Holds {
						t.Errorf("it is done, and stands %s %s", standing, why)
					}
				case code != composa.CodeUnknown:
					t.Errorf("%v (%s)", err, code)
				}
				if err := s.f.Settle(t.Context(), step); err != nil {
					t.Errorf("settle: %v", err)
				}
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for now := s.director.Snapshot(); now.Late+len(now.Pending) > 0; now = s.director.Snapshot() {
					<-tick.C
				}
				if err := s.f.Settle(t.Context(), step); err != nil {
					t.Errorf("settle, when it is over: %v", err)
				}
				if standing, why := step.Judge(s.observe()); standing == composa.Conflict {
					t.Errorf("it stands %s %s", standing, why)
				}
				s.do(step)
				s.clean("at the end")
				for _, v := range s.director.Violations() {
					if !strings.HasSuffix(v.Path, "/cancel") { // the late effect comes between a look and the cancel after it
						t.Errorf("violation: %+v", v)
					}
				}
			})
		}
	}
}
