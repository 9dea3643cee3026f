package liqid

import (
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

// Rule names a precondition of the protocol; a [Violation] says which one a
// request broke. They are the rows of liqid-api.md 3.9.
type Rule string

// The rules.
const (
	RuleUnknownID     Rule = "the group or machine exists"
	RuleIDFree        Rule = "a new id is in range and not in use"
	RuleNotEdited     Rule = "one edit session a target"
	RuleInEdit        Rule = "only inside an edit session of that target"
	RuleNothingOpen   Rule = "only an open edit session is cancelled" // what a client breaks that cleans up without knowing
	RuleOneEdit       Rule = "edit sessions do not overlap"           // never in 2.5
	RuleSystemFree    Rule = "a device to add is in the system free pool"
	RuleGroupFree     Rule = "a device to attach is in the free pool of the machine's group"
	RuleUnattached    Rule = "a device to remove from a pool is in it and attached to nothing"
	RuleAttached      Rule = "a device to detach is in that machine"
	RuleClass         Rule = "the class in the path is the device's"
	RuleCommitting    Rule = "nothing else while the target is being committed"
	RuleGroupQuiet    Rule = "a group is deleted only when neither it nor a machine of it is edited"
	RuleCoordinates   Rule = "default coordinates point to this director"
	RuleEraseDetached Rule = "only a drive attached to nothing is erased"
	RuleP2P           Rule = "p2p changes" // never in 2.5
)

// refusal is a request that is not carried out: the HTTP status, why, and the
// broken rule, if it is one of those that count as a violation.
type refusal struct {
	status int
	rule   Rule
	text   string
}

func (r *refusal) Error() string { return r.text }

// violates refuses a request that breaks a rule of the state machine. The real
// status is unknown; 400 is inferred (liqid-api.md 3.9).
func violates(rule Rule, format string, args ...any) error {
	return &refusal{http.StatusBadRequest, rule, fmt.Sprintf(format, args...)}
}

// invalid refuses a request that makes no sense in any state.
func invalid(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, "", fmt.Sprintf(format, args...)}
}

func (s *state) needGroup(id int) error {
	if _, ok := s.groups[id]; !ok {
		return violates(RuleUnknownID, "there is no group %d", id)
	}
	return nil
}

func (s *state) needMachine(id int) (machine, error) {
	m, ok := s.machines[id]
	if !ok {
		return m, violates(RuleUnknownID, "there is no machine %d", id)
	}
	return m, nil
}

func (s *state) createGroup(id int, name string) error {
	if id <= 0 {
		return violates(RuleIDFree, "grp_id %d is not positive", id)
	}
	if other, used := s.groups[id]; used {
		return violates(RuleIDFree, "grp_id %d is in use by group %q", id, other.Name)
	}
	if name == "" {
		return invalid("group_name is missing")
	}
	s.groups[id] = group{ID: id, Name: name}
	return nil
}

// deleteGroup removes a group with its machines; its devices become free (liqid-api.md 2.2).
func (s *state) deleteGroup(id int) error {
	if err := s.needGroup(id); err != nil {
		return err
	}
	if _, open := s.pools[id]; open {
		return violates(RuleGroupQuiet, "the pool of group %d is being edited", id)
	}
	for _, m := range s.sortedMachines() {
		if m.Group != id {
			continue
		}
		if _, open := s.edits[m.ID]; open {
			return violates(RuleGroupQuiet, "machine %d of group %d is being edited", m.ID, id)
		}
		delete(s.machines, m.ID)
	}
	for i := range s.devices {
		if d := &s.devices[i]; d.group == id {
			d.detach()
			d.group = 0
		}
	}
	delete(s.groups, id)
	return nil
}

// clear drops all groups, machines and sessions (group/clear, liqid-api.md 2.2).
func (s *state) clear() {
	clear(s.groups)
	clear(s.machines)
	clear(s.pools)
	clear(s.edits)
	for i := range s.devices {
		s.devices[i].detach()
		s.devices[i].group = 0
	}
}

func (s *state) openPool(id int, p policy, now time.Time) error {
	if err := s.needGroup(id); err != nil {
		return err
	}
	if _, open := s.pools[id]; open {
		return violates(RuleNotEdited, "the pool of group %d is already being edited", id)
	}
	if p.oneGroupEdited && len(s.pools) > 0 {
		return violates(RuleOneEdit, "another group is being edited")
	}
	if p.poolsNeedNoMachine && len(s.edits) > 0 {
		return violates(RuleOneEdit, "a machine is being edited")
	}
	s.pools[id] = s.newSession(now)
	return nil
}

