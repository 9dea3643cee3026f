package liqid

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRules breaks every rule of liqid-api.md 3.9 once and holds what the
// client is told, that it is remembered, and that nothing changed.
func TestRules(t *testing.T) {
	// Before each case: group 1 with machine 1 of pcpu0, gpu0 and ssd0; gpu1 free
	// in group 1; group 2 with gpu2; nothing in edit.
	prepare := func(t *testing.T) *Director {
		d := start(t, Config{})
		compose(t, d, "pcpu0", "gpu0", "ssd0")
		must[any](t, d, "POST", "group", groupBody(2, "other"))
		for group, device := range map[int]string{1: "gpu1", 2: "gpu2"} {
			must[any](t, d, "POST", "pool/edit", poolBody(group))
			must[any](t, d, "POST", "predevice/gpu", memberBody(device, group))
			must[any](t, d, "POST", "pool/done", poolBody(group))
		}
		return d
	}
	type step struct{ method, path, body string }
	editPool := func(id int) step { return step{"POST", "pool/edit", poolBody(id)} }
	editMachine := step{"POST", "fabric/edit", `{"mach_id":1}`}
	for _, tt := range []struct {
		name   string
		before []step
		call   step
		rule   Rule // empty: refused, but not a matter of state
		says   string
	}{
		{"add outside of an edit", nil, step{"POST", "predevice/gpu", memberBody("gpu3", 1)}, RuleInEdit, "pool of group 1 is not being edited"},
		{"remove outside of an edit", nil, step{"DELETE", "predevice/gpu", memberBody("gpu1", 1)}, RuleInEdit, "pool of group 1 is not"},
		{"add in another group's edit", []step{editPool(2)}, step{"POST", "predevice/gpu", memberBody("gpu3", 1)}, RuleInEdit, "group 1 is not"},
		{"attach outside of an edit", nil, step{"POST", "relate/gpu", relateBody("gpu1", 1, 1)}, RuleInEdit, "machine 1 is not being edited"},
		{"detach outside of an edit", nil, step{"DELETE", "relate/gpu", relateBody("gpu0", 1, 1)}, RuleInEdit, "machine 1 is not being edited"},
		{"add what is in another group", []step{editPool(1)}, step{"POST", "predevice/gpu", memberBody("gpu2", 1)}, RuleSystemFree, "gpu2 is not in the system free pool: it is in group 2"},
		{"add what is in this group", []step{editPool(1)}, step{"POST", "predevice/gpu", memberBody("gpu1", 1)}, RuleSystemFree, "in group 1"},
		{"attach what is in no group", []step{editMachine}, step{"POST", "relate/gpu", relateBody("gpu3", 1, 1)}, RuleGroupFree, "gpu3 is not in group 1"},
		{"attach what is in another group", []step{editMachine}, step{"POST", "relate/gpu", relateBody("gpu2", 1, 1)}, RuleGroupFree, "gpu2 is not in group 1"},
		{"attach what is attached", []step{editMachine}, step{"POST", "relate/gpu", relateBody("gpu0", 1, 1)}, RuleGroupFree, "gpu0 is attached to machine 1"},
		{"remove what is attached", []step{editPool(1)}, step{"DELETE", "predevice/gpu", memberBody("gpu0", 1)}, RuleUnattached, "gpu0 is attached"},
		{"remove what is elsewhere", []step{editPool(1)}, step{"DELETE", "predevice/gpu", memberBody("gpu2", 1)}, RuleUnattached, "gpu2 is not in group 1"},
		{"detach what is not attached", []step{editMachine}, step{"DELETE", "relate/gpu", relateBody("gpu1", 1, 1)}, RuleAttached, "gpu1 is not attached to machine 1"},
		{"wrong class in a pool", []step{editPool(1)}, step{"POST", "predevice/storage", memberBody("gpu3", 1)}, RuleClass, "gpu3 is of class gpu, not storage"},
		{"wrong class in a machine", []step{editMachine}, step{"POST", "relate/network", relateBody("gpu1", 1, 1)}, RuleClass, "not network"},
		{"edit a pool twice", []step{editPool(1)}, editPool(1), RuleNotEdited, "already being edited"},
		{"edit a machine twice", []step{editMachine}, editMachine, RuleNotEdited, "already being edited"},
		{"done without edit", nil, step{"POST", "pool/done", poolBody(1)}, RuleInEdit, "not being edited"},
		{"done of another group", []step{editPool(2)}, step{"POST", "pool/done", poolBody(1)}, RuleInEdit, "group 1"},
		{"cancel without edit", nil, step{"POST", "pool/cancel", poolBody(1)}, RuleNothingOpen, "not being edited"},
		{"reprogram without edit", nil, step{"POST", "fabric/reprogram", `{"mach_id":1}`}, RuleInEdit, "not being edited"},
		{"cancel edit without edit", nil, step{"POST", "fabric/edit/cancel", `{"mach_id":1}`}, RuleNothingOpen, "not being edited"},
		{"cancel reprogram without edit", nil, step{"POST", "fabric/reprogram/cancel", `{"mach_id":1}`}, RuleNothingOpen, "not being edited"},
		{"group id zero", nil, step{"POST", "group", groupBody(0, "x")}, RuleIDFree, "not positive"},
		{"group id in use", nil, step{"POST", "group", groupBody(1, "x")}, RuleIDFree, `in use by group "research"`},
		{"machine id zero", nil, step{"POST", "machine", machineBody(0, 1, "x")}, RuleIDFree, "1 to 16383"},
		{"machine id too high", nil, step{"POST", "machine", machineBody(16384, 1, "x")}, RuleIDFree, "1 to 16383"},
		{"machine id in use", nil, step{"POST", "machine", machineBody(1, 1, "x")}, RuleIDFree, `in use by machine "trainbox"`},
		{"machine in no group", nil, step{"POST", "machine", machineBody(2, 9, "x")}, RuleUnknownID, "no group 9"},
		{"edit an unknown group", nil, editPool(9), RuleUnknownID, "no group 9"},
		{"edit an unknown machine", nil, step{"POST", "fabric/edit", `{"mach_id":9}`}, RuleUnknownID, "no machine 9"},
		{"delete an unknown group", nil, step{"DELETE", "group/9", ""}, RuleUnknownID, "no group 9"},
		{"delete an unknown machine", nil, step{"DELETE", "machine/9", ""}, RuleUnknownID, "no machine 9"},
		{"details of an unknown machine", nil, step{"GET", "machine/details/9", ""}, RuleUnknownID, "no machine 9"},
		{"delete a group in edit", []step{editPool(1)}, step{"DELETE", "group/1", ""}, RuleGroupQuiet, "pool of group 1 is being edited"},
		{"delete a group with a machine in edit", []step{editMachine}, step{"DELETE", "group/1", ""}, RuleGroupQuiet, "machine 1 of group 1"},
		{"change with coordinates elsewhere", []step{{"POST", "coordinates", `{"rack":0,"shelf":0,"node":5}`}}, editPool(1), RuleCoordinates, "default coordinates"},
		{"erase what is attached", nil, step{"PUT", "device/0x00005000", ""}, RuleEraseDetached, "attached to machine 1"},

		{"erase a gpu", nil, step{"PUT", "device/0x00002003", ""}, "", "gpu3 is not a drive"},
		{"erase the unknown", nil, step{"PUT", "device/0xffffffff", ""}, "", "no device with dev_id 0xffffffff"},
		{"an unknown device", []step{editPool(1)}, step{"POST", "predevice/gpu", memberBody("gpu99", 1)}, "", "no device gpu99"},
		{"no body", nil, step{"POST", "pool/edit", ""}, "", "body is missing"},
		{"a CPU detached by query", []step{editMachine}, step{"DELETE", `relate/compute?machine={"mach_id":1}`, ""}, "", "body is missing"},
		{"not JSON", nil, step{"POST", "pool/edit", "grp_id=1"}, "", "not the record"},
		{"no id", nil, step{"POST", "pool/edit", "{}"}, "", "grp_id is missing"},
		{"no relator", nil, step{"POST", "relate/gpu", `{"machine":{"mach_id":1}}`}, "", "missing"},
		{"the machine's group is another", []step{editMachine}, step{"POST", "relate/gpu", relateBody("gpu1", 2, 1)}, "", "group.grp_id is 2, machine 1 is in group 1"},
		{"a machine without a name", nil, step{"POST", "machine", machineBody(2, 1, "")}, "", "mach_name is missing"},
		{"a machine with too long a name", nil, step{"POST", "machine", machineBody(2, 1, strings.Repeat("x", 23))}, "", "23 characters; at most 22"},
		{"a group without a name", nil, step{"POST", "group", groupBody(3, "")}, "", "group_name is missing"},
		{"a group with too long a name", nil, step{"POST", "group", groupBody(3, strings.Repeat("x", MaxGroupName+1))}, "", "65 characters; at most 64"},
		{"too long a description", nil, step{"PUT", "device/udesc/gpu/0x00002000", `{"udesc":"` + strings.Repeat("x", MaxDescription+1) + `"}`}, "", "1025 characters; at most 1024"},
		{"a group of another fabric", nil, step{"POST", "group", `{"fabr_id":2,"grp_id":3,"group_name":"x"}`}, "", "fabr_id is 2, this fabric is 1"},
		{"a group of no fabric", nil, step{"POST", "group", `{"grp_id":3,"group_name":"x"}`}, "", "fabr_id is missing"},
		{"a group id that is no number", nil, step{"DELETE", "group/x", ""}, "", "not a positive number"},
		{"power of a machine without host", []step{{"POST", "machine", machineBody(2, 1, "bare")}}, step{"POST", "power/start", `{"mach_id":2}`}, "", "no compute device"},
		{"reboot of what is off", nil, step{"POST", "power/reboot", `{"mach_id":1}`}, "", "it is off"},
		{"p2p of a strange value", nil, step{"POST", "machine/p2p", `{"mach_id":1,"p2p":"maybe"}`}, "", "not on or off"},
		{"udesc under a wrong type", nil, step{"PUT", "device/udesc/targ/0x00002000", `{"udesc":"x"}`}, "", "of type gpu"},
		{"pending work of another fabric", nil, step{"GET", "state/2", ""}, "", "no fabric 2"},
		{"reboot maybe", []step{editMachine}, step{"POST", "fabric/reprogram?reboot=maybe", `{"mach_id":1}`}, "", "not true or false"},
		{"a filter that is no number", nil, step{"GET", "machine?mach_id=x", ""}, "", "not a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := prepare(t)
			for _, s := range tt.before {
				must[any](t, d, s.method, s.path, s.body)
			}
			generation := d.Snapshot().Generation
			if says := refused(t, d, tt.call.method, tt.call.path, tt.call.body, http.StatusBadRequest); !strings.Contains(says, tt.says) {
				t.Errorf("the client is told %q, want %q in it", says, tt.says)
			}
			v := d.Violations()
			switch {
			case tt.rule == "" && len(v) != 0:
				t.Errorf("counted as a violation: %+v", v)
			case tt.rule != "" && (len(v) != 1 || v[0].Rule != tt.rule || v[0].Call != d.CallCount()):
				t.Errorf("violations = %+v, want one of %q", v, tt.rule)
			}
			if now := d.Snapshot().Generation; now != generation {
				t.Errorf("something changed")
			}
		})
	}
}

