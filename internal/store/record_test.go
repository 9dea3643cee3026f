package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
)

func (b *bed) record(o composa.Observation) {
	b.t.Helper()
	b.ok(b.Record(b.ctx(), system, o))
}

func (b *bed) device(id composa.DeviceID) *composa.Device {
	b.t.Helper()
	d := b.site().Device(id)
	if d == nil {
		b.t.Fatalf("the site has no device %s", id)
	}
	return d
}

func TestPartsComeMoveAndGo(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		gpu0, gpu1 := devices[1], devices[2]
		at := b.lastEvent()

		gpu0.Name, gpu1.Name = gpu1.Name, gpu0.Name // two parts swap places
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: gpu0}, {Device: gpu1}}})
		if b.device(gpu0.ID).Name != "gpu1" || b.device(gpu1.ID).Name != "gpu0" {
			t.Error("the two parts did not swap places")
		}
		gpu0.Health = composa.HealthFailed
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: gpu0}}})

		// Another part sits where gpu1 was; the old one is gone.
		fresh := devices[2]
		fresh.ID, fresh.Name, fresh.Fingerprint = "dev_fresh", "gpu0", composa.Fingerprint{Serial: "F1"}
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: fresh, New: true}, {Device: gpu1, Gone: true}}})
		if site := b.site(); len(site.Devices) != 3 || site.Device(gpu1.ID) != nil || site.At("rack1/gpu0").ID != fresh.ID {
			t.Errorf("devices = %+v", site.Devices)
		}
		gone, err := b.GoneDevices(b.ctx(), system, "rack1")
		b.ok(err)
		if len(gone) != 1 || gone[0].ID != gpu1.ID || gone[0].GoneAt.IsZero() {
			t.Errorf("gone = %+v", gone)
		}
		gpu1.Name = "gpu5"
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: gpu1, Back: true}}})
		if b.device(gpu1.ID).Name != "gpu5" {
			t.Error("the part is not back")
		}
		want := []composa.EventType{"device.moved", "device.moved", "device.failed", "device.added", "device.gone", "device.returned"}
		if diff := cmp.Diff(want, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		names := []string{}
		for _, d := range b.site().Devices {
			names = append(names, d.Name)
		}
		if diff := cmp.Diff([]string{"cpu0", "gpu0", "gpu1", "gpu5"}, names); diff != "" {
			t.Errorf("the devices are not in natural order (-want +got):\n%s", diff)
		}
	})
}

func TestRecordRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		tenure, err := b.TakeTenure(b.ctx(), system, "rack1", "me")
		b.ok(err)
		at := b.lastEvent()
		changed := devices[1]
		changed.Health = composa.HealthFailed
		parts := []composa.PartChange{{Device: changed}}
		for name, tt := range map[string]struct {
			o    composa.Observation
			want composa.Code
		}{
			"an older tenure":      {composa.Observation{Fabric: "rack1", Epoch: tenure + 1, Parts: parts}, composa.CodeMoved},
			"a part nobody knows":  {composa.Observation{Fabric: "rack1", Parts: append(parts, composa.PartChange{Device: composa.Device{ID: "dev_none", Fabric: "rack1"}})}, composa.CodeNotFound},
			"a part of another":    {composa.Observation{Fabric: "rack1", Parts: append(parts, composa.PartChange{Device: composa.Device{ID: "dev_x", Fabric: "rack2"}})}, composa.CodeInvalid},
			"a picture of another": {composa.Observation{Fabric: "rack1", Parts: parts, Picture: &composa.Picture{Fabric: "rack2"}}, composa.CodeInvalid},
			"no such fabric":       {composa.Observation{Fabric: "rack9", Silent: "it is not there"}, composa.CodeNotFound},
		} {
			if err := b.Record(b.ctx(), system, tt.o); composa.CodeOf(err) != tt.want {
				t.Errorf("%s: %v (%s), want %s", name, err, composa.CodeOf(err), tt.want)
			}
		}
		if b.device(changed.ID).Health != composa.HealthOK || b.lastEvent() != at {
			t.Errorf("a refused observation was written; events: %v", b.events(at))
		}
	})
}

