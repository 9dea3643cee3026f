package liqid

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// underWay lists the commands that a director works on and that may be about
// our group or the step's machine.
func (j *job) underWay(ctx context.Context) ([]pending, error) {
	commands, err := j.Fabric.underWay(ctx, j.know, j.target())
	if j.last != nil && slices.ContainsFunc(commands, func(p pending) bool { return p.group != 0 || p.machine != 0 }) {
		j.observed.sawOf(askPending, j.by, seenLists) // it is ours: nothing else was under way before
	}
	return commands, err
}

// listed says whether the director lists what the step sent for as long as that
// is under way; before anything was sent, all that a step can send.
func (j *job) listed() bool {
	if j.by == "" {
		return j.lists(j.know, commits...)
	}
	return j.lists(j.know, j.by)
}

// target is what a step is about: our group, and the number of its machine.
type target struct{ group, machine int }

func (j *job) target() target {
	t := target{}
	if g := j.look.ours(j.mark); g != nil {
		t.group = g.id
	}
	if n := parseNumber(j.step.Machine.Native); n.ok {
		t.machine = int(n.value)
	}
	return t
}

// underWay reads state/{fabric}. Commands that say nothing of a group or machine
// may be about any (liqid-api.md 2.12).
func (f *Fabric) underWay(ctx context.Context, k *knowledge, t target) ([]pending, error) {
	a, err := f.calls.read(ctx, fmt.Sprintf("state/%d", k.fabric))
	if err != nil {
		return nil, err
	}
	var out []pending
	for _, raw := range a.data {
		p := readPending(raw)
		if (p.machine == 0 && (p.group == 0 || p.group == t.group)) || (p.machine != 0 && p.machine == t.machine) {
			out = append(out, p)
		}
	}
	return out, nil
}

// quiet waits until nothing of the step's target is under way. Where a director
// does not list that there is nothing to wait for.
func (j *job) quiet(ctx context.Context) error {
	return j.Fabric.quiet(ctx, j.know, j.target())
}

func (f *Fabric) quiet(ctx context.Context, k *knowledge, t target) error {
	if !k.pending {
		return nil
	}
	ctx, cancel := f.bounded(ctx)
	defer cancel()
	w := f.wait()
	for {
		commands, err := f.underWay(ctx, k, t)
		if err != nil && !again(err) {
			return err
		}
		if err == nil && len(commands) == 0 {
			return nil
		}
		if w.silent(err) {
			return f.silence(err)
		}
		if stop := w.pause(ctx); stop != nil {
			if err == nil {
				err = faultf(composa.CodeUnreachable, "%s is still at work on %s", f.config.Name, commands[0].command)
			}
			return errors.Join(err, stop)
		}
	}
}

// pendingAt lists what is under way at a target, nothing where it is not told.
func (j *job) pendingAt(ctx context.Context, t target) ([]pending, error) {
	if !j.know.pending {
		return nil, nil
	}
	return j.Fabric.underWay(ctx, j.know, t)
}
