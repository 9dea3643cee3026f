package liqid

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// JAVA34 and KUB are the vendor's kit and its Kubernetes tool of 3.4:
// liqid-api.md 1.2, 2.0, 2.13, 2.14, 5.2 and 6.5. They look at no status but 202,
// demand an envelope of every answer, decode into closed enumerations, and send
// every record twice, some of it with other types.

func java(t *testing.T, c Config) *party {
	c.API = "3.4"
	c.Users = map[string]string{"admin": "secret"}
	if c.Counts == (Counts{}) {
		c.Counts = Counts{CPUs: 3, GPUs: 4, SSDs: 3, SCMs: 1, NICs: 4, FPGAs: 1, Memories: 2}
	}
	p := meet(t, c)
	p.header.Set("User-Agent", "Java/17")
	return p
}

// bodiless is what JAVA34 sends where there is no body: length 0, text/plain.
var bodiless = []string{"Content-Type", "text/plain"}

// The closed sets of 1.2.
var (
	deviceTypes = []string{"compute", "gpu", "fpga", "mem", "target/SSD", "ethernet_link", "infiniband_link", "fibrechannel_link"}
	devTypes    = []string{"comp", "fibr", "fpga", "gpu", "infi", "link", "mem", "plx", "targ"}
	fabricTypes = []string{"gen3", "gen4", "nvof", "gpuof", "genz", "nvmeof", "ip_based"}
	runs        = []string{"up", "on", "off", "unknown"}
	osTypes     = []string{"linux", "FreeBSD", "windows", "liqidos", "unknown"}
)

// closed fails the test when a value is not of its enumeration.
func closed(t *testing.T, r record, key string, set []string) {
	t.Helper()
	if v, _ := r[key].(string); !slices.Contains(set, v) {
		t.Errorf("%s of %v is %v, not one of %v", key, r["name"], r[key], set)
	}
}

// TestKUBStart walks its start: "status, then device/info/{cpu,fpga,gpu,mem,
// link,ssd}, group, predevice?grp_id= per group, machine,
// predevice?grp_id=&mach_id= per machine", with "closed enum values; compute named
// pcpuN; udesc default n/a; a DeviceInfo for every device in status with the same
// dev_id", after "digest with Basic first".
func TestKUBStart(t *testing.T) {
	p := java(t, Config{})
	p.denied(401, "GET", "status", nil)                             // "JSON envelope on 401"
	p.denied(401, "GET", "status", nil, "X-API-Key", "of long ago") // a key that is none any more
	p.login("KubInt", bodiless...)
	setUp(p, "pcpu1", "gpu0", "gpu1", "link2", "mem0")

	status := ask[record](p, "GET", "status", nil)
	byID := map[string]string{}
	for _, d := range status {
		closed(t, d, "device_type", deviceTypes)
		closed(t, d, "fabric_type", fabricTypes)
		id, name := d["dev_id"].(string), d["name"].(string)
		if other, twice := byID[id]; twice || len(id) != len("0x00000000") {
			t.Errorf("dev_id %s of %s and %s", id, name, other)
		}
		byID[id] = name
		if d["device_type"] == "compute" {
			if _, err := strconv.Atoi(name[4:]); err != nil || !strings.HasPrefix(name, "pcpu") {
				t.Errorf("a compute device is called %s", name)
			}
		}
	}
	for _, class := range []string{"cpu", "fpga", "gpu", "mem", "link", "ssd"} {
		for _, d := range ask[record](p, "GET", "device/info/"+class, nil) {
			closed(t, d, "device_type", deviceTypes)
			closed(t, d, "fabric_type", fabricTypes)
			if d["udesc"] != "n/a" || byID[d["dev_id"].(string)] != d["name"] {
				t.Errorf("info %v", d)
			}
			delete(byID, d["dev_id"].(string))
		}
	}
	if len(byID) != 0 {
		t.Errorf("in status and without info: %v", byID)
	}
	for _, g := range ask[record](p, "GET", "group", nil) {
		members := ask[record](p, "GET", fmt.Sprintf("predevice?grp_id=%v", g["grp_id"]), nil)
		if len(members) != 5 {
			t.Errorf("%d members", len(members))
		}
		for _, m := range members {
			closed(t, m, "dev_type", devTypes)
			if _, isText := m["port_gid"].(string); !isText { // "predevice port_gid strings" (6.2)
				t.Errorf("port_gid is %v", m["port_gid"])
			}
		}
	}
	for _, m := range ask[record](p, "GET", "machine", nil) {
		closed(t, m, "p2p", []string{"on", "off"})
		for _, h := range m["connection_history"].([]any) {
			closed(t, h.(record), "dev_type", devTypes)
		}
		if n := len(ask[record](p, "GET", fmt.Sprintf("predevice?grp_id=%v&mach_id=%v", m["grp_id"], m["mach_id"]), nil)); n != 5 {
			t.Errorf("%d devices in the machine", n)
		}
	}
	for _, n := range ask[record](p, "GET", "node/status", nil) {
		closed(t, n, "run", runs)
		closed(t, n, "os_type", osTypes)
	}
	p.blameless()
}