func TestUnknownRoutesAnswerEnvelopes(t *testing.T) {
	d := start(t, Config{})
	refused(t, d, "GET", "nonsense", "", http.StatusNotFound)
	refused(t, d, "GET", "device/info/gpu", "", http.StatusNotFound)  // 3.x
	refused(t, d, "POST", "fabric/cancel", "{}", http.StatusNotFound) // 2.4
	refused(t, d, "GET", "system/device/info/gpu/ssd0", "", http.StatusNotFound)
	refused(t, d, "PUT", "pool/edit", "{}", http.StatusMethodNotAllowed)
	refused(t, d, "POST", "group", strings.Repeat("x", 1<<20+1), http.StatusRequestEntityTooLarge)
	if v := d.Violations(); len(v) != 0 {
		t.Errorf("violations = %+v", v)
	}
}

// TestLenientBodies holds what liqid-api.md 2.0 says that clients send.
func TestLenientBodies(t *testing.T) {
	d := start(t, Config{})
	must[any](t, d, "POST", "group", `{"fabr_id":"1","grp_id":"1","groupId":1,"group_name":"g","pod_id":null,"extra":{"x":[1]}}`)
	must[any](t, d, "POST", "pool/edit", `{"grp_id":1,"coordinates":{"rack":7,"shelf":7,"node":7}}`)
	// flags and hconn as numbers, a device known by dev_id alone.
	must[any](t, d, "POST", "predevice/compute", `{"deviceStatus":{"dev_id":"0x00000000","name":null,"flags":4611686035607048544,"hconn":0},"group":{"grp_id":1,"groupName":"g"}}`)
	must[any](t, d, "POST", "pool/done", `{"grp_id":1}`)
	must[any](t, d, "POST", "machine", `{"index":null,"mtime":null,"fabr_gid":null,"port_gid":null,"fabr_id":1,"grp_id":1,"mach_id":"5","mach_name":"m","comp_name":"m"}`)
	must[any](t, d, "GET", "status/gpu", `{"filter":true}`)
	must[any](t, d, "POST", "group/clear", "")
}

