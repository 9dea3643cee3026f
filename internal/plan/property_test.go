package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
)

// drawn is a random change of some machines, and what it must not touch.
type drawn struct {
	*scene
	verb          composa.Verb
	prior, target composa.Target
	wasOn         map[string]bool // machines that existed
	undoable      bool            // no machine ends
	op            *composa.Operation
}

// draw makes machines a, b and c, each with its own compute node, among which
// devices are spread before and after, beside a stranger's machine.
func draw(t *rapid.T) *drawn {
	shape := rapid.SampledFrom([]string{"grouped", "whole", "hosted"}).Draw(t, "shape")
	reshape := rapid.SampledFrom([]composa.ReshapeStyle{composa.ReshapeOn, composa.ReshapeOff}).Draw(t, "reshape")
	d := &drawn{scene: newScene(shape, reshape), wasOn: map[string]bool{}, undoable: true, verb: composa.VerbMove}
	names := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "machines")]
	devices := strings.Fields("gpu0 gpu1 gpu2 gpu3 ssd0 ssd1 nic0")[:rapid.IntRange(0, 7).Draw(t, "devices")]

	before, after := map[string]string{}, map[string]string{}
	var existed, stays []string
	for i, name := range names {
		cpu := fmt.Sprintf("cpu%d", i)
		was, will := rapid.Bool().Draw(t, name+" existed"), rapid.Bool().Draw(t, name+" is to be")
		if was {
			existed, before[name] = append(existed, name), cpu
		}
		if will {
			stays, after[name] = append(stays, name), cpu
		}
		d.undoable = d.undoable && (!was || will)
	}
	idle := ""
	for _, dev := range devices {
		from := rapid.SampledFrom(append([]string{""}, existed...)).Draw(t, dev+" from")
		to := rapid.SampledFrom(append([]string{""}, stays...)).Draw(t, dev+" to")
		if from == "" {
			idle += " " + dev
		} else {
			before[from] += " " + dev
		}
		if to != "" {
			after[to] += " " + dev
		}
	}
	d.build(t, shape, names, before, idle)
	d.targets(t, names, before, after)
	return d
}

// build shows the fabric as it is before.
func (d *drawn) build(t *rapid.T, shape string, names []string, before map[string]string, idle string) {
	d.free(idle+" gpu8").devices("gpu9", composa.Spot{Area: composa.AreaForeign, Group: "g9"})
	d.devices("cpu9", composa.Spot{Area: composa.AreaMachine, Machine: "theirs"})
	d.picture().Machines = []composa.SeenMachine{{Native: "theirs", Label: "theirs", InOurs: false, Devices: []string{"cpu9"}, Power: composa.PowerOn}}
	for i, name := range names {
		cpu := fmt.Sprintf("cpu%d", i)
		m := d.known(name)
		switch devices, was := before[name]; {
		case was:
			m.Made = true
			if shape == "hosted" {
				d.host(cpu)
				d.nativeOf(name, "host-"+cpu)
				d.place(name, devices)
			} else {
				d.shown(name, devices)
			}
			seen := d.picture().Machine(d.site.Machine(machineID(name)).Native)
			if d.wasOn[name] = rapid.Bool().Draw(t, name+" runs"); d.wasOn[name] {
				seen.Power = composa.PowerOn
			}
		case shape == "hosted":
			d.host(cpu)
		default:
			d.free(cpu)
		}
	}
}

func (d *drawn) nativeOf(name, native string) {
	m := d.site.Machine(machineID(name))
	m.Native, m.NativeSince = native, t0
}

// place puts devices into a hosted machine.
func (d *drawn) place(name, devices string) {
	m := d.site.Machine(machineID(name))
	for _, dev := range strings.Fields(devices) {
		if kindOf(dev) == composa.KindCPU {
			continue
		}
		d.devices(dev, composa.Spot{Area: composa.AreaMachine, Machine: m.Native})
		seen := d.picture().Machine(m.Native)
		seen.Devices = append(seen.Devices, dev)
		slices.SortFunc(seen.Devices, composa.NaturalCompare)
	}
	d.claim(name, devices)
}

