package composa

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The pictures of these tables are written as lines: "NAME PLACE", where PLACE
// is free, ours, theirs (a foreign group) or a machine's handle, and
// "machine HANDLE LABEL OWNER", where OWNER is ours or theirs.
func sketch(lines ...string) *Picture {
	p := &Picture{Fabric: "r", Complete: true, Groups: []SeenGroup{{Native: "g1", Ours: true}, {Native: "g2"}}}
	for _, line := range lines {
		f := strings.Fields(line)
		if f[0] == "machine" {
			m := SeenMachine{Native: f[1], Label: f[2], InOurs: f[3] == "ours", Group: "g2", Power: PowerOff, Created: time.Unix(7, 0)}
			if m.InOurs {
				m.Group = "g1"
			}
			if m.Label == "-" {
				m.Label, m.Group = "", ""
			}
			p.Machines = append(p.Machines, m)
		}
	}
	for _, line := range lines {
		f := strings.Fields(line)
		if f[0] == "machine" {
			continue
		}
		d := SeenDevice{Name: f[0], Kind: KindGPU, Fingerprint: Fingerprint{Serial: f[0]}}
		if len(f) > 2 {
			d.Fingerprint.Serial = f[2]
		}
		switch f[1] {
		case "free":
			d.Spot = Spot{Area: AreaFree}
		case "ours":
			d.Spot = Spot{Area: AreaOurs, Group: "g1"}
		case "theirs":
			d.Spot = Spot{Area: AreaForeign, Group: "g2"}
		default:
			m := p.Machine(f[1])
			m.Devices = append(m.Devices, d.Name)
			d.Spot = Spot{Area: AreaMachine, Group: m.Group, Machine: m.Native}
		}
		p.Devices = append(p.Devices, d)
	}
	return p
}

func part(name string) DeviceRef {
	return DeviceRef{Name: name, Kind: KindGPU, Fingerprint: Fingerprint{Serial: name}}
}

func refs(names ...string) (out []DeviceRef) {
	for _, n := range names {
		out = append(out, part(n))
	}
	return out
}

