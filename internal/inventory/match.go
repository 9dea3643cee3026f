package inventory

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// GoneAfter is how long a part must be missing from complete pictures, at least
// two of them, before it counts as taken out.
const GoneAfter = 10 * time.Second

// Known is what is known of a fabric before a look.
type Known struct {
	Devices []composa.Device // parts that are there
	Gone    []composa.Device // parts that were taken out; needed only where some part is not known
	// Missing says since which picture a part that should be there is not shown.
	Missing map[composa.DeviceID]time.Time
	// Owner says whose machine a native handle is: ours false for somebody
	// else's.
	Owner func(native string) (project composa.ProjectID, ours bool)
	NewID func() composa.DeviceID
}

// Match compares the parts that are known with a look at the whole fabric. It
// returns what changed, what left its place first, and what is missing now.
//
// A part is known by the place it is in, unless its fingerprint says that
// another one is there, and else by the strongest thing that its fingerprint
// has in common with exactly one known part: so a part that moved to another
// place, or that comes back, is the same part. Another part at a place is a new
// device, and the old one is in no place (its name is empty). What a complete
// picture does not show is missing, and gone when another one at least GoneAfter
// later does not show it either. An incomplete picture takes nothing away.
func Match(k Known, p *composa.Picture) (changes []composa.PartChange, missing map[composa.DeviceID]time.Time) {
	m := newMatching(k, p)
	m.stay()
	m.find(k.Devices, false)
	m.find(k.Gone, true)
	for i := range p.Devices {
		if m.part[i] == nil {
			fresh := composa.Device{ID: k.NewID(), Fabric: p.Fabric, Hygiene: composa.HygieneClean, FirstSeen: p.Began}
			m.part[i], m.sort[i] = &fresh, isNew
		}
	}
	return m.changes()
}

type sort int

const (
	stays sort = iota
	moved
	isBack
	isNew
)

// matching is one run of Match: which known part each entry of the picture is.
type matching struct {
	Known
	picture *composa.Picture
	part    []*composa.Device // by index of the picture's devices
	sort    []sort
	taken   map[composa.DeviceID]bool
}

func newMatching(k Known, p *composa.Picture) *matching {
	return &matching{Known: k, picture: p, part: make([]*composa.Device, len(p.Devices)), sort: make([]sort, len(p.Devices)), taken: map[composa.DeviceID]bool{}}
}

// stay finds the parts that are still in their place.
func (m *matching) stay() {
	at := make(map[string]*composa.Device, len(m.Devices))
	for i := range m.Devices {
		if d := &m.Devices[i]; d.Name != "" {
			at[d.Name] = d
		}
	}
	for i := range m.picture.Devices {
		seen := &m.picture.Devices[i]
		d := at[seen.Name]
		if d != nil && d.Kind == seen.Kind && d.Fingerprint.Same(seen.Fingerprint) && !m.isAnother(d, seen.Fingerprint) {
			m.part[i], m.taken[d.ID] = d, true
		}
	}
}

// isAnother says whether a fingerprint that could be d's, since they have
// nothing in common, is plainly that of another known part.
func (m *matching) isAnother(d *composa.Device, f composa.Fingerprint) bool {
	if strongest(f) == "" || common(d.Fingerprint, f) {
		return false
	}
	other := only(m.Devices, f)
	return other != nil && other.ID != d.ID
}

// find finds parts that are in another place than they were, or back.
func (m *matching) find(known []composa.Device, gone bool) {
	seenTimes := map[string]int{}
	for i := range m.picture.Devices {
		seenTimes[strongest(m.picture.Devices[i].Fingerprint)]++
	}
	for i := range m.picture.Devices {
		seen := &m.picture.Devices[i]
		key := strongest(seen.Fingerprint)
		if m.part[i] != nil || key == "" || seenTimes[key] > 1 {
			continue
		}
		d := only(known, seen.Fingerprint)
		if d == nil || m.taken[d.ID] || d.Kind != seen.Kind {
			continue
		}
		m.part[i], m.sort[i], m.taken[d.ID] = d, moved, true
		if gone {
			m.sort[i] = isBack
		}
	}
}

