package liqid

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func TestNumbersAndTextAreReadEitherWay(t *testing.T) {
	var w struct {
		N []number
		T []text
	}
	in := `{"N":[7,"7","0x10",7.9,null,"n/a",true,{},[1],"x",""],"T":["a",7,null,true,{"x":1},[],"N/A"]}`
	if err := json.Unmarshal([]byte(in), &w); err != nil {
		t.Fatal(err)
	}
	wantN := []number{{7, true}, {7, true}, {16, true}, {7, true}, {}, {}, {}, {}, {}, {}, {}}
	if diff := cmp.Diff(wantN, w.N, cmp.AllowUnexported(number{})); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]text{"a", "7", "", "true", "", "", "N/A"}, w.T); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if got := w.T[6].told(); got != "" {
		t.Errorf("N/A is told as %q", got)
	}
}

func TestEnvelopesOfEveryHabit(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		ok       bool
		elements int
		refused  bool
		words    string
	}{
		{"a success", `{"response":{"data":[1,2],"errors":null,"code":0}}`, true, 2, false, ""},
		{"without errors and code", `{"response":{"data":[]}}`, true, 0, false, ""},
		{"empty errors", `{"response":{"data":[1],"errors":[],"code":0}}`, true, 1, false, ""},
		{"data is one record", `{"response":{"data":{"a":1},"code":0}}`, true, 1, false, ""},
		{"a code that is text", `{"response":{"data":[],"code":"0"}}`, false, 0, false, ""},
		{"errors that are text", `{"response":{"data":[],"errors":"no"}}`, false, 0, false, ""},
		{"data is null", `{"response":{"data":null}}`, true, 0, false, ""},
		{"a refusal", `{"response":{"data":[],"errors":[{"code":9,"message":"no","type":"X"},{"message":"way"}],"code":400}}`, true, 0, true, "no; way"},
		{"errors as text", `{"response":{"errors":["no"],"code":1}}`, true, 0, true, "no"},
		{"a code alone", `{"response":{"data":[],"code":7}}`, true, 0, true, ""},
		{"a web page", `<html>`, false, 0, false, ""},
		{"something else", `{"data":[]}`, false, 0, false, ""},
		{"null", `null`, false, 0, false, ""},
		{"nothing", ``, false, 0, false, ""},
	} {
		e, ok := readEnvelope([]byte(tt.in))
		if ok != tt.ok || len(e.data) != tt.elements || e.refused != tt.refused || e.words != tt.words {
			t.Errorf("%s: %+v %v", tt.name, e, ok)
		}
	}
}

func TestDevicesAreReadAsTheNotesShowThem(t *testing.T) {
	raw := `{"type": "GpuDeviceStatus", "index": 4, "name": "gpu4", "flags": "0x4000000401005160", "device_type": "gpu",
	 "device_state": "active | online", "fabric_type": "gen4", "conn_type": "gen4", "lanes": 16, "dev_id": "0x00002004",
	 "swit_gid": "0x01a400", "port_gid": "0x01a409", "vid": "0x10de", "did": "0x20b5",
	 "location": {"rack": 0, "shelf": 0, "node": 1}, "unique": "n/a", "surprise": {"deep": [1]}}`
	d, ok, err := readDevice(json.RawMessage(raw))
	if !ok || err != nil {
		t.Fatalf("it is not read: %v", err)
	}
	want := composa.Fingerprint{DevID: "0x00002004", Port: "0x01a409", PCI: "10de:20b5"}
	if d.name != "gpu4" || d.class != (class{composa.KindGPU, "gpu", "gpu", "gpu"}) || d.print != want || d.health != composa.HealthOK ||
		d.lanes != 16 || d.bus != "gen4" || d.at != "0x01a400" || d.location != [3]int64{0, 0, 1} || string(d.raw) != raw {
		t.Errorf("read %+v", d)
	}
}

func TestKindComesFromTypeAndName(t *testing.T) {
	for _, tt := range []struct {
		kind, name string
		want       composa.Kind
		ok         bool
	}{
		{"ComputeDeviceStatus", "pcpu0", composa.KindCPU, true},
		{"SsdDeviceStatus", "ssd0", composa.KindSSD, true},
		{"SsdDeviceStatus", "scm0", composa.KindSCM, true},
		{"LinkDeviceStatus", "link0", composa.KindNIC, true},
		{"FpgaDeviceStatus", "fpga0", composa.KindFPGA, true},
		{"MemoryDeviceStatus", "mem0", composa.KindMemory, true},
		{"PlxDeviceStatus", "plx0", "", false},
		{"GpuDeviceStatus", "", "", false},
	} {
		d, ok, _ := readDevice(json.RawMessage(`{"type":"` + tt.kind + `","name":"` + tt.name + `"}`))
		if ok != tt.ok || d.class.kind != tt.want && ok {
			t.Errorf("%s %s: %q %v", tt.kind, tt.name, d.class.kind, ok)
		}
	}
}

