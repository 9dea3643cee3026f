package composa

// Released says by what the newest picture shows that a device is in no machine
// and no group of this site any more, so that a claim whose machine gave it up
// can be closed. Empty: it does not show that. It is the one definition; whoever
// asks sees to it that the picture began after the release ([SeenDevice].Seen).
func (s *Site) Released(d *Device) string {
	seen, p := s.Seen(d), s.Pictures[d.Fabric]
	if seen == nil {
		return ""
	}
	switch seen.Spot.Area {
	case AreaFree:
		return "shown free"
	case AreaForeign:
		return "shown in somebody else's group"
	case AreaOurs:
		if f := s.Fabric(d.Fabric); f != nil && f.Keep {
			return "shown in this site's group, where free devices stay"
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
