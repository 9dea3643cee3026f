package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
)

func TestAccept(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		a := b.compose("train", devices...)
		at := b.lastEvent()
		op := b.accept(a)

		if op.Revision != 1 || op.StartedAt.IsZero() || op.Principal != b.admin.Principal.ID || len(op.Steps) != 1 || string(op.Request) != `{"gpu":1}` {
			t.Errorf("operation = %+v", op)
		}
		if diff := cmp.Diff(a.Operation, *op, cmpopts.IgnoreFields(composa.Operation{}, "Principal", "CreatedAt", "StartedAt", "Revision")); diff != "" {
			t.Errorf("the operation is not what was accepted (-sent +stored):\n%s", diff)
		}
		m, err := b.Machine(b.ctx(), b.admin, b.project, "train")
		b.ok(err)
		if m.Operation != op.ID || m.Owner != b.admin.Principal.ID || m.Fabric != "rack1" || m.Spec.Labels["team"] != "vision" {
			t.Errorf("machine = %+v", m)
		}
		site := b.site()
		if got := site.Binding(m.ID); len(got) != 3 {
			t.Errorf("binding = %v, want three devices", got)
		}
		if got := site.State(m); got != composa.MachineComposing {
			t.Errorf("state = %s", got)
		}
		if len(site.Operations) != 1 || len(site.Operations[0].Steps) != 1 {
			t.Errorf("operations = %+v", site.Operations)
		}
		want := []composa.EventType{"operation.running", "step.planned", "machine.composing", "claim.opened", "claim.opened", "claim.opened"}
		if diff := cmp.Diff(want, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestAcceptRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		ready := b.ready("train", devices[1])
		at := b.lastEvent()
		refused := func(name string, want composa.Code, a Acceptance) {
			t.Helper()
			_, err := b.Accept(b.ctx(), b.admin, a)
			if composa.CodeOf(err) != want {
				t.Errorf("%s: %v (%s), want %s", name, err, composa.CodeOf(err), want)
			}
		}
		refused("a name that is taken", composa.CodeExists, b.compose("train", devices[2]))
		refused("a device with an open claim", composa.CodeMoved, b.compose("render", devices[2], devices[1]))
		stranger := devices[2]
		stranger.ID = "dev_none"
		refused("a device that nobody knows", composa.CodeNotFound, b.compose("render", stranger))
		twice := b.compose("render", devices[2], devices[2])
		refused("a device twice", composa.CodeMoved, twice)

		take := func(change func(*MachineAccept)) Acceptance {
			m := MachineAccept{Machine: ready.ID, Revision: ready.Revision}
			change(&m)
			a := b.compose("plug")
			a.NewMachine, a.Operation.Verb, a.Machines = nil, composa.VerbPlug, []MachineAccept{m}
			return a
		}
		refused("a machine that changed", composa.CodeMoved, take(func(m *MachineAccept) { m.Revision-- }))
		refused("a machine that nobody knows", composa.CodeNotFound, take(func(m *MachineAccept) { m.Machine = "mach_none" }))
		late := b.compose("late")
		late.Operation.Revision = 7
		refused("a queued operation that is not there", composa.CodeNotFound, late)
		ended := b.compose("ended")
		ended.Operation.Phase = composa.PhaseDone
		refused("an operation that begins at its end", composa.CodeInvalid, ended)
		elsewhere := b.compose("elsewhere")
		elsewhere.Operation.Project = "proj_other"
		if _, err := b.Accept(b.ctx(), b.admin, elsewhere); composa.CodeOf(err) != composa.CodeNotFound {
			t.Errorf("another project: %v", err)
		}
		if got := b.lastEvent(); got != at {
			t.Errorf("refused requests told events: %v", b.events(at))
		}
		if site := b.site(); len(site.Machines) != 1 || len(site.Claims) != 1 || len(site.Operations) != 0 {
			t.Errorf("refused requests left %d machines, %d claims, %d operations", len(site.Machines), len(site.Claims), len(site.Operations))
		}
	})
}

func TestNamesAreUniqueAmongLivingMachines(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 1)
		first := b.accept(b.compose("train"))
		_, err := b.Accept(b.ctx(), b.admin, b.compose("train"))
		b.code(err, composa.CodeExists)
		b.advance(composa.Advance{
			Operation: first.ID, Revision: first.Revision, Phase: composa.PhaseUndone,
			Machines: []composa.MachineChange{{Machine: first.Machines[0], Freed: true}},
		})
		second := b.accept(b.compose("train"))
		freed, err := b.Freed(b.ctx(), b.admin, b.project, "train", 10)
		b.ok(err)
		if len(freed) != 1 || freed[0].ID != first.Machines[0] || freed[0].Living() {
			t.Errorf("freed = %+v", freed)
		}
		living, err := b.Machine(b.ctx(), b.admin, b.project, "train")
		b.ok(err)
		if living.ID != second.Machines[0] {
			t.Errorf("the living machine is %s, want %s", living.ID, second.Machines[0])
		}
		gone, err := b.MachineByID(b.ctx(), b.admin, first.Machines[0])
		b.ok(err)
		if gone.Living() || gone.Operation != "" {
			t.Errorf("the freed machine = %+v", gone)
		}
	})
}

