package composa

import (
	"slices"
	"time"
)

// Site is everything that placement and planning decide on: one value, read in
// one transaction. The slices are in natural order of name.
type Site struct {
	ID  SiteID
	Now time.Time
	// Version grows with every change of what the store holds: two sites of one
	// open store with the same version are the same but for Now. Zero: not told.
	Version  int64
	Fabrics  []Fabric
	Devices  []Device  // parts that are not gone
	Machines []Machine // living ones
	Claims   []Claim   // open ones
	Pools    []Pool
	// Operations are those that have not ended.
	Operations []Operation
	// Pictures is what each fabric showed last; a fabric that was never seen
	// has none.
	Pictures map[FabricName]*Picture

	deviceByID    map[DeviceID]*Device
	deviceByPlace map[Place]*Device
	devicesOf     map[FabricName][]*Device
	oursIn        map[FabricName]map[string]bool // native handles of machines that are ours
	waiting       map[FabricName]int             // nil: what the operations say
	claimByDevice map[DeviceID]*Claim
	claimsOf      map[MachineID][]*Claim
	seen          map[FabricName]map[string]*SeenDevice
	// shown is what the pictures show in the places of devicesOf, in its order.
	shown map[FabricName][]*SeenDevice
}

// Index prepares the look-ups; whoever fills a Site calls it once.
func (s *Site) Index() *Site { return s.IndexAfter(&Site{}) }

// IndexAfter prepares the look-ups of a site that was made from an indexed one
// by putting other slices and pictures in place: it shares the look-ups of what
// is still the same. Whoever changed an entry in place calls [Site.Index].
func (s *Site) IndexAfter(before *Site) *Site {
	s.indexDevices(before)
	s.indexClaims(before)
	s.indexSeen(before)
	s.indexOurs()
	return s
}

func (s *Site) indexDevices(before *Site) {
	if sameSlice(s.Devices, before.Devices) {
		s.deviceByID, s.deviceByPlace, s.devicesOf = before.deviceByID, before.deviceByPlace, before.devicesOf
		return
	}
	s.deviceByID = make(map[DeviceID]*Device, len(s.Devices))
	s.deviceByPlace = make(map[Place]*Device, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		s.deviceByID[d.ID] = d
		s.deviceByPlace[d.Place()] = d
	}
	s.devicesOf = make(map[FabricName][]*Device, len(s.Fabrics))
	for i := range s.Devices {
		d := &s.Devices[i]
		s.devicesOf[d.Fabric] = append(s.devicesOf[d.Fabric], d)
	}
	byName := func(a, b *Device) int { return NaturalCompare(a.Name, b.Name) }
	for _, list := range s.devicesOf {
		if !slices.IsSortedFunc(list, byName) {
			slices.SortFunc(list, byName)
		}
	}
}

// indexOurs notes which machines that fabrics show are ours.
func (s *Site) indexOurs() {
	s.oursIn = make(map[FabricName]map[string]bool, len(s.Fabrics))
	for i := range s.Machines {
		m := &s.Machines[i]
		p := s.Pictures[m.Fabric]
		if p == nil || p.Ours(m.Ref()) == nil {
			continue
		}
		if s.oursIn[m.Fabric] == nil {
			s.oursIn[m.Fabric] = map[string]bool{}
		}
		s.oursIn[m.Fabric][m.Native] = true
	}
}

func (s *Site) indexClaims(before *Site) {
	if sameSlice(s.Claims, before.Claims) {
		s.claimByDevice, s.claimsOf = before.claimByDevice, before.claimsOf
		return
	}
	s.claimByDevice = make(map[DeviceID]*Claim, len(s.Claims))
	s.claimsOf = make(map[MachineID][]*Claim, len(s.Machines))
	for i := range s.Claims {
		c := &s.Claims[i]
		s.claimByDevice[c.Device] = c
		s.claimsOf[c.Machine] = append(s.claimsOf[c.Machine], c)
	}
}

func (s *Site) indexSeen(before *Site) {
	seen := make(map[FabricName]map[string]*SeenDevice, len(s.Pictures))
	for name, p := range s.Pictures {
		switch {
		case p == nil:
		case p == before.Pictures[name] && before.seen[name] != nil:
			seen[name] = before.seen[name]
		default:
			seen[name] = make(map[string]*SeenDevice, len(p.Devices))
			for i := range p.Devices {
				seen[name][p.Devices[i].Name] = &p.Devices[i]
			}
		}
	}
	s.seen = seen
	s.indexShown(before)
}

