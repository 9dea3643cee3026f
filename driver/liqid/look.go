package liqid

import (
	"context"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// look is one consistent set of readings of a whole fabric, with the records as
// they came. What could not be made out for certain stands in doubt.
type look struct {
	began, ended time.Time
	complete     bool
	groups       []group
	machines     []machine
	members      map[string]member // by name of the device
	devices      []device          // natural order of name
	nodes        []node
	named        map[string]int // where a device stands in devices
	unnamed      int            // devices that are there and whose names cannot be part of a place
	doubt        doubt

	of     *knowledge // how the director was spoken to
	sent   moment     // what we had sent when it began
	line   string     // of which line of software the director said to be, beside the first reading
	unsaid error      // why that is not known
	powers bool       // the hosts were read
}

// doubt names what readings disagreed about.
type doubt struct {
	devices  map[string]bool
	machines map[int]bool
	absent   []string // members of groups that are not among the devices
	other    bool     // a group changed
}

func (d *doubt) none() bool { return len(d.devices) == 0 && len(d.machines) == 0 && !d.other }

// reading is one pass over everything that steps change.
type reading struct {
	groups   []group
	machines []machine
	members  map[string]member
	heard    heard
	// whole: everything was read side by side, and no call told what another one
	// contradicts.
	whole bool
	// apart: memberships were told by several calls. A device that moves from the
	// one to the other meanwhile is told by none.
	apart bool
}

// need says what a look is for.
type need struct {
	// scope is what one reading is to prove, where it is whole and agrees with
	// itself; nil: two readings are made, whatever the first one shows.
	scope *composa.Scope
	// hosts: their power is asked for.
	hosts bool
}

// everything is what an inventory needs.
var everything = need{hosts: true}

// look reads the fabric until two readings in a row agree and what they name is
// there, a bounded number of times.
func (f *Fabric) look(ctx context.Context, k *knowledge, n need) (*look, error) {
	w := f.config.Poll.start()
	var absent []string
	for round := 1; ; round++ {
		l, err := f.lookOnce(ctx, k, n)
		if err != nil {
			if codeOf(err) == composa.CodeUnreachable {
				f.forget()
			}
			return nil, err
		}
		// A member that stays away is a device that vanished from the fabric
		// while its group still lists it: that is what is so.
		l.complete = l.doubt.none() && (len(l.doubt.absent) == 0 || slices.Equal(l.doubt.absent, absent))
		if l.complete || round == maxRounds {
			return l, nil
		}
		absent = l.doubt.absent
		if w.pause(ctx) != nil {
			return l, nil
		}
	}
}

func (f *Fabric) lookOnce(ctx context.Context, k *knowledge, n need) (*look, error) {
	l := &look{began: f.config.Clock(), of: k, powers: n.hosts, sent: f.calls.sent.now()}
	var known []group
	if before := f.newest.Load(); before != nil {
		known = before.groups
	}
	hosts := func() (err error) { l.nodes, err = f.readNodes(ctx); return err }
	beside := []func() error{
		func() (err error) { l.devices, l.unnamed, err = f.readDevices(ctx); return err },
		func() error { l.line, l.unsaid = f.line(ctx); return nil },
	}
	if n.scope != nil && n.hosts {
		beside = append(beside, hosts)
	}
	var first, second reading
	if err := f.read(ctx, k, &first, known, beside...); err != nil {
		return nil, err
	}
	l.named = make(map[string]int, len(l.devices))
	for i := range l.devices {
		l.named[l.devices[i].name] = i
	}
	f.sawLanes(l.devices)
	if n.scope != nil && l.enough(&first, *n.scope) {
		l.show(&first)
		l.ended = f.config.Clock()
		f.observed.sawMachines(l.machines)
		return l, nil
	}
	beside = nil
	if n.scope == nil && n.hosts {
		beside = append(beside, hosts)
	}
	if err := f.read(ctx, k, &second, first.groups, beside...); err != nil {
		return nil, err
	}
	l.show(&second)
	l.ended = f.config.Clock()
	l.doubt = compare(&first, &second, l.devices)
	if l.doubt.none() {
		f.learnHabits(k, &first, &second)
	}
	return l, nil
}

func (l *look) show(r *reading) {
	l.groups, l.machines, l.members = r.groups, r.machines, r.members
}

// enough says whether one reading is, for a scope: it is whole and does not
// contradict itself, and nothing of the scope is shown as free only because no
// one of several calls told of it (decision 0015).
func (l *look) enough(r *reading, scope composa.Scope) bool {
	if !r.whole {
		return false
	}
	if d := compare(r, r, l.devices); !d.none() || len(d.absent) > 0 {
		return false
	}
	return !r.apart || !slices.ContainsFunc(scope.Devices, func(name string) bool {
		_, in := r.members[name]
		return !in && l.device(name) != nil
	})
}

// read makes one pass, with something beside it, all in one round where the
// memberships can be asked for at once: where one call tells them all, and where
// the groups are those that were known. What is left is asked for then.
func (f *Fabric) read(ctx context.Context, k *knowledge, into *reading, known []group, beside ...func() error) error {
	ahead := k.speaks.memberQueries(nil, known, nil, true)
	var asked []askedMembers
	err := together(append(beside,
		func() (err error) { into.groups, err = f.readGroups(ctx); return err },
		func() (err error) { into.machines, err = f.readMachines(ctx, ""); return err },
		func() error { asked = f.membersOf(ctx, ahead); return nil },
	)...)
	if err != nil {
		return err
	}
	queries := k.speaks.memberQueries(nil, into.groups, nil, true)
	into.apart = len(queries) > 1
	asked, left := asOf(queries, asked)
	more, err := answered(f.membersOf(ctx, left))
	if err != nil {
		return err
	}
	if asked, err = answered(asked); err != nil {
		return err
	}
	into.members, into.heard, err = f.restOfMembers(ctx, k, nil, into.groups, into.machines, append(asked, more...))
	into.whole = len(left) == 0 && len(ahead) == len(queries) && !into.heard.further && !into.heard.twice
	return err
}

// compare says what two readings, and the devices between them, disagree about.
func compare(a, b *reading, devices []device) doubt {
	d := doubt{devices: map[string]bool{}, machines: map[int]bool{}}
	d.other = !slices.EqualFunc(a.groups, b.groups, func(x, y group) bool { return x.id == y.id && x.name == y.name })
	for _, pair := range [][2]*reading{{a, b}, {b, a}} {
		for _, m := range pair[0].machines {
			n := pair[1].machine(m.id)
			if n == nil || n.group != m.group || n.name != m.name || n.p2p != m.p2p || !n.created.Equal(m.created) {
				d.machines[m.id] = true
			}
			if b.group(m.group) == nil {
				d.machines[m.id] = true
			}
		}
		for name, m := range pair[0].members {
			if pair[1].members[name] != m || !b.holds(m) {
				d.devices[name] = true
				if m.machine != 0 {
					d.machines[m.machine] = true
				}
			}
		}
	}
	for name, m := range b.members {
		if d.machines[m.machine] {
			d.devices[name] = true // a machine is shown with all that is in it, or not at all
		}
	}
	there := make(map[string]bool, len(devices))
	for i := range devices {
		there[devices[i].name] = true
	}
	for name := range b.members {
		if !there[name] {
			d.absent = append(d.absent, name)
		}
	}
	slices.Sort(d.absent)
	return d
}

// holds says whether the group and the machine that a member names are there,
// under the names that it gives.
func (r *reading) holds(m member) bool {
	if m.group <= 0 {
		return m.machine == 0
	}
	g := r.group(m.group)
	if g == nil || (m.gname != "" && m.gname != g.name) {
		return false
	}
	if m.machine == 0 {
		return true
	}
	in := r.machine(m.machine)
	return in != nil && in.group == m.group && (m.mname == "" || m.mname == in.name)
}

func (r *reading) group(id int) *group     { return findGroup(r.groups, id) }
func (r *reading) machine(id int) *machine { return findMachine(r.machines, id) }
func (l *look) group(id int) *group        { return findGroup(l.groups, id) }
func (l *look) machine(id int) *machine    { return findMachine(l.machines, id) }

func (l *look) device(name string) *device {
	i, ok := l.named[name]
	if !ok {
		return nil
	}
	return &l.devices[i]
}

// ours is the group that carries this site's mark; of several the first.
func (l *look) ours(mark string) *group {
	i := slices.IndexFunc(l.groups, func(g group) bool { return g.name == mark })
	if i < 0 {
		return nil
	}
	return &l.groups[i]
}

// findGroup and findMachine look in lists that are sorted by id.
func findGroup(groups []group, id int) *group {
	i, ok := slices.BinarySearchFunc(groups, id, func(g group, id int) int { return g.id - id })
	if !ok {
		return nil
	}
	return &groups[i]
}

func findMachine(machines []machine, id int) *machine {
	i, ok := slices.BinarySearchFunc(machines, id, func(m machine, id int) int { return m.id - id })
	if !ok {
		return nil
	}
	return &machines[i]
}

// learnHabits notes what two readings that agree show of how the director takes
// things. That groups list what is attached too is believed for as long as k is.
func (f *Fabric) learnHabits(k *knowledge, first, second *reading) {
	a, b := first.heard, second.heard
	switch {
	case !a.machines || !b.machines:
	case a.unlisted && b.unlisted:
		f.observed.saw(askMembers, seenUnattached)
		k.listsAll.Store(false)
	case a.attached && b.attached && !a.unlisted && !b.unlisted:
		f.observed.saw(askMembers, seenAll)
		k.listsAll.Store(true)
	}
	f.observed.sawMachines(second.machines)
}
