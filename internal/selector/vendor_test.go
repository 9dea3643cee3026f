package selector_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/liqid"
	emulator "github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/selector"
)

// What a vendor sells as 40 GB meets both 40*GB and 40*GiB where it is memory,
// and only what it says where it is a drive.
func TestSizesAreWhatThePartHas(t *testing.T) {
	for _, era := range emulator.Eras() {
		t.Run(era, func(t *testing.T) {
			director, err := emulator.New(emulator.Config{API: era, Inventory: &emulator.Inventory{Devices: []emulator.Entry{
				{Kind: emulator.CPU}, {Kind: emulator.GPU, Model: "A100-PCIE-40GB"}, {Kind: emulator.SSD, Capacity: 960, Model: "S1", Vendor: "Acme"},
				{Kind: emulator.NIC, Speed: 100, Model: "L1", Vendor: "Acme"},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			defer director.Close()
			front := httptest.NewServer(director.Handler())
			defer front.Close()
			fabric, err := liqid.New(liqid.Config{Name: "rack1", URL: front.URL, Site: composa.SiteID(composa.NewID(composa.PrefixSite))})
			if err != nil {
				t.Fatal(err)
			}
			var p *composa.Picture
			for range 20 { // looks: details are read a few at a time
				if p, err = fabric.Observe(t.Context(), composa.Scope{}); err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(p.Devices, func(d composa.SeenDevice) bool { return d.Facts.Learning }) {
					break
				}
			}
			for expr, want := range map[string][]composa.Kind{
				`device.kind == "gpu" && device.memory >= 40*GB`:                     {composa.KindGPU},
				`device.kind == "gpu" && device.memory >= 40*GiB`:                    {composa.KindGPU},
				`device.kind == "gpu" && device.memory > 40*GiB`:                     nil,
				`device.size >= 960*GB`:                                              {composa.KindSSD},
				`device.size >= 960*GiB`:                                             nil,
				`device.speed >= 100*Gb && device.speed <= 100*Gb`:                   {composa.KindNIC},
				`device.kind == "cpu" && device.cores > 0 && device.memory >= 1*GiB`: {composa.KindCPU},
			} {
				s, err := selector.Compile(expr)
				if err != nil {
					t.Fatal(err)
				}
				var found []composa.Kind
				for _, seen := range p.Devices {
					d := composa.Device{Fabric: "rack1", Name: seen.Name, Kind: seen.Kind, Facts: seen.Facts, Health: seen.Health}
					if s.Match(&d, true).Met {
						found = append(found, d.Kind)
					}
				}
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("%s (-want +found):\n%s", expr, diff)
				}
			}
		})
	}
}