// indexShown notes how the pictures show the devices of each fabric.
func (s *Site) indexShown(before *Site) {
	same := sameSlice(s.Devices, before.Devices)
	s.shown = make(map[FabricName][]*SeenDevice, len(s.devicesOf))
	for name, devices := range s.devicesOf {
		if same && s.Pictures[name] == before.Pictures[name] && before.shown[name] != nil {
			s.shown[name] = before.shown[name]
			continue
		}
		list := make([]*SeenDevice, len(devices))
		for i, d := range devices {
			list[i] = s.seen[name][d.Name]
		}
		s.shown[name] = list
	}
}

// sameSlice says whether two slices are the same entries in memory.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Fabric returns a fabric by name, or nil.
func (s *Site) Fabric(name FabricName) *Fabric {
	for i := range s.Fabrics {
		if s.Fabrics[i].Name == name {
			return &s.Fabrics[i]
		}
	}
	return nil
}

// Device returns a part by id, or nil.
func (s *Site) Device(id DeviceID) *Device { return s.deviceByID[id] }

// At returns the part that is at a place now, or nil.
func (s *Site) At(p Place) *Device { return s.deviceByPlace[p] }

// DevicesOf are the parts of a fabric, in natural order of name. The list is the
// site's own: it is only read.
func (s *Site) DevicesOf(fabric FabricName) []*Device { return s.devicesOf[fabric] }

// Claim returns the open claim on a device, or nil.
func (s *Site) Claim(id DeviceID) *Claim { return s.claimByDevice[id] }

// Machine returns a living machine by id, or nil.
func (s *Site) Machine(id MachineID) *Machine {
	for i := range s.Machines {
		if s.Machines[i].ID == id {
			return &s.Machines[i]
		}
	}
	return nil
}

// MachineNamed returns the living machine of a name in a project, or nil.
func (s *Site) MachineNamed(project ProjectID, name string) *Machine {
	for i := range s.Machines {
		if s.Machines[i].Project == project && s.Machines[i].Name == name {
			return &s.Machines[i]
		}
	}
	return nil
}

// Pool returns a pool by id, or nil.
func (s *Site) Pool(id PoolID) *Pool {
	for i := range s.Pools {
		if s.Pools[i].ID == id {
			return &s.Pools[i]
		}
	}
	return nil
}

// PoolNamed returns the pool of a name in a project, or nil.
func (s *Site) PoolNamed(project ProjectID, name string) *Pool {
	for i := range s.Pools {
		if s.Pools[i].Project == project && s.Pools[i].Name == name {
			return &s.Pools[i]
		}
	}
	return nil
}

// Operation returns an operation that has not ended, or nil.
func (s *Site) Operation(id OperationID) *Operation {
	for i := range s.Operations {
		if s.Operations[i].ID == id {
			return &s.Operations[i]
		}
	}
	return nil
}

// Waiting is how much work waits on a fabric: the steps of operations under way
// there that still have devices to attach or detach. An operation that waits in
// line has no steps yet and counts as one; one that is held waits for a person,
// and counts for nothing.
func (s *Site) Waiting(fabric FabricName) int {
	if s.waiting != nil {
		return s.waiting[fabric]
	}
	return s.work()[fabric]
}

func (s *Site) work() map[FabricName]int {
	work := map[FabricName]int{}
	for i := range s.Operations {
		op := &s.Operations[i]
		switch {
		case op.Phase == PhaseHeld || op.Phase.Ended():
		case op.Phase == PhaseQueued && len(op.Machines) > 0:
			if m := s.Machine(op.Machines[0]); m != nil {
				work[m.Fabric]++
			}
		default:
			work[op.Fabric] += op.committing()
		}
	}
	return work
}

