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
	RuleOneEdit       Rule = "edit sessions do not overlap"           // only of directors that have one at a time
	RuleSystemFree    Rule = "a device to add is in the system free pool"
	RuleGroupFree     Rule = "a device to attach is in the free pool of the machine's group"
	RuleUnattached    Rule = "a device to remove from a pool is in it and attached to nothing"
	RuleAttached      Rule = "a device to detach is in that machine"
	RuleClass         Rule = "the class in the path is the device's"
	RuleCommitting    Rule = "nothing else while the target is being committed"
	RuleGroupQuiet    Rule = "a group is deleted only when neither it nor a machine of it is edited"
	RuleCoordinates   Rule = "default coordinates point to this director"
	RuleEraseDetached Rule = "only a drive attached to nothing is erased"
	RuleP2P           Rule = "p2p changes" // only of directors that refuse what is so already
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

// contends refuses a request that another client stands in the way of: whoever
// asked could not know, and broke no rule.
func contends(format string, args ...any) error { return invalid(format, args...) }

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

// offerKept is for how long after nextid offered an id whoever takes it second
// has broken no rule (liqid-api.md A6).
const offerKept = time.Minute

// inUse refuses a new record with an id that is taken.
func inUse(offered bool, format string, args ...any) error {
	if offered {
		return contends(format, args...)
	}
	return violates(RuleIDFree, format, args...)
}

func (s *state) createGroup(id int, name string, offered bool) error {
	if id <= 0 {
		return violates(RuleIDFree, "grp_id %d is not positive", id)
	}
	if other, used := s.groups[id]; used {
		return inUse(offered, "grp_id %d is in use by group %q", id, other.Name)
	}
	if name == "" {
		return invalid("group_name is missing")
	}
	if n := utf8.RuneCountInString(name); n > MaxGroupName {
		return invalid("group_name has %d characters; at most %d are allowed", n, MaxGroupName)
	}
	if len(s.groups) >= MaxGroups {
		return invalid("there are %d groups, the most this director keeps", MaxGroups)
	}
	s.lastMade++
	s.groups[id] = group{ID: id, Name: name, Made: s.lastMade}
	return nil
}

// deleteGroup removes a group with its machines; its devices become free (liqid-api.md 2.2).
func (s *state) deleteGroup(id int, by client) error {
	if err := s.needGroup(id); err != nil {
		return err
	}
	if open, edited := s.pools[id]; edited {
		return taken(open.others(by), RuleGroupQuiet, "the pool of group %d is being edited", id)
	}
	for _, m := range s.sortedMachines() {
		if m.Group != id {
			continue
		}
		if open, edited := s.edits[m.ID]; edited {
			return taken(open.others(by), RuleGroupQuiet, "machine %d of group %d is being edited", m.ID, id)
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
func (s *state) clear(by client) {
	for t := range s.sessions() {
		s.end(t, by)
	}
	clear(s.groups)
	clear(s.machines)
	for i := range s.devices {
		s.devices[i].detach()
		s.devices[i].group = 0
	}
}

func needClass(d *device, c Class) error {
	if d.class() != c {
		return violates(RuleClass, "%s is of class %s, not %s", d.Name, d.class(), c)
	}
	return nil
}

// outrun is how long somebody may not have seen yet that a device was taken.
const outrun = time.Minute

// canAdd refuses what is in a group. Who asks for what somebody else took a
// moment ago has looked before and broken no rule.
func (s *state) canAdd(d *device, by client) error {
	if d.group != 0 {
		last, known := s.blame.taken[d.Name]
		lately := known && time.Since(last.at) < outrun
		return taken(lately && !slices.Contains(last.by, by), RuleSystemFree, "%s is not in the system free pool: it is in group %d", d.Name, d.group)
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

func (s *state) createMachine(id, inGroup int, name string, offered bool, now time.Time) error {
	if id < 1 || id > MaxMachineID {
		return violates(RuleIDFree, "mach_id %d is not from 1 to %d", id, MaxMachineID)
	}
	if other, used := s.machines[id]; used {
		return inUse(offered, "mach_id %d is in use by machine %q", id, other.Name)
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
	s.lastMade++
	s.machines[id] = machine{ID: id, Group: inGroup, Name: name, Made: s.lastMade, Created: now.Unix(), Changed: now.Unix()}
	s.lastMachine = max(s.lastMachine, id)
	return nil
}

// deleteMachine leaves the machine's devices in its group's free pool and drops
// an edit session on it (liqid-api.md 2.5, 3.6).
func (s *state) deleteMachine(id int, by client) error {
	if _, err := s.needMachine(id); err != nil {
		return err
	}
	for i := range s.devices {
		if s.devices[i].machine == id {
			s.devices[i].detach()
		}
	}
	s.end(machineTarget(id), by)
	delete(s.machines, id)
	return nil
}

func (s *state) setP2P(id int, on bool, h Habits, now time.Time) error {
	m, err := s.needMachine(id)
	if err != nil {
		return err
	}
	if h.SameP2P == "refused" && m.P2P == on {
		return violates(RuleP2P, "p2p of machine %d is already %s", id, onOff(on))
	}
	m.P2P, m.Changed = on, now.Unix()
	s.machines[id] = m
	return nil
}

// power carries out start, shutdown, reboot or restart. Starting what runs and
// shutting down what is off change nothing; a host that is off cannot be
// rebooted or restarted, because there is nothing running to end.
func (s *state) power(id int, verb string, boot time.Duration) error {
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
			h.powered, h.upAt = true, time.Now().Add(boot).UnixMilli()
		}
	case "shutdown":
		h.powered, h.upAt = false, 0
	default:
		if !h.powered {
			return invalid("cannot %s machine %d: it is off", verb, id)
		}
		h.upAt = time.Now().Add(boot).UnixMilli()
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
