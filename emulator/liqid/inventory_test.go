package liqid

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExamplesAreRacks(t *testing.T) {
	models := map[string]string{}
	for _, name := range Examples() {
		inv, err := LoadExample(name)
		if err != nil {
			t.Fatal(err)
		}
		d := start(t, Config{Inventory: inv, Name: name})
		for _, v := range d.Snapshot().Devices {
			if other := models[v.Model]; other != "" && other != name {
				t.Errorf("%s is in %s and in %s: two racks should show variety", v.Model, name, other)
			}
			models[v.Model] = name
		}
	}
	if len(Examples()) < 2 {
		t.Errorf("examples = %v", Examples())
	}
	if _, err := LoadExample("../config"); err == nil {
		t.Error("an example outside of the examples was read")
	}
}

func TestInventoryFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rack.yaml")
	if err := os.WriteFile(file, []byte(`
fabric: 9
switches: 2
devices:
  - {kind: cpu, count: 2, model: EPYC 7763, dram: 1024}
  - {kind: cpu, ipmi: 192.0.2.10}
  - {kind: gpu, model: Prototype 9, vendor: Acme, dram: 96, serial: AX-0001, switch: 1}
  - {kind: ssd, count: 2, capacity: 500, model: Small, vendor: Acme}
  - {kind: nic, link: infiniband, speed: 400}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := LoadInventory(file)
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, Config{Inventory: inv})
	if id := must[int](t, d, "GET", "fabric/id", ""); id[0] != 9 {
		t.Errorf("fabric = %v", id)
	}
	_, gpu := call(d, "GET", "system/device/info/gpu/gpu0", "")
	for _, want := range []string{`"model":"Prototype 9"`, `"vendor":"Acme"`, `"serial_num":"AX-0001"`, `"dram_size":"96 GB"`} {
		if !strings.Contains(gpu, want) {
			t.Errorf("gpu0 = %s, want %s in it", gpu, want)
		}
	}
	_, cpu := call(d, "GET", "system/device/info/cpu/pcpu0", "")
	if !strings.Contains(cpu, `"dram_sz":1048576`) {
		t.Errorf("pcpu0 = %s", cpu)
	}
	ipmi := must[ipmiRecord](t, d, "GET", "manager/network/ipmi/cpu", "")
	if len(ipmi) != 3 || ipmi[2].CPUName != "pcpu2" || ipmi[2].IPAddress != "192.0.2.10" || ipmi[0].IPAddress == ipmi[2].IPAddress {
		t.Errorf("ipmi = %+v", ipmi)
	}
	for _, s := range must[statusRecord](t, d, "GET", "status", "") {
		switch {
		case s.Name == "gpu0" && s.SwitGID != "0x01a500", s.Name == "ssd1" && s.CapacityMB != 500_000, s.Name == "link0" && s.DeviceType != "infi":
			t.Errorf("status = %+v", s)
		}
	}
}

func TestInventoryFileIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"nothing", "", "no devices"},
		{"no devices", "fabric: 1\n", "no devices"},
		{"an unknown key", "devices:\n  - kind: gpu\n    colour: red\n", `[3:5] unknown field "colour"`},
		{"a text for a number", "devices:\n  - kind: gpu\n    count: many\n", "[3:12]"},
		{"an unknown kind", "devices:\n  - kind: tpu\n", `[2:11] devices[0].kind: "tpu" is not one of cpu, gpu`},
		{"no kind", "devices:\n  - count: 2\n", `devices[0].kind: "" is not one of`},
		{"an unknown model", "devices:\n  - kind: gpu\n    model: Voodoo 2\n", `[3:12] devices[0].model: "Voodoo 2" is not a gpu the emulator knows (A100-PCIE-40GB`},
		{"a field of another kind", "devices:\n  - kind: gpu\n    capacity: 10\n", "[3:15] devices[0].capacity: a gpu has none"},
		{"a shared serial", "devices:\n  - kind: gpu\n    count: 2\n    serial: A\n", "2 devices cannot share it"},
		{"a serial twice", "devices:\n  - {kind: gpu, serial: A}\n  - {kind: ssd, serial: A}\n", `"A" is already that of devices[0]`},
		{"a negative count", "devices:\n  - {kind: gpu, count: -1}\n", "-1 is negative"},
		{"too many", "devices:\n  - {kind: gpu, count: 20001}\n", "more than 20000"},
		{"a switch that is not there", "switches: 2\ndevices:\n  - {kind: gpu, switch: 2}\n", "2 is not one of the 2 switches"},
		{"too few switches", "switches: 1\ndevices:\n  - {kind: gpu, count: 300}\n", "do not fit on 1 switches"},
		{"a strange generation", "devices:\n  - {kind: gpu, generation: gen9}\n", `"gen9" is not gen3 or gen4`},
		{"an address that is none", "devices:\n  - {kind: cpu, ipmi: rack1-cpu3}\n", `"rack1-cpu3" is not an address`},
		{"two documents", "devices: [{kind: gpu}]\n---\ndevices: []\n", "2 documents"},
		{"no YAML", "devices: [\n", "cannot read"},
		{"two faults at once", "devices:\n  - {kind: gpu, lanes: -1, generation: x}\n", "lanes: -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := ParseInventory("rack.yaml", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "rack.yaml") {
				t.Errorf("%v, %v; want %q and the file", inv, err, tt.says)
			}
		})
	}
	if _, err := LoadInventory(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("a file that is not there was read")
	}
	if _, err := ParseInventory("x", make([]byte, maxInventoryFile+1)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("too large a file: %v", err)
	}
}

func FuzzParseInventory(f *testing.F) {
	for _, name := range Examples() {
		text, err := ExampleFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("devices:\n  - {kind: gpu, count: -1}\n"))
	f.Add([]byte("devices: [{kind: ssd, switch: 9, serial: !0000}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		inv, err := ParseInventory("fuzz.yaml", text)
		if err != nil {
			return
		}
		parts := inv.build("fuzz", 1)
		names := map[string]bool{}
		for _, p := range parts {
			if names[p.Name] {
				t.Fatalf("%s twice", p.Name)
			}
			names[p.Name] = true
		}
	})
}

// TestPinnedDevicesFindPorts: spread devices leave room for those that ask for a switch.
func TestPinnedDevicesFindPorts(t *testing.T) {
	zero := 0
	inv := &Inventory{Switches: 2, Devices: []Entry{{Kind: GPU, Count: 200}, {Kind: SSD, Count: 200, Switch: &zero}}}
	d := start(t, Config{Inventory: inv})
	ports := map[uint32]bool{}
	for i := range d.now.devices {
		v := &d.now.devices[i]
		if ports[v.Port] || v.Port>>8 != v.Switch>>8 || (v.Kind == SSD && v.Switch != 0x01a400) {
			t.Fatalf("%s is on port %s of switch %s", v.Name, hex6(v.Port), hex6(v.Switch))
		}
		ports[v.Port] = true
	}
}

// TestIdentifiersAreUnique: over all kinds, also beyond the vendor's ranges.
func TestIdentifiersAreUnique(t *testing.T) {
	d := start(t, Config{Counts: Counts{CPUs: 300, GPUs: 5000, SSDs: 4200, NICs: 50, SCMs: 50, FPGAs: 50}})
	seen := map[string]string{}
	take := func(what, value, name string) {
		if other := seen[what+value]; other != "" {
			t.Fatalf("%s %s of %s and of %s", what, value, other, name)
		}
		seen[what+value] = name
	}
	for i := range d.now.devices {
		v := &d.now.devices[i]
		take("name ", v.Name, v.Name)
		take("dev_id ", hex8(v.DevID), v.Name)
		take("port ", hex6(v.Port), v.Name)
		take("serial ", v.Serial, v.Name)
		if v.Kind == CPU {
			take("ipmi ", v.IPMI, v.Name)
		}
		if v.Port>>8 != v.Switch>>8 || v.Port == v.Switch {
			t.Fatalf("%s is on port %s of switch %s", v.Name, hex6(v.Port), hex6(v.Switch))
		}
	}
}

func TestSeedDecides(t *testing.T) {
	devices := func(c Config) []DeviceState { return start(t, c).Snapshot().Devices }
	if diff := cmp.Diff(devices(Config{Seed: 5}), devices(Config{Seed: 5})); diff != "" {
		t.Errorf("the same seed, another rack:\n%s", diff)
	}
	serials := map[string]bool{}
	for _, c := range []Config{{Seed: 5}, {Seed: 6}, {Seed: 5, Name: "rack2"}} {
		for _, v := range devices(c) {
			if serials[v.Serial] {
				t.Errorf("serial %s twice", v.Serial)
			}
			serials[v.Serial] = true
		}
	}
}

func TestConfigIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		says string
	}{
		{"another era", Config{API: "3.9"}, `API era "3.9" is not emulated; there are: 2.4, 2.5, 3.2, 3.4`},
		{"a habit that is none", Config{Habits: Habits{SecondEdit: "maybe"}}, `habit second-edit is one of refused, shared, takes-over, not "maybe"`},
		{"a user who cannot sign in", Config{Users: map[string]string{"a:b": "x"}}, `user "a:b" could not sign in`},
		{"a negative count", Config{Counts: Counts{GPUs: -1}}, "cannot be negative"},
		{"too many", Config{Counts: Counts{GPUs: 20001}}, "more than 20000"},
		{"a negative latency", Config{CallLatency: Latency{-1, -1}}, "call latency"},
		{"an inverted latency", Config{CommitLatency: Latency{5, 3}}, "ends before it begins"},
		{"a name with spaces", Config{Name: "my rack"}, "printable"},
		{"a broken fault", Config{Faults: []FaultRule{{Method: "GET", Path: "x", Effect: "bang"}}}, "there are status=500"},
		{"a fault about nothing", Config{Faults: []FaultRule{{Method: "*", Path: "*", Effect: EffectGone, Device: "gpu77"}}}, "no device gpu77"},
		{"counts and an inventory", Config{Counts: Counts{GPUs: 1}, Inventory: &Inventory{Devices: []Entry{{Kind: GPU}}}}, "both"},
		{"a broken inventory", Config{Inventory: &Inventory{Devices: []Entry{{Kind: "tpu"}}}}, "devices[0].kind"},
	} {
		if d, err := New(tt.c); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, %v; want %q", tt.name, d, err, tt.says)
		}
	}
}

// The nth commit of two directors of one seed takes equally long, whatever else
// they were asked, and different ones take differently long.
func TestCommitsOfASeedTakeAsLong(t *testing.T) {
	c := Config{Seed: 7, CommitLatency: Latency{200 * time.Millisecond, 400 * time.Millisecond}, CallLatency: Latency{0, time.Nanosecond}}
	one, other := start(t, c), start(t, c)
	must[any](t, other, "GET", "status", "") // draws a latency of its own
	seen := map[time.Duration]bool{}
	for n := range 50 {
		a, b := one.commitTakes(n), other.commitTakes(n)
		if a != b || a < c.CommitLatency.Min || a > c.CommitLatency.Max {
			t.Errorf("commit %d takes %v and %v", n, a, b)
		}
		seen[a] = true
	}
	if len(seen) < 40 {
		t.Errorf("50 commits take only %d different times", len(seen))
	}
}

func TestLatency(t *testing.T) {
	for _, text := range []string{"20ms", "5ms-20ms", "0s"} {
		l, err := ParseLatency(text)
		if err != nil || l.String() != text {
			t.Errorf("%q = %v, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "20", "-5ms", "20ms-5ms", "5ms-", "5ms-x"} {
		if l, err := ParseLatency(text); err == nil {
			t.Errorf("%q = %v", text, l)
		}
	}
}
