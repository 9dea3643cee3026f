package plan

import (
	"github.com/composa-dev/composa"
)

// For returns the steps between what site shows and target. It is pure: it
// reads its arguments and changes nothing.
//
// Errors are [*composa.Error] values: invalid for a target that contradicts
// itself, not_found for an unknown fabric, unreachable for one that was never
// seen, read_only for one that is only observed, unsupported for what the
// fabric cannot do, conflict where the world is not as the target needs it.
//
// Steps on a machine that is not made yet carry the handle of its goal, which
// may be empty; whoever carries the plan out fills it in once it is known.
func For(site *composa.Site, verb composa.Verb, project composa.ProjectID, target composa.Target) (*composa.Plan, error) {
	p, err := newPlanner(site, verb, project, target)
	if err != nil {
		return nil, err
	}
	for _, stage := range []func() error{
		p.powerOff, p.makeRoom, p.enter, p.make, p.fill, p.powerOn, p.switchP2P, p.remove, p.leave,
	} {
		if err := stage(); err != nil {
			return nil, err
		}
	}
	if only := p.fabric.ReadOnly(); len(p.steps) > 0 && only != nil {
		return nil, p.readOnly(only)
	}
	return &composa.Plan{
		Project: project, Verb: verb, Target: target, Scope: p.scope(), Steps: p.steps, NeedsOwner: p.needsOwner,
	}, nil
}

// powerOff switches off what ends, what is to be off, and on a fabric that
// changes machines only while they are off, what changes.
func (p *planner) powerOff() error {
	for _, m := range p.machines {
		if m.seen == nil || !m.hasHost || m.power == composa.PowerOff {
			continue
		}
		changes := p.able.Reshape == composa.ReshapeOff && m.goal.Exists && len(m.loses)+len(m.gains) > 0
		wished := m.goal.Power != nil && !*m.goal.Power
		if m.goal.Exists && !changes && !wished {
			continue
		}
		if !p.able.Can(composa.ActPower) {
			if changes && m.power == composa.PowerOn {
				return p.unsupported("%s changes machines only while they are off, and cannot switch %q off", p.fabric.Name, m.ref.Name)
			}
			continue
		}
		m.onAgain = changes && !wished
		p.power(m, false)
	}
	return nil
}

// makeRoom takes devices out of machines: all that leave, but for those of a
// machine whose one step can take and give (see order). A machine that was made
// whole and ends gives its devices free by ending.
func (p *planner) makeRoom() error {
	for _, m := range p.machines {
		switch {
		case m.seen == nil || len(m.loses) == 0 && (m.goal.Exists || p.able.Make != composa.MakeWhole):
			continue
		case !m.goal.Exists && p.able.Make == composa.MakeWhole:
			if err := p.removeMachine(m); err != nil {
				return err
			}
		case !m.merged:
			if err := p.reshape(m, nil, m.loses); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter brings what is to be attached into the site's group, where the fabric
// needs that.
func (p *planner) enter() error {
	if !p.grouped() {
		return nil
	}
	var in []*part
	for _, d := range p.parts {
		if d.to != nil && d.at == nil && d.area == composa.AreaFree {
			in = append(in, d)
		}
	}
	return p.group(composa.ActEnter, in)
}

// make brings the machines into being that do not exist.
func (p *planner) make() error {
	for _, m := range p.machines {
		if !m.goal.Exists || m.seen != nil {
			continue
		}
		if err := p.makeMachine(m); err != nil {
			return err
		}
	}
	return nil
}

// fill attaches what is to come, donors before those that take from them.
func (p *planner) fill() error {
	for _, m := range p.order {
		var out []*part
		if m.merged {
			out = m.loses
		}
		if err := p.reshape(m, m.pending(), out); err != nil {
			return err
		}
	}
	return nil
}

// powerOn switches on what is to run, and what only this operation switched off.
func (p *planner) powerOn() error {
	for _, m := range p.machines {
		wished := m.goal.Power != nil && *m.goal.Power
		left := m.goal.Power == nil
		again := left && (m.onAgain || m.power != composa.PowerOn && m.seen != nil && p.switchedOff(m.ref.ID))
		if !m.goal.Exists || !m.willHaveHost || m.power == composa.PowerOn || !wished && !again {
			continue
		}
		if p.able.Can(composa.ActPower) {
			p.power(m, true)
		}
	}
	return nil
}

// switchP2P makes peer-to-peer what the goals say.
func (p *planner) switchP2P() error {
	for _, m := range p.machines {
		if !m.goal.Exists || m.goal.P2P == nil || *m.goal.P2P == m.p2p {
			continue
		}
		p.p2p(m, *m.goal.P2P)
	}
	return nil
}

// remove ends machines that were emptied.
func (p *planner) remove() error {
	if p.able.Make == composa.MakeHosted {
		return nil
	}
	for _, m := range p.machines {
		if m.goal.Exists || m.seen == nil || m.removed {
			continue
		}
		if err := p.removeMachine(m); err != nil {
			return err
		}
	}
	return nil
}

// leave gives the devices of the scope that nobody needs back to the fabric, so
// that the vendor's tool sees them free.
func (p *planner) leave() error {
	if !p.grouped() || p.fabric.Keep {
		return nil
	}
	var out []*part
	for _, d := range p.parts {
		if d.to == nil && d.at == nil && d.area == composa.AreaOurs && !d.alone {
			out = append(out, d)
		}
	}
	return p.group(composa.ActLeave, out)
}
