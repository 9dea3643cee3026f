package liqid

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// GO32 and PY32 are the vendor's kits of 3.2: liqid-api.md 2.0, 2.8, 2.14, 5.2
// and 6.4. They check status and envelope, demand exactly one element where a
// call is about one thing, send Accept only with a JSON body, and nothing at all
// with calls that have none.

// sdk is a director of 3.2 that asks for a sign-in, and a client that is not
// signed in yet.
func sdk(t *testing.T) *party {
	p := meet(t, Config{API: "3.2", Users: map[string]string{"admin": "secret"}, Counts: Counts{CPUs: 2, GPUs: 3, SSDs: 2, NICs: 1, FPGAs: 1, Memories: 2}})
	p.header.Set("User-Agent", "Go-http-client/1.1")
	return p
}

const jsonSent = "application/json"

// login is: DELETE digest/label with Basic (outcome ignored), POST digest/label
// with Basic, and from then on X-API-Key alone.
func (p *party) login(label string, header ...string) string {
	p.t.Helper()
	p.user, p.pass = "admin", "secret"
	p.do("DELETE", "digest/"+label, nil, header...)
	digest := askOne[record](p, "POST", "digest/"+label, nil, header...)
	p.user, p.pass = "", ""
	key, _ := digest["digest_key"].(string)
	if _, isNumber := digest["digest_id"].(float64); !isNumber || digest["digest_label"] != label || key == "" {
		p.t.Fatalf("digest %v", digest)
	}
	p.header.Set("X-API-Key", key)
	return key
}

// TestGO32SignIn: "digest login; X-API-Key; Basic": without either 401 in an
// envelope; either opens every call; a label made anew ends its former key; the
// key deletes itself at logout.
func TestGO32SignIn(t *testing.T) {
	p := sdk(t)
	p.denied(401, "GET", "fabric/id", nil)
	p.user, p.pass = "admin", "wrong"
	p.denied(401, "GET", "fabric/id", nil)
	p.pass = "secret"
	askOne[int](p, "GET", "fabric/id", nil)
	first := p.login("mydriver")
	if labels := ask[string](p, "GET", "digest", nil); !slices.Equal(labels, []string{"mydriver"}) {
		t.Errorf("labels %v", labels)
	}
	second := p.login("mydriver")
	askOne[int](p, "GET", "fabric/id", nil)
	p.header.Set("X-API-Key", first)
	p.denied(401, "GET", "fabric/id", nil)
	p.header.Set("X-API-Key", second)
	if gone := askOne[string](p, "DELETE", "digest/mydriver", nil); gone != "mydriver" {
		t.Errorf("logout answers %q", gone)
	}
	p.denied(401, "GET", "fabric/id", nil)
}

// go32Member is a Predevice as GO32 declares it: numbers where the wire has text
// (C9). It decodes only if the two are numbers or not there.
type go32Member struct {
	Name    string `json:"name"`
	GrpID   int32  `json:"grp_id"`
	MachID  string `json:"mach_id"`
	Index   string `json:"index"`
	OwnerID string `json:"owner_id"`
	PortGID int32  `json:"port_gid"`
	SwitGID int32  `json:"swit_gid"`
}

