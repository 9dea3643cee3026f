package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// A pool whose condition is met by what was also put into it can be removed by
// doing what its refusals say.
func TestWhatIsInAPoolTwiceLeadsOut(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 3) // cpu0, gpu0, gpu1
		b.label(devices[1].ID, map[string]string{"team": "vision"})
		_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "vision", Where: "team vision"})
		b.ok(err)
		gpu0 := []composa.DeviceID{devices[1].ID}
		_, err = b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.code(err, composa.CodeRefused)
		_, err = b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.ok(err)

		err = b.deletePool("vision", 0)
		b.code(err, composa.CodeRefused)
		if err == nil || !strings.Contains(err.Error(), "it holds what was put into it: rack1/gpu0") {
			t.Errorf("removing it says %v", err)
		}
		change, err := b.RemoveFromPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", gpu0)
		b.ok(err)
		if len(change.Moves) != 0 {
			t.Errorf("what stays by the condition moves: %+v", change.Moves)
		}
		if diff := cmp.Diff([]string{"gpu0"}, b.members("vision")); diff != "" {
			t.Errorf("what stays by the condition: %s", diff)
		}
		b.ok(b.deletePool("vision", 0))
	})
}
