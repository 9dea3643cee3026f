package rest

import (
	"testing"

	"github.com/composa-dev/composa"
)

// A shelf stays encoded where nothing changed that it shows, and only there.
func TestAShelfStaysWhereNothingChanged(t *testing.T) {
	fabrics := []composa.Fabric{{Name: "rack1"}, {Name: "rack2"}}
	devices := []composa.Device{
		{ID: "dev_1", Fabric: "rack1", Name: "gpu0", Revision: 1}, {ID: "dev_2", Fabric: "rack2", Name: "gpu0", Revision: 1},
	}
	see := func(claims ...composa.Claim) *view {
		return newView(names{}, composa.System(), (&composa.Site{Fabrics: fabrics, Devices: devices, Claims: claims}).Index())
	}
	claim := composa.Claim{ID: "claim_1", Device: "dev_2", Machine: "mach_1"}
	before := &shown{shelves: shelve(see(claim), nil)}
	for _, sh := range before.shelves {
		if _, err := sh.all(); err != nil {
			t.Fatal(err)
		}
	}
	claim.Machine = "mach_2"
	after := shelve(see(claim), before)
	if after[0].encodedNow() == nil {
		t.Error("the shelf of a fabric where nothing changed is made anew")
	}
	if after[1].encodedNow() != nil {
		t.Error("the shelf of a fabric whose claim passed to another machine stays")
	}
}
