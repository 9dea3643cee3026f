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
