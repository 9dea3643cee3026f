package liqid

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// exchange is one call and where the notes say what to answer.
type exchange struct{ name, section, method, path, body string }

// life25 is a whole life of a machine in 2.5.
var life25 = []exchange{
	{"fabric-id", "2.1 GET fabric/id; 2.0 envelope", "GET", "fabric/id", ""},
	{"coordinates", "2.1 GET coordinates; 1.1 Coordinates", "GET", "coordinates", ""},
	{"version", "1.4 Version, 2.5+: one element per component, RFC 3339 date, 9 elements", "GET", "version", ""},
	{"deployment", "2.14 GET deployment: mode none; 1.4 AuthMetaData", "GET", "deployment", ""},
	{"count", "2.8 devices/count; 1.4 DeviceCount", "GET", "devices/count?fabr_id=1", ""},
	{"group-empty", "2.0 lists are [] and never null", "GET", "group", ""},
	{"group-nextid", "2.2 group/nextid is an int; A1", "GET", "group/nextid", ""},
	{"group-create", "2.2 POST group: 201 Group; 1.4 Group", "POST", "group", groupBody(3, "research")},
	{"group-create-taken", "3.9 group id unused: 400; 2.0 non-2xx and envelope with code and errors", "POST", "group", groupBody(3, "other")},
	{"group-mapper", "2.2 GET group/mapper: 200 [int]", "GET", "group/mapper?group-name=research", ""},
	{"group-list-filter-ignored", "2.2 ignore parameters", "GET", "group?parameters=grp_id%3D1", ""},
	{"predevice-early", "3.9 only between pool/edit and pool/done: 400", "POST", "predevice/gpu", memberBody("gpu4", 3)},
	{"pool-edit", "2.3 POST pool/edit: 200 GroupPool; 1.4 GroupPool", "POST", "pool/edit", poolBody(3)},
	{"pool-edit-again", "3.9 one edit a target", "POST", "pool/edit", poolBody(3)},
	{"predevice-add", "2.4 POST predevice/gpu: 200 same relator; 1.4 Relators", "POST", "predevice/gpu", memberBody("gpu4", 3)},
	{"predevice-add-compute", "2.4; 1.4 compute adds hconn and unique", "POST", "predevice/compute", memberBody("pcpu2", 3)},
	{"predevice-add-storage", "2.4; 1.4 SSD: capacity(MB), no unique", "POST", "predevice/storage", memberBody("ssd1", 3)},
	{"predevice-queued", "2.4 POST only queues: not visible before pool/done (decided)", "GET", "predevice", ""},
	{"pool-done", "2.3 POST pool/done: 200 GroupPool", "POST", "pool/done", poolBody(3)},
	{"predevice-members", "2.4 GET predevice?grp_id; 1.4 Predevice not attached: n/a", "GET", "predevice?grp_id=3", ""},
	{"status-free", "2.8 status/{type} lists only devices in no group; no filter in 2.5 (4)", "GET", "status/compute?filter=false", ""},
	{"machine-nextid", "2.5 machine/nextid is a string; A1", "GET", "machine/nextid", ""},
	{"machine-create", "2.5 POST machine: 201 Machine; 1.4 new machine: n/a, 0x0, empty history", "POST", "machine", machineBody(7, 3, "trainbox")},
	{"machine-create-long-name", "1.3 names of at most 22 characters (inferred)", "POST", "machine", machineBody(8, 3, "abcdefghijklmnopqrstuvw")},
	{"fabric-edit", "2.1 POST fabric/edit: 200 Machine", "POST", "fabric/edit", machineBody(7, 3, "trainbox")},
	{"relate-compute", "2.6 POST relate/compute: 200 same relator", "POST", "relate/compute", relateBody("pcpu2", 3, 7)},
	{"relate-gpu", "2.6 POST relate/gpu", "POST", "relate/gpu", relateBody("gpu4", 3, 7)},
	{"relate-storage", "2.6 POST relate/storage", "POST", "relate/storage", relateBody("ssd1", 3, 7)},
	{"relate-wrong-class", "3.9 class segment must match", "POST", "relate/storage", relateBody("gpu4", 3, 7)},
	{"fabric-reprogram", "2.1 POST fabric/reprogram: 200 Machine; 1.4 Machine with history", "POST", "fabric/reprogram", machineBody(7, 3, "trainbox")},
	{"predevice-attached", "1.4 Predevice attached: mach_id decimal text (A2)", "GET", "predevice?mach_id=7&dev_type=gpu", ""},
	{"machine-list", "2.5 machine?mach_id= exactly one element; 6.3 history lists attached devices", "GET", "machine?mach_id=7", ""},
	{"machine-none", "2.5 filters; 2.0 [] and never null", "GET", "machine?mach_name=nobody", ""},
	{"machine-p2p", "2.5 POST machine/p2p: 200 Machine with new p2p", "POST", "machine/p2p", `{"mach_id":7,"p2p":"on"}`},
	{"state-settled", "2.12 state/{f}/{g}/{m}; 3.10 settled when empty", "GET", "state/1/3/7", ""},
	{"power-start", "2.10 POST power/start body Machine: 200 Machine", "POST", "power/start", `{"mach_id":7}`},
	{"node-status", "2.10 node/status: list, matched by location; 1.4 NodeStatus", "GET", "node/status", ""},
	{"machine-details", "1.4 MachineDetails", "GET", "machine/details/7", ""},
	{"group-details", "1.4 GroupDetails with gpu-count (2.x)", "GET", "group/details/3", ""},
	{"info-cpu", "2.9 system/device/info: bare object; 1.4 DeviceInfo 2.x: core_cnt int, dram_sz int", "GET", "system/device/info/cpu/pcpu2", ""},
	{"info-gpu", "2.9; 1.4 GPU: strings", "GET", "system/device/info/gpu/gpu4", ""},
	{"info-ssd", "2.9; 1.4 SSD: capacity string", "GET", "system/device/info/ssd/ssd1", ""},
	{"info-scm", "1.2 storage-class memory is ssd to the director", "GET", "system/device/info/ssd/scm0", ""},
	{"info-link", "2.9; 1.4 NIC: link_speed string", "GET", "system/device/info/link/link0", ""},
	{"info-fpga", "1.4 FPGA", "GET", "system/device/info/fpga/fpga0", ""},
	{"ipmi", "2.11 manager/network/ipmi/cpu; 1.4 IPMI entry", "GET", "manager/network/ipmi/cpu", ""},
	{"udesc-set", "2.9 PUT device/udesc: 201 [{udesc}]", "PUT", "device/udesc/gpu/0x00002004", `{"udesc":"the fast one"}`},
	{"udesc-delete", "2.9 DELETE device/udesc: 200, n/a", "DELETE", "device/udesc/gpu/0x00002004", ""},
	{"erase-attached", "2.9 secure erase, only of what is attached to nothing (decided)", "PUT", "device/0x00005001", ""},
	{"erase", "2.9 secure erase: 204 empty", "PUT", "device/0x00005000", ""},
	{"group-delete-edited", "3.9 DELETE group not while edited", "DELETE", "group/4", ""},
	{"machine-delete", "2.5 DELETE machine: 200 Machine", "DELETE", "machine/7", ""},
	{"predevice-after-delete", "2.5 devices go to the group's free pool", "GET", "predevice", ""},
	{"group-clear", "2.2 POST group/clear: [true]", "POST", "group/clear", ""},
	{"reset", "2.12 system/state/reset: [{epoch}] in ms", "POST", "system/state/reset", ""},
	{"unknown-route", "6.1 errors are envelopes for unknown routes too (404); 6.2 digest absent in 2.5", "GET", "digest", ""},
	{"doubled-slash", "2.0 doubled slashes collapse", "GET", "//status//gpu", ""},
}

