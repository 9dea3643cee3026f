package liqid

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// No machine that somebody composes is taken for one that a probe left, whatever
// its name, and every name of a probe is known as one.
func TestTheNamesOfProbesAreNobodyElses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.Just("com-posaprobe"), rapid.Just("composaprobe"), rapid.Just("c-omposa-probe-0000000"),
			rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`)).Draw(t, "name")
		id := composa.MachineID("mach_" + rapid.StringMatching(`[a-z2-7]{16}`).Draw(t, "id"))
		if label := composa.MachineLabel(name, id); isProbe(label) {
			t.Errorf("machine %q has the label %q, which is that of a probe", name, label)
		}
		at := time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "at"))
		if n := probeName(at); !isProbe(n) || len(n) > maxName {
			t.Errorf("%q is not known as the name of a probe", n)
		}
	})
}

// ourGroup is the number of our group, which it makes.
func (s *scene) ourGroup() int {
	s.Helper()
	s.do(s.enter("ssd0"))
	for _, g := range s.director.Snapshot().Groups {
		if g.Name == composa.GroupMark(s.site) {
			return g.ID
		}
	}
	s.Fatal("there is no group of ours")
	return 0
}

// makeEmpty makes an empty machine in a group, as anybody can.
func (s *scene) makeEmpty(group, id int, name string) error {
	return s.director.Rival().Do("POST", "machine", fmt.Sprintf(`{"fabr_id":%d,"grp_id":%d,"mach_id":%d,"mach_name":%q,"p2p":"off","connection_history":[]}`,
		s.director.Snapshot().Fabric, group, id, name))
}

func (s *scene) machines() (names []string) {
	for _, m := range s.director.Snapshot().Machines {
		names = append(names, m.Name)
	}
	return names
}

// What only looks like a probe's is let be, at looks and by another probe.
func TestASweepTakesNothingThatIsNotAProbes(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small})
	theirs := []string{"composaprobek3v9q2xw", "composa-probe-1", "xcomposa-probe-1234567"}
	group := s.ourGroup()
	for i, name := range append(theirs, "composa-probe-12345678") {
		if err := s.makeEmpty(group, 900+i, name); err != nil {
			t.Fatal(err)
		}
	}
	s.observe()
	if c := checked(t, s.open(t), true)["probe"]; !c.OK {
		t.Errorf("%+v", c)
	}
	if got := s.machines(); strings.Join(got, " ") != strings.Join(theirs, " ") {
		t.Errorf("left: %v, want %v", got, theirs)
	}
}

// A session that somebody else has on our group while a machine of an old probe
// lies there is his: it was not the probe's, whose machine is not in edit.
func TestASweepLeavesTheSessionsOfOthers(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small, Habits: emulator.Habits{Editing: "many", SecondEdit: "refused"}})
	group := s.ourGroup()
	step := s.enter("gpu0")
	if err := s.makeEmpty(group, 900, "composa-probe-12345678"); err != nil {
		t.Fatal(err)
	}
	if err := s.director.Rival().Do("POST", "pool/edit", fmt.Sprintf(`{"grp_id":%d,"fabr_id":1,"coordinates":{"rack":0,"shelf":0,"node":1}}`, group)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.f.Apply(t.Context(), step); driver.CodeOf(err) != composa.CodeBusy {
		t.Errorf("%v, want busy", err)
	}
	s.observe()
	if open := s.director.Snapshot().Sessions; len(open) != 1 || open[0].Group != group {
		t.Errorf("open: %+v, want the other's on group %d", open, group)
	}
	if got := s.machines(); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// A server that starts again ends at its first look what a probe left open: on a
// director that has one session at a time it would keep everybody out.
func TestALookEndsWhatAProbeLeft(t *testing.T) {
	for _, editing := range []string{"one", "many"} {
		for n := 1; n < 70; n += stride(5) {
			s := newScene(t, emulator.Config{Counts: small, Habits: emulator.Habits{Editing: editing}})
			var gone atomic.Bool
			s.answerWith(func(http.ResponseWriter, *http.Request) bool {
				if gone.Load() {
					panic(http.ErrAbortHandler)
				}
				return false
			})
			s.Before(n, func() { gone.Store(true) })
			_, _ = s.open(t, func(c *Config) { c.Timeouts.Silence = 20 * time.Millisecond }).Check(t.Context(), true)
			s.Before(0, nil)
			if !gone.Load() {
				break
			}
			s.answerWith(nil)
			again := s.open(t)
			if _, err := again.Observe(t.Context(), composa.Scope{}); err != nil {
				t.Fatal(err)
			}
			if left := s.director.Snapshot(); len(left.Sessions)+len(left.Machines) > 0 {
				t.Errorf("%s, killed before call %d, left: %+v %+v", editing, n, left.Sessions, left.Machines)
			}
		}
	}
}

// A probe deletes its machine only while that is the one that it made, and empty.
func TestAProbeDeletesOnlyItsOwnMachine(t *testing.T) {
	for name, deed := range map[string]func(*scene, emulator.MachineState) error{
		"replaced": func(s *scene, m emulator.MachineState) error {
			if err := s.director.Rival().Do("DELETE", fmt.Sprintf("machine/%d", m.ID), ""); err != nil {
				return err
			}
			return s.makeEmpty(m.Group, m.ID, "theirs")
		},
		"filled": func(s *scene, m emulator.MachineState) error { return s.director.Rival().AddTo(m.ID, "gpu0") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, emulator.Config{Counts: small})
			acted := make(chan error, 1)
			var once sync.Once
			s.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
				if strings.HasSuffix(q.URL.Path, "/machine/p2p") {
					once.Do(func() { acted <- deed(s, s.director.Snapshot().Machines[0]) })
				}
				return false
			})
			got := checked(t, s.f, true)["probe"]
			if err := <-acted; err != nil {
				t.Fatal(err)
			}
			left := s.director.Snapshot()
			if len(left.Machines) != 1 || len(left.Sessions) > 0 || (name == "filled") != slices.Equal(left.Machines[0].Devices, []string{"gpu0"}) {
				t.Errorf("%+v; left: %+v, open: %+v", got, left.Machines, left.Sessions)
			}
		})
	}
}
