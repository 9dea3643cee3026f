package composa

import (
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
// that began before a narrow one does not undo it. p is not changed; the
// result's Began and Scope are those of the widest newest complete look.
func (p *Picture) Overlay(newer *Picture) *Picture {
	if p == nil || newer == nil {
		if newer == nil {
			return p
		}
		return newer
	}
	out := *newer
	whole := newer.Scope.Everything() && newer.Complete
	if !whole {
		out.Began, out.Ended, out.Scope, out.Complete = p.Began, p.Ended, p.Scope, p.Complete
		if len(newer.Groups) == 0 {
			out.Groups = p.Groups
		}
		if newer.Abilities == nil {
			out.Abilities = p.Abilities
		}
	}
	out.Devices = overlay(p.Devices, newer.Devices, whole, newer.Began,
		func(d SeenDevice) (string, time.Time) { return d.Name, d.Seen },
		func(d SeenDevice) bool { return newer.Complete && slices.Contains(newer.Scope.Devices, d.Name) })
	out.Machines = overlay(p.Machines, newer.Machines, whole, newer.Began,
		func(m SeenMachine) (string, time.Time) { return m.Native, m.Seen },
		func(m SeenMachine) bool {
			return newer.Complete && (slices.Contains(newer.Scope.Machines, m.Native) || slices.Contains(newer.Scope.Labels, m.Label))
		})
	return &out
}

// overlay merges entries by key: the later look wins. An old entry that the
// newer look does not show goes when that look covered it and began later.
func overlay[T any](old, fresh []T, whole bool, began time.Time, key func(T) (string, time.Time), covered func(T) bool) []T {
	merged := make(map[string]T, len(old)+len(fresh))
	for _, e := range fresh {
		k, _ := key(e)
		merged[k] = e
	}
	for _, e := range old {
		k, seen := key(e)
		now, shown := merged[k]
		if shown {
			if _, at := key(now); at.Before(seen) {
				merged[k] = e
			}
			continue
		}
		if (whole || covered(e)) && !seen.After(began) {
			continue
		}
		merged[k] = e
	}
	keys := make([]string, 0, len(merged))
	for k := range merged {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, NaturalCompare)
	out := make([]T, 0, len(keys))
	for _, k := range keys {
		out = append(out, merged[k])
	}
	return out
}
