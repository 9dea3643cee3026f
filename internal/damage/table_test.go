package damage

import (
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// eras are those of the table.
var eras = emulator.Eras()

// fewCases is how long the table is worked on where it is not proven.
const fewCases = 10 * time.Second

// few says whether only a little of the table is played.
func few() bool {
	for _, name := range []string{"COMPOSA_PROVE", "COMPOSA_DAMAGE_SHARE", "COMPOSA_DAMAGE_ONLY"} {
		if os.Getenv(name) != "" {
			return false
		}
	}
	return true
}

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
// where that is damage. COMPOSA_PROVE plays all of it, or with the race detector
// one case in raceShare; COMPOSA_DAMAGE_SHARE=n plays one in n, and
// COMPOSA_DAMAGE_ONLY those whose line matches that regular expression.
func TestTable(t *testing.T) {
	var mu sync.Mutex
	var outs []*Outcome
	n := 0
	began := time.Now()
	t.Run("cases", func(t *testing.T) {
		for i, era := range eras {
			for j, v := range Verbs() {
				if few() && i != j%len(eras) {
					continue // each verb on one era, each era with one verb
				}
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

// raceShare is how many cases there are for each that is proven where the race
// detector makes every one slow.
const raceShare = 40

// share chooses the cases that this run is about, in the order in which they are
// played, and for how long; zero: until all are played.
func share(t *testing.T, all []Case) (some []Case, within time.Duration) {
	t.Helper()
	one := 1
	only, err := regexp.Compile(os.Getenv("COMPOSA_DAMAGE_ONLY"))
	if err != nil {
		t.Fatalf("COMPOSA_DAMAGE_ONLY cannot be read: %v", err)
	}
	all = slices.DeleteFunc(all, func(c Case) bool { return !only.MatchString(c.String()) })
	switch n := os.Getenv("COMPOSA_DAMAGE_SHARE"); {
	case n != "":
		if one, err = strconv.Atoi(n); err != nil || one < 1 {
			t.Fatalf("COMPOSA_DAMAGE_SHARE=%q is no number above 0", n)
		}
	case only.String() != "":
		return all, 0
	case few():
		within = fewCases / time.Duration(len(Verbs()))
	case race:
		one = raceShare
	default:
		return all, 0
	}
	rand.New(rand.NewPCG(1, uint64(len(all)))).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:(len(all)+one-1)/one], within
}

// mustMeet says whether the call of a case surely comes: up to it the verb is as
// undisturbed, and changing calls, unlike looks, are not as many as time allows.
// A device that is to return is away from the beginning.
func (c Case) mustMeet() bool {
	return c.Point.Method != http.MethodGet && !strings.HasPrefix(c.Effect, "return=")
}

// tableRows plays the cases that this run is about.
func tableRows(t *testing.T, all []Case) (outs []*Outcome) {
	some, within := share(t, slices.Clone(all))
	began := time.Now()
	for i, c := range some {
		if within > 0 && time.Since(began) > within {
			return outs
		}
		if i%500 == 499 {
			t.Logf("%d of %d cases after %s", i+1, len(some), time.Since(began).Round(time.Second))
		}
		out := played(t, c)
		if out == nil {
			continue
		}
		outs = append(outs, out)
		if !out.Met && c.mustMeet() {
			t.Errorf("%s: the effect came to nothing: no such call was made", c)
		}
		if len(out.Damage) > 0 {
			t.Errorf("%s: damage (repeat it with COMPOSA_DAMAGE_ONLY=%q)\n%s", c, c, strings.Join(append(out.Damage, out.Trace...), "\n"))
		}
	}
	return outs
}
