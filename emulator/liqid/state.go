package liqid

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Coordinates address an element of the fabric (liqid-api.md 1.1).
type Coordinates struct {
	Rack  int `json:"rack"`
	Shelf int `json:"shelf"`
	Node  int `json:"node"`
}

// directorNode is the director's own node number.
const directorNode = 1

var directorAt = Coordinates{Node: directorNode}

// state is everything that calls can change. A state is never changed once it
// is the director's: whoever wants another one clones it, changes the clone and
// puts that in its place. So a read is one pointer, a failed change leaves
// nothing behind, and an older state can be shown on purpose.
type state struct {
	generation  uint64 // counts the changes that clients can see
	fabric      int    // the fabric's id
	coordinates Coordinates
	groups      map[int]group
	machines    map[int]machine
	devices     []device // in the order of the inventory, for the life of the director
	pools       map[int]session
	edits       map[int]session
	lastSession int64
	lastAttach  int64
	lastMachine int // the highest machine id that ever was in use
	digests     map[string]digest
	lastDigest  int
	lastMade    int64 // of groups and machines
	blame       blame
	settings    settings // what is no part of composing
}

type group struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	Made int64  `json:"made,omitempty"` // counts what was ever made
}

type machine struct {
	ID      int    `json:"id"`
	Group   int    `json:"group"`
	Name    string `json:"name"`
	P2P     bool   `json:"p2p,omitempty"`
	Created int64  `json:"created"`        // Unix seconds
	Changed int64  `json:"changed"`        // Unix seconds
	Boot    string `json:"boot,omitempty"` // file name of its boot image
	Made    int64  `json:"made,omitempty"` // counts what was ever made
	Past    []past `json:"past,omitempty"` // what it had, the newest last
}

// maxPast is how many detached devices a machine remembers.
const maxPast = 256

// past is a device that was attached to a machine and is not any more.
type past struct {
	Name     string `json:"name"`
	Attached int64  `json:"attached"` // Unix seconds
	Detached int64  `json:"detached"` // Unix seconds
}

// device is a part and where it is now: in machine, else in the free pool of
// group, else in the system free pool.
type device struct {
	*part
	gone     bool
	group    int   // 0: the system free pool
	machine  int   // 0: attached to nothing
	attached int64 // Unix seconds of the attach
	order    int64 // of the attach, among all
	udesc    string
	data     bool    // it may hold somebody's data
	erased   int64   // Unix milliseconds of the last erase, 0 for never
	powered  bool    // of a cpu: its host is on
	upAt     int64   // Unix milliseconds when that host has booted, whatever the director's clock shows
	replaced int     // how often another part was put in this place
	former   *former // the part that the last one took the place of; nil: none
	narrow   bool    // its link has trained at half its lanes
	hidden   bool    // it is deferred: no class list has it
	inactive bool    // somebody switched it off
	inUse    bool    // a program on its host has it open; forgotten by a restart
}

// former is a part that was taken out for another one, as it was then.
type former struct {
	Serial string `json:"serial"`
	UDesc  string `json:"udesc,omitempty"`
	Data   bool   `json:"data,omitempty"`
	Erased int64  `json:"erased,omitempty"` // Unix milliseconds
}

// session is one edit session on a group or a machine, with the devices queued
// for its end. Directors tell nobody who opened it, and take what belongs into
// it from everybody.
type session struct {
	ID      int64    `json:"id"`
	Since   int64    `json:"since"`             // Unix milliseconds
	Foreign bool     `json:"foreign,omitempty"` // opened by the fault steal-edit
	Openers []client `json:"openers,omitempty"`
	forced  string   // a device that is taken though a program has it open
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
}

func newState(parts []*part, fabric int) *state {
	s := &state{
		generation:  1,
		fabric:      fabric,
		coordinates: directorAt,
		groups:      map[int]group{},
		machines:    map[int]machine{},
		pools:       map[int]session{},
		edits:       map[int]session{},
		digests:     map[string]digest{},
		blame:       blame{lost: map[lost]struct{}{}, taken: map[string]taking{}},
		devices:     make([]device, len(parts)),
	}
	for i, p := range parts {
		s.devices[i] = device{part: p, udesc: unset}
	}
	return s
}

// clone copies s deeply enough that changes to the copy do not show in s.
// Queues of sessions are shared; whoever extends one clips it first.
func (s *state) clone() *state {
	c := *s
	c.groups = maps.Clone(s.groups)
	c.machines = maps.Clone(s.machines)
	c.pools = maps.Clone(s.pools)
	c.edits = maps.Clone(s.edits)
	c.digests = maps.Clone(s.digests)
	c.blame = s.blame.clone()
	c.devices = slices.Clone(s.devices)
	c.settings = s.settings.clone()
	return &c
}

func (s *state) sortedGroups() []group {
	return slices.SortedFunc(maps.Values(s.groups), func(a, b group) int { return a.ID - b.ID })
}

func (s *state) sortedMachines() []machine {
	return slices.SortedFunc(maps.Values(s.machines), func(a, b machine) int { return a.ID - b.ID })
}

// attachedTo lists the present devices of a machine in the order they came.
func (s *state) attachedTo(machine int) []*device {
	var out []*device
	for i := range s.devices {
		if d := &s.devices[i]; d.machine == machine && !d.gone {
			out = append(out, d)
		}
	}
	return byOrder(out)
}

// lanes is how wide the link of a device is now.
func (d *device) lanes() int {
	if d.narrow {
		return d.Lanes / 2
	}
	return d.Lanes
}

// byOrder sorts devices by when they were attached.
func byOrder(devices []*device) []*device {
	slices.SortFunc(devices, func(a, b *device) int { return cmp.Compare(a.order, b.order) })
	return devices
}

// host is the machine's compute device, nil if it has none. With several the
// first attached counts.
func (s *state) host(machine int) *device {
	for _, d := range s.attachedTo(machine) {
		if d.Kind == CPU {
			return d
		}
	}
	return nil
}

// run is the state of a host as node/status tells it (liqid-api.md 1.4).
func (d *device) run() string {
	switch {
	case !d.powered:
		return "off"
	case time.Now().UnixMilli() < d.upAt:
		return "on"
	}
	return "up"
}

// nextGroup is what group/nextid offers: the lowest id not in use, so ids of
// what is deleted come back.
func (s *state) nextGroup() int {
	for id := 1; ; id++ {
		if _, used := s.groups[id]; !used {
			return id
		}
	}
}

// nextMachine is what machine/nextid offers; 0 means none is left.
func (s *state) nextMachine(rising bool) int {
	if rising {
		if s.lastMachine >= MaxMachineID {
			return 0
		}
		return s.lastMachine + 1
	}
	for id := 1; id <= MaxMachineID; id++ {
		if _, used := s.machines[id]; !used {
			return id
		}
	}
	return 0
}
