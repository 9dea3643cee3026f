package liqid

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// control makes a call to the view from behind and decodes the answer.
func control[T any](t *testing.T, d *Director, method, path, body string, want int) (out T) {
	t.Helper()
	w := httptest.NewRecorder()
	d.Control().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if w.Code != want {
		t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, want)
	}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, w.Body)
		}
	}
	return out
}

func TestControl(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0", "gpu0")
	refused(t, d, "POST", "pool/done", poolBody(1), 400)

	if s := control[Snapshot](t, d, "GET", "/state", "", 200); len(s.Machines) != 1 || s.Machines[0].Run != "off" || strings.Join(s.Groups[0].Devices, " ") != "pcpu0 gpu0" {
		t.Errorf("state = %+v", s)
	}
	if v := control[[]Violation](t, d, "GET", "/violations", "", 200); len(v) != 1 || v[0].Rule != RuleInEdit || v[0].Path != "pool/done" {
		t.Errorf("violations = %+v", v)
	}
	log := control[[]Call](t, d, "GET", "/log?after=2", "", 200)
	if len(log) == 0 || log[0].Number != 3 || log[0].Path != "predevice/compute" || log[0].Status != 200 || !strings.Contains(log[0].Body, "pcpu0") || !log[0].Changing {
		t.Errorf("log = %+v", log)
	}
	control[map[string]string](t, d, "GET", "/log?after=x", "", 400)
	counts := map[string]int{}
	for _, c := range control[[]RouteCount](t, d, "GET", "/counts", "", 200) {
		counts[c.Method+" "+c.Route] = c.Calls
	}
	if counts["POST pool/done"] != 2 || counts["POST relate/gpu"] != 1 {
		t.Errorf("counts = %v", counts)
	}

	control[any](t, d, "POST", "/faults", `["* GET group status=500","#2 POST group drop-before"]`, 200)
	refused(t, d, "GET", "group", "", 500)
	if f := control[[]FaultCount](t, d, "GET", "/faults", "", 200); len(f) != 2 || f[0].Fired != 1 || f[1].Rule.String() != "#2 POST group drop-before" {
		t.Errorf("faults = %+v", f)
	}
	if e := control[map[string]string](t, d, "POST", "/faults", `["never"]`, 400); !strings.Contains(e["error"], "cannot read fault") {
		t.Errorf("error = %v", e)
	}
	control[any](t, d, "DELETE", "/faults", "", 204)
	must[any](t, d, "GET", "group", "")

	control[any](t, d, "POST", "/device/gpu0/gone", "", 204)
	control[any](t, d, "POST", "/device/gpu0/gone", "", 409)
	control[any](t, d, "POST", "/device/gpu0/return", "", 204)
	before, _ := d.Snapshot().Device("gpu1")
	control[any](t, d, "POST", "/device/gpu1/replace", "", 204)
	after, _ := d.Snapshot().Device("gpu1")
	if before.Serial == after.Serial || before.Model != after.Model || after.Replaced != 1 {
		t.Errorf("replaced %+v by %+v", before, after)
	}
	control[any](t, d, "POST", "/device/gpu1/replace", "", 204)
	control[any](t, d, "POST", "/device/gpu1/return", "", 204)
	if back, _ := d.Snapshot().Device("gpu1"); back.Serial != after.Serial || back.Replaced != 2 {
		t.Errorf("put back is %+v, want the part before: %+v", back, after)
	}
	control[any](t, d, "POST", "/device/gpu1/return", "", 409) // the one before that is gone for good
	control[any](t, d, "POST", "/device/gpu99/gone", "", 404)
	control[any](t, d, "POST", "/device/gpu1/explode", "", 404)

	must[any](t, d, "POST", "pool/edit", poolBody(1))
	control[any](t, d, "DELETE", "/sessions", "", 204)
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	control[any](t, d, "DELETE", "/sockets", "", 204)
}

