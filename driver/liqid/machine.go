package liqid

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/composa-dev/composa"
)

// Machine numbers are 1 to maxMachine (liqid-api.md 1.1); names have at most
// maxName characters (1.3).
const (
	maxMachine = 16383
	maxName    = 22
)

// reserveFor is how long a number is not given out a second time: long enough
// for the make step of the first to come.
const reserveFor = 10 * time.Minute

// Reserve returns a machine number that is not in use and was not given out
// lately. Clients choose the numbers of machines (liqid-api.md 2.5).
func (f *Fabric) Reserve(ctx context.Context, s composa.Step) (native string, err error) {
	what := "cannot choose a number for " + s.Machine.Name + " on " + string(f.config.Name)
	var next int
	var machines []machine
	err = together(
		func() (err error) { next, err = f.nextID(ctx, "machine/nextid"); return err },
		func() (err error) { machines, err = f.readMachines(ctx, ""); return err })
	if err != nil {
		return "", explain(what, err)
	}
	f.observed.sawNext(next, machines)
	now := f.config.Clock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if next > maxMachine { // the director's own count goes on; the numbers end
		next = 1
	}
	for range maxMachine {
		given, lately := f.reserved[next]
		lately = lately && now.Sub(given) < reserveFor
		if !lately && findMachine(machines, next) == nil {
			f.reserved[next] = now
			return strconv.Itoa(next), nil
		}
		if next++; next > maxMachine {
			next = 1
		}
	}
	return "", explain(what, faultf(composa.CodeRefused, "all %d machine numbers are in use", maxMachine))
}

// newMachine is the record of a machine to make (liqid-api.md 1.4, 2.5).
type newMachine struct {
	Fabric  int    `json:"fabr_id"`
	Group   int    `json:"grp_id"`
	ID      int    `json:"mach_id"`
	Name    string `json:"mach_name"`
	P2P     string `json:"p2p"`
	History []int  `json:"connection_history"`
}

// make makes the machine, empty, under the number that was reserved.
func (j *job) make(ctx context.Context) error {
	id := parseNumber(j.step.Machine.Native)
	switch {
	case !id.ok || id.value < 1 || id.value > maxMachine:
		return faultf(composa.CodeRefused, "%q is not a machine number from 1 to %d", composa.Abridge(j.step.Machine.Native, 24), maxMachine)
	case j.step.Machine.Label == "" || len(j.step.Machine.Label) > maxName:
		return faultf(composa.CodeRefused, "%q is not a name of 1 to %d characters", composa.Abridge(j.step.Machine.Label, 40), maxName)
	}
	g, err := j.ourGroup(ctx)
	if err != nil {
		return err
	}
	err = j.calls.change(ctx, http.MethodPost, "machine",
		newMachine{j.know.fabric, g.id, int(id.value), j.step.Machine.Label, "off", []int{}})
	if codeOf(err) == composa.CodeRefused {
		return j.madeByOthers(ctx, err)
	}
	return err
}

// madeByOthers is a make that was refused: where the number is in use now, the
// machine that has it is not ours, whatever its name.
func (j *job) madeByOthers(ctx context.Context, refused error) error {
	standing, _, err := j.judge(ctx, twoReadings)
	switch {
	case err != nil:
		return refused
	case standing == composa.Holds: // the look before it was not of the moment
		return nil
	}
	if m := j.pic.Machine(j.step.Machine.Native); m != nil {
		return faultf(composa.CodeConflict, "machine %q was made meanwhile and has the number %s that was chosen", m.Label, m.Native)
	}
	return as(composa.CodeBusy, refused)
}

// machineRelator is the body of relate calls: whole records, as they came.
type machineRelator struct {
	Device  relator         `json:"groupDeviceRelator"`
	Machine json.RawMessage `json:"machine"`
}

// reshape attaches and detaches in one session.
func (j *job) reshape(ctx context.Context) error {
	m, g, err := j.ourMachine()
	if err != nil {
		return err
	}
	attach, detach := j.step.Todo(j.pic)
	for _, d := range attach {
		if at := j.pic.Device(d.Name).Spot; at.Area != composa.AreaOurs || at.Group != strconv.Itoa(g.id) {
			return faultf(composa.CodeConflict, "%s is in %s and not in the group of the machine", d.Name, at)
		}
	}
	relate := func(d *device) (string, any) {
		return "relate/" + d.class.relate, machineRelator{relator{d.raw, g.raw}, m.raw}
	}
	s := j.editMachine(m, g)
	if len(attach) > 0 {
		s.moves = append(s.moves, queueAttach)
	}
	if len(detach) > 0 {
		s.moves = append(s.moves, queueDetach)
	}
	s.queue = func(ctx context.Context) error {
		if err := j.queue(ctx, http.MethodDelete, detach, relate); err != nil {
			return err
		}
		return j.queue(ctx, http.MethodPost, attach, relate)
	}
	unmoved := s.check
	s.check = func(ctx context.Context) error {
		if err := unmoved(ctx); err != nil {
			return err
		}
		in := func(x member) bool { return x.machine == m.id }
		if err := j.ourQueue("machine "+m.name, queueAttach, attach, j.inside, in); err != nil {
			return err
		}
		return j.ourQueue("machine "+m.name, queueDetach, detach, j.inside, func(x member) bool { return !in(x) })
	}
	return j.run(ctx, s)
}