// TestGO32Compose walks list, compose, power and free: "coordinates, fabric/id;
// errors null; single results exactly one element; machine?mach_id=",
// "status/{cls} with and without filter, GET with body; all six classes",
// "predevice without string gids", "PUT power".
func TestGO32Compose(t *testing.T) {
	p := sdk(t)
	p.login("mydriver")
	askOne[record](p, "GET", "coordinates", nil) // once, and kept
	fabric := askOne[int](p, "GET", "fabric/id", nil)
	sent := []string{"Content-Type", jsonSent, "Accept", jsonSent}
	group := askOne[record](p, "POST", "group", record{"grp_id": askOne[int](p, "GET", "group/nextid", nil), "group_name": "sdk", "fabr_id": fabric, "pod_id": -1}, sent...)
	pool := record{"grp_id": group["grp_id"], "fabr_id": fabric, "coordinates": record{"rack": 0, "shelf": 0, "node": 1}}

	// A device is found by its dev_id among all of its class.
	find := func(class, name string) record {
		t.Helper()
		id := named(p, ask[record](p, "GET", "status", nil), name)["dev_id"]
		for _, d := range ask[record](p, "GET", "status/"+class+"?filter=false", nil) {
			if d["dev_id"] == id {
				return d
			}
		}
		t.Fatalf("no %s in status/%s?filter=false", name, class)
		return nil
	}
	devices := [][3]string{{"compute", "pcpu0", "compute"}, {"gpu", "gpu1", "gpu"}, {"storage", "ssd0", "storage"}, {"network", "link0", "network"}, {"fpga", "fpga0", "fpga"}, {"mem", "mem1", "memory"}}
	askOne[record](p, "POST", "pool/edit", pool, sent...)
	for _, v := range devices {
		ask[record](p, "POST", "predevice/"+v[0], record{"deviceStatus": find(v[0], v[1]), "group": group}, sent...)
	}
	askOne[record](p, "POST", "pool/done", pool, sent...)

	id := askOne[string](p, "GET", "machine/nextid", nil)
	m := askOne[record](p, "POST", "machine", record{
		"comp_name": "box", "connection_history": nil, "fabr_gid": "", "fabr_id": fabric, "grp_id": group["grp_id"],
		"index": 0, "mach_id": json.Number(id), "mach_name": "box", "mtime": 0, "p2p": "", "port_gid": "", "swit_gid": "",
	}, sent...)
	askOne[record](p, "POST", "fabric/edit", m, sent...)
	for _, v := range devices {
		ask[record](p, "POST", "relate/"+v[2], record{"groupDeviceRelator": record{"deviceStatus": find(v[0], v[1]), "group": group}, "machine": m}, sent...)
	}
	askOne[record](p, "POST", "fabric/reprogram", m, sent...)
	members := ask[go32Member](p, "GET", fmt.Sprintf("predevice?grp_id=%v&mach_id=%s", group["grp_id"], id), nil)
	if len(members) != len(devices) || members[0].MachID != id {
		t.Errorf("members %+v", members)
	}
	if m := askOne[record](p, "GET", "machine?mach_id="+id, nil); m["comp_name"] != "pcpu0" {
		t.Errorf("machine %v", m)
	}
	for _, v := range devices { // free lists, in every spelling
		all := len(ask[record](p, "GET", "status/"+v[0]+"?filter=false", nil))
		for _, free := range []answer{
			p.do("GET", "status/"+v[0], nil), p.do("GET", "status/"+v[0]+"?filter=true", nil),
			p.do("GET", "status/"+v[0]+"?filter=True", nil), p.do("GET", "status/"+v[0], record{"criteria": nil}, sent...),
		} {
			if n := len(unwrap[record](p, "status/"+v[0], free)); n != all-1 {
				t.Errorf("status/%s has %d of %d free", v[0], n, all)
			}
		}
		if n := len(ask[record](p, "GET", "status/"+v[0]+"?filter=False", nil)); n != all {
			t.Errorf("status/%s?filter=False has %d of %d", v[0], n, all)
		}
	}
	for _, verb := range []string{"start", "reboot", "restart", "shutdown"} {
		askOne[record](p, "PUT", fmt.Sprintf("power/%s/%v/%s", verb, group["grp_id"], id), nil)
	}
	askOne[record](p, "DELETE", "machine/"+id, nil)
	askOne[record](p, "POST", "pool/edit", pool, sent...)
	for _, v := range devices {
		ask[record](p, "DELETE", "predevice/"+v[0], record{"deviceStatus": find(v[0], v[1]), "group": group}, sent...)
	}
	askOne[record](p, "POST", "pool/done", pool, sent...)
	askOne[record](p, "DELETE", fmt.Sprintf("group/%v", group["grp_id"]), nil)
	if left := ask[record](p, "GET", "predevice", nil); len(left) != 0 {
		t.Errorf("left in groups: %v", left)
	}
	p.blameless()
}

