package inventory

import (
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// A drive that is seen in the machine that is just being made may hold data of
// that machine's project, and stays usable for it.
func TestADriveOfAMachineThatIsBeingMadeIsKeptForItsProject(t *testing.T) {
	row := func(act composa.Act, attempt int, native string) composa.StepRecord {
		r := composa.StepRecord{Generation: 1, Ordinal: 1, State: composa.StepRunning, Attempt: attempt, Step: composa.Step{
			Act: act, Fabric: "rack1", Machine: composa.MachineRef{ID: "mach_1", Name: "train", Label: "train", Native: native},
		}}
		for _, d := range parts("ssd0=S") {
			r.Step.Attach = append(r.Step.Attach, d.Ref())
		}
		return r
	}
	for _, tt := range []struct {
		name  string
		step  composa.StepRecord
		shown composa.SeenMachine
		want  composa.ProjectID
	}{
		{name: "made under a handle of our choice", step: row(composa.ActMake, 1, "7"), shown: composa.SeenMachine{Label: "train", InOurs: true}, want: "proj_ml"},
		{name: "made whole, without a handle", step: row(composa.ActMake, 1, ""), shown: composa.SeenMachine{InOurs: true}, want: "proj_ml"},
		{name: "its host takes it up", step: row(composa.ActReshape, 1, "7"), shown: composa.SeenMachine{InOurs: true}, want: "proj_ml"},
		{name: "not handed over yet, so it is somebody else's", step: row(composa.ActMake, 0, ""), shown: composa.SeenMachine{InOurs: true}},
		{name: "the handle of our choice, and another label", step: row(composa.ActMake, 1, "7"), shown: composa.SeenMachine{Label: "theirs", InOurs: true}},
		{name: "in a group that is not ours", step: row(composa.ActMake, 1, ""), shown: composa.SeenMachine{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := shows("ssd0=S@7", time.Second)
			tt.shown.Native, tt.shown.Devices = "7", []string{"ssd0"}
			p.Machines = []composa.SeenMachine{tt.shown}
			site := &composa.Site{
				Fabrics: []composa.Fabric{{Name: "rack1"}}, Devices: parts("ssd0=S"),
				Machines:   []composa.Machine{{ID: "mach_1", Project: "proj_ml", Name: "train", Label: "train", Fabric: "rack1", Operation: "op_1"}},
				Operations: []composa.Operation{{ID: "op_1", Verb: composa.VerbCompose, Machines: []composa.MachineID{"mach_1"}, Steps: []composa.StepRecord{tt.step}}},
			}
			s := State{Fabric: "rack1"}
			o := s.saw(start, Input{Looked: &Look{Picture: p}, Site: site.Index()})
			if len(o.Parts) != 1 || o.Parts[0].Device.Hygiene != composa.HygieneUsed || o.Parts[0].Device.KeptFor != tt.want {
				t.Errorf("the drive becomes %+v, not kept for %q", o.Parts, tt.want)
			}
		})
	}
}
