package damage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// exchange pulls a part of a running machine and puts another one of the same
// model in its place, with a look in between or without.
func exchange(t *testing.T, d *emulator.Director, name string, noticed bool) {
	t.Helper()
	if noticed {
		if err := d.Gone(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * every)
	}
	if err := d.Replace(name); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Minute)
}

// A part that somebody exchanges in a running machine is told: the machine is
// degraded, once, its part vanished, and what is in the place is not of it. Nobody
// is given the new part, and nothing touches it: what is asked of the machine is
// refused, with the way out. That way leads out.
func TestAPartExchangedInARunningMachine(t *testing.T) {
	for _, era := range eras {
		for _, noticed := range []bool{true, false} {
			t.Run(fmt.Sprint(era, " ", noticed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx := t.Context()
					s, err := Open(ctx, nil, emulator.Config{API: era, Counts: emulator.Counts{CPUs: 1, GPUs: 2, SSDs: 1}})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					rest := func() *composa.Site {
						if ok, err := s.rests(ctx, patience); !ok {
							t.Fatalf("it does not come to rest: %v", err)
						}
						site, err := s.now(ctx)
						if err != nil {
							t.Fatal(err)
						}
						return site
					}
					if ok, err := s.Seen(ctx, time.Time{}); !ok {
						t.Fatalf("the rack is not seen: %v", err)
					}
					if _, err := s.compose(ctx, stand{"train", []string{"pcpu0", "gpu0", "gpu1", "ssd0"}}); err != nil {
						t.Fatal(err)
					}
					former := rest().At("rack1/gpu0")
					last, err := s.store.LastEvent(ctx, composa.System())
					if err != nil {
						t.Fatal(err)
					}
					d := s.racks[0].director
					exchange(t, d, "gpu0", noticed)

					site := rest()
					m, now := site.MachineNamed(s.project, "train"), site.At("rack1/gpu0")
					drift := []composa.Drift{{Sort: composa.DriftVanished}, {Sort: composa.DriftExtra, Device: "rack1/gpu0"}}
					if got := site.Drift(m); site.State(m) != composa.MachineDegraded || !slices.Equal(got, drift) {
						t.Errorf("it is %s and differs so: %+v", site.State(m), got)
					}
					if now == nil || now.ID == former.ID || site.Claim(now.ID) != nil || site.WhyNotFree(now, s.project, "") == "" {
						t.Errorf("at the place is %+v, before %+v", now, former)
					}
					events, err := s.store.Events(ctx, composa.System(), last, 100, composa.EventFilter{})
					if err != nil {
						t.Fatal(err)
					}
					told := 0
					for _, e := range events {
						if e.Type == "machine.degraded" {
							told++
						}
					}
					if told != 1 {
						t.Errorf("%d times it is told that it is degraded: %+v", told, events)
					}

					free := func() error {
						_, err := s.server.intake.Free(ctx, s.who, composa.FreeRequest{Asked: s.asked("train")})
						return err
					}
					calls := d.CallCount()
					for what, err := range map[string]error{
						"free": free(),
						"unplug": func() error {
							_, err := s.server.intake.Unplug(ctx, s.who, composa.UnplugRequest{Asked: s.asked("train"), Places: places("gpu1")})
							return err
						}(),
					} {
						if composa.CodeOf(err) != composa.CodeConflict || !strings.Contains(err.Error(), "rack1/gpu0") || !strings.Contains(err.Error(), "somebody exchanged the part") {
							t.Errorf("to %s: %v", what, err)
						}
					}
					rest()
					for _, c := range d.Calls(calls) {
						if c.Changing {
							t.Errorf("a call was made: %s %s", c.Method, c.Path)
						}
					}

					if err := d.Rival().Release("gpu0"); err != nil { // with the director's own tool
						t.Fatal(err)
					}
					if ok, err := s.Seen(ctx, time.Now()); !ok {
						t.Fatal(err)
					}
					if err := free(); err != nil {
						t.Fatal(err)
					}
					if site = rest(); len(site.Machines)+len(site.Claims) > 0 {
						t.Errorf("left: machines %+v, claims %+v", site.Machines, site.Claims)
					}
					for _, part := range d.Snapshot().Devices {
						at := site.At(composa.PlaceOf("rack1", part.Name))
						if why := site.WhyNotFree(at, s.project, ""); part.Group != 0 || why != "" {
							t.Errorf("%s is in group %d, and %s", part.Name, part.Group, cmp.Or(why, "free"))
						}
					}
					for _, v := range d.Violations() {
						t.Errorf("violation: %+v", v)
					}
				})
			})
		}
	}
}

// The former part put back ends it all: the machine is as it was, whether the
// exchange was noticed at once or long after, and can be given back.
func TestTheFormerPartPutBackEndsIt(t *testing.T) {
	for _, noticed := range []bool{true, false} {
		t.Run(fmt.Sprint(noticed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				s, err := Open(ctx, nil, emulator.Config{API: "3.4", Counts: emulator.Counts{CPUs: 1, GPUs: 2}})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if ok, err := s.Seen(ctx, time.Time{}); !ok {
					t.Fatalf("the rack is not seen: %v", err)
				}
				if _, err := s.compose(ctx, stand{"train", []string{"pcpu0", "gpu0"}}); err != nil {
					t.Fatal(err)
				}
				if ok, err := s.rests(ctx, patience); !ok {
					t.Fatalf("it does not come to rest: %v", err)
				}
				d := s.racks[0].director
				exchange(t, d, "gpu0", noticed)
				if err := d.Return("gpu0"); err != nil {
					t.Fatal(err)
				}
				if ok, err := s.Seen(ctx, time.Now()); !ok {
					t.Fatal(err)
				}
				site, err := s.now(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if m := site.MachineNamed(s.project, "train"); site.State(m) != composa.MachineReady {
					t.Errorf("it is %s and differs so: %+v", site.State(m), site.Drift(m))
				}
				if _, err := s.server.intake.Free(ctx, s.who, composa.FreeRequest{Asked: s.asked("train")}); err != nil {
					t.Fatal(err)
				}
				if ok, err := s.rests(ctx, patience); !ok {
					t.Fatalf("it does not come to rest: %v", err)
				}
				if site, err = s.now(ctx); err != nil || len(site.Machines)+len(site.Claims) > 0 {
					t.Errorf("left: machines %+v, claims %+v, %v", site.Machines, site.Claims, err)
				}
			})
		})
	}
}
