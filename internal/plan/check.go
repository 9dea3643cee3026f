package plan

import (
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// checkMakeable refuses to make a machine again that was made before, or one
// whose name or handle somebody else has.
func (p *planner) checkMakeable(m *machine, known *composa.Machine) error {
	switch {
	case p.able.Make == composa.MakeHosted && m.host == "":
		return p.errorf(composa.CodeInvalid, "on %s a machine is its compute node, and %q has none", p.fabric.Name, m.ref.Name)
	case p.able.Make == composa.MakeHosted:
		return p.errorf(composa.CodeConflict, "%s is not there as a machine of ours", composa.PlaceOf(p.fabric.Name, m.host))
	case known != nil && known.Made:
		return p.errorf(composa.CodeConflict, "%s does not show machine %q (%s) any more", p.fabric.Name, m.ref.Label, m.ref.Native)
	}
	if other := p.picture.Machine(m.ref.Native); other != nil {
		return p.errorf(composa.CodeConflict, "machine %q (%s) on %s is not ours and has the handle that was chosen", other.Label, other.Native, p.fabric.Name)
	}
	made := composa.Step{Act: composa.ActMake, Fabric: p.target.Fabric, Machine: m.ref, Attach: refs(m.goal.Devices)}
	for i := range p.picture.Machines {
		other := &p.picture.Machines[i]
		if other.Label == m.ref.Label && other.Label != "" && made.Made(p.picture) != other {
			return p.errorf(composa.CodeConflict, "a machine %q that is not ours exists on %s (%s)", other.Label, p.fabric.Name, other.Native)
		}
	}
	return nil
}

// checkStrangers refuses to touch a machine that holds what the plan does not
// know.
func (p *planner) checkStrangers() error {
	for _, m := range p.machines {
		if m.seen == nil {
			continue
		}
		var unknown, exchanged []string
		for _, name := range m.seen.Devices {
			at := func(d *part) bool { return d.ref.Name == name }
			place := string(composa.PlaceOf(p.fabric.Name, name))
			switch {
			case name == m.host || slices.ContainsFunc(p.parts, func(d *part) bool { return at(d) && d.area != "" }):
			case p.picture.Device(name) != nil && slices.ContainsFunc(p.parts, at):
				exchanged = append(exchanged, place)
			default:
				unknown = append(unknown, place)
			}
		}
		switch {
		case len(exchanged) > 0:
			return p.errorf(composa.CodeConflict, "in machine %q another part is at %s now than the one that was put there", m.ref.Label, strings.Join(exchanged, ", ")).
				WithNext("somebody exchanged it: take it out of the machine with the director's own tool, or put the former part back, then try again")
		case len(unknown) > 0 && p.lacks(m.ref.ID):
			return p.errorf(composa.CodeConflict, "machine %q holds %s, which nobody here put there, and a part of it is gone", m.ref.Label, strings.Join(unknown, ", ")).
				WithNext("where somebody exchanged the part, take the new one out of the machine with the director's own tool, or put the former one back, then try again")
		case len(unknown) > 0:
			return p.errorf(composa.CodeConflict, "machine %q holds %s, which nobody here put there", m.ref.Label, strings.Join(unknown, ", ")).
				WithNext("what this plan does not know is never taken: take it out with the tool that put it in")
		}
	}
	return nil
}

// lacks says whether a part of a machine is in no place any more.
func (p *planner) lacks(id composa.MachineID) bool {
	return len(p.site.Lost(id)) > 0 || slices.ContainsFunc(p.site.Binding(id), func(b composa.Bound) bool { return b.Device.Name == "" })
}

// checkParts refuses to take a device from where the plan may not.
func (p *planner) checkParts() error {
	for _, d := range p.parts {
		if d.to == nil || d.at == d.to {
			continue
		}
		switch {
		case d.area == "" && p.picture.Device(d.ref.Name) != nil:
			return p.errorf(composa.CodeConflict, "another part is at %s", p.place(d))
		case d.area == "":
			return p.errorf(composa.CodeConflict, "%s is not there any more", p.place(d))
		case d.area == composa.AreaForeign, d.area == composa.AreaMachine && d.at == nil && !p.madeAlready(d):
			return p.errorf(composa.CodeConflict, "%s is in %s, which is not of this operation", p.place(d), d.spot).
				WithNext("it is never taken from there")
		}
	}
	return nil
}

// madeAlready says whether the part is in the machine that a make step of its
// goal would find, made but not written down.
func (p *planner) madeAlready(d *part) bool {
	if d.to.seen != nil || p.able.Make != composa.MakeWhole {
		return false
	}
	s := composa.Step{Act: composa.ActMake, Fabric: p.target.Fabric, Machine: d.to.ref, Attach: refs(d.to.goal.Devices)}
	made := s.Made(p.picture)
	return made != nil && made.Native == d.spot.Machine
}

// checkAbilities refuses what the fabric cannot do before anything is planned.
func (p *planner) checkAbilities() error {
	for _, m := range p.machines {
		if !m.goal.Exists {
			continue
		}
		if m.goal.P2P != nil && *m.goal.P2P && !p.able.Can(composa.ActP2P) {
			return p.unsupported("%s has no peer-to-peer", p.fabric.Name)
		}
		if most := p.able.MaxDevices; most > 0 && len(m.goal.Devices) > most {
			return p.unsupported("%s allows %d devices in one machine, %q is to have %d", p.fabric.Name, most, m.ref.Name, len(m.goal.Devices))
		}
		for _, b := range m.goal.Devices {
			if m.host != "" && b.Device.Kind == composa.KindCPU && b.Device.Name != m.host {
				return p.unsupported("on %s a machine is its compute node: %q is %s and cannot have %s", p.fabric.Name, m.ref.Name, m.host, b.Device.Name)
			}
		}
	}
	return nil
}
