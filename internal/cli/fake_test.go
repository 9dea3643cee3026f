package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa/api"
)

// fakeToken is the token that the fake server takes.
const fakeToken = "composa_test"

// fake is a server of two racks that speaks package api and keeps what it is
// told. How operations go depends on the name of the machine:
//
//	slow…   runs until it is cancelled, or until advance; slow-undo… is then
//	        undone until advance
//	stuck…  is held
//	broken… is undone
//	no…     is refused
//
// The others are done at once.
type fake struct {
	mu       sync.Mutex
	web      *httptest.Server
	now      time.Time
	machines map[string]*api.Machine // by name
	freed    map[string]*api.Machine // by id
	devices  []*api.Device
	pools    map[string]*api.Pool
	ops      []*api.Operation
	wishes   map[string]string
	events   []api.Event
	changed  chan struct{} // closed at each change, and made anew
	calls    []string
	down     bool
}

func newFake() *fake {
	f := &fake{
		now:      time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		machines: map[string]*api.Machine{}, freed: map[string]*api.Machine{}, pools: map[string]*api.Pool{},
		wishes: map[string]string{}, changed: make(chan struct{}),
	}
	for _, rack := range []string{"rack1", "rack2"} {
		for _, k := range []struct {
			kind, vendor, model string
			n                   int
		}{{"cpu", "Dell", "R650", 2}, {"gpu", "NVIDIA", "A100", 11}, {"ssd", "Intel", "P4510", 2}, {"nic", "Mellanox", "CX6", 2}} {
			for i := range k.n {
				place := fmt.Sprintf("%s/%s%d", rack, k.kind, i)
				f.devices = append(f.devices, &api.Device{
					ID: "dev_" + strings.NewReplacer("/", "").Replace(place), Place: place, Fabric: rack, Emulated: true, Kind: k.kind, Vendor: k.vendor, Model: k.model,
					Health: "ok", Use: "free", Free: true, Hygiene: "clean", FirstSeen: f.now, Revision: 1,
				})
			}
		}
	}
	f.web = httptest.NewServer(f.handler())
	return f
}

