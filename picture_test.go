package composa

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func second(n int) time.Time { return time.Unix(int64(n), 0).UTC() }

// look makes a picture that began at a second. The entries are names of
// devices with a place, "a:free", and "m1=label" for machines.
func look(at int, scope Scope, entries ...string) *Picture {
	p := &Picture{Fabric: "r", Began: second(at), Ended: second(at), Scope: scope, Complete: true}
	for _, e := range entries {
		if name, place, ok := strings.Cut(e, ":"); ok {
			p.Devices = append(p.Devices, SeenDevice{Name: name, Spot: Spot{Area: Area(place)}, Seen: second(at)})
		} else if native, label, ok := strings.Cut(e, "="); ok {
			p.Machines = append(p.Machines, SeenMachine{Native: native, Label: label, Seen: second(at)})
		}
	}
	return p
}

func shown(p *Picture) string {
	var out []string
	for _, d := range p.Devices {
		out = append(out, fmt.Sprintf("%s:%s", d.Name, d.Spot.Area))
	}
	for _, m := range p.Machines {
		out = append(out, m.Native+"="+m.Label)
	}
	return strings.Join(out, " ")
}

func TestOverlay(t *testing.T) {
	all := Scope{}
	only := func(devices ...string) Scope { return Scope{Devices: devices} }
	label := Scope{Labels: []string{"train"}}
	for _, tt := range []struct {
		name  string
		looks []*Picture // laid over each other in this order
		want  string
		began int
	}{
		{"a wide look replaces everything", []*Picture{look(1, all, "a:free", "b:free"), look(2, all, "b:ours")}, "b:ours", 2},
		{"a narrow look changes what it shows", []*Picture{look(1, all, "a:free", "b:free"), look(2, only("a"), "a:ours")}, "a:ours b:free", 1},
		{"a narrow look removes what it did not find", []*Picture{look(1, all, "a:free", "b:free"), look(2, only("a"))}, "b:free", 1},
		{"a wide look that began earlier undoes nothing", []*Picture{look(1, all, "a:free"), look(3, only("a"), "a:ours"), look(2, all, "a:free", "b:free")}, "a:ours b:free", 2},
		{"a wide look that began earlier brings nothing back", []*Picture{look(1, all, "a:free", "b:free"), look(3, only("a")), look(2, all, "a:free", "b:free")}, "b:free", 2},
		{"it comes back with a look that began later", []*Picture{look(1, all, "a:free"), look(3, only("a")), look(4, all, "a:free")}, "a:free", 4},
		{"two wide looks in the wrong order", []*Picture{look(2, all, "b:free"), look(1, all, "a:free", "b:ours")}, "b:free", 2},
		{"a narrow look from before a wide one adds nothing", []*Picture{look(2, all, "b:free"), look(1, only("a"), "a:free")}, "b:free", 2},
		{"looks that began at once: the one laid over wins", []*Picture{look(1, all, "a:free"), look(1, only("a"), "a:ours")}, "a:ours", 1},
		{"natural order", []*Picture{look(1, all, "g2:free", "g10:free"), look(2, only("g9"), "g9:free")}, "g2:free g9:free g10:free", 1},
		{"a look at a label removes its machines", []*Picture{look(1, all, "1=train", "2=other"), look(2, label)}, "2=other", 1},
		{"a look at a label shows the one there is", []*Picture{look(1, all, "1=train"), look(2, label, "3=train")}, "3=train", 1},
		{"and an earlier wide look brings no other back", []*Picture{look(1, all), look(3, label, "3=train"), look(2, all, "1=train")}, "3=train", 2},
		{"narrow looks gather before the first wide one", []*Picture{look(1, only("a"), "a:free"), look(2, only("b"), "b:free")}, "a:free b:free", 1},
		{"and a wide one from before them undoes none", []*Picture{look(2, only("a"), "a:ours"), look(1, all, "a:free", "b:free")}, "a:ours b:free", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p *Picture
			for _, l := range tt.looks {
				p = p.Overlay(l)
			}
			if shown(p) != tt.want || !p.Began.Equal(second(tt.began)) {
				t.Errorf("%q of %v, want %q of %v", shown(p), p.Began, tt.want, second(tt.began))
			}
		})
	}
}

func TestIncompleteOverlayRemovesNothing(t *testing.T) {
	p := look(1, Scope{}, "a:free", "b:free")
	half := look(2, Scope{}, "b:ours")
	half.Complete = false
	got := p.Overlay(half)
	if shown(got) != "a:free b:ours" || !got.Complete || !got.Began.Equal(second(1)) {
		t.Errorf("%q of %v (complete %v)", shown(got), got.Began, got.Complete)
	}
}

func TestOverlayKeepsAbilitiesAndGroups(t *testing.T) {
	able := &Abilities{Driver: "memory"}
	p := look(1, Scope{}, "a:free")
	p.Abilities, p.Groups = able, []SeenGroup{{Native: "g1", Ours: true}}
	got := p.Overlay(look(2, Scope{Devices: []string{"a"}}, "a:ours"))
	if got.Abilities != able || len(got.Groups) != 1 {
		t.Errorf("abilities %v, groups %v", got.Abilities, got.Groups)
	}
	if got := p.Overlay(look(2, Scope{}, "a:free")); got.Abilities != able || len(got.Groups) != 0 {
		t.Errorf("after a wide look without groups: abilities %v, groups %v", got.Abilities, got.Groups)
	}
}

