package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
)

// always says what does not hold that must hold at any moment.
func (s *sim) always() error {
	if v := s.world.Violations(); len(v) > 0 {
		return fmt.Errorf("the driver was told to touch what is not ours: %v", v)
	}
	site, err := s.site()
	if err != nil {
		return err
	}
	truth := s.world.Truth()
	for _, check := range []func(*composa.Site, *composa.Picture) error{s.claimsExplained, s.rivalsIntact, s.nothingLeaked} {
		if err := check(site, truth); err != nil {
			return err
		}
	}
	return nil
}

// claimsExplained: a device is claimed at most once; whose claim is open is a
// living machine, or an operation that has not ended, or is being released.
func (s *sim) claimsExplained(site *composa.Site, _ *composa.Picture) error {
	seen := map[composa.DeviceID]bool{}
	for _, c := range site.Claims {
		if seen[c.Device] {
			return fmt.Errorf("device %s is claimed twice", c.Device)
		}
		seen[c.Device] = true
		switch {
		case c.Purpose == composa.PurposeReleasing && !c.ReleasedAt.IsZero():
		case c.Purpose == composa.PurposeReleasing:
			return fmt.Errorf("claim %s is releasing since never", c.ID)
		case site.Machine(c.Machine) == nil:
			return fmt.Errorf("claim %s is of machine %s, which does not live", c.ID, c.Machine)
		case c.Heir != "" && site.Operation(c.Operation) == nil:
			return fmt.Errorf("claim %s has an heir and no operation", c.ID)
		}
	}
	return nil
}

// adopt forgets that others put a device into a machine of ours which a request
// claimed for just that machine before the next look: nothing tells it from our
// own doing (docs/decisions/0013).
func (s *sim) adopt(site *composa.Site, truth *composa.Picture) {
	for _, name := range slices.Sorted(maps.Keys(s.strange)) {
		d, seen := site.At(composa.PlaceOf(fabricName, name)), truth.Device(name)
		if d == nil || seen == nil || site.Claim(d.ID) == nil {
			continue
		}
		c := site.Claim(d.ID)
		m, op := site.Machine(c.Machine), site.Operation(c.Operation)
		if m == nil {
			continue
		}
		native := m.Native
		if op != nil {
			native = op.Ref(m).Native
		}
		if native != "" && native == seen.Spot.Machine {
			delete(s.strange, name)
		}
	}
}

