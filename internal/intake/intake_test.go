package intake_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// places are the places of a machine's binding.
func (w *world) places(name string) []string {
	m := w.site().MachineNamed(w.project, name)
	if m == nil {
		return nil
	}
	var out []string
	for _, b := range w.site().Binding(m.ID) {
		out = append(out, string(composa.PlaceOf(m.Fabric, b.Device.Name)))
	}
	return out
}

func refused(t *testing.T, err error, code composa.Code, text string) {
	t.Helper()
	if composa.CodeOf(err) != code || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %s: %v\nwant %s with %q", composa.CodeOf(err), err, code, text)
	}
}

func TestComposeCommitsClaimsOperationAndSteps(t *testing.T) {
	w := newWorld(t)
	out, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2))})
	if err != nil {
		t.Fatal(err)
	}
	if !out.Made || out.Operation.Phase != composa.PhaseRunning || len(out.Operation.Steps) == 0 {
		t.Errorf("outcome is %+v with operation %+v, want a made machine and a running operation with steps", out, out.Operation)
	}
	if diff := cmp.Diff([]string{"rack1/gpu0", "rack1/gpu1", "rack1/pcpu0"}, w.places("train")); diff != "" {
		t.Errorf("binding (-want +got):\n%s", diff)
	}
}

func TestTheSameWishFindsTheSameMachine(t *testing.T) {
	w := newWorld(t)
	first, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2))})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2))})
	if err != nil || joined.Operation == nil || joined.Operation.ID != first.Operation.ID {
		t.Fatalf("while it is made: %+v, %v; want the operation that makes it", joined, err)
	}
	w.finish(first.Operation.ID)
	again, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2))})
	if err != nil || again.Operation != nil || again.Machine.ID != first.Machine.ID {
		t.Fatalf("once it is made: %+v, %v; want the machine and nothing to do", again, err)
	}
	_, err = w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(4))})
	refused(t, err, composa.CodeExists, `another wish (gpu: 4 instead of 2); change it with composa reshape train --gpu 4`)
	_, err = w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2)), New: true})
	refused(t, err, composa.CodeExists, `you have a machine of that name`)
	other := w.who
	other.Principal = composa.Principal{ID: "user_other", Kind: composa.PrincipalUser, Name: "other"}
	_, err = w.Compose(t.Context(), other, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2))})
	refused(t, err, composa.CodeExists, `cannot compose "train": admin has a machine of that name; choose another name`)
}

func TestAWishAfterAPlugIsComparedBySums(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ssds := func(n int) composa.Entry { return composa.Entry{Kind: composa.KindSSD, Count: n} }
	made := w.ready("train", wants(gpus(1), ssds(1)))
	out, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1), ssds(1)}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	s := w.site()
	want := []composa.Entry{
		{Key: "cpu", Kind: composa.KindCPU, Count: 1},
		{Key: "gpu", Kind: composa.KindGPU, Count: 2},
		{Key: "ssd", Kind: composa.KindSSD, Count: 2},
	}
	if diff := cmp.Diff(want, s.Machine(made.ID).Spec.Entries); diff != "" {
		t.Errorf("entries after a plug (-want +got):\n%s", diff)
	}
	for _, b := range s.Binding(made.ID) {
		if b.Entry != string(b.Device.Kind) {
			t.Errorf("%s is bound to entry %q, want %q", b.Device.Name, b.Entry, b.Device.Kind)
		}
	}
	again, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2), ssds(2))})
	if err != nil || again.Operation != nil || again.Machine.ID != made.ID {
		t.Errorf("the wish with the sums: %+v, %v; want the machine and nothing to do", again, err)
	}
	_, err = w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(2), ssds(1))})
	refused(t, err, composa.CodeExists, `another wish (ssd: 1 instead of 2); change it with composa unplug train FABRIC/SSD, or`)
	_, err = w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(1), ssds(1))})
	refused(t, err, composa.CodeExists, `change it with composa reshape train --gpu 1 and composa unplug train FABRIC/SSD, or`)
}

