package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// byWord is a small language of conditions: "kind gpu", "team vision" (a label).
func byWord(where string) (func(*composa.Device) bool, error) {
	what, word, ok := strings.Cut(where, " ")
	if !ok {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read %q", where)
	}
	return func(d *composa.Device) bool {
		if what == "kind" {
			return string(d.Kind) == word
		}
		return d.Labels[what] == word
	}, nil
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
	_, err := b.CreatePool(b.ctx(), b.admin, p)
	b.code(err, want)
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
		_, err := b.AddToPool(b.ctx(), b.admin, b.project, "render", []composa.DeviceID{devices[1].ID})
		b.ok(err)
		holds("vision")
		holds("render", "gpu0")
		_, err = b.RemoveFromPool(b.ctx(), b.admin, b.project, "render", []composa.DeviceID{devices[1].ID})
		b.ok(err)
		holds("vision", "gpu0")
		_, err = b.RemoveFromPool(b.ctx(), b.admin, b.project, "vision", []composa.DeviceID{devices[1].ID})
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
		b.ok(b.DeletePool(b.ctx(), b.admin, b.project, "vision"))
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
		_, err := b.AddToPool(b.ctx(), b.admin, b.project, "few", []composa.DeviceID{devices[4].ID})
		b.ok(err)
		if diff := cmp.Diff([]string{"cpu0", "gpu3"}, b.members("few")); diff != "" {
			t.Errorf("one that was put into it (-want +got):\n%s", diff)
		}
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
	if _, err := s.CreatePool(t.Context(), system, composa.Pool{Project: project.ID, Name: "a", Where: "kind gpu"}); composa.CodeOf(err) != composa.CodeUnsupported {
		t.Errorf("%v; want unsupported", err)
	}
}
