package sim

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
)

// configOf chooses what a seed is about: every shape, with and without each
// thing that can go wrong.
func configOf(seed uint64) Config {
	shapes := memory.Shapes()
	c := Config{
		Seed: seed, Shape: shapes[seed%uint64(len(shapes))], Actions: 400,
		Faults: seed/3%2 == 0, Crashes: seed/6%2 == 0, Rivals: seed/12%2 == 0,
	}
	if c.Late = seed%4 == 1; c.Late || seed%5 == 0 {
		c.SettleTime = 20 * time.Second
	}
	c.Keep = seed%7 == 0
	return c
}

func TestTruthsHold(t *testing.T) {
	seeds, first := uint64(fewSeeds), uint64(0)
	if os.Getenv("COMPOSA_PROVE") != "" {
		seeds = 2000
	}
	if one := os.Getenv("COMPOSA_SIM_SEED"); one != "" {
		n, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatalf("COMPOSA_SIM_SEED=%q is no number", one)
		}
		first, seeds = n, 1
	}
	ended := map[composa.Phase]int{}
	kills, companies, parted := 0, 0, 0
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, seed)
			c := configOf(seed)
			res, err := Run(c)
			for phase, n := range res.Ended {
				ended[phase] += n
			}
			kills += res.Kills
			companies += res.Companies
			parted += res.Parted
			if err != nil {
				t.Fatalf("%v\n%+v\nrepeat it with COMPOSA_SIM_SEED=%d go test ./internal/sim\n%s", err, c, seed, strings.Join(res.Trace, "\n"))
			}
		})
	}
	if seeds > 1 && (companies == parted || parted == 0) {
		t.Errorf("%d calls were of several operations and %d of them failed: both kinds are to be met", companies, parted)
	}
	t.Logf("operations: %v; the server was killed %d times; %d calls were of several operations, %d of them failed", ended, kills, companies, parted)
}
