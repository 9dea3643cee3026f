package neighbour

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/emulator/liqid"
)

func acts(small, proving int) int {
	if os.Getenv("COMPOSA_PROVE") != "" {
		return proving
	}
	return small
}

// TestAloneOnADirector acts on every era with nobody else there: nothing is
// refused, nothing is lost, no rule is broken, and nothing is left.
func TestAloneOnADirector(t *testing.T) {
	for _, c := range []struct{ era, user string }{{"2.4", ""}, {"2.5", ""}, {"2.5", "ann"}, {"3.2", ""}, {"3.2", "ann"}, {"3.4", "ann"}} {
		t.Run(c.era+" as "+c.user, func(t *testing.T) {
			config := liqid.Config{API: c.era}
			if c.user != "" {
				config.Users = map[string]string{c.user: password}
			}
			alone(t, config, c.user, acts(15, 200))
		})
	}
}

// TestAloneWithEveryHabit does the same on directors of every habit that the
// notes leave open.
func TestAloneWithEveryHabit(t *testing.T) {
	for _, name := range liqid.HabitNames() {
		for _, value := range liqid.HabitValues(name) {
			for _, era := range []string{"2.5", "3.4"}[:acts(1, 2)] {
				t.Run(name+"="+value+" on "+era, func(t *testing.T) {
					t.Parallel() // it waits more than it works
					config := liqid.Config{API: era}
					if err := config.Habits.Set(name + "=" + value); err != nil {
						t.Fatal(err)
					}
					alone(t, config, "", acts(4, 60))
				})
			}
		}
	}
}

const password = "secret"

