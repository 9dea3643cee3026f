package plan

import (
	"slices"

	"github.com/composa-dev/composa"
)

// add appends a step; every step of the plan passes here.
func (p *planner) add(s composa.Step, disturbs ...composa.Disturbance) {
	s.Fabric = p.target.Fabric
	slices.Sort(disturbs)
	p.steps = append(p.steps, composa.PlannedStep{Step: s, Disturbs: slices.Compact(disturbs)})
}

// can answers unsupported for an act that the fabric does not have.
func (p *planner) can(act composa.Act, what string) error {
	if !p.able.Can(act) {
		return p.unsupported("%s cannot %s", p.fabric.Name, what)
	}
	return nil
}

// group moves parts into the site's group or out of it.
func (p *planner) group(act composa.Act, parts []*part) error {
	if len(parts) == 0 {
		return nil
	}
	if err := p.can(act, "move devices between groups"); err != nil {
		return err
	}
	s := composa.Step{Act: act, Lock: composa.LockEdit}
	before := []composa.Spot{{Area: composa.AreaFree}, {Area: composa.AreaOurs}}
	after := composa.AreaOurs
	if act == composa.ActLeave {
		before, after = before[1:], composa.AreaFree
		s.Detach = named(parts)
	} else {
		s.Attach = named(parts)
	}
	var disturbs []composa.Disturbance
	if act == composa.ActLeave {
		disturbs = data(parts)
	}
	s.Expect.Spots = p.expect(parts, before)
	for _, d := range parts {
		d.area = after
	}
	p.add(s, disturbs...)
	return nil
}

// makeMachine makes a machine: empty, or with its devices where the fabric
// makes machines whole.
func (p *planner) makeMachine(m *machine) error {
	if err := p.can(composa.ActMake, "make machines"); err != nil {
		return err
	}
	s := composa.Step{Act: composa.ActMake, Machine: m.ref, Lock: composa.LockEdit}
	var disturbs []composa.Disturbance
	if p.able.Make == composa.MakeWhole {
		parts := m.pending()
		before := p.outside()
		if len(parts) > 0 && p.madeAlready(parts[0]) {
			before = append(before, composa.Spot{Area: composa.AreaMachine})
		}
		s.Attach = named(parts)
		s.Expect.Spots = p.expect(parts, before)
		disturbs = data(parts)
		moveIn(m, parts)
	}
	p.add(s, disturbs...)
	return nil
}

// reshape takes devices out of a machine and puts others in, in one step.
func (p *planner) reshape(m *machine, in, out []*part) error {
	if len(in)+len(out) == 0 {
		return nil
	}
	if p.able.Reshape == composa.ReshapeNever {
		return p.unsupported("%s cannot change the devices of a machine", p.fabric.Name)
	}
	if err := p.can(composa.ActReshape, "change the devices of a machine"); err != nil {
		return err
	}
	s := composa.Step{Act: composa.ActReshape, Machine: m.ref, Attach: named(in), Detach: named(out), Lock: composa.LockEdit}
	s.Expect.Spots = p.expect(in, p.outside())
	for name, spots := range p.expect(out, []composa.Spot{{Area: composa.AreaMachine, Machine: m.ref.Native}}) {
		s.Expect.Spots[name] = spots
	}
	s.Expect.Holds = p.holds(m)
	disturbs := append(data(in), data(out)...)
	if m.power == composa.PowerOn {
		disturbs = append(disturbs, composa.DisturbsHost)
	}
	if m.p2p && slices.ContainsFunc(s.Devices(), func(d composa.DeviceRef) bool { return d.Kind == composa.KindGPU }) {
		disturbs = append(disturbs, composa.DisturbsP2P)
	}
	p.moveOut(out)
	moveIn(m, in)
	p.add(s, disturbs...)
	return nil
}

// removeMachine ends a machine; what it still holds becomes free with it, where
// machines are made whole.
func (p *planner) removeMachine(m *machine) error {
	if err := p.can(composa.ActRemove, "remove machines"); err != nil {
		return err
	}
	var inside []*part
	for _, d := range p.parts {
		if d.at == m {
			inside = append(inside, d)
		}
	}
	disturbs := data(inside)
	if m.power == composa.PowerOn {
		disturbs = append(disturbs, composa.DisturbsHost)
	}
	s := composa.Step{Act: composa.ActRemove, Machine: m.ref, Lock: composa.LockEdit, Expect: composa.Expect{Holds: p.holds(m)}}
	p.moveOut(inside)
	m.removed = true
	p.add(s, disturbs...)
	return nil
}

// power switches a machine on or off. Only what exists can be disturbed.
func (p *planner) power(m *machine, on bool) {
	s := composa.Step{Act: composa.ActPower, Machine: m.ref, On: on, Lock: composa.LockMachine}
	m.power = composa.PowerOn
	if !on {
		m.power = composa.PowerOff
		if s.Hard = p.target.Hard; !s.Hard {
			s.Grace = p.target.Grace
		}
	}
	p.add(s, existing(m, composa.DisturbsPower)...)
}

func (p *planner) p2p(m *machine, on bool) {
	s := composa.Step{Act: composa.ActP2P, Machine: m.ref, On: on, Lock: composa.LockEdit}
	m.p2p = on
	p.add(s, existing(m, composa.DisturbsP2P)...)
}

// existing is what a switch disturbs: nothing where the plan itself makes the
// machine.
func existing(m *machine, d composa.Disturbance) []composa.Disturbance {
	if m.seen == nil {
		return nil
	}
	return []composa.Disturbance{d}
}

// data tells whether parts that may hold data change hands.
func data(parts []*part) []composa.Disturbance {
	if slices.ContainsFunc(parts, func(d *part) bool { return d.used }) {
		return []composa.Disturbance{composa.DisturbsData}
	}
	return nil
}

// outside is where a device waits before a machine takes it.
func (p *planner) outside() []composa.Spot {
	switch p.able.Groups {
	case composa.NeedRequired:
		return []composa.Spot{{Area: composa.AreaOurs}}
	case composa.NeedOptional:
		return []composa.Spot{{Area: composa.AreaFree}, {Area: composa.AreaOurs}}
	}
	return []composa.Spot{{Area: composa.AreaFree}}
}

func (p *planner) expect(parts []*part, spots []composa.Spot) map[string][]composa.Spot {
	out := make(map[string][]composa.Spot, len(parts))
	for _, d := range parts {
		out[d.ref.Name] = slices.Clone(spots)
	}
	return out
}

// holds names what a machine holds at this point of the plan.
func (p *planner) holds(m *machine) []string {
	var out []string
	for _, d := range p.parts {
		if d.at == m {
			out = append(out, d.ref.Name)
		}
	}
	if m.host != "" && !slices.Contains(out, m.host) {
		out = append(out, m.host)
		slices.SortFunc(out, composa.NaturalCompare)
	}
	return out
}

func (p *planner) moveOut(parts []*part) {
	area := composa.AreaFree
	if p.grouped() {
		area = composa.AreaOurs
	}
	for _, d := range parts {
		d.at, d.area = nil, area
	}
}

func moveIn(m *machine, parts []*part) {
	for _, d := range parts {
		d.at, d.area = m, composa.AreaMachine
	}
}

func named(parts []*part) []composa.DeviceRef {
	var out []composa.DeviceRef
	for _, d := range parts {
		out = append(out, d.ref)
	}
	return out
}