// setUp makes group 1 and machine 1 of the devices, waiting for each commit.
func setUp(p *party, devices ...string) {
	p.t.Helper()
	ask[any](p, "POST", "group", record{"fabr_id": 1, "grp_id": 1, "group_name": "cluster", "pod_id": -1})
	ask[any](p, "POST", "pool/edit", record{"grp_id": 1, "fabr_id": 1})
	for _, v := range devices {
		ask[any](p, "POST", "predevice/"+classOf(v), record{"deviceStatus": record{"name": v}, "group": record{"grp_id": 1}})
	}
	p.await("POST", "pool/done", record{"grp_id": 1, "fabr_id": 1})
	ask[any](p, "POST", "machine", record{"fabr_id": 1, "grp_id": 1, "mach_id": 1, "mach_name": "box"})
	ask[any](p, "POST", "fabric/edit", record{"mach_id": 1})
	for _, v := range devices {
		class := Class(classOf(v))
		ask[any](p, "POST", "relate/"+class.relateTo(), record{"groupDeviceRelator": record{"deviceStatus": record{"name": v}, "group": record{"grp_id": 1}}, "machine": record{"mach_id": 1}})
	}
	p.await("POST", "fabric/reprogram", record{"mach_id": 1})
}

// await makes a committing call and polls its link as JAVA34 does: an absolute
// URL, asked with the same sign-in; Pending goes on, any other state and 404 end
// it. It returns the states it saw.
func (p *party) await(method, path string, body any, header ...string) []string {
	p.t.Helper()
	a := p.do(method, path, body, header...)
	first := unwrap[record](p, method+" "+path, a)
	if a.status != 202 {
		return nil
	}
	links, _ := first[0]["links"].([]any)
	if len(first) != 1 || len(links) == 0 {
		p.t.Fatalf("%s %s: 202 without a link: %s", method, path, a.body)
	}
	href, _ := links[0].(record)["href"].(string)
	if !strings.HasPrefix(href, p.url+"/") {
		p.t.Fatalf("%s %s: the link %q is no URL of the director at %s", method, path, href, p.url)
	}
	var states []string
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		poll := p.do("GET", href, nil)
		if poll.status == 404 {
			return append(states, "404")
		}
		if poll.status != 200 {
			p.t.Fatalf("the link answers %d: %s", poll.status, poll.body)
		}
		state, _ := unwrap[record](p, href, poll)[0]["command_execution_state"].(string)
		states = append(states, state)
		if state != "Pending" {
			return states
		}
		<-tick.C
	}
	p.t.Fatalf("%s %s: still pending", method, path)
	return nil
}

// beans adds what JAVA34 sends besides the wire's names: the same again under
// the names of its beans, numbers for text, and nulls.
func beans(r record) record {
	names := map[string]string{
		"grp_id": "groupId", "group_name": "groupName", "fabr_id": "fabricId", "fabr_gid": "fabricGlobalId", "dev_id": "deviceId",
		"mach_id": "machineId", "mach_name": "machineName", "comp_name": "computeName", "pod_id": "podId", "swit_gid": "switchGlobalId", "port_gid": "portGlobalId",
	}
	out := record{}
	for k, v := range r {
		if inner, isRecord := v.(record); isRecord {
			v = beans(inner)
		}
		out[k] = v
		if bean, doubled := names[k]; doubled {
			out[bean] = v
		}
	}
	for _, k := range []string{"flags", "hconn"} {
		if text, isText := out[k].(string); isText {
			n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
			if err == nil {
				out[k] = n
			}
		}
	}
	return out
}