func (f *fake) handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, h func(*http.Request) (int, any)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			f.calls = append(f.calls, r.Method+" "+r.URL.Path)
			down := f.down
			f.mu.Unlock()
			switch {
			case down:
				answer(w, 503, problem(503, "unavailable", "the server is stopping"))
			case r.Header.Get("Authorization") != "Bearer "+fakeToken:
				answer(w, 401, problem(401, "unauthenticated", "cannot tell who asks: the token is not known"))
			default:
				status, body := h(r)
				answer(w, status, body)
			}
		})
	}
	on("GET /v1", func(*http.Request) (int, any) {
		return 200, api.Site{Version: "v0.0.0-test", Site: "site_test", Incarnation: "i1", Principal: "admin", Projects: []string{"default"}, Emulated: true, Limits: map[string]int{}, Features: []string{}, Now: f.now}
	})
	on("GET /v1/machines", f.listMachines)
	on("GET /v1/machines/{id}", f.machineByID)
	on("GET /v1/machines/{project}/{name}", f.showMachine)
	on("PUT /v1/machines/{project}/{name}", f.put)
	on("POST /v1/machines/{project}/{name}/{verb}", f.verb)
	on("GET /v1/devices", func(r *http.Request) (int, any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		var list []api.Device
		q := r.URL.Query()
		for _, d := range f.devices {
			if (q.Get("kind") == "" || d.Kind == q.Get("kind")) && (q.Get("fabric") == "" || d.Fabric == q.Get("fabric")) && (q.Get("free") == "" || fmt.Sprint(d.Free) == q.Get("free")) {
				list = append(list, *d)
			}
		}
		slices.Reverse(list) // any order will do
		return page(r, list)
	})
	on("GET /v1/devices/{fabric}/{name}", func(r *http.Request) (int, any) { return f.device(r, nil) })
	on("PATCH /v1/devices/{fabric}/{name}", func(r *http.Request) (int, any) {
		var e api.EditDevice
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			return 400, problem(400, "invalid", err.Error())
		}
		return f.device(r, &e)
	})
	on("GET /v1/available", func(r *http.Request) (int, any) {
		list := []api.Available{
			{Kind: "gpu", Model: "A100", Free: 22, All: 22, Most: 11, Fabrics: []api.AvailableThere{{Fabric: "rack1", Free: 11, All: 11}, {Fabric: "rack2", Free: 11, All: 11}}},
			{Kind: "cpu", Model: "R650", Free: 4, All: 4, Most: 2, Fabrics: []api.AvailableThere{{Fabric: "rack1", Free: 2, All: 2}, {Fabric: "rack2", Free: 2, All: 2}}},
		}
		return page(r, slices.DeleteFunc(list, func(v api.Available) bool {
			k := r.URL.Query().Get("kind")
			return k != "" && k != v.Kind
		}))
	})
	fabric := func(name string) api.Fabric {
		return api.Fabric{Name: name, Driver: "liqid", Era: "2.5", Source: "config", Access: "manage", Emulated: true, State: "ok", Seen: &f.now, Acts: []string{"make"}, Kinds: []api.Share{{Kind: "gpu", Free: 11, All: 11}}}
	}
	on("GET /v1/fabrics", func(r *http.Request) (int, any) {
		return page(r, []api.Fabric{fabric("rack2"), fabric("rack1")})
	})
	on("GET /v1/fabrics/{name}", func(r *http.Request) (int, any) {
		if n := r.PathValue("name"); n == "rack1" || n == "rack2" {
			return 200, fabric(n)
		}
		return 404, problem(404, "not_found", fmt.Sprintf("cannot find fabric %q: there is none of that name", r.PathValue("name")))
	})
	on("POST /v1/fabrics/{name}/check", func(r *http.Request) (int, any) {
		if r.URL.Query().Get("probe") == "true" {
			if r.PathValue("name") != "rack1" {
				return 409, api.Problem{Title: "Conflict", Status: 409, Code: "read_only", Detail: "cannot probe rack2: it is only observed", Next: "set access: manage for it in the server's configuration"}
			}
			return 200, api.FabricCheck{Fabric: "rack1", OK: true, Checks: []api.CheckLine{
				{Name: "answers", OK: true, Text: "liqid 2.5, emulated", Seconds: 0.02},
				{Name: "second edit", OK: true, Text: "refused", Seconds: 1.2},
			}}
		}
		ok := r.PathValue("name") == "rack1"
		text := "Liqid 2.5, emulated"
		if !ok {
			text = "no answer"
		}
		return 200, api.FabricCheck{Fabric: r.PathValue("name"), OK: ok, Checks: []api.CheckLine{{Name: "answers", OK: ok, Text: text, Seconds: 0.02}}}
	})
	on("GET /v1/fabrics/{name}/inventory", func(r *http.Request) (int, any) {
		return 200, api.Inventory{Fabric: r.PathValue("name"), Began: f.now, Complete: true,
			Machines: []api.InventoryMachine{{Native: "3", Label: "theirs", Power: "on", Devices: []string{"rack1/gpu9"}}}, Devices: []api.Device{*f.devices[0]}}
	})
	on("GET /v1/pools", func(r *http.Request) (int, any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		var list []api.Pool
		for _, p := range f.pools {
			list = append(list, *p)
		}
		return page(r, list)
	})
	on("POST /v1/pools", f.createPool)
	on("GET /v1/pools/{project}/{name}", f.pool)
	on("DELETE /v1/pools/{project}/{name}", f.pool)
	on("POST /v1/pools/{project}/{name}/{verb}", f.pool)
	on("POST /v1/plans", f.plan)
	on("GET /v1/operations", func(r *http.Request) (int, any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		list := []api.Operation{}
		for _, op := range slices.Backward(f.ops) {
			if phase := r.URL.Query().Get("phase"); (r.URL.Query().Get("open") == "" || op.EndedAt == nil) && (phase == "" || phase == op.Phase) {
				c := *op
				c.Steps = []api.Step{}
				list = append(list, c)
			}
		}
		return page(r, list)
	})
	on("GET /v1/operations/{id}", f.operation)
	on("POST /v1/operations/{id}/{verb}", f.decide)
	mux.HandleFunc("GET /v1/events", f.stream)
	return mux
}