func TestPicturesAreLaidOverEachOther(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		spots := func() map[string]composa.Area {
			out := map[string]composa.Area{}
			for _, d := range b.site().Pictures["rack1"].Devices {
				out[d.Name] = d.Spot.Area
			}
			return out
		}
		whole := func(began time.Time) *composa.Picture {
			p := &composa.Picture{Fabric: "rack1", Began: began, Ended: began, Complete: true}
			for _, d := range devices {
				p.Devices = append(p.Devices, seenOf(d))
			}
			return p
		}
		early := b.clock.now()
		op := b.accept(b.compose("train", devices[1]))
		moved := seenOf(devices[1])
		moved.Spot = composa.Spot{Area: composa.AreaMachine, Machine: "m7"}
		began := b.clock.now()
		moved.Seen = began
		b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Fabric: "rack1", Phase: composa.PhaseRunning,
			Machines: []composa.MachineChange{{Machine: op.Machines[0], Native: "m7"}},
			Picture: &composa.Picture{
				Fabric: "rack1", Began: began, Ended: began, Complete: true, Scope: composa.Scope{Devices: []string{"gpu0"}, Machines: []string{"m7"}},
				Devices:  []composa.SeenDevice{moved},
				Machines: []composa.SeenMachine{{Native: "m7", Label: b.site().Machines[0].Label, InOurs: true, Devices: []string{"gpu0"}, Seen: began}},
			},
		})
		want := map[string]composa.Area{"cpu0": composa.AreaFree, "gpu0": composa.AreaMachine, "gpu1": composa.AreaFree}
		if diff := cmp.Diff(want, spots()); diff != "" {
			t.Errorf("after a narrow look (-want +got):\n%s", diff)
		}
		var origin string
		b.ok(b.engine.read.QueryRowContext(b.ctx(), `SELECT origin FROM observed_machine WHERE native = 'm7'`).Scan(&origin))
		if origin != "ours" {
			t.Errorf("the machine is %s, want ours", origin)
		}

		// A look at everything that began before does not undo it.
		b.record(composa.Observation{Fabric: "rack1", Picture: whole(early)})
		if diff := cmp.Diff(want, spots()); diff != "" {
			t.Errorf("after an older look at everything (-want +got):\n%s", diff)
		}
		b.reopen()
		if diff := cmp.Diff(want, spots()); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		b.record(composa.Observation{Fabric: "rack1", Picture: whole(early)})
		if diff := cmp.Diff(want, spots()); diff != "" {
			t.Errorf("after a restart and an older look (-want +got):\n%s", diff)
		}
		// One that began later does, and the machine is seen no more.
		b.record(composa.Observation{Fabric: "rack1", Picture: whole(b.clock.now())})
		want["gpu0"] = composa.AreaFree
		if diff := cmp.Diff(want, spots()); diff != "" {
			t.Errorf("after a newer look at everything (-want +got):\n%s", diff)
		}
		var rows int
		b.ok(b.engine.read.QueryRowContext(b.ctx(), `SELECT count(*) FROM observed_machine`).Scan(&rows))
		if rows != 0 {
			t.Errorf("%d machines are recorded as seen, want none", rows)
		}
	})
}

// A picture that shows the same writes its times only, and nothing is told.
func TestUnchangedPicture(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 3)
		body := func() (text string) {
			b.ok(b.engine.read.QueryRowContext(b.ctx(), `SELECT body FROM observed WHERE fabric = 'rack1'`).Scan(&text))
			return text
		}
		first, stored, at := b.site().Pictures["rack1"], body(), b.lastEvent()
		again := *first
		again.Began, again.Ended = b.clock.now(), b.clock.now()
		again.Devices = append([]composa.SeenDevice(nil), first.Devices...)
		for i := range again.Devices {
			again.Devices[i].Seen = again.Began
		}
		b.record(composa.Observation{Fabric: "rack1", Picture: &again})
		if body() != stored || b.lastEvent() != at {
			t.Error("an unchanged picture was written or told again")
		}
		kept := b.site()
		if kept.Pictures["rack1"] != b.site().Pictures["rack1"] {
			t.Error("the same picture was decoded twice")
		}
		b.reopen()
		read := b.site()
		if diff := cmp.Diff(kept.Pictures["rack1"], read.Pictures["rack1"], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the picture after a restart (-kept +read):\n%s", diff)
		}
		if got := read.Fabric("rack1").Reach.Seen; !got.Equal(again.Began) {
			t.Errorf("seen at %s, want %s", got, again.Began)
		}
	})
}

func TestIncompletePictureRemovesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		seen := b.site().Fabric("rack1").Reach.Seen
		b.record(composa.Observation{Fabric: "rack1", Picture: &composa.Picture{
			Fabric: "rack1", Began: b.clock.now(), Ended: b.clock.now(), Devices: []composa.SeenDevice{seenOf(devices[0])},
		}})
		site := b.site()
		if n := len(site.Pictures["rack1"].Devices); n != 3 {
			t.Errorf("%d devices are left of 3", n)
		}
		if got := site.Fabric("rack1").Reach.Seen; !got.Equal(seen) {
			t.Errorf("an incomplete picture counts as seen at %s", got)
		}
	})
}

func TestSilence(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 1)
		at := b.lastEvent()
		b.record(composa.Observation{Fabric: "rack1", Silent: "connection refused"})
		since := b.site().Fabric("rack1").Reach
		b.record(composa.Observation{Fabric: "rack1", Silent: "connection refused"})
		if got := b.site().Fabric("rack1").Reach; got != since || !got.Silent() || got.Reason != "connection refused" {
			t.Errorf("reach = %+v, first %+v", got, since)
		}
		b.record(composa.Observation{Fabric: "rack1", Picture: &composa.Picture{Fabric: "rack1", Began: b.clock.now(), Complete: true, Abilities: &composa.Abilities{Driver: "memory", Push: true}}})
		f := b.site().Fabric("rack1")
		if f.Reach.Silent() || f.Reach.Reason != "" || f.Abilities == nil || !f.Abilities.Push {
			t.Errorf("fabric = %+v", f)
		}
		if diff := cmp.Diff([]composa.EventType{"fabric.silent", "fabric.answered", "fabric.changed"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestHosts(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		cpu := b.addFabric("rack1", 2)[0]
		host := func(id composa.DeviceID) composa.Host {
			if h := b.device(id).Host; h != nil {
				return *h
			}
			return composa.Host{}
		}
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: withHost(cpu, composa.Host{OS: "Debian 13", Address: "198.51.100.1", Source: "fabric"})}}})
		b.ok(b.SetHosts(b.ctx(), system, []composa.HostEntry{
			{Serial: "none", Address: "192.0.2.99"},
			{IPMI: "192.0.2.12", Address: "192.0.2.1", Login: "root"},
			{Place: "rack1/cpu7", Address: "192.0.2.7"},
		}))
		if got := host(cpu.ID); got.Address != "192.0.2.1" || got.Login != "root" || got.OS != "Debian 13" || got.Source != "hosts" {
			t.Errorf("host = %+v", got)
		}
		// The fabric tells more later: the address stays.
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: withHost(cpu, composa.Host{OS: "Debian 14", Address: "198.51.100.1", Source: "fabric"})}}})
		if got := host(cpu.ID); got.Address != "192.0.2.1" || got.OS != "Debian 14" {
			t.Errorf("host after another look = %+v", got)
		}
		// A cpu that appears later gets its entry.
		late := cpu
		late.ID, late.Name, late.Fingerprint, late.Facts.IPMI = "dev_late", "cpu7", composa.Fingerprint{Serial: "late"}, ""
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: late, New: true}}})
		if got := host(late.ID); got.Address != "192.0.2.7" {
			t.Errorf("host of a cpu that came later = %+v", got)
		}
		hosts := []composa.HostEntry{{IPMI: "192.0.2.12", Address: "192.0.2.2", Login: "ops"}}
		// What a person says stays, until they take it back.
		address, none := "203.0.113.5", ""
		_, err := b.SetDevice(b.ctx(), b.admin, cpu.ID, 0, composa.DeviceUpdate{Address: &address})
		b.ok(err)
		b.ok(b.SetHosts(b.ctx(), system, hosts))
		if got := host(cpu.ID); got.Address != address || got.Source != string(b.admin.Principal.ID) {
			t.Errorf("host that a person named = %+v", got)
		}
		if got := host(late.ID); got.Address != "" {
			t.Errorf("host whose entry is gone = %+v", got)
		}
		_, err = b.SetDevice(b.ctx(), b.admin, cpu.ID, 0, composa.DeviceUpdate{Address: &none, Login: &none})
		b.ok(err)
		if got := host(cpu.ID); got.Address != "192.0.2.2" || got.Login != "ops" {
			t.Errorf("host that a person forgot = %+v", got)
		}
		version := b.site().Version
		b.ok(b.SetHosts(b.ctx(), system, hosts)) // the same again
		if got := b.site().Version; got != version {
			t.Errorf("the same hosts again are change %d after %d", got, version)
		}
	})
}

