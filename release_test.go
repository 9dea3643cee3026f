package composa

import (
	"testing"
	"time"
)

// A claim is closed by what was seen after its device was last touched, and by
// nothing that was seen before or at that moment.
func TestOnlyALookAfterwardsShowsThatADeviceIsReleased(t *testing.T) {
	seen := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	site := func(at Spot) *Site {
		s := &Site{
			Fabrics:  []Fabric{{Name: "rack1"}},
			Devices:  []Device{{ID: "dev_1", Fabric: "rack1", Name: "gpu0", Kind: KindGPU}},
			Pictures: map[FabricName]*Picture{"rack1": {Devices: []SeenDevice{{Name: "gpu0", Kind: KindGPU, Spot: at, Seen: seen}}}},
		}
		return s.Index()
	}
	const free = "shown free by a look that began at 2026-03-01T00:00:00Z"
	for _, tt := range []struct {
		name  string
		at    Area
		since time.Time
		want  string
	}{
		{name: "nothing ever touched it", at: AreaFree, want: free},
		{name: "seen afterwards", at: AreaFree, since: seen.Add(-time.Microsecond), want: free},
		{name: "seen at that moment", at: AreaFree, since: seen},
		{name: "seen before", at: AreaFree, since: seen.Add(time.Microsecond)},
		{name: "seen afterwards, in our group", at: AreaOurs, since: seen.Add(-time.Second)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := site(Spot{Area: tt.at})
			if got := s.Released(&s.Devices[0], tt.since); got != tt.want {
				t.Errorf("released: %q, not %q", got, tt.want)
			}
		})
	}
}

// A device that came back after its machine was freed lies in this site's group,
// in no machine. Its claim is closed, unless an operation may still move it.
func TestADeviceLeftInTheGroupIsReleased(t *testing.T) {
	seen := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const left = "left in this site's group by a look that began at 2026-03-01T00:00:00Z"
	scope := Target{Goals: []Goal{{Machine: MachineRef{ID: "mach_2"}, Devices: []Bound{{Device: DeviceRef{ID: "dev_1"}}}}}}
	for _, tt := range []struct {
		name       string
		claim      Claim
		operations []Operation
		since      time.Time
		want       string
	}{
		{name: "nothing is under way", claim: Claim{Purpose: PurposeReleasing}, want: left},
		{name: "its machine holds it", claim: Claim{Purpose: PurposeMachine}},
		{name: "seen before the release", claim: Claim{Purpose: PurposeReleasing}, since: seen},
		{name: "an operation on something else", claim: Claim{Purpose: PurposeReleasing}, operations: []Operation{{Machines: []MachineID{"mach_3"}}}, want: left},
		{name: "an operation on its machine", claim: Claim{Purpose: PurposeReleasing}, operations: []Operation{{Machines: []MachineID{"mach_1"}}}},
		{name: "an operation that wants it", claim: Claim{Purpose: PurposeReleasing}, operations: []Operation{{Machines: []MachineID{"mach_2"}, Target: scope}}},
		{name: "an operation that had it", claim: Claim{Purpose: PurposeReleasing}, operations: []Operation{{Machines: []MachineID{"mach_2"}, Prior: scope}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.claim.Device, tt.claim.Machine = "dev_1", "mach_1"
			s := (&Site{
				Fabrics:    []Fabric{{Name: "rack1"}},
				Devices:    []Device{{ID: "dev_1", Fabric: "rack1", Name: "gpu0", Kind: KindGPU}},
				Claims:     []Claim{tt.claim},
				Operations: tt.operations,
				Pictures:   map[FabricName]*Picture{"rack1": {Devices: []SeenDevice{{Name: "gpu0", Kind: KindGPU, Spot: Spot{Area: AreaOurs}, Seen: seen}}}},
			}).Index()
			since := tt.since
			if since.IsZero() {
				since = seen.Add(-time.Second)
			}
			if got := s.Released(&s.Devices[0], since); got != tt.want {
				t.Errorf("released: %q, not %q", got, tt.want)
			}
		})
	}
}
