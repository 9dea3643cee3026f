package runner

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

var moment = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// settled is a site with the machines train (native 1) and render (native 2),
// whose devices are written "gpu0@1" where 1 is a machine, "ours" the site's
// group, "theirs" another, "free" none and "" not shown.
func settledSite(devices string) *composa.Site {
	s := &composa.Site{
		Fabrics:  []composa.Fabric{{Name: rack}},
		Pictures: map[composa.FabricName]*composa.Picture{rack: {Fabric: rack, Began: moment.Add(time.Minute), Complete: true, Abilities: &composa.Abilities{}}},
		Machines: []composa.Machine{
			{ID: "mach_train", Name: "train", Fabric: rack, Label: "train", Native: "1"}, {ID: "mach_render", Name: "render", Fabric: rack, Label: "render", Native: "2"},
		},
	}
	p := s.Pictures[rack]
	for _, m := range []string{"1", "2", "9"} {
		label := map[string]string{"1": "train", "2": "render", "9": "somebody"}[m]
		p.Machines = append(p.Machines, composa.SeenMachine{Native: m, Label: label, InOurs: m != "9"})
	}
	for _, f := range strings.Fields(devices) {
		name, at, _ := strings.Cut(f, "@")
		kind := kindOf(name)
		s.Devices = append(s.Devices, composa.Device{ID: composa.DeviceID(name), Fabric: rack, Name: name, Kind: kind})
		spot := composa.Spot{Area: composa.AreaMachine, Machine: at}
		switch at {
		case "":
			continue
		case "ours":
			spot = composa.Spot{Area: composa.AreaOurs}
		case "theirs":
			spot = composa.Spot{Area: composa.AreaForeign, Group: "x"}
		case "free":
			spot = composa.Spot{Area: composa.AreaFree}
		}
		p.Devices = append(p.Devices, composa.SeenDevice{Name: name, Kind: kind, Spot: spot, Seen: p.Began})
	}
	return s
}

func kindOf(name string) composa.Kind {
	if strings.HasPrefix(name, "ssd") {
		return composa.KindSSD
	}
	return composa.KindGPU
}

// claims reads "gpu0:train gpu1:train>render": holder, and heir.
func claims(s *composa.Site, text string) {
	for _, f := range strings.Fields(text) {
		name, who, _ := strings.Cut(f, ":")
		holder, heir, _ := strings.Cut(who, ">")
		c := composa.Claim{ID: composa.ClaimID(name), Device: composa.DeviceID(name), Machine: composa.MachineID("mach_" + holder), Purpose: composa.PurposeMachine, Entry: "gpu", Operation: "op_1"}
		if heir != "" {
			c.Heir = composa.MachineID("mach_" + heir)
		}
		s.Claims = append(s.Claims, c)
	}
	s.Index()
}

// goals reads "train=gpu0,gpu1 render=-": the last is a machine that does not
// exist.
func goals(text string) composa.Target {
	t := composa.Target{Fabric: rack}
	for _, f := range strings.Fields(text) {
		name, list, _ := strings.Cut(f, "=")
		g := composa.Goal{Machine: composa.MachineRef{ID: composa.MachineID("mach_" + name), Name: name, Label: name}, Exists: list != "-"}
		for _, d := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '-' }) {
			g.Devices = append(g.Devices, composa.Bound{Device: composa.DeviceRef{ID: composa.DeviceID(d), Name: d}, Entry: "gpu"})
		}
		t.Goals = append(t.Goals, g)
	}
	return t
}

// handed is a step that moved devices, handed over at a time before the picture.
func handed(act composa.Act, after time.Duration, attach, detach string) composa.StepRecord {
	r := composa.StepRecord{Generation: 1, Ordinal: 1, State: composa.StepDone, Attempt: 1, BeganAt: moment.Add(after), Step: composa.Step{Act: act}}
	for _, d := range strings.Fields(attach) {
		r.Step.Attach = append(r.Step.Attach, composa.DeviceRef{ID: composa.DeviceID(d), Name: d, Kind: kindOf(d)})
	}
	for _, d := range strings.Fields(detach) {
		r.Step.Detach = append(r.Step.Detach, composa.DeviceRef{ID: composa.DeviceID(d), Name: d})
	}
	return r
}

