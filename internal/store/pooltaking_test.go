package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// No change of a pool makes a pool take by its condition what another one has,
// be it an older pool that gets room; least of all another project's.
func TestAPoolThatGetsRoomTakesNothing(t *testing.T) {
	theirs := func(b *bed) composa.Who {
		they := b.admin
		they.Projects = []composa.ProjectID{b.addProject("other")}
		return they
	}
	for _, tt := range []struct {
		name   string
		who    func(*bed) composa.Who // whose the younger pool is
		change func(b *bed, gpus []composa.DeviceID) error
		young  string // how it is called
	}{
		{"more room, another project", theirs, func(b *bed, _ []composa.DeviceID) error {
			_, err := b.SetPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "old", composa.PoolUpdate{Most: new(2)})
			return err
		}, "another project's pool"},
		{"any room, the same project", func(b *bed) composa.Who { return b.admin }, func(b *bed, _ []composa.DeviceID) error {
			_, err := b.SetPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "old", composa.PoolUpdate{Most: new(0)})
			return err
		}, "pool young"},
		{"one that was put into it goes", theirs, func(b *bed, gpus []composa.DeviceID) error {
			_, err := b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "old", gpus[2:3])
			return err
		}, "another project's pool"},
		{"a dry run of that", theirs, func(b *bed, gpus []composa.DeviceID) error {
			_, err := b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{DryRun: true}, b.project, "old", gpus[2:3])
			return err
		}, "another project's pool"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, b *bed) {
				devices := b.addFabric("rack1", 5) // cpu0, gpu0 to gpu3
				gpus := []composa.DeviceID{devices[1].ID, devices[2].ID, devices[3].ID}
				_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "old", Where: "team vision", Most: 1}, gpus[2])
				b.ok(err)
				who := tt.who(b)
				young, err := b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Project: who.Projects[0], Name: "young", Where: "lab b"})
				b.ok(err)
				b.label(gpus[1], map[string]string{"team": "vision", "lab": "b"})
				err = tt.change(b, gpus)
				if b.code(err, composa.CodeRefused); !strings.Contains(err.Error(), "rack1/gpu1") || !strings.Contains(err.Error(), "from "+tt.young) {
					t.Error(err)
				}
				site := b.site()
				if at := site.Device(gpus[1]).Pool; at != young.ID {
					t.Errorf("gpu1 is in %q", at)
				}
			})
		})
	}
}

// Nor does a third pool, that gets room because the change takes something from
// it.
func TestAPoolThatLosesSomethingTakesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3) // cpu0, gpu0, gpu1
		b.createPool("", composa.Pool{Name: "old", Where: "team vision", Most: 1})
		b.createPool("", composa.Pool{Name: "mine"})
		b.label(devices[1].ID, map[string]string{"team": "vision"})
		they := b.admin
		they.Projects = []composa.ProjectID{b.addProject("other")}
		_, err := b.CreatePool(b.ctx(), they, composa.PoolTerms{}, composa.Pool{Project: they.Projects[0], Name: "young", Where: "lab b"})
		b.ok(err)
		b.label(devices[2].ID, map[string]string{"team": "vision", "lab": "b"})
		_, err = b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "mine", []composa.DeviceID{devices[1].ID})
		if b.code(err, composa.CodeRefused); !strings.Contains(err.Error(), "pool old would take rack1/gpu1 from another project's pool") {
			t.Error(err)
		}
		// Without the one that would be taken it is done.
		b.label(devices[2].ID, map[string]string{"team": "other"})
		_, err = b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "mine", []composa.DeviceID{devices[1].ID})
		b.ok(err)
		if diff := cmp.Diff([]string{"gpu0"}, b.members("mine")); diff != "" {
			t.Error(diff)
		}
	})
}
