package rest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
)

// A change by id is about that machine, and about no other that has its name by
// now.
func TestAChangeByIDMeansThatMachine(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	zero := 0
	first := must(w.client.PutMachine(t.Context(), "default", "train", wish(1), time.Minute)).Machine
	if got := w.ask("POST", "/v1/machines/default/"+first.ID+"/plug?wait=60", `{"devices": [{"kind": "gpu", "count": 1}]}`); got.status != http.StatusOK {
		t.Fatalf("plug by id: %d: %s", got.status, got.body)
	}
	key := "Idempotency-Key: free-1"
	if got := w.ask("POST", "/v1/machines/default/"+first.ID+"/free?wait=60", `{"grace": 0}`, key); got.status != http.StatusOK {
		t.Fatalf("free by id: %d: %s", got.status, got.body)
	}
	second := must(w.client.PutMachine(t.Context(), "default", "train", wish(1), time.Minute)).Machine
	if second.ID == first.ID {
		t.Fatalf("the machine made anew is %s again", second.ID)
	}
	for verb, body := range map[string]string{
		"plug": `{"devices": [{"kind": "gpu", "count": 1}]}`, "unplug": `{"counts": {"gpu": 1}}`,
		"reshape": `{"totals": {"gpu": 2}}`, "move": `{"ids": ["rack1/gpu0"], "to": "other"}`, "free": `{"grace": 0}`,
	} {
		got := w.ask("POST", "/v1/machines/default/"+first.ID+"/"+verb, body)
		if p := got.problem(t); got.status != http.StatusNotFound || p.Code != "not_found" {
			t.Errorf("%s of the one that was freed: %d: %s", verb, got.status, got.body)
		}
	}
	if got := w.ask("POST", "/v1/machines/default/"+first.ID+"/free?wait=60", `{"grace": 0}`, key); got.status != http.StatusOK || got.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the freeing again with its key: %d: %s", got.status, got.body)
	}
	plan := `{"verb": "plug", "machine": "` + first.ID + `", "plug": {"devices": [{"kind": "gpu", "count": 1}]}}`
	if got := w.ask("POST", "/v1/plans", plan); got.status != http.StatusNotFound {
		t.Errorf("a plan for the one that was freed: %d: %s", got.status, got.body)
	}
	if m := must(w.client.Machine(t.Context(), "default", "train")); m.ID != second.ID || m.Revision != second.Revision {
		t.Errorf("the new one is %+v, was %+v", m, second)
	}
	if p := must(w.client.Plan(t.Context(), api.NewPlan{Verb: "free", Machine: second.ID, Free: &api.FreeMachine{Grace: &zero}})); p.Machine != "train" {
		t.Errorf("a plan by id is about %q", p.Machine)
	}
}

// A move to an id gives the devices to that machine, and to no other that has
// its name by now; so does a plan of one.
func TestAMoveToAnIDMeansThatMachine(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	compose := func(name string, gpus int) *api.Machine {
		return must(w.client.PutMachine(t.Context(), "default", name, wish(gpus), time.Minute)).Machine
	}
	free := func(id string) {
		if got := w.ask("POST", "/v1/machines/default/"+id+"/free?wait=60", `{"grace": 0}`); got.status != http.StatusOK {
			t.Fatalf("free %s: %d: %s", id, got.status, got.body)
		}
	}
	from, gone := compose("train", 2), compose("render", 1)
	free(gone.ID)
	named := compose("render", 1)
	gpu := from.Devices[slices.IndexFunc(from.Devices, func(d api.MachineDevice) bool { return d.Kind == "gpu" })].Place
	move := func(to string) string { return `{"ids": ["` + gpu + `"], "to": "` + to + `"}` }
	plan := func(to string) string { return `{"verb": "move", "machine": "train", "move": ` + move(to) + `}` }
	for path, body := range map[string]string{"/v1/machines/default/train/move": move(gone.ID), "/v1/plans": plan(gone.ID)} {
		if got := w.ask("POST", path, body); got.status != http.StatusNotFound || !strings.Contains(got.problem(t).Detail, "it was freed at") {
			t.Errorf("%s to the one that was freed: %d: %s", path, got.status, got.body)
		}
	}
	if got := w.ask("POST", "/v1/plans", plan(named.ID)); got.status != http.StatusCreated {
		t.Errorf("a plan by id: %d: %s", got.status, got.body)
	}
	if got := w.ask("POST", "/v1/machines/default/train/move?wait=60", move(named.ID)); got.status != http.StatusOK {
		t.Fatalf("move by id: %d: %s", got.status, got.body)
	}
	now := must(w.client.MachineByID(t.Context(), named.ID))
	if !slices.ContainsFunc(now.Devices, func(d api.MachineDevice) bool { return d.Place == gpu }) {
		t.Errorf("%s is not in %s: %+v", gpu, named.ID, now.Devices)
	}
}

// Who began to make a machine can be told from who joined, without waiting for
// the end.
func TestWhoBeganAMakingIsTold(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	const path, body = "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 1}]}`
	id := ""
	for i, tt := range []struct{ key, made string }{{"Idempotency-Key: a", "true"}, {"", ""}, {"Idempotency-Key: b", ""}, {"Idempotency-Key: a", "true"}} {
		var headers []string
		if tt.key != "" {
			headers = append(headers, tt.key)
		}
		got := w.ask("PUT", path, body, headers...)
		if got.status != http.StatusAccepted || got.header.Get("Composa-Made") != tt.made {
			t.Errorf("call %d: %d, Composa-Made is %q, want %q", i+1, got.status, got.header.Get("Composa-Made"), tt.made)
		}
		var op api.Operation
		if err := json.Unmarshal([]byte(got.body), &op); err != nil || op.ID == "" || id != "" && op.ID != id {
			t.Errorf("call %d: %s, want operation %s", i+1, got.body, id)
		}
		id = op.ID
	}
}
