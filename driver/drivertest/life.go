package drivertest

import (
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// Every step of a machine's life is proven, and the second time changes
// nothing; at the end all of its devices are free. The driver is made anew half
// way: it keeps nothing that a restart would lose.
func wholeLife(r *rig) {
	before := r.seeAll()
	c := r.choose(0)
	m := r.machine("life", c.cpu)
	first, more := flat(c.bundles[0], c.bundles[1]), flat(c.bundles[2], c.bundles[3])
	m.compose(r.apply, first)
	r.checkLife(m, first)
	r.switches(m)

	r.restart()
	if r.able.Can(composa.ActReshape) {
		m.attach(r.apply, more)
		r.checkLife(m, flat(first, more))
		m.detach(r.apply, c.bundles[0])
		r.checkLife(m, flat(c.bundles[1], more))
		m.quiet(r.apply)
		r.swap(m, c.bundles[0], c.bundles[1])
		r.checkLife(m, flat(c.bundles[0], more))
		m.end(r.apply, flat(c.bundles[0], more))
		if r.able.Groups == composa.NeedRequired {
			r.apply(m.leave(c.bundles[1]))
		}
	} else {
		m.end(r.apply, first)
	}
	r.free(flat(first, more))
	if r.able.Make != composa.MakeHosted {
		r.gone(m)
	}
	r.same(before, r.seeAll(), "after the whole life")
}

// swap puts one bundle in and takes another out, in one step.
func (r *rig) swap(m *machine, in, out []composa.DeviceRef) {
	r.Helper()
	p := r.apply(m.reshape(in, out))
	m.holds = slices.Clone(p.Machine(m.ref.Native).Devices)
}

// switches turns everything on and off that the machine has.
func (r *rig) switches(m *machine) {
	r.Helper()
	if r.able.Can(composa.ActP2P) {
		r.apply(m.p2p(true))
		r.apply(m.p2p(false))
	}
	if r.able.Can(composa.ActPower) {
		r.apply(m.power(true))
		r.apply(m.power(false))
		r.apply(m.power(true))
	}
}

// checkLife fails where the machine does not hold exactly its host and refs.
func (r *rig) checkLife(m *machine, refs []composa.DeviceRef) {
	r.Helper()
	p := r.seeAll()
	seen := p.Ours(m.ref)
	if seen == nil {
		r.Fatalf("machine %q (%s) is not shown as ours: %+v", m.ref.Label, m.ref.Native, p.Machine(m.ref.Native))
	}
	want := []string{m.cpu.Name}
	for _, d := range refs {
		want = append(want, d.Name)
	}
	slices.SortFunc(want, composa.NaturalCompare)
	if !slices.Equal(seen.Devices, want) {
		r.Errorf("machine %q holds %v, want %v", m.ref.Label, seen.Devices, want)
	}
	if seen.Label != "" && seen.Label != m.ref.Label {
		r.Errorf("machine %s has the label %q, want %q", seen.Native, seen.Label, m.ref.Label)
	}
}

// gone fails where the machine still exists.
func (r *rig) gone(m *machine) {
	r.Helper()
	if seen := r.seeAll().Ours(m.ref); seen != nil {
		r.Errorf("machine %q exists after it was removed: %+v", m.ref.Label, seen)
	}
}

// Settling a step that was never begun, or that was done, succeeds and changes
// nothing.
func settlesNothing(r *rig) {
	c := r.choose(0)
	m := r.machine("settled", c.cpu)
	steps := func() []composa.Step {
		return []composa.Step{
			m.enter(c.bundles[0]), m.leave(c.bundles[0]), m.make(flat(c.bundles[0], c.bundles[1])),
			m.reshape(c.bundles[0], nil), m.power(true), m.p2p(true), m.remove(),
		}
	}
	check := func(when string) {
		before := r.seeAll()
		for _, s := range steps() {
			if err := r.f.Settle(r.Context(), s); err != nil {
				r.Errorf("%s, to settle %q: %v", when, &s, err)
			}
		}
		r.same(before, r.seeAll(), when)
	}
	check("before anything was begun")
	m.compose(r.apply, c.bundles[1])
	check("after all was done")
	m.end(r.apply, c.bundles[1])
}

// What the abilities say that the fabric cannot do is answered with unsupported
// before anything is touched.
func excludedTouchesNothing(r *rig) {
	c := r.choose(0)
	m := r.machine("excluded", c.cpu)
	m.compose(r.apply, c.bundles[0])
	before, changes := r.seeAll(), r.changes()
	steps := []composa.Step{
		m.enter(c.bundles[1]), m.leave(c.bundles[1]), m.reshape(c.bundles[1], nil), m.reshape(nil, c.bundles[0]),
		m.remove(), m.p2p(true), m.power(false), m.step("dance"),
	}
	if !r.able.Can(composa.ActMake) {
		steps = append(steps, m.make(c.bundles[1]))
	}
	for _, s := range steps {
		if r.able.Can(s.Act) {
			continue
		}
		r.unsupported(s)
	}
	other := r.machine("excluded2", r.choose(1).cpu)
	switch r.able.Make {
	case composa.MakeEmpty: // made with devices
		s := other.make(nil)
		s.Attach = c.bundles[1]
		r.unsupported(s)
	case composa.MakeWhole: // made without
		r.unsupported(other.make(nil))
	case composa.MakeHosted: // without its host
		r.unsupported(m.reshape(nil, []composa.DeviceRef{m.cpu}))
	}
	r.same(before, r.seeAll(), "after steps that the fabric cannot do")
	if now := r.changes(); now != changes {
		r.Errorf("%d changing calls were made for steps that the fabric cannot do", now-changes)
	}
	m.end(r.apply, c.bundles[0])
}

func (r *rig) unsupported(s composa.Step) {
	r.Helper()
	if _, err := r.carryOut(r.Context(), s); driver.CodeOf(err) != composa.CodeUnsupported {
		r.Errorf("%s: %v (%q), want unsupported", &s, err, driver.CodeOf(err))
	}
}

// Where the fabric is only observed every step is answered with read_only, and
// no call is made that would change something; so is Settle, since what it would
// end may be open from before.
func observedIsNeverChanged(r *rig) {
	o, ok := r.h.(ObserveOnly)
	if !ok {
		r.lacks("drive the fabric with access observe")
	}
	c := r.choose(0)
	m := r.machine("observed", c.cpu)
	m.compose(r.apply, c.bundles[0])
	before, changes := r.seeAll(), r.changes()
	only := o.ObserveOnly(r.T)
	for _, s := range []composa.Step{
		m.enter(c.bundles[1]), m.leave(c.bundles[1]), r.machine("observed2", r.choose(1).cpu).make(c.bundles[1]),
		m.reshape(c.bundles[1], nil), m.remove(), m.p2p(true), m.power(false), m.power(true),
	} {
		if _, err := only.Apply(r.Context(), s); driver.CodeOf(err) != composa.CodeReadOnly {
			r.Errorf("%s: %v (%q), want read_only", &s, err, driver.CodeOf(err))
		}
		if err := only.Settle(r.Context(), s); driver.CodeOf(err) != composa.CodeReadOnly {
			r.Errorf("to settle %q, which may have been begun with access manage: %v (%q), want read_only", &s, err, driver.CodeOf(err))
		}
	}
	if p, err := only.Observe(r.Context(), composa.Scope{}); err != nil {
		r.Errorf("Observe: %v", err)
	} else {
		r.same(before, p, "as seen with access observe")
	}
	if now := r.changes(); now != changes {
		r.Errorf("%d changing calls were made with access observe", now-changes)
	}
	m.end(r.apply, c.bundles[0])
}
