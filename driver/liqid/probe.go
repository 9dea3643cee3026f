package liqid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// probeLabel begins the names of the machines that are made to be tried on. It
// has hyphens, which the label of no machine of ours has (composa.MachineLabel);
// directors take them (liqid-api.md 1.3).
const probeLabel = "composa-probe-"

// isProbe recognizes those names: as long as names may be.
var isProbe = regexp.MustCompile(`^` + probeLabel + `[0-9a-z]{8}$`).MatchString

// probeName is one of them, by the time: different for what is tried at
// different milliseconds of 80 years.
func probeName(now time.Time) string {
	n := strconv.FormatInt(now.UnixMilli()%2_821_109_907_456, 36) // 36⁸
	return probeLabel + strings.Repeat("0", 8-len(n)) + n
}

// probing is one try of how a director takes things, on an empty machine of its
// own in this site's group. Everything that it opened or made it ends again,
// also what one that was killed left behind.
type probing struct {
	*job
	group   *group
	machine *machine
	editing bool // the machine may be in edit
	pooling bool // the group may be
}

func (f *Fabric) probe(ctx context.Context, k *knowledge) error {
	switch {
	case f.config.Access != composa.AccessManage:
		return faultf(composa.CodeReadOnly, "%s is only observed", f.config.Name)
	case k.speaks.readOnly != "":
		return &fault{code: composa.CodeReadOnly, why: k.speaks.readOnly, next: k.speaks.next}
	}
	if err := f.lock(ctx); err != nil {
		return err
	}
	defer f.unlock()
	l, err := f.look(ctx, k, everything)
	if err != nil {
		return err
	}
	p := &probing{job: &job{Fabric: f, know: k, look: l}}
	if p.group, err = p.ourGroup(ctx); err != nil {
		return err
	}
	for _, left := range p.left(p.group) {
		// Who asks for a probe means the group: also a pool that one left in edit.
		if err := errors.Join(p.cancel(ctx, poolCancel, p.poolOf(p.group, nil)), left.sweep(ctx)); err != nil {
			return err
		}
	}
	err = p.makeMachine(ctx)
	if err == nil {
		err = p.try(ctx)
	}
	return errors.Join(err, p.end(ctx))
}

// sweep removes, at a look, what a probe that was killed left: until then it may
// keep everybody from editing anything. Where a step or a probe is on its way
// the next look does. What does not come off at once is tried again then too.
func (f *Fabric) sweep(ctx context.Context, k *knowledge, l *look) {
	j := &job{Fabric: f, know: k, look: l}
	g := l.ours(f.mark)
	if g == nil || f.config.Access != composa.AccessManage || k.speaks.readOnly != "" || len(j.left(g)) == 0 {
		return
	}
	select {
	case f.edit <- struct{}{}:
		defer f.unlock()
		_ = j.sweep(ctx, g) // the look itself is good, and the next one comes here again
	default:
	}
}