// AtRest is the site as if no operation were under way, but for those that are
// held: what a request would do from what is seen now, also where it would have
// to wait. Only what waits on each fabric stays as it is.
func (s *Site) AtRest() *Site {
	rest := *s
	if rest.waiting == nil {
		rest.waiting = s.work()
	}
	rest.Operations = slices.DeleteFunc(slices.Clone(s.Operations), func(op Operation) bool { return op.Phase != PhaseHeld })
	rest.Machines = slices.Clone(s.Machines)
	for i := range rest.Machines {
		if m := &rest.Machines[i]; m.Operation != "" && rest.Operation(m.Operation) == nil {
			m.Operation = ""
		}
	}
	return &rest
}

// Binding is what a machine holds by record: the open claims whose holder it
// is and that are not being released, in natural order of name.
func (s *Site) Binding(id MachineID) []Bound {
	var out []Bound
	for _, c := range s.claimsOf[id] {
		if c.Purpose != PurposeMachine {
			continue
		}
		if d := s.Device(c.Device); d != nil {
			out = append(out, Bound{Device: d.Ref(), Entry: c.Entry})
		}
	}
	slices.SortFunc(out, func(a, b Bound) int { return NaturalCompare(a.Device.Name, b.Device.Name) })
	return out
}

// Lost are the open claims of a machine on parts that were taken out of their
// fabric while it had them.
func (s *Site) Lost(id MachineID) []Claim {
	var out []Claim
	for _, c := range s.claimsOf[id] {
		if c.Purpose == PurposeMachine && s.Device(c.Device) == nil {
			out = append(out, *c)
		}
	}
	return out
}

// Seen is how the newest picture shows a part; nil where it does not, or where
// another part is in its place.
func (s *Site) Seen(d *Device) *SeenDevice {
	return s.seen[d.Fabric][d.Name].of(d)
}

// of is how a place is shown, where it is the part d that is in it; else nil.
func (seen *SeenDevice) of(d *Device) *SeenDevice {
	if seen == nil || !seen.Fingerprint.Same(d.Fingerprint) {
		return nil
	}
	return seen
}

// UseOf says who has a device.
func (s *Site) UseOf(d *Device) Use { return s.useOf(d, s.Seen(d)) }

func (s *Site) useOf(d *Device, seen *SeenDevice) Use {
	switch {
	case seen != nil && seen.Spot.Area == AreaForeign:
		return UseForeign
	case seen != nil && seen.Spot.Area == AreaMachine && s.ours(d.Fabric, seen.Spot.Machine):
		return UseAttached
	case seen != nil && seen.Spot.Area == AreaMachine && !s.idleHost(d, seen.Spot.Machine):
		return UseForeign
	case s.Claim(d.ID) != nil:
		return UseClaimed
	}
	return UseFree
}

// idleHost says whether a machine is nothing but the host that d is: where
// machines are hosts that exist already, such a cpu is in use by nobody.
func (s *Site) idleHost(d *Device, native string) bool {
	p := s.Pictures[d.Fabric]
	f := s.Fabric(d.Fabric)
	if d.Kind != KindCPU || f == nil || f.Abilities == nil || f.Abilities.Make != MakeHosted {
		return false
	}
	m := p.Machine(native)
	return m != nil && len(m.Devices) == 1 && m.Devices[0] == d.Name
}

func (s *Site) ours(fabric FabricName, native string) bool { return s.oursIn[fabric][native] }

// HealthOf is the health of a part: missing when no picture shows it.
func (s *Site) HealthOf(d *Device) Health {
	if s.Seen(d) == nil {
		return HealthMissing
	}
	return d.Health
}

// AsShown is a part as people see it, and conditions do: with its health of
// [Site.HealthOf].
func (s *Site) AsShown(d *Device) *Device {
	health := s.HealthOf(d)
	if health == d.Health {
		return d
	}
	shown := *d
	shown.Health = health
	return &shown
}

// WhyNotFree says why a device cannot be given to a request of a project that
// names pool (empty: none): the condition as a refusal counts it. Empty: it is
// free. It is the one definition of a free device.
func (s *Site) WhyNotFree(d *Device, project ProjectID, pool PoolID) string {
	return s.whyNotFree(d, s.Seen(d), project, pool)
}

// WhyNotFreeOf is [Site.WhyNotFree] of all devices of a fabric, in the order of
// [Site.DevicesOf]: quicker than to ask for each of them.
func (s *Site) WhyNotFreeOf(fabric FabricName, project ProjectID, pool PoolID) []string {
	devices, shown := s.devicesOf[fabric], s.shown[fabric]
	out := make([]string, len(devices))
	for i, d := range devices {
		out[i] = s.whyNotFree(d, shown[i].of(d), project, pool)
	}
	return out
}

