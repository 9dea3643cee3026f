package rest

import (
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

func (v *view) machine(m *composa.Machine) *api.Machine {
	out := &api.Machine{
		ID: string(m.ID), Project: v.project(m.Project), Name: m.Name, Owner: v.principal(m.Owner),
		Fabric: string(m.Fabric), Emulated: v.emulated(m.Fabric), Label: m.Label, Native: m.Native,
		Wish: wishToAPI(m.Spec), Labels: m.Spec.Labels, Operation: string(m.Operation),
		Devices: v.machineDevices(m), Power: string(composa.PowerUnknown), Reach: "no address",
		CreatedAt: m.CreatedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC(), FreedAt: moment(m.FreedAt), Revision: m.Revision,
	}
	if !m.Living() {
		out.State = string(composa.MachineFreed)
		return out
	}
	out.State = string(v.site.State(m))
	for _, d := range v.site.Drift(m) {
		out.Drift = append(out.Drift, api.Drift{Sort: string(d.Sort), Device: string(d.Device), Text: v.differs(m, d)})
	}
	v.fromPicture(m, out)
	v.fromHost(m, out)
	return out
}

// differs tells a difference of a machine for people.
func (v *view) differs(m *composa.Machine, d composa.Drift) string {
	switch {
	case d.Sort == composa.DriftLost:
		return string(m.Fabric) + " does not show it"
	case d.Sort == composa.DriftVanished && d.Device == "":
		return "a part of it is in no place of " + string(m.Fabric) + " any more"
	case d.Sort == composa.DriftVanished:
		return string(d.Device) + " is of it and is not in it"
	}
	if part := v.site.At(d.Device); part != nil {
		if _, lacks := v.site.Extra(part); lacks {
			return string(d.Device) + " is another part now than the one that was put there: take it out with the director's own tool, or put the former part back"
		}
	}
	return string(d.Device) + " is in it, and nobody here put it there"
}

// fromPicture fills in what the fabric shows of a machine.
func (v *view) fromPicture(m *composa.Machine, out *api.Machine) {
	p := v.site.Pictures[m.Fabric]
	if p == nil {
		return
	}
	out.StateAge = max(v.site.Now.Sub(p.Began).Seconds(), 0)
	if seen := p.Ours(m.Ref()); seen != nil {
		out.P2P = seen.P2P
		if seen.Power != "" {
			out.Power = string(seen.Power)
		}
	}
}

// fromHost fills in what is known of the computer behind the machine's first
// cpu that anything is known of.
func (v *view) fromHost(m *composa.Machine, out *api.Machine) {
	for _, b := range v.site.Binding(m.ID) {
		d := v.site.Device(b.Device.ID)
		if d == nil || d.Host == nil || d.Kind != composa.KindCPU {
			continue
		}
		out.Address, out.Login, out.OS, out.BootImage = d.Host.Address, d.Host.Login, d.Host.OS, d.Host.BootImage
		if out.Address != "" {
			out.Reach = "unknown"
		}
		return
	}
}

// machineDevices are the devices that a machine holds, is getting, or gave up
// and still has.
func (v *view) machineDevices(m *composa.Machine) []api.MachineDevice {
	out := []api.MachineDevice{}
	for _, c := range v.held[m.ID] {
		d := v.site.Device(c.Device)
		if d == nil {
			continue
		}
		one := api.MachineDevice{
			ID: string(d.ID), Kind: string(d.Kind), Model: d.Facts.Model,
			Entry: c.Entry, State: v.claimState(m, c, d),
		}
		if d.Name != "" {
			one.Place = string(d.Place())
		}
		out = append(out, one)
	}
	slices.SortFunc(out, byPlace)
	return out
}

func byPlace(a, b api.MachineDevice) int { return composa.NaturalCompare(a.Place, b.Place) }

// claimState is how a device stands to a machine that a claim ties it to.
func (v *view) claimState(m *composa.Machine, c *composa.Claim, d *composa.Device) string {
	switch {
	case c.Machine != m.ID:
		return "claimed" // it is the heir
	case c.Purpose == composa.PurposeReleasing, c.Heir != "" && c.Heir != m.ID:
		return "leaving"
	case v.inMachine(m, d):
		return "attached"
	}
	return "claimed"
}

// inMachine says whether the newest picture shows a device in a machine of ours.
func (v *view) inMachine(m *composa.Machine, d *composa.Device) bool {
	seen := v.site.Seen(d)
	return seen != nil && seen.Spot.Area == composa.AreaMachine && d.Fabric == m.Fabric && v.ours[m.Fabric][seen.Spot.Machine] == v.site.Machine(m.ID) && m.Native != ""
}

func wishToAPI(s composa.Spec) api.Wish {
	w := api.Wish{Labels: s.Labels, Pool: s.Pool, P2P: s.P2P, Power: string(s.Power), Devices: wantsToAPI(s.Entries)}
	for _, f := range s.Fabrics {
		w.Fabrics = append(w.Fabrics, string(f))
	}
	return w
}

func wantsToAPI(entries []composa.Entry) []api.Want {
	out := make([]api.Want, 0, len(entries))
	for _, e := range entries {
		w := api.Want{Kind: string(e.Kind), Count: e.Count, Model: e.Model, IPMI: e.IPMI, Min: minToAPI(e.Min), Where: e.Where}
		if len(e.Places) > 0 {
			w.IDs = texts(e.Places)
		}
		out = append(out, w)
	}
	return out
}
