package placement_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/measure"
	"github.com/composa-dev/composa/internal/placement"
	"github.com/composa-dev/composa/internal/selector"
)

// costly is a condition that costs some hundred units for each device, and that
// no device meets.
func costly(i int) string {
	return fmt.Sprintf("[1,2,3,4,5,6,7,8].exists(x, [1,2,3,4,5,6,7,8].exists(y, x+y == device.memory+%d))", i)
}

// What the entries of one request cost, and all that is tried for it, is bounded
// together.
func TestConditionsShareOneBudget(t *testing.T) {
	site := large()
	for _, entries := range []int{4, 64} {
		var lines []string
		for i := range entries {
			lines = append(lines, "gpu 1 & where "+costly(i))
		}
		r := placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want(lines...)}
		_, spent, _, err := placement.PlaceWithin(site, r, 100_000, placement.MaxSteps)
		if most := 100_000 + 2*uint64(selector.MaxCost); spent > most {
			t.Errorf("%d entries spent %d, 100000 are allowed", entries, spent)
		}
		if composa.CodeOf(err) != composa.CodeInvalid || !strings.Contains(err.Error(), "its conditions cost too much to tell which devices meet them") {
			t.Errorf("%d entries: %v", entries, err)
		}
	}
}

// A rack is never refused because it came last by name: what cannot be told is no
// refusal.
func TestCostRefusesNothing(t *testing.T) {
	site := large()
	for _, d := range site.DevicesOf("rack19") {
		d.Facts.Cores = 7
	}
	where := "[1,2,3,4,5,6,7,8].exists(x, [1,2,3,4,5,6,7,8].exists(y, x+y+3 == device.cores || x+y > 100*device.memory))"
	r := placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want("gpu 1 & where " + where)}
	if _, _, _, err := placement.PlaceWithin(site, r, 100_000, placement.MaxSteps); composa.CodeOf(err) != composa.CodeInvalid {
		t.Errorf("all racks: %v", err)
	}
	r.Fabrics = []composa.FabricName{"rack19"}
	if c, err := placement.Place(site, r); err != nil || c.Fabric != "rack19" {
		t.Errorf("rack19: %v", err)
	}
}

// Whether a device is free is asked besides a where, so that device.free hides
// nothing: what is claimed counts as claimed.
func TestWhereTakesFreeAsGiven(t *testing.T) {
	site := three()
	held(site, "mine", "rack1/gpu0", "rack1/gpu1", "rack1/gpu2", "rack1/gpu3", "rack1/gpu4", "rack1/gpu5", "rack1/gpu6")
	for _, where := range []string{"device.memory >= 40 * GiB", "device.memory >= 40 * GiB && device.free"} {
		x, text := explained(site, placement.Request{
			Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Fabrics: []composa.FabricName{"rack1"}, Entries: want("gpu 2 & where " + where),
		})
		if x == nil {
			t.Fatal(text)
		}
		if d := cmp.Diff([]composa.Removed{{Condition: "claimed", Count: 7}}, x.Fabrics[0].Entries[0].Lost); d != "" {
			t.Errorf("%s (-want +got):\n%s", where, d)
		}
	}
}

// A where sees a part that no picture shows as people do: missing.
func TestWhereSeesHealthAsItIsShown(t *testing.T) {
	site := rack(new(composa.Site), "rack1", "cpu0", "gpu[0-2]")
	p := site.Pictures["rack1"]
	p.Devices = slices.DeleteFunc(p.Devices, func(d composa.SeenDevice) bool { return d.Name == "gpu1" })
	site.Index()
	for where, lost := range map[string][]composa.Removed{
		`device.health == "ok"`:      {{Condition: `not where device.health == "ok"`, Count: 1}},
		`device.health == "missing"`: {{Condition: `not where device.health == "missing"`, Count: 2}, {Condition: "missing", Count: 1}},
	} {
		x, text := explained(site, placement.Request{
			Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want("gpu 3 & where " + where),
		})
		if x == nil {
			t.Fatal(text)
		}
		if d := cmp.Diff(lost, x.Fabrics[0].Entries[0].Lost); d != "" {
			t.Errorf("%s (-want +got):\n%s", where, d)
		}
	}
}

// many is a request of 64 entries with conditions that differ, so that nearly
// each device is of another class.
func many(each int) placement.Request {
	r := placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train"}
	for i := range composa.MaxEntries {
		r.Entries = append(r.Entries, composa.Entry{
			Key: fmt.Sprint("gpu-", i), Kind: composa.KindGPU, Count: each,
			Where: fmt.Sprintf("device.place.endsWith('%d') || device.place.contains('%d%d')", i%10, (i*7+3)%10, (i*3+i/10)%10),
		})
	}
	return r
}

