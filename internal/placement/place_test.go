package placement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		name    string
		site    func() *composa.Site
		request func(*composa.Site) placement.Request
		entries []string
		want    string
		why     string // the sentences, a line each; empty: not looked at
	}{
		{
			name:    "the lowest places",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "cpu[0-1]", "gpu[0-10]") },
			entries: []string{"cpu 1", "gpu 3"}, want: "rack1 cpu: cpu0 gpu: gpu0 gpu1 gpu2",
			why: "rack1 is the only fabric",
		},
		{
			name: "the fabric where the scarcest kind is fewest and enough",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "cpu[0-3]", "gpu[0-7]")
				s = rack(s, "rack2", "cpu[0-3]", "gpu[0-3]")
				return rack(s, "rack3", "cpu[0-3]", "gpu[0-1]")
			},
			entries: []string{"cpu 1", "gpu 4"}, want: "rack2 cpu: cpu0 gpu: gpu0 gpu1 gpu2 gpu3",
			why: "rack2 fits best of 2: it has only 4 gpu that would do, so that more stays whole elsewhere",
		},
		{
			name: "equal fabrics by name, as people count",
			site: func() *composa.Site {
				return rack(rack(&composa.Site{}, "rack2", "gpu0"), "rack10", "gpu0")
			},
			entries: []string{"gpu 1"}, want: "rack2 gpu: gpu0",
		},
		{
			name: "a list of fabrics",
			site: func() *composa.Site {
				return rack(rack(rack(&composa.Site{}, "rack1", "gpu0"), "rack2", "gpu[0-1]"), "rack3", "gpu[0-2]")
			},
			request: func(*composa.Site) placement.Request {
				return placement.Request{Fabrics: []composa.FabricName{"rack3", "rack2"}}
			},
			entries: []string{"gpu 1"}, want: "rack2 gpu: gpu0",
		},
		{
			name:    "any part of the model's name, in any case",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu0 NVIDIA-T4", "gpu[1-2] NVIDIA-A100") },
			entries: []string{"gpu a100:2"}, want: "rack1 gpu: gpu1 gpu2",
		},
		{
			name:    "entries that compete for devices share them",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu[0-1] A100", "gpu[2-3] T4") },
			entries: []string{"gpu 2", "gpu A100:2"}, want: "rack1 gpu: gpu2 gpu3 gpu-2: gpu0 gpu1",
		},
		{
			name:    "named devices, and any besides",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu[0-3]") },
			entries: []string{"gpu 1", "gpu rack1/gpu0,rack1/gpu2"}, want: "rack1 gpu: gpu1 gpu-2: gpu0 gpu2",
		},
		{
			name: "a node by its management address",
			site: func() *composa.Site {
				return rack(rack(&composa.Site{}, "rack1", "cpu0 ipmi=192.0.2.1"), "rack2", "cpu0 ipmi=192.0.2.2")
			},
			entries: []string{"cpu ipmi=192.0.2.2"}, want: "rack2 cpu: cpu0",
		},
		{
			name:    "small blocks are broken first",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu[0-3] under=s0", "gpu[4-5] under=s1") },
			entries: []string{"gpu 1"}, want: "rack1 gpu: gpu4",
		},
		{
			name: "peer-to-peer takes the smallest block that has them all",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "gpu[0-7] under=s0", "gpu[8-9] under=s1", "gpu[10-13] under=s2")
			},
			request: func(*composa.Site) placement.Request { return placement.Request{P2P: true} },
			entries: []string{"gpu 3"}, want: "rack1 gpu: gpu10 gpu11 gpu12",
			why: "rack1 is the only fabric\nfor peer-to-peer all gpu devices are under s2",
		},
		{
			name: "peer-to-peer over few switches where no one is enough",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "gpu0 under=s0", "gpu[1-2] under=s1", "gpu[3-5] under=s2")
			},
			request: func(*composa.Site) placement.Request { return placement.Request{P2P: true} },
			entries: []string{"gpu 5"}, want: "rack1 gpu: gpu1 gpu2 gpu3 gpu4 gpu5",
			why: "rack1 is the only fabric\nno one switch has the gpu devices for peer-to-peer: they are under s1, s2",
		},
		{
			name: "peer-to-peer prefers a fabric with one switch",
			site: func() *composa.Site {
				return rack(rack(&composa.Site{}, "rack1", "gpu0 under=s0", "gpu1 under=s1"), "rack2", "gpu[0-7] under=s0")
			},
			request: func(*composa.Site) placement.Request { return placement.Request{P2P: true} },
			entries: []string{"gpu 2"}, want: "rack2 gpu: gpu0 gpu1",
		},
		{
			name: "plug beside the machine's own switch",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "cpu0", "gpu[0-3] under=s0", "gpu[4-7] under=s1", "gpu8 under=s2")
				held(s, "train", "rack1/cpu0", "rack1/gpu4").Spec.P2P = true
				return s
			},
			request: func(s *composa.Site) placement.Request { return placement.Request{Machine: &s.Machines[0]} },
			entries: []string{"gpu 2"}, want: "rack1 gpu: gpu5 gpu6",
			why: "\"train\" is on rack1\nfor peer-to-peer all gpu devices are under s1",
		},
		{
			name: "clean drives before those that this project used",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "ssd[0-2]")
				for _, p := range []composa.Place{"rack1/ssd0", "rack1/ssd1"} {
					at(s, p).Hygiene, at(s, p).KeptFor = composa.HygieneUsed, "proj_a"
				}
				at(s, "rack1/ssd1").KeptFor = "proj_b"
				return s
			},
			entries: []string{"ssd 2"}, want: "rack1 ssd: ssd0 ssd2",
			why: "rack1 is the only fabric\n1 of the drives may still hold data of this project",
		},
		{
			name:    "a unit is taken whole, where it fits exactly",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu[0-1] unit=u0", "gpu[2-4]") },
			entries: []string{"gpu 1"}, want: "rack1 gpu: gpu2",
		},
		{
			name: "units that add up",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "gpu[0-1] unit=u0", "gpu[2-4] unit=u1", "gpu[5-7] unit=u2")
			},
			entries: []string{"gpu 6"}, want: "rack1 gpu: gpu2 gpu3 gpu4 gpu5 gpu6 gpu7",
		},
		{
			name: "a unit of two kinds",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "gpu0 unit=u0", "nic0 unit=u0", "gpu1", "nic1")
			},
			entries: []string{"gpu 1", "nic 1"}, want: "rack1 gpu: gpu0 nic: nic0",
		},
		{
			name: "a unit of which something else is not asked for stays",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "gpu0 unit=u0", "nic0 unit=u0", "gpu1")
			},
			entries: []string{"gpu 1"}, want: "rack1 gpu: gpu1",
		},
		{
			name: "all in one domain",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "cpu0 domain=east", "cpu1 domain=west", "gpu0 domain=east", "gpu[1-2] domain=west", "nic0")
			},
			entries: []string{"cpu 1", "gpu 2", "nic 1"}, want: "rack1 cpu: cpu1 gpu: gpu1 gpu2 nic: nic0",
		},
		{
			name: "a domain that the machine's devices share",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "cpu0 domain=east,west", "nic0 domain=west", "gpu0 domain=east", "gpu1 domain=west")
				held(s, "train", "rack1/cpu0", "rack1/nic0")
				return s
			},
			request: func(s *composa.Site) placement.Request { return placement.Request{Machine: &s.Machines[0]} },
			entries: []string{"gpu 1"}, want: "rack1 gpu: gpu1",
		},
		{
			name: "a model as it is shown, with its vendor",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "gpu0 A100 vendor=Maker", "gpu1 A100 vendor=NVIDIA")
			},
			entries: []string{"gpu nvidia a100:1"}, want: "rack1 gpu: gpu1",
		},
		{
			name: "from a pool only what is in it",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "gpu[0-2]")
				s.Pools = []composa.Pool{{ID: "pool_1", Project: "proj_a", Name: "vision"}}
				at(s, "rack1/gpu2").Pool = "pool_1"
				return s
			},
			request: func(*composa.Site) placement.Request { return placement.Request{Pool: "vision"} },
			entries: []string{"gpu 1"}, want: "rack1 gpu: gpu2",
		},
		{
			name: "fabrics that cannot serve are passed over",
			site: func() *composa.Site {
				s := rack(rack(&composa.Site{}, "rack1", "gpu0"), "rack2", "gpu0")
				s.Fabrics[0].Reach.SilentSince = t0
				return s
			},
			entries: []string{"gpu 1"}, want: "rack2 gpu: gpu0",
			why: "rack2 is the only fabric of 2 that fits now",
		},
		{
			name: "an idle host of a hosted fabric",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "cpu[0-1]", "gpu0")
				s.Fabrics[0].Abilities.Make = composa.MakeHosted
				for _, name := range []string{"cpu0", "cpu1"} {
					s.Pictures["rack1"].Device(name).Spot = composa.Spot{Area: composa.AreaMachine, Machine: "host-" + name}
				}
				s.Pictures["rack1"].Machines = []composa.SeenMachine{
					{Native: "host-cpu0", InOurs: true, Devices: []string{"cpu0", "gpu7"}},
					{Native: "host-cpu1", InOurs: true, Devices: []string{"cpu1"}},
				}
				return s.Index()
			},
			entries: []string{"cpu 1", "gpu 1"}, want: "rack1 cpu: cpu1 gpu: gpu0",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := tt.site()
			r := placement.Request{}
			if tt.request != nil {
				r = tt.request(site)
			}
			r.Verb, r.Project, r.Name, r.Entries = composa.VerbCompose, "proj_a", "train", want(tt.entries...)
			c, err := placement.Place(site, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := places(c.Fabric, c.Bound); got != tt.want {
				t.Errorf("chose %s, want %s", got, tt.want)
			}
			if tt.why != "" {
				if d := cmp.Diff(tt.why, strings.Join(c.Why, "\n")); d != "" {
					t.Errorf("why (-want +got):\n%s", d)
				}
			}
		})
	}
}