// TestGO32SingleResults: "single results exactly one element", of every call
// that is about one thing; a machine that is not there is none.
func TestGO32SingleResults(t *testing.T) {
	p := sdk(t)
	p.login("mydriver")
	must := func(method, path string, body any) { t.Helper(); ask[any](p, method, path, body) }
	must("POST", "group", record{"grp_id": 1, "group_name": "sdk", "fabr_id": 1, "pod_id": -1})
	must("POST", "machine", record{"grp_id": 1, "mach_id": 1, "mach_name": "box", "fabr_id": 1})
	gpu := named(p, ask[record](p, "GET", "status", nil), "gpu0")["dev_id"].(string)
	for _, path := range []string{
		"coordinates", "fabric/id", "devices/count", "group/nextid", "group/details/1", "group/mapper?group-name=sdk", "machine?mach_id=1",
		"machine?mach_name=box", "machine/details/1", "machine/nextid", "ssh/enable", "backup/0", "device/info/cpu/pcpu0", "device/info/gpu/gpu0",
		"device/info/ssd/ssd0", "device/info/link/link0", "device/info/fpga/fpga0", "device/info/mem/mem0",
	} {
		askOne[any](p, "GET", path, nil)
	}
	if d := askOne[record](p, "PUT", "device/udesc/gpu/"+gpu, record{"udesc": "mine"}); d["udesc"] != "mine" {
		t.Errorf("udesc %v", d)
	}
	if d := askOne[record](p, "DELETE", "device/udesc/gpu/"+gpu, nil); d["udesc"] != "n/a" {
		t.Errorf("udesc %v", d)
	}
	if none := ask[any](p, "GET", "machine?mach_id=99", nil); len(none) != 0 {
		t.Errorf("machine 99: %v", none)
	}
	for _, path := range []string{ // lists, which are never null
		"group", "machine", "machine/0/0/1", "group/0/0/1", "predevice?grp_id=1", "status", "node/status", "version", "fabric/types", "fabric/topology", "coordinates/available",
		"device/attributes", "manager/network/ipmi/cpu", "manager/network/ipmi/enclosure", "manager/device", "manager/discovery", "manager/discovery/targ",
		"status/compute/parents", "digest", "device/info/cpu", "device/info/gpu", "device/info/ssd", "device/info/link", "device/info/fpga", "device/info/mem",
	} {
		// Group coordinates belong to 2.5 alone.
		if strings.HasPrefix(path, "group/0") {
			continue
		}
		ask[any](p, "GET", path, nil)
	}
	p.blameless()
}

// TestGO32Topology: data is one list of nodes, numbered, each below another but
// the director; ids are 32-bit numbers to this client.
func TestGO32Topology(t *testing.T) {
	p := sdk(t)
	p.login("mydriver")
	nodes := askOne[[]struct {
		ID       int32  `json:"id"`
		Parent   int32  `json:"parentId"`
		Name     string `json:"name"`
		Type     string `json:"deviceType"`
		Hardware *struct {
			Type   string `json:"type"`
			FabrID int32  `json:"fabr_id"`
			Lanes  int32  `json:"lanes"`
			Flags  string `json:"flags"`
			VID    string `json:"vid"`
		} `json:"hardwareComponent"`
	}](p, "GET", "fabric/topology", nil)
	known := map[int32]bool{}
	names := map[string]bool{}
	for _, n := range nodes {
		if known[n.ID] || (n.Parent != 0 && !known[n.Parent]) || (n.Parent == 0) != (len(known) == 0) {
			t.Errorf("node %+v", n)
		}
		known[n.ID], names[n.Name] = true, true
	}
	for _, d := range p.d.Snapshot().Devices {
		if !names[d.Name] {
			t.Errorf("%s is not in the topology", d.Name)
		}
	}
}

