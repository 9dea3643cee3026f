// Package memory is a composable fabric without hardware: a [World] that holds
// parts, machines and groups in a map, and any number of drivers onto it.
//
// It comes in three shapes, so that nothing of Composa is built on one vendor's
// idea of a fabric:
//
//	grouped   as Liqid: devices enter the site's group, machines are made empty
//	          under a handle that we choose and take devices later, in edit
//	          sessions
//	whole     as Redfish: no groups and no names, a machine is made with all of
//	          its devices and changed while its host is off; devices that share
//	          a unit move together, devices without a common domain never meet
//	hosted    as expandable systems and virtual machines: the machine is its
//	          host, which exists already; the guest may refuse to let go
//
// A world starts no goroutine and draws no random number. Without delays every
// call returns at once, so a simulator can run it on one goroutine; delays are
// timers that a context ends, so they work inside testing/synctest. What can go
// wrong is chosen call by call by [World.Fail]. What somebody else does on the
// same fabric is done with [World.Foreign]. [World.Truth] is what is really so.
//
// The world is one thing and the driver another: the driver knows only what its
// calls answer. That is why driver/drivertest proves something when it passes.
package memory

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// Shape is how a world composes.
type Shape string

// The three shapes.
const (
	Grouped Shape = "grouped"
	Whole   Shape = "whole"
	Hosted  Shape = "hosted"
)

// Shapes lists the three, for tests that run in each.
func Shapes() []Shape { return []Shape{Grouped, Whole, Hosted} }

// Config says what a world is made of.
type Config struct {
	Name  composa.FabricName
	Shape Shape          // empty: grouped
	Site  composa.SiteID // whose group is ours in a grouped world
	// Parts are the inventory; where there are none it is made of Counts.
	Parts  []Part
	Counts map[composa.Kind]int
	// Clock tells the time of pictures and machines; nil: time.Now.
	Clock func() time.Time
	// Delays is how long calls take; zero: no time at all.
	Delays Delays
	// MaxDevices is the most devices in one machine; 0: no limit.
	MaxDevices int
	// SettleTime, where not zero, is a fabric that cannot tell whether a late
	// effect is still to come: Settle leaves it, and it comes within this time.
	SettleTime time.Duration
}

// Delays is how long calls take.
type Delays struct {
	Read   time.Duration
	Change time.Duration
}

// World is one fabric as it really is. Its methods may be called at the same
// time. All drivers onto one world see the same parts.
type World struct {
	config Config
	index  map[string]int // of parts by name

	mu          sync.Mutex
	now         state
	before      state // as it was before the newest change, for stale reads
	sessions    []session
	late        []lateEffect
	fail        func(Call) Fault
	delays      Delays
	calls       int // that arrived, reads and changes
	changes     int // that arrived and would change something
	lastMachine int
	lastGroup   int
	lastSession int
	violations  []string
	watchers    map[int]chan<- struct{}
	lastWatcher int
}

// New makes a world with everything free, in the shape hosted with one machine
// for each cpu device.
func New(c Config) *World {
	if c.Shape == "" {
		c.Shape = Grouped
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	parts := slices.Clone(c.Parts)
	if len(parts) == 0 {
		parts = inventory(c)
	}
	slices.SortFunc(parts, func(a, b Part) int { return composa.NaturalCompare(a.Name, b.Name) })
	w := &World{config: c, delays: c.Delays, index: make(map[string]int, len(parts)), watchers: map[int]chan<- struct{}{}}
	for i := range parts {
		w.index[parts[i].Name] = i
		w.now.parts = append(w.now.parts, part{Part: &parts[i]})
	}
	if c.Shape == Hosted {
		w.bootHosts()
	}
	w.before = w.now.clone()
	return w
}

// bootHosts makes the machine that each cpu device is.
func (w *World) bootHosts() {
	for i := range w.now.parts {
		p := &w.now.parts[i]
		if p.Kind != composa.KindCPU {
			continue
		}
		p.machine, p.on = hostOf(p.Name), true
		w.now.machines = append(w.now.machines, machine{native: p.machine, created: w.config.Clock()})
	}
}

// Fabric returns a new driver onto the world for the configured site, as after
// a start of the server. In the shape grouped it is a driver.Reserver too, in
// grouped and hosted a driver.Watcher.
func (w *World) Fabric() driver.Fabric { return w.FabricFor(w.config.Site, composa.AccessManage) }

// FabricFor is Fabric for another site, or for a fabric that is only observed.
func (w *World) FabricFor(site composa.SiteID, access composa.Access) driver.Fabric {
	f := &fabric{world: w, site: site, access: access}
	switch w.config.Shape {
	case Grouped:
		return reservingFabric{watchedFabric{f}}
	case Hosted:
		return watchedFabric{f}
	}
	return f
}

// Name is the fabric's name.
func (w *World) Name() composa.FabricName { return w.config.Name }

// Site is the site that the world was made for.
func (w *World) Site() composa.SiteID { return w.config.Site }

// Shape is how the world composes.
func (w *World) Shape() Shape { return w.config.Shape }

// SetDelays changes how long calls take from now on.
func (w *World) SetDelays(d Delays) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delays = d
}

// Truth is the whole fabric as the configured site would see it, without a
// call: no delay, no fault, no count.
func (w *World) Truth() *composa.Picture {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.config.Clock()
	p := w.picture(&w.now, w.config.Site, composa.Scope{}, at)
	p.Ended = at
	return p
}

// Calls is how many calls arrived; changing counts those that would change
// something, whether or not they did.
func (w *World) Calls() (all, changing int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls, w.changes
}

// OpenSessions tells the edit sessions that are open, oldest first.
func (w *World) OpenSessions() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, s := range w.sessions {
		out = append(out, fmt.Sprintf("session %d of %s on %s", s.id, s.owner, s.target))
	}
	return out
}

// Pending tells the late effects that are still to come, oldest first.
func (w *World) Pending() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, l := range w.late {
		out = append(out, l.call.String())
	}
	return out
}

// Violations tells what drivers asked for that they must never ask for: a
// change of a machine or group that is not of their site.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// Advance lets every late effect happen now, oldest first.
func (w *World) Advance() {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.late
	w.late = nil
	for _, l := range due {
		w.happen(l)
	}
}

// hostOf is the handle of the machine that a cpu is in the shape hosted.
func hostOf(cpu string) string { return "host-" + cpu }
