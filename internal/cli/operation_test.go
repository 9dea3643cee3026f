package cli

import (
	"testing"

	"github.com/composa-dev/composa/api"
)

// Steps that were given up before they began are not among those shown.
func TestStepsThatNeverBeganAreNotShown(t *testing.T) {
	op := &api.Operation{ID: "op_1", Phase: "undone", Steps: []api.Step{
		{Generation: 1, Ordinal: 1, Text: "make the machine", State: "done", Attempt: 1},
		{Generation: 1, Ordinal: 2, Text: "attach rack1/gpu0", State: "failed", Attempt: 1, Evidence: "busy"},
		{Generation: 1, Ordinal: 3, Text: "power it on", State: "failed"},
	}}
	var got []string
	for _, d := range operationDetails(op, noon) {
		if len(d.name) > 4 && d.name[:4] == "step" {
			got = append(got, d.name+": "+d.value)
		}
	}
	if len(got) != 2 || got[1] != "step 2: attach rack1/gpu0: failed: busy" {
		t.Errorf("shown are %q", got)
	}
}

// What was just done is told as done, however old the last look is; the same
// machine found again is told as it is.
func TestADoneMachineIsNotToldAsStale(t *testing.T) {
	m := &api.Machine{Name: "f1", State: "stale", Fabric: "rack1"}
	for _, tt := range []struct {
		op   *api.Operation
		want string
	}{
		{&api.Operation{Phase: "done"}, "f1 is ready:  on rack1\n"},
		{nil, "f1 is stale already:  on rack1\n"},
	} {
		if got := saidOfWhole(&outcome{machine: m, op: tt.op}); got != tt.want {
			t.Errorf("said is %q, not %q", got, tt.want)
		}
	}
}
