package inventory

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

func site(there string) *composa.Site {
	s := &composa.Site{Fabrics: []composa.Fabric{{Name: "rack1"}}, Devices: parts(there), Pictures: map[composa.FabricName]*composa.Picture{}}
	return s.Index()
}

// script plays lines "SECONDS EVENT" and tells what Next wants after each.
func script(t *testing.T, s State, lines ...string) string {
	t.Helper()
	s.Fabric, s.NewID = "rack1", func() composa.DeviceID { return "new" }
	in := Input{}
	var out []string
	for _, line := range lines {
		var at float64
		var event string
		if _, err := fmt.Sscanf(line, "%f %s", &at, &event); err != nil {
			t.Fatal(err)
		}
		now := start.Add(time.Duration(at * float64(time.Second)))
		in = Input{Watching: in.Watching, Site: site("gpu0=A"), Gone: []composa.Device{}}
		switch event {
		case "nudge":
			in.Nudged = true
		case "watching":
			in.Watching = true
		case "seen":
			in.Looked = &Look{Picture: shows("gpu0=A", now.Sub(start))}
		case "part":
			in.Looked = &Look{Picture: shows("incomplete gpu0=A", now.Sub(start))}
		case "silent":
			in.Looked = &Look{Err: fmt.Errorf("no connection from port %d, for %s", now.UnixNano()%100, time.Duration(now.UnixNano()%100)*30*time.Millisecond)}
		case "refused":
			in.Looked = &Look{Err: errors.New("wrong password")}
		}
		next, eff, wake := Next(s, now, in)
		s = next
		var does []string
		if eff.Record != nil {
			does = append(does, "record")
			if eff.Record.Silent != "" {
				does = append(does, eff.Record.Silent)
			}
		}
		if eff.Look {
			does = append(does, "look")
		}
		if !wake.IsZero() {
			does = append(does, "wake "+wake.Sub(start).String())
		}
		out = append(out, line+": "+strings.Join(does, ", "))
	}
	return strings.Join(out, "\n")
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state State
		want  string
	}{
		{"looks at once, then every second", State{}, `
0 start: look
0.2 seen: record, wake 1s
1 time: look`},
		{"a pause of its own", State{Every: 5 * time.Second}, `
0 start: look
0.2 seen: record, wake 5s`},
		{"seldom where the fabric tells, and when it tells", State{}, `
0 watching: look
0.2 seen: record, wake 30s
3 nudge: look`},
		{"a large fabric is not looked at all the time", State{}, `
0 start: look
2 seen: record, wake 10s
3 nudge: look
30 seen: record, wake 1m0s`},
		{"a nudge during a look is another look", State{}, `
0 start: look
0.01 nudge: 
0.02 seen: record, wake 100ms
0.1 time: look`},
		{"a thousand nudges are ten looks a second", State{}, `
0 start: look
0.01 seen: record, wake 1s
0.02 nudge: wake 100ms
0.03 nudge: wake 100ms
0.1 time: look
0.11 nudge: 
0.12 seen: record, wake 200ms`},
		{"one look that fails is not silence", State{}, `
0 start: look
1 silent: wake 1.2s
1.1 nudge: wake 1.2s
1.2 time: look
1.3 seen: record, wake 2.2s
2.2 time: look
2.3 silent: wake 2.5s`},
		{"silence is told once, and asked for less and less often", State{}, `
0 start: look
0.8 silent: wake 1s
1 time: look
1 silent: record, no connection from port 0, for 0s, wake 2s
2 time: look
3 silent: wake 5s
5 time: look
6 silent: wake 10s
6.5 nudge: look
6.6 seen: record, wake 7.5s
7.5 time: look
7.6 silent: wake 7.8s
7.8 time: look
8 silent: record, no connection from port 0, for 0s, wake 9s`},
		{"another reason is told, another number in it is not", State{}, `
0 start: look
0.8 silent: wake 1s
1 time: look
1.00000003 silent: record, no connection from port 30, for 900ms, wake 2.00000003s
3 time: look
3.00000004 silent: wake 5.00000004s
6 time: look
6 refused: record, wrong password, wake 10s
11 time: look
11.5 refused: wake 19.5s`},
		{"an incomplete look is repeated soon", State{}, `
0 watching: look
0.2 part: record, wake 1s`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			for _, l := range strings.Split(strings.TrimSpace(tt.want), "\n") {
				line, _, _ := strings.Cut(l, ":")
				lines = append(lines, line)
			}
			if got := script(t, tt.state, lines...); got != strings.TrimSpace(tt.want) {
				t.Errorf("got\n%s\nwant\n%s", got, strings.TrimSpace(tt.want))
			}
		})
	}
}

