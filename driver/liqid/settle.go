package liqid

import (
	"context"
	"time"

	"github.com/composa-dev/composa"
)

// Settle ends the session that an unfinished Apply of s may have left open, on
// our group or on the step's machine and on nothing else, and waits until
// nothing of it is under way. Where nothing may be changed now it says so: the
// step may have been begun when it was.
func (f *Fabric) Settle(ctx context.Context, s composa.Step) error {
	return explain("cannot settle what was left of the step to "+s.String(), f.settle(ctx, s))
}

func (f *Fabric) settle(ctx context.Context, s composa.Step) error {
	switch {
	case acts[s.Act] == nil:
		return nil // nothing was ever sent
	case f.config.Access != composa.AccessManage:
		return &fault{
			code: composa.CodeReadOnly, next: "set access: manage for it in the server's configuration, as it was when the step was begun",
			why: "it may have left an edit session open, and " + string(f.config.Name) + " is only observed",
		}
	}
	if edits(s.Act) {
		if err := f.lock(ctx); err != nil {
			return err
		}
		defer f.unlock()
	}
	k, err := f.know(ctx)
	if err != nil {
		return err
	}
	if k.speaks.readOnly != "" {
		return &fault{
			code: composa.CodeReadOnly, next: k.speaks.next,
			why: "it may have left an edit session open, and " + k.speaks.readOnly,
		}
	}
	j := &job{Fabric: f, step: s, know: k, sent: time.Now()} // at the latest
	if _, _, err := j.judge(ctx, twoReadings); err != nil {
		return err
	}
	// A commit under way ends its session itself.
	if err := j.quiet(ctx); err != nil {
		return err
	}
	if err := j.confirmed(); err != nil {
		return err
	}
	if err := j.endSessions(ctx); err != nil {
		return err
	}
	if err := j.quiet(ctx); err != nil {
		return err
	}
	if edits(s.Act) {
		f.queue.end()
	}
	return nil
}

// endSessions cancels what the step may have opened. A group of ours that is
// not the first of its name was never edited but to take devices out of it.
func (j *job) endSessions(ctx context.Context) error {
	ctx, stop := j.bounded(ctx)
	defer stop()
	switch j.step.Act {
	case composa.ActEnter, composa.ActLeave:
		for i := range j.look.groups {
			g := &j.look.groups[i]
			if g.name != j.mark {
				continue
			}
			if err := j.cancel(ctx, poolCancel, j.poolOf(g, nil)); err != nil {
				return err
			}
		}
	case composa.ActReshape, composa.ActRemove:
		m, _, err := j.ourMachine()
		if err != nil {
			return nil // a machine that is gone took its session with it; another one's is not ours
		}
		return j.cancel(ctx, j.know.speaks.cancel, m.raw)
	}
	return nil
}
