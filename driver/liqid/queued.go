package liqid

import (
	"slices"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// queue remembers what our own edit sessions are about. A director may show
// what is queued as if it were so (liqid-api.md 2.4): a look that was taken while
// a session was open proves nothing of what is in it.
type queue struct {
	mu       sync.Mutex
	sessions []*queued
}

// queued is what one session is about.
type queued struct {
	devices []string
	moves   []aspect  // how they are moved
	machine int       // its number; 0: the session is on the group
	over    time.Time // zero: it may still be open
}

// keepQueued is how long a session that is over is remembered: longer than a
// look takes.
const keepQueued = 10 * time.Minute

// begin notes that a session for a step is about to be opened.
func (q *queue) begin(s composa.Step, moves []aspect) {
	is := &queued{moves: moves}
	for _, d := range s.Devices() {
		is.devices = append(is.devices, d.Name)
	}
	if s.Act == composa.ActReshape {
		is.machine = int(parseNumber(s.Machine.Native).value)
	}
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sessions = slices.DeleteFunc(q.sessions, func(old *queued) bool { return !old.over.IsZero() && now.Sub(old.over) > keepQueued })
	q.sessions = append(q.sessions, is)
}

// end notes that no session of ours is open any more.
func (q *queue) end() {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.sessions {
		if s.over.IsZero() {
			s.over = now
		}
	}
}

// since lists the sessions that were open at or after a time.
func (q *queue) since(at time.Time) (out []queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.sessions {
		if s.over.IsZero() || !s.over.Before(at) {
			out = append(out, *s)
		}
	}
	return out
}

// doubtQueued puts in doubt what our own sessions since a time are about, with
// the machines that it seems to be in.
func (l *look) doubtQueued(sessions []queued) {
	for _, s := range sessions {
		if s.machine != 0 {
			l.doubt.machines[s.machine] = true
		}
		for _, name := range s.devices {
			l.doubt.devices[name] = true
			if m := l.members[name].machine; m != 0 {
				l.doubt.machines[m] = true
			}
		}
	}
	l.complete = l.complete && len(sessions) == 0
	for name, m := range l.members {
		if l.doubt.machines[m.machine] {
			l.doubt.devices[name] = true
		}
	}
}
