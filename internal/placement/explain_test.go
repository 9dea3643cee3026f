package placement_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

var update = flag.Bool("update", false, "rewrite testdata/explain")

// three racks of different sizes, with models, switches and sizes.
func three() *composa.Site {
	s := rack(&composa.Site{}, "rack1", "cpu[0-3]", "gpu[0-7] A100 vendor=NVIDIA under=s0 memory=40GiB", "ssd[0-3] size=960GB", "nic0 speed=100Gb")
	s = rack(s, "rack2", "cpu[0-1]", "gpu[0-3] A100 vendor=NVIDIA under=s0 memory=40GiB", "gpu[4-9] A40 under=s1 memory=48GiB", "ssd[0-1] size=3840GB", "nic0 speed=25Gb")
	return rack(s, "rack3", "cpu0", "gpu[0-1] T4 under=s0 memory=16GiB", "gpu2 learning", "ssd0")
}

// busy gives a rack operations that still have so many steps to carry out.
func busy(s *composa.Site, fabric composa.FabricName, steps int) {
	op := composa.Operation{ID: composa.OperationID("op_" + string(fabric)), Project: "proj_a", Verb: composa.VerbCompose, Phase: composa.PhaseRunning, Fabric: fabric}
	for i := range steps {
		op.Steps = append(op.Steps, composa.StepRecord{
			Generation: 1, Ordinal: i + 1, State: composa.StepPlanned,
			Step: composa.Step{Act: composa.ActReshape, Fabric: fabric, Attach: []composa.DeviceRef{{Name: "x"}}},
		})
	}
	s.Operations = append(s.Operations, op)
}

// freeing lets an operation of a project give a machine back.
func freeing(s *composa.Site, project composa.ProjectID, id composa.OperationID, m *composa.Machine) {
	m.Project, m.Operation = project, id
	s.Operations = append(s.Operations, composa.Operation{
		ID: id, Project: project, Verb: composa.VerbFree, Phase: composa.PhaseRunning, Direction: composa.Forward, Fabric: m.Fabric,
		Machines: []composa.MachineID{m.ID}, Target: composa.Target{Fabric: m.Fabric, Goals: []composa.Goal{{Machine: m.Ref()}}},
	})
}

// The account of choices and refusals, as data and as lines, is what the golden
// files say.
func TestExplanations(t *testing.T) {
	for _, tt := range []struct {
		name    string
		site    func() *composa.Site
		request placement.Request
		entries []string
	}{
		{name: "choice-packs", site: three, entries: []string{"cpu 1", "gpu A100:2", "ssd 1"}},
		{name: "choice-blocks", site: three, request: placement.Request{Fabrics: []composa.FabricName{"rack2"}}, entries: []string{"cpu 1", "gpu 2"}},
		{name: "choice-named", site: three, entries: []string{"cpu 1", "gpu rack1/gpu3,rack1/gpu5"}},
		{name: "choice-p2p", site: three, request: placement.Request{P2P: true}, entries: []string{"cpu 1", "gpu 6"}},
		{name: "choice-where", site: three, entries: []string{"cpu 1", "gpu 1 & memory 40GiB & where device.model != 'A40'", "nic 1 & where device.speed >= 100 * Gb"}},
		{name: "choice-spreads", site: func() *composa.Site {
			s := three()
			busy(s, "rack2", 3)
			busy(s, "rack3", 1)
			return s
		}, entries: []string{"cpu 1", "gpu 1"}},
		{name: "choice-clean", site: func() *composa.Site {
			s := three()
			for _, p := range []composa.Place{"rack1/ssd0", "rack1/ssd2", "rack1/ssd3"} {
				at(s, p).Hygiene, at(s, p).KeptFor = composa.HygieneUsed, "proj_a"
			}
			return s
		}, request: placement.Request{Fabrics: []composa.FabricName{"rack1"}}, entries: []string{"cpu 1", "ssd 2"}},
		{name: "refusal-near", site: three, entries: []string{"cpu 1", "gpu A100:2 & memory 43GB"}},
		{name: "refusal-near-where", site: three, entries: []string{"cpu 1", "nic 1 & where device.speed >= 105 * Gb"}},
		{name: "refusal-far", site: three, entries: []string{"cpu 1", "gpu 1 & memory 80GiB"}},
		{name: "refusal-model", site: three, entries: []string{"cpu 1", "gpu H100:4"}},
		{name: "refusal-elsewhere", site: three, request: placement.Request{Fabrics: []composa.FabricName{"rack3"}}, entries: []string{"cpu 1", "gpu A100:2"}},
		{name: "refusal-not-known", site: three, request: placement.Request{Fabrics: []composa.FabricName{"rack3"}}, entries: []string{"cpu 1", "ssd 1 & size 100GB"}},
		{name: "refusal-pool", site: func() *composa.Site {
			s := three()
			s.Pools = []composa.Pool{{ID: "pool_1", Project: "proj_a", Name: "vision"}, {ID: "pool_2", Project: "proj_b", Name: "secret"}}
			for i := range 8 {
				at(s, composa.Place(fmt.Sprintf("rack1/gpu%d", i))).Pool = "pool_1"
			}
			at(s, "rack1/cpu0").Pool, at(s, "rack2/gpu0").Pool = "pool_1", "pool_2"
			return s
		}, entries: []string{"cpu 1", "gpu A100:8"}},
		{name: "refusal-earliest", site: func() *composa.Site {
			s := three()
			freeing(s, "proj_a", "op_mine", held(s, "mine", "rack1/cpu0", "rack1/gpu0", "rack1/gpu1"))
			freeing(s, "proj_b", "op_theirs", held(s, "theirs", "rack1/cpu1", "rack1/gpu2"))
			return s.Index()
		}, entries: []string{"cpu 1", "gpu A100:8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.request
			r.Verb, r.Project, r.Name, r.Entries = composa.VerbCompose, "proj_a", "train", want(tt.entries...)
			x, text := explained(tt.site(), r)
			if x == nil || (x.Fabric == "") != strings.HasPrefix(tt.name, "refusal") {
				t.Fatalf("got %+v, %s", x, text)
			}
			data, err := json.MarshalIndent(x, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, fmt.Sprintf("%s\n%s\n\n%s\n", text, strings.Join(x.Lines(), "\n"), data))
		})
	}
}

