package liqid

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

func TestTextIsCleanedWhereItIsRead(t *testing.T) {
	for in, want := range map[string]string{
		"train":                      "train",
		"Größe 8 <b>x</b> & \"y\"":   "Größe 8 <b>x</b> & \"y\"", // whoever shows it escapes markup
		"a\x00b\x1b[31mc\u0085":      "a\uFFFDb\uFFFD[31mc\uFFFD",
		"line\nline\r\t":             "line\uFFFDline\uFFFD\uFFFD",
		"\xff\xfe":                   "\uFFFD\uFFFD",
		"abc\u202Efdp.exe\u2028":     "abc\uFFFDfdp.exe\uFFFD",
		strings.Repeat("é", maxText): strings.Repeat("é", maxText/2) + "…",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
	}
}

func TestIdsThatCannotBe(t *testing.T) {
	read := map[string]func(string) error{
		"group":   func(s string) error { _, err := readGroup(json.RawMessage(s)); return err },
		"machine": func(s string) error { _, err := readMachine(json.RawMessage(s)); return err },
		"member":  func(s string) error { _, err := readMember(json.RawMessage(s)); return err },
	}
	for _, tt := range []struct{ what, in, want string }{
		{"group", `{"grp_id":99999999999999999999,"group_name":"research"}`, `group "research" with grp_id "99999999999999999999", which is not an id`},
		{"group", `{"grp_id":2147483648,"group_name":"research"}`, `group "research" with grp_id 2147483648, which is not from 1 to 2147483647`},
		{"group", `{"grp_id":2147483647,"group_name":"research"}`, ``},
		{"group", `{"grp_id":"0xffffffffff"}`, `a group with grp_id 0xffffffffff, which is not from 1 to 2147483647`},
		{"group", `{"grp_id":0}`, `a group with grp_id 0, which is not from 1 to 2147483647`},
		{"group", `{"grp_id":1,"group_name":7}`, `what is not a group`},
		{"group", `{"group_name":"a\u001bb"}`, "group \"a\uFFFDb\" without grp_id"},
		{"machine", `{"mach_id":-9223372036854775808,"mach_name":"train"}`, `machine "train" with mach_id -9223372036854775808, which is not from 1 to 2147483647`},
		{"machine", `{"mach_id":7,"grp_id":4294967299,"mach_name":"train"}`, `machine "train" with grp_id 4294967299, which is not from 0 to 2147483647`},
		{"machine", `{"mach_id":1e300}`, `a machine with mach_id "1e300", which is not an id`},
		{"machine", `{"mach_id":["7"]}`, `a machine without mach_id`},
		{"member", `{"name":"gpu4","grp_id":3,"mach_id":"18446744073709551623"}`, `member "gpu4" with mach_id "18446744073709551623", which is not an id`},
		{"member", `{"name":"gpu4","grp_id":"many"}`, `member "gpu4" with grp_id "many", which is not an id`},
		{"member", `{"name":["gpu4"],"grp_id":3}`, `a member without a name`},
	} {
		got := ""
		if err := read[tt.what](tt.in); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
	if p := readPending(json.RawMessage(`{"command":"x","options":{"cid":4294967299,"mid":-1}}`)); p.group != 0 || p.machine != 0 {
		t.Errorf("%+v", p)
	}
}

func TestDevicesThatAreNotTakenForGone(t *testing.T) {
	for _, tt := range []struct {
		in, want string
	}{
		{`{"type":"GpuDeviceStatus","name":"gpu4"}`, "shown"},
		{`{"type":"PlxDeviceStatus","name":"plx0"}`, "left out"},
		{`{"type":"GpuDeviceStatus","name":"gpu 4"}`, errUnnamed.Error()},
		{`{"type":"GpuDeviceStatus","name":"rack2/gpu4"}`, errUnnamed.Error()},
		{`{"type":"GpuDeviceStatus","name":"gpu\u00004"}`, errUnnamed.Error()},
		{`{"type":"GpuDeviceStatus","name":"<script>"}`, errUnnamed.Error()},
		{`{"type":"GpuDeviceStatus","name":"` + strings.Repeat("g", maxDeviceName+1) + `"}`, errUnnamed.Error()},
		{`{"type":"GpuDeviceStatus"}`, "a device without a name"},
		{`{"name":"gpu4"}`, `device "gpu4" without a type`},
		{`{"type":7,"name":"gpu4"}`, "what is not a device"},
		{`["gpu4"]`, "what is not a device"},
		{`null`, "a device without a name"},
	} {
		_, ok, err := readDevice(json.RawMessage(tt.in))
		got := map[bool]string{true: "shown", false: "left out"}[ok]
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
}

// rackOf answers like a director that has n devices, all of them in one group,
// and eight in each machine.
func rackOf(n int) map[string]string {
	var status, members, machines strings.Builder
	comma := func(b *strings.Builder) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
	}
	for i := range n {
		comma(&status)
		fmt.Fprintf(&status, `{"type":"GpuDeviceStatus","index":%[1]d,"name":"gpu%[1]d","flags":"0x4000000401005160","device_type":"gpu","device_state":"active | online",
			"fabric_type":"gen4","conn_type":"gen4","lanes":16,"dev_id":"0x%08[1]x","sled_id":"0xffffffff","fabr_id":1,"swit_gid":"0x01a400","port_gid":"0x%06[1]x",
			"fabr_gid":"0x1%07[1]x","pod_id":-1,"vid":"0x10de","did":"0x20b5","location":{"rack":0,"shelf":0,"node":%[1]d},"owner":{"rack":0,"shelf":0,"node":1},"unique":"n/a"}`, i)
		comma(&members)
		fmt.Fprintf(&members, `{"dev_type":"gpu","name":"gpu%[1]d","index":"%[1]d","lanes":16,"fabr_id":1,"fabr_gid":"0x1%07[1]x","flags":"0x4000000401005160","grp_id":3,
			"gname":"research","mach_id":"%[2]d","mname":"m%[2]d","owner_gid":"0x00000001","pod_id":-1,"port_gid":"0x%06[1]x","swit_gid":"0x01a400"}`, i, i/8+1)
		if i%8 == 0 {
			comma(&machines)
			fmt.Fprintf(&machines, `{"index":0,"mach_id":%[1]d,"grp_id":3,"fabr_id":1,"mach_name":"m%[1]d","p2p":"off","mtime":1718000000,"connection_history":[]}`, i/8+1)
		}
	}
	return map[string]string{
		"fabric/id": `[1]`, "version": version25, "state/1": `[]`, "node/status": `[]`,
		"group":     `[{"fabr_id":1,"grp_id":3,"group_name":"research","pod_id":-1}]`,
		"status":    "[" + status.String() + "]",
		"predevice": "[" + members.String() + "]",
		"machine":   "[" + machines.String() + "]",
	}
}

// Ten thousand devices where it is proven, else a tenth of that.
func TestTenThousandDevices(t *testing.T) {
	n := 1_000
	if proven() {
		n = 10_000
	}
	f := told(t, rackOf(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	p, err := f.Observe(t.Context(), composa.Scope{})
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if err != nil || !p.Complete || len(p.Devices) != n || len(p.Machines) != n/8 || len(p.Machines[7].Devices) != 8 {
		t.Fatalf("%v", err)
	}
	t.Logf("one look took %v and allocated %d MiB in all", took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20)
}

// A device that cannot be named is left out and counted; what it is in still
// lists it, so that nobody takes that for empty.
func TestADeviceThatCannotBeNamedIsCounted(t *testing.T) {
	answers := rackOf(8)
	answers["status"] = strings.Replace(answers["status"], `"name":"gpu3"`, `"name":"gpu\u202e3"`, 1)
	answers["predevice"] = strings.Replace(answers["predevice"], `"name":"gpu3"`, `"name":"gpu\u202e3"`, 1)
	f := told(t, answers)
	p, err := f.Observe(t.Context(), composa.Scope{})
	if err != nil || !p.Complete || len(p.Devices) != 7 || len(p.Machines) != 1 || len(p.Machines[0].Devices) != 8 {
		t.Fatalf("%v: %d devices, %+v", err, len(p.Devices), p.Machines)
	}
	devices, unnamed, err := f.readDevices(t.Context())
	if err != nil || len(devices) != 7 || unnamed != 1 {
		t.Errorf("%d devices, %d without a name, %v", len(devices), unnamed, err)
	}
}

func TestAnIdThatCannotBeNamesItsRecord(t *testing.T) {
	answers := rackOf(8)
	answers["machine"] = strings.Replace(answers["machine"], `"mach_id":1,`, `"mach_id":99999999999999999999,`, 1)
	_, err := told(t, answers).Observe(t.Context(), composa.Scope{})
	want := regexp.MustCompile(`^cannot look at rack1: the director of rack1 at http://127\.0\.0\.1:\d+ answered GET machine with machine "m1" with mach_id "99999999999999999999", which is not an id; see what GET http://127\.0\.0\.1:\d+/liqid/api/v2/machine answers: while it is so, nothing is changed on rack1$`)
	if driver.CodeOf(err) != composa.CodeUnreachable || !want.MatchString(err.Error()) {
		t.Errorf("%v (%s), want %s", err, driver.CodeOf(err), want)
	}
}

// What decoders read can be shown and counted with.

func shown(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) || len(s) > maxText+len("…") || strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("%s is %q", what, s)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"response":{"data":[1,"x",{}],"errors":null,"code":0}}`))
	f.Add([]byte(`{"response":{"data":[],"errors":[{"code":400,"message":"gpu3 is in group 7","type":"BadRequest"}],"code":400}}`))
	f.Add([]byte(`{"response":{"data":[["a"]],"errors":0,"code":"number 0"}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		e, ok := readEnvelope(in)
		if !ok && (e.data != nil || e.refused || e.words != "") {
			t.Errorf("%+v", e)
		}
		if ok && !json.Valid(in) {
			t.Errorf("%q is an envelope", in)
		}
		if e.words != "" && !e.refused {
			t.Errorf("it says %q and succeeds", e.words)
		}
		for _, raw := range e.data {
			if !json.Valid(raw) {
				t.Errorf("an element is %q", raw)
			}
		}
	})
}

