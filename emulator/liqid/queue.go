package liqid

import (
	"errors"
	"slices"
	"time"
)

// The queues of edit sessions, and what a commit makes of them.

// queue notes a device for the end of a session. Asking twice is asking once:
// the notes know of no rule against it, and a client that lost a reply repeats.
func queue(list []string, name string) ([]string, error) {
	if slices.Contains(list, name) {
		return list, nil
	}
	if len(list) >= MaxQueue {
		return list, invalid("an edit session holds at most %d changes", MaxQueue)
	}
	return append(slices.Clip(list), name), nil
}

// queueMember notes a device that is to enter or leave a group.
func (s *state) queueMember(id int, by client, d *device, c Class, add bool) error {
	can := func() error { return canRemove(d, id) }
	if add {
		can = func() error { return s.canAdd(d, by) }
	}
	return s.note(poolTarget(id), by, d, c, add, can)
}

// queueAttach notes a device that is to be attached to a machine, or detached.
func (s *state) queueAttach(id int, by client, d *device, c Class, attach bool) error {
	can := func() error { return canDetach(d, s.machines[id]) }
	if attach {
		can = func() error { return canAttach(d, s.machines[id]) }
	}
	return s.note(machineTarget(id), by, d, c, attach, can)
}

func (s *state) note(t target, by client, d *device, c Class, add bool, can func() error) error {
	open, err := s.inEdit(t, by, RuleInEdit)
	if err == nil {
		err = needClass(d, c)
	}
	if err == nil {
		err = can()
	}
	if err != nil {
		return err
	}
	if add {
		open.Add, err = queue(open.Add, d.Name)
	} else {
		open.Remove, err = queue(open.Remove, d.Name)
	}
	s.setSession(t, open)
	return err
}

// regroup applies the queue of a pool session, open or not any more. The rules
// are looked at again, because the world moved since the devices were queued; one
// that does not hold refuses the whole commit and leaves the session open. It
// held when the device was queued, so that it does not any more is nobody's fault.
func (s *state) regroup(id int, q session) error {
	for _, name := range q.Remove {
		d, err := s.find(name, "")
		if err == nil {
			err = meanwhile(canRemove(d, id))
		}
		if err != nil {
			return err
		}
		d.group = 0
		delete(s.blame.taken, name)
	}
	for _, name := range q.Add {
		d, err := s.find(name, "")
		if err == nil && d.group != 0 { // it was free when it was queued
			err = contends("%s was taken meanwhile: it is in group %d", name, d.group)
		}
		if err != nil {
			return err
		}
		d.group = id
		s.blame.taken[name] = taking{time.Now(), q.Openers}
	}
	return nil
}

// reattach applies the queue of a machine session, open or not any more,
// removes before adds (liqid-api.md 3.5), all or nothing like regroup.
func (s *state) reattach(id int, q session, now time.Time) error {
	for _, name := range q.Remove {
		d, err := s.find(name, "")
		if err == nil {
			err = meanwhile(canDetach(d, s.machines[id]))
		}
		if err == nil && name != q.forced {
			err = s.canLetGo(d)
		}
		if err != nil {
			return err
		}
		s.detach(d, now)
	}
	m := s.machines[id]
	for _, name := range q.Add {
		d, err := s.find(name, "")
		if err == nil {
			err = meanwhile(canAttach(d, m))
		}
		if err != nil {
			return err
		}
		s.lastAttach++
		d.machine, d.attached, d.order = id, now.Unix(), s.lastAttach
	}
	m.Changed = now.Unix()
	s.machines[id] = m
	s.wear(id)
	return nil
}

// meanwhile makes of a broken rule that held when a device was queued what it is
// at the commit: somebody else's doing.
func meanwhile(err error) error {
	var why *refusal
	if errors.As(err, &why) {
		return contends("since it was queued: %s", why.text)
	}
	return err
}

// asQueued is the state that would be if all open sessions were committed; what
// could not be is left out. It is for looking at.
func (s *state) asQueued() *state {
	c := s.clone()
	for t, open := range s.sessions() {
		for _, name := range open.Remove {
			if d, err := c.find(name, ""); err != nil {
				continue
			} else if t.machine != 0 && d.machine == t.machine {
				d.machine = 0
			} else if t.machine == 0 && canRemove(d, t.group) == nil {
				d.group = 0
			}
		}
		for _, name := range open.Add {
			if d, err := c.find(name, ""); err != nil {
				continue
			} else if t.machine != 0 && canAttach(d, c.machines[t.machine]) == nil {
				d.machine = t.machine
			} else if t.machine == 0 && d.group == 0 {
				d.group = t.group
			}
		}
	}
	return c
}

// detach takes a device out of its machine, which remembers it.
func (s *state) detach(d *device, now time.Time) {
	if m, there := s.machines[d.machine]; there {
		m.Past = append(slices.Clip(m.Past), past{d.Name, d.attached, now.Unix()})
		m.Past = m.Past[max(0, len(m.Past)-maxPast):]
		s.machines[m.ID] = m
	}
	d.detach()
}

// detach leaves a device in its group. A host that leaves its machine is off.
func (d *device) detach() {
	d.machine, d.attached, d.order = 0, 0, 0
	d.powered, d.upAt, d.inUse = false, 0, false
}