func TestPlaceRefuses(t *testing.T) {
	two := func() *composa.Site {
		return rack(rack(&composa.Site{}, "rack1", "cpu[0-1]", "gpu[0-3] A100", "ssd0"), "rack2", "cpu0", "gpu[0-7] A100", "gpu8 T4")
	}
	for _, tt := range []struct {
		name    string
		site    func() *composa.Site
		request func(*composa.Site) placement.Request
		entries []string
		text    string
		lines   []string
		nearest *composa.Nearest
	}{
		{
			name: "too many of a model", site: two, entries: []string{"cpu 1", "gpu A100:9"},
			text: `cannot compose "train": no fabric has 9 free gpu devices like A100; the most is 8, in rack2; the nearest that fits now is 1 cpu, 8 gpu, on rack2`,
			lines: []string{
				"rack1: 4 of 4 gpu left for 9 wanted",
				"rack2: 8 of 9 gpu left for 9 wanted (1 model is not like A100)",
			},
			nearest: &composa.Nearest{Fabric: "rack2", Counts: map[composa.Kind]int{"cpu": 1, "gpu": 8}},
		},
		{
			name: "none at all", site: two, entries: []string{"fpga 1"},
			text:  `cannot compose "train": no fabric has a free fpga device`,
			lines: []string{"rack1: 0 of 0 fpga left for 1 wanted", "rack2: 0 of 0 fpga left for 1 wanted"},
		},
		{
			name: "none in the one fabric that was asked for", site: two, entries: []string{"fpga 1"},
			request: func(*composa.Site) placement.Request {
				return placement.Request{Fabrics: []composa.FabricName{"rack2"}}
			},
			text:  `cannot compose "train": rack2 has no free fpga device`,
			lines: []string{"rack2: 0 of 0 fpga left for 1 wanted"},
		},
		{
			name: "cpu counts compute nodes", site: two, entries: []string{"cpu 16"},
			text:    `cannot compose "train": no fabric has 16 free cpu devices; the most is 2, in rack1; --cpu counts compute nodes, not cores`,
			lines:   []string{"rack1: 2 of 2 cpu left for 16 wanted", "rack2: 1 of 1 cpu left for 16 wanted"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"cpu": 2}},
		},
		{
			name: "each somewhere, not together", site: two, entries: []string{"cpu 1", "gpu 6", "ssd 1"},
			text:    `cannot compose "train": no fabric has all of it together; the nearest that fits now is 1 cpu, 4 gpu, 1 ssd, on rack1`,
			lines:   []string{"rack1: 4 of 4 gpu left for 6 wanted", "rack2: 0 of 0 ssd left for 1 wanted"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"cpu": 1, "gpu": 4, "ssd": 1}},
		},
		{
			name: "every condition in its turn",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "gpu[0-9] A100", "gpu10 T4", "gpu11", "gpu12 A100 learning")
				s.Pools = []composa.Pool{{ID: "pool_1", Project: "proj_a", Name: "vision"}}
				at(s, "rack1/gpu0").Pool = "pool_1"
				at(s, "rack1/gpu1").Health = composa.HealthFailed
				at(s, "rack1/gpu2").Cordon = &composa.Cordon{Reason: "bad fan"}
				s.Pictures["rack1"].Device("gpu3").Spot.Area = composa.AreaForeign
				claimed(s, "mach_x", "rack1/gpu4", "rack1/gpu5")
				return s
			},
			entries: []string{"gpu A100:5"},
			text:    `cannot compose "train": rack1 has 4 free gpu devices like A100, 5 are wanted; the nearest that fits now is 4 gpu, on rack1`,
			lines: []string{"rack1: 4 of 13 gpu left for 5 wanted (1 details not known yet, 1 model is not like A100, 1 model not known, " +
				"1 in pool vision, 1 failed, 1 cordoned, 2 claimed, 1 in use by others)"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"gpu": 4}},
		},
		{
			name: "fabrics that are out as a whole",
			site: func() *composa.Site {
				s := rack(rack(rack(rack(two(), "rack3"), "rack4"), "rack5"), "rack6")
				s.Fabrics[2].Access = composa.AccessObserve
				s.Fabrics[3].Reach.SilentSince, s.Fabrics[3].Reach.Reason = t0.Add(-5*time.Second), "no answer in 10s"
				s.Pictures["rack5"] = nil
				s.Fabrics[5].Abilities.Acts = nil
				return s
			},
			request: func(*composa.Site) placement.Request { return placement.Request{P2P: true} },
			entries: []string{"gpu A100:9"},
			text:    `cannot compose "train": none of the 2 fabrics that can serve now has 9 free gpu devices like A100; the most is 8, in rack2; the nearest that fits now is 8 gpu, on rack2`,
			lines: []string{
				"rack1: 4 of 4 gpu left for 9 wanted",
				"rack2: 8 of 9 gpu left for 9 wanted (1 model is not like A100)",
				"rack3: only observed",
				"rack4: silent since 12:00:05: no answer in 10s",
				"rack5: never seen yet",
				"rack6: it has no peer-to-peer",
			},
			nearest: &composa.Nearest{Fabric: "rack2", Counts: map[composa.Kind]int{"gpu": 8}},
		},
		{
			name: "all of them out",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "gpu0")
				s.Fabrics[0].Reach.SilentSince = t0.Add(-48 * time.Hour)
				return s
			},
			entries: []string{"gpu 1"},
			text:    `cannot compose "train": rack1: silent since 2026-02-27 12:00:10`,
			lines:   []string{"rack1: silent since 2026-02-27 12:00:10"},
		},
		{
			name: "a named device that is claimed by one's own",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "gpu[0-1]")
				held(s, "render", "rack1/gpu1")
				return s
			},
			entries: []string{"gpu rack1/gpu0,rack1/gpu1"},
			text:    `cannot compose "train": rack1/gpu1 is claimed by "render"`,
			lines:   []string{"rack1: 1 of 2 gpu left for 2 wanted (1 claimed)"},
		},
		{
			name: "a named device that another project has",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "gpu[0-1]")
				held(s, "secret", "rack1/gpu1").Project = "proj_b"
				return s
			},
			entries: []string{"gpu rack1/gpu1"},
			text:    `cannot compose "train": rack1/gpu1 is claimed`,
			lines:   []string{"rack1: 0 of 2 gpu left for 1 wanted (1 not named, 1 claimed)"},
		},
		{
			name: "more than a machine may have",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "cpu0", "gpu[0-7]")
				s.Fabrics[0].Abilities.MaxDevices = 4
				return s
			},
			entries: []string{"cpu 1", "gpu 4"},
			text:    `cannot compose "train": rack1: it allows 4 devices in one machine, 5 are wanted; the nearest that fits now is 1 cpu, 3 gpu, on rack1`,
			lines:   []string{"rack1: it allows 4 devices in one machine, 5 are wanted"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"cpu": 1, "gpu": 3}},
		},
		{
			name:    "units that overshoot",
			site:    func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu[0-1] unit=u0", "gpu[2-3] unit=u1") },
			entries: []string{"gpu 3"},
			text:    `cannot compose "train": rack1 does not have all of it together: 2 in units that do not add up to what is asked for; the nearest that fits now is 2 gpu, on rack1`,
			lines:   []string{"rack1: 2 of 4 gpu left for 3 wanted (2 in units that do not add up to what is asked for)"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"gpu": 2}},
		},
		{
			name: "units with something that is not free or not asked for",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "gpu[0-1] unit=u0", "gpu2 unit=u1", "nic0 unit=u1", "gpu3")
				claimed(s, "mach_x", "rack1/gpu1")
				return s
			},
			entries: []string{"gpu 2"},
			text:    `cannot compose "train": rack1 has 1 free gpu device, 2 are wanted; the nearest that fits now is 1 gpu, on rack1`,
			lines:   []string{"rack1: 1 of 4 gpu left for 2 wanted (1 claimed, 2 move together with what is not free or not asked for)"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"gpu": 1}},
		},
		{
			name: "a node that was asked for and is not there",
			site: func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu0") }, entries: []string{"cpu 1", "gpu 1"},
			text:  `cannot compose "train": rack1 has no free cpu device`,
			lines: []string{"rack1: 0 of 0 cpu left for 1 wanted"},
		},
		{
			name: "a pool without a compute node",
			site: func() *composa.Site {
				s := rack(&composa.Site{}, "rack1", "cpu0", "gpu0")
				s.Pools = []composa.Pool{{ID: "pool_1", Project: "proj_a", Name: "vision"}}
				at(s, "rack1/gpu0").Pool = "pool_1"
				return s
			},
			entries: []string{"cpu 1", "gpu 1"},
			request: func(*composa.Site) placement.Request { return placement.Request{Pool: "vision"} },
			text:    `cannot compose "train": rack1 has no free cpu device in pool vision; pool vision has no compute node: composa pool add vision FABRIC/CPU`,
			lines:   []string{"rack1: 0 of 1 cpu left for 1 wanted (1 not in the pool)"},
		},
		{
			name: "no common domain",
			site: func() *composa.Site {
				return rack(&composa.Site{}, "rack1", "cpu0 domain=east", "gpu0 domain=east", "gpu1 domain=west")
			},
			entries: []string{"cpu 1", "gpu 2"},
			text:    `cannot compose "train": rack1 does not have all of it together: 1 in another domain than the rest; the nearest that fits now is 1 cpu, 1 gpu, on rack1`,
			lines:   []string{"rack1: 1 of 2 gpu left for 2 wanted (1 in another domain than the rest)"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"cpu": 1, "gpu": 1}},
		},
		{
			name: "entries that want the same",
			site: func() *composa.Site { return rack(&composa.Site{}, "rack1", "gpu[0-2] A100") }, entries: []string{"gpu 2", "gpu A100:2"},
			text:    `cannot compose "train": rack1 does not have all of it together: 2 needed for the other entries; the nearest that fits now is 3 gpu, on rack1`,
			lines:   []string{"rack1: 1 of 3 gpu left for 2 wanted (2 needed for the other entries)"},
			nearest: &composa.Nearest{Fabric: "rack1", Counts: map[composa.Kind]int{"gpu": 3}},
		},
		{
			name: "a site without a fabric", site: func() *composa.Site { return (&composa.Site{}).Index() }, entries: []string{"gpu 1"},
			text: `cannot compose "train": the site has no fabric`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := tt.site()
			r := placement.Request{}
			if tt.request != nil {
				r = tt.request(site)
			}
			r.Verb, r.Project, r.Name, r.Entries = composa.VerbCompose, "proj_a", "train", want(tt.entries...)
			c, err := placement.Place(site, r)
			if err == nil {
				t.Fatalf("chose %s", places(c.Fabric, c.Bound))
			}
			refusal := refusalOf(t, err)
			if d := cmp.Diff(tt.text, err.Error()); d != "" {
				t.Errorf("text (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.lines, fabricLines(refusal)); d != "" {
				t.Errorf("lines (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.nearest, refusal.Nearest, cmpopts.IgnoreFields(composa.Nearest{}, "Entries", "Relaxed", "Text", "Write")); d != "" {
				t.Errorf("nearest (-want +got):\n%s", d)
			}
		})
	}
}

