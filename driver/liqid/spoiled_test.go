package liqid

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// spoilings are the ways to spoil the answers to calls: all of them where it is
// proven, else one in few, which is odd so that every way is met.
func spoilings(calls []string, few int) (out []string) {
	var all []string
	for _, call := range calls {
		if !strings.Contains(call, "/event") && !strings.Contains(call, "sse/") {
			for _, how := range []string{"html", "half", "types", "empty"} {
				all = append(all, call+" "+how)
			}
		}
	}
	for i := 0; i < len(all); i += stride(few) {
		out = append(out, all[i])
	}
	return out
}

func rule(t *testing.T, format string, args ...any) emulator.FaultRule {
	t.Helper()
	r, err := emulator.ParseFault(fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// called lists what was called, each call once, in order of method and path.
func called(d *emulator.Director, changing bool) (out []string) {
	for _, c := range d.Calls(0) {
		if c.Changing == changing && c.Status < 400 {
			out = append(out, c.Method+" "+c.Path)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Whatever reading call is answered with nonsense, what is shown is so, or
// nothing is shown.
func TestNoSpoiledReadingIsBelieved(t *testing.T) {
	for _, api := range []string{"2.4", "2.5", "3.4"} {
		t.Run(api, func(t *testing.T) {
			s := newScene(t, emulator.Config{API: api, Counts: emulator.Counts{CPUs: 1, GPUs: 2, SSDs: 1, NICs: 1}})
			s.do(s.enter("pcpu0", "gpu0"))
			s.do(s.step(composa.ActMake))
			s.do(s.reshape([]string{"pcpu0", "gpu0"}, nil))
			want := s.rack.open(t)
			truth, err := want.Observe(t.Context(), composa.Scope{})
			if err != nil || !truth.Complete {
				t.Fatal(err)
			}
			silent, shown := 0, 0
			for _, spoilt := range spoilings(called(s.director, false), 7) {
				if err := s.director.SetFaults(rule(t, "* %s", spoilt)); err != nil {
					t.Fatal(err)
				}
				p, err := s.rack.open(t).Observe(t.Context(), composa.Scope{})
				switch {
				case err == nil && p.Complete:
					shown++
					sameButForDetails(t, spoilt, truth, p)
				case err == nil:
				case driver.CodeOf(err) != composa.CodeUnreachable || len(err.Error()) > 1000:
					t.Errorf("%s: %v (%s)", spoilt, err, driver.CodeOf(err))
				default:
					silent++
				}
			}
			if silent == 0 || shown == 0 {
				t.Errorf("%d looks failed, %d did not: one of the kinds was never met", silent, shown)
			}
		})
	}
}

// sameButForDetails compares what steps rely on. Details may be missing, never
// wrong.
func sameButForDetails(t *testing.T, what string, want, got *composa.Picture) {
	t.Helper()
	bare := func(p *composa.Picture) *composa.Picture {
		c := &composa.Picture{Groups: p.Groups}
		for _, m := range p.Machines {
			m.Seen = time.Time{}
			if m.Power == composa.PowerUnknown {
				m.Power = want.Machine(m.Native).Power
			}
			c.Machines = append(c.Machines, m)
		}
		for _, d := range p.Devices {
			known := want.Device(d.Name)
			if d.Fingerprint.Serial == "" && known != nil {
				d.Fingerprint.Serial = known.Fingerprint.Serial
			}
			c.Devices = append(c.Devices, composa.SeenDevice{Name: d.Name, Kind: d.Kind, Health: d.Health, Spot: d.Spot, Fingerprint: d.Fingerprint})
		}
		return c
	}
	if diff := cmp.Diff(bare(want), bare(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Whatever changing call is answered with nonsense, it counts as carried out or
// not, and is never taken for a refusal; looking finds out.
func TestASpoiledAnswerToAChangeIsFoundOutByLooking(t *testing.T) {
	script := func(s *scene) []composa.Step {
		return []composa.Step{
			s.enter("pcpu0", "gpu0"), s.step(composa.ActMake), s.reshape([]string{"pcpu0", "gpu0"}, nil),
			s.reshape(nil, []string{"pcpu0", "gpu0"}), s.step(composa.ActRemove), s.leave("pcpu0", "gpu0"),
		}
	}
	for _, api := range []string{"2.5", "3.4"} {
		t.Run(api, func(t *testing.T) {
			config := emulator.Config{API: api, Counts: emulator.Counts{CPUs: 1, GPUs: 1}}
			plain := newScene(t, config)
			for _, step := range script(plain) {
				plain.do(step)
			}
			for _, spoilt := range spoilings(called(plain.director, true), 11) {
				t.Run(spoilt, func(t *testing.T) {
					s := newScene(t, config, func(c *Config) { c.Timeouts.Late = 20 * time.Millisecond })
					steps := script(s)
					if err := s.director.SetFaults(rule(t, "#1 %s", spoilt)); err != nil {
						t.Fatal(err)
					}
					s.disturbed = true
					for _, step := range steps {
						for try := 0; ; try++ {
							_, err := s.f.Apply(t.Context(), step)
							if err == nil {
								break
							}
							code := driver.CodeOf(err)
							if code == composa.CodeRefused || code == composa.CodeConflict || code == composa.CodeUnsupported || try == 5 {
								t.Fatalf("%s: %v (%s)", &step, err, code)
							}
							if err := s.f.Settle(t.Context(), step); err != nil {
								t.Fatalf("settle: %v", err)
							}
						}
					}
					s.Check(t)
				})
			}
		})
	}
}
