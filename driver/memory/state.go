package memory

import (
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// state is everything that a change can change. Each part says itself where it
// is, so it cannot be in two places.
type state struct {
	parts    []part // natural order of name; never shorter
	groups   []group
	machines []machine
}

type part struct {
	*Part          // shared between copies of the state; replaced, never written
	group   string // native handle; empty: in none
	machine string // native handle; empty: in none
	gone    bool   // pulled out of its slot
	on      bool   // a cpu whose host runs
	busy    bool   // the guest does not let go of it
}

type group struct {
	native, name string
}

type machine struct {
	native, label, group string
	created              time.Time
	p2p                  bool
}

func (s *state) clone() state {
	return state{slices.Clone(s.parts), slices.Clone(s.groups), slices.Clone(s.machines)}
}

func (s *state) machine(native string) *machine {
	for i := range s.machines {
		if s.machines[i].native == native {
			return &s.machines[i]
		}
	}
	return nil
}

func (s *state) groupNamed(name string) *group {
	for i := range s.groups {
		if s.groups[i].name == name {
			return &s.groups[i]
		}
	}
	return nil
}

// inside lists the parts that are in a machine.
func (s *state) inside(native string) []*part {
	var out []*part
	for i := range s.parts {
		if p := &s.parts[i]; p.machine == native && !p.gone {
			out = append(out, p)
		}
	}
	return out
}

// put moves a part; a host that leaves its machine is off.
func (p *part) put(group, machine string) {
	if p.machine != machine {
		p.on, p.busy = false, false
	}
	p.group, p.machine = group, machine
}

// removeMachine leaves the parts of a machine in its group.
func (s *state) removeMachine(native string) {
	m := s.machine(native)
	if m == nil {
		return
	}
	group := m.group
	for i := range s.parts {
		if s.parts[i].machine == native {
			s.parts[i].put(group, "")
		}
	}
	s.machines = slices.DeleteFunc(s.machines, func(m machine) bool { return m.native == native })
}

// power of a machine is that of its hosts; a machine without a host is off.
func (s *state) power(native string) composa.PowerState {
	for _, p := range s.inside(native) {
		if p.on {
			return composa.PowerOn
		}
	}
	return composa.PowerOff
}

// unitBroken names two parts of one unit that are in different places; empty
// where all units are whole.
func (s *state) unitBroken() (one, other string) {
	first := map[string]*part{}
	for i := range s.parts {
		p := &s.parts[i]
		if p.Unit == "" || p.gone {
			continue
		}
		if f := first[p.Unit]; f == nil {
			first[p.Unit] = p
		} else if f.machine != p.machine {
			return f.Name, p.Name
		}
	}
	return "", ""
}

// shareDomain says whether parts have a domain in common.
func shareDomain(parts []*part) bool {
	var common []string
	told := false
	for _, p := range parts {
		switch {
		case len(p.Domains) == 0:
		case !told:
			common, told = slices.Clone(p.Domains), true
		default:
			common = slices.DeleteFunc(common, func(d string) bool { return !slices.Contains(p.Domains, d) })
		}
	}
	return !told || len(common) > 0
}

// picture shows a scope of a state as one site sees it: its devices and
// machines, the machines that hold such a device, and what such a machine holds.
func (w *World) picture(s *state, site composa.SiteID, scope composa.Scope, began time.Time) *composa.Picture {
	abilities := w.abilities()
	p := &composa.Picture{
		Fabric: w.config.Name, Began: began, Scope: scope, Complete: true, Abilities: &abilities,
		Devices: []composa.SeenDevice{}, Machines: []composa.SeenMachine{},
	}
	ours := w.ownGroup(s, site)
	for _, g := range s.groups {
		p.Groups = append(p.Groups, composa.SeenGroup{Native: g.native, Name: g.name, Ours: g.native == ours})
	}
	asked := make(map[string]bool, len(scope.Devices))
	for _, name := range scope.Devices {
		asked[name] = true
	}
	holds := map[string][]string{}
	hit := map[string]bool{} // machines that hold a device that was asked for
	for i := range s.parts {
		d := &s.parts[i]
		if d.gone || d.machine == "" {
			continue
		}
		holds[d.machine] = append(holds[d.machine], d.Name)
		hit[d.machine] = hit[d.machine] || asked[d.Name]
	}
	named := map[string]bool{}
	for i := range s.machines {
		m := &s.machines[i]
		named[m.native] = scope.Everything() || slices.Contains(scope.Machines, m.native) ||
			m.label != "" && slices.Contains(scope.Labels, m.label)
		if !named[m.native] && !hit[m.native] {
			continue
		}
		p.Machines = append(p.Machines, composa.SeenMachine{
			Native: m.native, Label: m.label, Group: m.group, Created: m.told(w.config.Shape),
			InOurs:  w.config.Shape != Grouped || m.group == ours && ours != "",
			Devices: holds[m.native], P2P: m.p2p, Power: s.power(m.native), Seen: began,
		})
	}
	slices.SortFunc(p.Machines, func(a, b composa.SeenMachine) int { return composa.NaturalCompare(a.Native, b.Native) })
	for i := range s.parts {
		d := &s.parts[i]
		if d.gone || !scope.Everything() && !asked[d.Name] && !named[d.machine] {
			continue
		}
		p.Devices = append(p.Devices, d.seen(ours, began))
	}
	return p
}

// told is when the fabric says that m was made: the shape whole does not say.
func (m *machine) told(shape Shape) time.Time {
	if shape == Whole {
		return time.Time{}
	}
	return m.created
}

func (p *part) seen(ours string, at time.Time) composa.SeenDevice {
	d := composa.SeenDevice{
		Name: p.Name, Kind: p.Kind, Fingerprint: p.Fingerprint, Unit: p.Unit, Domains: slices.Clone(p.Domains),
		Facts: p.Facts, Health: p.Health, Seen: at,
		Spot: composa.Spot{Area: composa.AreaFree, Group: p.group, Machine: p.machine},
	}
	if d.Health == "" {
		d.Health = composa.HealthOK
	}
	if p.Host != nil {
		h := *p.Host
		d.Host = &h
	}
	switch {
	case p.machine != "":
		d.Spot.Area = composa.AreaMachine
	case p.group == "":
	case p.group == ours:
		d.Spot.Area = composa.AreaOurs
	default:
		d.Spot.Area = composa.AreaForeign
	}
	return d
}

// ownGroup is the handle of a site's group; empty where it has none.
func (w *World) ownGroup(s *state, site composa.SiteID) string {
	if g := s.groupNamed(composa.GroupMark(site)); g != nil {
		return g.native
	}
	return ""
}
