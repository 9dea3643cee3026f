package plan_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/placement"
	"github.com/composa-dev/composa/internal/plan"
)

// bench is a real driver beside a site that is kept as the store would.
type bench struct {
	t      *testing.T
	driver driver.Fabric
	site   *composa.Site
}

func newBench(t *testing.T, shape memory.Shape) *bench {
	now := t0
	w := memory.New(memory.Config{
		Name: fabric, Shape: shape, Site: "site_abcdefgh",
		Counts: map[composa.Kind]int{"cpu": 2, "gpu": 8, "ssd": 4},
		Clock:  func() time.Time { now = now.Add(time.Millisecond); return now },
	})
	t.Cleanup(func() {
		if wrong := w.Violations(); len(wrong) > 0 {
			t.Errorf("rules of the fabric were broken: %v", wrong)
		}
	})
	b := &bench{t: t, driver: w.Fabric(), site: &composa.Site{Now: t0, Pictures: map[composa.FabricName]*composa.Picture{}}}
	p := b.look()
	b.site.Fabrics = []composa.Fabric{{Name: fabric, Access: composa.AccessManage, Abilities: p.Abilities, Reach: composa.FabricReach{Seen: t0}}}
	for _, d := range p.Devices {
		b.site.Devices = append(b.site.Devices, composa.Device{
			ID: deviceID(d.Name), Fabric: fabric, Name: d.Name, Kind: d.Kind, Fingerprint: d.Fingerprint, Unit: d.Unit,
			Domains: d.Domains, Facts: d.Facts, Health: d.Health, Hygiene: composa.HygieneClean,
		})
	}
	b.site.Index()
	return b
}

func (b *bench) look() *composa.Picture {
	b.t.Helper()
	p, err := b.driver.Observe(context.Background(), composa.Scope{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.site.Pictures[fabric] = p
	b.site.Index()
	return p
}

// place chooses devices and claims them for a machine.
func (b *bench) place(verb composa.Verb, m *composa.Machine, entries ...composa.Entry) []composa.Bound {
	b.t.Helper()
	r := placement.Request{Verb: verb, Project: "proj_a", Name: m.Name, Entries: entries}
	if verb != composa.VerbCompose {
		r.Machine = m
	}
	c, err := placement.Place(b.site, r)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, bound := range c.Bound {
		b.site.Claims = append(b.site.Claims, composa.Claim{Device: bound.Device.ID, Machine: m.ID, Purpose: composa.PurposeMachine, Entry: bound.Entry})
	}
	b.site.Index()
	return slices.Concat(c.Bound)
}

// carryOut applies the steps towards a target until none is left.
func (b *bench) carryOut(verb composa.Verb, m *composa.Machine, goal composa.Goal) (steps int) {
	b.t.Helper()
	for steps = 0; steps < 12; steps++ {
		p, err := plan.For(b.site, verb, "proj_a", composa.Target{Fabric: fabric, Goals: []composa.Goal{goal}})
		if err != nil {
			b.t.Fatal(err)
		}
		if len(p.Steps) == 0 {
			return steps
		}
		b.apply(m, p.Steps[0].Step)
	}
	b.t.Fatalf("%s %s comes to no end", verb, m.Name)
	return steps
}

func (b *bench) apply(m *composa.Machine, s composa.Step) {
	b.t.Helper()
	if r, ok := b.driver.(driver.Reserver); ok && s.Act == composa.ActMake && s.Machine.Native == "" {
		native, err := r.Reserve(context.Background(), s)
		if err != nil {
			b.t.Fatal(err)
		}
		s.Machine.Native = native
	}
	proof, err := b.driver.Apply(context.Background(), s)
	if err != nil {
		b.t.Fatalf("%s: %v", s.String(), err)
	}
	if standing, why := s.Judge(proof); standing != composa.Holds {
		b.t.Fatalf("after %s: %s %s", s.String(), standing, why)
	}
	if s.Act == composa.ActMake {
		made := s.Made(proof)
		m.Native, m.NativeSince = made.Native, made.Created
	}
	b.look()
}

// A machine is placed, made, grown and given back on a real driver of every
// shape, and what the fabric shows in the end is what it showed before.
func TestOnMemory(t *testing.T) {
	for _, shape := range memory.Shapes() {
		t.Run(string(shape), func(t *testing.T) {
			b := newBench(t, shape)
			was := b.look()
			id := composa.MachineID("mach_k3v9q2xw00000000")
			b.site.Machines = []composa.Machine{{ID: id, Project: "proj_a", Name: "train", Fabric: fabric, Label: composa.MachineLabel("train", id)}}
			m := &b.site.Machines[0]
			goal := func() composa.Goal { return composa.Goal{Machine: m.Ref(), Exists: true, Devices: b.site.Binding(id)} }

			b.place(composa.VerbCompose, m, composa.Entry{Key: "cpu", Kind: "cpu", Count: 1}, composa.Entry{Key: "gpu", Kind: "gpu", Count: 2})
			if n := b.carryOut(composa.VerbCompose, m, powered(goal(), true)); n == 0 {
				t.Fatal("nothing was done")
			}
			if m.Made = true; m.Native == "" {
				m.Native = b.hostOf(id)
			}
			b.place(composa.VerbPlug, m, composa.Entry{Key: "ssd", Kind: "ssd", Count: 2})
			b.carryOut(composa.VerbPlug, m, powered(goal(), true))

			seen := b.look().Ours(m.Ref())
			var bound []string
			for _, d := range b.site.Binding(id) {
				bound = append(bound, d.Device.Name)
			}
			if d := cmp.Diff(bound, seen.Devices); d != "" || len(bound) != 5 {
				t.Errorf("the machine (-claimed +shown):\n%s", d)
			}
			if seen.Power != composa.PowerOn {
				t.Errorf("power is %s", seen.Power)
			}
			b.carryOut(composa.VerbFree, m, composa.Goal{Machine: m.Ref()})
			for _, d := range b.look().Devices {
				if diff := cmp.Diff(was.Device(d.Name).Spot, d.Spot); diff != "" {
					t.Errorf("%s (-before +after):\n%s", d.Name, diff)
				}
			}
		})
	}
}

// hostOf is the handle of the machine that holds a binding's compute node.
func (b *bench) hostOf(id composa.MachineID) string {
	for _, bound := range b.site.Binding(id) {
		if bound.Device.Kind == composa.KindCPU {
			return b.site.Pictures[fabric].Device(bound.Device.Name).Spot.Machine
		}
	}
	return ""
}
