package liqid

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// life is the director's program from one start to the next.
type life struct {
	ended     chan struct{} // closed by the restart that ends it
	answersAt time.Time     // what comes earlier is dropped
}

func newLife(down time.Duration) *life {
	return &life{ended: make(chan struct{}), answersAt: time.Now().Add(down)}
}

// over says whether the director has restarted since.
func (l *life) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// answers drops a call while the director is not up yet.
func (l *life) answers() error {
	if time.Now().Before(l.answersAt) {
		return errDropped
	}
	return nil
}

// alive is the director's present life.
func (d *Director) alive() *life {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life
}

// Restart ends the director's program and starts it again. Calls that are on
// their way end without an answer and are not taken up any more; event sockets
// are cut, and so are the connections of servers that were told of
// [Director.ConnState]. For as long as down says, every call is dropped. What
// becomes of edit sessions and of commits under way is the habit Restart; what
// programs have open is forgotten, all else is kept.
func (d *Director) Restart(down time.Duration) error {
	if down < 0 || down > maxFaultDelay {
		return fmt.Errorf("cannot restart the director: being down for %v is not from 0 to %v", down, maxFaultDelay)
	}
	d.mu.Lock()
	err := d.startAgain()
	if err == nil {
		close(d.life.ended)
		d.life = newLife(down)
	}
	connections := slices.Collect(maps.Keys(d.connections))
	d.mu.Unlock()
	if err != nil {
		return fmt.Errorf("cannot restart the director: %w", err)
	}
	d.CutSockets()
	for _, c := range connections {
		c.Close()
	}
	return nil
}

// startAgain takes up the state as a new program would: from the data folder if
// there is one. d.mu is held.
func (d *Director) startAgain() error {
	if d.closed {
		return errClosing
	}
	habit := d.config.Habits.Restart
	next := d.now.clone()
	if d.disk != nil {
		next = newState(d.era.shown(d.config.Inventory.build(d.config.Name, d.config.Seed)), d.config.FabricID)
		if err := d.disk.load(next, "keeps"); err != nil {
			return err
		}
		next.blame = d.now.blame.clone()
	}
	for i := range next.devices {
		next.devices[i].inUse = false
	}
	next.forget(habit)
	abandons := habit == "forgets-sessions"
	for _, p := range d.pending { // what is being committed keeps its queue
		if open, there := d.now.session(p.on); there && !abandons {
			next.setSession(p.on, open)
		}
	}
	_, err := d.changeLocked(true, func(s *state) error {
		generation := s.generation
		*s = *next
		s.generation = generation
		return nil
	})
	if err != nil {
		return err
	}
	d.before = d.now
	if abandons {
		d.abandon()
		d.forgetLate()
		d.work.forget()
	}
	d.pending = slices.Clone(d.pending) // snapshots share what they copied of it
	for i := range d.pending {
		d.pending[i].unknowing = true
	}
	return nil
}

// ConnState is for the field of that name of an [http.Server], so that a restart
// of the director cuts idle connections too.
func (d *Director) ConnState(c net.Conn, state http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateNew:
		d.connections[c] = struct{}{}
	case http.StateClosed, http.StateHijacked:
		delete(d.connections, c)
	}
}

// pause waits for a call that is not taken up yet: a restart ends it.
func (d *Director) pause(alive *life, t time.Duration) error {
	err := d.waitFor(t, alive.ended)
	if errors.Is(err, errAbandoned) || (err == nil && alive.over()) {
		return errDropped
	}
	return err
}
