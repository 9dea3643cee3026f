package intake_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// hold leaves a compose held with its make step handed over and never proven,
// as after a make whose answer was lost.
func (w *world) hold(id composa.OperationID, native string) {
	w.t.Helper()
	op := w.operation(id)
	a := composa.Advance{
		Operation: id, Revision: op.Revision, Fabric: op.Fabric, Epoch: w.epoch[op.Fabric],
		Phase: composa.PhaseHeld, Direction: composa.Undo, Reason: "stuck", Result: &composa.Result{Code: composa.CodeUnknown, Text: "stuck"},
	}
	for _, s := range op.Steps {
		if s.Step.Act == composa.ActMake || s.Step.Act == composa.ActReshape {
			s.State, s.Attempt, s.BeganAt = composa.StepRunning, 1, time.Now()
			s.Step.Machine.Native = native
			a.Steps = append(a.Steps, s)
		}
	}
	if _, err := w.store.Advance(w.t.Context(), composa.System(), a); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) composed(name string, s composa.Spec) *composa.Operation {
	w.t.Helper()
	out, err := w.Compose(w.t.Context(), w.who, composa.ComposeRequest{Asked: w.asked(name), Spec: s})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Operation
}

func TestResolveTakesWhatIsThere(t *testing.T) {
	w := newWorld(t)
	op := w.composed("train", wants(gpus(2), composa.Entry{Kind: composa.KindSSD, Count: 1}))
	w.hold(op.ID, "7")
	label := w.site().MachineNamed(w.project, "train").Label

	_, err := w.Resolve(t.Context(), w.who, op.ID)
	refused(t, err, composa.CodeUnavailable, "began before its last step ended; try again in a moment")

	p := w.pictures["rack1"]
	p.Machines = []composa.SeenMachine{{Native: "7", Label: label, InOurs: true, Devices: []string{"gpu0", "pcpu0"}, Power: composa.PowerOff}}
	for _, name := range []string{"gpu0", "pcpu0"} {
		p.Device(name).Spot = composa.Spot{Area: composa.AreaMachine, Machine: "7"}
	}
	p.Device("gpu1").Spot = composa.Spot{Area: composa.AreaOurs, Group: "1"}
	w.see("rack1")
	done, err := w.Resolve(t.Context(), w.who, op.ID)
	if err != nil || done.Phase != composa.PhaseDone {
		t.Fatalf("resolve is %+v, %v; want done", done, err)
	}
	want := &composa.Result{
		Text: `resolved: "train" stays as rack1 shows it`,
		Where: []string{
			`"train" is on rack1 as 7, power off, with rack1/gpu0, rack1/pcpu0`,
			`the wish of "train" is now --cpu 1 --gpu 1; it was --cpu 1 --gpu 2 --ssd 1`,
			"rack1/gpu1 is not held any more",
			"rack1/ssd0 is not held any more",
		},
	}
	if diff := cmp.Diff(want, done.Result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"rack1/gpu0", "rack1/pcpu0"}, w.places("train")); diff != "" {
		t.Errorf("binding (-want +got):\n%s", diff)
	}
	s := w.site()
	m := s.MachineNamed(w.project, "train")
	if got := countOf(m.Spec, composa.KindGPU); got != 1 || s.State(m) != composa.MachineReady {
		t.Errorf("the machine is %s and wishes %d gpu, want ready with 1", s.State(m), got)
	}
	for _, place := range []composa.Place{"rack1/gpu1", "rack1/ssd0"} {
		if c := s.Claim(s.At(place).ID); c != nil {
			t.Errorf("%s is still held: %+v", place, c)
		}
	}
	if d := s.At("rack1/ssd0"); d.Hygiene != composa.HygieneUsed {
		t.Errorf("a drive that may have been attached is %s, want used", d.Hygiene)
	}
}

func TestResolveWhereAPartIsGone(t *testing.T) {
	w := newWorld(t)
	op := w.composed("train", wants(gpus(1), composa.Entry{Kind: composa.KindSSD, Count: 1}))
	w.hold(op.ID, "7")
	p := w.pictures["rack1"]
	p.Machines = []composa.SeenMachine{{Native: "7", Label: w.site().MachineNamed(w.project, "train").Label, InOurs: true, Devices: []string{"gpu0", "pcpu0"}, Power: composa.PowerOff}}
	for _, name := range []string{"gpu0", "pcpu0"} {
		p.Device(name).Spot = composa.Spot{Area: composa.AreaMachine, Machine: "7"}
	}
	w.see("rack1")
	gone := w.site().At("rack1/ssd0")
	if err := w.store.Record(t.Context(), composa.System(), composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: *gone, Gone: true}}}); err != nil {
		t.Fatal(err)
	}
	done, err := w.Resolve(t.Context(), w.who, op.ID)
	if err != nil || done.Phase != composa.PhaseDone {
		t.Fatalf("resolve is %+v, %v; want done", done, err)
	}
	if c := w.site().Claim(gone.ID); c != nil {
		t.Errorf("the part that is gone is still held: %+v", c)
	}
}

func TestResolveOfAMachineThatIsNotThereFreesIt(t *testing.T) {
	w := newWorld(t)
	op := w.composed("train", wants(gpus(1)))
	w.hold(op.ID, "7")
	w.see("rack1")
	done, err := w.Resolve(t.Context(), w.who, op.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := `resolved: "train" is freed: rack1 does not show it`; done.Result.Text != want {
		t.Errorf("result is %q, want %q", done.Result.Text, want)
	}
	if s := w.site(); s.MachineNamed(w.project, "train") != nil || len(s.Claims) != 0 {
		t.Errorf("machine %+v and claims %+v are left", s.MachineNamed(w.project, "train"), s.Claims)
	}
	_, err = w.Resolve(t.Context(), w.who, op.ID)
	refused(t, err, composa.CodeInvalid, "only a held one can be resolved")
}

// A held free that is resolved where the machine still stands freed nothing, and
// says so: what is in it, what of that is nobody's, and what its wish became.
func TestResolveOfAHeldFreeSaysThatNothingIsFreed(t *testing.T) {
	w := newWorld(t)
	w.ready("fast", wants(gpus(1)))
	out, err := w.Free(t.Context(), w.who, composa.FreeRequest{Asked: w.asked("fast")})
	if err != nil {
		t.Fatal(err)
	}
	native := w.site().MachineNamed(w.project, "fast").Native
	w.hold(out.Operation.ID, native)
	p := w.pictures["rack1"]
	p.Device("gpu0").Fingerprint.Serial = "another"
	w.see("rack1")
	old := w.site().At("rack1/gpu0")
	if err := w.store.Record(t.Context(), composa.System(), composa.Observation{Fabric: "rack1", Parts: []composa.PartChange{{Device: *old, Gone: true}}}); err != nil {
		t.Fatal(err)
	}
	done, err := w.Resolve(t.Context(), w.who, out.Operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := &composa.Result{
		Text: `resolved: "fast" is not freed: it stays as rack1 shows it`,
		Where: []string{
			`"fast" is on rack1 as ` + native + `, power on, with rack1/pcpu0`,
			`rack1/gpu0 is in "fast" too and is not its own: only the director's own tool takes it out`,
			`the wish of "fast" is now --cpu 1; it was --cpu 1 --gpu 1`,
		},
	}
	if diff := cmp.Diff(want, done.Result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}