// ourMachine is the step's machine and its group, as they were read.
func (j *job) ourMachine() (*machine, *group, error) {
	if j.pic.Ours(j.step.Machine) != nil {
		if m := j.look.machine(int(parseNumber(j.step.Machine.Native).value)); m != nil {
			if g := j.look.group(m.group); g != nil {
				return m, g, nil
			}
		}
	}
	return nil, nil, faultf(composa.CodeConflict, "machine %q is not there any more", j.step.Machine.Label)
}

// editMachine is a session on one of our machines.
func (j *job) editMachine(m *machine, g *group) session {
	before := j.look.members
	return session{
		open: "fabric/edit", commit: "fabric/reprogram", cancel: j.know.speaks.cancel, body: m.raw, what: "machine " + m.name,
		check: func(ctx context.Context) error { return j.unmovedMachine(ctx, m, g, before) },
	}
}

// unmovedMachine looks, before a session on a machine is committed, whether it
// is still the same one and holds nothing that the step does not know.
func (j *job) unmovedMachine(ctx context.Context, m *machine, g *group, before map[string]member) error {
	var machines []machine
	var now map[string]member
	var commands []pending
	err := together(
		func() (err error) { machines, err = j.readMachines(ctx, j.know.speaks.inGroup(g.id)); return err },
		func() (err error) { now, _, err = j.readMembers(ctx, j.know, g, nil, j.look.machines); return err },
		func() (err error) { commands, err = j.pendingAt(ctx, target{g.id, m.id}); return err })
	if err != nil {
		return err
	}
	j.inside = now
	is := findMachine(machines, m.id)
	commands = slices.DeleteFunc(commands, func(p pending) bool { return p.machine == 0 && p.group != 0 })
	switch {
	case is == nil || is.group != m.group || is.name != m.name || !is.created.Equal(m.created):
		return faultf(composa.CodeConflict, "machine %q was replaced by another one meanwhile", m.name)
	case len(commands) > 0:
		return faultf(composa.CodeBusy, "%s is at work on machine %q (%s)", j.config.Name, m.name, commands[0].command)
	}
	return j.strangers(fmt.Sprintf("machine %q", m.name), before, now, func(x member) bool { return x.machine == m.id })
}

// remove deletes the machine, when it is empty. It does so inside an edit
// session, so that nobody puts a device into it after the last look; deleting
// ends the session (liqid-api.md 3.6). Where a director refuses that, it is
// deleted without one.
func (j *job) remove(ctx context.Context) error {
	m, g, err := j.emptyMachine()
	if err != nil {
		return err
	}
	path := "machine/" + m.native()
	finish := func(ctx context.Context) (answerKind, error) {
		return j.commit(ctx, http.MethodDelete, path, nil)
	}
	refused := false
	s := j.editMachine(m, g)
	s.queue = func(context.Context) error { return nil }
	s.finish = func(ctx context.Context) (answerKind, error) {
		how, err := finish(ctx)
		refused = codeOf(err) == composa.CodeRefused || codeOf(err) == composa.CodeBusy
		return how, err
	}
	err = j.run(ctx, s)
	if !refused || codeOf(err) == composa.CodeUnknown {
		return err
	}
	standing, why, looked := j.judge(ctx, twoReadings)
	switch {
	case looked != nil:
		return err
	case standing == composa.Holds:
		return nil
	case standing == composa.Conflict:
		return faultf(composa.CodeConflict, "%s", why)
	}
	if _, _, err := j.emptyMachine(); err != nil {
		return err
	}
	_, err = finish(ctx)
	return err
}

// emptyMachine is the step's machine, when nothing is in it. A director would
// put what is in it into the group; a step does that before.
func (j *job) emptyMachine() (*machine, *group, error) {
	m, g, err := j.ourMachine()
	if err != nil {
		return nil, nil, err
	}
	if held := j.pic.Ours(j.step.Machine).Devices; len(held) > 0 {
		return nil, nil, faultf(composa.CodeConflict, "machine %q still holds %s", m.name, held[0])
	}
	return m, g, nil
}