func TestRemovesComeBeforeAddsAndCancelReverts(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0", "gpu0")
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	must[any](t, d, "POST", "predevice/gpu", memberBody("gpu1", 1))
	must[any](t, d, "POST", "pool/done", poolBody(1))
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	must[any](t, d, "POST", "relate/gpu", relateBody("gpu1", 1, 1))
	must[any](t, d, "DELETE", "relate/gpu", relateBody("gpu0", 1, 1))
	if got := d.Snapshot().Machines[0].Devices; strings.Join(got, " ") != "pcpu0 gpu0" {
		t.Errorf("before reprogram: %v", got)
	}
	must[any](t, d, "POST", "fabric/edit/cancel", `{"mach_id":1}`)
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	must[any](t, d, "POST", "fabric/reprogram", `{"mach_id":1}`)
	if got := d.Snapshot().Machines[0].Devices; strings.Join(got, " ") != "pcpu0 gpu0" {
		t.Errorf("after a cancelled edit: %v", got)
	}
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	must[any](t, d, "POST", "relate/gpu", relateBody("gpu1", 1, 1))
	must[any](t, d, "POST", "relate/gpu", relateBody("gpu1", 1, 1)) // repeated after a lost reply
	must[any](t, d, "DELETE", "relate/gpu", relateBody("gpu0", 1, 1))
	must[any](t, d, "POST", "fabric/reprogram", `{"mach_id":1}`)
	if got := d.Snapshot().Machines[0].Devices; strings.Join(got, " ") != "pcpu0 gpu1" {
		t.Errorf("after reprogram: %v", got)
	}
}