func answer(w http.ResponseWriter, status int, body any) {
	if p, ok := body.(api.Problem); ok {
		w.Header().Set("Content-Type", "application/problem+json")
		body = p
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func problem(status int, code, detail string) api.Problem {
	return api.Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// page cuts lists into pages of two items: nobody may count on one.
func page[T any](r *http.Request, items []T) (int, any) {
	from := 0
	_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &from)
	to := min(from+2, len(items))
	out := map[string]any{"items": append([]T{}, items[from:to]...), "asOf": "2026-03-01T12:00:00Z"}
	if to < len(items) {
		out["next"] = fmt.Sprint(to)
	}
	return 200, out
}

func (f *fake) listMachines(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []api.Machine
	for _, m := range f.machines {
		key, value, _ := strings.Cut(r.URL.Query().Get("label"), "=")
		if key == "" || m.Labels[key] == value {
			list = append(list, *m)
		}
	}
	slices.SortFunc(list, func(a, b api.Machine) int { return strings.Compare(a.Name, b.Name) })
	return page(r, list)
}

func (f *fake) machineByID(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.machines {
		if m.ID == r.PathValue("id") {
			return 200, m
		}
	}
	if m := f.freed[r.PathValue("id")]; m != nil {
		return 200, m
	}
	return 404, problem(404, "not_found", fmt.Sprintf("cannot find machine %q: there is none of that id", r.PathValue("id")))
}

func noMachine(name string) (int, any) {
	return 404, problem(404, "not_found", fmt.Sprintf("cannot find machine %q: there is none of that name in project default", name))
}

func (f *fake) showMachine(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.machines[r.PathValue("name")]; m != nil {
		return 200, m
	}
	return noMachine(r.PathValue("name"))
}

func (f *fake) put(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := r.PathValue("name")
	var in api.PutMachine
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 400, problem(400, "invalid", err.Error())
	}
	wish, _ := json.Marshal(in.Wish)
	if m := f.machines[name]; m != nil {
		if f.wishes[name] != string(wish) {
			p := problem(409, "exists", fmt.Sprintf("cannot compose %q: it exists, made by admin, with another wish (gpu: 2 instead of 1)", name))
			p.Next = "change it: composa reshape " + name + " --gpu 2"
			return 409, p
		}
		return 200, m
	}
	if strings.HasPrefix(name, "no") {
		p := problem(409, "refused", fmt.Sprintf("cannot compose %q: no fabric has 64 free gpu devices; the most is 11, in rack1", name))
		p.Refusal = &api.Explanation{Text: "no fabric has 64 free gpu devices", Lines: []string{
			"rack1: 11 of 12 gpu left for 64 wanted (1 claimed)", "rack2: silent since 2026-03-01T11:00:00Z", "fits now: --fabric rack1 --cpu 1 --gpu 11"}, Fabrics: []api.FabricAccount{
			{Fabric: "rack1", Entries: []api.EntryAccount{{Entry: "cpu", Kind: "cpu", Wanted: 1, Had: 2, Left: 2}, {Entry: "gpu", Kind: "gpu", Wanted: 64, Had: 12, Left: 11, Lost: []api.Removed{{Condition: "claimed", Count: 1}}}}},
			{Fabric: "rack2", Reason: "silent since 2026-03-01T11:00:00Z"}}, Nearest: &api.Nearest{Fabric: "rack1", Counts: map[string]int{"gpu": 11, "cpu": 1}, Text: "the nearest that fits now is 1 cpu, 11 gpu, on rack1", Write: "--fabric rack1 --cpu 1 --gpu 11"}}
		p.Next = p.Refusal.Nearest.Text // which the lines say
		return 409, p
	}
	m := &api.Machine{ID: "mach_" + name, Project: "default", Name: name, Owner: "admin", State: "composing", Fabric: "rack1", Emulated: true, Wish: in.Wish,
		Power: "on", Reach: "no address", Labels: in.Labels, CreatedAt: f.now, UpdatedAt: f.now, Revision: 1}
	if !slices.ContainsFunc(in.Devices, func(w api.Want) bool { return w.Kind == "cpu" }) {
		in.Devices = append([]api.Want{{Kind: "cpu", Count: 1}}, in.Devices...)
	}
	for _, w := range in.Devices {
		f.attach(m, w)
	}
	f.machines[name], f.wishes[name] = m, string(wish)
	return 202, f.begin("compose", in.Message, m)
}

// attach gives a machine free devices of rack1.
func (f *fake) attach(m *api.Machine, w api.Want) {
	left := w.Count
	for _, d := range f.devices {
		named := slices.Contains(w.IDs, d.Place)
		if d.Use == "free" && d.Kind == w.Kind && d.Fabric == m.Fabric && left > 0 && (named || len(w.IDs) == 0) {
			d.Use, d.Free, d.Machine, left = "attached", false, m.Name, left-1
			m.Devices = append(m.Devices, api.MachineDevice{Place: d.Place, ID: d.ID, Kind: d.Kind, Model: d.Model, State: "attached"})
			if d.Address != "" {
				m.Address, m.Login = d.Address, d.Login
			}
		}
	}
}

// begin makes the operation of a verb, and carries it out as far as the name of
// the machine says.
func (f *fake) begin(verb, message string, machines ...*api.Machine) *api.Operation {
	op := &api.Operation{ID: fmt.Sprintf("op_%d", len(f.ops)+1), Verb: verb, Phase: "running", Direction: "forward", Project: "default", Principal: "admin", Message: message,
		Fabric: "rack1", Emulated: true, Typical: 14, CreatedAt: f.now, StartedAt: &f.now, Revision: 1,
		Steps: []api.Step{{Generation: 1, Ordinal: 1, Act: "make", Text: "make the machine", State: "running", Attempt: 1, BeganAt: &f.now}, {Generation: 1, Ordinal: 2, Act: "reshape", Text: "attach devices", State: "planned"}}}
	for _, m := range machines {
		op.Machines = append(op.Machines, api.OperationMachine{ID: m.ID, Name: m.Name})
		m.Operation = op.ID
	}
	f.ops = append(f.ops, op)
	f.tell(op)
	answer := *op
	switch name := machines[0].Name; {
	case strings.HasPrefix(name, "slow"):
	case strings.HasPrefix(name, "stuck"):
		op.Phase, op.Reason = "held", "undoing failed too"
		op.Result = &api.Result{Code: "held", Text: fmt.Sprintf("cannot %s %q: rack1 answers nothing it understands", verb, name), Where: []string{"rack1/gpu0 is in the machine"}, Ways: []string{"retry", "undo"}}
		f.tell(op)
	case strings.HasPrefix(name, "broken"):
		f.end(op, "undone", &api.Result{Code: "failed", Text: fmt.Sprintf("cannot %s %q: rack1 could not make it", verb, name)})
	default:
		f.end(op, "done", &api.Result{Text: "done"})
	}
	return &answer
}

func (f *fake) tell(op *api.Operation) {
	op.Revision++
	f.events = append(f.events, api.Event{ID: fmt.Sprintf("i1-%d", len(f.events)+1), At: f.now, Type: "operation." + op.Phase, Subject: op.ID, Principal: "admin", Revision: op.Revision})
	close(f.changed)
	f.changed = make(chan struct{})
}

// end ends an operation and does what it was for.
func (f *fake) end(op *api.Operation, phase string, result *api.Result) {
	end := f.now.Add(12 * time.Second)
	op.Phase, op.Result, op.EndedAt = phase, result, &end
	for i := range op.Steps {
		if phase == "done" {
			op.Steps[i].State, op.Steps[i].BeganAt, op.Steps[i].EndedAt = "done", &f.now, &end
		}
	}
	for _, om := range op.Machines {
		m := f.machines[om.Name]
		if m == nil {
			continue
		}
		m.Operation = ""
		switch {
		case phase == "done" && op.Verb == "free", phase != "done" && op.Verb == "compose":
			m.State, m.FreedAt = "freed", &end
			for _, d := range f.devices {
				if d.Machine == m.Name {
					d.Use, d.Free, d.Machine = "free", true, ""
				}
			}
			f.freed[m.ID] = m
			delete(f.machines, m.Name)
		default:
			m.State = "ready"
		}
	}
	f.tell(op)
}

// advance lets a running operation end.
func (f *fake) advance() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, op := range f.ops {
		if op.EndedAt == nil {
			f.end(op, "done", &api.Result{Text: "done"})
		}
	}
}

