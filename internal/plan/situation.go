package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// planner holds what For reads, and what the steps planned so far would leave
// behind: parts and machines change as steps are added.
type planner struct {
	site    *composa.Site
	fabric  *composa.Fabric
	able    *composa.Abilities
	picture *composa.Picture
	verb    composa.Verb
	project composa.ProjectID
	target  composa.Target

	machines []*machine // one a goal, in the order of the target
	parts    []*part    // the devices of the scope, in natural order of name
	order    []*machine // those that gain devices, in the order in which they do
	steps    []composa.PlannedStep

	needsOwner []composa.Place
}

// machine is one goal beside what the picture shows of it.
type machine struct {
	goal *composa.Goal
	ref  composa.MachineRef
	seen *composa.SeenMachine // nil: it must be made, or is gone
	host string               // the cpu that a hosted machine is; empty elsewhere

	hasHost      bool // it holds a compute node now
	willHaveHost bool // the goal has one
	power        composa.PowerState
	p2p          bool
	loses, gains []*part // against the picture
	merged       bool    // one step takes and gives
	onAgain      bool    // switched off only for the change
	removed      bool
}

// part is one device of the scope.
type part struct {
	ref  composa.DeviceRef
	to   *machine     // where it is to be; nil: in no machine
	at   *machine     // the machine of the target that it is in now
	area composa.Area // empty: not shown, or another part is in its place
	spot composa.Spot // as the picture shows it
	used bool         // it may hold data
	// alone is set where the part stays as it is because its owner must speak.
	alone bool
}

func newPlanner(site *composa.Site, verb composa.Verb, project composa.ProjectID, target composa.Target) (*planner, error) {
	p := &planner{site: site, verb: verb, project: project, target: target}
	if p.fabric = site.Fabric(target.Fabric); p.fabric == nil {
		return nil, p.errorf(composa.CodeNotFound, "there is no fabric %q", target.Fabric)
	}
	p.picture, p.able = site.Pictures[target.Fabric], p.fabric.Abilities
	if p.picture != nil && p.able == nil {
		p.able = p.picture.Abilities
	}
	if p.picture == nil || p.able == nil {
		return nil, p.errorf(composa.CodeUnreachable, "%s was not seen yet", target.Fabric)
	}
	for _, read := range []func() error{p.readMachines, p.readParts, p.checkStrangers, p.checkParts, p.checkAbilities} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	p.compare()
	return p, nil
}

func (p *planner) grouped() bool { return p.able.Groups == composa.NeedRequired }

// readMachines finds every machine of the target in the picture.
func (p *planner) readMachines() error {
	for i := range p.target.Goals {
		g := &p.target.Goals[i]
		if p.machine(g.Machine.ID) != nil {
			return p.errorf(composa.CodeInvalid, "the target names machine %q twice", g.Machine.Name)
		}
		m := &machine{goal: g, ref: g.Machine, power: composa.PowerUnknown}
		known := p.site.Machine(g.Machine.ID)
		if m.ref.Native == "" && known != nil {
			m.ref.Native, m.ref.NativeSince = known.Native, known.NativeSince
		}
		if p.able.Make == composa.MakeHosted {
			p.readHost(m)
		}
		m.seen = p.picture.Ours(m.ref)
		if m.seen == nil && g.Exists {
			if err := p.checkMakeable(m, known); err != nil {
				return err
			}
		}
		m.willHaveHost = slices.ContainsFunc(g.Devices, func(b composa.Bound) bool { return b.Device.Kind == composa.KindCPU })
		if m.seen != nil {
			m.power, m.p2p = m.seen.Power, m.seen.P2P
			m.hasHost = m.host != "" || slices.ContainsFunc(m.seen.Devices, func(name string) bool {
				d := p.picture.Device(name)
				return d != nil && d.Kind == composa.KindCPU
			})
		}
		p.machines = append(p.machines, m)
	}
	return nil
}

// readHost names a hosted machine by its compute node: its handle is that of
// the machine in which the fabric shows the node, else the node's name.
func (p *planner) readHost(m *machine) {
	for _, ref := range slices.Concat(refs(m.goal.Devices), p.claimed(m.ref.ID)) {
		if m.ref.Host == "" && ref.Kind == composa.KindCPU {
			m.ref.Host = ref.Name
		}
	}
	if seen := p.picture.Machine(m.ref.Native); m.ref.Host == "" && seen != nil {
		for _, name := range seen.Devices {
			if d := p.picture.Device(name); m.ref.Host == "" && d != nil && d.Kind == composa.KindCPU {
				m.ref.Host = name
			}
		}
	}
	if m.ref.Host == "" {
		m.ref.Host = m.ref.Native
	}
	m.host = m.ref.Host
	if m.ref.Native != "" {
		return
	}
	m.ref.Native = m.host
	if seen := p.picture.Device(m.host); seen != nil && seen.Spot.Machine != "" {
		m.ref.Native = seen.Spot.Machine
	}
}

// readParts collects the devices of the scope: those of the target, and those
// that its machines hold by claim. Nothing else is ever moved.
func (p *planner) readParts() error {
	byID := map[composa.DeviceID]*part{}
	add := func(ref composa.DeviceRef) *part {
		d := byID[ref.ID]
		if d == nil {
			d = &part{ref: ref}
			byID[ref.ID] = d
			p.parts = append(p.parts, d)
		}
		return d
	}
	for _, m := range p.machines {
		for _, b := range m.goal.Devices {
			d := add(b.Device)
			if d.to != nil || !m.goal.Exists {
				return p.errorf(composa.CodeInvalid, "the target cannot have %s in %q", p.place(d), m.ref.Name)
			}
			d.to = m
		}
	}
	for _, m := range p.machines {
		for _, ref := range p.claimed(m.ref.ID) {
			add(ref)
		}
	}
	slices.SortStableFunc(p.parts, func(a, b *part) int { return composa.NaturalCompare(a.ref.Name, b.ref.Name) })
	for _, d := range p.parts {
		p.locate(d)
	}
	return nil
}