// TestCommitLooksAgain: two sessions queue the same device; the second commit
// is refused whole and its session stays open.
func TestCommitLooksAgain(t *testing.T) {
	d := start(t, Config{})
	for id := 1; id <= 2; id++ {
		must[any](t, d, "POST", "group", groupBody(id, "g"))
		must[any](t, d, "POST", "pool/edit", poolBody(id)) // several groups in edit: 2.x
		must[any](t, d, "POST", "predevice/gpu", memberBody("gpu0", id))
	}
	must[any](t, d, "POST", "predevice/gpu", memberBody("gpu1", 2))
	must[any](t, d, "POST", "pool/done", poolBody(1))
	refused(t, d, "POST", "pool/done", poolBody(2), http.StatusBadRequest)
	s := d.Snapshot()
	if g1, _ := s.Device("gpu1"); g1.Group != 0 || len(s.Sessions) != 1 {
		t.Errorf("half a commit: %+v, sessions %+v", g1, s.Sessions)
	}
	must[any](t, d, "POST", "pool/cancel", poolBody(2))
}

func TestGroupDeletionFreesEverything(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0", "gpu0")
	must[any](t, d, "DELETE", "group/1", "")
	s := d.Snapshot()
	for _, v := range s.Devices {
		if v.Group != 0 || v.Machine != 0 {
			t.Errorf("%+v", v)
		}
	}
	if len(s.Machines) != 0 {
		t.Errorf("machines = %v", s.Machines)
	}
}

