package composa

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Act is what a step makes true. Each is a state, not a motion, so that a look
// can tell whether it holds; a restart is two steps, off and on.
type Act string

// The acts.
const (
	ActEnter   Act = "enter"   // Attach are in this site's group
	ActLeave   Act = "leave"   // Detach are in no group and machine of this site
	ActMake    Act = "make"    // the machine exists; with Attach, where machines are made whole
	ActReshape Act = "reshape" // Attach are in the machine, Detach are not
	ActRemove  Act = "remove"  // the machine does not exist; its devices are free or in the site's group
	ActP2P     Act = "p2p"     // peer-to-peer is as On says
	ActPower   Act = "power"   // power is as On says
)

// Lock says what runs beside a step on its fabric.
type Lock string

// An edit step is alone among the edit steps of its fabric; machine steps run
// beside it, one at a time for their machine.
const (
	LockEdit    Lock = "edit"
	LockMachine Lock = "machine"
)

// MachineRef names one machine to a fabric.
type MachineRef struct {
	ID    MachineID `json:"id"`
	Name  string    `json:"name"`
	Label string    `json:"label"` // its name there
	// Native is the fabric's handle: empty before the machine was made, except
	// in a make step on a fabric that lets us choose it, where it is the handle
	// to make (driver.Reserver).
	Native string `json:"native,omitempty"`
	// NativeSince is when the fabric says that the machine was created; zero
	// before that was seen, or where it is not told.
	NativeSince time.Time `json:"nativeSince"`
	// Host is the place of the cpu device that a hosted machine is.
	Host string `json:"host,omitempty"`
}

// Means says whether m is the machine that r names, and not another one of the
// same label or handle. Everything that it is not is foreign.
func (r MachineRef) Means(m *SeenMachine) bool {
	if r.Native == "" || m.Native != r.Native || !m.InOurs {
		return false
	}
	if m.Label != "" && m.Label != r.Label {
		return false
	}
	// what was recorded has gone through the store, which keeps microseconds
	if !r.NativeSince.IsZero() && !m.Created.IsZero() && !m.Created.Truncate(time.Microsecond).Equal(r.NativeSince.Truncate(time.Microsecond)) {
		return false
	}
	return true
}

// Expect is what a step takes for granted. Where it does not hold the driver
// answers conflict and does nothing.
type Expect struct {
	// Spots says where each device of the step may be before it; a device that
	// is already where the step puts it needs no entry. One without an entry may
	// be where nobody else has it: free, in this site's group, in the machine.
	Spots map[string][]Spot `json:"spots,omitempty"`
	// Holds names the devices that the machine may hold before the step. It
	// holding anything else is a conflict.
	Holds []string `json:"holds,omitempty"`
}

// Step is one act on one fabric, as it is planned, stored, shown and handed to
// the driver.
type Step struct {
	Act     Act         `json:"act"`
	Fabric  FabricName  `json:"fabric"`
	Machine MachineRef  `json:"machine"`
	Attach  []DeviceRef `json:"attach,omitempty"`
	Detach  []DeviceRef `json:"detach,omitempty"`
	On      bool        `json:"on,omitempty"`   // p2p and power
	Hard    bool        `json:"hard,omitempty"` // cut the power without asking the host, where the fabric can
	// Grace is how long a host may take to shut down before its power is cut,
	// where the fabric can, or it is asked once more; zero with Hard.
	Grace  time.Duration `json:"grace,omitempty"`
	Expect Expect        `json:"expect"`
	Lock   Lock          `json:"lock"`
	// Epoch is the number of the tenure that handed it over: for the record,
	// since the store itself refuses what a tenure writes that is over.
	Epoch int64 `json:"epoch,omitempty"`
	// Show is what the picture that proves the step is to cover beside the step's
	// own scope, so that nobody has to look again; the zero Scope adds nothing. It
	// is said when a step is handed to a driver, and not stored.
	Show Scope `json:"-"`
}