func TestTooManyEntriesAreRefusedBeforeAnyWorkOnThem(t *testing.T) {
	w := newWorld(t)
	_, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{
		Asked: w.asked("train"), Spec: wants(slices.Repeat([]composa.Entry{gpus(1)}, composa.MaxEntries+1)...),
	})
	refused(t, err, composa.CodeInvalid, `cannot compose "train": it has 65 entries, 64 are allowed`)
}

func TestManyAtOnceGetDifferentDevices(t *testing.T) {
	w := newWorld(t)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			_, errs[i] = w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked(name), Spec: wants(gpus(1))})
		})
	}
	all.Wait()
	served := 0
	for i, err := range errs {
		switch {
		case err == nil:
			served++
		case composa.CodeOf(err) != composa.CodeRefused:
			t.Errorf("%s: %v; want it served or refused", names[i], err)
		}
	}
	if served != 6 { // two racks of three cpus
		t.Errorf("%d of %d served, want 6", served, len(names))
	}
	claimed := map[composa.DeviceID]bool{}
	for _, c := range w.site().Claims {
		if claimed[c.Device] {
			t.Errorf("%s is claimed twice", c.Device)
		}
		claimed[c.Device] = true
	}
}

func TestDryRunStoresThePlanAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	asked := w.asked("train")
	asked.DryRun = true
	out, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: asked, Spec: wants(gpus(2))})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := w.store.Plan(t.Context(), w.who, out.Plan.ID)
	if err != nil || len(stored.Steps) == 0 {
		t.Errorf("the stored plan is %+v, %v; want its steps", stored, err)
	}
	if s := w.site(); len(s.Machines)+len(s.Claims)+len(s.Operations) != 0 {
		t.Errorf("a dry run left %d machines, %d claims, %d operations", len(s.Machines), len(s.Claims), len(s.Operations))
	}
}