func TestHealth(t *testing.T) {
	for state, want := range map[string]composa.Health{
		"active | online": composa.HealthOK, "Active |  Online": composa.HealthOK, "": composa.HealthOK,
		"active | offline": composa.HealthFailed, "failed": composa.HealthFailed, "active | training": composa.HealthDegraded,
	} {
		if got := healthOf(state); got != want {
			t.Errorf("%q is %s, want %s", state, got, want)
		}
	}
}

func TestMembers(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want member
		ok   bool
	}{
		{`{"name":"gpu4","grp_id":3,"gname":"research","mach_id":"7","mname":"train"}`, member{"gpu4", 3, 7, "research", "train"}, true},
		{`{"name":"gpu4","grp_id":"3","mach_id":7}`, member{"gpu4", 3, 7, "", ""}, true},
		{`{"name":"gpu4","grp_id":3,"mach_id":"n/a","mname":"n/a"}`, member{"gpu4", 3, 0, "", ""}, true},
		{`{"name":"gpu4","grp_id":3}`, member{"gpu4", 3, 0, "", ""}, true},
		{`{"name":"gpu4","grp_id":3,"mach_id":"seven"}`, member{}, false}, // it may be attached: it is not shown as free
		{`{"name":"gpu4"}`, member{}, false},
		{`{"grp_id":3}`, member{}, false},
		{`7`, member{}, false},
	} {
		got, err := readMember(json.RawMessage(tt.in))
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("%s: %+v %v", tt.in, got, err)
		}
	}
}

func TestMachines(t *testing.T) {
	m, err := readMachine(json.RawMessage(`{"mach_id":7,"grp_id":"3","mach_name":"train","p2p":"on","mtime":1718000000}`))
	if err != nil || m.native() != "7" || m.group != 3 || m.name != "train" || !m.p2p || !m.created.Equal(time.Unix(1718000000, 0)) {
		t.Errorf("%+v %v", m, err)
	}
	if m, err := readMachine(json.RawMessage(`{"mach_id":"7","mtime":0}`)); err != nil || !m.created.IsZero() {
		t.Errorf("without a time: %+v %v", m, err)
	}
	for _, bad := range []string{`{}`, `{"mach_id":0}`, `{"mach_id":"n/a"}`, `[]`} {
		if _, err := readMachine(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestDetailsOfBothLines(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		kind composa.Kind
		in   string
		want composa.Facts
	}{
		{composa.KindCPU, `{"core_cnt":64,"thrd_cnt":128,"dram_sz":524288}`, composa.Facts{Cores: 64, Threads: 128, Memory: 512 * gib}},
		{composa.KindCPU, `{"core_cnt":"64","dram_size":"512 GB"}`, composa.Facts{Cores: 64, Memory: 512 * gib}},
		{composa.KindGPU, `{"vendor":"Acme","model":"A100X","fw_rev":"1.0","part_num":"P-1","busgen":"gen4","buswidth":"x16","core_cnt":"6912","dram_size":"40 GB"}`,
			composa.Facts{Vendor: "Acme", Model: "A100X", Firmware: "1.0", Part: "P-1", Bus: "gen4", Lanes: 16, Cores: 6912, Memory: 40 * gib}},
		{composa.KindSSD, `{"capacity":"3840755 MB","model":"n/a"}`, composa.Facts{Size: 3840755e6}},
		{composa.KindNIC, `{"link_speed":"100 Gb/s"}`, composa.Facts{Speed: 100e9}},
		{composa.KindGPU, `{"core_cnt":-3,"buswidth":"wide","dram_size":null}`, composa.Facts{}},
	} {
		_, got, ok := readDetail(tt.kind, []byte(tt.in))
		if diff := cmp.Diff(tt.want, got); !ok || diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

// Whatever a director writes, reading it ends, and what is read can be shown.
func FuzzRecords(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		e, ok := readEnvelope(in)
		if !ok {
			return
		}
		l := &look{members: map[string]member{}}
		for _, raw := range e.data {
			if g, err := readGroup(raw); err == nil && g.id <= 0 {
				t.Errorf("group %d", g.id)
			}
			if m, err := readMachine(raw); err == nil {
				if m.id <= 0 {
					t.Errorf("machine %d", m.id)
				}
				l.machines = append(l.machines, m)
			}
			if m, err := readMember(raw); err == nil {
				l.members[m.name] = m
			}
			if d, ok, err := readDevice(raw); ok && err == nil {
				if d.size < 0 || d.lanes < 0 {
					t.Errorf("%s has size %d and %d lanes", d.name, d.size, d.lanes)
				}
				l.devices = append(l.devices, d)
			}
			if n, ok := readNode(raw); ok {
				l.nodes = append(l.nodes, n)
			}
			if _, facts, ok := readDetail(composa.KindSSD, raw); ok && (facts.Size < 0 || facts.Memory < 0 || facts.Cores < 0) {
				t.Errorf("facts %+v", facts)
			}
			readPending(raw)
		}
		v := view{fabric: "rack1", mark: "composa"}
		if p := v.picture(l); len(p.Devices) != len(l.devices) {
			t.Errorf("%d devices are read and %d shown", len(l.devices), len(p.Devices))
		}
	})
}