func TestQueuedOperationWaitsWithoutClaimsAndStarts(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		m := b.ready("train", devices[1])
		running := b.compose("x")
		running.NewMachine, running.Operation.Verb = nil, composa.VerbPlug
		running.Operation.Machines = []composa.MachineID{m.ID}
		spec := m.Spec.Plus(composa.Entry{Kind: composa.KindGPU, Count: 1})
		running.Machines = []MachineAccept{{Machine: m.ID, Revision: m.Revision, Spec: &spec}}
		first := b.accept(running)

		waiting := b.compose("x")
		waiting.NewMachine, waiting.Operation.Verb, waiting.Operation.Phase = nil, composa.VerbFree, composa.PhaseQueued
		waiting.Operation.Machines, waiting.Operation.Behind = []composa.MachineID{m.ID}, first.ID
		waiting.Operation.Fabric, waiting.Operation.Steps = "", nil
		queued := b.accept(waiting)
		if !queued.StartedAt.IsZero() {
			t.Errorf("a queued operation started at %s", queued.StartedAt)
		}
		now, err := b.MachineByID(b.ctx(), b.admin, m.ID)
		b.ok(err)
		if now.Operation != first.ID || now.SpecRevision != 2 {
			t.Errorf("machine = %+v", now)
		}
		start := Acceptance{Operation: *queued, Machines: []MachineAccept{{Machine: m.ID, Revision: now.Revision}}}
		start.Operation.Phase, start.Operation.Fabric, start.Operation.Behind = composa.PhaseRunning, "rack1", ""
		start.Operation.Steps = running.Operation.Steps
		_, err = b.Accept(b.ctx(), b.admin, start)
		b.code(err, composa.CodeMoved) // the machine is still the first one's

		b.advance(composa.Advance{
			Operation: first.ID, Revision: first.Revision, Phase: composa.PhaseDone,
			Machines: []composa.MachineChange{{Machine: m.ID, Idle: true}},
		})
		now, err = b.MachineByID(b.ctx(), b.admin, m.ID)
		b.ok(err)
		start.Machines[0].Revision = now.Revision
		op := b.accept(start)
		if op.Phase != composa.PhaseRunning || op.StartedAt.IsZero() || op.Revision != 2 || len(op.Steps) != 1 {
			t.Errorf("started = %+v", op)
		}
		_, err = b.Accept(b.ctx(), b.admin, start)
		b.code(err, composa.CodeMoved) // it runs already
		open := b.site().Operations
		if len(open) != 1 || open[0].ID != op.ID || len(open[0].Steps) != 1 {
			t.Errorf("open operations = %+v", open)
		}
	})
}

// Many requests want overlapping devices at once: each device goes to one.
func TestNoDeviceIsClaimedTwice(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 9)
		const callers = 8
		rounds := count(4, 50)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := map[composa.DeviceID]string{}
		for c := range callers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for r := range rounds {
					pick := []composa.Device{devices[(c+r)%9], devices[(c+r*3+1)%9], devices[(c*2+r+4)%9]}
					seen := map[composa.DeviceID]bool{}
					distinct := pick[:0:0]
					for _, d := range pick {
						if !seen[d.ID] {
							seen[d.ID] = true
							distinct = append(distinct, d)
						}
					}
					name := fmt.Sprintf("m%d-%d", c, r)
					_, err := b.Accept(b.ctx(), b.admin, b.compose(name, distinct...))
					if err != nil {
						if composa.CodeOf(err) != composa.CodeMoved {
							t.Errorf("accept: %v", err)
						}
						continue
					}
					mu.Lock()
					for _, d := range distinct {
						if other := won[d.ID]; other != "" {
							t.Errorf("%s went to %s and to %s", d.Name, other, name)
						}
						won[d.ID] = name
					}
					mu.Unlock()
				}
			}()
		}
		wg.Wait()
		if site := b.site(); len(site.Claims) != len(won) || len(won) == 0 {
			t.Errorf("%d open claims, %d devices were won", len(site.Claims), len(won))
		}
	})
}

