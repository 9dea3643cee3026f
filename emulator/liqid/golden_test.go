package liqid

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// TestGoldenReplies holds the exact answers of a whole life of a machine. Each
// file says which section of liqid-api.md asks for that answer.
func TestGoldenReplies(t *testing.T) {
	steps := []struct{ name, section, method, path, body string }{
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
	synctest.Test(t, func(t *testing.T) { // for clocks that stand still
		d := start(t, Config{Counts: Counts{CPUs: 3, GPUs: 5, SSDs: 2, NICs: 1, SCMs: 1, FPGAs: 1}, Seed: 7})
		for _, step := range steps {
			if step.name == "group-delete-edited" {
				must[any](t, d, "POST", "group", groupBody(4, "busy"))
				must[any](t, d, "POST", "pool/edit", poolBody(4))
			}
			status, body := call(d, step.method, step.path, step.body)
			got := fmt.Sprintf("# liqid-api.md %s\n# %s %s %s\n%d\n", step.section, step.method, step.path, step.body, status)
			if body != "" {
				got += indent(t, body)
			}
			file := filepath.Join("testdata", "golden", step.name+".txt")
			if *update {
				os.MkdirAll(filepath.Dir(file), 0o755)
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got, -update rewrites):\n%s", step.name, diff)
			}
		}
	})
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
