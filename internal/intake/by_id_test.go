package intake_test

import (
	"testing"

	"github.com/composa-dev/composa"
)

// A request that means one machine is not about another that has its name.
func TestARequestMayMeanExactlyOneMachine(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(1)))
	asked := w.asked("train")
	asked.ID = composa.MachineID(composa.NewID(composa.PrefixMachine))
	plug := composa.PlugRequest{Asked: asked, Entries: []composa.Entry{gpus(1)}}
	_, err := w.Plug(t.Context(), w.who, plug)
	refused(t, err, composa.CodeNotFound, "there is no machine of that name")
	_, err = w.Free(t.Context(), w.who, composa.FreeRequest{Asked: asked})
	refused(t, err, composa.CodeNotFound, "there is no machine of that name")
	plug.ID = w.site().MachineNamed(w.project, "train").ID
	if _, err := w.Plug(t.Context(), w.who, plug); err != nil {
		t.Errorf("the very machine: %v", err)
	}
}

// A move may mean exactly one machine as the one that gets the devices.
func TestAMoveMayMeanExactlyOneMachineThatGetsThem(t *testing.T) {
	w := newWorld(t)
	w.ready("train", wants(gpus(2)))
	w.ready("eval", composa.Spec{Fabrics: []composa.FabricName{"rack1"}, Entries: []composa.Entry{gpus(1)}})
	move := composa.MoveRequest{Asked: w.asked("train"), Places: []composa.Place{"rack1/gpu0"}, To: "eval", ToID: composa.MachineID(composa.NewID(composa.PrefixMachine))}
	_, err := w.Move(t.Context(), w.who, move)
	refused(t, err, composa.CodeNotFound, "there is no machine of that name")
	move.ToID = w.site().MachineNamed(w.project, "eval").ID
	if _, err := w.Move(t.Context(), w.who, move); err != nil {
		t.Errorf("the very machine: %v", err)
	}
}
