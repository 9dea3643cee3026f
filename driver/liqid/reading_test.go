package liqid

import (
	"fmt"
	"slices"
	"testing"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// When one reading proves what it shows (decision 0015).
func TestOneReadingIsEnoughWhereItIsWhole(t *testing.T) {
	all := []string{"gpu0", "gpu1", "gpu2", "gpu3", "pcpu0"}
	for _, tt := range []struct {
		name    string
		spoil   func(*reading)
		devices []string // that are there; nil: all
		scope   []string
		want    bool
	}{
		{name: "it is whole", want: true},
		{name: "memberships were asked for in turn", spoil: func(r *reading) { r.whole = false }},
		{name: "a member names a machine that is not there", spoil: func(r *reading) { r.machines = nil }},
		{name: "a member names another name of its group", spoil: func(r *reading) { r.groups[1].name = "new" }},
		{name: "a machine lies in no group", spoil: func(r *reading) { r.machines = append(r.machines, machine{id: 8, group: 9}) }},
		{name: "a member is no device", devices: []string{"gpu0", "gpu1", "gpu3", "pcpu0"}},
		{name: "several calls, and each device of the scope is told", spoil: func(r *reading) { r.apart = true }, scope: []string{"gpu0", "gpu1"}, want: true},
		{name: "several calls, and none tells of a device of the scope", spoil: func(r *reading) { r.apart = true }, scope: []string{"gpu0", "gpu3"}},
		{name: "one call, and it does not tell of a device of the scope", scope: []string{"gpu0", "gpu3"}, want: true},
		{name: "several calls, and a device of the scope is not there", spoil: func(r *reading) { r.apart = true }, scope: []string{"gpu9"}, want: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := world()
			r.whole = true
			if tt.spoil != nil {
				tt.spoil(&r)
			}
			there := all
			if tt.devices != nil {
				there = tt.devices
			}
			l := &look{devices: parts(there...), named: map[string]int{}}
			for i, name := range there {
				l.named[name] = i
			}
			if got := l.enough(&r, composa.Scope{Devices: tt.scope}); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}

// What was asked ahead serves where it is still asked for; an error of a group
// that is gone is none.
func TestMembersAskedAhead(t *testing.T) {
	q := func(n int) memberQuery { return memberQuery{query: fmt.Sprintf("?grp_id=%d", n)} }
	gone := askedMembers{q(2), nil, faultf(composa.CodeRefused, "no such group")}
	one, three := askedMembers{q(1), []member{{name: "gpu0"}}, nil}, askedMembers{q(3), nil, nil}
	asked, left := asOf([]memberQuery{q(1), q(3), q(4)}, []askedMembers{one, gone, three})
	if len(asked) != 2 || asked[0].memberQuery != q(1) || asked[1].memberQuery != q(3) || !slices.Equal(left, []memberQuery{q(4)}) {
		t.Errorf("%+v %+v", asked, left)
	}
	if _, err := answered(asked); err != nil {
		t.Error(err)
	}
	if _, err := answered([]askedMembers{one, gone}); err == nil {
		t.Error("an answer that failed counts")
	}
}

// A group of somebody else that comes and goes between two looks at a director
// that is asked group by group is seen to, and to be gone.
func TestGroupsThatComeAndGo(t *testing.T) {
	s := newScene(t, emulator.Config{API: "3.4", Counts: emulator.Counts{CPUs: 1, GPUs: 4, SSDs: 1}})
	s.observe()
	s.rack.provoked = true
	for range 2 {
		native, err := s.Take("gpu3")
		if err != nil {
			t.Fatal(err)
		}
		if d := s.observe().Device("gpu3"); d == nil || d.Spot.Machine != native {
			t.Errorf("gpu3 is at %+v, want machine %s", d, native)
		}
		if err := s.Release("gpu3"); err != nil {
			t.Fatal(err)
		}
		if d := s.observe().Device("gpu3"); d == nil || d.Spot.Area != composa.AreaFree {
			t.Errorf("gpu3 is at %+v, want free", d)
		}
	}
}
