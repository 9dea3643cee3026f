package liqid

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// SEED is the original Composastructure: liqid-api.md 2.17, 3.2 to 3.7, 5.2 and
// 6.3. It speaks to directors of 2.x, sends whole records back, reads no error
// bodies and looks at no status but 2xx.

const axiosJSON = "application/json;charset=utf-8"

func seed(t *testing.T, c Config) *party {
	p := meet(t, c)
	p.header.Set("Accept", "application/json, text/plain, */*")
	p.header.Set("User-Agent", "axios/0.19.2")
	return p
}

// both runs a test on both eras that SEED knows.
func both(t *testing.T, test func(*testing.T, string)) {
	for _, api := range []string{"2.4", "2.5"} {
		t.Run(api, func(t *testing.T) { test(t, api) })
	}
}

// TestSEEDPing: "fabric/id answered well under 3 ms, whole reply in one write".
func TestSEEDPing(t *testing.T) {
	both(t, func(t *testing.T, api string) {
		p := seed(t, Config{API: api})
		askOne[int](p, "GET", "fabric/id", nil) // the connection is open from here on
		const pings = 60
		fastest := time.Hour
		before := p.writes.n.Load()
		for range pings {
			began := time.Now()
			askOne[int](p, "GET", "fabric/id", nil)
			fastest = min(fastest, time.Since(began))
		}
		if wrote := p.writes.n.Load() - before; wrote != pings {
			t.Errorf("%d answers left in %d writes", pings, wrote)
		}
		if fastest > 3*time.Millisecond {
			t.Errorf("the fastest of %d answers took %v", pings, fastest)
		}
	})
}

// seedStart is the start of one observer: "fabric/id, group, machine, predevice,
// status, fabric/id, manager/network/ipmi/cpu, (controller: fabric/id), WebSocket".
func seedStart(p *party) *frames {
	p.t.Helper()
	askOne[int](p, "GET", "fabric/id", nil)
	ask[record](p, "GET", "group", nil)
	ask[record](p, "GET", "machine", nil)
	ask[record](p, "GET", "predevice", nil)
	ask[record](p, "GET", "status", nil)
	askOne[int](p, "GET", "fabric/id", nil)
	for _, v := range ask[record](p, "GET", "manager/network/ipmi/cpu", nil) { // "present (may be [])"
		if v["cpu_name"] == "" || v["ip_address"] == "" {
			p.t.Errorf("ipmi: %v", v)
		}
	}
	askOne[int](p, "GET", "fabric/id", nil)
	f := openSocket(p, eventPath)
	f.send("CONNECT\naccept-version:1.1,1.0\nheart-beat:10000,10000\n\n\x00")
	if c := f.frame(); c.command != "CONNECTED" || c.header["version"] != "1.1" || c.header["heart-beat"] == "" {
		p.t.Fatalf("CONNECT was answered %+v", c)
	}
	for _, s := range [][2]string{{"group-data-socket", "/data/group"}, {"machine-socket", "/data/machine"}, {"predevice-socket", "/data/predevice"}} {
		f.send("SUBSCRIBE\nid:" + s[0] + "\ndestination:" + s[1] + "\n\n\x00")
	}
	return f
}

// TestSEEDStart: "its REST front end opens two observers per system (two
// sockets, two start sequences)".
func TestSEEDStart(t *testing.T) {
	both(t, func(t *testing.T, api string) {
		p := seed(t, Config{API: api})
		first, second := seedStart(p), seedStart(p)
		for _, f := range []*frames{first, second} {
			f.until("predevice-socket", func(list []record) bool { return len(list) == 0 })
		}
		if n := p.d.Snapshot().Sockets; n != 2 {
			t.Errorf("%d sockets are open", n)
		}
		p.blameless()
	})
}