func (f *fake) verb(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.machines[r.PathValue("name")]
	if m == nil {
		return noMachine(r.PathValue("name"))
	}
	var in struct {
		Devices []api.Want
		IDs     []string
		Counts  map[string]int
		Totals  map[string]int
		To      string
		Message string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 400, problem(400, "invalid", err.Error())
	}
	machines := []*api.Machine{m}
	switch r.PathValue("verb") {
	case "free":
		m.State = "freeing"
	case "plug":
		for _, w := range in.Devices {
			f.attach(m, w)
		}
	case "unplug":
		for _, id := range in.IDs {
			i := slices.IndexFunc(m.Devices, func(d api.MachineDevice) bool { return d.Place == id })
			if i < 0 {
				return 409, problem(409, "conflict", fmt.Sprintf("cannot unplug %q: %s is not in it", m.Name, id))
			}
			m.Devices = slices.Delete(m.Devices, i, i+1)
		}
	case "reshape":
		if in.Totals["gpu"] == countKind(m, "gpu") {
			return 200, m
		}
		f.attach(m, api.Want{Kind: "gpu", Count: in.Totals["gpu"] - countKind(m, "gpu")})
	case "move":
		to := f.machines[in.To]
		if to == nil {
			return noMachine(in.To)
		}
		machines = append(machines, to)
	}
	return 202, f.begin(r.PathValue("verb"), in.Message, machines...)
}