func (s *state) openEdit(id int, p policy, now time.Time) error {
	if _, err := s.needMachine(id); err != nil {
		return err
	}
	if _, open := s.edits[id]; open {
		return violates(RuleNotEdited, "machine %d is already being edited", id)
	}
	if p.oneMachineEdited && len(s.edits) > 0 {
		return violates(RuleOneEdit, "another machine is being edited")
	}
	if p.poolsNeedNoMachine && len(s.pools) > 0 {
		return violates(RuleOneEdit, "a group is being edited")
	}
	s.edits[id] = s.newSession(now)
	return nil
}

func (s *state) newSession(now time.Time) session {
	s.lastSession++
	return session{ID: s.lastSession, Since: now.UnixMilli()}
}

func (s *state) needPool(id int) (session, error) {
	if err := s.needGroup(id); err != nil {
		return session{}, err
	}
	open, ok := s.pools[id]
	if !ok {
		return open, violates(RuleInEdit, "the pool of group %d is not being edited", id)
	}
	return open, nil
}

func (s *state) needEdit(id int) (session, error) {
	if _, err := s.needMachine(id); err != nil {
		return session{}, err
	}
	open, ok := s.edits[id]
	if !ok {
		return open, violates(RuleInEdit, "machine %d is not being edited", id)
	}
	return open, nil
}

func (s *state) cancelPool(id int) error {
	if err := s.needGroup(id); err != nil {
		return err
	}
	if _, open := s.pools[id]; !open {
		return violates(RuleNothingOpen, "the pool of group %d is not being edited", id)
	}
	delete(s.pools, id)
	return nil
}

func (s *state) cancelEdit(id int) error {
	if _, err := s.needMachine(id); err != nil {
		return err
	}
	if _, open := s.edits[id]; !open {
		return violates(RuleNothingOpen, "machine %d is not being edited", id)
	}
	delete(s.edits, id)
	return nil
}

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

func needClass(d *device, c Class) error {
	if d.class() != c {
		return violates(RuleClass, "%s is of class %s, not %s", d.Name, d.class(), c)
	}
	return nil
}

func (s *state) queueMember(id int, d *device, c Class, add bool) error {
	open, err := s.needPool(id)
	if err != nil {
		return err
	}
	if err := needClass(d, c); err != nil {
		return err
	}
	if add {
		if err = canAdd(d); err == nil {
			open.Add, err = queue(open.Add, d.Name)
		}
	} else if err = canRemove(d, id); err == nil {
		open.Remove, err = queue(open.Remove, d.Name)
	}
	s.pools[id] = open
	return err
}

func (s *state) queueAttach(id int, d *device, c Class, attach bool) error {
	open, err := s.needEdit(id)
	if err != nil {
		return err
	}
	if err := needClass(d, c); err != nil {
		return err
	}
	m := s.machines[id]
	if attach {
		if err = canAttach(d, m); err == nil {
			open.Add, err = queue(open.Add, d.Name)
		}
	} else if err = canDetach(d, m); err == nil {
		open.Remove, err = queue(open.Remove, d.Name)
	}
	s.edits[id] = open
	return err
}

func canAdd(d *device) error {
	if d.group != 0 {
		return violates(RuleSystemFree, "%s is not in the system free pool: it is in group %d", d.Name, d.group)
	}
	return nil
}

func canRemove(d *device, group int) error {
	switch {
	case d.group != group:
		return violates(RuleUnattached, "%s is not in group %d", d.Name, group)
	case d.machine != 0:
		return violates(RuleUnattached, "%s is attached to machine %d", d.Name, d.machine)
	}
	return nil
}

func canAttach(d *device, m machine) error {
	switch {
	case d.group != m.Group:
		return violates(RuleGroupFree, "%s is not in group %d, the group of machine %d", d.Name, m.Group, m.ID)
	case d.machine != 0:
		return violates(RuleGroupFree, "%s is attached to machine %d", d.Name, d.machine)
	}
	return nil
}

func canDetach(d *device, m machine) error {
	if d.machine != m.ID {
		return violates(RuleAttached, "%s is not attached to machine %d", d.Name, m.ID)
	}
	return nil
}

// donePool applies the queue of a pool session and ends it. The rules are
// looked at again, because the world moved since the devices were queued; one
// that does not hold refuses the whole commit and leaves the session open.
func (s *state) donePool(id int) error {
	open, err := s.needPool(id)
	if err == nil {
		err = s.regroup(id, open)
	}
	if err == nil {
		delete(s.pools, id)
	}
	return err
}

// regroup applies the queue of a pool session, open or not any more.
func (s *state) regroup(id int, q session) error {
	for _, name := range q.Remove {
		d, err := s.find(name, "")
		if err == nil {
			err = canRemove(d, id)
		}
		if err != nil {
			return err
		}
		d.group = 0
	}
	for _, name := range q.Add {
		d, err := s.find(name, "")
		if err == nil {
			err = canAdd(d)
		}
		if err != nil {
			return err
		}
		d.group = id
	}
	return nil
}