// changes tells what differs: what left its place, and then, in natural order of
// name, what is there otherwise than it was known.
func (m *matching) changes() (out []composa.PartChange, missing map[composa.DeviceID]time.Time) {
	missing = map[composa.DeviceID]time.Time{}
	shown := make(map[string]bool, len(m.picture.Devices))
	for i := range m.picture.Devices {
		shown[m.picture.Devices[i].Name] = true
	}
	whole := m.picture.Complete && m.picture.Scope.Everything()
	var rest []composa.PartChange
	for i := range m.Devices {
		d := m.Devices[i]
		if m.taken[d.ID] {
			continue
		}
		since, before := m.Missing[d.ID]
		if whole && before && m.picture.Began.Sub(since) >= GoneAfter {
			out = append(out, composa.PartChange{Device: d, Gone: true})
			continue
		}
		if whole && !before {
			since, before = m.picture.Began, true
		}
		if before {
			missing[d.ID] = since
		}
		if shown[d.Name] { // another part is in its place
			d.Name = ""
			out = append(out, composa.PartChange{Device: d})
		}
	}
	for i := range m.picture.Devices {
		now := m.state(*m.part[i], &m.picture.Devices[i])
		switch {
		case m.sort[i] == isNew:
			rest = append(rest, composa.PartChange{Device: now, New: true})
		case m.sort[i] == isBack:
			now.GoneAt = time.Time{}
			rest = append(rest, composa.PartChange{Device: now, Back: true})
		case !same(m.part[i], &now):
			rest = append(rest, composa.PartChange{Device: now})
		}
	}
	slices.SortStableFunc(rest, func(a, b composa.PartChange) int { return composa.NaturalCompare(a.Device.Name, b.Device.Name) })
	return append(out, rest...), missing
}

// state is a part as it was last seen. What the look does not tell stays.
func (m *matching) state(d composa.Device, seen *composa.SeenDevice) composa.Device {
	d.Name, d.Kind, d.Unit, d.Health = seen.Name, seen.Kind, seen.Unit, seen.Health
	d.Domains = seen.Domains
	d.Fingerprint = seen.Fingerprint.Merge(d.Fingerprint)
	if !seen.Facts.Learning || d.Facts == (composa.Facts{}) || d.Facts.Learning {
		d.Facts = seen.Facts
	}
	d.Host = host(d.Host, seen.Host, m.picture.Began)
	if d.Kind.Keeping() && d.Hygiene != composa.HygieneUsed && seen.Spot.Area == composa.AreaMachine {
		// Whose data a machine of somebody else left on it nobody here knows.
		d.Hygiene, d.KeptFor = composa.HygieneUsed, ""
		if project, ours := m.Owner(seen.Spot.Machine); ours {
			d.KeptFor = project
		}
	}
	return d
}

// host is what the fabric tells of a computer, unless the site says it itself.
func host(known, seen *composa.Host, at time.Time) *composa.Host {
	if seen == nil || known != nil && known.Source != "fabric" && known.Source != "" {
		return known
	}
	h := *seen
	h.Source = "fabric"
	h.At = at
	if known != nil {
		if h.At = known.At; h != *known {
			h.At = at
		}
	}
	return &h
}

func same(a, b *composa.Device) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.Unit == b.Unit && a.Health == b.Health &&
		slices.Equal(a.Domains, b.Domains) && a.Fingerprint == b.Fingerprint && a.Facts == b.Facts &&
		a.Hygiene == b.Hygiene && a.KeptFor == b.KeptFor && reflect.DeepEqual(a.Host, b.Host)
}

// strongest is what tells a part from all others of its fabric, wherever it is:
// empty where a fingerprint has only what belongs to a place or a model.
func strongest(f composa.Fingerprint) string {
	switch {
	case f.Serial != "":
		return "serial " + f.Serial
	case f.UUID != "":
		return "uuid " + f.UUID
	}
	return ""
}

// common says whether two fingerprints have a field in common that decides.
func common(f, g composa.Fingerprint) bool {
	return f.Serial != "" && g.Serial != "" || f.UUID != "" && g.UUID != "" || f.DevID != "" && g.DevID != "" ||
		f.PCI != "" && g.PCI != "" || f.Port != "" && g.Port != ""
}

// only is the one known part that has the strongest thing of a fingerprint; nil
// where there is none, or several.
func only(known []composa.Device, f composa.Fingerprint) *composa.Device {
	var found *composa.Device
	for i := range known {
		g := known[i].Fingerprint
		if f.Serial != "" && g.Serial != f.Serial || f.Serial == "" && (f.UUID == "" || g.UUID != f.UUID) {
			continue
		}
		if found != nil {
			return nil
		}
		found = &known[i]
	}
	return found
}

// unknown says whether a picture shows parts that none of the known ones can
// be, so that those which are gone must be asked for.
func unknown(known []composa.Device, p *composa.Picture) bool {
	serials := make(map[string]bool, len(known))
	for i := range known {
		serials[cmp.Or(strongest(known[i].Fingerprint), "place "+known[i].Name)] = true
	}
	return slices.ContainsFunc(p.Devices, func(d composa.SeenDevice) bool {
		return !serials[cmp.Or(strongest(d.Fingerprint), "place "+d.Name)]
	})
}

// copyMissing keeps a state's own copy.
func copyMissing(m map[composa.DeviceID]time.Time) map[composa.DeviceID]time.Time {
	if m == nil {
		return map[composa.DeviceID]time.Time{}
	}
	return maps.Clone(m)
}
