package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
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
}

// look reads the fabric until two readings in a row agree and what they name is
// there, a bounded number of times.
func (f *Fabric) look(ctx context.Context, k *knowledge) (*look, error) {
	w := f.config.Poll.start()
	var absent []string
	for round := 1; ; round++ {
		l, err := f.lookOnce(ctx, k)
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

func (f *Fabric) lookOnce(ctx context.Context, k *knowledge) (*look, error) {
	l := &look{began: f.config.Clock()}
	var first, second reading
	err := f.read(ctx, k, &first, func() (err error) { l.devices, l.unnamed, err = f.readDevices(ctx); return err })
	if err == nil {
		err = f.read(ctx, k, &second, func() (err error) { l.nodes, err = f.readNodes(ctx); return err })
	}
	if err != nil {
		return nil, err
	}
	l.ended = f.config.Clock()
	l.named = make(map[string]int, len(l.devices))
	for i := range l.devices {
		l.named[l.devices[i].name] = i
	}
	f.sawLanes(l.devices)
	l.groups, l.machines, l.members = second.groups, second.machines, second.members
	l.doubt = compare(&first, &second, l.devices)
	if l.doubt.none() {
		f.learnHabits(k, &first, &second)
	}
	return l, nil
}

// read makes one pass, with something beside it. Memberships are read at the
// same time where one call tells them all, else after groups and machines are
// known.
func (f *Fabric) read(ctx context.Context, k *knowledge, into *reading, beside func() error) error {
	members := func(groups []group, machines []machine) (err error) {
		into.members, into.heard, err = f.readMembers(ctx, k, nil, groups, machines)
		return err
	}
	rest := []func() error{
		func() (err error) { into.groups, err = f.readGroups(ctx); return err },
		func() (err error) { into.machines, err = f.readMachines(ctx, ""); return err },
		beside,
	}
	if !k.speaks.perGroup && k.listsAll.Load() {
		err := together(append(rest, func() error { return members(nil, nil) })...)
		if err != nil || !hidesHosts(nil, into.machines, into.members) {
			return err
		}
		return members(into.groups, into.machines)
	}
	if err := together(rest...); err != nil {
		return err
	}
	return members(into.groups, into.machines)
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

// readAll reads a list whose elements must all be understood: one that is left
// out would show its device as free.
func readAll[T any](ctx context.Context, c *calls, path string, one func(json.RawMessage) (T, error)) ([]T, error) {
	var out []T
	err := c.repeat(ctx, func() error {
		a, err := c.readOnce(ctx, path)
		if err != nil {
			return err
		}
		out = make([]T, 0, len(a.data))
		for _, raw := range a.data {
			v, err := one(raw)
			if err != nil {
				return c.unreadable(path, err.Error())
			}
			out = append(out, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f *Fabric) readGroups(ctx context.Context) ([]group, error) {
	groups, err := readAll(ctx, f.calls, "group", readGroup)
	slices.SortFunc(groups, func(a, b group) int { return a.id - b.id })
	return groups, err
}

// readMachines reads the machines; query is empty or narrows them.
func (f *Fabric) readMachines(ctx context.Context, query string) ([]machine, error) {
	machines, err := readAll(ctx, f.calls, "machine"+query, readMachine)
	slices.SortFunc(machines, func(a, b machine) int { return a.id - b.id })
	return machines, err
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

// readDevices reads the live view of what can be composed; unnamed counts what
// is left out because its name cannot be part of a place.
func (f *Fabric) readDevices(ctx context.Context) (out []device, unnamed int, err error) {
	type reading struct {
		device         device
		shown, unnamed bool
	}
	all, err := readAll(ctx, f.calls, "status", func(raw json.RawMessage) (reading, error) {
		d, ok, err := readDevice(raw)
		if errors.Is(err, errUnnamed) {
			return reading{unnamed: true}, nil
		}
		return reading{device: d, shown: ok}, err
	})
	if err != nil {
		return nil, 0, err
	}
	for _, r := range all {
		switch {
		case r.unnamed:
			unnamed++
		case r.shown:
			out = append(out, r.device)
		}
	}
	slices.SortFunc(out, func(a, b device) int { return composa.NaturalCompare(a.name, b.name) })
	return slices.CompactFunc(out, func(a, b device) bool { return a.name == b.name }), unnamed, nil
}

// readNodes reads the hosts. A director without node/status tells no power.
func (f *Fabric) readNodes(ctx context.Context) ([]node, error) {
	a, err := f.calls.read(ctx, "node/status")
	if err != nil {
		if codeOf(err) == composa.CodeUnsupported {
			return nil, nil
		}
		return nil, err
	}
	var out []node
	for _, raw := range a.data {
		if n, ok := readNode(raw); ok {
			out = append(out, n)
		}
	}
	return out, nil
}

// together makes calls side by side and returns the first error in their order.
func together(calls ...func() error) error {
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { errs[i] = call() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
