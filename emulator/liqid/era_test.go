package liqid

import (
	"net/http"
	"slices"
	"testing"
)

// TestEraVersions holds how each era says which it is (1.4, 4), and that none
// is taken for real.
func TestEraVersions(t *testing.T) {
	for api, elements := range map[string]int{"2.4": 1, "2.5": 9, "3.2": 8, "3.4": 8} {
		d := start(t, Config{API: api})
		list := must[map[string]any](t, d, "GET", "version", "")
		if len(list) != elements {
			t.Errorf("%s: %d elements, want %d", api, len(list), elements)
		}
		for _, c := range list {
			if c["branch"] != "emulated" {
				t.Errorf("%s: %v does not say that it is emulated", api, c)
			}
			if v, ok := c["version"].(string); api != "2.4" && (!ok || v != api+".0.0") {
				t.Errorf("%s: version %v", api, c["version"])
			}
		}
	}
}

// TestMemory holds that 3.x shows memory devices, attaches them under their two
// names (A4), and that 2.x knows none.
func TestMemory(t *testing.T) {
	for _, api := range Eras() {
		t.Run(api, func(t *testing.T) {
			d := start(t, Config{API: api, Counts: Counts{CPUs: 1, Memories: 2}, Habits: Habits{Commit: "done"}})
			names := func(path string) (names []string) {
				for _, r := range must[statusRecord](t, d, "GET", path, "") {
					names = append(names, r.Name)
				}
				return names
			}
			if api < "3" {
				if got := names("status"); !slices.Equal(got, []string{"pcpu0"}) {
					t.Errorf("status lists %v", got)
				}
				return
			}
			compose(t, d, "pcpu0", "mem1")
			if got := names("status"); !slices.Equal(got, []string{"pcpu0", "mem0", "mem1"}) {
				t.Errorf("status lists %v", got)
			}
			if got := names("status/mem"); !slices.Equal(got, []string{"mem0"}) {
				t.Errorf("status/mem lists %v", got)
			}
			for filter, want := range map[string]int{"true": 1, "false": 2, "True": 1, "False": 2} {
				if got := names("status/mem?filter=" + filter); len(got) != want {
					t.Errorf("status/mem?filter=%s lists %v", filter, got)
				}
			}
			m := must[statusRecord](t, d, "GET", "status/mem", "")[0]
			if m.Type != "MemoryDeviceStatus" || m.CapacityMB == 0 || m.Unique != unset || m.DeviceType != "mem" || m.DevID != "0x00003000" {
				t.Errorf("mem0 is %+v", m)
			}
			if p := must[predeviceRecord](t, d, "GET", "predevice?grp_id=1&mach_id=1&dev_type=mem", ""); len(p) != 1 || p[0].Name != "mem1" {
				t.Errorf("attached memory: %+v", p)
			}
			if status, _ := call(d, "POST", "relate/mem", relateBody("mem0", 1, 1)); status != http.StatusNotFound {
				t.Errorf("relate/mem: %d", status)
			}
			must[any](t, d, "POST", "fabric/edit", machineBody(1, 1, "trainbox"))
			must[any](t, d, "DELETE", "relate/memory", relateBody("mem1", 1, 1))
			must[any](t, d, "POST", "fabric/reprogram", machineBody(1, 1, "trainbox"))
			if v, _ := d.Snapshot().Device("mem1"); v.Machine != 0 || v.Group != 1 {
				t.Errorf("mem1 is %+v", v)
			}
		})
	}
}

// TestForce holds what 2.5's reprogram/force is for: a device that a program has
// open is taken nevertheless, and no other.
func TestForce(t *testing.T) {
	p := meet(t, Config{})
	compose(t, p.d, "pcpu0", "gpu0", "gpu1")
	ask[any](p, "POST", "power/start", `{"mach_id":1}`)
	for _, v := range []string{"gpu0", "gpu1"} {
		if err := p.d.Use(v, true); err != nil {
			t.Fatal(err)
		}
	}
	detach := func(device string) {
		ask[any](p, "POST", "fabric/edit", machineBody(1, 1, "m"))
		ask[any](p, "DELETE", "relate/gpu", relateBody(device, 1, 1))
	}
	detach("gpu0")
	p.denied(400, "POST", "fabric/reprogram", machineBody(1, 1, "m"))
	p.denied(400, "POST", "fabric/reprogram/force", `{"device_name":"gpu1","machine":{"mach_id":1}}`)
	p.denied(400, "POST", "fabric/reprogram/force", `{"machine":{"mach_id":1}}`)
	asked := `{"device_name":"gpu0","device_gid":"0x10002000","port":"","type":"gpu","machine":{"mach_id":1}}`
	if got := askOne[record](p, "POST", "fabric/reprogram/force", asked); got["device_name"] != "gpu0" {
		t.Errorf("it answers %v", got)
	}
	detach("gpu1")
	ask[any](p, "POST", "fabric/reprogram/force", `{"device_gid":"0x10002001","machine":{"mach_id":1}}`)
	if got := p.d.Snapshot().Machines[0].Devices; !slices.Equal(got, []string{"pcpu0"}) {
		t.Errorf("left: %v", got)
	}
	p.blameless()
}

