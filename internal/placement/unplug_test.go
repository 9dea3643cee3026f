package placement_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

// train is a machine of two nodes' worth of devices, with a drive that may hold
// data and one that is clean.
func train() (*composa.Site, *composa.Machine) {
	site := rack(&composa.Site{}, "rack1", "cpu0", "gpu[0-10]", "ssd[0-1]", "nic[0-1] unit=u0", "fpga0 unit=u1", "scm0 unit=u1")
	m := held(site, "train", "rack1/cpu0", "rack1/gpu2", "rack1/gpu9", "rack1/gpu10", "rack1/ssd0", "rack1/ssd1",
		"rack1/nic0", "rack1/nic1", "rack1/fpga0", "rack1/scm0")
	at(site, "rack1/ssd1").Hygiene, at(site, "rack1/ssd1").KeptFor = composa.HygieneUsed, "proj_a"
	return site, m
}

func TestUnplug(t *testing.T) {
	for _, tt := range []struct {
		name   string
		places []composa.Place
		counts map[composa.Kind]int
		want   []string
	}{
		{"the named", []composa.Place{"rack1/gpu2"}, nil, []string{"gpu2"}},
		{"the highest", nil, map[composa.Kind]int{"gpu": 2}, []string{"gpu9", "gpu10"}},
		{"named, and some besides", []composa.Place{"rack1/gpu10"}, map[composa.Kind]int{"gpu": 1}, []string{"gpu9", "gpu10"}},
		{"a clean drive before one that may hold data", nil, map[composa.Kind]int{"ssd": 1}, []string{"ssd0"}},
		{"one that may hold data by name", []composa.Place{"rack1/ssd1"}, nil, []string{"ssd1"}},
		{"a whole unit", nil, map[composa.Kind]int{"nic": 2}, []string{"nic0", "nic1"}},
		{"a unit of two kinds", nil, map[composa.Kind]int{"fpga": 1, "scm": 1}, []string{"fpga0", "scm0"}},
		{"nothing", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site, m := train()
			got, err := placement.Unplug(site, m, tt.places, tt.counts)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, b := range got {
				names = append(names, b.Device.Name)
				if b.Entry != string(b.Device.Kind) {
					t.Errorf("%s is of entry %q", b.Device.Name, b.Entry)
				}
			}
			if d := cmp.Diff(tt.want, names); d != "" {
				t.Errorf("leaving (-want +got):\n%s", d)
			}
		})
	}
}

// exchange puts another part in the place of one of train's.
func exchange(site *composa.Site) {
	other := *at(site, "rack1/gpu2")
	at(site, "rack1/gpu2").Name = ""
	other.ID = "dev_other"
	site.Devices = append(site.Devices, other)
	site.Index()
}

// disown leaves a device in train that is not of it.
func disown(site *composa.Site) {
	id := at(site, "rack1/gpu2").ID
	site.Claims = slices.DeleteFunc(site.Claims, func(c composa.Claim) bool { return c.Device == id })
	site.Index()
}

func TestUnplugRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*composa.Site)
		places []composa.Place
		counts map[composa.Kind]int
		code   composa.Code
		text   string
		lines  []string
	}{
		{"not in it", nil, []composa.Place{"rack1/gpu3"}, nil, composa.CodeNotFound,
			`cannot unplug from "train": rack1/gpu3 is not in it; composa machine show train lists its devices`, nil},
		{"another part in its place", exchange, []composa.Place{"rack1/gpu2"}, nil, composa.CodeConflict,
			`cannot unplug from "train": rack1/gpu2 is another part now than the one that was put there; somebody exchanged it: take it out of the machine with the director's own tool, or put the former part back, then try again`, nil},
		{"put in by somebody else", disown, []composa.Place{"rack1/gpu2"}, nil, composa.CodeConflict,
			`cannot unplug from "train": rack1/gpu2 is in it, and nobody here put it there; take it out with the tool that put it in`, nil},
		{"named twice", nil, []composa.Place{"rack1/gpu2", "rack1/gpu2"}, nil, composa.CodeInvalid,
			`cannot unplug from "train": rack1/gpu2 is named twice`, nil},
		{"half a unit", nil, []composa.Place{"rack1/nic0"}, nil, composa.CodeInvalid,
			`cannot unplug from "train": rack1/nic0 moves together with rack1/nic1; name both`, nil},
		{"half a unit by count", nil, nil, map[composa.Kind]int{"nic": 1}, composa.CodeRefused,
			`cannot unplug from "train": its devices move in units that do not add up to what is asked for`, nil},
		{"one of a unit of two kinds", nil, nil, map[composa.Kind]int{"fpga": 1}, composa.CodeRefused,
			`cannot unplug from "train": 1 fpga are to leave and 0 of its 1 can`,
			[]string{"rack1: 0 of 1 fpga left for 1 wanted (1 move together with what stays)"}},
		{"more than it has", nil, nil, map[composa.Kind]int{"gpu": 4}, composa.CodeRefused,
			`cannot unplug from "train": 4 gpu are to leave and it has 3`,
			[]string{"rack1: 3 of 3 gpu left for 4 wanted"}},
		{"a drive that may hold data by count", nil, nil, map[composa.Kind]int{"ssd": 2}, composa.CodeRefused,
			`cannot unplug from "train": 2 ssd are to leave and 1 of its 2 can: what may hold data leaves only by name; name the ones that may go: composa unplug train FABRIC/SSD; composa machine show train lists them`,
			[]string{"rack1: 1 of 2 ssd left for 2 wanted (1 may hold data and are not named)"}},
		{"a count below zero", nil, nil, map[composa.Kind]int{"gpu": -1}, composa.CodeInvalid,
			`cannot unplug from "train": -1 is not a count of gpu devices`, nil},
		{"a fabric that is only observed", func(s *composa.Site) { s.Fabrics[0].Access = composa.AccessObserve }, []composa.Place{"rack1/gpu2"}, nil, composa.CodeReadOnly,
			`cannot unplug from "train": rack1 is only observed; set access: manage for it in the server's configuration`, nil},
		{"machines that never change", func(s *composa.Site) { s.Fabrics[0].Abilities.Reshape = composa.ReshapeNever }, []composa.Place{"rack1/gpu2"}, nil, composa.CodeUnsupported,
			`cannot unplug from "train": rack1 cannot change the devices of a machine`, nil},
		{"the host that a machine is", func(s *composa.Site) { s.Fabrics[0].Abilities.Make = composa.MakeHosted }, []composa.Place{"rack1/cpu0"}, nil, composa.CodeUnsupported,
			`cannot unplug from "train": rack1/cpu0 is the host that the machine is; to give it back: composa free train`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site, m := train()
			if tt.change != nil {
				tt.change(site)
			}
			_, err := placement.Unplug(site, m, tt.places, tt.counts)
			if composa.CodeOf(err) != tt.code {
				t.Errorf("code %q, want %q", composa.CodeOf(err), tt.code)
			}
			if err == nil || err.Error() != tt.text {
				t.Errorf("text\n%v\nwant\n%s", err, tt.text)
			}
			if tt.lines != nil {
				if d := cmp.Diff(tt.lines, refusalOf(t, err).Lines()); d != "" {
					t.Errorf("lines (-want +got):\n%s", d)
				}
			}
		})
	}
}
