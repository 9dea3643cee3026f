package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// setPool changes pool name of the bed's project.
func (b *bed) setPool(want composa.Code, terms composa.PoolTerms, name string, u composa.PoolUpdate) *composa.PoolChange {
	b.t.Helper()
	p, err := b.SetPool(b.ctx(), b.admin, terms, b.project, name, u)
	b.code(err, want)
	return p
}

func (b *bed) deletePool(name string, revision int64) error {
	_, err := b.DeletePool(b.ctx(), b.admin, composa.PoolTerms{Revision: revision}, b.project, name)
	return err
}

// moved tells the moves of a change: "gpu0: none > vision".
func (b *bed) moved(c *composa.PoolChange) []string {
	b.t.Helper()
	site := b.site()
	name := func(id composa.PoolID) string {
		if id == "" {
			return "none"
		}
		if p := site.Pool(id); p != nil {
			return p.Name
		}
		return "new"
	}
	var out []string
	for _, m := range c.Moves {
		out = append(out, site.Device(m.Device).Name+": "+name(m.From)+" > "+name(m.To))
	}
	return out
}

func TestSetPool(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 5) // cpu0, gpu0 to gpu3
		holds := func(name string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, b.members(name)); diff != "" {
				t.Errorf("pool %s (-want +got):\n%s", name, diff)
			}
		}
		same := func(want []string, c *composa.PoolChange) {
			t.Helper()
			if diff := cmp.Diff(want, b.moved(c)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		}
		b.label(devices[1].ID, map[string]string{"team": "vision"})
		b.label(devices[2].ID, map[string]string{"team": "vision", "lab": "b"})
		b.createPool("", composa.Pool{Name: "vision", Where: "team vision", Labels: map[string]string{"a": "b", "c": "d"}})
		b.createPool("", composa.Pool{Name: "lab"})
		at := b.lastEvent()

		// Its labels, and nothing else.
		p := b.setPool("", composa.PoolTerms{}, "vision", composa.PoolUpdate{Labels: map[string]*string{"a": nil, "e": new("f")}})
		if diff := cmp.Diff(map[string]string{"c": "d", "e": "f"}, p.Labels); diff != "" || p.Where != "team vision" || p.Revision != 2 {
			t.Errorf("%+v %s", p, diff)
		}
		if got := b.events(at); !cmp.Equal(got, []composa.EventType{"pool.changed"}) {
			t.Errorf("told is %v", got)
		}
		same(nil, p)

		// Another condition: what met the one leaves, what meets the other comes; at
		// once, after more changes, and after a restart.
		p = b.setPool("", composa.PoolTerms{}, "vision", composa.PoolUpdate{Where: new("lab b")})
		same([]string{"gpu0: vision > none"}, p)
		holds("vision", "gpu1")
		b.label(devices[3].ID, map[string]string{"lab": "b", "team": "vision"})
		holds("vision", "gpu1", "gpu2")
		b.reopen()
		holds("vision", "gpu1", "gpu2")

		// Another pool takes over what it let go; not what it has.
		b.setPool(composa.CodeRefused, composa.PoolTerms{}, "lab", composa.PoolUpdate{Where: new("team vision")})
		b.setPool("", composa.PoolTerms{}, "vision", composa.PoolUpdate{Where: new("kind cpu")})
		p = b.setPool("", composa.PoolTerms{}, "lab", composa.PoolUpdate{Where: new("team vision")})
		same([]string{"gpu0: none > lab", "gpu1: none > lab", "gpu2: none > lab"}, p)
		holds("lab", "gpu0", "gpu1", "gpu2")
		holds("vision", "cpu0")

		// How many it may hold: not fewer than it has, and with less room of a pool
		// others may not come in by the way.
		b.setPool(composa.CodeRefused, composa.PoolTerms{}, "lab", composa.PoolUpdate{Most: new(2)})
		b.setPool(composa.CodeInvalid, composa.PoolTerms{}, "lab", composa.PoolUpdate{Most: new(-1)})
		b.setPool("", composa.PoolTerms{}, "lab", composa.PoolUpdate{Most: new(3)})
		b.label(devices[4].ID, map[string]string{"team": "vision"})
		holds("lab", "gpu0", "gpu1", "gpu2")
		same([]string{"gpu3: none > lab"}, b.setPool("", composa.PoolTerms{}, "lab", composa.PoolUpdate{Most: new(0)}))

		// No condition: it holds what was put into it.
		_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "lab", []composa.DeviceID{devices[4].ID})
		b.ok(err)
		b.setPool(composa.CodeRefused, composa.PoolTerms{}, "lab", composa.PoolUpdate{Most: new(3)}) // three more meet its condition
		same([]string{"gpu0: lab > none", "gpu1: lab > none", "gpu2: lab > none"}, b.setPool("", composa.PoolTerms{}, "lab", composa.PoolUpdate{Where: new("")}))
		holds("lab", "gpu3")
		// And the same condition again is one that it did not have.
		b.setPool("", composa.PoolTerms{}, "lab", composa.PoolUpdate{Where: new("team vision")})
		holds("lab", "gpu0", "gpu1", "gpu2", "gpu3")

		b.setPool(composa.CodeInvalid, composa.PoolTerms{}, "lab", composa.PoolUpdate{Where: new("nonsense")})
		b.setPool(composa.CodeInvalid, composa.PoolTerms{}, "lab", composa.PoolUpdate{Labels: map[string]*string{"": new("x")}})
		b.setPool(composa.CodeNotFound, composa.PoolTerms{}, "none", composa.PoolUpdate{})
	})
}

