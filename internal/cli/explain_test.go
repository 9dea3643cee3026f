package cli

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa/api"
)

// Of many changes the newest are told, and those that chose what the machine has.
func TestWhatAMachineHasIsAlwaysExplained(t *testing.T) {
	chose := func(since []api.Since, places ...string) *api.Explanation {
		return &api.Explanation{Chosen: []api.ChosenEntry{{Places: places}}, Since: since}
	}
	// The newest first: pairs of a plug and the unplug of what it chose, one plug
	// of a device that stays, and the one that made the machine.
	life := func(pairs int) ([]api.Operation, map[string]*api.Explanation) {
		ops, why := []api.Operation{}, map[string]*api.Explanation{}
		add := func(verb, id string, x *api.Explanation) {
			ops, why[id] = append([]api.Operation{{ID: id, Verb: verb}}, ops...), x
		}
		add("compose", "made", chose([]api.Since{{Place: "r/ssd0", What: "moved", Now: "r/ssd5"}}, "r/cpu0", "r/ssd0"))
		add("plug", "idle", chose([]api.Since{{Place: "r/gpu8", What: "left"}}, "r/gpu8"))
		add("plug", "stays", chose(nil, "r/gpu9"))
		add("plug", "broken", nil)
		for i := range pairs {
			add("plug", fmt.Sprint("plug", i), chose([]api.Since{{Place: "r/gpu0", What: "left"}}, "r/gpu0"))
			add("unplug", fmt.Sprint("unplug", i), nil)
		}
		return ops, why
	}
	for _, tt := range []struct {
		pairs, told, more int
		first             []string
	}{
		{2, 5, 0, []string{"made", "idle", "stays", "plug0"}},
		{15, 18, 0, []string{"made", "idle", "stays", "plug0"}},
		{20, 22, 1, []string{"made", "stays", "plug0"}},
		{60, 22, 41, []string{"made", "stays", "plug40"}},
		{500, 21, 483, []string{"made", "plug480"}},
	} {
		ops, why := life(tt.pairs)
		asked := 0
		x := explaining{
			ask:  func(op string) (*api.Explanation, error) { asked++; return why[op], nil },
			left: map[string]bool{"r/cpu0": true, "r/ssd5": true, "r/gpu9": true},
		}
		got, err := x.told(ops)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, op := range got {
			ids = append(ids, op.ID)
		}
		if len(ids) != tt.told || x.more != tt.more || asked > maxExplained {
			t.Errorf("of %d pairs %d changes are told, %d not, and %d were asked for; want %d and %d", tt.pairs, len(ids), x.more, asked, tt.told, tt.more)
		}
		if diff := cmp.Diff(tt.first, ids[:min(len(ids), len(tt.first))]); diff != "" {
			t.Errorf("of %d pairs: %s", tt.pairs, diff)
		}
	}
}