func countKind(m *api.Machine, kind string) int {
	n := 0
	for _, d := range m.Devices {
		if d.Kind == kind {
			n++
		}
	}
	return n
}

func (f *fake) device(r *http.Request, e *api.EditDevice) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	place := r.PathValue("fabric") + "/" + r.PathValue("name")
	for _, d := range f.devices {
		if d.Place != place {
			continue
		}
		if e != nil && e.Address != nil {
			d.Address = *e.Address
		}
		if e != nil && e.Login != nil {
			d.Login = *e.Login
		}
		if e != nil && e.Cordon != nil {
			d.Cordon = nil
			if *e.Cordon != "" {
				d.Cordon = &api.Cordon{Reason: *e.Cordon, By: "admin", At: f.now}
			}
		}
		return 200, d
	}
	return 404, problem(404, "not_found", fmt.Sprintf("cannot find device %q: rack1 shows none of that name", place))
}

func (f *fake) createPool(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in api.NewPool
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 400, problem(400, "invalid", err.Error())
	}
	p := &api.Pool{ID: "pool_" + in.Name, Project: in.Project, Name: in.Name, Most: in.Most, Devices: append([]string{}, in.IDs...), Free: len(in.IDs), Owner: "admin", CreatedAt: f.now, Revision: 1}
	f.pools[in.Name] = p
	return 201, p
}

func (f *fake) pool(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pools[r.PathValue("name")]
	if p == nil {
		return 404, problem(404, "not_found", fmt.Sprintf("cannot find pool %q: there is none of that name in project default", r.PathValue("name")))
	}
	var in api.PoolDevices
	switch r.PathValue("verb") {
	case "add":
		_ = json.NewDecoder(r.Body).Decode(&in)
		p.Devices = append(p.Devices, in.IDs...)
	case "remove":
		_ = json.NewDecoder(r.Body).Decode(&in)
		p.Devices = slices.DeleteFunc(p.Devices, func(d string) bool { return slices.Contains(in.IDs, d) })
	}
	if r.Method == http.MethodDelete {
		if len(p.Devices) > 0 {
			return 409, problem(409, "conflict", fmt.Sprintf("cannot remove pool %q: it holds %d devices", p.Name, len(p.Devices)))
		}
		delete(f.pools, p.Name)
	}
	p.Free = len(p.Devices)
	return 200, p
}

