package store

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// compiled and evaluated count what byWord does.
var compiled, evaluated atomic.Int64

// byWord is a small language of conditions: "kind gpu", "team vision" (a label),
// "cost 100", which no device meets.
func byWord(where string) (func(*composa.Device) bool, int, error) {
	what, word, ok := strings.Cut(where, " ")
	if !ok {
		return nil, 0, composa.Errorf(composa.CodeInvalid, "cannot read %q", where)
	}
	cost := 1
	if what == "cost" {
		cost, _ = strconv.Atoi(word)
	}
	compiled.Add(1)
	return func(d *composa.Device) bool {
		evaluated.Add(1)
		if what == "kind" {
			return string(d.Kind) == word
		}
		return d.Labels[what] == word
	}, cost, nil
}

// members are the places of the devices in a pool, as the site tells them.
func (b *bed) members(name string) []string {
	b.t.Helper()
	site := b.site()
	var out []string
	for _, d := range site.Devices {
		if p := site.PoolNamed(b.project, name); p != nil && d.Pool == p.ID {
			out = append(out, d.Name)
		}
	}
	return out
}

func (b *bed) createPool(want composa.Code, p composa.Pool) {
	b.t.Helper()
	p.Project = b.project
	_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, p)
	b.code(err, want)
}

// addProject makes one more project.
func (b *bed) addProject(name string) composa.ProjectID {
	b.t.Helper()
	id := composa.ProjectID(composa.NewID(composa.PrefixProject))
	b.ok(b.write(b.ctx(), b.admin, "plant", func(tx *tx) error {
		_, err := tx.exec(`INSERT INTO project (id, name, owner, created_at, created_by, updated_at, updated_by) VALUES ($1, $2, '', 0, '', 0, '')`, string(id), name)
		return err
	}))
	return id
}

func (b *bed) label(id composa.DeviceID, labels map[string]string) {
	b.t.Helper()
	set := map[string]*string{}
	for k, v := range labels {
		set[k] = &v
	}
	_, err := b.SetDevice(b.ctx(), b.admin, id, 0, composa.DeviceUpdate{Labels: set})
	b.ok(err)
}

func TestAPoolHoldsWhatMeetsItsCondition(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 5) // cpu0, gpu0 to gpu3
		holds := func(name string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, b.members(name)); diff != "" {
				t.Errorf("pool %s (-want +got):\n%s", name, diff)
			}
		}
		b.createPool(composa.CodeInvalid, composa.Pool{Name: "bad", Where: "nonsense"})
		b.label(devices[1].ID, map[string]string{"team": "vision"})
		b.createPool("", composa.Pool{Name: "vision", Where: "team vision"})
		holds("vision", "gpu0")

		// What is put into a pool is in that one.
		b.createPool("", composa.Pool{Name: "render"})
		_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "render", []composa.DeviceID{devices[1].ID})
		b.ok(err)
		holds("vision")
		holds("render", "gpu0")
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "render", []composa.DeviceID{devices[1].ID})
		b.ok(err)
		holds("vision", "gpu0")
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[1].ID})
		b.code(err, composa.CodeRefused)

		// Two conditions that a device meets now do not go together; where one
		// comes to meet both, the older pool has it.
		b.createPool(composa.CodeRefused, composa.Pool{Name: "gpus", Where: "kind gpu"})
		b.createPool("", composa.Pool{Name: "lab", Where: "lab b"})
		b.label(devices[2].ID, map[string]string{"lab": "b"})
		holds("lab", "gpu1")
		b.label(devices[2].ID, map[string]string{"team": "vision"})
		holds("vision", "gpu0", "gpu1")
		holds("lab")

		// The record of the device says nothing of it, and the pool can go.
		if got := b.device(devices[1].ID).Pool; got != "" && b.site().Pool(got).Name != "vision" {
			t.Errorf("gpu0 is in pool %s", got)
		}
		b.ok(b.deletePool("vision", 0))
		holds("lab", "gpu1")
		b.reopen()
		holds("lab", "gpu1")
		if p := b.site().PoolNamed(b.project, "lab"); p.Where != "lab b" {
			t.Errorf("after a restart the condition is %q", p.Where)
		}
	})
}

