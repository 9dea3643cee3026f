package composa_test

import (
	"testing"

	"github.com/composa-dev/composa"
)

// What waits on a fabric are the steps still to come that move devices; a site
// at rest goes on telling it.
func TestWaiting(t *testing.T) {
	step := func(generation int, state composa.StepState, devices int) composa.StepRecord {
		return composa.StepRecord{Generation: generation, State: state, Step: composa.Step{Attach: make([]composa.DeviceRef, devices)}}
	}
	site := (&composa.Site{
		Fabrics:  []composa.Fabric{{Name: "rack1"}, {Name: "rack2"}},
		Devices:  []composa.Device{{ID: "d1", Fabric: "rack1", Name: "gpu10"}, {ID: "d2", Fabric: "rack2", Name: "gpu0"}, {ID: "d3", Fabric: "rack1", Name: "gpu2"}},
		Machines: []composa.Machine{{ID: "mach_1", Fabric: "rack1", Operation: "op_1"}, {ID: "mach_2", Fabric: "rack2", Operation: "op_3"}},
		Operations: []composa.Operation{
			{ID: "op_1", Phase: composa.PhaseRunning, Fabric: "rack1", Steps: []composa.StepRecord{
				step(1, composa.StepPlanned, 1), // of a plan that was made again
				step(2, composa.StepDone, 1), step(2, composa.StepRunning, 2), step(2, composa.StepPlanned, 1), step(2, composa.StepPlanned, 0),
			}},
			{ID: "op_2", Phase: composa.PhaseQueued, Machines: []composa.MachineID{"mach_1"}},
			{ID: "op_3", Phase: composa.PhaseHeld, Fabric: "rack2", Steps: []composa.StepRecord{step(1, composa.StepPlanned, 1)}},
		},
	}).Index()
	rest := site.AtRest()
	for _, s := range []*composa.Site{site, rest, rest.AtRest()} {
		if a, b := s.Waiting("rack1"), s.Waiting("rack2"); a != 3 || b != 0 {
			t.Errorf("%d wait on rack1 and %d on rack2, want 3 and 0", a, b)
		}
	}
	if len(rest.Operations) != 1 || rest.Machine("mach_1").Operation != "" || rest.Machine("mach_2").Operation != "op_3" || site.Machine("mach_1").Operation != "op_1" {
		t.Errorf("at rest: %+v %+v", rest.Operations, rest.Machines)
	}
	var names []string
	for _, d := range site.DevicesOf("rack1") {
		names = append(names, d.Name)
	}
	if len(names) != 2 || names[0] != "gpu2" || names[1] != "gpu10" {
		t.Errorf("devices of rack1 are %v", names)
	}
}

// The pool of another project is not named.
func TestWhyNotFreeNamesNoPoolOfOthers(t *testing.T) {
	site := (&composa.Site{Pools: []composa.Pool{{ID: "pool_1", Project: "proj_a", Name: "vision"}}}).Index()
	d := composa.Device{Pool: "pool_1"}
	if got := site.WhyNotFree(&d, "proj_a", ""); got != "in pool vision" {
		t.Errorf("its own project is told %q", got)
	}
	if got := site.WhyNotFree(&d, "proj_b", ""); got != "in another pool" {
		t.Errorf("another project is told %q", got)
	}
}