// reprogram applies the queue of a machine session, removes before adds
// (liqid-api.md 3.5), and ends it, all or nothing like donePool.
func (s *state) reprogram(id int, now time.Time) error {
	open, err := s.needEdit(id)
	if err == nil {
		err = s.reattach(id, open, now)
	}
	if err == nil {
		delete(s.edits, id)
	}
	return err
}

// reattach applies the queue of a machine session, open or not any more.
func (s *state) reattach(id int, q session, now time.Time) error {
	m := s.machines[id]
	for _, name := range q.Remove {
		d, err := s.find(name, "")
		if err == nil {
			err = canDetach(d, m)
		}
		if err == nil {
			err = s.canLetGo(d)
		}
		if err != nil {
			return err
		}
		d.detach()
	}
	for _, name := range q.Add {
		d, err := s.find(name, "")
		if err == nil {
			err = canAttach(d, m)
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

// detach leaves a device in its group. A host that leaves its machine is off.
func (d *device) detach() {
	d.machine, d.attached, d.order = 0, 0, 0
	d.powered, d.upAt, d.inUse = false, 0, false
}

// canLetGo refuses to take a device that a program on a running host has open
// (liqid-api.md 2.1, reprogram/force, inferred). The client broke no rule.
func (s *state) canLetGo(d *device) error {
	if h := s.host(d.machine); d.inUse && h != nil && h.powered {
		return invalid("%s is in use on the host of machine %d", d.Name, d.machine)
	}
	return nil
}

// wear marks the drives of a machine that is on: somebody may have written to them.
func (s *state) wear(id int) {
	if h := s.host(id); h == nil || !h.powered {
		return
	}
	for i := range s.devices {
		if d := &s.devices[i]; d.machine == id && d.keepsData() && !d.gone {
			d.data = true
		}
	}
}

func (s *state) createMachine(id, inGroup int, name string, now time.Time) error {
	if id < 1 || id > MaxMachineID {
		return violates(RuleIDFree, "mach_id %d is not from 1 to %d", id, MaxMachineID)
	}
	if other, used := s.machines[id]; used {
		return violates(RuleIDFree, "mach_id %d is in use by machine %q", id, other.Name)
	}
	if err := s.needGroup(inGroup); err != nil {
		return err
	}
	if name == "" {
		return invalid("mach_name is missing")
	}
	if n := utf8.RuneCountInString(name); n > MaxMachineName {
		return invalid("mach_name %q has %d characters; at most %d are allowed", name, n, MaxMachineName)
	}
	s.machines[id] = machine{ID: id, Group: inGroup, Name: name, Created: now.Unix(), Changed: now.Unix()}
	return nil
}

// deleteMachine leaves the machine's devices in its group's free pool and drops
// an edit session on it (liqid-api.md 2.5, 3.6).
func (s *state) deleteMachine(id int) error {
	if _, err := s.needMachine(id); err != nil {
		return err
	}
	for i := range s.devices {
		if s.devices[i].machine == id {
			s.devices[i].detach()
		}
	}
	delete(s.machines, id)
	delete(s.edits, id)
	return nil
}

func (s *state) setP2P(id int, on bool, p policy, now time.Time) error {
	m, err := s.needMachine(id)
	if err != nil {
		return err
	}
	if p.refuseSameP2P && m.P2P == on {
		return violates(RuleP2P, "p2p of machine %d is already %s", id, onOff(on))
	}
	m.P2P, m.Changed = on, now.Unix()
	s.machines[id] = m
	return nil
}

// power carries out start, shutdown, reboot or restart. Starting what runs and
// shutting down what is off change nothing; a host that is off cannot be
// rebooted or restarted, because there is nothing running to end.
func (s *state) power(id int, verb string, boot time.Duration, now time.Time) error {
	if _, err := s.needMachine(id); err != nil {
		return err
	}
	h := s.host(id)
	if h == nil {
		return invalid("machine %d has no compute device to power", id)
	}
	switch verb {
	case "start":
		if !h.powered {
			h.powered, h.upAt = true, now.Add(boot).UnixMilli()
		}
	case "shutdown":
		h.powered, h.upAt = false, 0
	default:
		if !h.powered {
			return invalid("cannot %s machine %d: it is off", verb, id)
		}
		h.upAt = now.Add(boot).UnixMilli()
	}
	s.wear(id)
	return nil
}

// erase wipes a drive that is attached to nothing (liqid-api.md 2.9).
func erase(d *device, now time.Time) error {
	switch {
	case !d.keepsData():
		return invalid("%s is not a drive", d.Name)
	case d.machine != 0:
		return violates(RuleEraseDetached, "%s is attached to machine %d", d.Name, d.machine)
	}
	d.data, d.erased = false, now.UnixMilli()
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
