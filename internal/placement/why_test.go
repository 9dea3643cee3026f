package placement_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

// What is said to have decided did decide.
func TestWhy(t *testing.T) {
	for _, tt := range []struct {
		name    string
		site    *composa.Site
		fabrics []composa.FabricName
		entries []string
		lines   string
	}{
		{
			name: "equal racks", site: rack(rack(&composa.Site{}, "rack1", "cpu[0-3]"), "rack2", "cpu[0-3]"), entries: []string{"cpu 1"},
			lines: "rack1 fits best of 2: as well as rack2, and comes first by name\ncpu: rack1/cpu0: the lowest of 4 that would do\n" +
				"rack2: as good as rack1, which comes first by name",
		},
		{
			name: "the second kind decided", site: rack(rack(&composa.Site{}, "rack1", "cpu[0-1]", "gpu[0-5]"), "rack2", "cpu[0-1]", "gpu[0-7]"), entries: []string{"cpu 1", "gpu 1"},
			lines: "rack1 fits best of 2: it has only 6 gpu that would do, so that more stays whole elsewhere\n" +
				"cpu: rack1/cpu0: the lowest of 2 that would do\ngpu: rack1/gpu0: the lowest of 6 that would do\n" +
				"rack2: it has 8 gpu that would do and rack1 has 6: the smaller block is used first",
		},
		{
			name: "only what would do counts", site: rack(rack(&composa.Site{}, "rack1", "gpu[0-3] A100", "gpu[4-7] T4"), "rack2", "gpu[0-1] A100", "gpu[2-13] T4"), entries: []string{"gpu A100:1"},
			lines: "rack2 fits best of 2: it has only 2 gpu that would do, so that more stays whole elsewhere\ngpu: rack2/gpu0: the lowest of 2 that would do\n" +
				"rack1: it has 4 gpu that would do and rack2 has 2: the smaller block is used first",
		},
		{
			name: "what another entry has does not count", site: rack(&composa.Site{}, "rack1", "gpu[0-3] A100"), entries: []string{"gpu A100:1", "gpu 2"},
			lines: "rack1 is the only fabric\ngpu: rack1/gpu0: the lowest of 2 that the other entries and the domain leave\n" +
				"gpu-2: rack1/gpu1, rack1/gpu2: the lowest of 3 that the other entries and the domain leave",
		},
		{
			name: "a block that is not told", site: rack(&composa.Site{}, "rack1", "gpu[0-7] under=s0", "gpu[8-9]"), entries: []string{"gpu 1"},
			lines: "rack1 is the only fabric\ngpu: rack1/gpu8: under no switch that is told, the smallest of 2 blocks: bigger ones stay whole",
		},
		{
			name: "all blocks are touched", site: rack(&composa.Site{}, "rack1", "gpu[0-3] under=s0", "gpu[4-5] under=s1"), entries: []string{"gpu 3"},
			lines: "rack1 is the only fabric\ngpu: rack1/gpu0, rack1/gpu4, rack1/gpu5: small blocks before big ones, so that all entries are served",
		},
		{
			name: "the devices named", site: rack(rack(&composa.Site{}, "rack1", "gpu[0-3]"), "rack2", "gpu0"), entries: []string{"gpu rack1/gpu1"},
			lines: "the devices named are on rack1\ngpu: rack1/gpu1: named",
		},
		{
			name: "the fabric that was asked for", site: rack(rack(&composa.Site{}, "rack1", "gpu[0-3]"), "rack2", "gpu0"), fabrics: []composa.FabricName{"rack1"}, entries: []string{"gpu rack1/gpu1"},
			lines: "rack1 was asked for\ngpu: rack1/gpu1: named",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, text := explained(tt.site, placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Fabrics: tt.fabrics, Entries: want(tt.entries...)})
			if x == nil {
				t.Fatal(text)
			}
			if d := cmp.Diff(tt.lines, strings.Join(x.Lines(), "\n")); d != "" {
				t.Errorf("lines (-want +got):\n%s", d)
			}
		})
	}
}

// A near miss says who missed what by how much, in as many digits as it takes to
// tell the two apart; == and != are not missed by an amount.
func TestNearMissTexts(t *testing.T) {
	for _, tt := range []struct {
		device, entry, text string
	}{
		{"gpu[0-1] memory=40GiB", "gpu 1 & where device.memory >= 41 * GiB", "every gpu that would do has memory 40 GiB, 41 GiB is asked: 2.4 % short"},
		{"gpu[0-1] memory=40GiB", "gpu 1 & where device.memory > 40 * GiB", "every gpu that would do has memory 40 GiB, more than 40 GiB is asked"},
		{"gpu[0-1] memory=40GiB", "gpu 1 & where device.memory < 40 * GiB", "every gpu that would do has memory 40 GiB, less than 40 GiB is asked"},
		{"gpu[0-1] memory=40GiB", "gpu 1 & where device.memory <= 39 * GiB", "every gpu that would do has memory 40 GiB, at most 39 GiB is asked: 2.6 % over"},
		{"gpu[0-1] memory=40GiB", "gpu 1 & where device.memory != 40 * GiB", ""},
		{"gpu[0-1] memory=40GiB", "gpu 1 & where device.memory == 41 * GiB", ""},
		{"gpu[0-1] memory=36GB", "gpu 1 & memory 40GB", ""},
		{"gpu0 memory=36000000001", "gpu 1 & memory 40GB", "the one gpu that would do has memory 36 GB, 40 GB is asked: 9.9 % short"},
		{"nic[0-1] speed=99999999999", "nic 1 & speed 100Gb", "every nic that would do has speed 99.999999999 Gb/s, 100 Gb/s is asked: less than 0.1 % short"},
	} {
		site := rack(&composa.Site{}, "rack1", tt.device)
		x, text := explained(site, placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want(tt.entry)})
		if x == nil || x.Fabric != "" {
			t.Fatalf("%s: %s", tt.entry, text)
		}
		got := ""
		if near := x.Fabrics[0].Entries[0].Lost[0].Near; near != nil {
			got = near.Text
		}
		if d := cmp.Diff(tt.text, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.entry, d)
		}
	}
	site := rack(&composa.Site{}, "rack1", "gpu[0-1] memory=39GB", "gpu[2-3] memory=48GB")
	x, _ := explained(site, placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want("gpu 3 & memory 40GB")})
	if got := x.Fabrics[0].Entries[0].Lost[0].Near.Text; got != "the 2 gpu that miss it have memory 39 GB, 40 GB is asked: 2.5 % short" {
		t.Error(got)
	}
}

// What fits now is written with all that compose would add by itself.
func TestNearestWritesThatNoNodeIsAsked(t *testing.T) {
	site := rack(&composa.Site{}, "rack1", "cpu0", "gpu[0-1]")
	claimed(site, "mach_x", "rack1/cpu0")
	x, _ := explained(site, placement.Request{Verb: composa.VerbCompose, Project: "proj_a", Name: "train", Entries: want("gpu 3")})
	if got := x.Nearest.Write; got != "--fabric rack1 --gpu 2 --cpu 0" {
		t.Error(got)
	}
}