func TestSettle(t *testing.T) {
	for _, tt := range []struct {
		name, devices, claims, outcome string
		steps                          []composa.StepRecord
		keep                           bool
		want                           []string
		uncertain                      bool
	}{
		{name: "what is in the outcome stays as it is", devices: "gpu0@1", claims: "gpu0:train", outcome: "train=gpu0"},
		{name: "an heir becomes the holder", devices: "gpu0@2", claims: "gpu0:train>render", outcome: "train= render=gpu0", want: []string{"gpu0 of render"}},
		{name: "an heir of what is undone is none", devices: "gpu0@1", claims: "gpu0:train>render", outcome: "train=gpu0 render=", want: []string{"gpu0 of train"}},
		{name: "shown free: closed", devices: "gpu0@free", claims: "gpu0:train", outcome: "train=-", want: []string{"gpu0 closed"}},
		{name: "shown in somebody's hands: closed", devices: "gpu0@theirs gpu1@9", claims: "gpu0:train gpu1:train", outcome: "train=-", want: []string{"gpu0 closed", "gpu1 closed"}},
		{name: "not shown: releasing", devices: "gpu0@", claims: "gpu0:train", outcome: "train=-", steps: []composa.StepRecord{handed(composa.ActLeave, 0, "", "gpu0")}, want: []string{"gpu0 releasing"}, uncertain: true},
		{name: "not shown and never touched: closed", devices: "gpu0@", claims: "gpu0:train", outcome: "train=-", want: []string{"gpu0 closed"}},
		{name: "still in our group: releasing", devices: "gpu0@ours", claims: "gpu0:train", outcome: "train=-", want: []string{"gpu0 releasing"}, uncertain: true},
		{name: "in our group, where it stays: closed", devices: "gpu0@ours", claims: "gpu0:train", outcome: "train=-", keep: true, want: []string{"gpu0 closed"}},
		{name: "in another machine of ours: releasing", devices: "gpu0@2", claims: "gpu0:train", outcome: "train=-", want: []string{"gpu0 releasing"}, uncertain: true},
		{
			name: "a look from before the release proves nothing", devices: "gpu0@free", claims: "gpu0:train", outcome: "train=-",
			steps: []composa.StepRecord{handed(composa.ActReshape, 2*time.Minute, "", "gpu0")}, want: []string{"gpu0 releasing"}, uncertain: true,
		},
		{
			name: "a drive that was attached may hold data, also when it is given back", devices: "ssd0@1 ssd1@free", claims: "ssd0:train ssd1:train", outcome: "train=ssd0",
			steps: []composa.StepRecord{handed(composa.ActReshape, 0, "ssd0 ssd1", "")}, want: []string{"ssd0 of train used", "ssd1 closed used"},
		},
		{
			name: "nor less when it is gone since", devices: "", claims: "ssd0:train", outcome: "train=-",
			steps: []composa.StepRecord{handed(composa.ActReshape, 0, "ssd0", "")}, want: []string{"ssd0 closed used"},
		},
		{
			name: "a drive that only entered the group does not", devices: "ssd0@free", claims: "ssd0:train", outcome: "train=-",
			steps: []composa.StepRecord{handed(composa.ActEnter, 0, "ssd0", "")}, want: []string{"ssd0 closed"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := settledSite(tt.devices)
			s.Fabrics[0].Keep = tt.keep
			claims(s, tt.claims)
			target := goals(tt.outcome)
			op := &composa.Operation{ID: "op_1", Machines: []composa.MachineID{"mach_train", "mach_render"}, Steps: tt.steps}
			changes, certain := settle(op, &target, s)
			var got []string
			for _, c := range changes {
				line := string(c.Claim) + " of " + strings.TrimPrefix(string(c.Machine), "mach_")
				switch {
				case c.Closed && c.Evidence == "":
					t.Errorf("%s is closed without saying why", c.Claim)
				case c.Closed:
					line = string(c.Claim) + " closed"
				case c.Released:
					line = string(c.Claim) + " releasing"
				}
				if c.Used {
					line += " used"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if certain == tt.uncertain {
				t.Errorf("certain %v", certain)
			}
		})
	}
}

// Whatever is shown and wanted: a claim ends with its outcome's machine, closed
// with a reason, or releasing; never closed while a machine of ours shows it,
// and claims of other operations' machines are left alone.
func TestSettleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := []string{"free", "ours", "theirs", "1", "2", "9", ""}
		holders := []string{"train", "render", "train>render", "render>train", "other"}
		var devices, held []string
		wanted := map[string][]string{"train": nil, "render": nil}
		for i := range rapid.IntRange(0, 6).Draw(t, "devices") {
			name := fmt.Sprintf("gpu%d", i)
			devices = append(devices, name+"@"+rapid.SampledFrom(places).Draw(t, "place"))
			held = append(held, name+":"+rapid.SampledFrom(holders).Draw(t, "holder"))
			if in := rapid.SampledFrom([]string{"train", "render", ""}).Draw(t, "in"); in != "" {
				wanted[in] = append(wanted[in], name)
			}
		}
		s := settledSite(strings.Join(devices, " "))
		claims(s, strings.Join(held, " "))
		target := goals("train=" + strings.Join(wanted["train"], ",") + " render=" + strings.Join(wanted["render"], ","))
		op := &composa.Operation{ID: "op_1", Machines: []composa.MachineID{"mach_train", "mach_render"}}
		changes, certain := settle(op, &target, s)
		changed := map[composa.ClaimID]composa.ClaimChange{}
		for _, c := range changes {
			if _, twice := changed[c.Claim]; twice {
				t.Fatalf("claim %s changes twice", c.Claim)
			}
			changed[c.Claim] = c
		}
		for _, c := range s.Claims {
			ch, is := changed[c.ID]
			g, _ := holder(&target, c.Device)
			spot := s.Pictures[rack].Device(string(c.Device))
			switch {
			case c.Machine == "mach_other":
				if is {
					t.Fatalf("claim %s of another operation's machine changes", c.ID)
				}
			case g != nil:
				if is && ch.Machine != g.Machine.ID || !is && (c.Machine != g.Machine.ID || c.Heir != "") {
					t.Fatalf("claim %s should be of %s: %+v", c.ID, g.Machine.ID, ch)
				}
			case !is || ch.Closed == ch.Released:
				t.Fatalf("claim %s is neither closed nor releasing: %+v", c.ID, ch)
			case ch.Closed && spot != nil && slices.Contains([]string{"1", "2"}, spot.Spot.Machine):
				t.Fatalf("claim %s is closed while %s holds it", c.ID, spot.Spot)
			case ch.Released && certain:
				t.Fatalf("claim %s is releasing and everything is certain", c.ID)
			}
		}
	})
}