func TestAPoolWithAConditionHoldsNoMoreThanItMay(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 5)
		b.createPool(composa.CodeRefused, composa.Pool{Name: "few", Where: "kind gpu", Most: 3})
		b.createPool("", composa.Pool{Name: "few", Where: "team vision", Most: 2})
		for _, d := range slices.Backward(devices) {
			b.label(d.ID, map[string]string{"team": "vision"})
		}
		if diff := cmp.Diff([]string{"cpu0", "gpu0"}, b.members("few")); diff != "" {
			t.Errorf("the first in natural order are in it (-want +got):\n%s", diff)
		}
		// Those that were put into it come first.
		_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "few", []composa.DeviceID{devices[4].ID})
		b.ok(err)
		if diff := cmp.Diff([]string{"cpu0", "gpu3"}, b.members("few")); diff != "" {
			t.Errorf("one that was put into it (-want +got):\n%s", diff)
		}
	})
}

// A device that was put into a pool whose condition it meets is in it without that
// too: it is not in it by name any more, and stays. Once more is refused.
func TestWhatMeetsAConditionStays(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3) // cpu0, gpu0, gpu1
		gpu0 := []composa.DeviceID{devices[1].ID}
		b.createPool("", composa.Pool{Name: "vision", Where: "team vision"})
		_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.ok(err)
		b.label(gpu0[0], map[string]string{"team": "vision"})
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.ok(err)
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.code(err, composa.CodeRefused)
		if diff := cmp.Diff([]string{"gpu0"}, b.members("vision")); diff != "" {
			t.Error(diff)
		}
		// One that another pool has by its condition is not in this one.
		b.createPool("", composa.Pool{Name: "lab", Where: "team b"})
		b.label(devices[2].ID, map[string]string{"team": "b"})
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[2].ID})
		if b.code(err, composa.CodeRefused); !strings.Contains(err.Error(), "in another pool") {
			t.Error(err)
		}
		b.label(gpu0[0], map[string]string{"team": "none"})
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.ok(err)
	})
}

// Putting a device into a pool goes before the conditions of the project's other
// pools, not before those of another project.
func TestNobodyTakesByNameWhatAnotherProjectHasByCondition(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3)
		gpu0 := devices[1].ID
		b.label(gpu0, map[string]string{"team": "vision"})
		b.createPool("", composa.Pool{Name: "vision", Where: "team vision"})
		b.createPool("", composa.Pool{Name: "mine"})
		_, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "mine", []composa.DeviceID{gpu0})
		b.ok(err)
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "mine", []composa.DeviceID{gpu0})
		b.ok(err)
		other := b.addProject("other")
		they := b.admin
		they.Projects = []composa.ProjectID{other}
		_, err = b.CreatePool(b.ctx(), they, composa.PoolTerms{}, composa.Pool{Name: "theirs", Project: other}, gpu0)
		b.code(err, composa.CodeRefused)
		_, err = b.CreatePool(b.ctx(), they, composa.PoolTerms{}, composa.Pool{Name: "theirs", Project: other}, devices[2].ID)
		b.ok(err)
		_, err = b.AddToPool(b.ctx(), they, composa.PoolTerms{}, other, "theirs", []composa.DeviceID{gpu0})
		if b.code(err, composa.CodeRefused); strings.Contains(err.Error(), "vision") {
			t.Errorf("another project's pool is named: %v", err)
		}
		if diff := cmp.Diff([]string{"gpu0"}, b.members("vision")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOfPoolsThatAreMadeAtOnceOneHasTheDevices(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.addFabric("rack1", 5)
		var all sync.WaitGroup
		var made atomic.Int64
		for i := range 8 {
			all.Go(func() {
				_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Name: "gpus" + strconv.Itoa(i), Project: b.project, Where: "kind gpu"})
				switch composa.CodeOf(err) {
				case "":
					made.Add(1)
				case composa.CodeRefused:
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("%d pools were made whose conditions the same devices meet; want 1", made.Load())
		}
	})
}

