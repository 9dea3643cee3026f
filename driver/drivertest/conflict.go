package drivertest

import (
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// taking lists a step for each way in which the fabric takes free devices, with
// what must happen before it.
func (r *rig) taking(m *machine, c parts) []composa.Step {
	r.Helper()
	wanted := flat(c.bundles[0], c.bundles[1])
	switch r.able.Make {
	case composa.MakeWhole:
		return []composa.Step{m.make(append([]composa.DeviceRef{c.cpu}, wanted...))}
	case composa.MakeHosted:
		return []composa.Step{m.reshape(wanted, nil)}
	}
	m.compose(r.apply, c.bundles[2])
	if r.able.Groups != composa.NeedRequired {
		return []composa.Step{m.reshape(wanted, nil)}
	}
	r.apply(m.enter(wanted))
	return []composa.Step{m.enter(wanted), m.reshape(wanted, nil)}
}

// A device that a rival has taken into a machine of his own is never taken from
// there, whichever step wants it.
func takenDevice(r *rig) {
	c := r.choose(0)
	m := r.machine("taken", c.cpu)
	steps := r.taking(m, c)
	theirs := r.theirs(c.bundles[0][0].Name)
	for _, s := range steps {
		r.refused(s, composa.CodeConflict)
		// A step that does not say where its devices may be takes none from others.
		s.Expect.Spots = nil
		r.refused(s, composa.CodeConflict)
		r.settle(s)
	}
	r.intact(theirs)
}

// What a rival took from our machine is not there any more: a step that takes
// it out holds, and he keeps it.
func takenFromOurMachine(r *rig) {
	c := r.choose(0)
	m := r.machine("robbed", c.cpu)
	devices := flat(c.bundles[0], c.bundles[1])
	m.compose(r.apply, devices)
	theirs := r.theirs(c.bundles[0][0].Name)
	if r.able.Can(composa.ActReshape) {
		m.quiet(r.apply)
		r.apply(m.reshape(nil, c.bundles[0]))
		r.refused(m.reshape(c.bundles[0], nil), composa.CodeConflict)
	}
	if r.able.Can(composa.ActRemove) {
		if r.able.Make == composa.MakeEmpty {
			m.detach(r.apply, append([]composa.DeviceRef{c.cpu}, c.bundles[1]...))
		} else if r.able.Can(composa.ActPower) {
			r.apply(m.power(false))
		}
		r.apply(m.remove())
	}
	r.intact(theirs)
}

// A machine that has our label and was not made by us is foreign: ours is not
// made beside it, and it stays as it is. Where machines have no label there is
// nothing to mistake.
func machineOfOurLabel(r *rig) {
	c := r.choose(0)
	m := r.machine("double", c.cpu)
	native, err := r.h.Rival().MakeMachine(m.ref.Label, c.bundles[2][0].Name)
	if !r.able.Can(composa.ActMake) {
		if composa.CodeOf(err) != composa.CodeUnsupported {
			r.Errorf("a rival makes a machine where none can be made: %v", err)
		}
		return
	}
	r.rival("make a machine of our label", err)
	theirs := r.seeAll().Machine(native)
	if theirs == nil {
		r.Fatalf("the rival made machine %s, and the fabric does not show it", native)
	}
	wanted := append([]composa.DeviceRef{c.cpu}, c.bundles[0]...)
	if theirs.Label == "" {
		m.compose(r.apply, c.bundles[0])
		m.end(r.apply, c.bundles[0])
		r.intact(theirs)
		return
	}
	if theirs.Label != m.ref.Label {
		r.Fatalf("the rival's machine has the label %q, want %q", theirs.Label, m.ref.Label)
	}
	if r.able.Groups == composa.NeedRequired {
		r.apply(m.enter(wanted))
	}
	made := m.make(wanted)
	r.refused(made, composa.CodeConflict)
	// Nothing of ours touches it either when its handle is taken for ours.
	m.ref.Native = native
	r.refused(m.reshape(c.bundles[0], nil), composa.CodeConflict)
	r.apply(m.remove()) // ours does not exist: it holds
	r.settle(made)
	r.intact(theirs)
}

// A handle that was reserved and that a rival's machine then got is not ours.
func machineOfOurHandle(r *rig) {
	if _, ok := r.f.(driver.Reserver); !ok {
		return // the fabric chooses handles, so it gives none twice
	}
	c := r.choose(0)
	m := r.machine("handle", c.cpu)
	s := m.make(nil)
	native, err := r.h.Rival().MakeMachine("tenant", c.bundles[0][0].Name)
	r.rival("make a machine", err)
	theirs := r.seeAll().Machine(native)
	if native == s.Machine.Native {
		r.refused(s, composa.CodeConflict)
	} else {
		r.apply(s)
		m.made(s, r.seeAll())
		r.apply(m.remove())
	}
	r.intact(theirs)
}

// A device in our machine that the step does not know is somebody else's: the
// machine is neither reshaped nor removed while it is there.
func strangerInOurMachine(r *rig) {
	c := r.choose(0)
	m := r.machine("host", c.cpu)
	m.compose(r.apply, c.bundles[0])
	m.quiet(r.apply)
	stranger := c.bundles[1][0].Name
	r.rival("put "+stranger+" into our machine", r.h.Rival().AddTo(m.ref.Native, stranger))
	was := r.seeAll().Machine(m.ref.Native)
	if was == nil || !slices.Contains(was.Devices, stranger) {
		r.Fatalf("the rival put %s into machine %s, and the fabric shows %+v", stranger, m.ref.Native, was)
	}
	if r.able.Can(composa.ActReshape) {
		r.refused(m.reshape(c.bundles[2], nil), composa.CodeConflict)
		r.refused(m.reshape(nil, c.bundles[0]), composa.CodeConflict)
	}
	if r.able.Can(composa.ActRemove) {
		r.refused(m.remove(), composa.CodeConflict)
	}
	r.intact(was)
}

// A step names the part that it expects in a place; where another one is, it
// does nothing.
func anotherPart(r *rig) {
	c := r.choose(0)
	m := r.machine("other", c.cpu)
	for _, s := range r.taking(m, c) {
		s.Attach = slices.Clone(s.Attach)
		last := len(s.Attach) - 1
		s.Attach[last].Fingerprint = composa.Fingerprint{Serial: "of-another-part", UUID: "of-another-part", DevID: "of-another-part"}
		r.refused(s, composa.CodeConflict)
	}
}

// slots is the rival who can pull parts; a test without him is skipped.
func (r *rig) slots() Slots {
	r.Helper()
	s, ok := r.h.Rival().(Slots)
	if !ok {
		r.lacks("pull parts and put others in")
	}
	return s
}

// A part that was exchanged for another one is a new device: the step that was
// planned with the old one does nothing, also where it is in our machine.
func exchangedPart(r *rig) {
	rival := r.slots()
	c := r.choose(0)
	m := r.machine("exchanged", c.cpu)
	steps := r.taking(m, c)
	r.rival("exchange a part", rival.Replace(c.bundles[0][0].Name, "the-new-one"))
	for _, s := range steps {
		r.refused(s, composa.CodeConflict)
	}
	if !r.able.Can(composa.ActReshape) || r.able.Make == composa.MakeWhole {
		return
	}
	inside := c.bundles[2]
	if r.able.Make == composa.MakeHosted {
		m.fill(r.apply, inside)
	}
	r.rival("exchange a part in our machine", rival.Replace(inside[0].Name, "the-new-one-inside"))
	r.refused(m.reshape(nil, inside), composa.CodeConflict)
}

// A part that is not there cannot be attached; one that should leave has left.
func vanishedPart(r *rig) {
	rival := r.slots()
	c := r.choose(0)
	m := r.machine("vanished", c.cpu)
	steps := r.taking(m, c)
	for _, d := range c.bundles[0] {
		r.rival("pull "+d.Name, rival.Vanish(d.Name))
	}
	for _, s := range steps {
		r.refused(s, composa.CodeConflict)
	}
	if r.able.Can(composa.ActReshape) && r.able.Make != composa.MakeWhole {
		r.apply(m.reshape(nil, c.bundles[0]))
	}
	if r.able.Can(composa.ActLeave) {
		r.apply(m.leave(c.bundles[0]))
	}
	for _, d := range c.bundles[0] {
		r.rival("put "+d.Name+" back", rival.Return(d.Name))
		if r.seeAll().Device(d.Name) == nil {
			r.Errorf("%s was put back and is not shown", d.Name)
		}
	}
}

// Where the guest may refuse to let go, that is busy and changes nothing; a
// hard step does not ask.
func guestHolds(r *rig) {
	if r.able.DetachSure {
		return // nobody is asked
	}
	guest, ok := r.h.Rival().(Guest)
	if !ok {
		r.lacks("sit in the guest of a machine")
	}
	c := r.choose(0)
	m := r.machine("guest", c.cpu)
	m.compose(r.apply, c.bundles[0])
	for _, d := range c.bundles[0] {
		r.rival("hold "+d.Name, guest.Hold(d.Name, true))
	}
	s := m.reshape(nil, c.bundles[0])
	r.refused(s, composa.CodeBusy)
	s.Hard = true
	r.apply(s)
}