func withHost(d composa.Device, h composa.Host) composa.Device {
	d.Host = &h
	return d
}

func TestSetDevice(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		gpu := devices[1]
		text := func(s string) *string { return &s }
		at := b.lastEvent()
		d, err := b.SetDevice(b.ctx(), b.admin, gpu.ID, 1, composa.DeviceUpdate{Cordon: text("fan"), Labels: map[string]*string{"team": text("vision"), "old": text("x")}})
		b.ok(err)
		if d.Cordon == nil || d.Cordon.Reason != "fan" || d.Cordon.By != b.admin.Principal.ID || d.Labels["team"] != "vision" || d.Revision != 2 {
			t.Errorf("device = %+v", d)
		}
		_, err = b.SetDevice(b.ctx(), b.admin, gpu.ID, 1, composa.DeviceUpdate{Uncordon: true})
		b.code(err, composa.CodeMismatch)
		_, err = b.SetDevice(b.ctx(), b.admin, gpu.ID, 2, composa.DeviceUpdate{Uncordon: true, Labels: map[string]*string{"old": nil}})
		b.ok(err)
		if got := b.device(gpu.ID); got.Cordon != nil || len(got.Labels) != 1 {
			t.Errorf("device = %+v", got)
		}
		_, err = b.SetDevice(b.ctx(), b.admin, gpu.ID, 0, composa.DeviceUpdate{Address: text("192.0.2.1")})
		b.code(err, composa.CodeInvalid) // a GPU has no host
		_, err = b.SetDevice(b.ctx(), b.admin, gpu.ID, 0, composa.DeviceUpdate{Labels: map[string]*string{"": text("x")}})
		b.code(err, composa.CodeInvalid)
		_, err = b.SetDevice(b.ctx(), b.admin, gpu.ID, 0, composa.DeviceUpdate{Cordon: text("x"), Uncordon: true})
		b.code(err, composa.CodeInvalid)
		_, err = b.SetDevice(b.ctx(), b.admin, "dev_none", 0, composa.DeviceUpdate{})
		b.code(err, composa.CodeNotFound)
		if diff := cmp.Diff([]composa.EventType{"device.cordoned", "device.uncordoned"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		// What observation says leaves what people said.
		gpu.Facts.Firmware = "1.2"
		_, err = b.SetDevice(b.ctx(), b.admin, gpu.ID, 0, composa.DeviceUpdate{Cordon: text("fan")})
		b.ok(err)
		b.record(composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: gpu}}})
		if got := b.device(gpu.ID); got.Cordon == nil || got.Labels["team"] != "vision" || got.Facts.Firmware != "1.2" {
			t.Errorf("device after a look = %+v", got)
		}
	})
}

// A probe changes something on a fabric: who wanted it is told at its beginning
// and its end, and whoever has not the fabric any more does not begin one.
func TestProbesAreTold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 1)
		old, err := b.TakeTenure(b.ctx(), system, "rack1", "server-1")
		b.ok(err)
		at := b.lastEvent()
		b.ok(b.BeginProbe(b.ctx(), b.admin, "rack1", old))
		_, err = b.TakeTenure(b.ctx(), system, "rack1", "server-2")
		b.ok(err)
		b.ok(b.EndProbe(b.ctx(), b.admin, "rack1"))
		b.code(b.BeginProbe(b.ctx(), b.admin, "rack1", old), composa.CodeMoved)
		b.code(b.BeginProbe(b.ctx(), b.admin, "rack9", old), composa.CodeNotFound)
		events, err := b.Events(b.ctx(), b.admin, at, 0, composa.EventFilter{Subject: "rack1"})
		b.ok(err)
		var got []composa.EventType
		for _, e := range events {
			got = append(got, e.Type)
			if e.Principal != b.admin.Principal.ID {
				t.Errorf("%s is told of %s, want %s", e.Type, e.Principal, b.admin.Principal.ID)
			}
		}
		if diff := cmp.Diff([]composa.EventType{"fabric.probing", "fabric.probed"}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