func TestMachineDeletionDropsItsSession(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0", "gpu0")
	must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
	must[any](t, d, "DELETE", "machine/1", "")
	s := d.Snapshot()
	if g, _ := s.Device("gpu0"); g.Group != 1 || g.Machine != 0 || len(s.Sessions) != 0 {
		t.Errorf("gpu0 = %+v, sessions = %v", g, s.Sessions)
	}
}

func TestPowerBootsAndWritesOnDrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{BootLatency: Latency{time.Minute, time.Minute}})
		compose(t, d, "pcpu2", "ssd0")
		host := must[statusRecord](t, d, "GET", "status", "")[2]
		run := func() string {
			for _, n := range must[nodeRecord](t, d, "GET", "node/status", "") {
				if n.Location == host.Location {
					return n.Run
				}
			}
			return "missing"
		}
		data := func() bool { v, _ := d.Snapshot().Device("ssd0"); return v.HoldsData }
		if host.Name != "pcpu2" || run() != "off" || data() {
			t.Fatalf("%s: run %s, data %t", host.Name, run(), data())
		}
		must[any](t, d, "POST", "power/start", `{"mach_id":1}`)
		if run() != "on" || !data() {
			t.Errorf("started: run %s, data %t", run(), data())
		}
		time.Sleep(time.Minute) // the bubble's clock
		if run() != "up" {
			t.Errorf("a minute later: %s", run())
		}
		must[any](t, d, "POST", "power/reboot", `{"mach_id":1}`)
		if run() != "on" {
			t.Errorf("rebooted: %s", run())
		}
		time.Sleep(time.Minute)
		for query, want := range map[string]string{"": "up", "?reboot=False": "up", "?reboot=true": "on"} {
			time.Sleep(time.Minute)
			must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
			must[any](t, d, "POST", "fabric/reprogram"+query, `{"mach_id":1}`)
			if run() != want {
				t.Errorf("after reprogram%s: %s", query, run())
			}
		}
		must[any](t, d, "POST", "power/shutdown", `{"mach_id":1}`)
		if run() != "off" {
			t.Errorf("shut down: %s", run())
		}
		must[any](t, d, "DELETE", "machine/1", "")
		if !data() {
			t.Error("the data went with the machine")
		}
		must[any](t, d, "PUT", "device/0x00005000", "")
		if v, _ := d.Snapshot().Device("ssd0"); v.HoldsData || v.Erased == nil || !v.Erased.Equal(time.Now()) {
			t.Errorf("erased: %+v", v)
		}
	})
}