func TestJudge(t *testing.T) {
	ours := MachineRef{Label: "train", Native: "1"}
	fresh := MachineRef{Label: "train"}
	inOurs := map[string][]Spot{"a": {{Area: AreaOurs}}, "b": {{Area: AreaOurs}}}
	inMine := map[string][]Spot{"a": {{Area: AreaMachine, Machine: "1"}}}
	for _, tt := range []struct {
		name    string
		step    Step
		picture *Picture
		want    Standing
		why     string
	}{
		{"enter: free devices are ready", Step{Act: ActEnter, Attach: refs("a", "b")}, sketch("a free", "b ours"), Ready, ""},
		{"enter: in the group holds", Step{Act: ActEnter, Attach: refs("a")}, sketch("a ours"), Holds, ""},
		{"enter: in our machine holds", Step{Act: ActEnter, Machine: ours, Attach: refs("a")}, sketch("machine 1 train ours", "a 1"), Holds, ""},
		{"enter: in another group is a conflict", Step{Act: ActEnter, Attach: refs("a")}, sketch("a theirs"), Conflict, "group g2"},
		{"enter: in somebody's machine is a conflict", Step{Act: ActEnter, Attach: refs("a")}, sketch("machine 2 x theirs", "a 2"), Conflict, "machine 2"},
		{"enter: vanished is a conflict", Step{Act: ActEnter, Attach: refs("a")}, sketch(), Conflict, "not there any more"},
		{"enter: another part is a conflict", Step{Act: ActEnter, Attach: refs("a")}, sketch("a free other"), Conflict, "another part"},
		{"enter: elsewhere than expected is a conflict", Step{Act: ActEnter, Attach: refs("a"), Expect: Expect{Spots: inOurs}}, sketch("a free"), Conflict, "free devices"},

		{"leave: in the group is ready", Step{Act: ActLeave, Detach: refs("a")}, sketch("a ours"), Ready, ""},
		{"leave: free holds", Step{Act: ActLeave, Detach: refs("a")}, sketch("a free"), Holds, ""},
		{"leave: vanished holds", Step{Act: ActLeave, Detach: refs("a")}, sketch(), Holds, ""},
		{"leave: another part holds", Step{Act: ActLeave, Detach: refs("a")}, sketch("a ours other"), Holds, ""},
		{"leave: taken by a rival holds", Step{Act: ActLeave, Detach: refs("a")}, sketch("machine 2 x theirs", "a 2"), Holds, ""},
		{"leave: still in our machine is a conflict", Step{Act: ActLeave, Machine: ours, Detach: refs("a"), Expect: Expect{Spots: inOurs}}, sketch("machine 1 train ours", "a 1"), Conflict, "machine 1"},
		{"leave: in another machine of our group is a conflict", Step{Act: ActLeave, Machine: ours, Detach: refs("a")}, sketch("machine 1 train ours", "machine 3 render ours", "a 3"), Conflict, "machine 3"},

		{"make empty: nothing there is ready", Step{Act: ActMake, Machine: ours}, sketch(), Ready, ""},
		{"make empty: ours holds", Step{Act: ActMake, Machine: ours}, sketch("machine 1 train ours"), Holds, ""},
		{"make empty: the handle is somebody's", Step{Act: ActMake, Machine: ours}, sketch("machine 1 train theirs"), Conflict, "handle"},
		{"make empty: the handle has another label", Step{Act: ActMake, Machine: ours}, sketch("machine 1 x ours"), Conflict, "handle"},
		{"make empty: the label is somebody's", Step{Act: ActMake, Machine: ours}, sketch("machine 9 train theirs"), Conflict, "not ours"},
		{"make empty: the label under another handle is not ours", Step{Act: ActMake, Machine: ours}, sketch("machine 9 train ours"), Conflict, "not ours"},
		{"make empty: a stranger is in it", Step{Act: ActMake, Machine: ours}, sketch("machine 1 train ours", "x 1"), Conflict, "r/x"},
		{"make whole: free devices are ready", Step{Act: ActMake, Machine: fresh, Attach: refs("a", "b")}, sketch("a free", "b free"), Ready, ""},
		{"make whole: exactly its devices hold", Step{Act: ActMake, Machine: fresh, Attach: refs("a", "b")}, sketch("machine 5 - ours", "a 5", "b 5"), Holds, ""},
		{"make whole: more than its devices is somebody's", Step{Act: ActMake, Machine: fresh, Attach: refs("a", "b")}, sketch("machine 5 - ours", "a 5", "b 5", "c 5"), Conflict, "machine 5"},
		{"make whole: less than its devices is somebody's", Step{Act: ActMake, Machine: fresh, Attach: refs("a", "b")}, sketch("machine 5 - ours", "a 5", "b free"), Conflict, "machine 5"},
		{"make whole: devices that the step merely allows do not make it ours", Step{Act: ActMake, Machine: fresh, Attach: refs("a", "b"), Expect: Expect{Holds: []string{"c"}}}, sketch("machine 5 - ours", "a 5", "c 5", "b free"), Conflict, "machine 5"},
		{"make whole: another part in it is not ours", Step{Act: ActMake, Machine: fresh, Attach: refs("a")}, sketch("machine 5 - ours", "a 5 other"), Conflict, "another part"},

		{"attach: in the group is ready", Step{Act: ActReshape, Machine: ours, Attach: refs("a"), Expect: Expect{Spots: inOurs}}, sketch("machine 1 train ours", "a ours"), Ready, ""},
		{"attach: in the machine holds", Step{Act: ActReshape, Machine: ours, Attach: refs("a"), Expect: Expect{Spots: inOurs}}, sketch("machine 1 train ours", "a 1"), Holds, ""},
		{"attach: without an expectation takes nothing from others", Step{Act: ActReshape, Machine: ours, Attach: refs("a")}, sketch("machine 1 train ours", "machine 2 x theirs", "a 2"), Conflict, "machine 2"},
		{"attach: no machine is a conflict", Step{Act: ActReshape, Machine: ours, Attach: refs("a")}, sketch("a ours"), Conflict, "not there any more"},
		{"attach: a machine of our label that we did not make is a conflict", Step{Act: ActReshape, Machine: ours, Attach: refs("a")}, sketch("machine 9 train theirs", "a ours"), Conflict, "not there any more"},
		{"attach: a machine made again by somebody is a conflict", Step{Act: ActReshape, Machine: MachineRef{Label: "train", Native: "1", NativeSince: time.Unix(3, 0)}, Attach: refs("a")}, sketch("machine 1 train ours", "a ours"), Conflict, "not there any more"},
		{"attach: a stranger is a conflict", Step{Act: ActReshape, Machine: ours, Attach: refs("a")}, sketch("machine 1 train ours", "a ours", "x 1"), Conflict, "r/x"},
		{"attach: what it may hold is no stranger", Step{Act: ActReshape, Machine: ours, Attach: refs("a"), Expect: Expect{Holds: []string{"x"}}}, sketch("machine 1 train ours", "a ours", "x 1"), Ready, ""},
		{"detach: in the machine is ready", Step{Act: ActReshape, Machine: ours, Detach: refs("a"), Expect: Expect{Spots: inMine}}, sketch("machine 1 train ours", "a 1"), Ready, ""},
		{"detach: out of it holds", Step{Act: ActReshape, Machine: ours, Detach: refs("a"), Expect: Expect{Spots: inMine}}, sketch("machine 1 train ours", "a ours"), Holds, ""},
		{"detach: no machine holds", Step{Act: ActReshape, Machine: ours, Detach: refs("a")}, sketch("a ours"), Holds, ""},
		{"detach: vanished holds", Step{Act: ActReshape, Machine: ours, Detach: refs("a")}, sketch("machine 1 train ours"), Holds, ""},
		{"detach: another part in its place is a stranger", Step{Act: ActReshape, Machine: ours, Detach: refs("a"), Expect: Expect{Holds: []string{"a"}}}, sketch("machine 1 train ours", "a 1 other"), Conflict, "r/a"},
		{"swap: half done is ready", Step{Act: ActReshape, Machine: ours, Attach: refs("a"), Detach: refs("b"), Expect: Expect{Spots: inOurs}}, sketch("machine 1 train ours", "a ours", "b ours"), Ready, ""},

		{"remove: empty is ready", Step{Act: ActRemove, Machine: ours}, sketch("machine 1 train ours"), Ready, ""},
		{"remove: gone holds", Step{Act: ActRemove, Machine: ours}, sketch("machine 9 train theirs"), Holds, ""},
		{"remove: never made holds", Step{Act: ActRemove, Machine: fresh}, sketch(), Holds, ""},
		{"remove: a stranger is a conflict", Step{Act: ActRemove, Machine: ours, Expect: Expect{Holds: []string{"a"}}}, sketch("machine 1 train ours", "a 1", "x 1"), Conflict, "r/x"},
		{"remove: with what it may hold is ready", Step{Act: ActRemove, Machine: ours, Expect: Expect{Holds: []string{"a"}}}, sketch("machine 1 train ours", "a 1"), Ready, ""},

		{"power off: off holds", Step{Act: ActPower, Machine: ours}, sketch("machine 1 train ours"), Holds, ""},
		{"power off: no machine holds", Step{Act: ActPower, Machine: ours}, sketch(), Holds, ""},
		{"power on: off is ready", Step{Act: ActPower, Machine: ours, On: true}, sketch("machine 1 train ours"), Ready, ""},
		{"power on: no machine is a conflict", Step{Act: ActPower, Machine: ours, On: true}, sketch(), Conflict, "not there any more"},
		{"p2p off: off holds", Step{Act: ActP2P, Machine: ours}, sketch("machine 1 train ours"), Holds, ""},
		{"p2p on: off is ready", Step{Act: ActP2P, Machine: ours, On: true}, sketch("machine 1 train ours"), Ready, ""},
		{"p2p: no machine is a conflict", Step{Act: ActP2P, Machine: ours}, sketch(), Conflict, "not there any more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.step.Fabric = "r"
			got, why := tt.step.Judge(tt.picture)
			if got != tt.want || !strings.Contains(why, tt.why) || (got == Conflict) != (why != "") {
				t.Errorf("%s: %s %q, want %s %q", &tt.step, got, why, tt.want, tt.why)
			}
		})
	}
}

