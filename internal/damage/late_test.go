package damage

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

func TestLateEffects(t *testing.T) {
	seeds, first := uint64(fewStorms), uint64(0)
	if os.Getenv("COMPOSA_PROVE") != "" {
		seeds = 1000
	}
	if one := os.Getenv("COMPOSA_DAMAGE_SEED"); one != "" {
		n, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatalf("COMPOSA_DAMAGE_SEED=%q is no number", one)
		}
		first, seeds = n, 1
	}
	var mu sync.Mutex
	ended, made, fired := map[composa.Phase]int{}, map[string]int{}, map[emulator.Effect]int{}
	kills := 0
	t.Run("storms", func(t *testing.T) {
		for seed := first; seed < first+seeds; seed++ {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				var res *Stormed
				synctest.Test(t, func(t *testing.T) {
					var lines []string
					var err error
					if res, lines, err = Rage(t.Context(), Storm{Seed: seed, Lasts: time.Minute}); err != nil {
						t.Errorf("the storm itself failed: %v", err)
					}
					if len(lines) > 0 {
						t.Errorf("%s\nrepeat it with COMPOSA_DAMAGE_SEED=%d\n%v\n%s", strings.Join(lines, "\n"), seed, res.Directors, strings.Join(res.Trace, "\n"))
					}
				})
				mu.Lock()
				defer mu.Unlock()
				for phase, n := range res.Ended {
					ended[phase] += n
				}
				for era, n := range res.Made {
					made[era] += n
				}
				for effect, n := range res.Fired {
					fired[effect] += n
				}
				kills += res.Kills
			})
		}
	})
	if seeds > 1 {
		substance(t, seeds >= 100, made, fired, kills)
	}
	t.Logf("operations: %v, done by era: %v; faults: %v; the server was killed %d times", ended, made, fired, kills)
}

// substance fails where the storms were none: nothing came late, nothing was
// done or, of enough seeds, an era was never driven or the server never killed.
func substance(t *testing.T, enough bool, made map[string]int, fired map[emulator.Effect]int, kills int) {
	t.Helper()
	if fired[emulator.EffectLate] == 0 {
		t.Error("no effect came late")
	}
	if len(made) == 0 {
		t.Error("no operation was done")
	}
	if !enough {
		return
	}
	for _, era := range emulator.Eras() {
		if made[era] == 0 {
			t.Errorf("no operation was done on a director of %s", era)
		}
	}
	if kills == 0 {
		t.Error("the server was never killed")
	}
}