// TestJAVA34Flows walks add, attach, p2p, detach, remove with its order "GET
// status, GET status/{cls}?filter=false, GET group (, GET machine?mach_id=), then
// POST/DELETE", doubled names, numbers for text and nulls, and "202: absolute
// href, 200 Pending then 404 or SUCCESS" where commits are answered so; a director
// that answers when it is done serves it as well.
func TestJAVA34Flows(t *testing.T) {
	for _, habit := range []string{"accepted", "done"} {
		t.Run(habit, func(t *testing.T) {
			t.Parallel() // it waits
			p := java(t, Config{Habits: Habits{Commit: habit}, CommitLatency: Latency{Min: 30 * time.Millisecond, Max: 30 * time.Millisecond}})
			pending := 0 // a slow machine may ask about a commit only after its end, but not about each
			defer func() {
				if (pending > 0) != (habit == "accepted") {
					t.Errorf("%d commits were seen pending", pending)
				}
			}()
			p.login("jtest", bodiless...)
			askOne[record](p, "GET", "coordinates", nil)
			fabric := askOne[int](p, "GET", "fabric/id", nil)
			if cleared := askOne[bool](p, "POST", "group/clear", "", bodiless...); !cleared {
				t.Error("group/clear answers false")
			}
			group := askOne[record](p, "POST", "group", beans(record{"grp_id": askOne[int](p, "GET", "group/nextid", nil), "group_name": "jtest", "fabr_id": fabric, "pod_id": -1}))
			groupID := fmt.Sprint(group["grp_id"])
			commit := func(path string, body record) {
				t.Helper()
				states := p.await("POST", path, beans(body))
				switch {
				case habit == "done" && states != nil:
					t.Errorf("%s was answered 202", path)
				case habit == "accepted" && (states == nil || !slices.Contains([]string{"SUCCESS", "404"}, states[len(states)-1])):
					t.Errorf("%s went through %v", path, states)
				case len(states) > 1:
					pending++
				}
			}
			change := func(method, path, name string, body func(record) record) {
				t.Helper()
				class := strings.TrimPrefix(strings.TrimPrefix(path, "predevice/"), "relate/")
				if class == "memory" {
					class = "mem"
				}
				id := named(p, ask[record](p, "GET", "status", nil), name)["dev_id"]
				for _, d := range ask[record](p, "GET", "status/"+class+"?filter=false", nil) {
					if d["dev_id"] == id {
						ask[any](p, method, path, beans(body(d)))
						return
					}
				}
				t.Fatalf("no %s in status/%s?filter=false", name, class)
			}
			member := func(d record) record {
				return record{"deviceStatus": d, "group": withValue(p, ask[record](p, "GET", "group", nil), "group_name", "jtest")}
			}
			relator := func(d record) record {
				return record{"groupDeviceRelator": member(d), "machine": askOne[record](p, "GET", "machine?mach_id=1", nil)}
			}
			pool := record{"grp_id": group["grp_id"], "fabr_id": fabric, "coordinates": record{"rack": 0, "shelf": 0, "node": 1}}
			devices := [][3]string{{"compute", "pcpu0", "compute"}, {"gpu", "gpu0", "gpu"}, {"gpu", "gpu1", "gpu"}, {"storage", "scm0", "storage"}, {"mem", "mem0", "memory"}}

			ask[any](p, "POST", "pool/edit", beans(pool))
			for _, v := range devices {
				change("POST", "predevice/"+v[0], v[1], member)
			}
			commit("pool/done", pool)
			if id := askOne[string](p, "GET", "machine/nextid", nil); id != "1" {
				t.Fatalf("the next machine id is %s", id)
			}
			askOne[record](p, "POST", "machine", beans(record{
				"grp_id": group["grp_id"], "mach_id": 1, "mach_name": "kub-box-with-hyphens-1", "comp_name": "kub-box-with-hyphens-1", "fabr_id": fabric,
				"index": nil, "mtime": nil, "fabr_gid": nil, "port_gid": nil, "swit_gid": nil, "p2p": nil, "connection_history": nil,
			}))
			m := func() record { return askOne[record](p, "GET", "machine?mach_id=1", nil) }
			askOne[record](p, "POST", "fabric/edit", beans(m())) // cpu and the rest in sessions of their own (3.2)
			change("POST", "relate/compute", "pcpu0", relator)
			commit("fabric/reprogram", m())
			askOne[record](p, "POST", "fabric/edit", beans(m()))
			for _, v := range devices[1:] {
				change("POST", "relate/"+v[2], v[1], relator)
			}
			commit("fabric/reprogram", m())
			if got := len(ask[record](p, "GET", "predevice?grp_id="+groupID+"&mach_id=1", nil)); got != len(devices) {
				t.Errorf("%d devices in the machine, want %d", got, len(devices))
			}
			askOne[record](p, "PUT", "power/start/"+groupID+"/1", "", bodiless...)
			commit("machine/p2p", with(m(), "p2p", "on"))
			if m()["p2p"] != "on" {
				t.Error("p2p is off")
			}
			// Adds first, then removes, in one session (3.5).
			askOne[record](p, "POST", "pool/edit", beans(pool))
			change("POST", "predevice/gpu", "gpu2", member)
			commit("pool/done", pool)
			askOne[record](p, "POST", "fabric/edit", beans(m()))
			change("POST", "relate/gpu", "gpu2", relator)
			change("DELETE", "relate/gpu", "gpu0", relator)
			commit("fabric/reprogram", m())
			if v, _ := p.d.Snapshot().Device("gpu0"); v.Machine != 0 || v.Group == 0 {
				t.Errorf("gpu0 is in machine %d, group %d", v.Machine, v.Group)
			}
			if a := p.do("DELETE", "machine/1", nil); a.status != 200 {
				t.Errorf("DELETE machine is %d: never 202", a.status)
			}
			askOne[record](p, "POST", "pool/edit", beans(pool))
			for _, v := range append(devices, [3]string{"gpu", "gpu2"}) {
				change("DELETE", "predevice/"+v[0], v[1], member)
			}
			commit("pool/done", pool)
			askOne[record](p, "DELETE", "group/"+groupID, nil)
			p.blameless()
		})
	}
}