// The condition that a pool gives up does not count any more in what those of
// its project may cost.
func TestTheOldConditionCostsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.createPool("", composa.Pool{Name: "dear", Where: "cost 400"})
		b.setPool("", composa.PoolTerms{}, "dear", composa.PoolUpdate{Where: new("cost 450")})
		b.setPool(composa.CodeRefused, composa.PoolTerms{}, "dear", composa.PoolUpdate{Where: new("cost 501")})
		b.createPool(composa.CodeRefused, composa.Pool{Name: "second", Where: "cost 51"})
		b.setPool("", composa.PoolTerms{}, "dear", composa.PoolUpdate{Where: new("")})
		b.createPool("", composa.Pool{Name: "second", Where: "cost 500"})
	})
}

// Where an older pool lets go of a device, it falls to the younger whose
// condition it meets: that is told too.
func TestWhatAPoolLetsGoFallsToAnother(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		b.createPool("", composa.Pool{Name: "old", Where: "team vision"})
		b.createPool("", composa.Pool{Name: "young", Where: "lab b"})
		b.label(devices[1].ID, map[string]string{"team": "vision", "lab": "b"})
		got := b.moved(b.setPool("", composa.PoolTerms{}, "old", composa.PoolUpdate{Where: new("team other")}))
		if diff := cmp.Diff([]string{"gpu0: old > young"}, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"gpu0"}, b.members("young")); diff != "" {
			t.Error(diff)
		}
	})
}

// A dry run of each change answers what the change then does, or why it is
// refused, and leaves nothing behind: no event, no key, no revision.
func TestADryRunOfAPoolLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 5)
		gpus := []composa.DeviceID{devices[1].ID, devices[2].ID}
		who := b.keyed("one")
		for _, tt := range []struct {
			name   string
			change func(composa.PoolTerms) (*composa.PoolChange, error)
			code   composa.Code
			moves  []string
		}{
			{"create", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.CreatePool(b.ctx(), who, terms, composa.Pool{Project: b.project, Name: "vision", Where: "kind cpu"}, gpus...)
			}, "", []string{"cpu0: none > new", "gpu0: none > new", "gpu1: none > new"}},
			{"create again", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.CreatePool(b.ctx(), who, terms, composa.Pool{Project: b.project, Name: "vision"})
			}, composa.CodeExists, nil},
			{"set", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), who, terms, b.project, "vision", composa.PoolUpdate{Where: new("kind gpu")})
			}, "", []string{"cpu0: vision > none", "gpu2: none > vision", "gpu3: none > vision"}},
			{"unset", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), who, terms, b.project, "vision", composa.PoolUpdate{Where: new("")})
			}, "", []string{"gpu2: vision > none", "gpu3: vision > none"}},
			{"add", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.AddToPool(b.ctx(), who, terms, b.project, "vision", []composa.DeviceID{devices[0].ID})
			}, "", []string{"cpu0: none > vision"}},
			{"remove", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.RemoveFromPool(b.ctx(), who, terms, b.project, "vision", gpus[:1])
			}, "", []string{"gpu0: vision > none"}},
			{"delete what holds some", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.DeletePool(b.ctx(), who, terms, b.project, "vision")
			}, composa.CodeRefused, nil},
			{"too many", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), who, terms, b.project, "vision", composa.PoolUpdate{Most: new(1)})
			}, composa.CodeRefused, nil},
			{"set to another condition", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), who, terms, b.project, "vision", composa.PoolUpdate{Where: new("kind nic")})
			}, "", nil},
			{"remove the others", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.RemoveFromPool(b.ctx(), who, terms, b.project, "vision", []composa.DeviceID{devices[0].ID, gpus[1]})
			}, "", []string{"cpu0: vision > none", "gpu1: vision > none"}},
			{"set to what is there", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), who, terms, b.project, "vision", composa.PoolUpdate{Where: new("kind gpu")})
			}, "", []string{"gpu0: none > vision", "gpu1: none > vision", "gpu2: none > vision", "gpu3: none > vision"}},
			{"delete", func(terms composa.PoolTerms) (*composa.PoolChange, error) {
				return b.DeletePool(b.ctx(), who, terms, b.project, "vision")
			}, "", []string{"gpu0: vision > none", "gpu1: vision > none", "gpu2: vision > none", "gpu3: vision > none"}},
		} {
			at, before := b.lastEvent(), b.site()
			tried, err := tt.change(composa.PoolTerms{DryRun: true})
			b.code(err, tt.code)
			after := b.site()
			if diff := cmp.Diff([]any{before.Pools, before.Devices}, []any{after.Pools, after.Devices}); diff != "" || b.lastEvent() != at || b.request("one") != nil {
				t.Fatalf("the dry run of %s changed something: %v %s", tt.name, b.events(at), diff)
			}
			if tt.code == "" {
				if diff := cmp.Diff(tt.moves, b.moved(tried)); diff != "" {
					t.Errorf("the dry run of %s (-want +got):\n%s", tt.name, diff)
				}
			}
			who = b.admin
			done, err := tt.change(composa.PoolTerms{})
			b.code(err, tt.code)
			if tt.code == "" && len(done.Moves) != len(tried.Moves) {
				t.Errorf("%s: %v was told, and it did %v", tt.name, tried.Moves, done.Moves)
			}
			who = b.keyed("one")
		}
	})
}

