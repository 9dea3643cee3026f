package store

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// What becomes of a machine that no operation changes is told when a picture
// shows it: once, in the transaction that writes the picture.
func TestDriftIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		b.addFabric("rack2", 1)
		train := b.ready("train", devices[0], devices[1])
		b.ready("render", devices[2])
		// shows is a look at everything: the machine train with these devices, or
		// no such machine, and the machine render as it is to be.
		shows := func(there bool, names ...string) *composa.Picture {
			p := &composa.Picture{Fabric: "rack1", Began: b.clock.now(), Complete: true}
			in := map[string]string{"gpu1": "native-render"}
			if there {
				p.Machines = append(p.Machines, composa.SeenMachine{Native: train.Native, Label: train.Label, InOurs: true, Devices: names})
				for _, n := range names {
					in[n] = train.Native
				}
			}
			p.Machines = append(p.Machines, composa.SeenMachine{Native: "native-render", InOurs: true, Devices: []string{"gpu1"}})
			for _, d := range devices {
				s := seenOf(d)
				if m := in[d.Name]; m != "" {
					s.Spot = composa.Spot{Area: composa.AreaMachine, Machine: m}
				}
				p.Devices = append(p.Devices, s)
			}
			return p
		}
		b.record(composa.Observation{Fabric: "rack1", Picture: shows(true, "cpu0", "gpu0")})
		for _, tt := range []struct {
			name  string
			shown composa.Observation
			want  []composa.EventType
			state composa.MachineState
		}{
			{"as it is to be", composa.Observation{Picture: shows(true, "cpu0", "gpu0")}, nil, composa.MachineReady},
			{"a device less", composa.Observation{Picture: shows(true, "cpu0")}, []composa.EventType{"machine.degraded"}, composa.MachineDegraded},
			{"the same again", composa.Observation{Picture: shows(true, "cpu0")}, nil, composa.MachineDegraded},
			{"another one more: still degraded", composa.Observation{Picture: shows(true, "cpu0", "gpu2")}, nil, composa.MachineDegraded},
			{"not there", composa.Observation{Picture: shows(false)}, []composa.EventType{"machine.lost"}, composa.MachineLost},
			{"as it is to be again", composa.Observation{Picture: shows(true, "cpu0", "gpu0")}, []composa.EventType{"machine.ready"}, composa.MachineReady},
			{"the fabric is silent", composa.Observation{Silent: "no answer"}, []composa.EventType{"fabric.silent"}, composa.MachineStale},
			{"the fabric answers", composa.Observation{Picture: shows(true, "cpu0", "gpu0")}, []composa.EventType{"fabric.answered"}, composa.MachineReady},
		} {
			at := b.lastEvent()
			tt.shown.Fabric = "rack1"
			if p := tt.shown.Picture; p != nil {
				p.Began = b.clock.now()
			}
			b.record(tt.shown)
			if diff := cmp.Diff(tt.want, b.events(at)); diff != "" {
				t.Errorf("%s: events (-want +got):\n%s", tt.name, diff)
			}
			site := b.site()
			if got := site.State(site.Machine(train.ID)); got != tt.state {
				t.Errorf("%s: the machine is %s, want %s", tt.name, got, tt.state)
			}
		}
	})
}

// A part that moved to another place is the same part, so its machine is never
// told as degraded.
func TestAPartThatMovedIsNoDrift(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		train := b.ready("train", devices[1])
		shows := func(name string) *composa.Picture {
			part := seenOf(devices[1])
			part.Name, part.Spot = name, composa.Spot{Area: composa.AreaMachine, Machine: train.Native}
			return &composa.Picture{
				Fabric: "rack1", Began: b.clock.now(), Complete: true, Devices: []composa.SeenDevice{seenOf(devices[0]), part},
				Machines: []composa.SeenMachine{{Native: train.Native, Label: train.Label, InOurs: true, Devices: []string{name}}},
			}
		}
		b.record(composa.Observation{Fabric: "rack1", Picture: shows("gpu0")})
		at := b.lastEvent()
		moved := devices[1]
		moved.Name = "gpu7"
		b.record(composa.Observation{Fabric: "rack1", Picture: shows("gpu7"), Parts: []composa.PartChange{{Device: moved}}})
		if diff := cmp.Diff([]composa.EventType{"device.moved"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// A look that an operation takes tells of the machines that it does not change,
// and its own machine is told as it is seen when the operation leaves it.
func TestAStepTellsTheDriftThatItShows(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		train := b.ready("train", devices[0])
		op := b.accept(b.compose("render", devices[1]))
		render := b.site().Machine(op.Machines[0])
		look := func(machines ...composa.SeenMachine) *composa.Picture {
			p := &composa.Picture{Fabric: "rack1", Began: b.clock.now(), Complete: true, Machines: machines}
			for _, d := range devices {
				s := seenOf(d)
				for _, m := range machines {
					if len(m.Devices) > 0 && m.Devices[0] == d.Name {
						s.Spot = composa.Spot{Area: composa.AreaMachine, Machine: m.Native}
					}
				}
				p.Devices = append(p.Devices, s)
			}
			return p
		}
		whole := composa.SeenMachine{Native: train.Native, Label: train.Label, InOurs: true, Devices: []string{"cpu0"}}
		b.record(composa.Observation{Fabric: "rack1", Picture: look(whole)})
		at := b.lastEvent()
		op = b.advance(composa.Advance{Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Phase: composa.PhaseRunning, Picture: look()})
		if diff := cmp.Diff([]composa.EventType{"machine.lost", "operation.changed"}, b.events(at)); diff != "" {
			t.Errorf("a machine of nobody's operation is lost (-want +got):\n%s", diff)
		}
		at = b.lastEvent()
		made := composa.SeenMachine{Native: "m7", Label: render.Label, InOurs: true}
		b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Phase: composa.PhaseDone, Picture: look(whole, made),
			Machines: []composa.MachineChange{{Machine: render.ID, Native: "m7", Made: true, Idle: true}},
		})
		got := b.events(at)
		for _, want := range []composa.EventType{"operation.done", "machine.ready", "machine.degraded"} {
			if !slices.Contains(got, want) {
				t.Errorf("events %v, want also %s", got, want)
			}
		}
		site := b.site()
		if s := site.State(site.Machine(render.ID)); s != composa.MachineDegraded || len(got) != 4 {
			t.Errorf("it is %s after %v", s, got)
		}
	})
}

// A machine whose part was taken out stays degraded when the part counts as gone.
func TestDriftByAPartThatIsGoneIsToldOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		train := b.ready("train", devices[0], devices[1])
		shows := func(inside ...composa.Device) *composa.Picture {
			m := composa.SeenMachine{Native: train.Native, Label: train.Label, InOurs: true}
			p := &composa.Picture{Fabric: "rack1", Began: b.clock.now(), Complete: true}
			for _, d := range inside {
				s := seenOf(d)
				s.Spot = composa.Spot{Area: composa.AreaMachine, Machine: train.Native}
				p.Devices, m.Devices = append(p.Devices, s), append(m.Devices, d.Name)
			}
			p.Machines = []composa.SeenMachine{m}
			return p
		}
		b.record(composa.Observation{Fabric: "rack1", Picture: shows(devices...)})
		at := b.lastEvent()
		b.record(composa.Observation{Fabric: "rack1", Picture: shows(devices[0])})
		b.record(composa.Observation{Fabric: "rack1", Picture: shows(devices[0]), Parts: []composa.PartChange{{Device: devices[1], Gone: true}}})
		if diff := cmp.Diff([]composa.EventType{"machine.degraded", "device.gone"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
