package liqid

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// Somebody else opens an edit on just what we edit, between any two of our
// calls, and goes on in one of the ways he can; whatever a director makes of
// that. No device ends where nobody wanted it, what is called done is done, and
// what is said not to have happened has not.
//
// What he queues into our own session where the queue is hidden is committed
// with ours, and nobody can see it before: that is left out (docs/decisions/0014).
func TestSomebodyElseInOurSession(t *testing.T) {
	// Of our group 1, and of our machine 1 in it.
	pool, machine := `{"grp_id":1,"coordinates":{"rack":0,"shelf":0,"node":1}}`, `{"mach_id":1}`
	add := `{"deviceStatus":{"name":"gpu5"},"group":{"grp_id":1}}`
	attach := `{"groupDeviceRelator":{"deviceStatus":{"name":"gpu4"}},"machine":{"mach_id":1}}`
	ways := map[string][2][][3]string{ // while we edit the group, while we edit the machine
		"opens":  {{{"POST", "pool/edit", pool}}, {{"POST", "fabric/edit", machine}}},
		"queues": {{{"POST", "pool/edit", pool}, {"POST", "predevice/gpu", add}}, {{"POST", "fabric/edit", machine}, {"POST", "relate/gpu", attach}}},
		"commits": {{{"POST", "pool/edit", pool}, {"POST", "predevice/gpu", add}, {"POST", "pool/done", pool}},
			{{"POST", "fabric/edit", machine}, {"POST", "relate/gpu", attach}, {"POST", "fabric/reprogram", machine}}},
		"cancels": {{{"POST", "pool/edit", pool}, {"POST", "pool/cancel", pool}}, {{"POST", "fabric/edit", machine}, {"POST", "fabric/edit/cancel", machine}}},
	}
	scenes := 0
	for _, second := range emulator.HabitValues("second-edit") {
		for _, queue := range emulator.HabitValues("queue") {
			for _, way := range slices.Sorted(maps.Keys(ways)) {
				calls := ways[way]
				i := scenes
				scenes++
				t.Run(second+" "+queue+" "+way, func(t *testing.T) {
					t.Parallel()
					for _, n := range atCalls(i, 30, 40) {
						for on := i % stride(2); on < 2; on += stride(2) {
							at := 2 * on // the steps enter and reshape of a life
							s := newScene(t, emulator.Config{
								API: "2.5", Habits: emulator.Habits{SecondEdit: second, Queue: queue}, Counts: emulator.Counts{CPUs: 1, GPUs: 7, SSDs: 1},
							}, func(c *Config) { c.Timeouts.Late = 20 * time.Millisecond })
							s.do(s.enter("gpu4"))
							s.do(s.leave("gpu4")) // the group is there
							theirs, err := s.MakeMachine("theirs", "gpu6")
							if err != nil {
								t.Fatal(err)
							}
							s.ref.Native = "1"
							if theirs == "1" {
								s.ref.Native = "2"
							}
							s.intrude(n, at, calls[on], theirs)
						}
					}
				})
			}
		}
	}
}

