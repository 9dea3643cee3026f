package composa

import (
	"cmp"
	"slices"
	"time"
)

// Scope says which part of a fabric is looked at. The zero Scope is everything.
type Scope struct {
	Devices  []string `json:"devices,omitempty"`  // names on the fabric
	Machines []string `json:"machines,omitempty"` // native handles
	Labels   []string `json:"labels,omitempty"`   // machines of these labels, whatever their handle
}

// Everything says whether the scope is the whole fabric.
func (s Scope) Everything() bool {
	return len(s.Devices) == 0 && len(s.Machines) == 0 && len(s.Labels) == 0
}

// Covers says whether everything that other asks for lies in s.
func (s Scope) Covers(other Scope) bool {
	if s.Everything() {
		return true
	}
	if other.Everything() {
		return false
	}
	within := func(all, some []string) bool {
		return !slices.ContainsFunc(some, func(name string) bool { return !slices.Contains(all, name) })
	}
	return within(s.Devices, other.Devices) && within(s.Machines, other.Machines) && within(s.Labels, other.Labels)
}

// Picture is what a fabric showed. It is never put together from reads that
// disagree.
type Picture struct {
	Fabric FabricName `json:"fabric"`
	// Began is when the first read began: nothing that happened before is
	// missing in the picture. Ended is when the last read was answered.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	Scope Scope     `json:"scope"`
	// Complete is false where something in the scope could not be read. An
	// incomplete picture proves what it shows and removes nothing.
	Complete  bool          `json:"complete"`
	Abilities *Abilities    `json:"abilities,omitempty"`
	Groups    []SeenGroup   `json:"groups,omitempty"`
	Devices   []SeenDevice  `json:"devices"`
	Machines  []SeenMachine `json:"machines"`
	// Looks is kept by Overlay: what complete narrow looks covered after the
	// wide one, so that an older look does not bring back what was gone. Drivers
	// leave it empty.
	Looks []Look `json:"looks,omitempty"`
}

// Look says that one device, machine or label was covered by a complete look
// that began then. One of the three names is set.
type Look struct {
	Device  string    `json:"device,omitempty"`
	Machine string    `json:"machine,omitempty"` // native handle
	Label   string    `json:"label,omitempty"`   // every machine of this label
	Began   time.Time `json:"began"`
}

// SeenGroup is a container of devices as its fabric shows it.
type SeenGroup struct {
	Native string `json:"native"`
	Name   string `json:"name"`
	Ours   bool   `json:"ours"` // it carries the mark of this site
}

// SeenDevice is a device as its fabric shows it.
type SeenDevice struct {
	Name        string      `json:"name"`
	Kind        Kind        `json:"kind"`
	Fingerprint Fingerprint `json:"fingerprint"`
	Unit        string      `json:"unit,omitempty"`
	Domains     []string    `json:"domains,omitempty"`
	Facts       Facts       `json:"facts"`
	Health      Health      `json:"health"`
	Host        *Host       `json:"host,omitempty"`
	Spot        Spot        `json:"spot"`
	// Seen is when the look that shows this entry began.
	Seen time.Time `json:"seen"`
}

// Area is which part of a fabric a device sits in.
type Area string

// A fabric without groups has only AreaFree and AreaMachine. A device in a
// machine is in AreaMachine whoever's machine it is; Spot.Machine tells.
const (
	AreaFree    Area = "free"    // in nothing
	AreaOurs    Area = "ours"    // in this site's group, in no machine
	AreaForeign Area = "foreign" // in another group, in no machine
	AreaMachine Area = "machine" // in the machine that Spot.Machine names
)

// Spot tells where on its fabric a device is.
type Spot struct {
	Area    Area   `json:"area"`
	Group   string `json:"group,omitempty"`   // native handle of the group it is in
	Machine string `json:"machine,omitempty"` // native handle of the machine it is in
}

func (s Spot) String() string {
	switch s.Area {
	case AreaMachine:
		return "machine " + s.Machine
	case AreaForeign:
		return "group " + s.Group
	case AreaOurs:
		return "this site's group"
	}
	return "the free devices"
}

// PowerState of a machine's host.
type PowerState string

// The power states. Unknown is not off.
const (
	PowerUnknown PowerState = "unknown"
	PowerOn      PowerState = "on"
	PowerOff     PowerState = "off"
)

// SeenMachine is a machine as its fabric shows it.
type SeenMachine struct {
	Native  string     `json:"native"`
	Label   string     `json:"label"`
	Group   string     `json:"group,omitempty"`   // native handle of its group
	InOurs  bool       `json:"inOurs"`            // it lies in this site's group, or the fabric has no groups
	Created time.Time  `json:"created"`           // zero where the fabric does not tell
	Devices []string   `json:"devices,omitempty"` // names of what is in it, natural order
	P2P     bool       `json:"p2p,omitempty"`
	Power   PowerState `json:"power"`
	Seen    time.Time  `json:"seen"` // when the look that shows this entry began
}

// Device returns the device of a name, or nil.
func (p *Picture) Device(name string) *SeenDevice {
	if p == nil {
		return nil
	}
	for i := range p.Devices {
		if p.Devices[i].Name == name {
			return &p.Devices[i]
		}
	}
	return nil
}

// Machine returns the machine of a native handle, or nil.
func (p *Picture) Machine(native string) *SeenMachine {
	if p == nil || native == "" {
		return nil
	}
	for i := range p.Machines {
		if p.Machines[i].Native == native {
			return &p.Machines[i]
		}
	}
	return nil
}

// Ours returns the machine that ref means: label and, where ref has them,
// native handle and creation time agree, and it lies in this site's group. A
// ref without a handle means no machine yet, so the answer is nil.
func (p *Picture) Ours(ref MachineRef) *SeenMachine {
	m := p.Machine(ref.Native)
	if m == nil || !ref.Means(m) {
		return nil
	}
	return m
}

