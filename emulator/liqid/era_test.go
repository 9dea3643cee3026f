package liqid

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// eraRoutes is liqid-api.md 2.1 to 2.16 with the columns of its tables, as far
// as the emulator speaks it, and 6.2: which era has which call. What the tables
// have a question mark for is absent.
const eraRoutes = `
# 2.1
2.4 2.5 3.2 3.4  GET    fabric/id
-   2.5 -   -    POST   fabric/id
-   2.5 3.2 3.4  PUT    fabric
2.4 2.5 3.2 3.4  POST   fabric/edit
2.4 -   -   -    POST   fabric/cancel
-   2.5 3.2 3.4  POST   fabric/edit/cancel
2.4 2.5 3.2 3.4  POST   fabric/reprogram
-   2.5 3.2 3.4  POST   fabric/reprogram/cancel
-   2.5 -   -    POST   fabric/reprogram/force
2.4 2.5 3.2 3.4  GET    fabric/topology
-   2.5 3.2 3.4  GET    fabric/types
2.4 -   -   -    GET    assignment
2.4 -   -   -    POST   assignment
-   2.5 3.2 3.4  GET    coordinates
-   2.5 3.2 3.4  POST   coordinates
-   2.5 3.2 3.4  GET    coordinates/available
# 2.2
2.4 2.5 3.2 3.4  GET    group
-   2.5 -   -    GET    group/0/0/1
2.4 2.5 3.2 3.4  GET    group/nextid
2.4 2.5 3.2 3.4  POST   group
2.4 2.5 3.2 3.4  DELETE group/1
2.4 2.5 3.2 3.4  GET    group/details/1
2.4 2.5 3.2 3.4  GET    group/mapper
2.4 2.5 3.2 3.4  POST   group/clear
# 2.3
2.4 2.5 3.2 3.4  POST   pool/edit
2.4 2.5 3.2 3.4  POST   pool/done
2.4 2.5 3.2 3.4  POST   pool/cancel
# 2.4
2.4 2.5 3.2 3.4  GET    predevice
2.4 2.5 3.2 3.4  POST   predevice/compute
2.4 2.5 3.2 3.4  DELETE predevice/compute
2.4 2.5 3.2 3.4  POST   predevice/gpu
2.4 2.5 3.2 3.4  DELETE predevice/gpu
2.4 2.5 3.2 3.4  POST   predevice/storage
2.4 2.5 3.2 3.4  DELETE predevice/storage
2.4 2.5 3.2 3.4  POST   predevice/network
2.4 2.5 3.2 3.4  DELETE predevice/network
2.4 2.5 3.2 3.4  POST   predevice/fpga
2.4 2.5 3.2 3.4  DELETE predevice/fpga
-   -   3.2 3.4  POST   predevice/mem
-   -   3.2 3.4  DELETE predevice/mem
-   -   -   -    POST   predevice/memory
# 2.5
2.4 2.5 3.2 3.4  GET    machine
-   2.5 3.2 3.4  GET    machine/0/0/1
2.4 2.5 3.2 3.4  GET    machine/nextid
2.4 2.5 3.2 3.4  POST   machine
2.4 2.5 3.2 3.4  DELETE machine/1
2.4 2.5 3.2 3.4  GET    machine/details/1
2.4 2.5 3.2 3.4  POST   machine/p2p
# 2.6
2.4 2.5 3.2 3.4  POST   relate/compute
2.4 2.5 3.2 3.4  DELETE relate/compute
2.4 2.5 3.2 3.4  POST   relate/gpu
2.4 2.5 3.2 3.4  DELETE relate/gpu
2.4 2.5 3.2 3.4  POST   relate/storage
2.4 2.5 3.2 3.4  DELETE relate/storage
2.4 2.5 3.2 3.4  POST   relate/network
2.4 2.5 3.2 3.4  DELETE relate/network
2.4 2.5 3.2 3.4  POST   relate/fpga
2.4 2.5 3.2 3.4  DELETE relate/fpga
-   -   3.2 3.4  POST   relate/memory
-   -   3.2 3.4  DELETE relate/memory
-   -   -   -    POST   relate/mem
# 2.7
2.4 2.5 -   -    POST   assembly/assemble
2.4 2.5 -   -    POST   assembly/assemble/all
2.4 2.5 -   -    POST   assembly/assemble/list
2.4 2.5 -   -    POST   assembly/assemble/list/all
2.4 2.5 -   -    POST   assembly/disassemble
2.4 2.5 -   -    POST   assembly/disassemble/all
2.4 2.5 -   -    POST   assembly/clear
2.4 2.5 -   -    POST   assembly/clear/all
# 2.8
2.4 2.5 3.2 3.4  GET    status
2.4 2.5 3.2 3.4  GET    status/compute
2.4 2.5 3.2 3.4  GET    status/gpu
2.4 2.5 3.2 3.4  GET    status/storage
2.4 2.5 3.2 3.4  GET    status/network
2.4 2.5 3.2 3.4  GET    status/fpga
-   -   3.2 3.4  GET    status/mem
2.4 2.5 3.2 3.4  GET    status/compute/parents
2.4 2.5 3.2 3.4  GET    devices/count
2.4 2.5 3.2 3.4  GET    device/attributes
# 2.9
2.4 2.5 -   -    GET    system/device/info/gpu/gpu0
-   -   3.2 3.4  GET    device/info/cpu
-   -   3.2 3.4  GET    device/info/fpga
-   -   3.2 3.4  GET    device/info/gpu
-   -   3.2 3.4  GET    device/info/mem
-   -   3.2 3.4  GET    device/info/link
-   -   3.2 3.4  GET    device/info/ssd
-   -   3.2 3.4  GET    device/info/cpu/x
-   -   3.2 3.4  GET    device/info/fpga/x
-   -   3.2 3.4  GET    device/info/gpu/x
-   -   3.2 3.4  GET    device/info/mem/x
-   -   3.2 3.4  GET    device/info/link/x
-   -   3.2 3.4  GET    device/info/ssd/x
2.4 2.5 3.2 3.4  PUT    device/udesc/gpu/0x00002000
2.4 2.5 3.2 3.4  DELETE device/udesc/gpu/0x00002000
2.4 2.5 3.2 3.4  PUT    device/0x00005000
-   -   3.2 3.4  GET    device/erase//0x00005000
-   2.5 -   -    PUT    device/gpu/0x00002000/hidden/enabled
# 2.10
2.4 2.5 -   -    POST   power/start
2.4 2.5 -   -    POST   power/shutdown
2.4 2.5 -   -    POST   power/reboot
2.4 2.5 -   -    POST   power/restart
-   -   3.2 3.4  PUT    power/start/1/1
-   -   3.2 3.4  PUT    power/shutdown/1/1
-   -   3.2 3.4  PUT    power/reboot/1/1
-   -   3.2 3.4  PUT    power/restart/1/1
2.4 2.5 3.2 3.4  GET    node/status
2.4 -   -   -    GET    node/status/bound
2.4 -   -   -    GET    node/status/pcpu0
2.4 -   -   -    GET    node/status/0/0/2
# 2.11
2.4 2.5 3.2 3.4  GET    manager/network/ipmi/cpu
-   2.5 3.2 3.4  GET    manager/network/ipmi/enclosure
2.4 2.5 3.2 3.4  GET    manager/device
-   2.5 3.2 3.4  GET    manager/discovery
# 2.12
-   2.5 -   -    GET    state
2.4 2.5 -   -    GET    state/flags
-   2.5 -   -    POST   state/flags
2.4 2.5 -   -    GET    state/1
2.4 2.5 -   -    GET    state/1/1
2.4 2.5 -   -    GET    state/1/1/1
-   2.5 -   -    PUT    state/degraded/clear
2.4 -   -   -    POST   reset
2.4 -   -   -    POST   restart
-   2.5 3.2 3.4  POST   system/state/reset
-   2.5 3.2 3.4  POST   system/restart/fabric
-   2.5 3.2 3.4  POST   system/restart/hierarchy
-   2.5 3.2 3.4  POST   system/restart/switch
2.4 2.5 3.2 3.4  GET    version
-   -   3.2 3.4  GET    backup/0
-   2.5 3.2 3.4  GET    ssh/enable
-   2.5 3.2 3.4  POST   ssh/enable
# 2.14
-   2.5 -   -    GET    deployment
-   -   3.2 3.4  GET    digest
-   -   3.2 3.4  POST   digest/mine
-   -   3.2 3.4  DELETE digest/mine
# 2.15
2.4 -   -   -    GET    bimg
-   2.5 -   -    GET    image/boot
# 2.16
2.4 2.5 -   -    GET    sse/machine
2.4 2.5 -   -    GET    sse/api/v2/machine
`

