package composa_test

import (
	"testing"

	"github.com/composa-dev/composa"
)

func TestWishFlags(t *testing.T) {
	for _, tt := range []struct {
		fabrics []composa.FabricName
		pool    string
		entries []composa.Entry
		want    string
	}{
		{[]composa.FabricName{"rack1", "rack2"}, "vision", []composa.Entry{{Kind: "cpu", Count: 1}, {Kind: "gpu", Count: 4, Model: "NVIDIA A100"}},
			"--fabric rack1,rack2 --pool vision --cpu 1 --gpu 'NVIDIA A100:4'"},
		{nil, "", []composa.Entry{{Kind: "ssd", Count: 1, Places: []composa.Place{"rack1/ssd0"}}}, "--ssd rack1/ssd0"},
		{nil, "", []composa.Entry{{Kind: "gpu", Count: 1, Min: map[string]int64{"memory": 40e9, "lanes": 16}, Where: "device.model != 'T4'"}},
			`--gpu 1 --min gpu.lanes=16 --min gpu.memory=40GB --where 'gpu:device.model != '\''T4'\'''`},
		{nil, "", []composa.Entry{{Kind: "nic", Count: 2, Min: map[string]int64{"speed": 100e9}}}, "--nic 2 --min nic.speed=100Gb"},
		// Flags hold for a whole kind: two that ask otherwise cannot be written.
		{nil, "", []composa.Entry{{Kind: "gpu", Count: 1, Where: "device.free"}, {Kind: "gpu", Count: 1}}, ""},
	} {
		if got := composa.WishFlags(tt.fabrics, tt.pool, tt.entries); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