// claimed are the devices that a machine holds, or will hold, by record.
func (p *planner) claimed(id composa.MachineID) []composa.DeviceRef {
	var out []composa.DeviceRef
	for i := range p.site.Claims {
		c := &p.site.Claims[i]
		if c.Purpose != composa.PurposeMachine || c.Machine != id && c.Heir != id {
			continue
		}
		if d := p.site.Device(c.Device); d != nil && d.Fabric == p.target.Fabric {
			out = append(out, d.Ref())
		}
	}
	slices.SortFunc(out, func(a, b composa.DeviceRef) int { return composa.NaturalCompare(a.Name, b.Name) })
	return out
}

// locate reads where a part is.
func (p *planner) locate(d *part) {
	for _, m := range p.machines {
		if m.host == d.ref.Name && m.host != "" {
			p.locateHost(d, m)
			return
		}
	}
	seen := p.picture.Device(d.ref.Name)
	if seen == nil || !seen.Fingerprint.Same(d.ref.Fingerprint) {
		return
	}
	d.area, d.spot = seen.Spot.Area, seen.Spot
	if d.area == composa.AreaMachine {
		for _, m := range p.machines {
			if m.seen != nil && m.ref.Native == seen.Spot.Machine {
				d.at = m
			}
		}
	}
	if known := p.site.Device(d.ref.ID); known != nil {
		d.used = known.Kind.Keeping() && known.Hygiene == composa.HygieneUsed
		if d.used && known.KeptFor != p.project && d.to != nil && d.at != d.to {
			p.leaveAlone(d)
		}
	}
}

// locateHost places the compute node that a hosted machine is: it is where its
// machine is, always, and no step moves it.
func (p *planner) locateHost(d *part, m *machine) {
	seen := p.picture.Device(d.ref.Name)
	if seen == nil || !seen.Fingerprint.Same(d.ref.Fingerprint) {
		return
	}
	d.area, d.spot = composa.AreaMachine, seen.Spot
	if d.to == m {
		d.at = m
	}
}

// leaveAlone takes a part that may hold another project's data out of the plan.
func (p *planner) leaveAlone(d *part) {
	p.needsOwner = append(p.needsOwner, p.place(d))
	d.to, d.alone = nil, true
	if d.at == nil {
		return
	}
	if d.alone = d.at.goal.Exists; d.alone {
		d.to = d.at
	}
}

// compare says what each machine loses and gains, and in what order.
func (p *planner) compare() {
	for _, d := range p.parts {
		if d.at == d.to {
			continue
		}
		if d.at != nil {
			d.at.loses = append(d.at.loses, d)
		}
		if d.to != nil {
			d.to.gains = append(d.to.gains, d)
		}
	}
	p.arrange()
}

// switchedOff says whether the machine's operation switched it off in order to
// change it: it then is switched on again, also after a restart of the server.
func (p *planner) switchedOff(id composa.MachineID) bool {
	m := p.site.Machine(id)
	if m == nil || m.Operation == "" {
		return false
	}
	op := p.site.Operation(m.Operation)
	if op == nil {
		return false
	}
	off := false
	for _, rec := range op.Steps {
		if rec.Step.Act == composa.ActPower && rec.Step.Machine.ID == id && rec.Attempt > 0 {
			off = !rec.Step.On
		}
	}
	return off
}

// scope is all that the plan may touch.
func (p *planner) scope() composa.PlanScope {
	var sc composa.PlanScope
	for _, m := range p.machines {
		sc.Machines = append(sc.Machines, m.ref.ID)
	}
	for _, d := range p.parts {
		sc.Devices = append(sc.Devices, d.ref.ID)
	}
	return sc
}

func (p *planner) machine(id composa.MachineID) *machine {
	for _, m := range p.machines {
		if m.ref.ID == id {
			return m
		}
	}
	return nil
}

func (p *planner) place(d *part) composa.Place { return composa.PlaceOf(p.target.Fabric, d.ref.Name) }

func refs(bound []composa.Bound) []composa.DeviceRef {
	out := make([]composa.DeviceRef, 0, len(bound))
	for _, b := range bound {
		out = append(out, b.Device)
	}
	return out
}

// errorf begins every message with what could not be done.
func (p *planner) errorf(code composa.Code, format string, args ...any) *composa.Error {
	names := make([]string, 0, len(p.target.Goals))
	for _, g := range p.target.Goals {
		names = append(names, fmt.Sprintf("%q", g.Machine.Name))
	}
	return composa.Errorf(code, "cannot %s %s: %s", p.verb, strings.Join(names, " and "), fmt.Sprintf(format, args...))
}

func (p *planner) readOnly(only *composa.ReadOnly) error {
	return p.errorf(composa.CodeReadOnly, "%s", only.Of(p.fabric.Name)).WithNext("%s", only.Next)
}

func (p *planner) unsupported(format string, args ...any) error {
	if only := p.fabric.ReadOnly(); only != nil { // it has no acts then
		return p.readOnly(only)
	}
	return p.errorf(composa.CodeUnsupported, format, args...)
}
