package intake_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func (w *world) dry(machine string, s composa.Spec) *composa.Plan {
	w.t.Helper()
	a := w.asked(machine)
	a.DryRun = true
	out, err := w.Compose(w.t.Context(), w.who, composa.ComposeRequest{Asked: a, Spec: s})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Plan
}

func TestAPlanIsCarriedOutByWhoMadeIt(t *testing.T) {
	w := newWorld(t)
	p := w.dry("train", wants(gpus(2)))
	other := w.who
	other.Principal = composa.Principal{ID: "user_other", Kind: composa.PrincipalUser, Name: "other"}
	_, err := w.CarryOut(t.Context(), other, composa.CarryOutRequest{Plan: p.ID})
	refused(t, err, composa.CodeNotAllowed, "somebody else made it")
	elsewhere := w.who
	elsewhere.Projects = nil
	_, err = w.CarryOut(t.Context(), elsewhere, composa.CarryOutRequest{Plan: p.ID})
	refused(t, err, composa.CodeNotFound, "cannot find plan")
	if n := len(w.site().Machines); n != 0 {
		t.Errorf("%d machines were made", n)
	}
}

// What placement would choose now does not matter: the plan's devices are taken,
// under the id that the plan gave the machine.
func TestAPlanTakesItsDevices(t *testing.T) {
	w := newWorld(t)
	p := w.dry("train", wants(gpus(2)))
	// The other rack has fewer free devices now, so that placement would take it.
	other := map[composa.FabricName]composa.FabricName{"rack1": "rack2", "rack2": "rack1"}[p.Target.Fabric]
	taken := wants(gpus(3))
	taken.Fabrics = []composa.FabricName{other}
	w.ready("render", taken)
	if now := w.dry("another", wants(gpus(2))); now.Target.Fabric != other {
		t.Fatalf("placement still takes %s", now.Target.Fabric)
	}
	out, err := w.CarryOut(t.Context(), w.who, composa.CarryOutRequest{Plan: p.ID, Message: "as planned"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Target.Goals, out.Operation.Target.Goals); diff != "" || !out.Made || out.Operation.Message != "as planned" {
		t.Errorf("made %v, message %q, goals (-plan +operation):\n%s", out.Made, out.Operation.Message, diff)
	}
	again, err := w.CarryOut(t.Context(), w.who, composa.CarryOutRequest{Plan: p.ID})
	if err != nil || again.Operation.ID != out.Operation.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
}

func TestAPlanForAMachineThatIsBeingChangedHasMoved(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(1)))
	a := w.asked("train")
	if _, err := w.Plug(t.Context(), w.who, composa.PlugRequest{Asked: a, Entries: []composa.Entry{gpus(1)}}); err != nil {
		t.Fatal(err)
	}
	a.DryRun = true
	out, err := w.Reshape(t.Context(), w.who, composa.ReshapeRequest{Asked: a, Totals: map[composa.Kind]int{composa.KindGPU: 3}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.CarryOut(t.Context(), w.who, composa.CarryOutRequest{Plan: out.Plan.ID})
	refused(t, err, composa.CodeMoved, `"train" is being changed (plug, running)`)
}

// A device that another part was put in the place of is not taken for it.
func TestAPlanWhosePartWasReplacedHasMoved(t *testing.T) {
	w := newWorld(t)
	p := w.dry("train", wants(gpus(6)))
	w.pictures[p.Target.Fabric].Device("gpu3").Fingerprint.Serial = "another part"
	w.see(p.Target.Fabric)
	_, err := w.CarryOut(t.Context(), w.who, composa.CarryOutRequest{Plan: p.ID})
	refused(t, err, composa.CodeMoved, string(p.Target.Fabric)+"/gpu3 holds another part now")
}

// What the fabric shows otherwise makes other steps.
func TestAPlanWhoseStepsWouldBeOthersHasMoved(t *testing.T) {
	w := newWorld(t)
	m := w.ready("train", wants(gpus(1)))
	a := w.asked("train")
	a.DryRun = true
	out, err := w.Free(t.Context(), w.who, composa.FreeRequest{Asked: a})
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.pictures[m.Fabric].Machines {
		w.pictures[m.Fabric].Machines[i].Power = composa.PowerOff
	}
	w.see(m.Fabric)
	_, err = w.CarryOut(t.Context(), w.who, composa.CarryOutRequest{Plan: out.Plan.ID})
	refused(t, err, composa.CodeMoved, "shows something else now, so that its steps would not be the same: step 1 was")
}

// What people say of a device can change, and with it whether it is what was
// asked for.
func TestAPlanWhoseDeviceDoesNotMeetItsConditionHasMoved(t *testing.T) {
	w := newWorld(t)
	label := func(team string) {
		d := w.site().At("rack1/gpu1")
		update := composa.DeviceUpdate{Labels: map[string]*string{"team": &team}}
		if _, err := w.store.SetDevice(t.Context(), w.who, d.ID, d.Revision, update); err != nil {
			t.Fatal(err)
		}
	}
	label("vision")
	wish := gpus(1)
	wish.Where = `device.labels.team == "vision"`
	p := w.dry("train", wants(wish))
	label("audio")
	_, err := w.CarryOut(t.Context(), w.who, composa.CarryOutRequest{Plan: p.ID})
	refused(t, err, composa.CodeMoved, `rack1/gpu1 does not serve: not where device.labels.team == "vision"`)
}