func FuzzDevice(f *testing.F) {
	f.Add([]byte(`{"type":"SsdDeviceStatus","name":"scm0","capacity(MB)":3840755,"lanes":"4","location":{"rack":0,"shelf":0,"node":1}}`))
	f.Add([]byte(`{"type":"GpuDeviceStatus","name":"gpu\u00004","lanes":99999999999,"vid":"0X10DE","did":"n/a"}`))
	f.Add([]byte(`{"type":"MemoryDeviceStatus","name":"mem0","capacity(MB)":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, ok, err := readDevice(in)
		if err != nil {
			if ok {
				t.Error("it is shown and an error")
			}
			if !errors.Is(err, errUnnamed) {
				shown(t, "the error", err.Error())
			}
			return
		}
		if !ok {
			return
		}
		if !placeable(d.name) || d.name == "" || d.size < 0 || d.lanes < 0 || d.lanes > 64 {
			t.Errorf("%+v", d)
		}
		if composa.PlaceOf("rack1", d.name).Name() != d.name {
			t.Errorf("%q is no part of a place", d.name)
		}
		for _, s := range []string{d.at, d.bus, d.print.DevID, d.print.Port} {
			shown(t, "what it tells", s)
		}
	})
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte(`{"mach_id":7,"grp_id":3,"mach_name":"trainbox","p2p":"on","mtime":1718000000,"connection_history":[]}`))
	f.Add([]byte(`{"mach_id":"0x7","mtime":-1}`))
	f.Add([]byte(`{"mach_id":1e99,"grp_id":[3],"mach_name":"a\nb"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := readMachine(in)
		if err != nil {
			shown(t, "the error", err.Error())
			return
		}
		if m.id < 1 || m.id > maxID || m.group < 0 || m.group > maxID || (!m.created.IsZero() && m.created.Unix() <= 0) {
			t.Errorf("%+v", m)
		}
		shown(t, "its name", m.name)
	})
}

func FuzzMember(f *testing.F) {
	f.Add([]byte(`{"dev_type":"gpu","name":"gpu4","grp_id":3,"gname":"research","mach_id":"7","mname":"trainbox"}`))
	f.Add([]byte(`{"name":"gpu4","grp_id":3,"mach_id":"n/a","mname":"n/a"}`))
	f.Add([]byte(`{"name":"gpu4","grp_id":-1,"mach_id":18446744073709551623}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := readMember(in)
		if err != nil {
			shown(t, "the error", err.Error())
			return
		}
		if m.name == "" || m.machine < 0 || m.machine > maxID || m.group > maxID || m.group < -maxID {
			t.Errorf("%+v", m)
		}
		for _, s := range []string{m.name, m.gname, m.mname} {
			shown(t, "a name", s)
		}
	})
}

func FuzzGroup(f *testing.F) {
	f.Add([]byte(`{"fabr_id":1,"grp_id":3,"group_name":"research","pod_id":-1}`))
	f.Add([]byte(`{"grp_id":2147483648}`))
	f.Add([]byte(`{"grp_id":" 3 ","group_name":"\u202e\ud800"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		g, err := readGroup(in)
		if err != nil {
			shown(t, "the error", err.Error())
			return
		}
		if g.id < 1 || g.id > maxID {
			t.Errorf("%+v", g)
		}
		shown(t, "its name", g.name)
	})
}
