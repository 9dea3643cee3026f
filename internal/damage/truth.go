package damage

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// untouched is what a director holds that is not this site's, to be compared.
type untouched struct {
	Groups   []emulator.GroupState
	Machines []emulator.MachineState
}

// others are the groups and machines of a director that are not this site's.
func (s *Site) others(r *rack) untouched {
	snap := r.director.Snapshot()
	mark := composa.GroupMark(s.id)
	var out untouched
	ours := map[int]bool{}
	for _, g := range snap.Groups {
		if g.Name == mark {
			ours[g.ID] = true
		} else {
			out.Groups = append(out.Groups, g)
		}
	}
	for _, m := range snap.Machines {
		if !ours[m.Group] {
			out.Machines = append(out.Machines, m)
		}
	}
	return out
}

// truth compares what is stored with what the directors hold, at rest. Each
// line is damage.
type truth struct {
	site  *composa.Site
	rack  *rack
	snap  emulator.Snapshot
	mark  string
	rests bool // everything has come to rest
	lines []string
}

// Damage says what is not as it must be when everything has come to rest. before
// is what was not ours, rack by rack.
func (s *Site) Damage(site *composa.Site, before []untouched) []string {
	lines := unexplained(site)
	for i, r := range s.racks {
		t := &truth{site: site, rack: r, snap: r.director.Snapshot(), mark: composa.GroupMark(s.id), rests: true}
		t.machines()
		t.inUse()
		t.bindings()
		t.leaked()
		t.open()
		if now := s.others(r); !reflect.DeepEqual(now, before[i]) {
			t.says("what is others' was %+v and is %+v", before[i], now)
		}
		lines = append(lines, t.lines...)
	}
	return lines
}

func (t *truth) says(format string, args ...any) {
	t.lines = append(t.lines, string(t.rack.name)+": "+fmt.Sprintf(format, args...))
}

// unexplained are claims and machines that nothing accounts for.
func unexplained(site *composa.Site) (lines []string) {
	says := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	seen := map[composa.DeviceID]bool{}
	for _, c := range site.Claims {
		where := string(c.Device)
		if d := site.Device(c.Device); d != nil {
			where = string(d.Place())
		}
		if seen[c.Device] {
			says("%s is claimed twice", where)
		}
		seen[c.Device] = true
		m, op := site.Machine(c.Machine), site.Operation(c.Operation)
		switch {
		case c.Purpose == composa.PurposeReleasing:
			if site.Device(c.Device) != nil && site.Seen(site.Device(c.Device)) != nil {
				says("the claim on %s is still being released", where)
			}
		case m == nil:
			says("%s is claimed by machine %s, which does not live", where, c.Machine)
		case c.Heir != "" && op == nil:
			says("%s has an heir and no operation", where)
		}
	}
	for i := range site.Machines {
		if m := &site.Machines[i]; !m.Made && site.Operation(m.Operation) == nil {
			says("machine %q is not made and no operation makes it", m.Name)
		}
	}
	for _, op := range site.Operations {
		switch {
		case op.Phase == composa.PhaseHeld:
			if op.Result == nil || op.Result.Text == "" || len(op.Result.Where) == 0 || len(op.Result.Ways) == 0 {
				says("operation %s of %s is held without saying why", op.ID, op.Verb)
			}
		case op.Phase == composa.PhaseQueued && behindHeld(site, op.Behind):
		default:
			says("operation %s of %s waits for ever: %s %s %q", op.ID, op.Verb, op.Phase, op.Direction, op.Reason)
		}
	}
	return lines
}

// behindHeld says whether an operation is held, or waits in line for one that is.
func behindHeld(site *composa.Site, id composa.OperationID) bool {
	for range len(site.Operations) {
		op := site.Operation(id)
		switch {
		case op == nil:
			return false
		case op.Phase == composa.PhaseHeld:
			return true
		}
		id = op.Behind
	}
	return false
}

// ours says whether a group carries this site's mark.
func (t *truth) ours(group int) bool {
	return slices.ContainsFunc(t.snap.Groups, func(g emulator.GroupState) bool { return g.ID == group && g.Name == t.mark })
}

