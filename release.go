package composa

import (
	"slices"
	"time"
)

// Released says by what a look that began after since shows that a device is in
// no machine and no group of this site any more, or in the group with nobody
// about to move it, so that a claim whose machine gave it up can be closed. Empty: no look shows that. since is when the device
// was last touched for the claim; what was seen at that very moment, or before,
// can be of before. It is the one definition.
func (s *Site) Released(d *Device, since time.Time) string {
	seen := s.Seen(d)
	if seen == nil || !seen.Seen.After(since) {
		return ""
	}
	if how := s.apart(d, seen); how != "" {
		return how + " by a look that began at " + seen.Seen.UTC().Format(time.RFC3339Nano)
	}
	return ""
}

// apart says how a device is shown to be in nothing of ours; empty: it is not.
func (s *Site) apart(d *Device, seen *SeenDevice) string {
	p := s.Pictures[d.Fabric]
	switch seen.Spot.Area {
	case AreaFree:
		return "shown free"
	case AreaForeign:
		return "shown in somebody else's group"
	case AreaOurs:
		if f := s.Fabric(d.Fabric); f != nil && f.Keep {
			return "shown in this site's group, where free devices stay"
		}
		if s.left(d) {
			return "left in this site's group"
		}
	case AreaMachine:
		m := p.Machine(seen.Spot.Machine)
		switch {
		case m == nil: // the entries are of two looks
		case s.idleHost(d, m.Native):
			return "its host is shown without other devices"
		case !s.ours(d.Fabric, m.Native):
			return "shown in somebody else's machine"
		}
	}
	return ""
}

// left says whether a device that is in this site's group is there for good: its
// machine gave it up, and nothing that is under way may still move it. It came
// back after its operation had ended, and is free: who gets it next finds it
// there.
func (s *Site) left(d *Device) bool {
	c := s.Claim(d.ID)
	if c == nil || c.Purpose != PurposeReleasing {
		return false
	}
	return !slices.ContainsFunc(s.Operations, func(op Operation) bool {
		return slices.Contains(op.Machines, c.Machine) || slices.Contains(op.Scope().Devices, d.ID)
	})
}
