package liqid

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/driver/drivertest"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// The notes on the protocol leave open how directors take some things; these
// tests run the contract on directors of every kind.

// row is one value for each habit.
type row map[string]string

func (r row) habits(t *testing.T) (h emulator.Habits) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if err := h.Set(name + "=" + r[name]); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (r row) String() string {
	var out []string
	for _, name := range emulator.HabitNames() {
		out = append(out, name+"="+r[name])
	}
	return strings.Join(out, " ")
}

// pair is two values of two habits.
type pair struct{ a, av, b, bv string }

// allPairs are rows in which every value of every habit stands beside every
// value of every other one: greedily, each row begins with a pair that is still
// missing and takes for each other habit the value that adds most.
func allPairs(names []string, values func(string) []string) []row {
	var missing []pair
	for i, a := range names {
		for _, b := range names[i+1:] {
			for _, av := range values(a) {
				for _, bv := range values(b) {
					missing = append(missing, pair{a, av, b, bv})
				}
			}
		}
	}
	covers := func(r row, p pair) bool { return r[p.a] == p.av && r[p.b] == p.bv }
	var rows []row
	for len(missing) > 0 {
		r := row{missing[0].a: missing[0].av, missing[0].b: missing[0].bv}
		for _, name := range names {
			if r[name] != "" {
				continue
			}
			best, most := "", -1
			for _, v := range values(name) {
				r[name] = v
				n := 0
				for _, p := range missing {
					if (p.a == name || p.b == name) && covers(r, p) {
						n++
					}
				}
				if n > most {
					best, most = v, n
				}
			}
			r[name] = best
		}
		rows = append(rows, r)
		missing = slices.DeleteFunc(missing, func(p pair) bool { return covers(r, p) })
	}
	return rows
}

func TestAllPairsHaveEveryPair(t *testing.T) {
	names := emulator.HabitNames()
	rows := allPairs(names, emulator.HabitValues)
	all := 1
	for i, a := range names {
		all *= len(emulator.HabitValues(a))
		for _, b := range names[i+1:] {
			for _, av := range emulator.HabitValues(a) {
				for _, bv := range emulator.HabitValues(b) {
					if !slices.ContainsFunc(rows, func(r row) bool { return r[a] == av && r[b] == bv }) {
						t.Errorf("no row has %s=%s beside %s=%s", a, av, b, bv)
					}
				}
			}
		}
	}
	if len(rows) < 9 || len(rows) > 20 {
		t.Errorf("%d rows of %d combinations", len(rows), all)
	}
}

// proven says whether the counts are those of make prove.
func proven() bool { return os.Getenv("COMPOSA_PROVE") != "" }

// The contract holds on directors of every two habits. Proven, each row runs on
// every era; else two of the rows run, on the eras that TestContract leaves out.
func TestPairs(t *testing.T) {
	few := map[int]string{6: "3.2", 12: "2.4"}
	for i, r := range allPairs(emulator.HabitNames(), emulator.HabitValues) {
		on := []string{few[i]}
		switch {
		case proven():
			on = emulator.Eras()
		case few[i] == "":
			continue
		}
		for _, era := range on {
			t.Run(fmt.Sprintf("%s %d", era, i), func(t *testing.T) {
				t.Parallel()
				t.Log(r)
				drivertest.Essence(t, func(t *testing.T) drivertest.Harness {
					return newRack(t, emulator.Config{
						API: era, Counts: enough(), Habits: r.habits(t), Seed: contract.Add(1), CommitLatency: emulator.Latency{Max: 3 * time.Millisecond},
					})
				})
			})
		}
	}
}