// What leaves the machine in the same operation makes room.
func TestPlaceCountsWhatLeavesNoMore(t *testing.T) {
	site := rack(&composa.Site{}, "rack1", "cpu0", "gpu[0-1]", "nic0")
	site.Fabrics[0].Abilities.MaxDevices = 3
	m := held(site, "train", "rack1/cpu0", "rack1/gpu0", "rack1/gpu1")
	r := placement.Request{Verb: composa.VerbReshape, Project: "proj_a", Name: "train", Machine: m, Entries: want("nic 1")}
	if _, err := placement.Place(site, r); composa.CodeOf(err) != composa.CodeRefused {
		t.Errorf("got %v, want a refusal: the machine is full", err)
	}
	leaving, err := placement.Unplug(site, m, nil, map[composa.Kind]int{"gpu": 1})
	if err != nil {
		t.Fatal(err)
	}
	r.Leaving = leaving
	if _, err := placement.Place(site, r); err != nil {
		t.Error(err)
	}
}

func TestPlaceCannotBeMeant(t *testing.T) {
	site := rack(rack(&composa.Site{}, "rack1", "cpu0", "gpu[0-3]", "ssd0"), "rack2", "gpu0")
	held(site, "train", "rack1/cpu0")
	observed := rack(rack(&composa.Site{}, "rack1", "gpu0"), "rack2", "gpu0")
	observed.Fabrics[0].Access, observed.Fabrics[1].Access = composa.AccessObserve, composa.AccessObserve
	for _, tt := range []struct {
		name    string
		site    *composa.Site
		request placement.Request
		entries []string
		code    composa.Code
		text    string
	}{
		{"nothing", site, placement.Request{}, nil, composa.CodeInvalid, `cannot plug "train": no device is asked for`},
		{"a kind that there is not", site, placement.Request{}, []string{"tpu 1"}, composa.CodeInvalid,
			`cannot plug "train": cannot read kind "tpu": there is no such kind; use one of cpu, gpu, ssd, scm, nic, fpga, memory`},
		{"a fabric that there is not", site, placement.Request{Fabrics: []composa.FabricName{"rak1"}}, []string{"gpu 1"}, composa.CodeNotFound,
			`cannot plug "train": there is no fabric "rak1"; did you mean "rack1"? composa fabric ls shows what there is`},
		{"a pool that there is not", site, placement.Request{Pool: "vision"}, []string{"gpu 1"}, composa.CodeNotFound,
			`cannot plug "train": there is no pool "vision"; composa pool ls shows what there is`},
		{"a device that there is not", site, placement.Request{}, []string{"gpu rack1/gpu44"}, composa.CodeNotFound,
			`cannot plug "train": there is no device "rack1/gpu44"; did you mean "rack1/gpu0"? composa device ls shows what there is`},
		{"a device of a fabric that there is not", site, placement.Request{}, []string{"gpu zebra/gpu4"}, composa.CodeNotFound,
			`cannot plug "train": there is no fabric "zebra"; composa fabric ls shows what there is`},
		{"a device of another kind", site, placement.Request{}, []string{"gpu rack1/ssd0"}, composa.CodeInvalid,
			`cannot plug "train": rack1/ssd0 is of kind ssd, and gpu is asked for; name it under --ssd`},
		{"a device outside of the fabrics", site, placement.Request{Fabrics: []composa.FabricName{"rack1"}}, []string{"gpu rack2/gpu0"}, composa.CodeInvalid,
			`cannot plug "train": rack2/gpu0 cannot be had: the request asks for another fabric; a machine is made of devices of one fabric`},
		{"a device of another fabric than the machine's", site, placement.Request{Machine: &site.Machines[0]}, []string{"gpu rack2/gpu0"}, composa.CodeInvalid,
			`cannot plug "train": rack2/gpu0 cannot be had: "train" is on rack1; a machine is made of devices of one fabric`},
		{"a fabric that is only observed", observed, placement.Request{Fabrics: []composa.FabricName{"rack2"}}, []string{"gpu 1"}, composa.CodeReadOnly,
			`cannot plug "train": rack2 is only observed; set access: manage for it in the server's configuration`},
		{"only such fabrics", observed, placement.Request{}, []string{"gpu 1"}, composa.CodeReadOnly,
			`cannot plug "train": all 2 fabrics are only observed; set access: manage for one in the server's configuration`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.request
			r.Verb, r.Project, r.Name, r.Entries = composa.VerbPlug, "proj_a", "train", want(tt.entries...)
			_, err := placement.Place(tt.site, r)
			if composa.CodeOf(err) != tt.code {
				t.Errorf("code %q, want %q", composa.CodeOf(err), tt.code)
			}
			if err == nil || err.Error() != tt.text {
				t.Errorf("text\n%v\nwant\n%s", err, tt.text)
			}
		})
	}
}

// fabricLines are the lines that tell of fabrics.
func fabricLines(x *composa.Explanation) []string {
	var out []string
	for _, line := range x.Lines() {
		if strings.HasPrefix(line, "rack") {
			out = append(out, line)
		}
	}
	return out
}

func refusalOf(t *testing.T, err error) *composa.Explanation {
	t.Helper()
	e, ok := err.(*composa.Error)
	if !ok || e.Code != composa.CodeRefused || e.Refusal == nil {
		t.Fatalf("got %v, want a refusal", err)
	}
	return e.Refusal
}
