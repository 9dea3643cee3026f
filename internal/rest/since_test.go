package rest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// The account of a choice marks what became of each device since: pulled out for
// good, or for now, given back, moved to another slot, or exchanged.
func TestAnExplanationMarksWhatIsNotThereAnyMore(t *testing.T) {
	ref := func(name string) composa.Bound {
		return composa.Bound{Device: composa.DeviceRef{ID: composa.DeviceID("dev_" + name), Name: name, Kind: composa.KindGPU}}
	}
	all := []string{"stays", "pulled", "missing", "back", "moved", "exchanged"}
	op := &composa.Operation{Phase: composa.PhaseDone, Target: composa.Target{Fabric: "rack1", Goals: []composa.Goal{{Machine: composa.MachineRef{ID: "mach_train"}, Exists: true}}}}
	site := &composa.Site{Fabrics: []composa.Fabric{{Name: "rack1"}}, Machines: []composa.Machine{{ID: "mach_train", Name: "train", Fabric: "rack1"}}}
	picture := &composa.Picture{Fabric: "rack1", Complete: true}
	why := &api.Explanation{Fabric: "rack1", Lines: []string{"as it was"}, Chosen: []api.ChosenEntry{{Entry: "gpu", Kind: "gpu"}}}
	for _, name := range all {
		why.Chosen[0].Places = append(why.Chosen[0].Places, "rack1/"+name)
		op.Target.Goals[0].Devices = append(op.Target.Goals[0].Devices, ref(name))
		d := composa.Device{ID: composa.DeviceID("dev_" + name), Fabric: "rack1", Name: name, Kind: composa.KindGPU, Health: composa.HealthOK}
		switch name {
		case "pulled":
			continue
		case "moved":
			d.Name = "slot9"
		case "exchanged":
			d.ID = "dev_new"
		}
		site.Devices = append(site.Devices, d)
		if name != "missing" {
			picture.Devices = append(picture.Devices, composa.SeenDevice{Name: d.Name, Kind: d.Kind})
		}
		if name != "back" && name != "exchanged" {
			site.Claims = append(site.Claims, composa.Claim{ID: composa.ClaimID("claim_" + name), Device: d.ID, Machine: "mach_train"})
		}
	}
	site.Pictures = map[composa.FabricName]*composa.Picture{"rack1": picture}
	newView(names{}, composa.Who{}, site.Index()).since(why, op)
	want := []api.Since{
		{Place: "rack1/pulled", What: "gone"}, {Place: "rack1/missing", What: "missing"}, {Place: "rack1/back", What: "left"},
		{Place: "rack1/moved", What: "moved", Now: "rack1/slot9"}, {Place: "rack1/exchanged", What: "exchanged"},
	}
	if diff := cmp.Diff(want, why.Since); diff != "" {
		t.Error(diff)
	}
	lines := []string{
		"as it was", "since then rack1/pulled was taken out of rack1", "since then rack1/missing is missing: rack1 does not show it",
		"since then rack1/exchanged is another part now: the one that was chosen is not in rack1",
		"since then rack1/back is not the machine's any more", "since then moved: rack1/moved to rack1/slot9",
	}
	if diff := cmp.Diff(lines, why.Lines); diff != "" {
		t.Error(diff)
	}

	// Of a machine that was freed nobody is told that it has nothing any more.
	site.Machines, site.Claims, why = nil, nil, &api.Explanation{Fabric: "rack1", Chosen: why.Chosen[:1]}
	newView(names{}, composa.Who{}, site.Index()).since(why, op)
	if len(why.Since) != 4 {
		t.Errorf("of a freed machine it marks %+v", why.Since)
	}
}

