package liqid

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// Edit sessions: who has one open on what, and what becomes of it.

// target is what an edit session is on: the pool of a group, or a machine. What
// is committed may also be about a device alone, on which there are no sessions.
type target struct {
	group, machine int
	device         string
}

func poolTarget(group int) target      { return target{group: group} }
func machineTarget(machine int) target { return target{machine: machine} }

func deviceTarget(name string) target { return target{device: name} }

// String names it as refusals do.
func (t target) String() string {
	switch {
	case t.device != "":
		return t.device
	case t.machine != 0:
		return fmt.Sprintf("machine %d", t.machine)
	}
	return fmt.Sprintf("the pool of group %d", t.group)
}

// open opens a session on a target, as a director of such habits does. Whose
// client cannot know that a session is still there is told by ended.
func (s *state) open(t target, h Habits, by client, ended func(target) bool, now time.Time) error {
	if open, there := s.session(t); there {
		switch h.SecondEdit {
		case "shared":
			if open.others(by) {
				if len(open.Openers) >= maxOpeners {
					return contends("%s is being edited by %d clients, the most this director takes", t, maxOpeners)
				}
				open.Openers = append(slices.Clip(open.Openers), by)
			}
		case "takes-over":
			s.loses(t, open, by)
			open = s.newSession(by, now)
		default:
			return taken(open.others(by), RuleNotEdited, "%s is already being edited", t)
		}
		s.opens(t, by)
		s.setSession(t, open)
		return nil
	}
	if !s.opensBeside(h) {
		for other, open := range s.sessions() {
			return taken(open.others(by) || ended(other), RuleOneEdit, "%s is being edited", other)
		}
	}
	s.opens(t, by)
	s.setSession(t, s.newSession(by, now))
	return nil
}

// opensBeside says whether one more session can be open by a director's habits.
func (s *state) opensBeside(h Habits) bool {
	return h.Editing != "one" || len(s.pools)+len(s.edits) == 0
}

// taken refuses what an open session stands in the way of.
func taken(others bool, rule Rule, format string, args ...any) error {
	if others {
		return contends(format, args...)
	}
	return violates(rule, format, args...)
}

// maxOpeners is how many clients share one session.
const maxOpeners = 64

func (s *state) newSession(by client, now time.Time) session {
	s.lastSession++
	return session{ID: s.lastSession, Since: now.UnixMilli(), Openers: []client{by}}
}

// session is the open session on a target.
func (s *state) session(t target) (session, bool) {
	if t.machine != 0 {
		open, there := s.edits[t.machine]
		return open, there
	}
	open, there := s.pools[t.group]
	return open, there
}

func (s *state) setSession(t target, open session) {
	if t.machine != 0 {
		s.edits[t.machine] = open
	} else {
		s.pools[t.group] = open
	}
}

// sessions are all open sessions, pools before machines, each in the order of ids.
func (s *state) sessions() iter.Seq2[target, session] {
	return func(yield func(target, session) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.pools)) {
			if !yield(poolTarget(id), s.pools[id]) {
				return
			}
		}
		for _, id := range slices.Sorted(maps.Keys(s.edits)) {
			if !yield(machineTarget(id), s.edits[id]) {
				return
			}
		}
	}
}

// end ends a session; its other openers are not told.
func (s *state) end(t target, by client) {
	open, there := s.session(t)
	if !there {
		return
	}
	s.loses(t, open, by)
	if t.machine != 0 {
		delete(s.edits, t.machine)
	} else {
		delete(s.pools, t.group)
	}
}

// exists refuses a target that there is not.
func (s *state) exists(t target) error {
	if t.machine != 0 {
		_, err := s.needMachine(t.machine)
		return err
	}
	return s.needGroup(t.group)
}

// inEdit returns the open session on a target. Without one the client broke
// that rule, unless somebody else ended the session it had.
func (s *state) inEdit(t target, by client, rule Rule) (session, error) {
	open, there := s.session(t)
	if there {
		return open, nil
	}
	if _, unknowing := s.blame.lost[lost{t, by}]; unknowing {
		return open, contends("%s is not being edited any more", t)
	}
	if err := s.exists(t); err != nil {
		return open, err
	}
	return open, violates(rule, "%s is not being edited", t)
}

// cancel ends a session and drops what is queued in it.
func (s *state) cancel(t target, by client) error {
	if _, err := s.inEdit(t, by, RuleNothingOpen); err != nil {
		return err
	}
	s.end(t, by)
	return nil
}

// others says whether a session was opened by somebody else than this client.
func (open session) others(by client) bool { return !slices.Contains(open.Openers, by) }

// forget drops what a restart loses by the habit of that name, and tells nobody.
func (s *state) forget(habit string) {
	switch habit {
	case "forgets-queues":
		for _, sessions := range []map[int]session{s.pools, s.edits} {
			for id, open := range sessions {
				open.Add, open.Remove = nil, nil
				sessions[id] = open
			}
		}
	case "forgets-sessions":
		for id, open := range s.pools {
			s.loses(poolTarget(id), open, client{})
			delete(s.pools, id)
		}
		for id, open := range s.edits {
			s.loses(machineTarget(id), open, client{})
			delete(s.edits, id)
		}
	}
}

// queuesShow says whether clients see what is queued.
func (d *Director) queuesShow() bool { return d.config.Habits.Queue == "shown" }

func (r *request) openSession(t target) (show, error) {
	return r.d.change(r.d.queuesShow(), func(s *state) error {
		if err := s.exists(t); err != nil {
			return err
		}
		if err := r.d.busy(t, r.by); err != nil {
			return err
		}
		ended := func(other target) bool {
			p, is := r.d.committing(other)
			return is && p.unknowing
		}
		return s.open(t, *r.habits, r.by, ended, r.d.clock())
	})
}

func (r *request) cancelSession(t target) (show, error) {
	return r.d.change(r.d.queuesShow(), func(s *state) error {
		if err := r.d.busy(t, r.by); err != nil {
			return err
		}
		return s.cancel(t, r.by)
	})
}

// ofSession makes a commit out of what becomes of a session's queue. It holds
// the commit to the session that it began with, and ends that.
func (r *request) ofSession(t target, queue func(*state, session) error) func(*state) error {
	first := int64(0)
	return func(s *state) error {
		open, err := s.inEdit(t, r.by, RuleInEdit)
		if err != nil {
			return err
		}
		if first == 0 {
			first = open.ID
		}
		if open.ID != first {
			return contends("the edit session on %s was ended by somebody else meanwhile", t)
		}
		if err := queue(s, open); err != nil {
			return err
		}
		s.end(t, r.by)
		return nil
	}
}
