package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

func (w *world) plan(r api.NewPlan) *api.Plan {
	w.t.Helper()
	p, err := w.client.Plan(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func gpuWant(n int) []api.Want { return []api.Want{{Kind: "gpu", Count: n}} }

// stepTexts are the steps of a list as they are told, with what they disturb.
func stepTexts(steps []api.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Text+" disturbs "+strings.Join(s.Disturbs, ","))
	}
	return out
}

// A plan of each verb is carried out exactly, once, and tells its operation.
func TestAPlanIsCarriedOutExactlyAndOnce(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	ctx := t.Context()
	w.compose("render", 1)
	zero := 0
	for _, tt := range []struct {
		name     string
		plan     api.NewPlan
		machines int
	}{
		{"compose", api.NewPlan{Verb: "compose", Machine: "train", Compose: &api.PutMachine{Wish: api.Wish{Devices: append(gpuWant(2), api.Want{Kind: "gpu", Count: 1, Where: "device.fabric == 'rack1'"})}}}, 1},
		{"plug", api.NewPlan{Verb: "plug", Machine: "train", Plug: &api.Plug{Devices: append(gpuWant(1), api.Want{Kind: "ssd", Count: 1})}}, 1},
		{"unplug", api.NewPlan{Verb: "unplug", Machine: "train", Unplug: &api.Unplug{Counts: map[string]int{"gpu": 1}}}, 1},
		{"reshape", api.NewPlan{Verb: "reshape", Machine: "train", Reshape: &api.Reshape{Totals: map[string]int{"gpu": 2, "nic": 1}}}, 1},
		{"move", api.NewPlan{Verb: "move", Machine: "render", Move: &api.Move{IDs: []string{"rack1/gpu0"}, To: "train"}}, 2},
		{"nothing to do", api.NewPlan{Verb: "reshape", Machine: "train", Reshape: &api.Reshape{Totals: map[string]int{"nic": 1}}}, 0},
		{"free", api.NewPlan{Verb: "free", Machine: "train", Free: &api.FreeMachine{Grace: &zero}}, 1},
	} {
		p := w.plan(tt.plan)
		if len(p.Machines) != tt.machines {
			t.Fatalf("%s: the plan shows %d machines, want %d: %+v", tt.name, len(p.Machines), tt.machines, p.Machines)
		}
		r, err := w.client.CarryOut(ctx, api.CarryOut{Plan: p.ID, Ask: api.Ask{Message: "as planned"}}, 30*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if r.Machine == nil || r.Made != (tt.name == "compose") {
			t.Fatalf("%s: %+v", tt.name, r)
		}
		if len(p.Steps) == 0 {
			continue
		}
		op := must(w.client.Operation(ctx, r.Machine.Operation, 0))
		if diff := cmp.Diff(stepTexts(p.Steps), stepTexts(op.Steps)); diff != "" || op.Message != "as planned" {
			t.Errorf("%s: steps (-plan +operation), message %q:\n%s", tt.name, op.Message, diff)
		}
		for _, m := range p.Machines {
			is := must(w.client.MachineByID(ctx, m.ID))
			if diff := cmp.Diff(placesOf(m.Devices), placesOf(is.Devices)); diff != "" {
				t.Errorf("%s: devices of %s (-plan +machine):\n%s", tt.name, m.Name, diff)
			}
		}
		again := must(w.client.CarryOut(ctx, api.CarryOut{Plan: p.ID}, 30*time.Second))
		if again.Machine == nil || again.Machine.Operation != op.ID {
			t.Errorf("%s again: %+v, want operation %s", tt.name, again, op.ID)
		}
		if stored := must(w.client.StoredPlan(ctx, p.ID)); stored.Operation != op.ID {
			t.Errorf("%s: the plan tells operation %q, want %s", tt.name, stored.Operation, op.ID)
		}
	}
}

func placesOf(devices []api.MachineDevice) []string {
	var out []string
	for _, d := range devices {
		out = append(out, d.Place)
	}
	slices.SortFunc(out, composa.NaturalCompare)
	return out
}

// What of a plan is not any more as it was is told, with who changed it, and
// nothing is done.
func TestAPlanThatMovedIsTold(t *testing.T) {
	composeA := api.NewPlan{Verb: "compose", Machine: "a", Compose: &api.PutMachine{Wish: api.Wish{Fabrics: []string{"rack1"}, Devices: gpuWant(5)}}}
	plugTrain := api.NewPlan{Verb: "plug", Machine: "train", Plug: &api.Plug{Devices: gpuWant(1)}}
	for _, tt := range []struct {
		name   string
		plan   api.NewPlan
		change func(*world) error
		what   string // of one that moved
		text   string
		by     bool
	}{
		{"a device was taken", composeA, func(w *world) error {
			_, err := w.client.PutMachine(t.Context(), "default", "b", api.PutMachine{Wish: api.Wish{Devices: []api.Want{{Kind: "gpu", IDs: []string{"rack1/gpu3"}}}}}, 30*time.Second)
			return err
		}, "device", `rack1/gpu3 is claimed by "b"`, true},
		{"a device was cordoned", composeA, func(w *world) error {
			_, err := w.client.EditDevice(t.Context(), "rack1", "gpu2", 0, api.EditDevice{Cordon: new("bad fan")})
			return err
		}, "device", "rack1/gpu2 is cordoned", false},
		{"a device was put into a pool", composeA, func(w *world) error {
			_, err := w.client.CreatePool(t.Context(), poolOf("vision", "rack1/gpu4"))
			return err
		}, "device", "rack1/gpu4 is in pool vision", false},
		{"the name was taken", composeA, func(w *world) error {
			_, err := w.client.PutMachine(t.Context(), "default", "a", api.PutMachine{Wish: api.Wish{Fabrics: []string{"rack2"}, Devices: gpuWant(1)}}, 30*time.Second)
			return err
		}, "machine", `a machine named "a" was made`, true},
		{"the machine was changed", plugTrain, func(w *world) error {
			_, err := w.client.Plug(t.Context(), "default", "train", api.Plug{Devices: gpuWant(1)}, 30*time.Second)
			return err
		}, "machine", `"train" is at revision `, true},
		{"the machine was freed", plugTrain, func(w *world) error {
			_, err := w.client.Free(t.Context(), "default", "train", api.FreeMachine{}, 30*time.Second)
			return err
		}, "machine", `"train" was freed`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, setting{})
			w.compose("train", 1)
			p := w.plan(tt.plan)
			if err := tt.change(w); err != nil {
				t.Fatal(err)
			}
			before := w.outline(t)
			got := w.ask("POST", "/v1/operations?wait=30", `{"plan": "`+p.ID+`"}`)
			told := got.problem(t)
			if got.status != http.StatusConflict || told.Code != "moved" || told.Retryable || !strings.HasPrefix(told.Detail, "cannot carry out plan "+p.ID) || !strings.Contains(told.Next, "plan again") {
				t.Fatalf("%d %+v", got.status, told)
			}
			i := slices.IndexFunc(told.Moved, func(m api.Moved) bool { return m.What == tt.what && strings.HasPrefix(m.Text, tt.text) })
			if i < 0 {
				t.Fatalf("moved: %+v, want %s: %s", told.Moved, tt.what, tt.text)
			}
			if m := told.Moved[i]; tt.by && (m.By != "admin" || tt.name != "the name was taken" && m.Operation == "") {
				t.Errorf("changed by %q, operation %q; want admin's", m.By, m.Operation)
			}
			if diff := cmp.Diff(before, w.outline(t)); diff != "" {
				t.Errorf("it changed something:\n%s", diff)
			}
		})
	}
}