func (s *Site) whyNotFree(d *Device, seen *SeenDevice, project ProjectID, pool PoolID) string {
	switch {
	case d.Pool != pool && d.Pool != "":
		if p := s.Pool(d.Pool); p != nil && p.Project == project {
			return "in pool " + p.Name
		}
		return "in another pool"
	case d.Pool != pool:
		return "not in the pool"
	case seen == nil:
		return string(HealthMissing)
	case d.Health != HealthOK:
		return string(d.Health)
	case d.Cordon != nil:
		return "cordoned"
	case d.Kind.Keeping() && d.Hygiene == HygieneUsed && d.KeptFor != project:
		return "not erased since another project had it"
	}
	switch s.useOf(d, seen) {
	case UseFree:
		return ""
	case UseForeign:
		return "in use by others"
	}
	return "claimed"
}

// DriftSort is what sort of difference a drift is.
type DriftSort string

// The sorts of drift of a machine.
const (
	DriftLost     DriftSort = "lost"     // the fabric does not show the machine
	DriftVanished DriftSort = "vanished" // a device of it is not in it
	DriftExtra    DriftSort = "extra"    // a device is in it that is not of it
)

// Drift is one difference between what is recorded and what is seen.
type Drift struct {
	Sort DriftSort `json:"sort"`
	// Device is where the difference is; empty for a part that was taken out of
	// its fabric, and so is in no place.
	Device Place `json:"device,omitempty"`
}

// Drift tells how a made machine that no operation changes differs from the
// newest picture. Nothing is said before the fabric was seen.
func (s *Site) Drift(m *Machine) []Drift {
	p := s.Pictures[m.Fabric]
	if p == nil || !m.Made || m.Operation != "" {
		return nil
	}
	seen := p.Ours(m.Ref())
	if seen == nil {
		return []Drift{{Sort: DriftLost}}
	}
	var out []Drift
	bound := map[string]bool{}
	for _, b := range s.Binding(m.ID) {
		bound[b.Device.Name] = true
		if at, ok := spot(p, b.Device); !ok || at.Area != AreaMachine || at.Machine != m.Native {
			d := Drift{Sort: DriftVanished}
			if b.Device.Name != "" {
				d.Device = PlaceOf(m.Fabric, b.Device.Name)
			}
			out = append(out, d)
		}
	}
	for range s.Lost(m.ID) {
		out = append(out, Drift{Sort: DriftVanished})
	}
	for _, name := range seen.Devices {
		if !bound[name] {
			out = append(out, Drift{Sort: DriftExtra, Device: PlaceOf(m.Fabric, name)})
		}
	}
	return out
}

// Extra tells in which of our machines a part is that is not of it; nil: none.
// lacks says that the machine lacks a part of that kind, which is in no place:
// most likely somebody exchanged it for this one.
func (s *Site) Extra(d *Device) (m *Machine, lacks bool) {
	seen, p := s.Seen(d), s.Pictures[d.Fabric]
	if seen == nil || seen.Spot.Area != AreaMachine || s.Claim(d.ID) != nil || !s.ours(d.Fabric, seen.Spot.Machine) {
		return nil, false
	}
	for i := range s.Machines {
		m := &s.Machines[i]
		if m.Fabric != d.Fabric || !m.Living() {
			continue
		}
		if shown := p.Ours(m.Ref()); shown == nil || shown.Native != seen.Spot.Machine {
			continue
		}
		lacks := slices.ContainsFunc(s.Binding(m.ID), func(b Bound) bool {
			return b.Device.Kind == d.Kind && s.HealthOf(s.Device(b.Device.ID)) == HealthMissing
		})
		return m, lacks || len(s.Lost(m.ID)) > 0
	}
	return nil, false
}

// State is the state of a living machine.
func (s *Site) State(m *Machine) MachineState {
	var op *Operation
	if m.Operation != "" {
		op = s.Operation(m.Operation)
	}
	silent := false
	if f := s.Fabric(m.Fabric); f != nil {
		silent = f.Reach.Silent() || f.Reach.Stale
	}
	return StateOf(m, op, silent, s.Drift(m))
}