func (j *job) sweep(ctx context.Context, g *group) error {
	for _, left := range j.left(g) {
		if err := left.sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// left are the machines in our group that probes left there, but for those that
// somebody put something into.
func (j *job) left(g *group) (all []*probing) {
	for i := range j.look.machines {
		if m := &j.look.machines[i]; m.group == g.id && isProbe(m.name) && !j.look.holds(m) {
			all = append(all, &probing{job: j, group: g, machine: m})
		}
	}
	return all
}

// sweep removes what is left of a probe. Where its machine was in edit our pool
// may be, which it edited meanwhile; else whoever edits that is somebody else.
func (p *probing) sweep(ctx context.Context) error {
	ctx, stop := p.ownTime(ctx)
	defer stop()
	if m, err := p.find(ctx, p.machine.id, p.machine.name); m == nil || err != nil {
		return err
	}
	was, err := p.wasEdited(ctx)
	if was && err == nil {
		err = p.cancel(ctx, poolCancel, p.poolOf(p.group, nil))
	}
	if err != nil {
		return err
	}
	_, err = p.delete(ctx, true)
	if codeOf(err) == composa.CodeRefused {
		_, err = p.delete(ctx, false)
	}
	return err
}

// wasEdited cancels what may be open on the machine, and says whether something
// was: there is nothing else to see it by.
func (p *probing) wasEdited(ctx context.Context) (bool, error) {
	for _, path := range p.know.speaks.cancel {
		err := p.calls.change(ctx, http.MethodPost, path, p.machine.raw)
		if err == nil {
			return true, nil
		}
		if codeOf(err) != composa.CodeUnsupported {
			break
		}
	}
	return false, p.cancel(ctx, p.know.speaks.cancel, p.machine.raw)
}

// holds says whether something is in a machine.
func (l *look) holds(m *machine) bool {
	for _, at := range l.members {
		if at.machine == m.id {
			return true
		}
	}
	return false
}

func (p *probing) makeMachine(ctx context.Context) error {
	id, err := p.nextID(ctx, "machine/nextid")
	if err != nil {
		return err
	}
	name := probeName(p.config.Clock())
	made := p.calls.change(ctx, http.MethodPost, "machine", newMachine{p.know.fabric, p.group.id, id, name, "off", []int{}})
	if made != nil && codeOf(made) != composa.CodeUnknown {
		return made
	}
	if p.machine, err = p.find(ctx, id, name); err != nil {
		return err
	}
	if p.machine == nil {
		return errors.Join(made, faultf(composa.CodeFailed, "the machine that was made to be tried on is not there"))
	}
	p.observed.sawMachines([]machine{*p.machine})
	p.job.step.Machine.Native = p.machine.native() // what is under way is looked for by it
	return nil
}

// find reads the machine with a number and a name; nil where there is none.
func (p *probing) find(ctx context.Context, id int, name string) (*machine, error) {
	machines, err := p.readMachines(ctx, p.know.speaks.inGroup(p.group.id))
	if err != nil {
		return nil, err
	}
	if m := findMachine(machines, id); m != nil && m.name == name && m.group == p.group.id {
		return m, nil
	}
	return nil, nil
}

// try makes the calls whose answers are asked for.
func (p *probing) try(ctx context.Context) error {
	p.editing = true
	open := func(path string, body any) error { return p.calls.change(ctx, http.MethodPost, path, body) }
	if err := open("fabric/edit", p.machine.raw); err != nil {
		return err
	}
	if err := p.answer(askSecondEdit, seenAccepted, seenRefused, open("fabric/edit", p.machine.raw)); err != nil {
		return err
	}
	p.pooling = true
	if err := p.answer(askEditing, seenMany, seenOne, open("pool/edit", p.poolOf(p.group, nil))); err != nil {
		return err
	}
	if p.observed.is(askEditing, seenMany) {
		if err := p.cancel(ctx, poolCancel, p.poolOf(p.group, nil)); err != nil {
			return err
		}
	}
	p.pooling = false
	how, err := p.commit(ctx, http.MethodPost, "fabric/reprogram", p.machine.raw)
	if err != nil {
		return err
	}
	p.editing = false
	if how == answerFollowed || how == answerAccepted {
		p.observed.saw(askCommit, seenLink)
	}
	_, err = p.patient(ctx, http.MethodPost, "machine/p2p", p.machine.raw) // it is off, and stays so
	return p.answer(askSameP2P, seenTaken, seenRefused, err)
}

// patient makes a committing call again for as long as the director is at work:
// where it answered the one before, that was not when it was done.
func (p *probing) patient(ctx context.Context, method, path string, body any) (answerKind, error) {
	before := p.how
	w := p.wait()
	for {
		how, err := p.commit(ctx, method, path, body)
		if codeOf(err) != composa.CodeBusy {
			return how, err
		}
		if before == answerDone {
			p.observed.saw(askCommit, seenEarly)
		}
		if w.pause(ctx) != nil {
			return how, err
		}
	}
}

// answer notes which of two answers a call got; what is neither is an error.
func (p *probing) answer(q question, taken, refused string, err error) error {
	switch codeOf(err) {
	case "":
		p.observed.saw(q, taken)
	case composa.CodeRefused, composa.CodeBusy:
		p.observed.saw(q, refused)
	default:
		return err
	}
	return nil
}

// ownTime is for ending what was begun, also when the caller's time is over.
func (p *probing) ownTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cancelTime+p.config.Timeouts.Change)
}

