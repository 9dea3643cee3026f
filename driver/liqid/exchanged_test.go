package liqid

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A part that was exchanged for one of the same model looks the same in the live
// view. The details that are read while the session is filled tell it: nothing
// is committed, and nothing stays open.
func TestAnExchangedPartIsSeenBeforeTheCommit(t *testing.T) {
	for _, era := range []string{"2.5", "3.4"} {
		for at, name := range map[int]string{0: "taken into the group", 2: "attached"} {
			t.Run(era+" "+name, func(t *testing.T) {
				s := newScene(t, emulator.Config{API: era, Counts: small})
				steps := s.life()
				for _, next := range steps[:at] {
					s.do(next())
				}
				step := steps[at]()
				if err := s.director.Replace("gpu0"); err != nil {
					t.Fatal(err)
				}
				s.ahead.Add(int64(seating + time.Second))
				before := s.director.Snapshot()
				_, err := s.f.Apply(t.Context(), step)
				if code := driver.CodeOf(err); code != composa.CodeConflict {
					t.Errorf("%v (%s), want conflict", err, code)
				}
				after := s.director.Snapshot()
				for _, d := range before.Devices {
					if is, _ := after.Device(d.Name); is.Group != d.Group || is.Machine != d.Machine {
						t.Errorf("%s moved from %d/%d to %d/%d", d.Name, d.Group, d.Machine, is.Group, is.Machine)
					}
				}
				s.clean(name)
			})
		}
	}
}

// Where the details cannot be read nothing is committed either.
func TestPartsThatCannotBeReadAreNotCommitted(t *testing.T) {
	s := newScene(t, emulator.Config{API: "2.5", Counts: small})
	step := s.enter("gpu0")
	s.ahead.Add(int64(seating + time.Second))
	if err := s.director.SetFaults(rule(t, "* GET system/device/info/* status=500")); err != nil {
		t.Fatal(err)
	}
	_, err := s.f.Apply(t.Context(), step)
	if code := driver.CodeOf(err); code != composa.CodeUnreachable {
		t.Errorf("%v (%s), want unreachable", err, code)
	}
	if err := s.director.SetFaults(); err != nil {
		t.Fatal(err)
	}
	if d, _ := s.director.Snapshot().Device("gpu0"); d.Group != 0 {
		t.Errorf("gpu0 is in group %d", d.Group)
	}
	s.clean("at the end")
	s.do(step)
}

// A part that is exchanged in a running machine is shown in its place, as another
// one, at the first look after one that missed it; where none did, once its details
// are read again. A step that means the former part changes nothing; those that
// mean the new one end the machine.
func TestAPartExchangedInARunningMachineIsShown(t *testing.T) {
	for _, era := range emulator.Eras() {
		for _, missed := range []bool{true, false} {
			t.Run(fmt.Sprint(era, " ", missed), func(t *testing.T) {
				s := newScene(t, emulator.Config{API: era, Counts: small}, func(c *Config) { c.Recheck = time.Minute })
				for _, next := range s.life()[:5] {
					s.do(next())
				}
				former := s.observe().Device("gpu0")
				inside := []string{"pcpu0", "gpu0", "ssd0"}
				means := s.reshape(nil, inside)
				if missed {
					if err := s.director.Gone("gpu0"); err != nil {
						t.Fatal(err)
					}
					if p := s.observe(); p.Device("gpu0") != nil || slices.Contains(p.Machine(s.ref.Native).Devices, "gpu0") {
						t.Errorf("gpu0 was pulled and is shown: %+v", p.Device("gpu0"))
					}
				}
				if err := s.director.Replace("gpu0"); err != nil {
					t.Fatal(err)
				}
				s.observe() // what it reads of the parts the next one shows
				if !missed {
					s.Pass(2 * time.Minute)
					s.observe()
				}
				p := s.observe()
				is := p.Device("gpu0")
				if is == nil || is.Fingerprint.Same(former.Fingerprint) || is.Spot != former.Spot || is.Facts.Learning || is.Health != composa.HealthOK {
					t.Fatalf("it is shown as %+v, and was %+v", is, former)
				}
				if m := p.Machine(s.ref.Native); m == nil || !slices.Contains(m.Devices, "gpu0") || m.Power != composa.PowerOn {
					t.Errorf("its machine is %+v", m)
				}
				before := s.Changes()
				if _, err := s.f.Apply(t.Context(), means); driver.CodeOf(err) != composa.CodeConflict || s.Changes() != before {
					t.Errorf("to take the former part out: %v, %d changing calls", err, s.Changes()-before)
				}
				s.do(s.switched(composa.ActPower, false))
				s.do(s.reshape(nil, inside))
				s.do(s.step(composa.ActRemove))
				s.do(s.leave("pcpu0", "gpu0", "gpu1", "ssd0"))
				s.clean("at the end")
				s.Check(t)
			})
		}
	}
}