// Nothing of other projects is told: neither their pools nor what they make.
func TestExplanationsNameNothingOfOthers(t *testing.T) {
	for _, file := range must(filepath.Glob("testdata/explain/*.txt")) {
		text := string(must(os.ReadFile(file)))
		for _, name := range []string{"secret", "theirs", "proj_b", "pool_2"} {
			if strings.Contains(text, name) {
				t.Errorf("%s tells %q", file, name)
			}
		}
	}
}

// However large the site and the request are, an explanation stays small, and
// says what it leaves out.
func TestExplanationsAreBounded(t *testing.T) {
	site := &composa.Site{}
	for r := range composa.MaxToldFabrics + 8 {
		lines := []string{"cpu0"}
		for i := range 40 {
			lines = append(lines, fmt.Sprintf("gpu%d model%d", i, i))
		}
		rack(site, composa.FabricName(fmt.Sprintf("rack%d", r)), lines...)
	}
	site.Pools = make([]composa.Pool, 30)
	for i := range site.Pools {
		site.Pools[i] = composa.Pool{ID: composa.PoolID(fmt.Sprintf("pool_%d", i)), Project: "proj_a", Name: fmt.Sprintf("pool%d", i)}
		at(site, composa.Place(fmt.Sprintf("rack0/gpu%d", i))).Pool = site.Pools[i].ID
	}
	var entries []string
	for i := range 30 {
		entries = append(entries, fmt.Sprintf("gpu model%d:2", i))
	}
	x, text := explained(site, placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want(entries...)})
	if x == nil || x.Fabric != "" {
		t.Fatalf("got %+v, %s", x, text)
	}
	if len(x.Fabrics) != composa.MaxToldFabrics || x.MoreFabrics != 8 {
		t.Errorf("%d fabrics are told and %d more", len(x.Fabrics), x.MoreFabrics)
	}
	for _, f := range x.Fabrics {
		if len(f.Entries) != composa.MaxToldEntries || f.MoreEntries != len(entries)-composa.MaxToldEntries {
			t.Errorf("%s: %d entries are told and %d more", f.Fabric, len(f.Entries), f.MoreEntries)
		}
	}
	if n := len(x.Lines()); n > composa.MaxToldLines {
		t.Errorf("%d lines", n)
	}
	x, _ = explained(site, placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Fabrics: []composa.FabricName{"rack0"}, Entries: want("gpu 20")})
	lost := x.Fabrics[0].Entries[0].Lost
	if last := lost[len(lost)-1]; len(lost) != composa.MaxToldConditions || last.Condition != "for 19 other reasons" || last.Count != 19 {
		t.Errorf("%d conditions, the last one %+v", len(lost), last)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// explained is the account that came of a request.
func explained(site *composa.Site, r placement.Request) (*composa.Explanation, string) {
	c, err := placement.Place(site, r)
	if err == nil {
		return &c.Explanation, ""
	}
	var e *composa.Error
	if !errors.As(err, &e) || e.Refusal == nil {
		return nil, err.Error()
	}
	return e.Refusal, err.Error()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "explain", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// The guide shows what is really said.
func TestGuideShowsWhatIsSaid(t *testing.T) {
	guide := string(must(os.ReadFile("../../docs/guides/explain.md")))
	for _, entries := range [][]string{{"cpu 1", "gpu A100:2"}, {"cpu 1", "gpu A100:2 & memory 43GB"}} {
		x, _ := explained(three(), placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want(entries...)})
		indent := "\n"
		if x.Fabric == "" {
			indent = "\n  "
		}
		if shown := indent + strings.Join(x.Lines(), indent) + "\n"; !strings.Contains(guide, shown) {
			t.Errorf("docs/guides/explain.md does not show:%s", shown)
		}
	}
}