// TestMarks holds what a device's flags do here (2.9), and that a restart keeps it.
func TestMarks(t *testing.T) {
	config := Config{DataDir: t.TempDir()}
	p := meet(t, config)
	free := func(p *party) (names []string) {
		for _, r := range ask[statusRecord](p, "GET", "status/gpu", nil) {
			names = append(names, r.Name)
		}
		return names
	}
	for _, flag := range []string{"hidden", "disappear"} {
		if a := p.do("PUT", "device/gpu/0x00002000/"+flag+"/enabled", nil); a.status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", flag, a.status, a.body)
		}
		if slices.Contains(free(p), "gpu0") {
			t.Errorf("%s: it is listed", flag)
		}
		p.do("PUT", "device/gpu/0x00002000/"+flag+"/disabled", nil)
		if !slices.Contains(free(p), "gpu0") {
			t.Errorf("not %s: it is not listed", flag)
		}
	}
	p.do("PUT", "device/gpu/0x00002000/active/disabled", nil)
	p.do("PUT", "device/gpu/0x00002001/hidden/enabled", nil)
	p.do("PUT", "device/gpu/0x00002001/perm/enabled", nil)
	for _, wrong := range []string{"gpu/0x00002000/loud/enabled", "gpu/0x00002000/active/maybe", "targ/0x00002000/active/enabled", "gpu/0xffffffff/active/enabled"} {
		p.denied(400, "PUT", "device/"+wrong, nil)
	}
	p.d.Close()
	again := meet(t, config)
	list := ask[statusRecord](again, "GET", "status/gpu", nil)
	if list[0].Name != "gpu0" || list[0].DeviceState == healthy || slices.Contains(free(again), "gpu1") {
		t.Errorf("after a restart: %+v", list[:2])
	}
	if all := ask[statusRecord](again, "GET", "status", nil); len(all) != len(again.d.Snapshot().Devices) {
		t.Errorf("status lists %d devices", len(all))
	}
}

// TestFabricID holds that another id is in all records and outlives a restart.
func TestFabricID(t *testing.T) {
	config := Config{DataDir: t.TempDir()}
	p := meet(t, config)
	ask[any](p, "POST", "group", groupBody(1, "g"))
	ask[any](p, "POST", "fabric/id", `{"id":"7"}`)
	for _, wrong := range []string{`{}`, `{"id":0}`, `{"id":"x"}`, ""} {
		p.denied(400, "POST", "fabric/id", wrong)
	}
	p.denied(400, "POST", "group", groupBody(2, "of fabric 1"))
	p.denied(400, "GET", "state/1", nil)
	p.d.Close()
	again := meet(t, config)
	if id := askOne[int](again, "GET", "fabric/id", nil); id != 7 {
		t.Errorf("after a restart the fabric is %d", id)
	}
	if g := askOne[groupRecord](again, "GET", "group", nil); g.FabrID != 7 {
		t.Errorf("the group is %+v", g)
	}
}

// TestSSH: what was set is told, in each era's form.
func TestSSH(t *testing.T) {
	p := meet(t, Config{})
	p.do("POST", "ssh/enable", "true")
	if got := string(p.do("GET", "ssh/enable", nil).body); got != `{"active":true,"enabled":true}` {
		t.Errorf("2.5: %s", got)
	}
	p.denied(400, "POST", "ssh/enable", `{"is-enabled":true}`)
	p = meet(t, Config{API: "3.4"})
	if got := askOne[sshState3](p, "POST", "ssh/enable", `{"is-active":true,"is-enabled":true}`); !got.Enabled {
		t.Errorf("3.4: %+v", got)
	}
	if got := askOne[sshState3](p, "GET", "ssh/enable", nil); !got.Enabled || !got.Active {
		t.Errorf("3.4: %+v", got)
	}
}

// TestNodesOf24 holds 2.4's ways of asking for one host (2.10).
func TestNodesOf24(t *testing.T) {
	p := meet(t, Config{API: "2.4"})
	compose(t, p.d, "pcpu2")
	for path, want := range map[string]int{
		"node/status": 4, "node/status/pcpu2": 1, "node/status/pcpu9": 0, "node/status/0/0/4": 1, "node/status/0/0/1": 0,
		"node/status/bound": 1, "node/status/bound?mach_id=1&group_id=1&mach_name=trainbox&fabr_id=1": 1, "node/status/bound?mach_id=2": 0,
		"node/status/bound?mach_name=other": 0,
	} {
		if got := ask[nodeRecord](p, "GET", path, nil); len(got) != want {
			t.Errorf("%s: %d hosts, want %d", path, len(got), want)
		}
	}
	p.denied(400, "GET", "node/status/bound?mach_id=x", nil)
	// reboot came with 2.5; an older director looks at no query of reprogram (2.1).
	ask[any](p, "POST", "fabric/edit", machineBody(1, 1, "m"))
	ask[any](p, "POST", "fabric/reprogram?reboot=maybe", machineBody(1, 1, "m"))
}

// TestRivalInEveryEra: he takes a device of each kind, whatever the director
// speaks and however it answers commits.
func TestRivalInEveryEra(t *testing.T) {
	for _, api := range Eras() {
		d := start(t, Config{API: api})
		take := []string{"pcpu0", "gpu0", "ssd0", "scm0", "link0", "fpga0"}
		if api >= "3" {
			take = append(take, "mem0")
		}
		id, err := d.Rival().MakeMachine("rival", take...)
		if err != nil {
			t.Errorf("%s: %v", api, err)
			continue
		}
		if m := d.Snapshot().Machines[0]; m.ID != id || !slices.Equal(m.Devices, take) {
			t.Errorf("%s: %+v", api, m)
		}
		if v := d.Violations(); len(v) != 0 {
			t.Errorf("%s: %+v", api, v)
		}
	}
}