// rivalsIntact: what others have, they keep.
func (s *sim) rivalsIntact(site *composa.Site, truth *composa.Picture) error {
	s.adopt(site, truth)
	for _, native := range slices.Sorted(maps.Keys(s.rivals)) {
		if truth.Machine(native) == nil {
			return fmt.Errorf("machine %s of somebody else is not there any more", native)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.taken)) {
		if d := truth.Device(name); d == nil || d.Spot.Machine != s.taken[name] {
			return fmt.Errorf("%s was in machine %s of somebody else and is not any more", name, s.taken[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.strange)) {
		if d := truth.Device(name); d != nil && d.Spot.Area != composa.AreaMachine {
			return fmt.Errorf("somebody else put %s into a machine of ours, and we took it out", name)
		}
	}
	return nil
}

// nothingLeaked: what is in our group or in a machine of ours is claimed, but
// for what others put there.
func (s *sim) nothingLeaked(site *composa.Site, truth *composa.Picture) error {
	for _, d := range truth.Devices {
		ours := d.Spot.Area == composa.AreaOurs && !s.config.Keep ||
			d.Spot.Area == composa.AreaMachine && !s.rivals[d.Spot.Machine] && !s.strange[d.Name]
		if s.config.Shape == memory.Hosted && d.Kind == composa.KindCPU {
			ours = false // a host is always in its machine
		}
		if !ours {
			continue
		}
		dev := site.At(composa.PlaceOf(fabricName, d.Name))
		if dev == nil || site.Claim(dev.ID) == nil {
			return fmt.Errorf("%s is in %s, and nobody claims it", d.Name, d.Spot)
		}
	}
	return nil
}

// atRest says what does not hold that must hold when everything has ended.
func (s *sim) atRest() error {
	site, err := s.site()
	if err != nil {
		return err
	}
	truth := s.world.Truth()
	if open := s.world.OpenSessions(); len(open) > 0 {
		return fmt.Errorf("edit sessions are open: %v", open)
	}
	for _, c := range site.Claims {
		if c.Purpose == composa.PurposeReleasing {
			if dev := site.Device(c.Device); dev != nil && truth.Device(dev.Name) != nil {
				return fmt.Errorf("claim %s on %s is still being released", c.ID, dev.Place())
			}
		}
	}
	living := map[string]bool{}
	for i := range site.Machines {
		m := &site.Machines[i]
		living[m.Native] = true
		if m.Operation == "" {
			if err := s.asBound(site, truth, m); err != nil {
				return err
			}
		}
	}
	for _, m := range truth.Machines {
		if !s.rivals[m.Native] && !living[m.Native] && s.config.Shape != memory.Hosted && !s.waitsForPerson(site, &m) {
			return fmt.Errorf("machine %s %q with %v is nobody's", m.Native, m.Label, m.Devices)
		}
	}
	for _, op := range site.Operations {
		switch {
		case s.behindHeld(site, &op):
		case op.Phase != composa.PhaseHeld:
			return fmt.Errorf("operation %s is %s and never ends: %s", op.ID, op.Phase, op.Reason)
		case op.Result == nil || op.Result.Text == "" || len(op.Result.Where) == 0 || len(op.Result.Ways) == 0:
			return fmt.Errorf("operation %s is held without saying why: %+v", op.ID, op.Result)
		}
	}
	return nil
}

// waitsForPerson says whether a machine without a name may be that of a held
// operation, which says so: all that it holds is claimed.
func (s *sim) waitsForPerson(site *composa.Site, m *composa.SeenMachine) bool {
	for _, name := range m.Devices {
		d := site.At(composa.PlaceOf(fabricName, name))
		if d == nil || site.Claim(d.ID) == nil || site.Machine(site.Claim(d.ID).Machine) == nil {
			return s.strange[name]
		}
	}
	return s.config.Shape == memory.Whole
}

// torn says whether a device of an operation moves only together with a part
// that is not of the operation. Its machine got the one without the other while
// the other was out of its slot; now that it is back, what was before cannot be
// again but by taking a part that no plan named. That is never done: a person
// takes what is there as the result.
func torn(op *composa.Operation, truth *composa.Picture) bool {
	own := map[string]bool{}
	units := map[string]bool{}
	for _, t := range []*composa.Target{&op.Prior, &op.Target} {
		for _, g := range t.Goals {
			for _, b := range g.Devices {
				own[b.Device.Name] = true
				if d := truth.Device(b.Device.Name); d != nil && d.Unit != "" {
					units[d.Unit] = true
				}
			}
		}
	}
	return slices.ContainsFunc(truth.Devices, func(d composa.SeenDevice) bool { return units[d.Unit] && !own[d.Name] })
}

// behindHeld says whether an operation waits in line for a machine that a held
// one has, or behind another that does.
func (s *sim) behindHeld(site *composa.Site, op *composa.Operation) bool {
	taken := map[composa.MachineID]bool{}
	for i := range site.Machines {
		first := site.Operation(site.Machines[i].Operation)
		taken[site.Machines[i].ID] = first != nil && first.Phase == composa.PhaseHeld
	}
	line := slices.Clone(site.Operations)
	slices.SortStableFunc(line, func(a, b composa.Operation) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, o := range line {
		if o.Phase != composa.PhaseQueued || !slices.ContainsFunc(o.Machines, func(id composa.MachineID) bool { return taken[id] }) {
			continue
		}
		if o.ID == op.ID {
			return true
		}
		for _, id := range o.Machines {
			taken[id] = true
		}
	}
	return false
}

// asBound: a machine that nothing changes holds what is recorded, but for what
// others did.
func (s *sim) asBound(site *composa.Site, truth *composa.Picture, m *composa.Machine) error {
	seen := truth.Ours(m.Ref())
	if seen == nil {
		return fmt.Errorf("machine %q (%s) is ready and not there", m.Name, m.Native)
	}
	bound := map[string]bool{}
	for _, b := range site.Binding(m.ID) {
		bound[b.Device.Name] = true
		if d := truth.Device(b.Device.Name); d != nil && d.Spot.Machine != m.Native && !s.disturbed[b.Device.Name] {
			return fmt.Errorf("machine %q (%s) is ready and %s is in %s", m.Name, m.Native, b.Device.Name, d.Spot)
		}
	}
	for _, name := range seen.Devices {
		if !bound[name] && !s.strange[name] {
			return fmt.Errorf("machine %q (%s) is ready and holds %s, which is not of it", m.Name, m.Native, name)
		}
	}
	return nil
}