// A claim is closed by a look that began after the release, and by no other.
func TestReleases(t *testing.T) {
	released := start.Add(time.Minute)
	for _, tt := range []struct {
		name, shows string
		after       time.Duration
		keep        bool
		want        string
	}{
		{"shown free afterwards", "gpu0=A", 2 * time.Minute, false, "shown free"},
		{"shown free before", "gpu0=A", time.Second, false, ""},
		{"left in the site's group", "gpu0=A@group", 2 * time.Minute, false, "left in this site's group"},
		{"in the site's group before", "gpu0=A@group", time.Second, false, ""},
		{"in the site's group, where it stays", "gpu0=A@group", 2 * time.Minute, true, "shown in this site's group"},
		{"in a machine of ours", "gpu0=A@ours", 2 * time.Minute, false, ""},
		{"in somebody's machine", "gpu0=A@theirs", 2 * time.Minute, false, "shown in somebody else's machine"},
		{"another part in its place", "gpu0=B", 2 * time.Minute, false, ""},
		{"not shown", "gpu1=B", 2 * time.Minute, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := site("gpu0=A")
			s.Machines = []composa.Machine{{ID: "mach_1", Fabric: "rack1", Label: "train", Native: "ours"}}
			s.Claims = []composa.Claim{{ID: "claim_1", Device: "A", Machine: "mach_0", Purpose: composa.PurposeReleasing, ReleasedAt: released}}
			s.Fabrics[0].Keep = tt.keep
			p := shows(tt.shows, tt.after)
			for i, d := range p.Devices {
				if d.Spot.Machine == "group" {
					p.Devices[i].Spot = composa.Spot{Area: composa.AreaOurs, Group: "group"}
				} else if d.Spot.Machine != "" {
					p.Machines = append(p.Machines, composa.SeenMachine{Native: d.Spot.Machine, InOurs: d.Spot.Machine == "ours", Label: map[bool]string{true: "train"}[d.Spot.Machine == "ours"], Devices: []string{d.Name}})
				}
			}
			got := Releases(plus(s.Index(), "rack1", p), "rack1", nil)
			if tt.want == "" {
				if len(got) > 0 {
					t.Errorf("closed: %+v", got)
				}
				return
			}
			if len(got) != 1 || !got[0].Closed || !strings.HasPrefix(got[0].Evidence, tt.want) {
				t.Errorf("got %+v, want %q", got, tt.want)
			}
		})
	}
	s := site("gpu0=A")
	s.Claims = []composa.Claim{
		{ID: "claim_1", Device: "A", Purpose: composa.PurposeReleasing, ReleasedAt: released},
		{ID: "claim_2", Device: "A", Purpose: composa.PurposeMachine},
	}
	gone := []composa.PartChange{{Device: s.Devices[0], Gone: true}}
	if got := Releases(plus(s.Index(), "rack1", shows("", time.Hour)), "rack1", gone); len(got) != 1 || got[0].Claim != "claim_1" {
		t.Errorf("a part that is gone: %+v", got)
	}
}

// A look that shows nothing new is written only when the written one is old, or
// when somebody waits for what a newer one shows.
func TestAQuietFabricIsSeldomWritten(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  bool // of this run
		age    time.Duration
		shows  string
		alters func(*composa.Site)
		writes bool
	}{
		{name: "the same, a second later", age: time.Second},
		{name: "the same, just before it is old", age: rest - time.Millisecond},
		{name: "the same, when it is old", age: rest, writes: true},
		{name: "the first one of a run", age: time.Second, first: true, writes: true},
		{name: "a part is gone from its place", age: time.Second, shows: " ", writes: true},
		{name: "another health", age: time.Second, shows: "gpu0=A degraded", writes: true},
		{name: "an operation goes on there", age: time.Second, writes: true, alters: func(s *composa.Site) {
			s.Operations = []composa.Operation{{ID: "op_1", Fabric: "rack1"}}
		}},
		{name: "an operation goes on elsewhere", age: time.Second, alters: func(s *composa.Site) {
			s.Operations = []composa.Operation{{ID: "op_1", Fabric: "rack2"}}
		}},
		{name: "a device is being released", age: time.Second, writes: true, alters: func(s *composa.Site) {
			s.Claims = []composa.Claim{{ID: "claim_1", Device: "A", Purpose: composa.PurposeReleasing, ReleasedAt: start.Add(time.Hour)}}
		}},
		{name: "it was silent", age: time.Second, writes: true, alters: func(s *composa.Site) { s.Fabrics[0].Reach.SilentSince = start }},
		{name: "what is shown is from before the start", age: time.Second, writes: true, alters: func(s *composa.Site) { s.Fabrics[0].Reach.Stale = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := site("gpu0=A")
			s.Pictures["rack1"] = shows("gpu0=A", 0)
			look := shows("gpu0=A", tt.age)
			switch {
			case tt.shows == " ":
				look = shows("", tt.age)
			case strings.HasSuffix(tt.shows, "degraded"):
				look.Devices[0].Health = composa.HealthDegraded
			}
			if tt.alters != nil {
				tt.alters(s)
			}
			state := State{Fabric: "rack1", recorded: !tt.first}
			o := state.saw(start.Add(tt.age), Input{Looked: &Look{Picture: look}, Site: s.Index()})
			if (o != nil) != tt.writes {
				t.Errorf("written: %v, want %v", o != nil, tt.writes)
			}
		})
	}
}
