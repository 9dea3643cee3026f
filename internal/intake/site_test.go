package intake_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/store"
)

// world is a real store that has seen two racks, and an intake over it. There
// is no runner: what is accepted stays as it was accepted.
type world struct {
	*intake.Intake
	t        *testing.T
	store    *store.Store
	who      composa.Who
	project  composa.ProjectID
	pictures map[composa.FabricName]*composa.Picture
	epoch    map[composa.FabricName]int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	s, err := store.Open(ctx, store.Options{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{
		Intake: intake.New(s, slog.New(slog.DiscardHandler)), t: t, store: s,
		pictures: map[composa.FabricName]*composa.Picture{}, epoch: map[composa.FabricName]int64{},
	}
	admin, err := s.EnsureAdmin(ctx, composa.System())
	if err != nil {
		t.Fatal(err)
	}
	project, err := s.Project(ctx, composa.System(), composa.DefaultProject)
	if err != nil {
		t.Fatal(err)
	}
	w.project = project.ID
	w.who = composa.Who{Principal: admin, Projects: []composa.ProjectID{project.ID}}
	w.rack("rack1", composa.AccessManage)
	w.rack("rack2", composa.AccessManage)
	return w
}

// rack adds a fabric in Liqid's shape with 3 cpu, 6 gpu, 3 ssd and 2 nic.
func (w *world) rack(name composa.FabricName, access composa.Access) {
	w.t.Helper()
	ctx := w.t.Context()
	abilities := &composa.Abilities{
		Driver: "memory", Groups: composa.NeedRequired, Make: composa.MakeEmpty, Reshape: composa.ReshapeOn, DetachSure: true,
		Acts: []composa.Act{composa.ActEnter, composa.ActLeave, composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActPower, composa.ActP2P},
	}
	if err := w.store.PutFabric(ctx, composa.System(), composa.Fabric{Name: name, Driver: "memory", Source: "config", Access: access}); err != nil {
		w.t.Fatal(err)
	}
	epoch, err := w.store.TakeTenure(ctx, composa.System(), name, "server")
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now()
	p := &composa.Picture{Fabric: name, Began: now, Ended: now, Complete: true, Abilities: abilities}
	for _, part := range []struct {
		prefix string
		kind   composa.Kind
		count  int
	}{{"pcpu", composa.KindCPU, 3}, {"gpu", composa.KindGPU, 6}, {"ssd", composa.KindSSD, 3}, {"link", composa.KindNIC, 2}} {
		for i := range part.count {
			device := part.prefix + string(rune('0'+i))
			p.Devices = append(p.Devices, composa.SeenDevice{
				Name: device, Kind: part.kind, Health: composa.HealthOK, Seen: now, Spot: composa.Spot{Area: composa.AreaFree},
				Fingerprint: composa.Fingerprint{Serial: string(name) + device}, Facts: composa.Facts{Model: "Model " + string(part.kind)},
			})
		}
	}
	w.pictures[name], w.epoch[name] = p, epoch
	w.see(name)
}

// see records the picture of a rack as a look that begins now.
func (w *world) see(name composa.FabricName) {
	w.t.Helper()
	p := w.pictures[name]
	p.Began, p.Ended = time.Now(), time.Now()
	for i := range p.Devices {
		p.Devices[i].Seen = p.Began
	}
	for i := range p.Machines {
		p.Machines[i].Seen = p.Began
	}
	site := w.site()
	changes, _ := inventory.Match(inventory.Known{
		Devices: slices.DeleteFunc(slices.Clone(site.Devices), func(d composa.Device) bool { return d.Fabric != name }),
		Owner:   func(string) (composa.ProjectID, bool) { return "", false },
		NewID:   func() composa.DeviceID { return composa.DeviceID(composa.NewID(composa.PrefixDevice)) },
	}, p)
	err := w.store.Record(w.t.Context(), composa.System(), composa.Observation{Fabric: name, Epoch: w.epoch[name], Picture: p, Parts: changes})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) site() *composa.Site {
	w.t.Helper()
	site, err := w.store.Site(context.Background(), composa.System())
	if err != nil {
		w.t.Fatal(err)
	}
	return site
}

func (w *world) asked(machine string) composa.Asked {
	return composa.Asked{Project: w.project, Machine: machine}
}

func wants(entries ...composa.Entry) composa.Spec { return composa.Spec{Entries: entries} }

func gpus(n int) composa.Entry { return composa.Entry{Kind: composa.KindGPU, Count: n} }

// ready composes a machine and ends its operation as the runner would, with the
// picture that proves it.
func (w *world) ready(name string, s composa.Spec) *composa.Machine {
	w.t.Helper()
	out, err := w.Compose(w.t.Context(), w.who, composa.ComposeRequest{Asked: w.asked(name), Spec: s})
	if err != nil {
		w.t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	return w.site().MachineNamed(w.project, name)
}

// finish ends an operation as done, and shows it in the picture.
func (w *world) finish(id composa.OperationID) {
	w.t.Helper()
	op, err := w.store.Operation(w.t.Context(), composa.System(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	p := w.pictures[op.Fabric]
	a := composa.Advance{
		Operation: id, Revision: op.Revision, Fabric: op.Fabric, Epoch: w.epoch[op.Fabric],
		Phase: composa.PhaseDone, Direction: composa.Forward, Result: &composa.Result{Text: "done"},
	}
	site := w.site()
	for _, g := range op.Target.Goals {
		native := string(g.Machine.ID)
		p.Machines = slices.DeleteFunc(p.Machines, func(m composa.SeenMachine) bool { return m.Native == native })
		for i := range p.Devices {
			if p.Devices[i].Spot.Machine == native {
				p.Devices[i].Spot = composa.Spot{Area: composa.AreaFree}
			}
		}
		change := composa.MachineChange{Machine: g.Machine.ID, Idle: true, Freed: !g.Exists}
		if g.Exists {
			change.Made, change.Native = true, native
			seen := composa.SeenMachine{Native: native, Label: g.Machine.Label, InOurs: true, Power: composa.PowerOn}
			for _, b := range g.Devices {
				seen.Devices = append(seen.Devices, b.Device.Name)
				p.Device(b.Device.Name).Spot = composa.Spot{Area: composa.AreaMachine, Machine: native}
			}
			p.Machines = append(p.Machines, seen)
		}
		a.Machines = append(a.Machines, change)
	}
	for _, c := range site.Claims {
		change := composa.ClaimChange{Claim: c.ID, Closed: true, Evidence: "free"}
		for _, g := range op.Target.Goals {
			for _, b := range g.Devices {
				if b.Device.ID == c.Device {
					change = composa.ClaimChange{Claim: c.ID, Machine: g.Machine.ID, Entry: b.Entry, Purpose: composa.PurposeMachine}
				}
			}
		}
		if slices.Contains(op.Scope().Devices, c.Device) {
			a.Claims = append(a.Claims, change)
		}
	}
	if _, err := w.store.Advance(w.t.Context(), composa.System(), a); err != nil {
		w.t.Fatal(err)
	}
	w.see(op.Fabric)
}