func TestChangesReachTheSpecAndTheBinding(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(2)))
	ctx := t.Context()

	out, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1), {Kind: composa.KindSSD, Count: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	if diff := cmp.Diff([]string{"rack1/gpu0", "rack1/gpu1", "rack1/gpu2", "rack1/pcpu0", "rack1/ssd0"}, w.places("train")); diff != "" {
		t.Errorf("after plug (-want +got):\n%s", diff)
	}

	out, err = w.Reshape(ctx, w.who, composa.ReshapeRequest{Asked: w.asked("train"), Totals: map[composa.Kind]int{composa.KindGPU: 1}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	m := w.site().MachineNamed(w.project, "train")
	if got := len(w.places("train")); got != 3 {
		t.Errorf("after reshape it has %v, want 3 devices", w.places("train"))
	}
	total := 0
	for _, e := range m.Spec.Entries {
		total += e.Count
	}
	if total != 3 {
		t.Errorf("the spec asks for %d devices, want 3: %+v", total, m.Spec.Entries)
	}

	out, err = w.Reshape(ctx, w.who, composa.ReshapeRequest{Asked: w.asked("train"), Totals: map[composa.Kind]int{composa.KindGPU: 1}})
	if err != nil || out.Operation != nil {
		t.Errorf("the same total again: %+v, %v; want nothing to do", out, err)
	}
	out, err = w.Unplug(ctx, w.who, composa.UnplugRequest{Asked: w.asked("train"), Places: []composa.Place{"rack1/ssd0"}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	if got := len(w.places("train")); got != 2 {
		t.Errorf("after unplug it has %v, want 2 devices", w.places("train"))
	}
	_, err = w.Unplug(ctx, w.who, composa.UnplugRequest{Asked: w.asked("train"), Places: []composa.Place{"rack1/pcpu0"}})
	refused(t, err, composa.CodeInvalid, `cannot take the last cpu of "train"`)
}

func TestMoveNamesTheHeirUntilItIsDone(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(2)))
	w.ready("eval", composa.Spec{Fabrics: []composa.FabricName{"rack1"}, Entries: []composa.Entry{gpus(1)}})
	out, err := w.Move(t.Context(), w.who, composa.MoveRequest{Asked: w.asked("train"), Places: []composa.Place{"rack1/gpu0"}, To: "eval"})
	if err != nil {
		t.Fatal(err)
	}
	s := w.site()
	c := s.Claim(s.At("rack1/gpu0").ID)
	if c.Machine != s.MachineNamed(w.project, "train").ID || c.Heir != s.MachineNamed(w.project, "eval").ID {
		t.Errorf("while it moves the claim is %+v, want train's with heir eval", c)
	}
	w.finish(out.Operation.ID)
	if diff := cmp.Diff([]string{"rack1/gpu0", "rack1/gpu2", "rack1/pcpu1"}, w.places("eval")); diff != "" {
		t.Errorf("after the move eval has (-want +got):\n%s", diff)
	}
	_, err = w.Move(t.Context(), w.who, composa.MoveRequest{Asked: w.asked("train"), Places: []composa.Place{"rack1/gpu5"}, To: "eval"})
	refused(t, err, composa.CodeNotFound, `rack1/gpu5 is not a device of "train"`)
	_, err = w.Move(t.Context(), w.who, composa.MoveRequest{Asked: w.asked("train"), Places: []composa.Place{"rack1/gpu1"}, To: "train"})
	refused(t, err, composa.CodeInvalid, `that is one machine`)
}

func TestOneOperationAtATimeTheOthersWaitInLine(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready("train", wants(gpus(1)))
	plug := composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}}
	first, err := w.Plug(ctx, w.who, plug)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Plug(ctx, w.who, plug)
	if err != nil {
		t.Fatal(err)
	}
	third, err := w.Free(ctx, w.who, composa.FreeRequest{Asked: w.asked("train"), Grace: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct{ op, behind *composa.Operation }{{second.Operation, first.Operation}, {third.Operation, second.Operation}} {
		if q.op.Phase != composa.PhaseQueued || q.op.Behind != q.behind.ID || len(q.op.Steps) != 0 {
			t.Errorf("%s is %s behind %s with %d steps; want queued behind %s without any", q.op.Verb, q.op.Phase, q.op.Behind, len(q.op.Steps), q.behind.ID)
		}
	}
	joined, err := w.Free(ctx, w.who, composa.FreeRequest{Asked: w.asked("train")})
	if err != nil || joined.Operation.ID != third.Operation.ID {
		t.Errorf("a second free is %+v, %v; want it to join the one in line", joined, err)
	}
	if _, err := w.Turn(ctx); err != nil {
		t.Fatal(err)
	}
	if op := w.operation(second.Operation.ID); op.Phase != composa.PhaseQueued {
		t.Errorf("while the first runs the second is %s", op.Phase)
	}
	w.finish(first.Operation.ID)
	for _, next := range []*composa.Operation{second.Operation, third.Operation} {
		if _, err := w.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		if op := w.operation(next.ID); op.Phase != composa.PhaseRunning || len(op.Steps) == 0 {
			t.Fatalf("when its turn came %s is %s with %d steps", op.Verb, op.Phase, len(op.Steps))
		}
		w.finish(next.ID)
	}
	if m := w.site().MachineNamed(w.project, "train"); m != nil {
		t.Errorf("after the free there is still %+v", m)
	}
}

func TestWhatCannotBePlacedWhenItsTurnComesEndsWithTheReason(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready("train", wants(gpus(1)))
	free, err := w.Free(ctx, w.who, composa.FreeRequest{Asked: w.asked("train")})
	if err != nil {
		t.Fatal(err)
	}
	late, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(free.Operation.ID)
	if _, err := w.Turn(ctx); err != nil {
		t.Fatal(err)
	}
	op := w.operation(late.Operation.ID)
	if op.Phase != composa.PhaseUndone || op.Result.Code != composa.CodeNotFound {
		t.Errorf("plug of a freed machine is %s with %+v, want undone with not_found", op.Phase, op.Result)
	}
}

func (w *world) operation(id composa.OperationID) *composa.Operation {
	w.t.Helper()
	op, err := w.store.Operation(w.t.Context(), composa.System(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return op
}

func TestFreeOfAMachineThatIsBeingMadeCancelsTheMaking(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, late := range []bool{false, true} {
		made, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(1))})
		if err != nil {
			t.Fatal(err)
		}
		out, err := w.Free(ctx, w.who, composa.FreeRequest{Asked: w.asked("train")})
		if err != nil || out.Operation.Verb != composa.VerbFree || out.Operation.Behind != made.Operation.ID {
			t.Fatalf("free is %+v, %v; want it in line behind the compose", out, err)
		}
		if op := w.operation(made.Operation.ID); !op.CancelRequested {
			t.Error("the compose is not asked to cancel")
		}
		_, err = w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(1))})
		refused(t, err, composa.CodeExists, "is being undone; wait for it")
		if late { // the cancel came too late, so the machine was made
			w.finish(made.Operation.ID)
		} else {
			w.undo(made.Operation.ID)
		}
		if _, err := w.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		if late {
			w.finish(out.Operation.ID)
		}
		if op := w.operation(out.Operation.ID); op.Phase != composa.PhaseDone {
			t.Errorf("late %t: the free is %s with %+v, want done", late, op.Phase, op.Result)
		}
		if m := w.site().MachineNamed(w.project, "train"); m != nil {
			t.Errorf("late %t: the machine is still there", late)
		}
	}
}

