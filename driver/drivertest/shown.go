package drivertest

import (
	"slices"

	"github.com/composa-dev/composa"
)

// The picture that proves a step covers what the step is to show beside its own
// scope, as a look at that would show it: another one's machine with what is in
// it, a free device, and what is not there, which is told by its absence. A step
// that holds already shows it too.
func proofShowsMore(r *rig) {
	c := r.choose(0)
	inTheirs, idle := c.bundles[2][0], c.bundles[3][0]
	theirs := r.theirs(inTheirs.Name)
	m := r.machine("shown", c.cpu)
	refs := flat(c.bundles[0], c.bundles[1])
	shown := composa.Scope{
		Devices:  []string{inTheirs.Name, idle.Name, "nosuchdevice"},
		Machines: []string{theirs.Native, "nosuchmachine"},
		Labels:   []string{"nosuchlabel"},
	}
	for _, d := range flat([]composa.DeviceRef{c.cpu}, refs) {
		shown.Devices = append(shown.Devices, d.Name)
	}
	show := func(s composa.Step) *composa.Picture {
		s.Show = shown
		p := r.apply(s)
		look := r.see(s.Shown())
		if outline(p) != outline(look) {
			r.Errorf("%s: the proof shows otherwise than a look (-look +proof):\n%s", &s, difference(look, p))
		}
		r.checkMore(&s, p, theirs, idle.Name)
		return p
	}
	m.compose(show, refs)
	r.switching(m, show)
	m.end(show, refs)
	r.free(refs)
}

// checkMore fails where a proof does not show what is not of its step.
func (r *rig) checkMore(s *composa.Step, p *composa.Picture, theirs *composa.SeenMachine, idle string) {
	r.Helper()
	if m := p.Machine(theirs.Native); m == nil || !slices.Equal(m.Devices, theirs.Devices) {
		r.Errorf("%s: the machine of somebody else is shown as %+v, want %+v", s, m, theirs)
	}
	if d := p.Device(idle); d == nil || d.Spot.Area != composa.AreaFree {
		r.Errorf("%s: %s is free, and is shown as %+v", s, idle, d)
	}
	if p.Device("nosuchdevice") != nil || p.Machine("nosuchmachine") != nil {
		r.Errorf("%s: what is not there is shown", s)
	}
}

// switching turns on and off what the machine has, once.
func (r *rig) switching(m *machine, do do) {
	r.Helper()
	if r.able.Can(composa.ActP2P) {
		do(m.p2p(true))
	}
	if r.able.Can(composa.ActPower) {
		do(m.power(false))
		do(m.power(true))
	}
}