// history is a made-up fabric whose devices come, go and move; every look of
// it, however late it arrives, is of one second.
type history struct {
	at    [8]map[string]string // second: device: place
	label [8]map[string]string // second: native: label
}

func anyHistory(t *rapid.T) *history {
	h := &history{}
	for s := range h.at {
		h.at[s], h.label[s] = map[string]string{}, map[string]string{}
		for _, d := range []string{"a", "b", "c"} {
			if place := rapid.SampledFrom([]string{"", "free", "ours"}).Draw(t, d); place != "" {
				h.at[s][d] = place
			}
		}
		for _, m := range []string{"1", "2"} {
			if label := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, m); label != "" {
				h.label[s][m] = label
			}
		}
	}
	return h
}

// look shows a scope as it was at a second.
func (h *history) look(s int, scope Scope) *Picture {
	p := look(s, scope)
	for _, name := range []string{"a", "b", "c"} {
		if place, is := h.at[s][name]; is && (scope.Everything() || slices.Contains(scope.Devices, name)) {
			p.Devices = append(p.Devices, SeenDevice{Name: name, Spot: Spot{Area: Area(place)}, Seen: p.Began})
		}
	}
	for _, native := range []string{"1", "2"} {
		label, is := h.label[s][native]
		if is && (scope.Everything() || slices.Contains(scope.Machines, native) || slices.Contains(scope.Labels, label)) {
			p.Machines = append(p.Machines, SeenMachine{Native: native, Label: label, Seen: p.Began})
		}
	}
	return p
}

func anyScope(t *rapid.T) Scope {
	if rapid.Bool().Draw(t, "wide") {
		return Scope{}
	}
	some := func(names ...string) (out []string) {
		for _, n := range names {
			if rapid.Bool().Draw(t, n) {
				out = append(out, n)
			}
		}
		return out
	}
	return Scope{Devices: append(some("a", "b"), "c"), Machines: some("1"), Labels: some("x")}
}

// Looks may arrive in any order: what is shown of a device is what the newest
// look that covered it showed.
func TestOverlayIsOfTheNewestLooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory(t)
		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "order")
		var p *Picture
		last := map[string]int{} // device: second of the newest look that covered it
		widest := -1
		for _, s := range order {
			scope := anyScope(t)
			p = p.Overlay(h.look(s, scope))
			for _, d := range []string{"a", "b", "c"} {
				if scope.Everything() || slices.Contains(scope.Devices, d) {
					if at, known := last[d]; !known || s > at {
						last[d] = s
					}
				}
			}
			if scope.Everything() {
				widest = max(widest, s)
			}
			for d, at := range last {
				is := ""
				if seen := p.Device(d); seen != nil {
					is = string(seen.Spot.Area)
				}
				if is != h.at[at][d] {
					t.Fatalf("after the looks %v: %s is in %q, the newest look at it (%d) says %q", order, d, is, at, h.at[at][d])
				}
			}
			if widest >= 0 && !p.Began.Equal(second(widest)) {
				t.Fatalf("it began %v, the newest look at everything %v", p.Began, second(widest))
			}
		}
	})
}

// After a complete look at everything nothing is left that it did not show.
func TestWideLookRemovesWhatItDoesNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory(t)
		var p *Picture
		for s := range 7 {
			p = p.Overlay(h.look(s, anyScope(t)))
		}
		whole := h.look(7, Scope{})
		got := p.Overlay(whole)
		if diff := cmp.Diff(whole, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("differs from the look (-look +overlaid):\n%s", diff)
		}
	})
}

// Laying the same look over twice is laying it over once, and the pictures that
// went in stay as they were.
func TestOverlayTwiceIsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory(t)
		first, next := h.look(rapid.IntRange(0, 7).Draw(t, "first"), anyScope(t)), h.look(rapid.IntRange(0, 7).Draw(t, "next"), anyScope(t))
		wasFirst, wasNext := shown(first), shown(next)
		once := first.Overlay(next)
		if diff := cmp.Diff(once, once.Overlay(next), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the second time differs (-once +twice):\n%s", diff)
		}
		if shown(first) != wasFirst || shown(next) != wasNext {
			t.Fatal("a picture that went in has changed")
		}
	})
}

func TestScopeCovers(t *testing.T) {
	for _, tt := range []struct {
		name       string
		wide, part Scope
		want       bool
	}{
		{"everything covers everything", Scope{}, Scope{}, true},
		{"everything covers a device", Scope{}, Scope{Devices: []string{"a"}}, true},
		{"a device does not cover everything", Scope{Devices: []string{"a"}}, Scope{}, false},
		{"more devices cover fewer", Scope{Devices: []string{"a", "b"}}, Scope{Devices: []string{"b"}}, true},
		{"a label is not a device", Scope{Devices: []string{"a"}}, Scope{Devices: []string{"a"}, Labels: []string{"x"}}, false},
		{"a machine by its handle", Scope{Machines: []string{"1"}, Labels: []string{"x"}}, Scope{Machines: []string{"1"}}, true},
	} {
		if got := tt.wide.Covers(tt.part); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
