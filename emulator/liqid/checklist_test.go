package liqid

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// noted are the calls of liqid-api.md 2, by the eras that have them there. Where
// the notes do not know an era it is as routes.go decides, and in neither set of
// the test.
var noted = []struct {
	section string
	eras    era
	calls   string
}{
	{"2.1", line2 | line3, "GET fabric/id, POST fabric/edit, POST fabric/reprogram, GET fabric/topology"},
	{"2.1", era24, "POST fabric/cancel, GET assignment, POST assignment"},
	{"2.1", era25, "POST fabric/id, POST fabric/reprogram/force"},
	{"2.1", era25 | line3, "PUT fabric, POST fabric/edit/cancel, POST fabric/reprogram/cancel, GET fabric/types, GET coordinates, POST coordinates, GET coordinates/available"},
	{"2.2", line2 | line3, "GET group, GET group/nextid, POST group, DELETE group/1, GET group/details/1, GET group/mapper, POST group/clear"},
	{"2.2", era25, "GET group/0/0/1"},
	{"2.3", line2 | line3, "POST pool/edit, POST pool/done, POST pool/cancel"},
	{"2.4", line2 | line3, "GET predevice, POST predevice/compute, DELETE predevice/compute, POST predevice/gpu, DELETE predevice/gpu, POST predevice/storage, DELETE predevice/storage, POST predevice/network, DELETE predevice/network, POST predevice/fpga, DELETE predevice/fpga"},
	{"2.4", line3, "POST predevice/mem, DELETE predevice/mem"},
	{"2.5", line2 | line3, "GET machine, GET machine/nextid, POST machine, DELETE machine/1, GET machine/details/1, POST machine/p2p"},
	{"2.5", era25 | line3, "GET machine/0/0/1"},
	{"2.6", line2 | line3, "POST relate/compute, DELETE relate/compute, POST relate/gpu, DELETE relate/gpu, POST relate/storage, DELETE relate/storage, POST relate/network, DELETE relate/network, POST relate/fpga, DELETE relate/fpga"},
	{"2.6", line3, "POST relate/memory, DELETE relate/memory"},
	{"2.7", line2, "POST assembly/assemble, POST assembly/assemble/all, POST assembly/assemble/list, POST assembly/assemble/list/all, POST assembly/disassemble, POST assembly/disassemble/all, POST assembly/clear, POST assembly/clear/all"},
	{"2.8", line2 | line3, "GET status, GET status/compute, GET status/gpu, GET status/storage, GET status/network, GET status/fpga, GET status/compute/parents, GET devices/count, GET device/attributes"},
	{"2.8", line3, "GET status/mem"},
	{"2.9", line3, "GET device/info/cpu, GET device/info/fpga, GET device/info/gpu, GET device/info/mem, GET device/info/link, GET device/info/ssd, GET device/info/gpu/gpu0, GET device/erase//0x00005000"},
	{"2.9", line2, "GET system/device/info/gpu/gpu0"}, // kept in 2.5 for one client (6.2)
	{"2.9", line2 | line3, "PUT device/udesc/gpu/0x00002000, DELETE device/udesc/gpu/0x00002000, PUT device/0x00005000"},
	{"2.9", era25, "PUT device/gpu/0x00002000/hidden/enabled"},
	{"2.10", line2, "POST power/start, POST power/shutdown, POST power/reboot, POST power/restart"},
	{"2.10", line3, "PUT power/start/1/1, PUT power/shutdown/1/1, PUT power/reboot/1/1, PUT power/restart/1/1"},
	{"2.10", line2 | line3, "GET node/status"},
	{"2.10", era24, "GET node/status/bound, GET node/status/pcpu0, GET node/status/0/0/2"},
	{"2.11", line2 | line3, "GET manager/device, GET manager/network/ipmi/cpu"},
	{"2.11", era25 | line3, "GET manager/network/ipmi/enclosure, GET manager/discovery, GET manager/discovery/targ, GET manager/discovery/link, GET manager/discovery/gpu, GET manager/discovery/fpga"},
	{"2.11", era25, "POST manager/device, PUT manager/device, DELETE manager/device, POST manager/network/ipmi/cpu, PUT manager/network/ipmi/cpu, DELETE manager/network/ipmi/cpu, POST manager/network/ipmi/enclosure, PUT manager/network/ipmi/enclosure, DELETE manager/network/ipmi/enclosure"},
	{"2.12", line2, "GET state/flags, GET state/1, GET state/1/1, GET state/1/1/1"},
	{"2.12", era25, "GET state, POST state/flags, GET state/degraded, PUT state/degraded/clear, GET log/system, GET certificate/csr, GET deployment"},
	{"2.12", era24, "POST reset, POST restart"},
	{"2.12", era25 | line3, "POST system/state/reset, POST system/restart/fabric, POST system/restart/hierarchy, POST system/restart/switch, GET ssh/enable, POST ssh/enable"},
	{"2.12", line2 | line3, "GET version"},
	{"2.12", line3, "GET backup/0, GET backup/1"},
	{"2.14", line3, "GET digest, POST digest/mine, DELETE digest/mine"},
	{"2.15", era24, "GET bimg, POST bimg/upload, POST bimg/install, DELETE bimg/0"},
	{"2.15", era25, "GET image/boot, GET image/fpga, GET image/vnic, GET image/upgrade, GET image/application, POST image/boot, DELETE image/boot/0, POST image/upload/img, POST image/upload/iso, POST image/upload/fpga"},
	{"2.16", line2, "GET sse/device, GET sse/group, GET sse/group/details, GET sse/machine, GET sse/machine/details, GET sse/predevice, GET sse/api/v2/device, GET sse/api/v2/group, GET sse/api/v2/group/details, GET sse/api/v2/machine, GET sse/api/v2/machine/details, GET sse/api/v2/predevice"},
}

