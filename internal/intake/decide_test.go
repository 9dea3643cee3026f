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
	if _, err := w.Resolve(t.Context(), w.who, op.ID); err != nil {
		t.Fatal(err)
	}
	if s := w.site(); s.MachineNamed(w.project, "train") != nil || len(s.Claims) != 0 {
		t.Errorf("machine %+v and claims %+v are left", s.MachineNamed(w.project, "train"), s.Claims)
	}
	_, err := w.Resolve(t.Context(), w.who, op.ID)
	refused(t, err, composa.CodeInvalid, "only a held one can be resolved")
}
