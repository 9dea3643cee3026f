package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// Why an operation chose is kept with it, whether it began at once or when its
// turn came, and is not told where nothing was chosen.
func TestExplanationIsKept(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		why := &composa.Explanation{
			Text: "the only one", Fabric: "rack1", Fabrics: []composa.FabricAccount{{Fabric: "rack1", Fits: true}},
			Chosen: []composa.ChosenEntry{{Entry: "gpu", Kind: "gpu", Places: []composa.Place{"rack1/gpu0"}}},
		}
		kept := func(op *composa.Operation) *composa.Explanation {
			t.Helper()
			x, err := b.Explanation(b.ctx(), b.admin, op.ID)
			b.ok(err)
			return x
		}
		silent := b.accept(b.compose("silent", devices[0]))
		if x := kept(silent); x != nil {
			t.Errorf("nothing was chosen, and %+v is told", x)
		}
		a := b.compose("train", devices[1])
		a.Explanation = why
		if d := cmp.Diff(why, kept(b.accept(a))); d != "" {
			t.Errorf("explanation (-accepted +kept):\n%s", d)
		}
		ready := b.ready("render", devices[2])
		waiting := b.compose("other")
		waiting.NewMachine, waiting.Operation.Verb, waiting.Operation.Phase, waiting.Operation.Steps = nil, composa.VerbPlug, composa.PhaseQueued, nil
		waiting.Operation.Machines, waiting.Machines = []composa.MachineID{ready.ID}, nil
		queued := b.accept(waiting)
		if x := kept(queued); x != nil {
			t.Errorf("nothing was chosen yet, and %+v is told", x)
		}
		turn := Acceptance{Operation: *queued, Explanation: why}
		turn.Operation.Phase = composa.PhaseRunning
		if d := cmp.Diff(why, kept(b.accept(turn))); d != "" {
			t.Errorf("explanation of a turn (-accepted +kept):\n%s", d)
		}
	})
}
