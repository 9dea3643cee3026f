package rest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// The main job over the real handler, store, intake, runner and client.
func TestComposeChangeFree(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "http", true: "https"}[tls], func(t *testing.T) { mainJob(t, newWorld(t, setting{tls: tls})) })
	}
}

func mainJob(t *testing.T, w *world) {
	ctx, c := t.Context(), w.client
	r := must(c.PutMachine(ctx, "default", "train", wish(2), 30*time.Second))
	m := r.Machine
	if m == nil || !r.Made {
		t.Fatalf("compose gave %+v, want a machine that was made", r)
	}
	if m.State != "ready" || m.Owner != "admin" || m.Project != "default" || m.Name != "train" || m.Power != "on" || m.Operation == "" {
		t.Errorf("machine = %+v", m)
	}
	if diff := cmp.Diff(map[string]int{"cpu": 1, "gpu": 2}, kinds(m, "attached")); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	again := must(c.PutMachine(ctx, "default", "train", wish(2), 0))
	if again.Machine == nil || again.Made || again.Machine.ID != m.ID {
		t.Errorf("the same again gave %+v, want the same machine, not made", again)
	}
	if _, err := c.NewMachine(ctx, api.NewMachine{Name: "train", Wish: wish(2).Wish}, 0); code(err) != "exists" {
		t.Errorf("new machine of a taken name: %v, want exists", err)
	}
	plugged := must(c.Plug(ctx, "default", "train", api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 1}}}, 30*time.Second))
	if n := kinds(plugged.Machine, "attached")["gpu"]; n != 3 {
		t.Errorf("after plug it has %d gpu, want 3", n)
	}
	reshaped := must(c.Reshape(ctx, "default", "train", api.Reshape{Totals: map[string]int{"gpu": 1}}, 30*time.Second))
	if n := kinds(reshaped.Machine, "attached")["gpu"]; n != 1 {
		t.Errorf("after reshape it has %d gpu, want 1", n)
	}
	for phase, want := range map[string]int{"": 3, "done": 3, "cancelled": 0} {
		if ops := must(client.All(c.Operations(ctx, client.OperationFilter{Phase: phase}))); len(ops) != want {
			t.Errorf("%d operations are listed in phase %q, want %d", len(ops), phase, want)
		}
	}
	listed := must(client.All(c.Machines(ctx, client.MachineFilter{State: "ready"})))
	if len(listed) != 1 || listed[0].ID != m.ID {
		t.Errorf("machines = %+v", listed)
	}
	zero := 0
	freed := must(c.Free(ctx, "default", "train", api.FreeMachine{Grace: &zero}, 30*time.Second))
	if freed.Machine == nil || freed.Machine.State != "freed" || freed.Machine.FreedAt == nil {
		t.Errorf("free gave %+v", freed)
	}
	if _, err := c.Machine(ctx, "default", "train"); code(err) != "not_found" {
		t.Errorf("a freed machine by name: %v, want not_found", err)
	}
	if by := must(c.MachineByID(ctx, m.ID)); by.State != "freed" {
		t.Errorf("a freed machine by id is %s", by.State)
	}
	gone := must(client.All(c.Machines(ctx, client.MachineFilter{Freed: true})))
	if len(gone) != 1 || gone[0].ID != m.ID {
		t.Errorf("freed machines = %+v", gone)
	}
	ops := must(client.All(c.Operations(ctx, client.OperationFilter{Machine: m.ID})))
	var verbs []string
	for _, op := range ops {
		verbs = append(verbs, op.Verb)
		if op.Phase != "done" || len(op.Steps) != 0 || len(op.Machines) != 1 || op.Machines[0].Name != "train" {
			t.Errorf("listed operation = %+v", op)
		}
	}
	if diff := cmp.Diff([]string{"free", "reshape", "plug", "compose"}, verbs); diff != "" {
		t.Errorf("operations, newest first (-want +got):\n%s", diff)
	}
	one := must(c.Operation(ctx, ops[3].ID, 0))
	if len(one.Steps) == 0 || one.Steps[0].Text == "" || one.Steps[0].State != "done" || one.Typical == 0 {
		t.Errorf("operation with steps = %+v", one)
	}
}

func kinds(m *api.Machine, state string) map[string]int {
	out := map[string]int{}
	for _, d := range m.Devices {
		if d.State == state {
			out[d.Kind]++
		}
	}
	return out
}
