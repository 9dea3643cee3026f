package rest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// Of another project's pools and machines a change tells that they are there,
// and no name.
func TestAChangeOfAPoolNamesNothingOfOthers(t *testing.T) {
	device := func(name string) composa.Device {
		return composa.Device{ID: composa.DeviceID("dev_" + name), Fabric: "rack1", Name: name, Kind: composa.KindGPU, Revision: 1}
	}
	site := &composa.Site{
		Fabrics: []composa.Fabric{{Name: "rack1"}},
		Devices: []composa.Device{device("gpu1"), device("gpu2"), device("gpu3")},
		Pools: []composa.Pool{
			{ID: "pool_mine", Project: "proj_mine", Name: "mine"}, {ID: "pool_hidden", Project: "proj_theirs", Name: "hidden"},
		},
		Machines: []composa.Machine{{ID: "mach_hidden", Project: "proj_theirs", Name: "hidden-machine", Fabric: "rack1"}},
		Claims:   []composa.Claim{{ID: "claim_a", Device: "dev_gpu2", Machine: "mach_hidden"}},
	}
	v := newView(names{projects: map[composa.ProjectID]string{"proj_mine": "mine"}}, composa.Who{Projects: []composa.ProjectID{"proj_mine"}}, site.Index())
	got := v.poolChange(&composa.PoolChange{Pool: site.Pools[0], Moves: []composa.PoolMove{
		{Device: "dev_gpu1", From: "pool_mine", To: "pool_hidden"},
		{Device: "dev_gpu2", From: "pool_mine"},
		{Device: "dev_gpu3", From: "pool_hidden", To: "pool_mine"},
		{Device: "dev_gone", From: "pool_mine"},
	}}, false)
	got.Lines = append(got.Lines, v.poolSize(&api.Pool{Name: "mine", Devices: []string{"rack1/gpu3"}, Of: 3}))
	want := &api.PoolChange{
		Moves: []api.PoolMove{{ID: "dev_gpu1", Place: "rack1/gpu1", From: "mine"}, {ID: "dev_gpu2", Place: "rack1/gpu2", From: "mine"}, {ID: "dev_gpu3", Place: "rack1/gpu3", To: "mine"}},
		Lines: []string{
			"rack1/gpu1 goes from pool mine to another project's pool: that project's requests get it now, requests that name pool mine do not",
			"rack1/gpu2 leaves pool mine: requests that name no pool get it now, requests that name pool mine do not",
			"rack1/gpu3 goes from another project's pool to pool mine: requests that name pool mine get it now, that project's requests do not",
			"rack1/gpu2 is in use by others, until it is given back",
			"pool mine holds 1 of the 3 devices of the site, and no compute node: a machine takes all of its devices from one pool",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A site of one device is counted as people count.
func TestAPoolOfASiteOfOneDevice(t *testing.T) {
	v := &view{site: (&composa.Site{}).Index()}
	for want, places := range map[string][]string{
		"pool p does not hold the one device of the site":                              {},
		"pool p holds the one device of the site: requests that name no pool get none": {"rack1/cpu0"},
	} {
		if got := v.poolSize(&api.Pool{Name: "p", Devices: places, Of: 1}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