// TestEraRoutes holds that a director has the calls of its era and no others.
// A call that the era has may be refused, but never as unknown.
func TestEraRoutes(t *testing.T) {
	columns := Eras()
	for i, api := range columns {
		t.Run(api, func(t *testing.T) {
			d := start(t, Config{API: api})
			compose(t, d, "pcpu0", "gpu0")
			known := map[string]bool{}
			for line := range strings.Lines(eraRoutes) {
				f := strings.Fields(line)
				if len(f) == 0 || f[0] == "#" {
					continue
				}
				if has := f[i] != "-"; has && f[i] != api {
					t.Fatalf("the table is out of shape at %q", line)
				} else if got, _ := d.lookup(httptest.NewRequest(f[4], prefix+f[5], nil), slashes(prefix+f[5])); (got != nil) != has {
					t.Errorf("%s %s: there is such a call: %t, want %t", f[4], f[5], got != nil, has)
				} else if has {
					known[got.method+" "+got.path] = true
				} else if status, _ := call(d, f[4], f[5], ""); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
					t.Errorf("%s %s: %d, want 404", f[4], f[5], status)
				}
			}
			for _, rt := range routes(d.era) {
				// The first parts stand for the families that the table names by one example.
				family := slices.ContainsFunc([]string{"manager/", "log/", "image/", "bimg", "sse/", "state/degraded", linkPath}, func(p string) bool { return strings.HasPrefix(rt.path, p) })
				if !family && !known[rt.method+" "+rt.path] {
					t.Errorf("%s %s is in no table", rt.method, rt.path)
				}
			}
		})
	}
}

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