// A device is the machine's when the operation is done, and not before; what was
// undone or cancelled gave nothing, and what the operation went on without it
// did not give either.
func TestAnExplanationMarksByHowTheOperationStands(t *testing.T) {
	named := func(names ...string) (out []composa.Bound) {
		for _, name := range names {
			out = append(out, composa.Bound{Device: composa.DeviceRef{ID: composa.DeviceID("dev_" + name), Name: name, Kind: composa.KindGPU}})
		}
		return out
	}
	site := (&composa.Site{
		Fabrics: []composa.Fabric{{Name: "rack1"}}, Machines: []composa.Machine{{ID: "mach_train", Name: "train", Fabric: "rack1"}},
		Devices:  []composa.Device{{ID: "dev_back", Fabric: "rack1", Name: "back", Kind: composa.KindGPU, Health: composa.HealthOK}},
		Pictures: map[composa.FabricName]*composa.Picture{"rack1": {Fabric: "rack1", Complete: true, Devices: []composa.SeenDevice{{Name: "back", Kind: composa.KindGPU}}}},
	}).Index()
	pulled := api.Since{Place: "rack1/pulled", What: "gone"}
	pulledLine := "since then rack1/pulled was taken out of rack1"
	for _, c := range []struct {
		phase composa.Phase
		want  []api.Since
		lines []string
	}{
		{composa.PhaseQueued, []api.Since{pulled}, []string{pulledLine}},
		{composa.PhaseRunning, []api.Since{pulled}, []string{pulledLine}},
		{composa.PhaseWaiting, []api.Since{pulled}, []string{pulledLine}},
		{composa.PhaseUndoing, []api.Since{pulled}, []string{pulledLine}},
		{composa.PhaseHeld, []api.Since{pulled}, []string{pulledLine}},
		{
			composa.PhaseDone, []api.Since{{Place: "rack1/back", What: "left"}, pulled, {Place: "rack1/other", What: "unused"}},
			[]string{pulledLine, "since then rack1/back is not the machine's any more", "since then rack1/other was not used: the operation went on without it"},
		},
		{composa.PhaseUndone, nil, []string{"the operation is undone: everything is as it was before"}},
		{composa.PhaseCancelled, nil, []string{"the operation is cancelled: everything is as it was before"}},
	} {
		why := &api.Explanation{Fabric: "rack1", Chosen: []api.ChosenEntry{{Entry: "gpu", Kind: "gpu", Places: []string{"rack1/back", "rack1/pulled", "rack1/other"}}}}
		op := &composa.Operation{Phase: c.phase, Target: composa.Target{Fabric: "rack1", Goals: []composa.Goal{
			{Machine: composa.MachineRef{ID: "mach_train"}, Exists: true, Devices: named("back", "pulled")},
		}}}
		newView(names{}, composa.Who{}, site).since(why, op)
		if diff := cmp.Diff(c.want, why.Since); diff != "" {
			t.Errorf("%s: %s", c.phase, diff)
		}
		if diff := cmp.Diff(c.lines, why.Lines); diff != "" {
			t.Errorf("%s: %s", c.phase, diff)
		}
	}
}

// Of a part that somebody exchanged in a machine, and of one that somebody put
// in, the machine and the device tell the same.
func TestAnExchangedPartIsToldTheSameEverywhere(t *testing.T) {
	site := func(claimed ...string) *composa.Site {
		out := &composa.Site{
			Fabrics:  []composa.Fabric{{Name: "rack1"}},
			Machines: []composa.Machine{{ID: "mach_train", Project: "proj_a", Name: "train", Fabric: "rack1", Native: "7", Made: true}},
			Devices:  []composa.Device{{ID: "dev_new", Fabric: "rack1", Name: "gpu0", Kind: composa.KindGPU, Health: composa.HealthOK}},
			Pictures: map[composa.FabricName]*composa.Picture{"rack1": {Fabric: "rack1", Complete: true,
				Machines: []composa.SeenMachine{{Native: "7", InOurs: true, Devices: []string{"gpu0"}}},
				Devices:  []composa.SeenDevice{{Name: "gpu0", Kind: composa.KindGPU, Spot: composa.Spot{Area: composa.AreaMachine, Machine: "7"}}},
			}},
		}
		for _, id := range claimed {
			out.Devices = append(out.Devices, composa.Device{ID: composa.DeviceID(id), Fabric: "rack1", Kind: composa.KindGPU})
			out.Claims = append(out.Claims, composa.Claim{Device: composa.DeviceID(id), Machine: "mach_train", Purpose: composa.PurposeMachine})
		}
		return out.Index()
	}
	for _, tt := range []struct {
		site   *composa.Site
		whyNot string
		differ []string
	}{
		{site("dev_old"), "another part now than the one that was put into train", []string{
			"a part of it is in no place of rack1 any more",
			"rack1/gpu0 is another part now than the one that was put there: take it out with the director's own tool, or put the former part back",
		}},
		{site(), "in train, and nobody here put it there", []string{"rack1/gpu0 is in it, and nobody here put it there"}},
	} {
		v := newView(names{}, composa.Who{Projects: []composa.ProjectID{"proj_a"}}, tt.site)
		if got := v.device(tt.site.At("rack1/gpu0")).WhyNot; got != tt.whyNot {
			t.Errorf("the device is not free: %s; want: %s", got, tt.whyNot)
		}
		var got []string
		for _, d := range v.machine(&tt.site.Machines[0]).Drift {
			got = append(got, d.Text)
		}
		if diff := cmp.Diff(tt.differ, got); diff != "" {
			t.Errorf("the machine differs (-want +got):\n%s", diff)
		}
	}
}