func withValue(p *party, list []record, key, value string) record {
	p.t.Helper()
	for _, r := range list {
		if r[key] == value {
			return r
		}
	}
	p.t.Fatalf("there is no record with %s %s", key, value)
	return nil
}

// TestJAVA34EnableP2P: its own way to switch p2p on, a record inside an envelope
// to POST machine, is refused by "a faithful server" (C13), and changes nothing.
func TestJAVA34EnableP2P(t *testing.T) {
	p := java(t, Config{})
	p.login("jtest", bodiless...)
	setUp(p, "pcpu0", "gpu0", "gpu1")
	m := ask[record](p, "GET", "machine", nil)[0]
	p.denied(400, "POST", "machine", record{"response": record{"data": []record{with(m, "p2p", "on")}}})
	if s := p.d.Snapshot(); len(s.Machines) != 1 || s.Machines[0].P2P {
		t.Errorf("machines: %+v", s.Machines)
	}
}

// TestKUBCancels: it cancels what it opened when something fails (3.2), and all
// that was queued is gone.
func TestKUBCancels(t *testing.T) {
	p := java(t, Config{})
	p.login("KubInt", bodiless...)
	setUp(p, "pcpu0", "gpu0")
	pool := beans(record{"grp_id": 1, "fabr_id": 1})
	ask[any](p, "POST", "pool/edit", pool)
	ask[any](p, "POST", "predevice/gpu", record{"deviceStatus": record{"name": "gpu1"}, "group": record{"grp_id": 1}})
	askOne[record](p, "POST", "pool/cancel", pool)
	m := askOne[record](p, "GET", "machine?mach_id=1", nil)
	ask[any](p, "POST", "fabric/edit", beans(m))
	ask[any](p, "DELETE", "relate/gpu", record{"groupDeviceRelator": record{"deviceStatus": record{"name": "gpu0"}, "group": record{"grp_id": 1}}, "machine": m})
	askOne[record](p, "POST", "fabric/edit/cancel", beans(m))
	s := p.d.Snapshot()
	if g0, _ := s.Device("gpu0"); g0.Machine != 1 || len(s.Sessions) != 0 {
		t.Errorf("gpu0 %+v, sessions %+v", g0, s.Sessions)
	}
	if g1, _ := s.Device("gpu1"); g1.Group != 0 {
		t.Errorf("gpu1 %+v", g1)
	}
	p.blameless()
}

// TestEveryErrorIsAnEnvelope: JAVA34 parses whatever comes, also what no route
// knows, what no method fits, and what is too large (2.0, 6.1).
func TestEveryErrorIsAnEnvelope(t *testing.T) {
	for _, api := range Eras() {
		p := meet(t, Config{API: api, MaxBody: 1000})
		p.denied(404, "GET", "nonsense/at/all", nil)
		p.denied(405, "PUT", "fabric/id", nil)
		p.denied(413, "POST", "group", strings.Repeat(" ", 2000))
		p.denied(400, "POST", "group", "{")
		p.denied(400, "DELETE", "machine/77", nil)
		var status record
		if a := p.do("GET", "//fabric//id", nil); a.status != 200 || json.Unmarshal(a.body, &status) != nil { // doubled slashes, without a redirect
			t.Errorf("%s: //fabric//id is %d", api, a.status)
		}
	}
}
