package liqid

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A step that was prepared begins with its first change, and what was prepared
// changes nothing. Where a look is there already nothing is read at all.
func TestAPreparedStepBeginsWithItsChange(t *testing.T) {
	for _, era := range emulator.Eras() {
		t.Run(era, func(t *testing.T) {
			s := newScene(t, emulator.Config{API: era, Counts: small})
			s.observe()
			step := s.enter("gpu0")
			s.f.newest.Store(nil)
			before := s.director.CallCount()
			s.f.Prepare(t.Context(), step)
			read := s.director.Calls(before)
			if len(read) == 0 || slices.ContainsFunc(read, func(c emulator.Call) bool { return c.Changing }) {
				t.Errorf("to prepare made %+v", read)
			}
			before = s.director.CallCount()
			s.f.Prepare(t.Context(), step)
			if n := s.director.CallCount() - before; n != 0 {
				t.Errorf("to prepare once more made %d calls", n)
			}
			s.do(step)
			for _, c := range s.director.Calls(before) {
				if c.Changing {
					return
				}
				if !strings.Contains(c.Path, "/nextid") && !strings.Contains(c.Path, "device/info") && c.Path != "group" { // of a group that is not there yet, and of the parts
					t.Errorf("the step began with %s %s", c.Method, c.Path)
				}
			}
		})
	}
}

// A step waits for what is being read for it.
func TestAStepWaitsForWhatIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a ahead
		began := time.Now()
		a.wait(t.Context())
		end := a.begin()
		time.AfterFunc(time.Second, end)
		a.wait(t.Context())
		if took := time.Since(began); took != time.Second {
			t.Errorf("it waited %s", took)
		}
	})
}

// An inventory begins when no step is under way and none follows, and waits no
// longer than it should. A look at something waits for nobody.
func TestAnInventoryLetsStepsGoBefore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []time.Duration // when one begins, and when it ends, in turn
		scope composa.Scope
		want  time.Duration
	}{
		{name: "no step"},
		{name: "one step", steps: []time.Duration{0, 300 * time.Millisecond}, want: 300*time.Millisecond + between},
		{name: "one follows", steps: []time.Duration{0, 300 * time.Millisecond, 310 * time.Millisecond, 400 * time.Millisecond}, want: 400*time.Millisecond + between},
		{name: "a long one", steps: []time.Duration{0, time.Hour}, want: polite},
		{name: "a look at something", steps: []time.Duration{0, time.Hour}, scope: composa.Scope{Devices: []string{"gpu0"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s steps
				for i, at := range tt.steps {
					f := s.begin
					if i%2 == 1 {
						f = s.end
					}
					time.AfterFunc(at, f)
				}
				synctest.Wait()
				began := time.Now()
				s.giveWay(t.Context(), tt.scope)
				if took := time.Since(began); took != tt.want {
					t.Errorf("it waited %s, want %s", took, tt.want)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}
