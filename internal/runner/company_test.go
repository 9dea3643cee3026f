package runner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// entersOf is an operation that waits to take so many devices in, and to do
// something with them then.
func entersOf(id composa.OperationID, devices int) composa.Operation {
	ref := composa.MachineRef{ID: composa.MachineID("mach_" + id), Name: string(id), Label: string(id), Native: string(id)}
	enter := composa.Step{Act: composa.ActEnter, Fabric: rack, Machine: ref, Lock: composa.LockEdit}
	for i := range devices {
		enter.Attach = append(enter.Attach, composa.DeviceRef{Name: fmt.Sprintf("%s-%d", id, i)})
	}
	attach := enter
	attach.Act = composa.ActReshape
	return composa.Operation{
		ID: id, Principal: "ann", Verb: composa.VerbPlug, Phase: composa.PhaseRunning, Direction: composa.Forward, Fabric: rack, Revision: 1,
		Steps: []composa.StepRecord{
			{Generation: 1, Ordinal: 1, Direction: composa.Forward, State: composa.StepPlanned, Step: enter},
			{Generation: 1, Ordinal: 2, Direction: composa.Forward, State: composa.StepPlanned, Step: attach},
		},
	}
}

// A company is of so many devices at most. Who does not fit waits, and an operation
// of more devices goes alone.
func TestACompanyIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		devices []int
		want    []composa.OperationID
	}{
		{"all fit", []int{32, 31, 1}, []composa.OperationID{"op0", "op1", "op2"}},
		{"one fits no more", []int{40, 25, 20}, []composa.OperationID{"op0", "op2"}},
		{"the first is too large", []int{maxCompany + 1, 1}, []composa.OperationID{"op0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ops []composa.Operation
			for i, n := range tt.devices {
				ops = append(ops, entersOf(composa.OperationID(fmt.Sprintf("op%d", i)), n))
			}
			now := time.Unix(1000, 0)
			s, eff, _ := Next(State{Fabric: rack, Epoch: 1}, now, Input{Operations: ops})
			var begun []composa.OperationID
			devices := 0
			for _, a := range eff.Advances {
				begun = append(begun, a.Operation)
				i := slices.IndexFunc(ops, func(op composa.Operation) bool { return op.ID == a.Operation })
				ops[i].Steps[0], ops[i].Revision = a.Steps[0], 2
				devices += len(a.Steps[0].Step.Attach)
			}
			if !slices.Equal(begun, tt.want) {
				t.Errorf("written as running: %v, want %v", begun, tt.want)
			}
			if len(eff.Ahead) != 1 {
				t.Errorf("%d steps are prepared, want the first alone", len(eff.Ahead))
			}
			_, eff, _ = Next(s, now, Input{Operations: ops})
			if len(eff.Calls) != 1 || len(eff.Calls[0].Step.Attach) != devices {
				t.Errorf("calls %+v, want one of %d devices", eff.Calls, devices)
			}
		})
	}
}