// common are calls that every era has and some answer otherwise.
var common = []exchange{
	{"version", "1.4 Version: 2.4 one element of four daemons, later one per component", "GET", "version", ""},
	{"group-create", "2.2 POST group: 201 Group", "POST", "group", groupBody(3, "research")},
	{"pool-edit", "2.3 POST pool/edit", "POST", "pool/edit", poolBody(3)},
	{"predevice-add", "2.4 POST predevice/gpu; 1.4 DeviceStatus: conn_type from 2.5, flags2 from 3.x, device_type of 1.2", "POST", "predevice/gpu", memberBody("gpu0", 3)},
	{"predevice-add-compute", "1.4 compute adds hconn and unique; 1.2 device_type compute in 3.x", "POST", "predevice/compute", memberBody("pcpu0", 3)},
	{"predevice-add-storage", "1.2 device_type target/SSD in 3.x", "POST", "predevice/storage", memberBody("ssd0", 3)},
	{"predevice-add-network", "1.2 device_type of links in 3.x", "POST", "predevice/network", memberBody("link0", 3)},
	{"pool-done", "2.3 POST pool/done; 2.13 202 with a link in 3.4", "POST", "pool/done", poolBody(3)},
	{"predevice-members", "1.4 Predevice: liqid_gid in 2.4; C9 no port_gid and swit_gid in 3.2", "GET", "predevice?grp_id=3", ""},
	{"machine-create", "2.5 POST machine: 201 Machine", "POST", "machine", machineBody(7, 3, "trainbox")},
	{"fabric-edit", "2.1 POST fabric/edit", "POST", "fabric/edit", machineBody(7, 3, "trainbox")},
	{"relate-compute", "2.6 POST relate/compute", "POST", "relate/compute", relateBody("pcpu0", 3, 7)},
	{"relate-gpu", "2.6 POST relate/gpu", "POST", "relate/gpu", relateBody("gpu0", 3, 7)},
	{"fabric-reprogram", "2.1 POST fabric/reprogram; 2.13 202 with a link in 3.4", "POST", "fabric/reprogram", machineBody(7, 3, "trainbox")},
	{"machine-list", "1.4 Machine", "GET", "machine?mach_id=7", ""},
	{"group-details", "1.4 GroupDetails: gpu-count in 2.x only", "GET", "group/details/3", ""},
	{"machine-details", "1.4 MachineDetails", "GET", "machine/details/7", ""},
	{"node-status", "1.4 NodeStatus", "GET", "node/status", ""},
	{"parents", "2.8 status/compute/parents", "GET", "status/compute/parents", ""},
	{"attributes", "2.8 device/attributes; 1.4 DeviceTypeAndAttributes", "GET", "device/attributes", ""},
	{"count", "2.8 devices/count; 1.4 DeviceCount has no memory", "GET", "devices/count", ""},
	{"topology", "1.4 Topology: an array with one array of nodes", "GET", "fabric/topology", ""},
}

