package composa_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// What is said of all devices of a fabric at once is what is said of each, also
// of a site that was made from another one.
func TestWhyNotFreeOf(t *testing.T) {
	picture := func(shown ...composa.SeenDevice) *composa.Picture {
		return &composa.Picture{Fabric: "rack1", Complete: true, Devices: shown}
	}
	free := func(name string) composa.SeenDevice {
		return composa.SeenDevice{Name: name, Kind: composa.KindGPU, Spot: composa.Spot{Area: composa.AreaFree}}
	}
	other := free("gpu1")
	other.Fingerprint.Serial = "another part"
	devices := func(names ...string) []composa.Device {
		var out []composa.Device
		for _, name := range names {
			d := composa.Device{ID: composa.DeviceID("dev_" + name), Fabric: "rack1", Name: name, Kind: composa.KindGPU, Health: composa.HealthOK}
			d.Fingerprint.Serial = "of " + name
			out = append(out, d)
		}
		return out
	}
	first := &composa.Site{
		Fabrics: []composa.Fabric{{Name: "rack1"}}, Devices: devices("gpu0", "gpu1", "gpu2"),
		Pictures: map[composa.FabricName]*composa.Picture{"rack1": picture(free("gpu0"), other)},
		Claims:   []composa.Claim{{Device: "dev_gpu0", Machine: "mach_1", Purpose: composa.PurposeMachine}},
	}
	first.Index()
	seen := *first
	seen.Pictures = map[composa.FabricName]*composa.Picture{"rack1": picture(free("gpu0"), free("gpu1"), free("gpu2"))}
	seen.IndexAfter(first)
	more := seen
	more.Devices = devices("gpu0", "gpu1", "gpu2", "gpu3")
	more.IndexAfter(&seen)
	same := more
	same.Claims = nil
	same.IndexAfter(&more)
	for _, tt := range []struct {
		site *composa.Site
		want []string
	}{
		{first, []string{"claimed", "missing", "missing"}},
		{&seen, []string{"claimed", "", ""}},
		{&more, []string{"claimed", "", "", "missing"}},
		{&same, []string{"", "", "", "missing"}},
	} {
		if d := cmp.Diff(tt.want, tt.site.WhyNotFreeOf("rack1", "proj_a", "")); d != "" {
			t.Errorf("all (-want +got):\n%s", d)
		}
		for i, d := range tt.site.DevicesOf("rack1") {
			if got := tt.site.WhyNotFree(d, "proj_a", ""); got != tt.want[i] {
				t.Errorf("%s: %q, want %q", d.Name, got, tt.want[i])
			}
		}
	}
}