// undo ends a compose as cancelled, with nothing left of it.
func (w *world) undo(id composa.OperationID) {
	w.t.Helper()
	op := w.operation(id)
	a := composa.Advance{
		Operation: id, Revision: op.Revision, Fabric: op.Fabric, Epoch: w.epoch[op.Fabric], Direction: composa.Undo,
		Phase: composa.PhaseCancelled, Result: &composa.Result{Code: composa.CodeCancelled, Text: "cancelled"},
		Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true, Idle: true}},
	}
	for _, c := range w.site().Claims {
		a.Claims = append(a.Claims, composa.ClaimChange{Claim: c.ID, Closed: true, Evidence: "free"})
	}
	if _, err := w.store.Advance(w.t.Context(), composa.System(), a); err != nil {
		w.t.Fatal(err)
	}
}

func TestDryRunOfWhatIsUnderWayTellsWhatItWouldDo(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: wants(gpus(1))}); err != nil {
		t.Fatal(err)
	}
	asked := w.asked("train")
	asked.DryRun = true
	out, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: asked, Spec: wants(gpus(1))})
	if err != nil || out.Plan == nil || len(out.Plan.Steps) != 0 {
		t.Errorf("dry run of the compose under way: %+v, %v; want a plan of nothing", out, err)
	}
	if out, err = w.Free(ctx, w.who, composa.FreeRequest{Asked: asked}); err != nil || out.Plan == nil {
		t.Errorf("dry run of a free of what is being made: %+v, %v; want a plan", out, err)
	}
}

func TestAFreedMachineIsNotTakenUpAgainUnderItsName(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready("train", wants(gpus(1)))
	first, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}})
	if err != nil {
		t.Fatal(err)
	}
	free, err := w.Free(ctx, w.who, composa.FreeRequest{Asked: w.asked("train")})
	if err != nil {
		t.Fatal(err)
	}
	late, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(first.Operation.ID)
	if _, err := w.Turn(ctx); err != nil {
		t.Fatal(err)
	}
	w.finish(free.Operation.ID)
	w.ready("train", wants(gpus(2))) // another machine takes the name before the plug's turn
	if _, err := w.Turn(ctx); err != nil {
		t.Fatal(err)
	}
	if op := w.operation(late.Operation.ID); op.Phase != composa.PhaseUndone || op.Result.Code != composa.CodeNotFound {
		t.Errorf("the plug is %s with %+v, want undone with not_found", op.Phase, op.Result)
	}
	if got := len(w.places("train")); got != 3 {
		t.Errorf("the new machine has %v, want 3 devices", w.places("train"))
	}
}

