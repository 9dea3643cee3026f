package liqid

import (
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
