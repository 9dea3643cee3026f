package liqid

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Director is one emulated Liqid Director. Its methods are safe for concurrent use.
type Director struct {
	config   Config
	era      era
	router   *http.ServeMux
	journal  *journal
	faults   faults
	work     work
	disk     *disk // nil keeps nothing
	clockOff clockOff
	limiter  atomic.Pointer[rate.Limiter]

	closing context.Context // ends when the director closes
	close   context.CancelFunc
	sockets sync.WaitGroup
	working sync.WaitGroup // on what was answered already

	mu          sync.Mutex
	now         *state // what is so; never changed in place
	before      *state // what was so before the last change that clients can see
	changed     chan struct{}
	pending     []pendingCommand
	late        []*lateEffect
	commands    int
	closed      bool
	rng         *rand.Rand
	listeners   map[*listener]struct{}
	life        *life
	connections map[net.Conn]struct{} // of servers that tell of theirs
	offers      map[offer]time.Time   // when nextid offered an id last

	encoded pushCache
}

// offer is an id that nextid offered.
type offer struct {
	machine bool
	id      int
}

// New builds a director from c, with what c.DataDir remembers if there is one.
// It fails when c makes no sense, when the data folder is another process's, or
// when what lies there belongs to other hardware.
func New(c Config) (*Director, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	era, err := parseEra(c.API)
	if err != nil {
		return nil, err
	}
	parts := era.shown(c.Inventory.build(c.Name, c.Seed))
	d := &Director{
		config:    c,
		era:       era,
		journal:   newJournal(c.LogSize),
		now:       newState(parts, c.FabricID),
		changed:   make(chan struct{}),
		rng:       rand.New(rand.NewPCG(c.Seed, 1)),
		listeners: map[*listener]struct{}{},
		offers:    map[offer]time.Time{},
	}
	d.clockOff.Store(int64(c.ClockOff))
	d.limiter.Store(newLimiter(c.PerSecond))
	d.life, d.connections = newLife(0), map[net.Conn]struct{}{}
	d.faults.rng = rand.New(rand.NewPCG(c.Seed, 2))
	d.faults.set(c.Faults)
	if err := d.knowDevices(c.Faults); err != nil {
		return nil, err
	}
	if c.DataDir != "" {
		disk, err := openDisk(c.DataDir, fingerprint(c.FabricID, parts))
		if err != nil {
			return nil, fmt.Errorf("cannot keep the director's state in %s: %w", c.DataDir, err)
		}
		d.disk = disk
		if err := disk.load(d.now, c.Habits.Restart); err != nil {
			disk.close()
			return nil, fmt.Errorf("cannot take up the director's state from %s: %w", c.DataDir, err)
		}
	}
	d.before = d.now
	d.closing, d.close = context.WithCancel(context.Background())
	d.router = d.routes()
	return d, nil
}

// Handler serves the director's API under /liqid/api/v2/ and, in 2.x, its event
// socket at /liqid/websocket/v2/event and /liqid/event.
func (d *Director) Handler() http.Handler { return http.HandlerFunc(d.serve) }

// Close ends hanging and waiting calls and the event sockets, and lets go of
// the data folder. A commit under way, and a late one, is not carried out. Calls that come
// later are answered with 503.
func (d *Director) Close() error {
	d.mu.Lock()
	first := !d.closed
	d.closed = true
	d.forgetLate()
	d.mu.Unlock()
	d.close()
	d.sockets.Wait()
	d.working.Wait()
	if first && d.disk != nil {
		return d.disk.close()
	}
	return nil
}

// view is the state that reads answer from.
func (d *Director) view(stale bool) show {
	d.mu.Lock()
	defer d.mu.Unlock()
	if stale {
		return d.show(d.before)
	}
	return d.show(d.now)
}

// show is what clients are shown of a state.
func (d *Director) show(s *state) show { return show{s, d.era, &d.config.Habits} }

var errClosing = &refusal{http.StatusServiceUnavailable, "", "the director is shutting down"}

// change makes f's changes so, all or nothing, on disk before it returns.
// visible says that clients' records change: they are pushed, and a stale read
// goes back behind them. The state it returns is the one that holds f's changes.
func (d *Director) change(visible bool, f func(*state) error) (show, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changeLocked(visible, f)
}

func (d *Director) changeLocked(visible bool, f func(*state) error) (show, error) {
	if d.closed {
		return show{}, errClosing
	}
	next := d.now.clone()
	if err := f(next); err != nil {
		return show{}, err
	}
	if visible {
		next.generation++
	}
	if d.disk != nil {
		if err := d.disk.save(next); err != nil {
			return show{}, &refusal{http.StatusInternalServerError, "", fmt.Sprintf("the change was not kept: %v", err)}
		}
	}
	if visible {
		d.before = d.now
		close(d.changed)
		d.changed = make(chan struct{})
	}
	d.now = next
	return d.show(next), nil
}

// wait returns after a while, or with an error as soon as the director closes.
// A client that leaves does not end it: the director has its request.
func (d *Director) wait(t time.Duration) error {
	if d.closing.Err() != nil {
		return errClosing
	}
	if t <= 0 {
		return nil
	}
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.closing.Done():
		return errClosing
	}
}

// offered notes an id that nextid offers to somebody.
func (d *Director) offered(o offer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for old, at := range d.offers {
		if time.Since(at) > offerKept {
			delete(d.offers, old)
		}
	}
	d.offers[o] = time.Now()
}

// wasOffered says whether nextid offered an id lately. d.mu is held.
func (d *Director) wasOffered(o offer) bool {
	at, ever := d.offers[o]
	return ever && time.Since(at) <= offerKept
}

func (d *Director) pick(l Latency) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return l.pick(d.rng)
}

// find looks up a present device by name, else by dev_id (liqid-api.md 6.1).
func (s *state) find(name, devID string) (*device, error) {
	for i := range s.devices {
		if d := &s.devices[i]; !d.gone && ((name != "" && d.Name == name) || (name == "" && devID != "" && hex8(d.DevID) == devID)) {
			return d, nil
		}
	}
	if name == "" {
		name = "with dev_id " + devID
	}
	return nil, invalid("there is no device %s", name)
}

// knowDevices refuses faults about devices that the director does not have.
func (d *Director) knowDevices(rules []FaultRule) error {
	for _, r := range rules {
		if r.Device != "" && d.now.place(r.Device) == nil {
			return fmt.Errorf("fault %q: there is no device %s", r, r.Device)
		}
	}
	return nil
}

// place finds a device by name, present or not.
func (s *state) place(name string) *device {
	for i := range s.devices {
		if s.devices[i].Name == name {
			return &s.devices[i]
		}
	}
	return nil
}

// byName is every device by its name, present or not: for who looks up many.
func (s *state) byName() map[string]*device {
	out := make(map[string]*device, len(s.devices))
	for i := range s.devices {
		out[s.devices[i].Name] = &s.devices[i]
	}
	return out
}