// alone lets a neighbour act on a director of its own.
func alone(t *testing.T, config liqid.Config, user string, most int) {
	t.Helper()
	config.Name, config.Counts = "rack1", liqid.Counts{CPUs: 4, GPUs: 8, SSDs: 4, NICs: 4, Memories: 2}
	config.CommitLatency = liqid.Latency{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond}
	d, err := liqid.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	n, err := New(Config{URL: server.URL, User: user, Password: password, Prefix: "nbr", Seed: 1, Patience: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r, err := n.Run(ctx, func(r Report) bool { return r.Done() < most })
	if err != nil {
		t.Fatalf("%v, after %+v", err, r)
	}
	if r.Era != config.API || r.IDTaken+r.Lost > 0 {
		t.Errorf("era %s, ids taken %d, lost %d; want %s and no trouble", r.Era, r.IDTaken, r.Lost, config.API)
	}
	if r.Waited > 0 && config.Habits.Commit != "early" {
		t.Errorf("it waited %d times, with nobody there", r.Waited)
	}
	for _, v := range d.Violations() {
		t.Errorf("a rule was broken: %+v", v)
	}
	state := d.Snapshot()
	if len(state.Machines)+len(state.Groups)+len(state.Sessions) > 0 {
		t.Errorf("left behind: %+v %+v %+v", state.Machines, state.Groups, state.Sessions)
	}
}

// TestNeighboursAmongThemselves lets three act on one director at the same time:
// they wait for one another, lose ids and devices to one another, and each keeps
// what it has.
func TestNeighboursAmongThemselves(t *testing.T) {
	for _, era := range liqid.Eras() {
		t.Run(era, func(t *testing.T) {
			t.Parallel() // it waits more than it works
			d, err := liqid.New(liqid.Config{API: era, Name: "rack1", Counts: liqid.Counts{CPUs: 6, GPUs: 8, SSDs: 4, NICs: 4},
				CommitLatency: liqid.Latency{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			server := httptest.NewServer(d.Handler())
			defer server.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			most := acts(5, 100)
			var all sync.WaitGroup
			for i := range 3 {
				n, err := New(Config{URL: server.URL, Prefix: fmt.Sprintf("n%dx", i), Seed: uint64(i)})
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() {
					r, err := n.Run(ctx, func(r Report) bool { return r.Done() < most })
					t.Logf("%+v", r)
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			for _, v := range d.Violations() {
				t.Errorf("a rule was broken: %+v", v)
			}
			if state := d.Snapshot(); len(state.Machines)+len(state.Groups)+len(state.Sessions) > 0 && !t.Failed() {
				t.Errorf("left behind: %+v %+v %+v", state.Machines, state.Groups, state.Sessions)
			}
		})
	}
}

// TestAMachineThatSomebodyElseChangedIsFound changes what the neighbour has
// behind its back: the next check must tell.
func TestAMachineThatSomebodyElseChangedIsFound(t *testing.T) {
	d, err := liqid.New(liqid.Config{API: "2.5", Name: "rack1", Counts: liqid.Counts{CPUs: 2, GPUs: 4}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	n, err := New(Config{URL: server.URL, Prefix: "nbr"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := n.meet(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.act(ctx, act{what: compose, wants: []want{{compute, 1}, {gpu, 1}}}); err != nil {
		t.Fatal(err)
	}
	m := n.machines[0]
	if err := n.check(ctx); err != nil {
		t.Fatalf("nothing was changed yet: %v", err)
	}
	other, err := New(Config{URL: server.URL, Prefix: "nbr"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.meet(ctx); err != nil {
		t.Fatal(err)
	}
	other.group, other.machines = n.group, []*machine{{id: m.id, name: m.name}}
	if err := other.reshape(ctx, other.machines[0], nil, m.devices[1:]); err != nil {
		t.Fatal(err)
	}
	gone := m.devices[1].Name
	if err := n.check(ctx); err == nil || !strings.Contains(err.Error(), gone+" is at") {
		t.Errorf("a check says %v; want %s found at another place", err, gone)
	}
	if err := other.remove(ctx, other.machines[0]); err != nil {
		t.Fatal(err)
	}
	if err := n.check(ctx); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("machine %d is", m.id)) {
		t.Errorf("a check says %v; want the machine missed", err)
	}
}

// TestWhatIsAlwaysTakenIsGivenUp: a director that lets no device in is not asked
// for ever.
func TestWhatIsAlwaysTakenIsGivenUp(t *testing.T) {
	refuses, err := liqid.ParseFault("* POST predevice/* status=400")
	if err != nil {
		t.Fatal(err)
	}
	d, err := liqid.New(liqid.Config{Faults: []liqid.FaultRule{refuses}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	n, err := New(Config{URL: server.URL, Prefix: "nbr", Patience: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := n.meet(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.makeGroup(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.enter(ctx, []want{{gpu, 1}}); err == nil || !strings.Contains(err.Error(), "it never came that as many devices") {
		t.Errorf("error = %v", err)
	}
}

func TestDialectIsToldByTheVersionAndTheLists(t *testing.T) {
	for _, c := range []struct {
		what    string
		version string
		details bool
		want    string // era first three; or the error
	}{
		{"daemons with numbers are before 2.5", `{"liqcfgd-version":{"major":2,"minor":4},"liqmgt-version":{"major":2,"minor":4,"patch":1,"number":7}}`, false, "2.4 true false"},
		{"components without lists of details are 2.5", `{"component":"liqmgt","version":"2.5.0.0"}`, false, "2.5 false false"},
		{"components with lists of details are 3.x", `{"component":"liqmgt","version":"3.4.0.0"}`, true, "3.4 false true"},
		{"a version of no known shape is an error", `{"release":"x"}`, false, `version {"release":"x"} is of no shape that is known`},
	} {
		t.Run(c.what, func(t *testing.T) {
			d, err := dialectOf([]json.RawMessage{json.RawMessage(c.version)}, c.details)
			got := fmt.Sprintf("%s %t %t", d.era, d.first, d.three)
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLinkIsFollowedOnTheDirectorOnly(t *testing.T) {
	for _, c := range []struct{ href, want string }{
		{"http://elsewhere:8080/liqid/api/v2/async/7?x=1", "async/7?x=1"},
		{"/liqid/api/v2/async/7", ""},
		{"http://h/other", ""},
		{"%zz", ""},
	} {
		got, err := linkPath(c.href)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("linkPath(%q) = %q, %v; want %q", c.href, got, err, c.want)
		}
	}
}

func TestChoice(t *testing.T) {
	full := &machine{id: 1, devices: []device{{Name: "pcpu0", class: compute}, {Name: "gpu0", class: gpu}, {Name: "gpu1", class: gpu}}}
	for _, c := range []struct {
		what string
		h    holding
		want map[deed]bool
	}{
		{"with nothing it composes", holding{most: 3, p2p: true}, map[deed]bool{compose: true}},
		{"with an empty group it may remove it", holding{most: 3, group: true}, map[deed]bool{compose: true, disband: true}},
		{"with a machine it does all", holding{machines: []*machine{full}, most: 3, group: true, p2p: true},
			map[deed]bool{compose: true, plug: true, unplug: true, p2p: true, power: true, free: true}},
		{"with as many machines as it may have it composes no more", holding{machines: []*machine{full}, most: 1, group: true},
			map[deed]bool{plug: true, unplug: true, power: true, free: true}},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := map[deed]bool{}
			for seed := range uint64(200) {
				a := choose(rand.New(rand.NewPCG(seed, 0)), c.h)
				got[a.what] = true
				for _, d := range a.devices {
					if d.class == compute {
						t.Errorf("%s takes the compute node", a)
					}
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("acts (-want +got):\n%s", diff)
			}
		})
	}
}