func TestTodoListsWhatIsNotWhereTheStepPutsIt(t *testing.T) {
	s := Step{Act: ActReshape, Fabric: "r", Machine: MachineRef{Label: "train", Native: "1"}, Attach: refs("a", "b", "gone"), Detach: refs("c", "d")}
	attach, detach := s.Todo(sketch("machine 1 train ours", "a 1", "b ours", "c 1", "d ours"))
	if got := fmt.Sprint(names(attach), names(detach)); got != "[b] [c]" {
		t.Errorf("to do: %s, want [b] [c]", got)
	}
	whole := Step{Act: ActMake, Fabric: "r", Machine: MachineRef{Label: "train"}, Attach: refs("a", "b")}
	if attach, _ := whole.Todo(sketch("machine 5 - ours", "a 5", "b 5")); len(attach) > 0 {
		t.Errorf("to do for a machine that is made: %v", names(attach))
	}
}

func names(refs []DeviceRef) (out []string) {
	for _, d := range refs {
		out = append(out, d.Name)
	}
	return out
}

// anyPicture draws machines 1 to 3, of which some are ours, and devices a to f
// anywhere.
func anyPicture(t *rapid.T) *Picture {
	var lines []string
	places := []string{"free", "ours", "theirs"}
	for _, native := range []string{"1", "2", "3"} {
		if rapid.Bool().Draw(t, "there") {
			label := rapid.SampledFrom([]string{"train", "other", "-"}).Draw(t, "label")
			owner := rapid.SampledFrom([]string{"ours", "theirs"}).Draw(t, "owner")
			lines = append(lines, fmt.Sprintf("machine %s %s %s", native, label, owner))
			places = append(places, native)
		}
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		switch rapid.IntRange(0, 9).Draw(t, "shown") {
		case 0: // vanished
		case 1:
			lines = append(lines, name+" "+rapid.SampledFrom(places).Draw(t, "place")+" other")
		default:
			lines = append(lines, name+" "+rapid.SampledFrom(places).Draw(t, "place"))
		}
	}
	return sketch(lines...)
}