// TestControlOfTheDirector: restart, clock, rate and links from behind.
func TestControlOfTheDirector(t *testing.T) {
	d := start(t, Config{Habits: Habits{Restart: "forgets-sessions"}})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	control[any](t, d, "POST", "/restart", "", 204)
	if s := control[Snapshot](t, d, "GET", "/state", "", 200); len(s.Sessions) != 0 || len(s.Groups) != 1 {
		t.Errorf("after a restart: %+v", s)
	}
	for query, says := range map[string]string{"?down=2": "not a duration", "?down=-2s": "not from 0", "?down=2h": "not from 0"} {
		if e := control[map[string]string](t, d, "POST", "/restart"+query, "", 400); !strings.Contains(e["error"], says) {
			t.Errorf("restart%s: %v", query, e)
		}
	}

	control[any](t, d, "POST", "/clock?off=-48h", "", 204)
	must[any](t, d, "POST", "machine", machineBody(1, 1, "m"))
	s := control[Snapshot](t, d, "GET", "/state", "", 200)
	if behind := time.Since(s.Machines[0].Created); behind < 48*time.Hour || behind > 49*time.Hour {
		t.Errorf("a clock that is two days behind is %v behind", behind)
	}
	control[any](t, d, "POST", "/clock", "", 204)
	control[any](t, d, "POST", "/clock?off=soon", "", 400)
	control[any](t, d, "POST", "/clock?off=200000h", "", 400)

	control[any](t, d, "POST", "/rate?persecond=0.01", "", 204)
	must[any](t, d, "GET", "group", "")
	refused(t, d, "GET", "group", "", 429)
	control[any](t, d, "POST", "/rate?persecond=many", "", 400)
	control[any](t, d, "POST", "/rate", "", 400)
	control[any](t, d, "POST", "/rate?persecond=-1", "", 400)
	control[any](t, d, "POST", "/rate?persecond=0", "", 204)
	must[any](t, d, "GET", "group", "")

	control[any](t, d, "POST", "/device/gpu0/narrow", "", 204)
	control[any](t, d, "POST", "/device/gpu0/narrow", "", 409)
	if v, _ := control[Snapshot](t, d, "GET", "/state", "", 200).Device("gpu0"); !v.Narrow {
		t.Errorf("narrowed: %+v", v)
	}
	control[any](t, d, "POST", "/device/gpu0/return", "", 204)
	control[any](t, d, "POST", "/device/gpu0/return", "", 409)
	control[any](t, d, "POST", "/device/gpu99/narrow", "", 404)
	control[any](t, d, "POST", "/device/gpu0/use", "", 204)
	if v, _ := control[Snapshot](t, d, "GET", "/state", "", 200).Device("gpu0"); v.Narrow || !v.InUse {
		t.Errorf("in use: %+v", v)
	}
	control[any](t, d, "POST", "/device/gpu0/unuse", "", 204)

	control[any](t, d, "POST", "/faults", `["* DELETE machine/1 late=1h"]`, 200)
	refused(t, d, "DELETE", "machine/1", "", 500)
	if s := control[Snapshot](t, d, "GET", "/state", "", 200); s.Late != 1 || len(s.Machines) != 1 {
		t.Errorf("with a late effect: %+v", s)
	}
}

func TestLogIsBounded(t *testing.T) {
	d := start(t, Config{LogSize: 5})
	for range 12 {
		must[int](t, d, "GET", "fabric/id", "")
	}
	calls := d.Calls(0)
	if len(calls) != 5 || calls[0].Number != 8 || calls[4].Number != 12 || d.CallCount() != 12 {
		t.Errorf("log = %+v", calls)
	}
	for range 12 {
		refused(t, d, "DELETE", "group/1", "", 400)
	}
	if v := d.Violations(); len(v) != 5 || v[4].Call != 24 {
		t.Errorf("violations = %+v", v)
	}
}

// TestBefore: somebody else takes the session between two calls of a client.
func TestBefore(t *testing.T) {
	var d *Director
	acted := false
	d = start(t, Config{Before: func(c Call) {
		if c.Path == "pool/done" && !acted {
			acted = true
			must[any](t, d, "POST", "pool/cancel", poolBody(1))
		}
	}})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	must[any](t, d, "POST", "predevice/gpu", memberBody("gpu0", 1))
	refused(t, d, "POST", "pool/done", poolBody(1), 400)
}

// TestManyClients: clients that work side by side, on groups of their own, all
// get through, and readers always see whole states.
func TestManyClients(t *testing.T) {
	d := start(t, Config{Counts: Counts{CPUs: 8, GPUs: 16}, DataDir: t.TempDir()})
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	send := func(method, path, body string) error {
		req, err := http.NewRequest(method, server.URL+prefix+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode > 299 {
			return fmt.Errorf("%s %s: %s", method, path, r.Status)
		}
		var e envelope
		return json.NewDecoder(r.Body).Decode(&e)
	}
	var clients sync.WaitGroup
	for i := 1; i <= 8; i++ {
		clients.Go(func() {
			cpu, gpu := fmt.Sprintf("pcpu%d", i-1), fmt.Sprintf("gpu%d", i)
			machine := fmt.Sprintf(`{"mach_id":%d}`, i)
			for _, c := range [][3]string{
				{"POST", "group", groupBody(i, "g")}, {"POST", "pool/edit", poolBody(i)},
				{"POST", "predevice/compute", memberBody(cpu, i)}, {"POST", "predevice/gpu", memberBody(gpu, i)},
				{"POST", "pool/done", poolBody(i)}, {"POST", "machine", machineBody(i, i, "m")},
				{"POST", "fabric/edit", machine}, {"POST", "relate/compute", relateBody(cpu, i, i)},
				{"GET", "predevice", ""}, {"POST", "relate/gpu", relateBody(gpu, i, i)},
				{"POST", "fabric/reprogram", machine}, {"POST", "power/start", machine},
				{"GET", "machine", ""}, {"GET", "status", ""},
			} {
				if err := send(c[0], c[1], c[2]); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	clients.Wait()
	for _, m := range d.Snapshot().Machines {
		if len(m.Devices) != 2 {
			t.Errorf("machine = %+v", m)
		}
	}
	if v := d.Violations(); len(v) != 0 {
		t.Errorf("violations = %+v", v)
	}
}

// TestOneEditOfOneTarget: of many that ask at once exactly one gets it.
func TestOneEditOfOneTarget(t *testing.T) {
	d := start(t, Config{})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	var got sync.Map
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			if status, _ := call(d, "POST", "pool/edit", poolBody(1)); status == 200 {
				got.Store(i, true)
			}
		})
	}
	clients.Wait()
	n := 0
	got.Range(func(any, any) bool { n++; return true })
	if n != 1 || len(d.Violations()) != 19 {
		t.Errorf("%d clients have the edit, %d violations", n, len(d.Violations()))
	}
}