// only24, only25 and only3 are calls of some eras, after the common ones.
var (
	only24 = []exchange{
		{"power-start", "2.10 POST power/start body Machine", "POST", "power/start", `{"mach_id":7}`},
		{"node-bound", "2.10 node/status/bound: is the machine booted", "GET", "node/status/bound?fabr_id=1&group_id=3&mach_id=7", ""},
		{"node-by-cpu", "2.10 node/status/{cpuName}", "GET", "node/status/pcpu0", ""},
		{"info-gpu", "2.9 system/device/info: bare object", "GET", "system/device/info/gpu/gpu0", ""},
		{"cancel", "2.1 POST fabric/cancel; 3.9 only what is being edited", "POST", "fabric/cancel", machineBody(7, 3, "trainbox")},
		{"erase", "2.9 secure erase: 204 empty", "PUT", "device/0x00005000", ""},
		{"reset", "2.12 POST reset: LiqidReset in ms", "POST", "reset", ""},
		{"no-digest", "6.2 digest absent", "GET", "digest", ""},
	}
	only25 = []exchange{
		{"fabric-types", "2.1 fabric/types: name, value", "GET", "fabric/types", ""},
		{"fabric-toggle", "2.1 PUT fabric: the same", "PUT", "fabric", `{"coordinates":{"rack":0,"shelf":0,"node":1},"flag":"gen4","options":"add"}`},
		{"ssh", "1.4 SSH: bare in 2.5", "GET", "ssh/enable", ""},
		{"ssh-on", "2.0 POST ssh/enable: bare int", "POST", "ssh/enable", "true"},
		{"restart-switch", "2.12 system/restart/switch: epoch in ms", "POST", "system/restart/switch", ""},
		{"device-hidden", "2.9 PUT device/{type}/{id}/{flag}/{state}: 204", "PUT", "device/gpu/0x00002001/hidden/enabled", ""},
		{"status-deferred", "1.1 deferred: not in status/{type}", "GET", "status/gpu", ""},
		{"reprogram-force", "2.1 fabric/reprogram/force; 3.9 only inside an edit", "POST", "fabric/reprogram/force", `{"device_name":"gpu0","machine":{"mach_id":7}}`},
		{"fabric-id-set", "2.1 POST fabric/id: FabricId", "POST", "fabric/id", `{"id":5}`},
		{"fabric-id-new", "2.1 GET fabric/id", "GET", "fabric/id", ""},
	}
	only3 = []exchange{
		{"memory-status", "1.4 memory: capacity(MB) and unique", "GET", "status/mem", ""},
		{"status-all", "2.8 status/gpu?filter=false: all", "GET", "status/gpu?filter=False", ""},
		{"status-free", "2.8 status/gpu: free only", "GET", "status/gpu", ""},
		{"info-cpu", "1.4 DeviceInfo 3.x: core_cnt text, core_mhz float, dram_size text", "GET", "device/info/cpu", ""},
		{"info-memory", "1.4 memory: capacity text", "GET", "device/info/mem/mem0", ""},
		{"info-none", "2.9 device/info of what is not there", "GET", "device/info/gpu/gpu9", ""},
		{"power-start", "2.10 PUT power/start/{grp}/{mach} without a body", "PUT", "power/start/3/7", ""},
		{"power-wrong-group", "2.10 the machine is in that group", "PUT", "power/start/4/7", ""},
		{"erase", "2.9 secure erase: async_id and device_id", "PUT", "device/0x00005001", ""},
		{"erase-status", "2.9 device/erase//{id}: AsynchronousStatus", "GET", "device/erase//0x00005001", ""},
		{"fabric-types", "2.1 fabric/types: name, valueString", "GET", "fabric/types", ""},
		{"ssh", "1.4 SSH 3.x", "GET", "ssh/enable", ""},
		{"ssh-on", "4 SSH: body of is-active and is-enabled", "POST", "ssh/enable", `{"is-active":true,"is-enabled":true}`},
		{"backup", "2.12 backup/0: BackupResult", "GET", "backup/0", ""},
		{"digest-create", "2.14 POST digest/{label}: digest_id, digest_key, digest_label", "POST", "digest/mine", ""},
		{"digest-list", "2.14 GET digest: labels", "GET", "digest", ""},
		{"digest-delete", "2.14 DELETE digest/{label}: [label]", "DELETE", "digest/mine", ""},
		{"p2p-again", "2.5 an error when it is so already", "POST", "machine/p2p", `{"mach_id":7,"p2p":"off"}`},
		{"no-pending", "6.2 state/{f} absent", "GET", "state/1", ""},
		{"reset", "2.12 system/state/reset: epoch fits 32 bits, timestamp beside it", "POST", "system/state/reset", ""},
	}
	only34 = []exchange{
		{"link", "2.13 what a link says once it is done", "GET", "async/1", ""},
		{"link-none", "2.13 404: purged", "GET", "async/99", ""},
	}
)