// end removes the machine, after what is open on it and on the group, whatever
// went wrong.
func (p *probing) end(ctx context.Context) error {
	ctx, stop := p.ownTime(ctx)
	defer stop()
	var failed error
	if p.pooling {
		failed = p.cancel(ctx, poolCancel, p.poolOf(p.group, nil))
	}
	if p.machine == nil {
		return failed
	}
	if p.editing {
		failed = errors.Join(failed, p.cancel(ctx, p.know.speaks.cancel, p.machine.raw))
	}
	if err := p.remove(ctx); err != nil {
		return errors.Join(failed, err)
	}
	if next, err := p.nextID(ctx, "machine/nextid"); err == nil {
		machines, err := p.readMachines(ctx, "")
		if err == nil {
			p.observed.sawNext(next, machines)
		}
	}
	if failed != nil {
		return fmt.Errorf("what was opened to be tried on may still be open: %w", failed)
	}
	return nil
}

// remove deletes the machine, again where the director was busy or lost the
// call, and looks until it is gone.
func (p *probing) remove(ctx context.Context) error {
	var how answerKind
	var failed error
	inside, sent := true, 0 // sent: looks since it was taken
	w := p.wait()
	for {
		m, err := p.find(ctx, p.machine.id, p.machine.name)
		switch {
		case err != nil:
		case m == nil:
			if how == answerDone && sent > 1 {
				p.observed.saw(askCommit, seenEarly)
			}
			return nil
		case sent > 0:
			sent++
		default:
			how, err = p.delete(ctx, inside)
			switch codeOf(err) {
			case "":
				sent = 1
				continue
			case composa.CodeRefused:
				inside = !inside
			case composa.CodeConflict:
				return err
			}
			failed = err
		}
		if w.silent(err) || w.pause(ctx) != nil {
			return errors.Join(failed, err, faultf(composa.CodeFailed, "machine %q, made to be tried on, is still there", p.machine.name))
		}
	}
}

// delete deletes the machine as a step does: inside a session, which keeps
// others from editing it, and after a look that shows that it is empty and still
// this one. Where a director does not delete what is in edit it is done without.
func (p *probing) delete(ctx context.Context, inside bool) (how answerKind, err error) {
	if inside {
		if err := p.calls.change(ctx, http.MethodPost, "fabric/edit", p.machine.raw); err != nil {
			switch codeOf(err) {
			case composa.CodeUnknown:
				err = errors.Join(err, p.cancel(ctx, p.know.speaks.cancel, p.machine.raw))
			case composa.CodeRefused: // somebody else edits it (liqid-api.md 3.9)
				err = as(composa.CodeBusy, err)
			}
			return "", err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, p.cancel(ctx, p.know.speaks.cancel, p.machine.raw))
			}
		}()
	}
	if err := p.unmoved(ctx); err != nil {
		return "", err
	}
	return p.commit(ctx, http.MethodDelete, "machine/"+p.machine.native(), nil)
}

// unmoved looks whether the machine is still the one that was made, and empty.
func (p *probing) unmoved(ctx context.Context) error {
	m, err := p.find(ctx, p.machine.id, p.machine.name)
	if err != nil {
		return err
	}
	if m == nil || !m.created.Equal(p.machine.created) {
		return faultf(composa.CodeConflict, "machine %q, made to be tried on, was replaced by another one meanwhile", p.machine.name)
	}
	members, _, err := p.readMembers(ctx, p.know, p.group, nil, []machine{*m})
	if err != nil {
		return err
	}
	if now := (&look{members: members}); now.holds(m) {
		return faultf(composa.CodeConflict, "somebody put something into machine %q, which was made to be tried on", m.name)
	}
	return nil
}
