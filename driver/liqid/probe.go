package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
)

// probeLabel begins the names of the machines that are made to be tried on.
const probeLabel = "composaprobe"

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
	l, err := f.look(ctx, k)
	if err != nil {
		return err
	}
	p := &probing{job: &job{Fabric: f, know: k, look: l}}
	if p.group, err = p.ourGroup(ctx); err != nil {
		return err
	}
	if err := p.sweep(ctx, p.group); err != nil {
		return err
	}
	err = p.makeMachine(ctx)
	if err == nil {
		err = p.try(ctx)
	}
	return errors.Join(err, p.end(ctx))
}

// sweep removes what a probe that was killed left in our group: its machine, and
// the session on the group that it may have open.
func (j *job) sweep(ctx context.Context, g *group) error {
	for i := range j.look.machines {
		left := &j.look.machines[i]
		if left.group != g.id || !strings.HasPrefix(left.name, probeLabel) || j.look.holds(left) {
			continue
		}
		old := &probing{job: j, group: g, machine: left, editing: true, pooling: true}
		if err := old.end(ctx); err != nil {
			return err
		}
	}
	return nil
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
	name := probeLabel + strconv.FormatInt(p.config.Clock().UnixMilli()%(1<<40), 36)
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

// end removes the machine, after what is open on it and on the group, whatever
// went wrong; in its own time, because the caller's may be over.
func (p *probing) end(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime+p.config.Timeouts.Change)
	defer stop()
	var failed error
	if p.pooling {
		failed = p.cancel(ctx, poolCancel, p.poolOf(p.group, nil))
	}
	if p.machine == nil {
		return failed
	}
	if p.editing {
		failed = errors.Join(failed, p.cancel(ctx, p.know.speaks.cancel, json.RawMessage(p.machine.raw)))
	}
	how, err := p.patient(ctx, http.MethodDelete, "machine/"+p.machine.native(), nil)
	w := p.wait()
	for looks := 1; ; looks++ {
		m, looked := p.find(ctx, p.machine.id, p.machine.name)
		if looked == nil && m == nil {
			if how == answerDone && looks > 1 {
				p.observed.saw(askCommit, seenEarly)
			}
			break
		}
		if w.silent(looked) || w.pause(ctx) != nil {
			return errors.Join(failed, err, looked, faultf(composa.CodeFailed, "machine %q, made to be tried on, is still there", p.machine.name))
		}
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