// TestSEEDPush: "STOMP rules of 2.17; push full arrays after each change", on
// every path that the socket ever had.
func TestSEEDPush(t *testing.T) {
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		for _, path := range []string{eventPath, eventPathOld} {
			t.Run(version+path, func(t *testing.T) {
				p := seed(t, Config{HeartBeat: 20 * time.Millisecond})
				f := openSocket(p, path)
				f.send("CONNECT\naccept-version:" + version + "\nheart-beat:0,20\n\n\x00")
				c := f.frame()
				if c.command != "CONNECTED" || c.header["version"] != version || c.header["heart-beat"] != "20,20" {
					t.Fatalf("CONNECT was answered %+v", c)
				}
				f.send("SUBSCRIBE\nid:g\ndestination:/data/group\n\n\x00SUBSCRIBE\nid:d\ndestination:/data/device\n\n\x00")
				f.until("d", func(list []record) bool { return len(list) == len(p.d.Snapshot().Devices) })
				for i := 1; i <= 3; i++ { // a full snapshot each time
					ask[any](p, "POST", "group", record{"fabr_id": 1, "grp_id": i, "group_name": fmt.Sprint("g", i), "pod_id": -1})
					f.until("g", func(list []record) bool { return len(list) == i })
				}
				ask[any](p, "DELETE", "group/2", nil)
				f.until("g", func(list []record) bool { return len(list) == 2 && list[1]["grp_id"] == 3.0 })
				f.beat()
				f.send("DISCONNECT\n\n\x00")
				f.closed()
			})
		}
	}
}

// TestSEEDHeartBeats: both ways. One that has promised to send and does not is
// cut off; one that does stays.
func TestSEEDHeartBeats(t *testing.T) {
	for _, alive := range []bool{true, false} {
		t.Run(fmt.Sprint("alive=", alive), func(t *testing.T) {
			t.Parallel() // it waits
			p := seed(t, Config{HeartBeat: 300 * time.Millisecond})
			f := openSocket(p, eventPath)
			f.send("CONNECT\naccept-version:1.1,1.0\nheart-beat:300,300\n\n\x00")
			f.frame()
			if !alive {
				f.closed()
				return
			}
			for range 4 { // four of its beats are longer than it is patient
				f.beat()
				f.send("\n")
			}
			f.send("SUBSCRIBE\nid:g\ndestination:/data/group\n\n\x00")
			f.until("g", func(list []record) bool { return len(list) == 0 })
		})
	}
}

// TestSEEDLargeFrames: thousands of devices are one whole frame in one message.
func TestSEEDLargeFrames(t *testing.T) {
	p := seed(t, Config{Counts: Counts{CPUs: 100, GPUs: 2000, SSDs: 1000}})
	f := openSocket(p, eventPath)
	f.send("CONNECT\naccept-version:1.1,1.0\nheart-beat:0,0\n\n\x00")
	f.frame()
	f.send("SUBSCRIBE\nid:device-data-socket\ndestination:/data/device\n\n\x00")
	f.until("device-data-socket", func(list []record) bool { return len(list) == 3100 })
	if f.largest < 1<<20 {
		t.Errorf("3,100 devices in %d bytes", f.largest)
	}
}

// TestSEEDRecords holds what its caches read: "predevice without query lists
// only devices in groups; mach_id n/a or decimal string", "status items carry
// type, name, location, lanes; SSD/Optane naming", "connection_history lists the
// attached devices by name", "system/device/info/{cls}/{name} bare object".
func TestSEEDRecords(t *testing.T) {
	both(t, func(t *testing.T, api string) {
		p := seed(t, Config{API: api})
		compose(t, p.d, "pcpu1", "gpu2", "ssd0", "scm0", "link0", "fpga0")
		must[any](t, p.d, "POST", "pool/edit", poolBody(1))
		must[any](t, p.d, "POST", "predevice/gpu", memberBody("gpu3", 1))
		must[any](t, p.d, "POST", "pool/done", poolBody(1))
		members := ask[record](p, "GET", "predevice", nil)
		if len(members) != 7 {
			t.Errorf("%d members", len(members))
		}
		for _, m := range members {
			want := "1"
			if m["name"] == "gpu3" {
				want = "n/a"
			}
			if m["mach_id"] != want || m["grp_id"] != 1.0 {
				t.Errorf("member %v", m)
			}
		}
		for _, d := range ask[record](p, "GET", "status", nil) {
			name := d["name"].(string)
			kind, known := map[string]string{
				"pcp": "ComputeDeviceStatus", "gpu": "GpuDeviceStatus", "ssd": "SsdDeviceStatus", "scm": "SsdDeviceStatus",
				"lin": "LinkDeviceStatus", "fpg": "FpgaDeviceStatus",
			}[name[:3]]
			if !known || d["type"] != kind || d["location"] == nil || d["lanes"] == nil {
				t.Errorf("status of %s: %v", name, d)
			}
			class := map[string]string{"pcp": "cpu", "gpu": "gpu", "ssd": "ssd", "scm": "ssd", "lin": "link", "fpg": "fpga"}[name[:3]]
			var info record
			if a := p.do("GET", "system/device/info/"+class+"/"+name, nil); a.status != 200 || json.Unmarshal(a.body, &info) != nil || info["name"] != name || info["response"] != nil {
				t.Errorf("info of %s: %d %s", name, a.status, a.body)
			}
		}
		m := askOne[record](p, "GET", "machine", nil)
		var attached []string
		for _, h := range m["connection_history"].([]any) {
			attached = append(attached, h.(record)["name"].(string))
		}
		slices.Sort(attached)
		if strings.Join(attached, " ") != "fpga0 gpu2 link0 pcpu1 scm0 ssd0" {
			t.Errorf("history: %v", attached)
		}
		p.blameless()
	})
}