// Shown is what the picture that proves the step covers: its scope, and Show.
func (s *Step) Shown() Scope {
	if s.Show.Everything() {
		return s.Scope()
	}
	sc := s.Scope()
	for _, add := range []struct{ to, more *[]string }{
		{&sc.Devices, &s.Show.Devices}, {&sc.Machines, &s.Show.Machines}, {&sc.Labels, &s.Show.Labels},
	} {
		*add.to = slices.Concat(*add.to, *add.more)
		slices.SortFunc(*add.to, NaturalCompare)
		*add.to = slices.Compact(*add.to)
	}
	return sc
}

// Scope is what must be looked at to tell how the step stands: its devices, and
// its machine.
func (s *Step) Scope() Scope {
	var sc Scope
	for _, d := range s.Devices() {
		sc.Devices = append(sc.Devices, d.Name)
	}
	if s.Machine.Native != "" {
		sc.Machines = []string{s.Machine.Native}
	}
	if s.Machine.Label != "" {
		sc.Labels = []string{s.Machine.Label}
	}
	return sc
}

// Devices are all devices of the step, those that come first.
func (s *Step) Devices() []DeviceRef { return slices.Concat(s.Attach, s.Detach) }

// Standing is how a step stands in a picture.
type Standing string

// Holds: its effect is there. Ready: it is not, and what the step expects is.
// Conflict: the world is not as the step expected.
const (
	Holds    Standing = "holds"
	Ready    Standing = "ready"
	Conflict Standing = "conflict"
)

// Judge says how s stands in p, and why where it is a conflict. It is the one
// reading of a step: drivers check with it before they act and prove with it
// afterwards, and the runner resumes with it. p must cover s.Scope().
func (s *Step) Judge(p *Picture) (Standing, string) {
	for _, d := range s.Devices() {
		if why := s.judgePart(p, d); why != "" {
			return Conflict, why
		}
	}
	switch s.Act {
	case ActEnter, ActLeave:
		return s.judgeDevices(p)
	case ActMake:
		return s.judgeMake(p)
	case ActReshape:
		return s.judgeReshape(p)
	case ActRemove:
		return s.judgeRemove(p)
	case ActP2P, ActPower:
		return s.judgeSwitch(p)
	}
	return Ready, ""
}

// judgePart says why d cannot be acted on: it is not shown, or another part is
// in its place. A part that leaves and is not shown has left.
func (s *Step) judgePart(p *Picture, d DeviceRef) string {
	if !slices.ContainsFunc(s.Attach, func(x DeviceRef) bool { return x.Name == d.Name }) {
		return ""
	}
	seen := p.Device(d.Name)
	switch {
	case seen == nil:
		return fmt.Sprintf("%s is not there any more", PlaceOf(s.Fabric, d.Name))
	case !seen.Fingerprint.Same(d.Fingerprint):
		return fmt.Sprintf("another part is at %s", PlaceOf(s.Fabric, d.Name))
	}
	return ""
}

// spot tells where the part d is; ok is false where it is not shown, also when
// another part is in its place.
func spot(p *Picture, d DeviceRef) (at Spot, ok bool) {
	seen := p.Device(d.Name)
	if seen == nil || !seen.Fingerprint.Same(d.Fingerprint) {
		return Spot{}, false
	}
	return seen.Spot, true
}

func (s *Step) inMachine(p *Picture, at Spot) bool {
	return at.Area == AreaMachine && at.Machine == s.Machine.Native && p.Ours(s.Machine) != nil
}

// inSite says whether a part in a machine lies in this site's group, whoever's
// machine it is.
func (s *Step) inSite(p *Picture, at Spot) bool {
	return at.Group != "" && slices.ContainsFunc(p.Groups, func(g SeenGroup) bool { return g.Ours && g.Native == at.Group })
}