// Whose turn it is: everybody is in line once, what is undone first, then what
// has begun, then new work, and nobody's second before another's first.
func TestInTurnProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ops []composa.Operation
		served := map[composa.PrincipalID]int64{}
		for i := range rapid.IntRange(0, 8).Draw(t, "operations") {
			op := composa.Operation{
				ID: composa.OperationID(fmt.Sprintf("op_%d", i)), Principal: composa.PrincipalID(rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "by")),
				Phase: composa.PhaseRunning, Direction: composa.Forward, CreatedAt: moment.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Second),
			}
			if rapid.IntRange(0, 3).Draw(t, "undo") == 0 {
				op.Direction = composa.Undo
			}
			if rapid.Bool().Draw(t, "begun") {
				op.Steps = []composa.StepRecord{{Generation: 1, Ordinal: 1, Attempt: 1}}
			}
			ops = append(ops, op)
		}
		for _, who := range []composa.PrincipalID{"ann", "bob", "eve"} {
			served[who] = int64(rapid.IntRange(0, 3).Draw(t, "served"))
		}
		class := func(op *composa.Operation) int {
			switch {
			case op.Direction == composa.Undo:
				return 0
			case len(op.Steps) > 0:
				return 1
			}
			return 2
		}
		line := inTurn(ops, served)
		if len(line) != len(ops) {
			t.Fatalf("%d of %d are in line", len(line), len(ops))
		}
		for i := 1; i < len(line); i++ {
			a, b := line[i-1], line[i]
			switch {
			case class(a) > class(b):
				t.Fatalf("%s (class %d) is before %s (class %d)", a.ID, class(a), b.ID, class(b))
			case class(a) == class(b) && class(a) == 2 && served[a.Principal] > served[b.Principal]:
				t.Fatalf("%s was served later than %s and is before it", a.Principal, b.Principal)
			case a.Principal == b.Principal && class(a) == class(b) && a.CreatedAt.After(b.CreatedAt):
				t.Fatalf("%s is younger than %s and before it", a.ID, b.ID)
			}
		}
	})
}

func TestPause(t *testing.T) {
	for _, tt := range []struct{ waited, want time.Duration }{
		{0, 10 * time.Millisecond}, {200 * time.Millisecond, 10 * time.Millisecond}, {time.Second, 50 * time.Millisecond},
		{time.Minute, 3 * time.Second}, {time.Hour, 5 * time.Second},
	} {
		if got := pause(tt.waited); got != tt.want {
			t.Errorf("after %s waits %s, want %s", tt.waited, got, tt.want)
		}
	}
}

// A machine whose making is in doubt is looked for under the handle that the
// step was handed over with.
func TestAPersonIsToldOfAMachineThatAMakeInDoubtMade(t *testing.T) {
	s := settledSite("gpu0@1")
	s.Machines[0].Native = ""
	claims(s, "")
	d := &decision{state: &State{Fabric: rack}, site: s}
	op := &composa.Operation{Direction: composa.Forward, Target: goals("train=gpu0"), Steps: []composa.StepRecord{{
		Generation: 1, Ordinal: 1, State: composa.StepRunning, Attempt: 1,
		Step: composa.Step{Act: composa.ActMake, Machine: composa.MachineRef{ID: "mach_train", Label: "train", Native: "1"}},
	}}}
	if got := d.where(op, s)[0]; !strings.HasPrefix(got, `machine "train" is on rack1 as 1`) {
		t.Errorf("a person is told: %s", got)
	}
}
