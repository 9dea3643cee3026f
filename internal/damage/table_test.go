package damage

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// eras are those of the table.
var eras = []string{"2.5"}

// fewCases is how long the table is worked on where it is not proven.
const fewCases = 24 * time.Second

// played is the outcome of a case, in a bubble of its own.
func played(t *testing.T, c Case) (out *Outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if out, err = Play(t.Context(), c); err != nil {
			t.Errorf("%s: %v", c, err)
		}
	})
	return out
}

// cases are all of a verb in an era: every effect at every call. The verb is
// played undisturbed to learn its calls.
func cases(t *testing.T, era string, v Verb) (all []Case) {
	t.Helper()
	plain := played(t, Case{Era: era, Verb: v.Name})
	if plain == nil || plain.Result != Clean || len(plain.Damage) > 0 {
		t.Fatalf("%s %s, undisturbed: %+v", era, v.Name, plain)
	}
	for _, p := range plain.Points {
		for _, e := range Effects(v, p) {
			all = append(all, Case{era, v.Name, p, e})
		}
	}
	return all
}

// TestTable prints what each failure of a director leaves behind, and fails
// where that is damage. COMPOSA_PROVE plays all of it; COMPOSA_DAMAGE_ONLY plays
// the cases whose line holds that text.
func TestTable(t *testing.T) {
	var mu sync.Mutex
	var outs []*Outcome
	n := 0
	began := time.Now()
	t.Run("cases", func(t *testing.T) {
		for _, era := range eras {
			for _, v := range Verbs() {
				t.Run(era+" "+v.Name, func(t *testing.T) {
					t.Parallel()
					all := cases(t, era, v)
					some := tableRows(t, all)
					mu.Lock()
					defer mu.Unlock()
					n += len(all)
					outs = append(outs, some...)
				})
			}
		}
	})
	t.Logf("%d of %d cases in %s\n%s", len(outs), n, time.Since(began).Round(time.Second), Table(outs))
}

// tableRows plays the cases that this run is about.
func tableRows(t *testing.T, all []Case) (outs []*Outcome) {
	only, prove := os.Getenv("COMPOSA_DAMAGE_ONLY"), os.Getenv("COMPOSA_PROVE") != ""
	if !prove && only == "" {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	began := time.Now()
	for i, c := range all {
		switch {
		case only != "":
			if !strings.Contains(c.String(), only) {
				continue
			}
		case !prove && time.Since(began) > fewCases/time.Duration(len(eras)*len(Verbs())):
			return outs
		case i%500 == 499:
			t.Logf("%d of %d cases after %s", i+1, len(all), time.Since(began).Round(time.Second))
		}
		out := played(t, c)
		if out == nil {
			continue
		}
		outs = append(outs, out)
		if len(out.Damage) > 0 {
			t.Errorf("%s: damage (repeat it with COMPOSA_DAMAGE_ONLY=%q)\n%s", c, c, strings.Join(append(out.Damage, out.Trace...), "\n"))
		}
	}
	return outs
}