// A condition is read once, and asked of a device again after that changed.
func TestConditionsAreAskedOfWhatChanged(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 20)
		b.createPool("", composa.Pool{Name: "vision", Where: "team vision"})
		b.createPool("", composa.Pool{Name: "lab", Where: "lab b"})
		b.site()
		count := func(what string, compiles, asks int64, f func()) {
			t.Helper()
			compiled.Store(0)
			evaluated.Store(0)
			f()
			b.site()
			if c, e := compiled.Load(), evaluated.Load(); c != compiles || e != asks {
				t.Errorf("%s: %d conditions were read and %d devices asked, want %d and %d", what, c, e, compiles, asks)
			}
		}
		count("a label", 0, 2, func() { b.label(devices[1].ID, map[string]string{"team": "vision"}) })
		count("a pool without condition", 0, 0, func() { b.createPool("", composa.Pool{Name: "render"}) })
		// Once to check it, once because it is there.
		count("a pool with one", 2, 40, func() { b.createPool("", composa.Pool{Name: "x", Where: "x y"}) })
		count("a pool that goes", 0, 0, func() { b.ok(b.deletePool("lab", 0)) })
		if diff := cmp.Diff([]string{"gpu0"}, b.members("vision")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPoolsAreLimited(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		// plant makes pools without asking whether they may be made.
		plant := func(project composa.ProjectID, n int) {
			t.Helper()
			b.ok(b.write(b.ctx(), b.admin, "plant", func(tx *tx) error {
				for i := range n {
					id := composa.NewID(composa.PrefixPool)
					if _, err := tx.exec(`INSERT INTO pool (id, project, owner, name, labels, condition, most, created_at, created_by, updated_at, updated_by, revision)
						VALUES ($1, $2, $3, $4, '{}', '', 0, 0, '', 0, '', 1)`, id, string(project), string(b.admin.Principal.ID), "p"+strconv.Itoa(i)); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		plant(b.project, composa.MaxPoolsEach-1)
		b.createPool("", composa.Pool{Name: "last"})
		b.createPool(composa.CodeRefused, composa.Pool{Name: "more"})
		who := b.admin
		for i := range composa.MaxPools/composa.MaxPoolsEach - 1 {
			p := b.addProject("project" + strconv.Itoa(i))
			who.Projects = append(who.Projects, p)
			plant(p, composa.MaxPoolsEach)
		}
		_, err := b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Name: "more", Project: who.Projects[1]})
		if b.code(err, composa.CodeRefused); !strings.Contains(err.Error(), "the project has 250 pools") {
			t.Error(err)
		}
		extra := b.addProject("extra")
		who.Projects = append(who.Projects, extra)
		_, err = b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Name: "more", Project: extra})
		if b.code(err, composa.CodeRefused); !strings.Contains(err.Error(), "the site has 1000 pools") {
			t.Error(err)
		}
		b.ok(b.deletePool("last", 0))
		_, err = b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Name: "more", Project: extra})
		b.ok(err)
	})
}

func TestConditionsOfAllPoolsAreLimited(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		n := 0
		cost := func(who composa.Who, project composa.ProjectID, of int, want composa.Code) {
			t.Helper()
			n++
			_, err := b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Name: "p" + strconv.Itoa(n), Project: project, Where: "cost " + strconv.Itoa(of)})
			b.code(err, want)
		}
		cost(b.admin, b.project, composa.MaxPoolsCostEach-1, "")
		cost(b.admin, b.project, 2, composa.CodeRefused)
		cost(b.admin, b.project, 1, "")
		who := b.admin
		for i := range composa.MaxPoolsCost/composa.MaxPoolsCostEach - 1 {
			p := b.addProject("project" + strconv.Itoa(i))
			who.Projects = append(who.Projects, p)
			cost(who, p, composa.MaxPoolsCostEach, "")
		}
		p := b.addProject("extra")
		who.Projects = append(who.Projects, p)
		cost(who, p, 1, composa.CodeRefused)
		b.ok(b.deletePool("p1", 0))
		cost(who, p, 1, "")
	})
}

func TestAStoreWithoutALanguageMakesNoPoolByCondition(t *testing.T) {
	s, err := Open(t.Context(), Options{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	project, err := s.Project(t.Context(), system, composa.DefaultProject)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreatePool(t.Context(), system, composa.PoolTerms{}, composa.Pool{Project: project.ID, Name: "a", Where: "kind gpu"}); composa.CodeOf(err) != composa.CodeUnsupported {
		t.Errorf("%v; want unsupported", err)
	}
}