func anyStep(t *rapid.T) Step {
	all := rapid.Permutation([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "devices")
	cut := rapid.IntRange(0, 3).Draw(t, "attach")
	end := cut + rapid.IntRange(0, 2).Draw(t, "detach")
	s := Step{
		Act:    rapid.SampledFrom([]Act{ActEnter, ActLeave, ActMake, ActReshape, ActRemove, ActP2P, ActPower}).Draw(t, "act"),
		Fabric: "r", On: rapid.Bool().Draw(t, "on"),
		Machine: MachineRef{Label: "train", Native: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "native")},
		Attach:  refs(all[:cut]...), Detach: refs(all[cut:end]...),
		Expect: Expect{Holds: all[end:rapid.IntRange(end, 6).Draw(t, "holds")]},
	}
	switch s.Act {
	case ActEnter, ActMake:
		s.Detach = nil
	case ActLeave:
		s.Attach = nil
	case ActRemove, ActP2P, ActPower:
		s.Attach, s.Detach = nil, nil
	}
	return s
}

// Every step stands somehow in every picture, a conflict says why and nothing
// else does, and judging changes neither.
func TestJudgeIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := anyPicture(t), anyStep(t)
		standing, why := s.Judge(p)
		if !slices.Contains([]Standing{Holds, Ready, Conflict}, standing) || (standing == Conflict) != (why != "") {
			t.Fatalf("%s: %q %q", &s, standing, why)
		}
		if again, _ := s.Judge(p); again != standing {
			t.Fatalf("%s: %s, and then %s", &s, standing, again)
		}
	})
}