// Who decided on one revision changes no other.
func TestARevisionOfAPool(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		gpu0 := []composa.DeviceID{devices[1].ID}
		b.createPool("", composa.Pool{Name: "vision"})
		looked := composa.PoolTerms{Revision: 1}
		_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{Revision: 1, DryRun: true}, b.project, "vision", gpu0)
		b.ok(err)
		_, err = b.AddToPool(b.ctx(), b.admin, looked, b.project, "vision", gpu0)
		b.ok(err)
		refused := func(err error) {
			t.Helper()
			if b.code(err, composa.CodeMismatch); !strings.Contains(err.Error(), "at revision 2, not 1") {
				t.Error(err)
			}
		}
		_, err = b.AddToPool(b.ctx(), b.admin, looked, b.project, "vision", gpu0)
		refused(err)
		_, err = b.RemoveFromPool(b.ctx(), b.admin, looked, b.project, "vision", gpu0)
		refused(err)
		_, err = b.SetPool(b.ctx(), b.admin, looked, b.project, "vision", composa.PoolUpdate{Most: new(3)})
		refused(err)
		refused(b.deletePool("vision", 1))
		if got := b.site().PoolNamed(b.project, "vision"); got.Revision != 2 || got.Most != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// A change that changes nothing is none: no event, and the revision stays, so
// that what others decided on it still goes through.
func TestWhatChangesNothingOfAPoolKeepsItsRevision(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		gpu0 := []composa.DeviceID{devices[1].ID}
		_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{
			Project: b.project, Name: "vision", Where: "team vision", Most: 3, Labels: map[string]string{"a": "b"}}, gpu0...)
		b.ok(err)
		at := b.lastEvent()
		for name, change := range map[string]func() (*composa.PoolChange, error){
			"set nothing": func() (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", composa.PoolUpdate{})
			},
			"set what is": func() (*composa.PoolChange, error) {
				return b.SetPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", composa.PoolUpdate{
					Where: new("team vision"), Most: new(3), Labels: map[string]*string{"a": new("b"), "c": nil}})
			},
			"add again": func() (*composa.PoolChange, error) {
				return b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
			},
			"remove what is in none": func() (*composa.PoolChange, error) {
				return b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[2].ID})
			},
		} {
			c, err := change()
			b.ok(err)
			if len(c.Moves) != 0 || c.Revision != 1 || c.Found != 1 || b.lastEvent() != at || b.site().PoolNamed(b.project, "vision").Revision != 1 {
				t.Errorf("%s: %+v, told is %v", name, c, b.events(at))
			}
		}
	})
}

// What is known at once is told before any device is asked.
func TestWhatIsKnownAtOnceAsksNoDevice(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 5)
		b.createPool("", composa.Pool{Name: "vision"})
		b.createPool("", composa.Pool{Name: "dear", Where: "cost 400"})
		b.site()
		evaluated.Store(0)
		b.setPool(composa.CodeNotFound, composa.PoolTerms{}, "nosuch", composa.PoolUpdate{Where: new("team a")})
		b.setPool(composa.CodeMismatch, composa.PoolTerms{Revision: 7}, "vision", composa.PoolUpdate{Where: new("team a")})
		b.setPool(composa.CodeRefused, composa.PoolTerms{}, "vision", composa.PoolUpdate{Where: new("cost 101")})
		b.createPool(composa.CodeRefused, composa.Pool{Name: "second", Where: "cost 101"})
		b.createPool(composa.CodeExists, composa.Pool{Name: "vision", Where: "team a"})
		if n := evaluated.Load(); n != 0 {
			t.Errorf("%d devices were asked", n)
		}
	})
}