// owner is the living machine that a machine of the director is.
func (t *truth) owner(native int, label string) *composa.Machine {
	for i := range t.site.Machines {
		m := &t.site.Machines[i]
		ref := m.Ref()
		if op := t.site.Operation(m.Operation); op != nil {
			ref = op.Ref(m)
		}
		if m.Fabric == t.rack.name && ref.Native == strconv.Itoa(native) && m.Label == label {
			return m
		}
	}
	return nil
}

// inUse: what is in a machine of ours is claimed for it, but for a part that was
// put in another's place there, which the site tells of. It must hold at any
// moment, whatever is under way.
func (t *truth) inUse() {
	for _, seen := range t.snap.Machines {
		m := t.owner(seen.ID, seen.Name)
		if m == nil || !t.ours(seen.Group) {
			continue
		}
		for _, name := range seen.Devices {
			c := t.claim(name)
			if c == nil && t.replaced(name) {
				continue
			}
			if c == nil || c.Machine != m.ID && c.Heir != m.ID {
				t.says("%s is in machine %q, and its claim is %s", name, m.Name, t.told(c))
			}
		}
	}
}

// replaced says whether another part was put in a place.
func (t *truth) replaced(name string) bool {
	d, _ := t.snap.Device(name)
	return d.Replaced > 0
}

// machines: whatever machine is in our group is one of ours.
func (t *truth) machines() {
	for _, seen := range t.snap.Machines {
		if !t.ours(seen.Group) {
			continue
		}
		if t.owner(seen.ID, seen.Name) == nil {
			t.says("machine %d %q with %v is nobody's", seen.ID, seen.Name, seen.Devices)
		}
	}
}

// claim is the open claim on what is in a place.
func (t *truth) claim(name string) *composa.Claim {
	d := t.site.At(composa.PlaceOf(t.rack.name, name))
	if d == nil {
		return nil
	}
	return t.site.Claim(d.ID)
}

func (t *truth) told(c *composa.Claim) string {
	if c == nil {
		return "none"
	}
	holder := string(c.Machine)
	if m := t.site.Machine(c.Machine); m != nil {
		holder = strconv.Quote(m.Name)
	}
	return fmt.Sprintf("%s of %s", c.Purpose, holder)
}

// bindings: a machine that nothing changes holds exactly what it claims, but
// for what the hardware itself took away.
func (t *truth) bindings() {
	for i := range t.site.Machines {
		m := &t.site.Machines[i]
		if m.Fabric != t.rack.name || m.Operation != "" {
			continue
		}
		at := slices.IndexFunc(t.snap.Machines, func(s emulator.MachineState) bool {
			return t.ours(s.Group) && strconv.Itoa(s.ID) == m.Native && s.Name == m.Label
		})
		if at < 0 {
			t.says("machine %q (%s) is ready, and not there", m.Name, m.Native)
			continue
		}
		seen := t.snap.Machines[at]
		drift := t.site.Drift(m)
		for _, name := range seen.Devices {
			extra := composa.Drift{Sort: composa.DriftExtra, Device: composa.PlaceOf(m.Fabric, name)}
			if t.rests && t.claim(name) == nil && !slices.Contains(drift, extra) {
				t.says("machine %q holds %s, and the site does not tell", m.Name, name)
			}
		}
		for _, b := range t.site.Binding(m.ID) {
			d, known := t.snap.Device(b.Device.Name)
			if known && !d.Gone && d.Machine != seen.ID {
				t.says("machine %q is ready, and %s is in machine %d, group %d", m.Name, b.Device.Name, d.Machine, d.Group)
			}
		}
	}
}

// leaked: what is in our group is claimed. A part that was put in another's
// place there is nobody's, and free for the next request.
func (t *truth) leaked() {
	for _, d := range t.snap.Devices {
		if d.Gone || !t.ours(d.Group) || d.Replaced > 0 {
			continue
		}
		if t.claim(d.Name) == nil {
			t.says("%s is in our group, and nobody claims it", d.Name)
		}
	}
}

// open: no session is open but strangers', and nothing is under way. A session
// of an operation that is held is ended when that goes on.
func (t *truth) open() {
	for _, s := range t.snap.Sessions {
		if !s.Foreign && t.ours(s.Group) {
			t.says("a session is open on group %d, machine %d since %s", s.Group, s.Machine, s.Since.Format("15:04:05"))
		}
	}
	for _, p := range t.snap.Pending {
		t.says("%s is under way on group %d, machine %d since %s", p.Command, p.Group, p.Machine, p.Start.Format("15:04:05"))
	}
}
