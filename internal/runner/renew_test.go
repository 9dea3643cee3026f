package runner

import (
	"strings"
	"testing"

	"github.com/composa-dev/composa"
)

// Of the steps that another plan replaces, those that never began say so.
func TestStepsThatNeverBeganSaySo(t *testing.T) {
	step := composa.Step{Act: composa.ActEnter, Fabric: rack, Attach: []composa.DeviceRef{{ID: "gpu0", Name: "gpu0"}}}
	op := &composa.Operation{Direction: composa.Forward, Steps: []composa.StepRecord{
		{Generation: 1, Ordinal: 1, State: composa.StepRunning, Attempt: 1, Step: step},
		{Generation: 1, Ordinal: 2, State: composa.StepPlanned, Step: step},
	}}
	d := &decision{state: &State{Fabric: rack}, now: moment}
	rows, _ := d.closeGeneration(op, &op.Steps[0], settledSite("gpu0@free").Pictures[rack])
	if len(rows) != 2 || rows[0].Evidence != "another plan took its place" || rows[1].Evidence != "not begun: another plan took its place" {
		t.Errorf("the rows end as %+v", rows)
	}
}

// Of an operation that was cancelled, or is put back, no other plan is told.
func TestStepsOfACancelledOperationSaySo(t *testing.T) {
	for code, want := range map[composa.Code]string{composa.CodeCancelled: "not begun: cancelled", composa.CodeFailed: "not begun: everything goes back to what was before"} {
		op := &composa.Operation{
			Direction: composa.Undo, Result: &composa.Result{Code: code},
			Steps: []composa.StepRecord{{Generation: 1, Ordinal: 1, Direction: composa.Forward, State: composa.StepPlanned, Step: composa.Step{Act: composa.ActEnter, Fabric: rack}}},
		}
		rows, _ := (&decision{state: &State{Fabric: rack}, now: moment}).closeGeneration(op, &op.Steps[0], nil)
		if len(rows) != 1 || rows[0].Evidence != want {
			t.Errorf("with %s the rows end as %+v, want %q", code, rows, want)
		}
	}
}

// What a step failed with is told, also where nobody knew what that meant.
func TestTheLastErrorIsTold(t *testing.T) {
	step := composa.Step{Act: composa.ActEnter, Fabric: rack, Attach: []composa.DeviceRef{{ID: "gpu0", Name: "gpu0"}}}
	op := &composa.Operation{Direction: composa.Forward, Steps: []composa.StepRecord{
		{Generation: 1, Ordinal: 1, State: composa.StepRunning, Attempt: maxAttempts, Step: step},
	}}
	for _, tt := range []struct {
		name   string
		answer Answer
		want   string
	}{
		{"an error", Answer{Err: composa.Errorf(composa.CodeUnknown, "cannot %s: the fabric answers 503", step.String())}, "it was tried 5 times, and the last error was: the fabric answers 503"},
		{"no error", Answer{}, "it was tried 5 times, and no look shows it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, l := &decision{state: &State{Fabric: rack}, now: moment}, &leg{}
			d.hear(op, l, &Call{Kind: CallApply, Step: step}, &tt.answer)
			l.settled = moment
			d.hearDoubt(op, l, &op.Steps[0], settledSite("gpu0@free").Pictures[rack])
			if l.failed == nil || !strings.HasSuffix(l.failed.text, tt.want) {
				t.Errorf("it fails with %+v, not %q", l.failed, tt.want)
			}
		})
	}
}