// TestCommitsTakeTime: while a reprogram is at work it is listed, its target
// refuses other changes, everything else goes on, and all of it shows at once.
func TestCommitsTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{})
		compose(t, d, "pcpu0")
		must[any](t, d, "POST", "pool/edit", poolBody(1))
		must[any](t, d, "POST", "predevice/gpu", memberBody("gpu0", 1))
		must[any](t, d, "POST", "pool/done", poolBody(1))
		must[any](t, d, "POST", "fabric/edit", `{"mach_id":1}`)
		must[any](t, d, "POST", "relate/gpu", relateBody("gpu0", 1, 1))
		d.config.CommitLatency = Latency{10 * time.Second, 10 * time.Second}
		began := time.Now()
		done := make(chan time.Duration)
		go func() {
			must[any](t, d, "POST", "fabric/reprogram", `{"mach_id":1}`)
			done <- time.Since(began)
		}()
		synctest.Wait()
		for _, path := range []string{"state/1", "state/1/1", "state/1/1/1"} {
			if p := must[pendingRecord](t, d, "GET", path, ""); len(p) != 1 || p[0].Command != "fabric/reprogram" || p[0].Options != (pendingOptions{1, 1, 1}) {
				t.Errorf("%s = %+v", path, p)
			}
		}
		if p := must[pendingRecord](t, d, "GET", "state/1/2", ""); len(p) != 0 {
			t.Errorf("another group's: %+v", p)
		}
		for _, c := range [][2]string{{"fabric/reprogram", `{"mach_id":1}`}, {"fabric/edit/cancel", `{"mach_id":1}`}, {"fabric/edit", `{"mach_id":1}`}, {"relate/gpu", relateBody("gpu0", 1, 1)}, {"machine/p2p", `{"mach_id":1,"p2p":"on"}`}} {
			if says := refused(t, d, "POST", c[0], c[1], 400); !strings.Contains(says, "still at work") {
				t.Errorf("%s: %s", c[0], says)
			}
		}
		refused(t, d, "DELETE", "machine/1", "", 400)
		refused(t, d, "DELETE", "group/1", "", 400)
		must[any](t, d, "POST", "pool/edit", poolBody(1)) // other targets go on
		if len(d.Snapshot().Machines[0].Devices) != 1 {
			t.Error("the effect shows before its time")
		}
		if took := <-done; took != 10*time.Second {
			t.Errorf("took %v", took)
		}
		s := d.Snapshot()
		if len(s.Machines[0].Devices) != 2 || len(s.Pending) != 0 {
			t.Errorf("after: %+v", s.Machines)
		}
	})
}

func TestCallLatencyAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{CallLatency: Latency{time.Second, 2 * time.Second}, CommitLatency: Latency{time.Hour, time.Hour}})
		began := time.Now()
		must[int](t, d, "GET", "fabric/id", "")
		if took := time.Since(began); took < time.Second || took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		must[any](t, d, "POST", "group", groupBody(1, "g"))
		must[any](t, d, "POST", "pool/edit", poolBody(1))
		must[any](t, d, "POST", "predevice/gpu", memberBody("gpu0", 1))
		done := make(chan struct{})
		go func() {
			defer close(done)
			refused(t, d, "POST", "pool/done", poolBody(1), http.StatusServiceUnavailable)
		}()
		time.Sleep(time.Minute) // the bubble's clock: well inside of the commit
		d.Close()
		<-done
		if v, _ := d.Snapshot().Device("gpu0"); v.Group != 0 {
			t.Error("a commit was carried out although the director closed")
		}
		refused(t, d, "GET", "fabric/id", "", http.StatusServiceUnavailable)
	})
}

func TestGroupsAreBounded(t *testing.T) {
	s := newState(nil, 1)
	for id := range MaxGroups {
		if err := s.createGroup(id+1, "g", false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.createGroup(MaxGroups+1, "g", false); err == nil || !strings.Contains(err.Error(), "16383 groups") {
		t.Errorf("one too many: %v", err)
	}
}
