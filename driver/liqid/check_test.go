package liqid

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// checked is what a check told, by name.
func checked(t *testing.T, f *Fabric, probe bool) map[string]composa.Check {
	t.Helper()
	checks, err := f.Check(t.Context(), probe)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]composa.Check{}
	for _, c := range checks {
		if _, twice := out[c.Name]; twice || c.Text == "" {
			t.Errorf("%+v", c)
		}
		out[c.Name] = c
	}
	return out
}

func TestACheckTellsEraAndHabitsAsTheyWereSeen(t *testing.T) {
	for i, tt := range []struct {
		era    string
		habits emulator.Habits
		want   map[string]string
	}{
		{"2.4", emulator.Habits{SecondEdit: "shared", Editing: "many", SameP2P: "taken", MachineIDs: "lowest"}, map[string]string{
			"era": "2.4", "second edit": seenAccepted, "editing": seenMany, "same p2p": seenTaken, "machine ids": seenLowest,
			"pending": seenLists, "clock": "as ours",
		}},
		{"2.5", emulator.Habits{SecondEdit: "takes-over", Pending: "silent"}, map[string]string{
			"era": "2.5", "second edit": seenAccepted, "pending": seenSilent,
		}},
		{"2.5", emulator.Habits{Commit: "early"}, map[string]string{"commit": seenEarly}},
		{"3.2", emulator.Habits{SecondEdit: "refused", Commit: "done"}, map[string]string{
			"era": "3.2", "second edit": seenRefused, "editing": seenOne, "same p2p": seenRefused, "pending": seenNone,
		}},
		{"3.4", emulator.Habits{MachineIDs: "rising"}, map[string]string{
			"era": "3.4", "commit": seenLink, "machine ids": seenRising, "sign-in": "the director asks for none",
		}},
	} {
		t.Run(tt.era, func(t *testing.T) {
			t.Parallel()
			r := newRack(t, emulator.Config{
				API: tt.era, Habits: tt.habits, Seed: uint64(i), CommitLatency: emulator.Latency{Min: 350 * time.Millisecond, Max: 350 * time.Millisecond},
			})
			f := r.open(t)
			before := checked(t, f, false)
			if !before["era"].OK || before["second edit"].Text != "not seen yet; --probe tries it" || before["queue"].Text != "not seen yet; the next compose shows it" || r.Changes() != 0 {
				t.Errorf("%+v after %d changing calls", before, r.Changes())
			}
			got := checked(t, f, true)
			for name, want := range tt.want {
				if got[name].Text != want || !got[name].OK {
					t.Errorf("%s: %+v, want %s", name, got[name], want)
				}
			}
			if p := got["probe"]; !p.OK {
				t.Errorf("%+v", p)
			}
			if c := got["time per commit"]; c.Took <= 0 || got["time per reading call"].Took <= 0 {
				t.Errorf("%+v", c)
			}
			if s := r.director.Snapshot(); len(s.Machines)+len(s.Sessions)+len(s.Pending) > 0 {
				t.Errorf("left: %+v", s)
			}
		})
	}
}

// A probe that is killed before any of its calls leaves nothing that the next
// one does not remove, and steps are not held up by it.
func TestAProbeThatWasKilledIsSweptAway(t *testing.T) {
	for n := 1; n < 70; n += stride(9) {
		s := newScene(t, emulator.Config{API: "3.2", Counts: small})
		short := func(c *Config) { c.Timeouts.Silence = 20 * time.Millisecond }
		var gone atomic.Bool // nothing comes through any more
		s.answerWith(func(http.ResponseWriter, *http.Request) bool {
			if gone.Load() {
				panic(http.ErrAbortHandler)
			}
			return false
		})
		s.Before(n, func() { gone.Store(true) })
		_, err := s.open(t, short).Check(t.Context(), true)
		s.Before(0, nil)
		if !gone.Load() {
			break
		}
		s.answerWith(nil)
		step := s.enter("gpu0")
		for try := 0; ; try++ {
			_, failed := s.f.Apply(t.Context(), step)
			if failed == nil {
				break
			}
			if driver.CodeOf(failed) != composa.CodeBusy || try == 3 {
				t.Fatalf("killed before call %d (%v): %v", n, err, failed)
			}
		}
		if c := checked(t, s.f, true)["probe"]; !c.OK {
			t.Errorf("killed before call %d: %+v", n, c)
		}
		s.clean(fmt.Sprintf("killed before call %d", n))
		if m := s.director.Snapshot().Machines; len(m) > 0 {
			t.Errorf("killed before call %d, left: %+v", n, m)
		}
	}
}

func TestWhatIsObservedIsNotProbed(t *testing.T) {
	r := newRack(t, emulator.Config{Counts: small})
	f := r.open(t, func(c *Config) { c.Access = composa.AccessObserve })
	if c := checked(t, f, true)["probe"]; c.OK || !strings.Contains(c.Text, "only observed") || r.Changes() != 0 {
		t.Errorf("%+v after %d changing calls", c, r.Changes())
	}
}

func TestACheckTellsAClockThatIsOff(t *testing.T) {
	r := newRack(t, emulator.Config{Counts: small, ClockOff: -3 * time.Hour})
	if c := checked(t, r.open(t), false)["clock"]; !strings.HasSuffix(c.Text, "s behind ours") || !c.OK {
		t.Errorf("%+v", c)
	}
}