func TestWaitingInLineEndsWithItsTime(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready("train", wants(gpus(1)))
	plug := composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}}
	if _, err := w.Plug(ctx, w.who, plug); err != nil {
		t.Fatal(err)
	}
	plug.Timeout = time.Nanosecond
	late, err := w.Plug(ctx, w.who, plug)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Turn(ctx); err != nil {
		t.Fatal(err)
	}
	if op := w.operation(late.Operation.ID); op.Phase != composa.PhaseUndone || op.Result.Code != composa.CodeTimeout {
		t.Errorf("the late plug is %s with %+v, want undone with timeout", op.Phase, op.Result)
	}
}

func TestTheLineOfOneMachineIsBounded(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready("train", wants(gpus(1)))
	plug := composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{gpus(1)}}
	for range composa.MaxLine + 1 { // one runs, the others wait
		if _, err := w.Plug(ctx, w.who, plug); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Plug(ctx, w.who, plug)
	refused(t, err, composa.CodeBusy, "32 operations wait in line for it already")
}

// gone takes a part out of its fabric.
func (w *world) gone(place composa.Place) {
	w.t.Helper()
	p := w.pictures[place.Fabric()]
	p.Devices = slices.DeleteFunc(p.Devices, func(d composa.SeenDevice) bool { return d.Name == place.Name() })
	for i := range p.Machines {
		p.Machines[i].Devices = slices.DeleteFunc(p.Machines[i].Devices, func(d string) bool { return d == place.Name() })
	}
	p.Began = time.Now()
	err := w.store.Record(w.t.Context(), composa.System(), composa.Observation{
		Fabric: place.Fabric(), Epoch: w.epoch[place.Fabric()], Picture: p,
		Parts: []composa.PartChange{{Device: *w.site().At(place), Gone: true}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestALostPartIsDriftUntilATotalIsSet(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.ready("train", wants(gpus(2)))
	lost := composa.Place(w.places("train")[0])
	w.gone(lost)
	s := w.site()
	if state := s.State(s.Machine(m.ID)); state != composa.MachineDegraded {
		t.Errorf("without its part the machine is %s, want degraded", state)
	}
	out, err := w.Reshape(ctx, w.who, composa.ReshapeRequest{Asked: w.asked("train"), Totals: map[composa.Kind]int{composa.KindGPU: 2}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	s = w.site()
	m = s.Machine(m.ID)
	if got := countOf(m.Spec, composa.KindGPU); got != 2 || len(w.places("train")) != 3 {
		t.Errorf("after a reshape to 2 gpu it wishes %d, and has %v", got, w.places("train"))
	}
}

// The last cpu is no part that a total of others gives up: the machine would go on
// without a host, and who puts it back finds it claimed by nobody.
func TestALostHostIsNotGivenUpByATotalOfOthers(t *testing.T) {
	w := newWorld(t)
	m := w.ready("train", wants(gpus(2)))
	s := w.site()
	i := slices.IndexFunc(s.Binding(m.ID), func(b composa.Bound) bool { return b.Device.Kind == composa.KindCPU })
	lost := s.Binding(m.ID)[i].Device
	w.gone(composa.PlaceOf(m.Fabric, lost.Name))
	_, err := w.Reshape(t.Context(), w.who, composa.ReshapeRequest{Asked: w.asked("train"), Totals: map[composa.Kind]int{composa.KindGPU: 1}})
	refused(t, err, composa.CodeConflict, `cannot reshape "train": its cpu was taken out of `+string(m.Fabric))
	if c := w.site().Claim(lost.ID); c == nil || c.Purpose != composa.PurposeMachine {
		t.Errorf("the claim of the lost cpu is %+v, want it as it was", c)
	}
	out, err := w.Reshape(t.Context(), w.who, composa.ReshapeRequest{Asked: w.asked("train"), Totals: map[composa.Kind]int{composa.KindCPU: 1, composa.KindGPU: 1}})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(out.Operation.ID)
	if got := w.places("train"); len(got) != 2 {
		t.Errorf("after a reshape to one cpu and one gpu it has %v", got)
	}
}

func countOf(s composa.Spec, k composa.Kind) int {
	n := 0
	for _, e := range s.Entries {
		if e.Kind == k {
			n += e.Count
		}
	}
	return n
}

func TestObservedFabricsAreNotChanged(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(1)))
	if err := w.store.PutFabric(t.Context(), composa.System(), composa.Fabric{Name: "rack1", Driver: "memory", Source: "config", Access: composa.AccessObserve}); err != nil {
		t.Fatal(err)
	}
	_, err := w.Free(t.Context(), w.who, composa.FreeRequest{Asked: w.asked("train")})
	refused(t, err, composa.CodeReadOnly, `rack1 is only observed`)
}

func TestBadRequestsChangeNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.ready("train", wants(gpus(1)))
	before := w.site()
	for _, tt := range []struct {
		name string
		ask  func() error
		code composa.Code
		text string
	}{
		{"compose of nothing", func() error {
			_, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("x"), Spec: wants(composa.Entry{Kind: composa.KindCPU})})
			return err
		}, composa.CodeInvalid, `it would be made of nothing`},
		{"reserved name", func() error {
			_, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("new"), Spec: wants(gpus(1))})
			return err
		}, composa.CodeInvalid, `the name is reserved`},
		{"more than there is", func() error {
			_, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("x"), Spec: wants(gpus(9))})
			return err
		}, composa.CodeRefused, `gpu`},
		{"unknown fabric", func() error {
			s := wants(gpus(1))
			s.Fabrics = []composa.FabricName{"rack9"}
			_, err := w.Compose(ctx, w.who, composa.ComposeRequest{Asked: w.asked("x"), Spec: s})
			return err
		}, composa.CodeNotFound, `rack9`},
		{"unknown device", func() error {
			_, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train"), Entries: []composa.Entry{{Kind: composa.KindGPU, Places: []composa.Place{"rack1/gpu99"}}}})
			return err
		}, composa.CodeNotFound, `rack1/gpu99`},
		{"unknown machine", func() error {
			_, err := w.Free(ctx, w.who, composa.FreeRequest{Asked: w.asked("trian")})
			return err
		}, composa.CodeNotFound, `cannot free "trian": there is no machine of that name; did you mean "train"?`},
		{"plug of nothing", func() error {
			_, err := w.Plug(ctx, w.who, composa.PlugRequest{Asked: w.asked("train")})
			return err
		}, composa.CodeInvalid, `nothing to plug is named`},
		{"unplug of nothing", func() error {
			_, err := w.Unplug(ctx, w.who, composa.UnplugRequest{Asked: w.asked("train")})
			return err
		}, composa.CodeInvalid, `nothing to unplug is named`},
		{"unplug of too many", func() error {
			_, err := w.Unplug(ctx, w.who, composa.UnplugRequest{Asked: w.asked("train"), Counts: map[composa.Kind]int{composa.KindGPU: 5}})
			return err
		}, composa.CodeRefused, `5 gpu are to leave and it has 1`},
		{"unplug of a negative count", func() error {
			_, err := w.Unplug(ctx, w.who, composa.UnplugRequest{Asked: w.asked("train"), Counts: map[composa.Kind]int{composa.KindGPU: -1}})
			return err
		}, composa.CodeInvalid, `-1 is not a count of gpu devices`},
		{"reshape to nothing said", func() error {
			_, err := w.Reshape(ctx, w.who, composa.ReshapeRequest{Asked: w.asked("train")})
			return err
		}, composa.CodeInvalid, `no total is named`},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, tt.ask(), tt.code, tt.text) })
	}
	after := w.site()
	if len(after.Claims) != len(before.Claims) || len(after.Machines) != len(before.Machines) || len(after.Operations) != len(before.Operations) {
		t.Errorf("bad requests left something: %d claims, %d machines, %d operations", len(after.Claims), len(after.Machines), len(after.Operations))
	}
}
