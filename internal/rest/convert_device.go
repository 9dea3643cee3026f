package rest

import (
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

func (v *view) device(d *composa.Device) *api.Device {
	f := d.Facts
	why := v.whyNot(d, "")
	out := &api.Device{
		ID: string(d.ID), Place: string(d.Place()), Fabric: string(d.Fabric), Emulated: v.emulated(d.Fabric), Kind: string(d.Kind),
		Vendor: f.Vendor, Model: f.Model, Serial: d.Fingerprint.Serial, Firmware: f.Firmware, Cores: f.Cores, Threads: f.Threads,
		Memory: f.Memory, Size: f.Size, Speed: f.Speed, Lanes: f.Lanes, Bus: f.Bus, Switch: f.Switch, IPMI: f.IPMI, Learning: f.Learning,
		Health: string(v.site.HealthOf(d)), Use: string(v.use(d)), Free: why == "", WhyNot: why, Hygiene: string(d.Hygiene),
		Cordon: v.cordon(d.Cordon), Labels: d.Labels, FirstSeen: d.FirstSeen.UTC(), Revision: d.Revision,
	}
	if d.Host != nil {
		out.Address, out.Login = d.Host.Address, d.Host.Login
	}
	if p := v.site.Pool(d.Pool); p != nil && v.who.Sees(p.Project) {
		out.Pool = p.Name
	}
	switch m, lacks := v.site.Extra(d); {
	case m == nil || !v.who.Sees(m.Project):
	case lacks:
		out.WhyNot = fmt.Sprintf("another part now than the one that was put into %s", m.Name)
	default:
		out.WhyNot = fmt.Sprintf("in %s, and nobody here put it there", m.Name)
	}
	if m := v.holder(d); m != nil {
		out.Machine, out.MachineID, out.Project = m.Name, string(m.ID), v.project(m.Project)
	}
	return out
}

// use is [composa.Site.UseOf].
func (v *view) use(d *composa.Device) composa.Use { return v.site.UseOf(d) }

// holder is the machine that has a device, where the caller may see it.
func (v *view) holder(d *composa.Device) *composa.Machine {
	var m *composa.Machine
	if c := v.site.Claim(d.ID); c != nil {
		m = v.site.Machine(c.Machine)
	} else if seen := v.site.Seen(d); seen != nil && seen.Spot.Area == composa.AreaMachine {
		m = v.ours[d.Fabric][seen.Spot.Machine]
	}
	if m == nil || !v.who.Sees(m.Project) {
		return nil
	}
	return m
}

func (n names) cordon(c *composa.Cordon) *api.Cordon {
	if c == nil {
		return nil
	}
	return &api.Cordon{Reason: c.Reason, By: n.principal(c.By), At: c.At.UTC()}
}

// pool is a pool with its devices, in natural order.
func (v *view) pool(p *composa.Pool) *api.Pool {
	out := &api.Pool{
		ID: string(p.ID), Project: v.project(p.Project), Name: p.Name, Labels: p.Labels, Where: p.Where, Most: p.Most, Devices: []string{}, Of: len(v.site.Devices),
		Owner: v.principal(p.Owner), CreatedAt: p.CreatedAt.UTC(), Revision: p.Revision,
	}
	for i := range v.site.Devices {
		d := &v.site.Devices[i]
		if d.Pool != p.ID {
			continue
		}
		out.Devices = append(out.Devices, string(d.Place()))
		if v.whyNot(d, p.ID) == "" {
			out.Free++
		}
	}
	slices.SortFunc(out.Devices, composa.NaturalCompare)
	return out
}
