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
	t.Logf("operations: %v, done by era: %v; faults: %v; the server was killed %d times", ended, made, fired, kills)
}