func (f *fake) plan(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in api.NewPlan
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return 400, problem(400, "invalid", err.Error())
	}
	p := api.Plan{ID: "plan_1", Verb: in.Verb, Project: in.Project, Machine: in.Machine, Fabric: "rack1", Emulated: true, Devices: []api.MachineDevice{}, Disturbs: []string{}, CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour), Typical: 14}
	if in.Verb == "compose" {
		p.Steps = []api.Step{{Ordinal: 1, Act: "make", Text: "make " + in.Machine}, {Ordinal: 2, Act: "reshape", Text: "attach rack1/gpu0 to " + in.Machine}}
		p.Devices = []api.MachineDevice{{Place: "rack1/gpu0", Kind: "gpu", Model: "A100"}, {Place: "rack1/cpu0", Kind: "cpu", Model: "R650"}}
		p.Why = []string{"rack1 keeps the most left"}
		return 200, p
	}
	if f.machines[in.Machine] == nil {
		return noMachine(in.Machine)
	}
	p.Steps = []api.Step{{Ordinal: 1, Act: "power", Text: "power off " + in.Machine, Disturbs: []string{"power"}}, {Ordinal: 2, Act: "remove", Text: "remove " + in.Machine}}
	p.Disturbs = []string{"power"}
	if in.Verb == "reshape" {
		p.Disturbs = []string{}
	}
	return 200, p
}

func (f *fake) find(id string) *api.Operation {
	for _, op := range f.ops {
		if op.ID == id {
			return op
		}
	}
	return nil
}

func (f *fake) operation(r *http.Request) (int, any) {
	for {
		f.mu.Lock()
		op, changed := f.find(r.PathValue("id")), f.changed
		if op == nil {
			f.mu.Unlock()
			return 404, problem(404, "not_found", fmt.Sprintf("cannot find operation %q: there is none of that id", r.PathValue("id")))
		}
		c := *op
		c.Steps = slices.Clone(op.Steps)
		f.mu.Unlock()
		newer, _ := strconv.ParseInt(r.URL.Query().Get("newer"), 10, 64) // 0: not asked for
		if r.URL.Query().Get("wait") == "" || newer > 0 && c.Revision > newer || c.EndedAt != nil || c.Phase == "held" {
			return 200, c
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return 503, problem(503, "unavailable", "gone")
		}
	}
}

func (f *fake) decide(r *http.Request) (int, any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := f.find(r.PathValue("id"))
	if op == nil {
		return 404, problem(404, "not_found", fmt.Sprintf("cannot find operation %q: there is none of that id", r.PathValue("id")))
	}
	switch verb := r.PathValue("verb"); {
	case op.EndedAt != nil:
	case verb == "cancel" && strings.HasPrefix(op.Machines[0].Name, "slow-undo"):
		op.CancelRequested, op.Phase, op.Direction = true, "undoing", "undo"
		f.tell(op)
	case verb == "cancel":
		op.CancelRequested = true
		f.end(op, "cancelled", &api.Result{Code: "cancelled", Text: fmt.Sprintf("cannot %s %q: it was cancelled", op.Verb, op.Machines[0].Name)})
	case verb == "retry":
		f.end(op, "done", nil)
	case verb == "resolve":
		f.end(op, "done", &api.Result{Text: `resolved: "stuck" stays as rack1 shows it`, Where: []string{"rack1/gpu0 is in it too"}})
	case verb == "undo":
		f.end(op, "undone", &api.Result{Code: "failed", Text: "undone as asked"})
	}
	return 200, op
}

// stream answers events: a page, or those to come.
func (f *fake) stream(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("follow") == "" {
		f.mu.Lock()
		events := slices.DeleteFunc(slices.Clone(f.events), func(e api.Event) bool { return q.Get("subject") != "" && q.Get("subject") != e.Subject })
		f.mu.Unlock()
		status, body := page(r, events)
		answer(w, status, body)
		return
	}
	f.mu.Lock()
	next := len(f.events)
	f.mu.Unlock()
	if _, err := fmt.Sscanf(q.Get("after"), "i1-%d", &next); err != nil && q.Get("after") != "" {
		answer(w, 400, problem(400, "invalid", "no such event"))
		return
	}
	w.WriteHeader(200)
	enc := json.NewEncoder(w)
	for {
		w.(http.Flusher).Flush()
		f.mu.Lock()
		changed, more := f.changed, f.events[next:]
		next = len(f.events)
		f.mu.Unlock()
		for _, e := range more {
			if s := q.Get("subject"); s == "" || s == e.Subject {
				_ = enc.Encode(e)
			}
		}
		if len(more) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