// seedMove takes devices into a group as SEED does: the target's session first, then
// every source's, with the coordinates of the first device that moves.
func seedMove(p *party, target record, sources map[int]record, devices ...string) {
	p.t.Helper()
	all := ask[record](p, "GET", "status", nil)
	at := named(p, all, devices[0])["location"]
	pool := func(g record) record {
		return record{"coordinates": at, "fabr_id": g["fabr_id"], "grp_id": g["grp_id"]}
	}
	sent := []string{"Content-Type", axiosJSON}
	ask[any](p, "POST", "pool/edit", pool(target), sent...)
	members := ask[record](p, "GET", "predevice", nil)
	for _, g := range sources {
		ask[any](p, "POST", "pool/edit", pool(g), sent...)
	}
	for _, name := range devices {
		for _, m := range members {
			if m["name"] == name {
				ask[any](p, "DELETE", "predevice/"+classOf(name), record{"deviceStatus": named(p, all, name), "group": sources[int(m["grp_id"].(float64))]}, sent...)
			}
		}
	}
	for _, g := range sources {
		ask[any](p, "POST", "pool/done", pool(g), sent...)
	}
	for _, name := range devices {
		ask[any](p, "POST", "predevice/"+classOf(name), record{"deviceStatus": named(p, all, name), "group": target}, sent...)
	}
	ask[any](p, "POST", "pool/done", pool(target), sent...)
}