// unknownThere are the eras of a call about which the notes say nothing, or "?".
var unknownThere = map[string]era{
	"POST fabric/id": line3, "POST fabric/reprogram/force": line3, "GET fabric/types": era24,
	"PUT device/gpu/0x00002000/hidden/enabled": line3, "GET manager/network/ipmi/enclosure": era24,
	"GET manager/discovery": era24, "GET manager/discovery/targ": era24, "GET manager/discovery/link": era24, "GET manager/discovery/gpu": era24, "GET manager/discovery/fpga": era24,
	"POST manager/device": line3, "PUT manager/device": line3, "DELETE manager/device": line3,
	"POST manager/network/ipmi/cpu": line3, "PUT manager/network/ipmi/cpu": line3, "DELETE manager/network/ipmi/cpu": line3,
	"POST manager/network/ipmi/enclosure": line3, "PUT manager/network/ipmi/enclosure": line3, "DELETE manager/network/ipmi/enclosure": line3,
	"GET state": era24, "POST state/flags": era24, "GET state/degraded": era24, "PUT state/degraded/clear": era24, "GET certificate/csr": era24,
}

// absent are the calls of the notes that no era has here, as doc.go says: of
// most the notes have no shape.
const absent = "POST fabric/id/1, GET node/config, POST node/config, GET node-names, POST feedback, PUT system/shutdown, PUT system/shutdown/0/0/1, " +
	"GET enclosure, GET license, GET provider/role, GET roles, GET northbound, POST upgrade, POST certificate/upload, " +
	"GET manager/network, GET manager/network/redfish, GET manager/slurm/attribute, GET manager/kubernetes/configure"

// TestCallsOfEachEra: each era has the calls that it has in the notes, and not
// those it lacks there (section 6.2).
func TestCallsOfEachEra(t *testing.T) {
	for _, name := range Eras() {
		here, err := parseEra(name)
		if err != nil {
			t.Fatal(err)
		}
		d := start(t, Config{API: name})
		found := func(call string) string {
			method, path, _ := strings.Cut(call, " ")
			r, err := http.NewRequest(method, "http://director"+prefix+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if rt, _ := d.lookup(r, slashes(r.URL.Path)); rt != nil {
				return rt.path
			}
			return ""
		}
		for _, n := range noted {
			for call := range strings.SplitSeq(n.calls, ", ") {
				switch pattern := found(call); {
				case here.in(n.eras) && pattern == "":
					t.Errorf("%s has no %s (%s)", name, call, n.section)
				case !here.in(n.eras|unknownThere[call]) && pattern != "":
					t.Errorf("%s has %s, which is not of that era (%s)", name, call, n.section)
				}
			}
		}
		for call := range strings.SplitSeq(absent, ", ") {
			if found(call) != "" {
				t.Errorf("%s has %s, and doc.go says it has not", name, call)
			}
		}
		// And no call is there that the notes do not have.
		var calls []string
		for _, n := range noted {
			for call := range strings.SplitSeq(n.calls, ", ") {
				method, _, _ := strings.Cut(call, " ")
				calls = append(calls, method+" "+found(call))
			}
		}
		for _, rt := range routes(here) {
			if call := rt.method + " " + rt.path; !slices.Contains(calls, call) && rt.path != linkPath+"{id}" && !strings.HasPrefix(rt.path, "device/info/") {
				t.Errorf("%s has %s, which the notes do not have", name, call)
			}
		}
	}
}
