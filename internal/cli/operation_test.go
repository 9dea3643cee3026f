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

// That cancelling ends an operation is said only where it does.
func TestWhatIsSaidOfOperationsThatGoOn(t *testing.T) {
	op := func(id, verb, phase string) *api.Operation { return &api.Operation{ID: id, Verb: verb, Phase: phase} }
	for _, tt := range []struct {
		ops  []*api.Operation
		want string
	}{
		{nil, "nothing goes on"},
		{[]*api.Operation{op("op_1", "plug", "running")}, "operation op_1 goes on: `composa operation wait op_1` follows it, `composa operation cancel op_1` ends it"},
		{[]*api.Operation{op("op_1", "free", "queued")}, "operation op_1 goes on: `composa operation wait op_1` follows it, `composa operation cancel op_1` ends it"},
		{[]*api.Operation{op("op_1", "unplug", "waiting")}, "operation op_1 goes on: `composa operation wait op_1` follows it"},
		{[]*api.Operation{op("op_1", "free", "queued"), op("op_2", "free", "running")}, "operations op_1, op_2 go on: `composa operation wait ID` follows one"},
	} {
		if got := goesOn(tt.ops); got != tt.want {
			t.Errorf("said is %q, not %q", got, tt.want)
		}
	}
}

// A site of pretend hardware only is told as that, a mixed one as mixed.
func TestEmulatedSitesAreTold(t *testing.T) {
	mock, real := api.Fabric{Emulated: true}, api.Fabric{}
	if got := emulatedText([]api.Fabric{mock, mock}); got != "this site is emulated" {
		t.Errorf("said is %q", got)
	}
	if got := emulatedText([]api.Fabric{mock, real}); got != "some of this is emulated" {
		t.Errorf("said is %q", got)
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

// Whoever waits for a free that somebody resolves is not told that it freed.
func TestAFreeThatWasResolvedDidNotFree(t *testing.T) {
	op := &api.Operation{ID: "op_1", Verb: "free", Phase: "done", Result: &api.Result{Text: `resolved: "train" is not freed`}}
	err := notFreed(op, &api.Machine{Name: "train", State: "degraded"})
	if err == nil || failureOf(err).exit != exitConflict {
		t.Errorf("the end is %v, want a conflict", err)
	}
	op.Result = nil
	if err := notFreed(op, &api.Machine{Name: "train"}); err != nil {
		t.Errorf("a free that was done is %v", err)
	}
}

// What was to be cancelled and was done all the same is no success, also where
// nobody waits; what was cancelled is one.
func TestACancelThatCameTooLate(t *testing.T) {
	for _, tt := range []struct {
		verb, word, phase, next string
		exit                    int
	}{
		{"plug", "cancel", "done", "`composa operation show op_1` tells what it did", exitConflict},
		{"compose", "cancel", "done", "`composa free train` gives it back", exitConflict},
		{"free", "cancel", "done", "what is given back is only to be composed anew: `composa operation show op_1` tells what it did", exitConflict},
		{"compose", "cancel", "cancelled", "", exitDone},
		{"compose", "cancel", "undone", "", exitDone},
		{"compose", "retry", "done", "", exitDone},
	} {
		op := &api.Operation{ID: "op_1", Verb: tt.verb, Phase: tt.phase, Machines: []api.OperationMachine{{ID: "mach_1", Name: "train"}}}
		err := asDecided(tt.word, op, judge(op, false))
		if tt.exit == exitDone {
			if err != nil {
				t.Errorf("%s of a %s that is %s: %v", tt.word, tt.verb, tt.phase, err)
			}
			continue
		}
		got := failureOf(err)
		if got.exit != tt.exit || got.problem.Next != tt.next || got.problem.Detail != "cannot cancel operation op_1: too late, "+tt.verb+` of "train" was done` {
			t.Errorf("%s of a %s that is %s: exit %d, %s", tt.word, tt.verb, tt.phase, got.exit, got.text())
		}
	}
}

// What is shown of a fabric says how old it is once that is more than usual.
func TestAnOldSightOfAFabricSaysSo(t *testing.T) {
	for age, want := range map[float64]string{0: "ok", 14.9: "ok", 25.4: "ok, seen 25 s ago"} {
		if got := fabricState(api.Fabric{State: "ok", Age: age}); got != want {
			t.Errorf("after %v s it is %q, not %q", age, got, want)
		}
	}
	if got := fabricState(api.Fabric{State: "silent", Age: 99}); got != "silent" {
		t.Errorf("a silent one is %q", got)
	}
}