// manyRacks is 20 racks with 500 GPUs each.
func manyRacks(gpus int) *composa.Site {
	site := &composa.Site{}
	for i := range 20 {
		rack(site, composa.FabricName(fmt.Sprint("rack", i)), fmt.Sprintf("gpu[0-%d]", gpus-1))
	}
	return site
}

// Entries that compete in many ways are served, or it is said that they ask too
// much.
func TestMatchingIsBounded(t *testing.T) {
	site := manyRacks(500)
	for _, each := range []int{3, 7} {
		r, steps := many(each), 1_000_000
		if each == 3 {
			r.Fabrics = []composa.FabricName{"rack0"}
		}
		c, _, left, err := placement.PlaceWithin(site, r, placement.MaxConditionCost, steps)
		if left < -steps/5 {
			t.Errorf("each %d: %d steps more than allowed", each, -left)
		}
		switch {
		case each == 3 && (err != nil || len(c.Bound) != each*composa.MaxEntries):
			t.Errorf("one rack: %v", err)
		case each == 7 && composa.CodeOf(err) != composa.CodeInvalid:
			t.Errorf("all racks: %v", err)
		}
	}
}

// With however small a budget a placement answers as it does with a large one, or
// that it costs too much: it never chooses otherwise, and never refuses what fits.
// Of a refusal it may tell less, and says so.
func TestSmallBudgets(t *testing.T) {
	site := large()
	cut, tooMuch := 0, 0
	for i, r := range someRequests(8) {
		if i%4 == 0 {
			r.Entries[1].Where = "device.model.matches('A') || " + costly(i)
		}
		whole, _, _, wantErr := placement.PlaceWithin(site, r, math.MaxInt64, math.MaxInt)
		for steps := 2_000; steps < 2_000_000; steps *= 5 {
			c, _, left, err := placement.PlaceWithin(site, r, uint64(steps), steps)
			var e *composa.Error
			switch {
			case composa.CodeOf(err) == composa.CodeInvalid:
				tooMuch++
			case (err == nil) != (wantErr == nil) || composa.CodeOf(err) != composa.CodeOf(wantErr):
				t.Fatalf("within %d steps: %v, want %v", steps, err, wantErr)
			case errors.As(err, &e):
				if left < 0 && !e.Refusal.Cut {
					t.Fatalf("within %d steps: not all is told, and it does not say so", steps)
				}
				if e.Refusal.Cut {
					cut++
				}
			default:
				if d := cmp.Diff(whole, c, cmpopts.IgnoreFields(composa.Explanation{}, "Cut", "Fabrics")); d != "" {
					t.Fatalf("within %d steps (-want +got):\n%s", steps, d)
				}
			}
		}
	}
	if cut == 0 || tooMuch == 0 {
		t.Errorf("%d explanations were cut and %d requests cost too much: nothing was tried", cut, tooMuch)
	}
}

// BenchmarkPlaceAtTheEdge is what the costliest requests take: the site's other
// changes wait for them.
func BenchmarkPlaceAtTheEdge(b *testing.B) {
	var bombs []string
	for i := range composa.MaxEntries {
		bombs = append(bombs, "gpu 1 & where "+costly(i))
	}
	units := manyRacks(500)
	for i := range units.Devices {
		units.Devices[i].Unit = fmt.Sprint(units.Devices[i].Fabric, "-", i/2)
	}
	for _, tt := range []struct {
		name    string
		site    *composa.Site
		request placement.Request
	}{
		{"conditions", large(), placement.Request{Entries: want(bombs...)}},
		{"matching", manyRacks(500), many(7)},
		{"refused", manyRacks(400), many(7)},
		{"units", units, many(2)},
	} {
		tt.request.Verb, tt.request.Project, tt.request.Name = composa.VerbCompose, "proj_a", "train"
		b.Run(tt.name, func(b *testing.B) {
			_, _, left, err := placement.PlaceWithin(tt.site, tt.request, placement.MaxConditionCost, placement.MaxSteps)
			for b.Loop() {
				_, _ = placement.Place(tt.site, tt.request)
			}
			b.Logf("%d steps left: %.200v", left, err)
			measure.AtMost(b, float64(b.Elapsed().Milliseconds())/float64(b.N), 500, "ms")
		})
	}
}
