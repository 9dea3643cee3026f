package composa

import "testing"

// What a machine is called by its fabric is looked for in its row, then in what
// was handed over, also by a make step in doubt, then in the goals.
func TestTheMostThatIsKnownOfAMachineIsWhatNamesIt(t *testing.T) {
	row := func(act Act, attempt int, id MachineID, native string) StepRecord {
		return StepRecord{Attempt: attempt, Step: Step{Act: act, Machine: MachineRef{ID: id, Native: native}}}
	}
	for _, tt := range []struct {
		name, row, goal string
		steps           []StepRecord
		want            string
	}{
		{name: "nothing is known"},
		{name: "the machine's row comes first", row: "7", goal: "6", steps: []StepRecord{row(ActMake, 1, "a", "5")}, want: "7"},
		{name: "a make in doubt", steps: []StepRecord{row(ActMake, 1, "a", "5")}, want: "5"},
		{name: "the newest make in doubt", steps: []StepRecord{row(ActMake, 1, "a", "5"), row(ActMake, 2, "a", "6")}, want: "6"},
		{name: "a make that was never handed over", steps: []StepRecord{row(ActMake, 0, "a", "5")}},
		{name: "a make of another machine", steps: []StepRecord{row(ActMake, 1, "b", "5")}},
		{name: "the goal", goal: "6", want: "6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := &Operation{Steps: tt.steps, Target: Target{Goals: []Goal{{Machine: MachineRef{ID: "a", Native: tt.goal}}}}}
			ref := op.Ref(&Machine{ID: "a", Label: "train", Native: tt.row})
			if ref.Native != tt.want || ref.Label != "train" {
				t.Errorf("it is named %+v, not %q", ref, tt.want)
			}
		})
	}
}