// targets says what was and what is to be, and claims what either names.
func (d *drawn) targets(t *rapid.T, names []string, before, after map[string]string) {
	d.prior.Fabric, d.target.Fabric = fabric, fabric
	var ids []composa.MachineID
	for _, name := range names {
		want := func(m map[string]string) string {
			if devices, ok := m[name]; ok {
				return devices
			}
			return "-"
		}
		goal := d.goal(name, want(after))
		if goal.Exists && rapid.Bool().Draw(t, name+" powered") {
			goal = powered(goal, true)
		}
		if goal.Exists && d.able.Can(composa.ActP2P) && rapid.Bool().Draw(t, name+" peered") {
			goal = peered(goal, rapid.Bool().Draw(t, name+" p2p"))
		}
		d.prior.Goals = append(d.prior.Goals, d.goal(name, want(before)))
		d.target.Goals = append(d.target.Goals, goal)
		ids = append(ids, machineID(name))
	}
	for _, name := range names {
		for _, dev := range strings.Fields(after[name]) {
			holder, heir := name, ""
			for _, other := range names {
				if slices.Contains(strings.Fields(before[other]), dev) && other != name {
					holder, heir = other, name
				}
			}
			d.claimFor(holder, heir, dev)
		}
	}
	d.site.Operations = []composa.Operation{{ID: "op_1", Machines: ids, Phase: composa.PhaseRunning}}
	d.op = &d.site.Operations[0]
	for i := range d.site.Machines {
		d.site.Machines[i].Operation = "op_1"
	}
}

// carryOut applies the first step of a plan as a runner does, and checks that
// its turn has come.
func (d *drawn) carryOut(t *rapid.T, p *composa.Plan) {
	s := p.Steps[0].Step
	if s.Act == composa.ActMake {
		s.Machine.Native = d.native(s.Machine.Name)
		d.nativeOf(s.Machine.Name, s.Machine.Native)
	}
	if standing, why := s.Judge(d.picture()); standing != composa.Ready {
		t.Fatalf("%s: %s %s, want ready", s.String(), standing, why)
	}
	d.checkStep(t, &s)
	d.op.Steps = append(d.op.Steps, composa.StepRecord{Generation: len(d.op.Steps) + 1, Ordinal: 1, Step: s, State: composa.StepDone, Attempt: 1})
	d.site.Pictures[fabric] = applied(d.picture(), &s, d.able)
	d.site.Index()
	if standing, why := s.Judge(d.picture()); standing != composa.Holds {
		t.Fatalf("after %s: %s %s, want holds", s.String(), standing, why)
	}
}

// checkStep holds the rules of the fabric, which a driver would refuse to break.
func (d *drawn) checkStep(t *rapid.T, s *composa.Step) {
	seen := d.picture().Machine(s.Machine.Native)
	switch {
	case s.Act == composa.ActReshape && d.able.Reshape == composa.ReshapeOff && seen.Power != composa.PowerOff:
		t.Fatalf("%s while it runs", s.String())
	case s.Act == composa.ActRemove && d.able.Make == composa.MakeEmpty && len(seen.Devices) > 0:
		t.Fatalf("%s while it holds %v", s.String(), seen.Devices)
	case s.Act == composa.ActMake && d.able.Make == composa.MakeEmpty && len(s.Attach) > 0:
		t.Fatalf("%s with devices", s.String())
	}
	for _, dev := range s.Attach {
		at := d.picture().Device(dev.Name).Spot.Area
		if s.Act != composa.ActEnter && d.able.Groups == composa.NeedRequired && at != composa.AreaOurs {
			t.Fatalf("%s: %s is in %s", s.String(), dev.Name, at)
		}
		if at == composa.AreaMachine || at == composa.AreaForeign {
			t.Fatalf("%s: %s is in %s", s.String(), dev.Name, at)
		}
	}
}