// intrude carries a life up to a step, and somebody's calls out in the middle of it.
func (s *scene) intrude(n, at int, calls [][3]string, theirs string) {
	s.Helper()
	for _, next := range s.life()[:at] {
		s.do(next())
	}
	if at == 2 {
		s.do(s.enter("gpu4"))
	}
	step := s.life()[at]()
	before := s.observe()
	for i := range calls { // our machine has the number that was reserved
		if calls[i][2] == `{"mach_id":1}` {
			calls = slices.Clone(calls)
			calls[i][2] = fmt.Sprintf(`{"mach_id":%s}`, s.ref.Native)
		} else if calls[i][1] == "relate/gpu" {
			calls = slices.Clone(calls)
			calls[i][2] = fmt.Sprintf(`{"groupDeviceRelator":{"deviceStatus":{"name":"gpu4"}},"machine":{"mach_id":%s}}`, s.ref.Native)
		}
	}
	s.Before(n, func() { _ = s.rack.do(calls...) }) // the director may refuse him
	_, err := s.f.Apply(s.Context(), step)
	s.Before(0, nil)
	code := driver.CodeOf(err)
	if code != composa.CodeBusy { // whose session is open then is not ours to say
		if settled := s.f.Settle(s.Context(), step); settled != nil {
			s.Errorf("%s, before call %d: %v", &step, n, settled)
		}
	}
	after := s.observe()
	for _, d := range step.Devices() {
		was, is := before.Device(d.Name).Spot, after.Device(d.Name).Spot
		wanted := is.Area == composa.AreaOurs && step.Act == composa.ActEnter || is.Machine == s.ref.Native
		if was != is && !wanted {
			s.Errorf("%s, before call %d: %s is in %s (%v)", &step, n, d.Name, is, err)
		}
		if was != is && (code == composa.CodeBusy || code == composa.CodeRefused || code == composa.CodeConflict) {
			s.Errorf("%s, before call %d: %s went to %s, and it is said that nothing happened: %v", &step, n, d.Name, is, err)
		}
	}
	switch standing, why := step.Judge(after); code {
	case "":
		_, left := step.Todo(after)
		missing, _ := step.Todo(after)
		if len(missing)+len(left) > 0 {
			s.Errorf("%s, before call %d: it is done, and stands %s %s", &step, n, standing, why)
		}
	case composa.CodeBusy, composa.CodeRefused, composa.CodeConflict, composa.CodeUnknown, composa.CodeFailed:
	default:
		s.Errorf("%s, before call %d: %v (%s)", &step, n, err, code)
	}
	if gone := s.still("gpu6", theirs); gone != nil {
		s.Errorf("%s, before call %d: %v", &step, n, gone)
	}
}

// A link that falls back to fewer lanes is degraded, until it is as wide again.
func TestANarrowLinkIsDegraded(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small})
	wide := s.observe().Device("gpu0")
	if err := s.director.Narrow("gpu0"); err != nil {
		t.Fatal(err)
	}
	narrow := s.observe().Device("gpu0")
	if wide.Health != composa.HealthOK || narrow.Health != composa.HealthDegraded || 2*narrow.Facts.Lanes != wide.Facts.Lanes {
		t.Errorf("%s with %d lanes, then %s with %d", wide.Health, wide.Facts.Lanes, narrow.Health, narrow.Facts.Lanes)
	}
}

// A director that restarts in the middle of any step, whatever it forgets then:
// the step comes to its end, and nothing stays open.
func TestADirectorThatRestartsInTheMiddle(t *testing.T) {
	for i, forgets := range emulator.HabitValues("restart") {
		for _, era := range []string{"2.5", "3.4"} {
			t.Run(era+" "+forgets, func(t *testing.T) {
				t.Parallel()
				for _, n := range atCalls(i+int(era[0]), 25, 40) {
					s := newScene(t, emulator.Config{
						API: era, Counts: small, Habits: emulator.Habits{Restart: forgets}, CommitLatency: emulator.Latency{Max: 2 * time.Millisecond},
					}, func(c *Config) { c.Timeouts.Late = 50 * time.Millisecond })
					s.disturbed = true
					for at, next := range s.life() {
						step := next()
						s.Before(n, func() {
							if err := s.director.Restart(0); err != nil {
								t.Error(err)
							}
						})
						s.untilDone(step, fmt.Sprintf("step %d, restarted before call %d", at, n))
						s.Before(0, nil)
					}
					s.clean("at the end")
				}
			})
		}
	}
}

// untilDone is what the runner does with one step, where a step may also fail.
func (s *scene) untilDone(step composa.Step, when string) {
	s.Helper()
	var err error
	for range 10 {
		if _, err = s.f.Apply(s.Context(), step); err == nil {
			if standing, why := step.Judge(s.observe()); standing != composa.Holds {
				s.Fatalf("%s, %s: it is done, and stands %s %s", when, &step, standing, why)
			}
			return
		}
		if code := driver.CodeOf(err); code == composa.CodeConflict || code == composa.CodeUnsupported {
			break
		}
		if settled := s.f.Settle(s.Context(), step); settled != nil && driver.CodeOf(settled) != composa.CodeUnreachable {
			s.Fatalf("%s, to settle %s: %v", when, &step, settled)
		}
	}
	s.Fatalf("%s, %s: %v (%s)", when, &step, err, driver.CodeOf(err))
}