// A step that is ready holds once what Todo lists was moved, and takes nothing
// from anybody on the way.
func TestWhatIsToDoMakesTheStepHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := anyPicture(t), anyStep(t)
		switch s.Act {
		case ActEnter, ActLeave, ActReshape:
		default:
			return
		}
		attach, detach := s.Todo(p)
		if standing, _ := s.Judge(p); standing != Ready {
			if standing == Holds && len(attach)+len(detach) > 0 {
				t.Fatalf("%s holds, and there is to do: %v %v", &s, names(attach), names(detach))
			}
			return
		}
		for _, d := range slices.Concat(attach, detach) {
			at := p.Device(d.Name).Spot
			mine := at.Area == AreaFree || at.Area == AreaOurs || at.Area == AreaMachine && at.Machine == s.Machine.Native
			if !mine {
				t.Fatalf("%s is ready, and takes %s from %s", &s, d.Name, at)
			}
		}
		moved := move(p, &s, attach, detach)
		if standing, why := s.Judge(moved); standing != Holds {
			t.Fatalf("%s: %s %s after it was done", &s, standing, why)
		}
	})
}

// move does to a picture what a driver does to a fabric.
func move(p *Picture, s *Step, attach, detach []DeviceRef) *Picture {
	var lines []string
	to := map[string]string{}
	for _, d := range attach {
		to[d.Name] = map[Act]string{ActEnter: "ours", ActReshape: s.Machine.Native}[s.Act]
	}
	for _, d := range detach {
		to[d.Name] = map[Act]string{ActLeave: "free", ActReshape: "ours"}[s.Act]
	}
	for _, m := range p.Machines {
		owner, label := "theirs", m.Label
		if m.InOurs {
			owner = "ours"
		}
		if label == "" {
			label = "-"
		}
		lines = append(lines, "machine "+m.Native+" "+label+" "+owner)
	}
	for _, d := range p.Devices {
		place := map[Area]string{AreaFree: "free", AreaOurs: "ours", AreaForeign: "theirs", AreaMachine: d.Spot.Machine}[d.Spot.Area]
		if t, moves := to[d.Name]; moves {
			place = t
		}
		lines = append(lines, d.Name+" "+place+" "+d.Fingerprint.Serial)
	}
	return sketch(lines...)
}

// A step that meets a machine which is not ours is never ready to change it.
func TestNoStepIsReadyToChangeAMachineOfOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, s := anyPicture(t), anyStep(t)
		m := p.Machine(s.Machine.Native)
		if m == nil || s.Machine.Means(m) || s.Act == ActEnter || s.Act == ActLeave {
			return
		}
		if standing, _ := s.Judge(p); standing == Ready {
			t.Fatalf("%s is ready, and machine %s is %q of others", &s, m.Native, m.Label)
		}
	})
}

func TestStepTellsItselfInAFewWords(t *testing.T) {
	m := MachineRef{Name: "train", Label: "trainabcd1234", Native: "1"}
	for _, tt := range []struct {
		step Step
		want string
	}{
		{Step{Act: ActEnter, Attach: refs("a", "b")}, "take r/a, r/b into the site's group"},
		{Step{Act: ActLeave, Detach: refs("a")}, "give r/a back to r"},
		{Step{Act: ActMake}, "make train on r"},
		{Step{Act: ActMake, Attach: refs("a")}, "make train on r with r/a"},
		{Step{Act: ActReshape, Attach: refs("a")}, "attach r/a to train"},
		{Step{Act: ActReshape, Detach: refs("a")}, "detach r/a from train"},
		{Step{Act: ActReshape, Attach: refs("a"), Detach: refs("b")}, "attach r/a to train and detach r/b"},
		{Step{Act: ActRemove}, "remove train from r"},
		{Step{Act: ActP2P, On: true}, "switch peer-to-peer of train on"},
		{Step{Act: ActPower}, "power train off"},
	} {
		tt.step.Fabric, tt.step.Machine = "r", m
		if got := tt.step.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
