package liqid

import (
	"slices"
	"strconv"

	"github.com/composa-dev/composa"
)

// view is what a picture is made of besides the look itself.
type view struct {
	fabric    composa.FabricName
	mark      string
	abilities *composa.Abilities
	details   map[string]detail
	widest    map[string]width
	hosts     map[string]hostFacts
	ipmi      map[string]string
}

// picture shows a look as the vocabulary does. What is in doubt is not shown.
func (v *view) picture(l *look) *composa.Picture {
	p := &composa.Picture{
		Fabric: v.fabric, Began: l.began, Ended: l.ended, Complete: l.complete, Abilities: v.abilities,
		Devices: make([]composa.SeenDevice, 0, len(l.devices)), Machines: make([]composa.SeenMachine, 0, len(l.machines)),
	}
	for _, g := range l.groups {
		p.Groups = append(p.Groups, composa.SeenGroup{Native: strconv.Itoa(g.id), Name: g.name, Ours: g.name == v.mark})
	}
	in := map[int][]string{}
	for name, m := range l.members {
		if m.machine != 0 {
			in[m.machine] = append(in[m.machine], name)
		}
	}
	for i := range l.devices {
		if d := &l.devices[i]; !l.doubt.devices[d.name] {
			p.Devices = append(p.Devices, v.device(l, d))
		}
	}
	power := hostPower(l)
	for i := range l.machines {
		m := &l.machines[i]
		if l.doubt.machines[m.id] {
			continue
		}
		names := in[m.id]
		slices.SortFunc(names, composa.NaturalCompare)
		g := l.group(m.group)
		p.Machines = append(p.Machines, composa.SeenMachine{
			Native: m.native(), Label: m.name, Group: strconv.Itoa(m.group), InOurs: g != nil && g.name == v.mark,
			Created: m.created, Devices: names, P2P: m.p2p, Power: machinePower(power, names), Seen: l.began,
		})
	}
	return p
}

func (v *view) device(l *look, d *device) composa.SeenDevice {
	seen := composa.SeenDevice{
		Name: d.name, Kind: d.class.kind, Fingerprint: d.print, Health: d.health, Spot: v.spot(l, d.name), Seen: l.began,
		Facts: composa.Facts{Size: d.size, Lanes: d.lanes, Bus: d.bus, Switch: d.at, Learning: true},
	}
	if w := v.widest[d.name]; w.of == d.print && d.lanes > 0 && d.lanes < w.lanes && seen.Health == composa.HealthOK {
		seen.Health = composa.HealthDegraded
	}
	if known, ok := v.details[d.name]; ok && known.of == d.print {
		seen.Fingerprint.Serial = known.serial
		seen.Facts = known.with(seen.Facts)
	}
	if d.class.kind == composa.KindCPU {
		seen.Facts.IPMI = v.ipmi[d.name]
		if m, ok := l.members[d.name]; ok && m.machine != 0 {
			if h, ok := v.hosts[strconv.Itoa(m.machine)]; ok && h.host != nil && h.of == machineKey(l.machine(m.machine)) {
				host := *h.host
				seen.Host = &host
			}
		}
	}
	return seen
}

// spot tells where a device is: its membership does (liqid-api.md 2.4).
func (v *view) spot(l *look, name string) composa.Spot {
	m, ok := l.members[name]
	if !ok || m.group <= 0 {
		return composa.Spot{Area: composa.AreaFree}
	}
	at := composa.Spot{Area: composa.AreaForeign, Group: strconv.Itoa(m.group)}
	switch g := l.group(m.group); {
	case m.machine != 0:
		at.Area, at.Machine = composa.AreaMachine, strconv.Itoa(m.machine)
	case g != nil && g.name == v.mark:
		at.Area = composa.AreaOurs
	}
	return at
}

// hostPower is the power of every compute device whose location names one node
// and no other compute device.
func hostPower(l *look) map[string]composa.PowerState {
	at := map[[3]int64][]string{}
	for i := range l.devices {
		if d := &l.devices[i]; d.class.kind == composa.KindCPU && d.located {
			at[d.location] = append(at[d.location], d.name)
		}
	}
	power := map[string]composa.PowerState{}
	for _, n := range l.nodes {
		if names := at[n.location]; len(names) == 1 {
			if _, twice := power[names[0]]; twice {
				n.power = composa.PowerUnknown
			}
			power[names[0]] = n.power
		}
	}
	return power
}

// machinePower is that of the machine's hosts where they agree.
func machinePower(power map[string]composa.PowerState, devices []string) composa.PowerState {
	is := composa.PowerState("")
	for _, name := range devices {
		p, ok := power[name]
		switch {
		case !ok:
		case is == "":
			is = p
		case is != p:
			return composa.PowerUnknown
		}
	}
	if is == "" {
		return composa.PowerUnknown
	}
	return is
}

// narrow leaves what scope asks for: its devices, its machines with what is in
// them, and the machines that its devices are in.
func narrow(p *composa.Picture, scope composa.Scope) *composa.Picture {
	p.Scope = scope
	if scope.Everything() {
		return p
	}
	machines := map[string]bool{}
	for _, m := range p.Machines {
		if slices.Contains(scope.Machines, m.Native) || slices.Contains(scope.Labels, m.Label) {
			machines[m.Native] = true
		}
	}
	wanted := make(map[string]bool, len(scope.Devices))
	for _, name := range scope.Devices {
		wanted[name] = true
	}
	for _, d := range p.Devices {
		if wanted[d.Name] && d.Spot.Machine != "" {
			machines[d.Spot.Machine] = true
		}
	}
	p.Machines = slices.DeleteFunc(p.Machines, func(m composa.SeenMachine) bool { return !machines[m.Native] })
	p.Devices = slices.DeleteFunc(p.Devices, func(d composa.SeenDevice) bool {
		return !wanted[d.Name] && (d.Spot.Machine == "" || !machines[d.Spot.Machine])
	})
	return p
}