// TestSEEDComposeAndDecompose walks compose (3.2, 3.3), hot-add (3.4), hot-remove
// (3.5), p2p (3.7) and decompose (3.6): "several groups in edit at once; adding a
// device that has been removed-and-done from its source while the target is in edit".
func TestSEEDComposeAndDecompose(t *testing.T) {
	both(t, func(t *testing.T, api string) {
		p := seed(t, Config{API: api})
		sent := []string{"Content-Type", axiosJSON}
		newGroup := func(name string) record {
			id := askOne[int](p, "GET", "group/nextid", nil)
			return askOne[record](p, "POST", "group", record{"grp_id": id, "group_name": name, "fabr_id": askOne[int](p, "GET", "fabric/id", nil), "pod_id": -1}, sent...)
		}
		source, target := newGroup("UngroupedGroup"), newGroup("work")
		seedMove(p, source, nil, "gpu0", "gpu1")
		seedMove(p, target, map[int]record{1: source}, "pcpu0", "gpu0", "ssd0")

		id := askOne[string](p, "GET", "machine/nextid", nil) // text
		m := askOne[record](p, "POST", "machine", record{
			"fabr_gid": "-1", "fabr_id": 1, "grp_id": target["grp_id"], "index": -1, "mach_id": id, "mach_name": "box",
			"mtime": 0, "p2p": "off", "port_gid": "", "swit_gid": "", "connection_history": []any{},
		}, sent...)
		relate := func(method, name string) {
			t.Helper()
			device := named(p, ask[record](p, "GET", "status", nil), name)
			ask[any](p, method, "relate/"+classOf(name), record{"groupDeviceRelator": record{"deviceStatus": device, "group": target}, "machine": m}, sent...)
		}
		edit := func(change func()) {
			t.Helper()
			ask[any](p, "POST", "fabric/edit", m, sent...)
			change()
			ask[any](p, "POST", "fabric/reprogram", m, sent...)
		}
		holds := func(want ...string) {
			t.Helper()
			var got []string
			for _, v := range ask[record](p, "GET", "predevice", nil) { // what it judges by, 2 s later
				if v["mach_id"] == id {
					got = append(got, v["name"].(string))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("the machine holds %v, want %v", got, want)
			}
		}
		edit(func() { relate("POST", "pcpu0"); relate("POST", "gpu0"); relate("POST", "ssd0") })
		holds("gpu0", "pcpu0", "ssd0")

		seedMove(p, target, map[int]record{1: source}, "gpu1")
		edit(func() { relate("POST", "gpu1") })
		holds("gpu0", "gpu1", "pcpu0", "ssd0")
		edit(func() { relate("DELETE", "gpu0") })
		holds("gpu1", "pcpu0", "ssd0")

		for _, to := range []string{"on", "off", "on"} {
			now := askOne[record](p, "GET", "machine?mach_id="+id, nil)
			if got := askOne[record](p, "POST", "machine/p2p", with(now, "p2p", to), sent...); got["p2p"] != to {
				t.Errorf("p2p is %v, asked for %s", got["p2p"], to)
			}
		}

		history := askOne[record](p, "GET", "machine", nil)["connection_history"].([]any)
		ask[any](p, "DELETE", "machine/"+id, nil)
		pool := record{"coordinates": record{"rack": 0, "shelf": 0, "node": 1}, "fabr_id": 1, "grp_id": target["grp_id"]}
		ask[any](p, "POST", "pool/edit", pool, sent...)
		for _, h := range history { // all of it, detached or not (C5)
			name := h.(record)["name"].(string)
			ask[any](p, "DELETE", "predevice/"+classOf(name), record{"deviceStatus": named(p, ask[record](p, "GET", "status", nil), name), "group": target}, sent...)
		}
		ask[any](p, "POST", "pool/done", pool, sent...)
		for _, name := range []string{"pcpu0", "gpu1", "ssd0"} {
			if v, _ := p.d.Snapshot().Device(name); v.Group != 0 {
				t.Errorf("%s is still in group %d", name, v.Group)
			}
		}
		p.blameless()
	})
}

// TestSEEDRemovesCPUByQuery: "DELETE relate/compute with query JSON: reject
// (faithful)": it has no body, and the machine stays in edit.
func TestSEEDRemovesCPUByQuery(t *testing.T) {
	both(t, func(t *testing.T, api string) {
		p := seed(t, Config{API: api})
		compose(t, p.d, "pcpu0", "gpu0")
		m := askOne[record](p, "GET", "machine", nil)
		ask[any](p, "POST", "fabric/edit", m)
		query := url.Values{}
		for name, v := range map[string]any{
			"groupDeviceRelator": record{"deviceStatus": named(p, ask[record](p, "GET", "status", nil), "pcpu0"), "group": askOne[record](p, "GET", "group", nil)},
			"machine":            m,
		} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			query.Set(name, string(text))
		}
		p.denied(400, "DELETE", "relate/compute?"+query.Encode(), nil)
		if s := p.d.Snapshot(); len(s.Sessions) != 1 || len(s.Machines[0].Devices) != 2 {
			t.Errorf("sessions %+v, devices %v", s.Sessions, s.Machines[0].Devices)
		}
	})
}

// TestSEEDErasDiffer holds the calls that only one of its eras has (6.2).
func TestSEEDErasDiffer(t *testing.T) {
	for _, tt := range []struct {
		api     string
		there   []string
		missing []string
	}{
		{"2.4", []string{"GET assignment", "GET bimg", "GET node/status/pcpu0", "GET state/1", "GET state/flags", "POST fabric/cancel", "POST reset"}, []string{"GET digest", "GET device/info/gpu", "GET coordinates", "GET status/mem", "GET image/boot"}},
		{"2.5", []string{"GET coordinates", "GET image/boot", "GET state", "GET state/degraded", "POST fabric/edit/cancel", "GET deployment"}, []string{"POST fabric/cancel", "GET digest", "GET device/info/gpu", "GET status/mem", "GET assignment", "POST reset"}},
	} {
		p := seed(t, Config{API: tt.api})
		for _, c := range tt.missing {
			method, path, _ := strings.Cut(c, " ")
			p.denied(404, method, path, nil)
		}
		for _, c := range tt.there {
			method, path, _ := strings.Cut(c, " ")
			if a := p.do(method, path, nil); a.status == 404 || a.status == 405 {
				t.Errorf("%s: %s is %d", tt.api, c, a.status)
			}
		}
	}
}