// TestGoldenReplies holds the exact answers of a whole life of a machine in 2.5
// and of what other eras answer otherwise. Each file says which section of
// liqid-api.md asks for that answer.
func TestGoldenReplies(t *testing.T) {
	counts := Counts{CPUs: 3, GPUs: 5, SSDs: 2, NICs: 1, SCMs: 1, FPGAs: 1}
	few := Counts{CPUs: 1, GPUs: 2, SSDs: 2, NICs: 1, Memories: 1}
	for _, tt := range []struct {
		api, dir string
		counts   Counts
		steps    []exchange
	}{
		{"2.5", "", counts, life25},
		{"2.4", "2.4", few, slices.Concat(common, only24)},
		{"2.5", "2.5", few, slices.Concat(common, only25)},
		{"3.2", "3.2", few, slices.Concat(common, only3)},
		{"3.4", "3.4", few, slices.Concat(common, only34, only3)},
	} {
		t.Run(tt.api+tt.dir, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // for clocks that stand still
				d := start(t, Config{API: tt.api, Counts: tt.counts, Seed: 7})
				for _, step := range tt.steps {
					golden(t, d, tt.dir, step)
				}
			})
		})
	}
}

// golden makes one call and compares the answer with the file of its name.
func golden(t *testing.T, d *Director, dir string, step exchange) {
	t.Helper()
	if step.name == "group-delete-edited" {
		must[any](t, d, "POST", "group", groupBody(4, "busy"))
		must[any](t, d, "POST", "pool/edit", poolBody(4))
	}
	status, body := call(d, step.method, step.path, step.body)
	synctest.Wait() // for what works on after its answer
	got := fmt.Sprintf("# liqid-api.md %s\n# %s %s %s\n%d\n", step.section, step.method, step.path, step.body, status)
	if body != "" {
		got += indent(t, body)
	}
	file := filepath.Join("testdata", "golden", dir, step.name+".txt")
	if *update {
		os.MkdirAll(filepath.Dir(file), 0o755)
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got, -update rewrites):\n%s", step.name, diff)
	}
}

// TestEnvelopeBytes holds the outermost bytes, which clients parse by hand.
func TestEnvelopeBytes(t *testing.T) {
	d := start(t, Config{})
	if _, got := call(d, "GET", "fabric/id", ""); got != `{"response":{"data":[1],"errors":null,"code":0}}` {
		t.Errorf("fabric/id = %s", got)
	}
	if _, got := call(d, "GET", "group", ""); got != `{"response":{"data":[],"errors":null,"code":0}}` {
		t.Errorf("group = %s", got)
	}
}

// TestStatusBeginsWithType holds that the discriminator comes first (1.4, A18).
func TestStatusBeginsWithType(t *testing.T) {
	d := start(t, Config{})
	for _, raw := range must[json.RawMessage](t, d, "GET", "status", "") {
		if !strings.HasPrefix(string(raw), `{"type":"`) {
			t.Errorf("status = %s", raw)
		}
	}
}