// there says whether a part that is at a spot is where the step puts it.
func (s *Step) there(p *Picture, d DeviceRef, at Spot) bool {
	attaching := slices.ContainsFunc(s.Attach, func(x DeviceRef) bool { return x.Name == d.Name })
	switch s.Act {
	case ActEnter:
		return at.Area == AreaOurs || s.inMachine(p, at)
	case ActLeave:
		return at.Area != AreaOurs && !s.inMachine(p, at) && !s.inSite(p, at)
	case ActMake:
		m := s.Made(p)
		return m != nil && at.Area == AreaMachine && at.Machine == m.Native
	case ActReshape:
		return s.inMachine(p, at) == attaching
	}
	return false
}

// Todo lists the devices of s that p does not yet show where s puts them: what
// a driver has left to move.
func (s *Step) Todo(p *Picture) (attach, detach []DeviceRef) {
	pending := func(refs []DeviceRef) (left []DeviceRef) {
		for _, d := range refs {
			if at, ok := spot(p, d); ok && !s.there(p, d, at) {
				left = append(left, d)
			}
		}
		return left
	}
	return pending(s.Attach), pending(s.Detach)
}

// judgeDevices holds when every part that is shown is where it should be.
func (s *Step) judgeDevices(p *Picture) (Standing, string) {
	attach, detach := s.Todo(p)
	for _, d := range slices.Concat(attach, detach) {
		at, _ := spot(p, d)
		if why := s.misplaced(p, d, at); why != "" {
			return Conflict, why
		}
	}
	if len(attach)+len(detach) > 0 {
		return Ready, ""
	}
	return Holds, ""
}

// misplaced says why a device is not where the step expects it before it acts.
func (s *Step) misplaced(p *Picture, d DeviceRef, at Spot) string {
	allowed, told := s.Expect.Spots[d.Name]
	if !told {
		allowed = []Spot{{Area: AreaFree}, {Area: AreaOurs}}
		if s.inMachine(p, at) {
			return ""
		}
	}
	for _, ok := range allowed {
		if ok.Area == at.Area && (ok.Machine == "" || ok.Machine == at.Machine) {
			return ""
		}
	}
	return fmt.Sprintf("%s is in %s, where this operation did not put it", PlaceOf(s.Fabric, d.Name), at)
}

// Made finds the machine that a make step made: by its handle where the step
// chose one, else the one that has its label, or no label at all, and exactly
// its devices.
func (s *Step) Made(p *Picture) *SeenMachine {
	if s.Machine.Native != "" {
		return p.Ours(s.Machine)
	}
	if len(s.Attach) == 0 {
		return nil
	}
	for i := range p.Machines {
		m := &p.Machines[i]
		if (m.Label == "" || m.Label == s.Machine.Label) && m.InOurs && s.holdsAttach(p, m) {
			return m
		}
	}
	return nil
}

// holdsAttach says whether a machine holds exactly the parts to attach.
func (s *Step) holdsAttach(p *Picture, m *SeenMachine) bool {
	if len(m.Devices) != len(s.Attach) {
		return false
	}
	return !slices.ContainsFunc(s.Attach, func(d DeviceRef) bool {
		return !slices.Contains(m.Devices, d.Name) || exchanged(p, d)
	})
}

// exchanged says whether p shows another part in the place of d.
func exchanged(p *Picture, d DeviceRef) bool {
	seen := p.Device(d.Name)
	return seen != nil && !seen.Fingerprint.Same(d.Fingerprint)
}

func (s *Step) judgeMake(p *Picture) (Standing, string) {
	if m := s.Made(p); m != nil {
		if why := s.strangers(p, m); why != "" {
			return Conflict, why
		}
		for _, d := range s.Attach {
			if !slices.Contains(m.Devices, d.Name) {
				return Conflict, fmt.Sprintf("machine %q exists without %s", s.Machine.Label, PlaceOf(s.Fabric, d.Name))
			}
		}
		return Holds, ""
	}
	if m := p.Machine(s.Machine.Native); m != nil {
		return Conflict, fmt.Sprintf("machine %q (%s) is not ours and has the handle that was chosen", m.Label, m.Native)
	}
	for i := range p.Machines {
		if m := &p.Machines[i]; m.Label == s.Machine.Label && m.Label != "" {
			return Conflict, fmt.Sprintf("a machine %q that is not ours exists (%s)", m.Label, m.Native)
		}
	}
	if standing, why := s.judgeDevices(p); standing == Conflict {
		return Conflict, why
	}
	return Ready, ""
}

