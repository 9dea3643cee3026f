package intake

import (
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

// choose lets placement choose devices, or where a stored plan is carried out,
// lets it judge those of the plan: they must still meet what the request said of
// models, conditions and addresses, since labels, health and details change.
func (p *proposal) choose(site *composa.Site, r placement.Request) (*placement.Choice, error) {
	if p.pin == nil {
		return placement.Place(site, r)
	}
	planned := p.pin.Goals[0].Devices
	if r.Machine != nil {
		planned = without(p.pin.Goal(r.Machine.ID).Devices, site.Binding(r.Machine.ID))
	}
	pinned := r
	pinned.Fabrics, pinned.Entries = []composa.FabricName{p.pin.Fabric}, nil
	for i, e := range r.Entries {
		if slices.ContainsFunc(r.Entries[:i], func(o composa.Entry) bool { return o.Key == e.Key }) {
			continue // two that go to one entry of the machine
		}
		places := placesOf(p.pin.Fabric, planned, e.Key)
		if len(places) > 0 {
			e.Count, e.Places = len(places), places
			pinned.Entries = append(pinned.Entries, e)
		}
	}
	choice, err := placement.Place(site, pinned)
	if err != nil {
		return nil, err
	}
	choice.Bound = inOrder(choice.Bound, planned)
	return choice, nil
}

// placesOf are the places of the devices that serve an entry.
func placesOf(fabric composa.FabricName, devices []composa.Bound, entry string) []composa.Place {
	var out []composa.Place
	for _, b := range devices {
		if b.Entry == entry {
			out = append(out, composa.PlaceOf(fabric, b.Device.Name))
		}
	}
	return out
}

// inOrder brings devices into the order that they have in a plan; what the plan
// does not have comes last.
func inOrder(devices, planned []composa.Bound) []composa.Bound {
	at := func(b composa.Bound) int {
		i := slices.IndexFunc(planned, func(o composa.Bound) bool { return o.Device.ID == b.Device.ID })
		if i < 0 {
			return len(planned)
		}
		return i
	}
	out := slices.Clone(devices)
	slices.SortStableFunc(out, func(a, b composa.Bound) int { return at(a) - at(b) })
	return out
}

// leaving are the devices that leave a machine: those named and so many of each
// kind, or where a stored plan is carried out, those that left by it.
func (p *proposal) leaving(site *composa.Site, m *composa.Machine, places []composa.Place, counts map[composa.Kind]int) ([]composa.Bound, error) {
	if p.pin != nil {
		gone := without(site.Binding(m.ID), p.pin.Goal(m.ID).Devices)
		places, counts = nil, nil
		for _, b := range gone {
			places = append(places, composa.PlaceOf(m.Fabric, b.Device.Name))
		}
	}
	return placement.Unplug(site, m, places, counts)
}