func (d *drawn) plan(t *rapid.T, target composa.Target) *composa.Plan {
	p, err := plan.For(d.site, d.verb, "proj_a", target)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func words(p *composa.Plan) []string {
	var out []string
	for i := range p.Steps {
		out = append(out, p.Steps[i].Step.String())
	}
	return out
}

// reach carries a target out, planning anew before every step, for at most so
// many steps. A plan made half-way is the rest of the plan before.
func (d *drawn) reach(t *rapid.T, target composa.Target, most int) {
	p := d.plan(t, target)
	for range most {
		if len(p.Steps) == 0 {
			return
		}
		d.carryOut(t, p)
		next := d.plan(t, target)
		if len(next.Steps) >= len(p.Steps) {
			t.Fatalf("%q brought nothing nearer: %v, then %v", p.Steps[0].Step.String(), words(p), words(next))
		}
		p = next
	}
}

// checkReached compares the fabric with a target, in which nothing else may lie.
func (d *drawn) checkReached(t *rapid.T, target composa.Target) {
	if p := d.plan(t, target); len(p.Steps) > 0 {
		t.Fatalf("steps are left: %v", words(p))
	}
	for _, g := range target.Goals {
		m := d.site.Machine(g.Machine.ID)
		seen := d.picture().Machine(m.Native)
		hosted := d.able.Make == composa.MakeHosted
		if !g.Exists {
			if !hosted && seen != nil {
				t.Fatalf("%s still exists", m.Name)
			}
			continue
		}
		if hosted && m.Native == "" {
			seen = d.picture().Machine("host-" + g.Devices[0].Device.Name)
		}
		var want []string
		for _, b := range g.Devices {
			want = append(want, b.Device.Name)
		}
		slices.SortFunc(want, composa.NaturalCompare)
		if diff := cmp.Diff(want, seen.Devices); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", m.Name, diff)
		}
		if g.Power != nil && (seen.Power == composa.PowerOn) != *g.Power {
			t.Fatalf("%s is %s", m.Name, seen.Power)
		}
		if g.Power == nil && d.wasOn[m.Name] && seen.Power != composa.PowerOn {
			t.Fatalf("%s ran and is %s", m.Name, seen.Power)
		}
		if g.P2P != nil && seen.P2P != *g.P2P {
			t.Fatalf("p2p of %s is %v", m.Name, seen.P2P)
		}
	}
}

// checkOutsiders compares what lies outside the scope with how it was.
func (d *drawn) checkOutsiders(t *rapid.T, was *composa.Picture) {
	for _, name := range []string{"gpu8", "gpu9", "cpu9"} {
		if diff := cmp.Diff(was.Device(name), d.picture().Device(name)); diff != "" {
			t.Fatalf("%s moved (-was +is):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(was.Machine("theirs"), d.picture().Machine("theirs")); diff != "" {
		t.Fatalf("the stranger's machine changed (-was +is):\n%s", diff)
	}
	for i := range d.picture().Devices {
		dev := &d.picture().Devices[i]
		if dev.Spot.Area == composa.AreaOurs {
			t.Fatalf("%s was left in the group", dev.Name)
		}
	}
}

// Every target is reached, every step's turn comes, and nothing outside of the
// scope moves.
func TestReachesTarget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		was := d.picture()
		d.reach(t, d.target, 40)
		d.checkReached(t, d.target)
		d.checkOutsiders(t, was)
	})
}

// Wherever it stops, everything can go back to how it was.
func TestUndoesFromAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		if !d.undoable {
			t.Skip("a machine ends: that only goes forward")
		}
		was := d.picture()
		d.reach(t, d.target, rapid.IntRange(0, 12).Draw(t, "steps before"))
		d.reach(t, d.prior, 40)
		d.checkReached(t, d.prior)
		d.checkOutsiders(t, was)
	})
}