func (s *Step) judgeReshape(p *Picture) (Standing, string) {
	m := p.Ours(s.Machine)
	if m == nil {
		if len(s.Attach) == 0 {
			return Holds, "" // what should leave the machine is in none
		}
		return Conflict, fmt.Sprintf("machine %q is not there any more", s.Machine.Label)
	}
	if why := s.strangers(p, m); why != "" {
		return Conflict, why
	}
	return s.judgeDevices(p)
}

func (s *Step) judgeRemove(p *Picture) (Standing, string) {
	m := p.Ours(s.Machine)
	if m == nil {
		return Holds, ""
	}
	if why := s.strangers(p, m); why != "" {
		return Conflict, why
	}
	return Ready, ""
}

func (s *Step) judgeSwitch(p *Picture) (Standing, string) {
	m := p.Ours(s.Machine)
	if m == nil {
		if s.Act == ActPower && !s.On {
			return Holds, ""
		}
		return Conflict, fmt.Sprintf("machine %q is not there any more", s.Machine.Label)
	}
	is := m.P2P
	if s.Act == ActPower {
		if m.Power == PowerUnknown {
			return Ready, ""
		}
		is = m.Power == PowerOn
	}
	if is == s.On {
		return Holds, ""
	}
	return Ready, ""
}

// strangers says which devices are in the machine that the step does not know:
// of another name, or another part in the place of one of its devices.
func (s *Step) strangers(p *Picture, m *SeenMachine) string {
	var unknown []string
	for _, name := range m.Devices {
		if !s.knows(p, name) {
			unknown = append(unknown, string(PlaceOf(s.Fabric, name)))
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf("machine %q holds %s, which this operation did not put there", s.Machine.Label, strings.Join(unknown, ", "))
}

func (s *Step) knows(p *Picture, name string) bool {
	devices := s.Devices()
	if i := slices.IndexFunc(devices, func(d DeviceRef) bool { return d.Name == name }); i >= 0 {
		return !exchanged(p, devices[i])
	}
	return slices.Contains(s.Expect.Holds, name)
}

// String tells the step in a few words: "attach rack1/gpu0, rack1/gpu1 to train".
func (s *Step) String() string {
	places := func(refs []DeviceRef) string {
		names := make([]string, 0, len(refs))
		for _, d := range refs {
			names = append(names, string(PlaceOf(s.Fabric, d.Name)))
		}
		return strings.Join(names, ", ")
	}
	onOff := map[bool]string{true: "on", false: "off"}[s.On]
	switch s.Act {
	case ActEnter:
		return "take " + places(s.Attach) + " into the site's group"
	case ActLeave:
		return "give " + places(s.Detach) + " back to " + string(s.Fabric)
	case ActMake:
		if len(s.Attach) > 0 {
			return fmt.Sprintf("make %s on %s with %s", s.Machine.Name, s.Fabric, places(s.Attach))
		}
		return fmt.Sprintf("make %s on %s", s.Machine.Name, s.Fabric)
	case ActReshape:
		switch {
		case len(s.Detach) == 0:
			return fmt.Sprintf("attach %s to %s", places(s.Attach), s.Machine.Name)
		case len(s.Attach) == 0:
			return fmt.Sprintf("detach %s from %s", places(s.Detach), s.Machine.Name)
		}
		return fmt.Sprintf("attach %s to %s and detach %s", places(s.Attach), s.Machine.Name, places(s.Detach))
	case ActRemove:
		return fmt.Sprintf("remove %s from %s", s.Machine.Name, s.Fabric)
	case ActP2P:
		return fmt.Sprintf("switch peer-to-peer of %s %s", s.Machine.Name, onOff)
	case ActPower:
		return fmt.Sprintf("power %s %s", s.Machine.Name, onOff)
	}
	return string(s.Act)
}