// TestGO32Info: the types of 3.x, where those of 2.x are others (1.4 DeviceInfo).
func TestGO32Info(t *testing.T) {
	p := sdk(t)
	p.login("mydriver")
	type common struct {
		Name, Vendor, Model, Family, Class, UDesc, Unique string
		Index                                             int32
		Serial                                            string `json:"serial_num"`
		DevID                                             string `json:"dev_id"`
		DeviceType                                        string `json:"device_type"`
		FabricType                                        string `json:"fabric_type"`
		PodID                                             int32  `json:"pod_id"`
	}
	cpu := ask[struct {
		common
		Cores   string  `json:"core_cnt"`
		MHz     float64 `json:"core_mhz"`
		DRAM    string  `json:"dram_size"`
		Kind    string  `json:"dram_type"`
		Set     string  `json:"inst_set"`
		Socket  string  `json:"socket"`
		Threads int32   `json:"thrd_cnt"`
	}](p, "GET", "device/info/cpu", nil)
	gpu := ask[struct {
		common
		Cache string `json:"cache_size"`
		Cores string `json:"core_cnt"`
		Speed string `json:"core_speed"`
		DRAM  string `json:"dram_size"`
		Kind  string `json:"dram_type"`
	}](p, "GET", "device/info/gpu", nil)
	fpga := ask[struct {
		common
		Cores   string  `json:"core_cnt"`
		MHz     float64 `json:"core_mhz"`
		DRAM    string  `json:"dram_size"`
		Kind    string  `json:"dram_type"`
		Speed   string  `json:"fpga_speed"`
		Threads int32   `json:"thrd_cnt"`
	}](p, "GET", "device/info/fpga", nil)
	link := ask[struct {
		common
		Speed string `json:"link_speed"`
		DRAM  string `json:"dram_sz"`
		Kind  string `json:"dram_type"`
	}](p, "GET", "device/info/link", nil)
	type keeper struct {
		common
		Capacity string `json:"capacity"`
	}
	ssd, mem := ask[keeper](p, "GET", "device/info/ssd", nil), ask[keeper](p, "GET", "device/info/mem", nil)
	if len(cpu) != 2 || cpu[0].Cores == "" || cpu[0].MHz == 0 || cpu[0].DRAM == "" || cpu[0].Threads == 0 || cpu[0].Set == "" || cpu[0].Socket == "" {
		t.Errorf("cpus %+v", cpu)
	}
	if len(gpu) != 3 || gpu[0].Cores == "" || gpu[0].Speed == "" || gpu[0].DRAM == "" || gpu[0].Cache == "" || gpu[0].Serial == "" {
		t.Errorf("gpus %+v", gpu)
	}
	if len(fpga) != 1 || fpga[0].Cores == "" || fpga[0].Speed == "" || fpga[0].MHz == 0 {
		t.Errorf("fpgas %+v", fpga)
	}
	if len(link) != 1 || link[0].Speed == "" || link[0].DRAM == "" {
		t.Errorf("links %+v", link)
	}
	if len(ssd) != 2 || ssd[0].Capacity == "" || len(mem) != 2 || mem[0].Capacity == "" {
		t.Errorf("drives %+v, memory %+v", ssd, mem)
	}
	for _, d := range ask[struct {
		VID      string `json:"vid"`
		Capacity *int32 `json:"capacity"` // 32 bits to this client
		Cores    *int32 `json:"cores"`
		Speed    *int32 `json:"speed"`
		DRAM     *int32 `json:"dram_size"`
		MHz      *int32 `json:"core_mhz"`
	}](p, "GET", "manager/device", nil) {
		if d.VID == "" || d.Capacity == nil || d.Cores == nil || d.Speed == nil || d.DRAM == nil || d.MHz == nil {
			t.Errorf("descriptor %+v", d)
		}
	}
}

// TestGO32Erase: "device/erase//id" with its doubled slash, and "epoch fits int32".
func TestGO32Erase(t *testing.T) {
	p := sdk(t)
	p.login("mydriver")
	drive := named(p, ask[record](p, "GET", "status", nil), "ssd1")["dev_id"].(string)
	began := askOne[record](p, "PUT", "device/"+drive, nil)
	if began["async_id"] == nil || began["device_id"] != drive {
		t.Errorf("erase answers %v", began)
	}
	how := askOne[record](p, "GET", "device/erase//"+drive, nil)
	if how["command_execution_state"] == nil || how["device_id"] != drive || how["execution_date"] == nil {
		t.Errorf("erase is at %v", how)
	}
	for _, path := range []string{"system/state/reset", "system/restart/fabric", "system/restart/hierarchy", "system/restart/switch"} {
		stamp := askOne[struct {
			Epoch *int64 `json:"epoch"`
		}](p, "POST", path, nil)
		if stamp.Epoch != nil && (*stamp.Epoch > math.MaxInt32 || *stamp.Epoch < math.MinInt32) {
			t.Errorf("%s: epoch %d", path, *stamp.Epoch)
		}
	}
	p.blameless()
}

// TestGO32Has2xRoutesNot holds what 3.2 lacks (6.2).
func TestGO32Has2xRoutesNot(t *testing.T) {
	for _, api := range []string{"3.2", "3.4"} {
		p := meet(t, Config{API: api})
		for _, path := range []string{"state/1", "state/1/1", "state/flags", "system/device/info/gpu/gpu0", "bimg", "assignment", "sse/group", "sse/api/v2/group", "image/boot", "assembly/assemble"} {
			p.denied(404, "GET", path, nil)
		}
		p.denied(404, "POST", "power/start", record{"mach_id": 1})
		for _, path := range []string{eventPath, eventPathOld} {
			if a := p.do("GET", p.url+path, nil); a.status != 404 {
				t.Errorf("%s: %s is %d", api, path, a.status)
			}
		}
	}
}