// Overlay returns p with what the newer look shows in place of the older
// entries. Entries are compared by when their look began, so a wide picture
// that began before a narrow one does not undo it, also not what the narrow one
// did not find any more. Where both began at once the argument wins. p is not
// changed; the result's Began and Scope are those of the newest complete look
// at everything, or where there was none those of p.
func (p *Picture) Overlay(newer *Picture) *Picture {
	switch {
	case newer == nil:
		return p
	case p == nil:
		return newer
	}
	base, other := p, newer
	if newer.wide() && (!p.wide() || !newer.Began.Before(p.Began)) {
		base, other = newer, p
	}
	out := *base
	out.Looks = mergeLooks(base, other)
	was, is := p.coverage(), newer.coverage()
	out.Devices = overlay(p.Devices, newer.Devices, was.device, is.device,
		func(d *SeenDevice) (string, time.Time) { return d.Name, d.Seen })
	out.Machines = overlay(p.Machines, newer.Machines, was.machine, is.machine,
		func(m *SeenMachine) (string, time.Time) { return m.Native, m.Seen })

	late, early := newer, p
	if newer.Began.Before(p.newest()) {
		late, early = p, newer
	}
	if out.Groups = late.Groups; len(late.Groups) == 0 && !late.wide() {
		out.Groups = early.Groups
	}
	if out.Abilities = late.Abilities; late.Abilities == nil {
		out.Abilities = early.Abilities
	}
	return &out
}

// wide says whether what the picture does not show is not there.
func (p *Picture) wide() bool { return p.Scope.Everything() && p.Complete }

// newest is when the newest look began that went into the picture.
func (p *Picture) newest() time.Time {
	at := p.Began
	for _, l := range p.Looks {
		if l.Began.After(at) {
			at = l.Began
		}
	}
	return at
}

// narrowLooks are what narrow looks of the picture covered, its own with it.
func (p *Picture) narrowLooks() []Look {
	looks := slices.Clone(p.Looks)
	if !p.Complete {
		return looks
	}
	for _, name := range p.Scope.Devices {
		looks = append(looks, Look{Device: name, Began: p.Began})
	}
	for _, native := range p.Scope.Machines {
		looks = append(looks, Look{Machine: native, Began: p.Began})
	}
	for _, label := range p.Scope.Labels {
		looks = append(looks, Look{Label: label, Began: p.Began})
	}
	return looks
}

// mergeLooks keeps, for each name, the newest narrow look that the base itself
// does not stand for.
func mergeLooks(base, other *Picture) []Look {
	newest := map[Look]time.Time{}
	for _, l := range slices.Concat(base.Looks, other.narrowLooks()) {
		name := l
		name.Began = time.Time{}
		if base.wide() && !l.Began.After(base.Began) {
			continue
		}
		if at, known := newest[name]; !known || l.Began.After(at) {
			newest[name] = l.Began
		}
	}
	var out []Look
	for name, at := range newest {
		name.Began = at
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b Look) int {
		return cmp.Or(NaturalCompare(a.Device, b.Device), NaturalCompare(a.Machine, b.Machine), NaturalCompare(a.Label, b.Label))
	})
	return out
}

// coverage says since when a picture would show something.
type coverage struct {
	wide  bool
	began time.Time
	looks map[Look]time.Time // by name, without Began
}

func (p *Picture) coverage() coverage {
	c := coverage{wide: p.wide(), began: p.Began, looks: map[Look]time.Time{}}
	for _, l := range p.narrowLooks() {
		name := l
		name.Began = time.Time{}
		if at, known := c.looks[name]; !known || l.Began.After(at) {
			c.looks[name] = l.Began
		}
	}
	return c
}

// since is when the newest look began that covers one of the names; ok is false
// where none does.
func (c coverage) since(names ...Look) (at time.Time, ok bool) {
	at, ok = c.began, c.wide
	for _, name := range names {
		if t, known := c.looks[name]; known && (!ok || t.After(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

func (c coverage) device(d *SeenDevice) (time.Time, bool) { return c.since(Look{Device: d.Name}) }

func (c coverage) machine(m *SeenMachine) (time.Time, bool) {
	if m.Label == "" {
		return c.since(Look{Machine: m.Native})
	}
	return c.since(Look{Machine: m.Native}, Look{Label: m.Label})
}

// overlay merges entries by key: the later look wins, and so does a later look
// that covers an entry and does not show it.
func overlay[T any](old, fresh []T, oldCovers, freshCovers func(*T) (time.Time, bool), about func(*T) (string, time.Time)) []T {
	left := make(map[string]*T, len(fresh))
	for i := range fresh {
		key, _ := about(&fresh[i])
		left[key] = &fresh[i]
	}
	out := make([]T, 0, max(len(old), len(fresh)))
	for i := range old {
		key, seen := about(&old[i])
		if now, shown := left[key]; shown {
			delete(left, key)
			if _, at := about(now); at.Before(seen) {
				now = &old[i]
			}
			out = append(out, *now)
			continue
		}
		if at, covered := freshCovers(&old[i]); !covered || seen.After(at) {
			out = append(out, old[i])
		}
	}
	for i := range fresh {
		key, seen := about(&fresh[i])
		if left[key] != &fresh[i] {
			continue
		}
		if at, covered := oldCovers(&fresh[i]); !covered || !at.After(seen) {
			out = append(out, fresh[i])
		}
	}
	byKey := func(a, b T) int {
		ka, _ := about(&a)
		kb, _ := about(&b)
		return NaturalCompare(ka, kb)
	}
	if !slices.IsSortedFunc(out, byKey) {
		slices.SortFunc(out, byKey)
	}
	return out
}