func TestCancelAndDecide(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)

		waiting := b.compose("waits")
		waiting.Operation.Phase, waiting.Operation.Steps = composa.PhaseQueued, nil
		queued := b.accept(waiting)
		if got := b.site().State(&b.site().Machines[0]); got != composa.MachineQueued {
			t.Errorf("state of a machine in line = %s", got)
		}
		at := b.lastEvent()
		op, err := b.RequestCancel(b.ctx(), b.admin, queued.ID)
		b.ok(err)
		if op.Phase != composa.PhaseCancelled || op.EndedAt.IsZero() || op.Result == nil || op.Result.Code != composa.CodeCancelled {
			t.Errorf("a cancelled queued operation = %+v", op)
		}
		if diff := cmp.Diff([]composa.EventType{"operation.cancelled", "machine.freed"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		m, err := b.MachineByID(b.ctx(), b.admin, queued.Machines[0])
		b.ok(err)
		if m.Living() {
			t.Error("the machine that waited still lives")
		}
		again, err := b.RequestCancel(b.ctx(), b.admin, queued.ID)
		b.ok(err)
		if again.Revision != op.Revision {
			t.Error("cancelling what has ended changed it")
		}

		running := b.accept(b.compose("runs", devices[1]))
		op, err = b.RequestCancel(b.ctx(), b.admin, running.ID)
		b.ok(err)
		if !op.CancelRequested || op.Phase != composa.PhaseRunning || op.Revision != running.Revision+1 {
			t.Errorf("a running operation after cancel = %+v", op)
		}
		_, err = b.Decide(b.ctx(), b.admin, op.ID, "retry")
		b.code(err, composa.CodeInvalid) // it is not held

		at = b.lastEvent()
		held := b.advance(composa.Advance{
			Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseHeld, Direction: composa.Undo,
			Result: &composa.Result{Code: composa.CodeFailed, Text: "gpu0 does not let go", Ways: []string{"retry", "undo"}},
		})
		if !held.EndedAt.IsZero() || held.Result == nil {
			t.Errorf("held = %+v", held)
		}
		if diff := cmp.Diff([]composa.EventType{"operation.held", "machine.held"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		_, err = b.RequestCancel(b.ctx(), b.admin, op.ID)
		b.code(err, composa.CodeInvalid)
		_, err = b.Decide(b.ctx(), b.admin, op.ID, "wait")
		b.code(err, composa.CodeInvalid)
		_, err = b.Decide(b.ctx(), b.admin, "op_none", "retry")
		b.code(err, composa.CodeNotFound)
		decided, err := b.Decide(b.ctx(), b.admin, op.ID, "retry")
		b.ok(err)
		if decided.Phase != composa.PhaseUndoing || decided.Direction != composa.Undo || decided.Result != nil || decided.CancelRequested {
			t.Errorf("decided = %+v", decided)
		}
	})
}

func TestFreeIsNotUndone(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 1)
		m := b.ready("train")
		a := b.compose("x")
		a.NewMachine, a.Operation.Verb, a.Operation.Machines = nil, composa.VerbFree, []composa.MachineID{m.ID}
		a.Operation.Deadline = epoch.Add(time.Millisecond)
		a.Machines = []MachineAccept{{Machine: m.ID, Revision: m.Revision}}
		op := b.accept(a)
		op = b.advance(composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseHeld, Result: &composa.Result{Text: "stuck"}})
		_, err := b.Decide(b.ctx(), b.admin, op.ID, "undo")
		b.code(err, composa.CodeInvalid)
		op, err = b.Decide(b.ctx(), b.admin, op.ID, "retry")
		b.ok(err)
		if op.Phase != composa.PhaseRunning || !op.Deadline.IsZero() {
			t.Errorf("decided = %+v", op)
		}
	})
}

func TestPlansExpire(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		p := composa.Plan{
			ID: "plan_1", Project: b.project, Verb: composa.VerbPlug, Scope: composa.PlanScope{Machines: []composa.MachineID{"mach_1"}},
			Steps:       []composa.PlannedStep{{Step: composa.Step{Act: composa.ActMake}, Disturbs: []composa.Disturbance{composa.DisturbsHost}}},
			Explanation: &composa.Explanation{Text: "the only one", Fabric: "rack1"},
			ExpiresAt:   epoch.Add(time.Second),
		}
		b.ok(b.SavePlan(b.ctx(), b.admin, p))
		got, err := b.Plan(b.ctx(), b.admin, p.ID)
		b.ok(err)
		if diff := cmp.Diff(p, *got, cmpopts.IgnoreFields(composa.Plan{}, "By", "CreatedAt", "Base.Incarnation")); diff != "" {
			t.Errorf("plan (-saved +read):\n%s", diff)
		}
		b.clock.looks.Add(2000)
		_, err = b.Plan(b.ctx(), b.admin, p.ID)
		b.code(err, composa.CodeNotFound)
		p.Project = "proj_other"
		b.code(b.SavePlan(b.ctx(), b.admin, p), composa.CodeNotFound)
	})
}
