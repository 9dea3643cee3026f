package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
)

func TestFor(t *testing.T) {
	grouped := func() *scene { return newScene("grouped", composa.ReshapeOn) }
	whole := func() *scene { return newScene("whole", composa.ReshapeOff) }
	hosted := func() *scene { return newScene("hosted", composa.ReshapeOn) }
	for _, tt := range []struct {
		name  string
		scene *scene
		verb  composa.Verb
		goals func(*scene) []composa.Goal
		want  []string
	}{
		{
			name: "grouped compose enters, makes, attaches and powers on", verb: composa.VerbCompose,
			scene: grouped().free("cpu0 gpu0 gpu1 gpu2"),
			goals: func(s *scene) []composa.Goal {
				return []composa.Goal{peered(powered(s.goal("train", "cpu0 gpu0 gpu1"), true), true)}
			},
			want: []string{
				"1. take rack1/cpu0, rack1/gpu0, rack1/gpu1 into the site's group",
				"2. make train on rack1",
				"3. attach rack1/cpu0, rack1/gpu0, rack1/gpu1 to train",
				"4. power train on",
				"5. switch peer-to-peer of train on",
			},
		},
		{
			name: "a device that is in the group already need not enter", verb: composa.VerbCompose,
			scene: grouped().free("cpu0").ours("gpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			want: []string{
				"1. take rack1/cpu0 into the site's group",
				"2. make train on rack1",
				"3. attach rack1/cpu0, rack1/gpu0 to train",
			},
		},
		{
			name: "whole compose makes in one step", verb: composa.VerbCompose,
			scene: whole().free("cpu0 gpu0 ssd0"),
			goals: func(s *scene) []composa.Goal {
				return []composa.Goal{powered(s.goal("train", "cpu0 gpu0 ssd0"), true)}
			},
			want: []string{"1. make train on rack1 with rack1/cpu0, rack1/gpu0, rack1/ssd0", "2. power train on"},
		},
		{
			name: "hosted compose only attaches", verb: composa.VerbCompose,
			scene: hosted().host("cpu0").free("gpu0 gpu1"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{powered(s.goal("train", "cpu0 gpu1"), true)} },
			want:  []string{"1. attach rack1/gpu1 to train", "2. power train on"},
		},
		{
			name: "what is as it should be needs nothing", verb: composa.VerbCompose,
			scene: grouped().machine("train", "cpu0 gpu0").show("train", on).free("gpu1"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{powered(s.goal("train", "cpu0 gpu0"), true)} },
		},
		{
			name: "grouped free powers off, empties, removes and leaves", verb: composa.VerbFree,
			scene: grouped().machine("train", "cpu0 gpu0").show("train", on).ours("gpu7"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			want: []string{
				"1. power train off (asks the host to shut down, and after 2m0s cuts the power where the fabric can)",
				"2. detach rack1/cpu0, rack1/gpu0 from train",
				"3. remove train from rack1",
				"4. give rack1/cpu0, rack1/gpu0 back to rack1",
			},
		},
		{
			name: "an unknown power is not off", verb: composa.VerbFree,
			scene: grouped().machine("train", "cpu0").show("train", unknownPower),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			want: []string{
				"1. power train off (asks the host to shut down, and after 2m0s cuts the power where the fabric can)",
				"2. detach rack1/cpu0 from train",
				"3. remove train from rack1",
				"4. give rack1/cpu0 back to rack1",
			},
		},
		{
			name: "free of a machine whose devices somebody took only removes it", verb: composa.VerbFree,
			scene: func() *scene {
				s := grouped().machine("train", "")
				return s.devices("gpu0", composa.Spot{Area: composa.AreaForeign, Group: "g9"}).claim("train", "gpu0")
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			want:  []string{"1. remove train from rack1"},
		},
		{
			name: "whole free removes with everything in it", verb: composa.VerbFree,
			scene: whole().machine("train", "cpu0 ssd0").show("train", on).used("ssd0", "proj_a"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			want: []string{
				"1. power train off (asks the host to shut down, and after 2m0s cuts the power where the fabric can)",
				"2. remove train from rack1 (drives that may hold data change hands)",
			},
		},
		{
			name: "plug into a running machine disturbs its host and its p2p", verb: composa.VerbPlug,
			scene: grouped().machine("train", "cpu0 gpu0").show("train", on).show("train", withP2P).free("gpu1"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0 gpu1")} },
			want: []string{
				"1. take rack1/gpu1 into the site's group",
				"2. attach rack1/gpu1 to train (its host is running; interrupts peer-to-peer)",
			},
		},
		{
			name: "plug where machines change only while off", verb: composa.VerbPlug,
			scene: whole().machine("train", "cpu0 gpu0").show("train", on).free("gpu1"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0 gpu1")} },
			want: []string{
				"1. power train off (asks the host to shut down, and after 2m0s cuts the power where the fabric can)",
				"2. attach rack1/gpu1 to train",
				"3. power train on",
			},
		},
		{
			name: "unplug leaves the group", verb: composa.VerbUnplug,
			scene: grouped().machine("train", "cpu0 ssd0 ssd1").used("ssd1", "proj_a"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 ssd0")} },
			want: []string{
				"1. detach rack1/ssd1 from train (drives that may hold data change hands)",
				"2. give rack1/ssd1 back to rack1 (drives that may hold data change hands)",
			},
		},
		{
			name: "reshape takes and gives in one step", verb: composa.VerbReshape,
			scene: grouped().machine("train", "cpu0 gpu0").ours("gpu1").claim("train", "gpu1"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu1")} },
			want: []string{
				"1. attach rack1/gpu1 to train and detach rack1/gpu0",
				"2. give rack1/gpu0 back to rack1",
			},
		},
		{
			name: "move detaches first", verb: composa.VerbMove,
			scene: grouped().machine("a", "cpu0 gpu0").machine("b", "cpu1").claimFor("a", "b", "gpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("b", "cpu1 gpu0"), s.goal("a", "cpu0")} },
			want:  []string{"1. detach rack1/gpu0 from a", "2. attach rack1/gpu0 to b"},
		},
		{
			name: "move in a chain", verb: composa.VerbMove,
			scene: grouped().machine("a", "cpu0 gpu0").machine("b", "cpu1 gpu1").machine("c", "cpu2"),
			goals: func(s *scene) []composa.Goal {
				return []composa.Goal{s.goal("c", "cpu2 gpu1"), s.goal("b", "cpu1 gpu0"), s.goal("a", "cpu0")}
			},
			want: []string{
				"1. detach rack1/gpu0 from a",
				"2. attach rack1/gpu0 to b and detach rack1/gpu1",
				"3. attach rack1/gpu1 to c",
			},
		},
		{
			name: "a swap empties both first", verb: composa.VerbMove,
			scene: grouped().machine("a", "cpu0 gpu0").machine("b", "cpu1 gpu1"),
			goals: func(s *scene) []composa.Goal {
				return []composa.Goal{s.goal("a", "cpu0 gpu1"), s.goal("b", "cpu1 gpu0")}
			},
			want: []string{
				"1. detach rack1/gpu0 from a", "2. detach rack1/gpu1 from b",
				"3. attach rack1/gpu1 to a", "4. attach rack1/gpu0 to b",
			},
		},
		{
			name: "a new whole machine takes from one that changes", verb: composa.VerbMove,
			scene: whole().machine("a", "cpu0 gpu0").free("gpu1 cpu1"),
			goals: func(s *scene) []composa.Goal {
				return []composa.Goal{s.goal("a", "cpu0 gpu1"), s.goal("b", "cpu1 gpu0")}
			},
			want: []string{
				"1. detach rack1/gpu0 from a", "2. make b on rack1 with rack1/cpu1, rack1/gpu0", "3. attach rack1/gpu1 to a",
			},
		},
		{
			name: "undo of a compose before anything happened", verb: composa.VerbCompose,
			scene: func() *scene {
				s := grouped().free("cpu0 gpu0")
				s.known("train")
				return s.claim("train", "cpu0 gpu0")
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
		},
		{
			name: "undo of a compose that entered", verb: composa.VerbCompose,
			scene: func() *scene {
				s := grouped().ours("cpu0 gpu0")
				s.known("train")
				return s.claim("train", "cpu0 gpu0")
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			want:  []string{"1. give rack1/cpu0, rack1/gpu0 back to rack1"},
		},
		{
			name: "undo of a compose that attached half", verb: composa.VerbCompose,
			scene: func() *scene {
				s := grouped().ours("gpu0")
				s.known("train")
				return s.shown("train", "cpu0").claim("train", "gpu0")
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			want: []string{
				"1. detach rack1/cpu0 from train", "2. remove train from rack1", "3. give rack1/cpu0, rack1/gpu0 back to rack1",
			},
		},
		{
			name: "a machine of our devices whose handle is not written down stays: it may be anybody's", verb: composa.VerbCompose,
			scene: func() *scene {
				s := whole()
				s.known("train")
				s.shown("train", "cpu0 gpu0")
				s.site.Machine(machineID("train")).Native = ""
				s.picture().Machines[0].Label = ""
				return s
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
		},
		{
			name: "a device on its way to a machine is of its scope", verb: composa.VerbFree,
			scene: grouped().machine("a", "cpu0").machine("b", "cpu1 gpu0").claimFor("a", "b", "gpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("b", "-")} },
			want: []string{
				"1. detach rack1/cpu1, rack1/gpu0 from b", "2. remove b from rack1", "3. give rack1/cpu1, rack1/gpu0 back to rack1",
			},
		},
		{
			name: "a drive with another project's data is left alone", verb: composa.VerbPlug,
			scene: grouped().machine("train", "cpu0").free("ssd0 ssd1").used("ssd0", "proj_b").used("ssd1", "proj_a"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 ssd0 ssd1")} },
			want: []string{
				"1. take rack1/ssd1 into the site's group",
				"2. attach rack1/ssd1 to train (drives that may hold data change hands)",
				"rack1/ssd0 may hold data of another project and is left alone: it needs its owner",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tg := target(tt.goals(tt.scene)...)
			tg.Grace = 2 * time.Minute
			p, err := plan.For(tt.scene.site, tt.verb, "proj_a", tg)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, describe(p)); d != "" {
				t.Errorf("steps (-want +got):\n%s", d)
			}
		})
	}
}

// The world is not as the target needs it: nothing is planned.
func TestForRefuses(t *testing.T) {
	grouped := func() *scene { return newScene("grouped", composa.ReshapeOn) }
	for _, tt := range []struct {
		name  string
		scene *scene
		goals func(*scene) []composa.Goal
		code  composa.Code
		text  string
	}{
		{
			name:  "a device in a foreign group",
			scene: grouped().machine("train", "cpu0").devices("gpu0", composa.Spot{Area: composa.AreaForeign, Group: "g9"}),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			code:  composa.CodeConflict,
			text:  `cannot plug "train": rack1/gpu0 is in group g9, which is not of this operation; it is never taken from there`,
		},
		{
			name:  "a device in a machine that is not in the target",
			scene: grouped().machine("train", "cpu0").machine("other", "cpu1 gpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			code:  composa.CodeConflict,
			text:  `cannot plug "train": rack1/gpu0 is in machine native-other, which is not of this operation; it is never taken from there`,
		},
		{
			name:  "a stranger in the machine",
			scene: grouped().machine("train", "cpu0 gpu7").claim("other", "gpu7"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			code:  composa.CodeConflict,
			text:  `cannot plug "train": machine "traintrain000" holds rack1/gpu7, which nobody here put there; what this plan does not know is never taken: take it out with the tool that put it in`,
		},
		{
			name: "another part in the machine",
			scene: func() *scene {
				s := grouped().machine("train", "cpu0 gpu0")
				s.picture().Device("gpu0").Fingerprint.Serial = "another"
				return s
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			code:  composa.CodeConflict,
			text:  `cannot plug "train": in machine "traintrain000" another part is at rack1/gpu0 now than the one that was put there; somebody exchanged it: take it out of the machine with the director's own tool, or put the former part back, then try again`,
		},
		{
			name: "another part in the machine, when the former one counts as taken out",
			scene: func() *scene {
				s := grouped().machine("train", "cpu0 gpu0 gpu7").claim("other", "gpu7")
				s.site.Devices = slices.DeleteFunc(s.site.Devices, func(d composa.Device) bool { return d.Name == "gpu0" })
				s.picture().Devices = slices.DeleteFunc(s.picture().Devices, func(d composa.SeenDevice) bool { return d.Name == "gpu0" })
				s.site.Index()
				return s.show("train", func(m *composa.SeenMachine) { m.Devices = []string{"cpu0", "gpu7"} })
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "-")} },
			code:  composa.CodeConflict,
			text:  `cannot plug "train": machine "traintrain000" holds rack1/gpu7, which nobody here put there, and a part of it is gone; where somebody exchanged the part, take the new one out of the machine with the director's own tool, or put the former one back, then try again`,
		},
		{
			name: "another part in the place",
			scene: func() *scene {
				s := grouped().machine("train", "cpu0").free("gpu0")
				s.picture().Device("gpu0").Fingerprint.Serial = "another"
				return s
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			code:  composa.CodeConflict, text: `cannot plug "train": another part is at rack1/gpu0`,
		},
		{
			name:  "a device that is gone",
			scene: grouped().machine("train", "cpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			code:  composa.CodeConflict, text: `cannot plug "train": rack1/gpu0 is not there any more`,
		},
		{
			name: "a machine that was made and is gone",
			scene: func() *scene {
				s := grouped().free("cpu0")
				m := s.known("train")
				m.Made, m.Native = true, "n1"
				return s
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0")} },
			code:  composa.CodeConflict, text: `cannot plug "train": rack1 does not show machine "traintrain000" (n1) any more`,
		},
		{
			name: "a foreign machine of our label",
			scene: func() *scene {
				s := grouped().free("cpu0")
				m := s.known("train")
				s.picture().Machines = []composa.SeenMachine{{Native: "n9", Label: m.Label}}
				return s
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0")} },
			code:  composa.CodeConflict, text: `cannot plug "train": a machine "traintrain000" that is not ours exists on rack1 (n9)`,
		},
		{
			name:  "machines that never change",
			scene: newScene("whole", composa.ReshapeNever).machine("train", "cpu0").free("gpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			code:  composa.CodeUnsupported, text: `cannot plug "train": rack1 cannot change the devices of a machine`,
		},
		{
			name:  "peer-to-peer where there is none",
			scene: newScene("hosted", composa.ReshapeOn).host("cpu0"),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{peered(s.goal("train", "cpu0"), true)} },
			code:  composa.CodeUnsupported, text: `cannot plug "train": rack1 has no peer-to-peer`,
		},
		{
			name: "a fabric that is only observed",
			scene: func() *scene {
				s := grouped().machine("train", "cpu0").free("gpu0")
				s.site.Fabrics[0].Access = composa.AccessObserve
				return s
			}(),
			goals: func(s *scene) []composa.Goal { return []composa.Goal{s.goal("train", "cpu0 gpu0")} },
			code:  composa.CodeReadOnly, text: `cannot plug "train": rack1 is only observed; set access: manage for it in the server's configuration`,
		},
		{
			name:  "a device in two goals",
			scene: grouped().machine("a", "cpu0").machine("b", "cpu1").free("gpu0"),
			goals: func(s *scene) []composa.Goal {
				return []composa.Goal{s.goal("a", "cpu0 gpu0"), s.goal("b", "cpu1 gpu0")}
			},
			code: composa.CodeInvalid, text: `cannot plug "a" and "b": the target cannot have rack1/gpu0 in "b"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := plan.For(tt.scene.site, composa.VerbPlug, "proj_a", target(tt.goals(tt.scene)...))
			if err == nil {
				t.Fatalf("got a plan:\n%s", strings.Join(describe(p), "\n"))
			}
			if got := composa.CodeOf(err); got != tt.code {
				t.Errorf("code %s, want %s", got, tt.code)
			}
			if got := err.Error(); got != tt.text {
				t.Errorf("text\n%s\nwant\n%s", got, tt.text)
			}
		})
	}
}

func TestNeverSeen(t *testing.T) {
	s := newScene("grouped", composa.ReshapeOn)
	s.site.Pictures = nil
	if _, err := plan.For(s.site, composa.VerbFree, "proj_a", target(s.goal("train", "-"))); composa.CodeOf(err) != composa.CodeUnreachable {
		t.Errorf("got %v, want unreachable", err)
	}
	if _, err := plan.For(s.site, composa.VerbFree, "proj_a", composa.Target{Fabric: "rack9"}); composa.CodeOf(err) != composa.CodeNotFound {
		t.Errorf("got %v, want not_found", err)
	}
}

// Freed devices stay in the site's group where the fabric says so.
func TestKeep(t *testing.T) {
	s := newScene("grouped", composa.ReshapeOn).machine("train", "cpu0")
	s.site.Fabrics[0].Keep = true
	p, err := plan.For(s.site, composa.VerbFree, "proj_a", target(s.goal("train", "-")))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1. detach rack1/cpu0 from train", "2. remove train from rack1"}
	if d := cmp.Diff(want, describe(p)); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}

// A step says what it takes for granted, so that a driver can refuse when the
// world moved in between.
func TestExpect(t *testing.T) {
	s := newScene("grouped", composa.ReshapeOn).machine("train", "cpu0 gpu0").show("train", on).free("gpu1")
	p, err := plan.For(s.site, composa.VerbReshape, "proj_a", target(s.goal("train", "cpu0 gpu1")))
	if err != nil {
		t.Fatal(err)
	}
	ours, train := composa.Spot{Area: composa.AreaOurs}, composa.Spot{Area: composa.AreaMachine, Machine: "native-train"}
	want := []composa.PlannedStep{
		{Step: composa.Step{
			Act: composa.ActEnter, Fabric: fabric, Lock: composa.LockEdit, Attach: []composa.DeviceRef{ref("gpu1")},
			Expect: composa.Expect{Spots: map[string][]composa.Spot{"gpu1": {{Area: composa.AreaFree}, ours}}},
		}},
		{Disturbs: []composa.Disturbance{composa.DisturbsHost}, Step: composa.Step{
			Act: composa.ActReshape, Fabric: fabric, Lock: composa.LockEdit, Machine: s.site.Machines[0].Ref(),
			Attach: []composa.DeviceRef{ref("gpu1")}, Detach: []composa.DeviceRef{ref("gpu0")},
			Expect: composa.Expect{
				Spots: map[string][]composa.Spot{"gpu1": {ours}, "gpu0": {train}}, Holds: []string{"cpu0", "gpu0"},
			},
		}},
		{Step: composa.Step{
			Act: composa.ActLeave, Fabric: fabric, Lock: composa.LockEdit, Detach: []composa.DeviceRef{ref("gpu0")},
			Expect: composa.Expect{Spots: map[string][]composa.Spot{"gpu0": {ours}}},
		}},
	}
	if d := cmp.Diff(want, p.Steps); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	scope := composa.PlanScope{
		Machines: []composa.MachineID{machineID("train")}, Devices: []composa.DeviceID{deviceID("cpu0"), deviceID("gpu0"), deviceID("gpu1")},
	}
	if d := cmp.Diff(scope, p.Scope); d != "" {
		t.Errorf("scope (-want +got):\n%s", d)
	}
}

// A machine that was made whole just before a crash is found by its make step:
// it holds, and tells the handle.
func TestMadeAlready(t *testing.T) {
	s := newScene("whole", composa.ReshapeOff)
	s.known("train")
	s.shown("train", "cpu0 gpu0")
	s.site.Machine(machineID("train")).Native = ""
	p, err := plan.For(s.site, composa.VerbCompose, "proj_a", target(s.goal("train", "cpu0 gpu0")))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Steps) != 1 || p.Steps[0].Step.Act != composa.ActMake {
		t.Fatalf("got %v, want one make step", describe(p))
	}
	if standing, why := p.Steps[0].Step.Judge(s.picture()); standing != composa.Holds {
		t.Errorf("the make step %s %s, want holds", standing, why)
	}
}

// A hard free cuts the power at once.
func TestHard(t *testing.T) {
	s := newScene("grouped", composa.ReshapeOn).machine("train", "cpu0").show("train", on)
	tg := target(s.goal("train", "-"))
	tg.Grace, tg.Hard = time.Minute, true
	p, err := plan.For(s.site, composa.VerbFree, "proj_a", tg)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Steps[0].Step; !got.Hard || got.Grace != 0 || got.Lock != composa.LockMachine {
		t.Errorf("hard %v, grace %s, lock %s", got.Hard, got.Grace, got.Lock)
	}
}
