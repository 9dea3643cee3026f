package composa_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func spec(entries ...composa.Entry) composa.Spec {
	return composa.Spec{Name: "train", Entries: entries}.Normalize()
}

func TestNormalizeGivesOneCPUAndStableKeys(t *testing.T) {
	got := spec(
		composa.Entry{Kind: composa.KindGPU, Count: 2},
		composa.Entry{Kind: composa.KindGPU, Count: 1, Model: "A40"},
		composa.Entry{Kind: composa.KindSSD, Places: []composa.Place{"rack1/ssd0", "rack1/ssd1"}},
	)
	want := []composa.Entry{
		{Key: "cpu", Kind: composa.KindCPU, Count: 1},
		{Key: "gpu", Kind: composa.KindGPU, Count: 2},
		{Key: "gpu-2", Kind: composa.KindGPU, Count: 1, Model: "A40"},
		{Key: "ssd", Kind: composa.KindSSD, Count: 2, Places: []composa.Place{"rack1/ssd0", "rack1/ssd1"}},
	}
	if diff := cmp.Diff(want, got.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, got.Normalize()); diff != "" {
		t.Errorf("normalizing twice differs (-once +twice):\n%s", diff)
	}
}

func TestAddAddsToTheEntryThatAsksForTheSame(t *testing.T) {
	is := spec(composa.Entry{Kind: composa.KindGPU, Count: 2}, composa.Entry{Kind: composa.KindGPU, Count: 1, Model: "A40"})
	grown, added := is.Add(
		composa.Entry{Kind: composa.KindGPU, Count: 3, Model: "A40"},
		composa.Entry{Kind: composa.KindGPU, Count: 1, Places: []composa.Place{"rack1/gpu7"}},
		composa.Entry{Kind: composa.KindSSD, Count: 1},
		composa.Entry{Kind: composa.KindSSD, Count: 1},
	)
	want := []composa.Entry{
		{Key: "cpu", Kind: composa.KindCPU, Count: 1},
		{Key: "gpu", Kind: composa.KindGPU, Count: 2},
		{Key: "gpu-2", Kind: composa.KindGPU, Count: 4, Model: "A40"},
		{Key: "gpu-3", Kind: composa.KindGPU, Count: 1, Places: []composa.Place{"rack1/gpu7"}},
		{Key: "ssd", Kind: composa.KindSSD, Count: 2},
	}
	if diff := cmp.Diff(want, grown.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	want = []composa.Entry{
		{Key: "gpu-2", Kind: composa.KindGPU, Count: 3, Model: "A40"},
		{Key: "gpu-3", Kind: composa.KindGPU, Count: 1, Places: []composa.Place{"rack1/gpu7"}},
		{Key: "ssd", Kind: composa.KindSSD, Count: 1},
		{Key: "ssd", Kind: composa.KindSSD, Count: 1},
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if is.Entries[2].Count != 1 {
		t.Errorf("the spec that was added to now asks for %d", is.Entries[2].Count)
	}
}

func TestKeysCostALookEach(t *testing.T) {
	const n = 2000
	many := slices.Repeat([]composa.Entry{{Kind: composa.KindGPU, Count: 1}}, n)
	var got composa.Spec
	allocs := testing.AllocsPerRun(1, func() { got = spec(many...) })
	if key := got.Entries[n].Key; key != "gpu-2000" {
		t.Errorf("entry %d has key %q, want gpu-2000", n, key)
	}
	if allocs > 20*n {
		t.Errorf("%d entries cost %.0f allocations, want at most %d", n, allocs, 20*n)
	}
}

func TestNoCPUWhereNoneIsWanted(t *testing.T) {
	got := spec(composa.Entry{Kind: composa.KindCPU}, composa.Entry{Kind: composa.KindGPU, Count: 1})
	if len(got.Entries) != 1 || got.Entries[0].Kind != composa.KindGPU {
		t.Errorf("--cpu 0 leaves %v, want the gpu alone", got.Entries)
	}
}

func TestCheckRefusesWhatCannotBeMeant(t *testing.T) {
	gpu := func(n int) composa.Entry { return composa.Entry{Kind: composa.KindGPU, Count: n} }
	at := func(places ...composa.Place) composa.Entry {
		return composa.Entry{Kind: composa.KindGPU, Places: places}
	}
	for _, tt := range []struct {
		name    string
		entries []composa.Entry
		want    string
	}{
		{"zero", []composa.Entry{gpu(0)}, `cannot compose "train": 0 is not a count of gpu devices; ask for 1 or more, or leave gpu out`},
		{"negative", []composa.Entry{gpu(-3)}, `-3 is not a count of gpu devices`},
		{"absurd", []composa.Entry{gpu(100000)}, `100000 gpu devices are more than the 512 allowed in one machine`},
		{"absurd together", []composa.Entry{gpu(400), {Kind: composa.KindSSD, Count: 400}}, `it wants 801 devices, 512 are allowed in one machine`},
		{"unknown kind", []composa.Entry{{Kind: "tpu", Count: 1}}, `there is no such kind; use one of cpu, gpu, ssd, scm, nic, fpga, memory`},
		{"a device twice", []composa.Entry{at("rack1/gpu1", "rack1/gpu1")}, `rack1/gpu1 is named twice`},
		{"two racks", []composa.Entry{at("rack1/gpu1", "rack2/gpu1")}, `rack1/gpu1 and rack2/gpu1 lie in two fabrics`},
		{"no place", []composa.Entry{at("gpu1")}, `"gpu1" does not name a device; write FABRIC/DEVICE, for example rack1/gpu3`},
		{"two slashes", []composa.Entry{at("rack1/gpu/1")}, `does not name a device`},
		{"count beside names", []composa.Entry{{Kind: composa.KindGPU, Count: 3, Places: []composa.Place{"rack1/gpu1"}}}, `3 gpu are wanted and 1 are named`},
		{"ipmi of a gpu", []composa.Entry{{Kind: composa.KindGPU, Count: 1, IPMI: "192.0.2.1"}}, `ipmi chooses a cpu, not a gpu`},
		{"long model", []composa.Entry{{Kind: composa.KindGPU, Count: 1, Model: strings.Repeat("x", 64)}}, `has 64 characters, 63 are allowed`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := spec(tt.entries...).Check("compose")
			if tt.want == "" {
				if err != nil {
					t.Errorf("Check = %v, want none", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || composa.CodeOf(err) != composa.CodeInvalid {
				t.Errorf("Check = %v, want invalid with %q", err, tt.want)
			}
		})
	}
}

func TestDifferencesNameWhatIsWishedOtherwise(t *testing.T) {
	a := spec(composa.Entry{Kind: composa.KindGPU, Count: 2}, composa.Entry{Kind: composa.KindSSD, Count: 1})
	b := spec(composa.Entry{Kind: composa.KindSSD, Count: 1}, composa.Entry{Kind: composa.KindGPU, Count: 2})
	if !a.Same(b) {
		t.Errorf("the order of entries makes a difference: %v", a.Differences(b))
	}
	apart := composa.Spec{Name: "train", Entries: append([]composa.Entry{{Kind: composa.KindGPU, Count: 2}}, a.Entries...)}.Normalize()
	if diff := cmp.Diff([]string{"gpu: 2 instead of 4"}, apart.Differences(a)); diff != "" {
		t.Errorf("differences of counts that were asked apart (-want +got):\n%s", diff)
	}
	c := spec(composa.Entry{Kind: composa.KindGPU, Count: 4}, composa.Entry{Kind: composa.KindSSD, Count: 1})
	c.Fabrics = []composa.FabricName{"rack1"}
	want := []string{"fabric: rack1 instead of none", "gpu: 4 instead of 2"}
	if diff := cmp.Diff(want, a.Differences(c)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	for _, labels := range []map[string]string{
		{"": "x"}, {strings.Repeat("k", 64): "x"}, {"k": strings.Repeat("v", 256)}, {"k": "a\nb"},
	} {
		if err := composa.CheckLabels(labels); composa.CodeOf(err) != composa.CodeInvalid {
			t.Errorf("CheckLabels(%.40v) = %v, want invalid", labels, err)
		}
	}
	if err := composa.CheckLabels(map[string]string{"team": "vision"}); err != nil {
		t.Errorf("CheckLabels of a good label = %v", err)
	}
}
