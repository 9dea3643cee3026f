package liqid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// session is one edit session on our group or on one of our machines
// (liqid-api.md 2.1, 2.3). It ends with a commit or a cancel; a director tells
// nobody who opened it.
type session struct {
	open, commit string   // paths of POST calls
	cancel       []string // paths of POST calls: the next where one is not there
	body         any      // the record that names what is edited
	what         string   // it, for people
	moves        []aspect // what is queued
	// queue asks for the changes; check looks once more before the commit.
	queue, check func(context.Context) error
	// finish makes the committing call where that is not POST commit.
	finish func(context.Context) (answerKind, error)
}

// run carries a session from its opening to its end. Whatever goes wrong after
// it was opened, or may have been, it is cancelled before run returns, or the
// error says that it may still be open.
func (j *job) run(ctx context.Context, s session) error {
	j.Fabric.queue.begin(j.step, s.moves)
	unchanged := j.partsBeside(ctx)
	defer unchanged.end()
	if err := j.calls.change(ctx, http.MethodPost, s.open, s.body); err != nil {
		switch codeOf(err) {
		case composa.CodeUnknown:
			return j.abandon(ctx, s, err)
		case composa.CodeRefused, composa.CodeBusy:
			// The one rule about opening, besides that the target is there, is
			// that nobody else edits it (liqid-api.md 3.9). That may be a probe of
			// ours that was killed.
			if g := j.look.ours(j.mark); g != nil {
				err = errors.Join(err, j.sweep(ctx, g))
			}
			return as(composa.CodeBusy, err)
		}
		return err
	}
	j.opened = true
	if err := s.queue(ctx); err != nil {
		return j.abandon(ctx, s, err)
	}
	if err := unchanged.check(); err != nil {
		return j.abandon(ctx, s, err)
	}
	if err := s.check(ctx); err != nil {
		return j.abandon(ctx, s, err)
	}
	finish := s.finish
	if finish == nil {
		finish = func(ctx context.Context) (answerKind, error) {
			return j.commit(ctx, http.MethodPost, s.commit, s.body)
		}
	}
	j.last = &s
	_, err := finish(ctx)
	switch codeOf(err) {
	case "":
		j.changed = true
		return nil
	case composa.CodeUnknown:
		return j.doubt(ctx, s, err)
	}
	return j.abandon(ctx, s, err)
}

// commit makes a committing call, and watches beside it whether the director
// lists it as under way, for as long as that is not known.
func (j *job) commit(ctx context.Context, method, path string, body any) (answerKind, error) {
	j.by = commitOf(method, path)
	traced, stop := j.watchPending(ctx, j.by)
	how, err := j.calls.commit(traced, method, path, body)
	stop(err == nil)
	j.how = how
	if err == nil || codeOf(err) == composa.CodeUnknown {
		j.sent = time.Now()
	}
	return how, err
}

// doubt finds out what became of a commit whose answer was lost: where its
// effect is plainly there it is done, else the session is cancelled. Where predevice may
// show what is only queued the session is cancelled first: what is there then
// was committed. A director that says nothing more is left alone: whoever
// settles the step ends its session.
func (j *job) doubt(ctx context.Context, s session, lost error) error {
	standing, err := j.became(ctx)
	if isSilent(err) {
		return &fault{
			code: composa.CodeUnknown, open: true, err: errors.Join(lost, err),
			why: fmt.Sprintf("%v; the edit session on %s may still be open, because %v", lost, s.what, err),
		}
	}
	if err != nil && ctx.Err() != nil { // the caller's time is over
		own, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
		defer stop()
		ctx = own
		standing, err = j.became(ctx)
	}
	holds := err == nil && standing == composa.Holds
	// What is not shown any more holds too where it was to go; that is no sign
	// that the commit came to its end, which is what ends the session.
	sure := holds && !errors.Is(lost, errWorkFailed) && j.shown()
	if sure && (s.finish != nil || j.hides(s)) {
		j.changed = true
		return nil
	}
	ended := j.abandon(ctx, s, lost)
	if !holds || ended != lost {
		return ended
	}
	if standing, err := j.became(ctx); err == nil && standing == composa.Holds {
		j.changed = true
		return nil
	}
	return lost
}

// hides says whether all that is queued in a session is known not to show before
// it is committed.
func (j *job) hides(s session) bool { return j.observed.is(askQueue, seenHidden, s.moves...) }

// shown says whether the newest look shows every device of the step.
func (j *job) shown() bool {
	return !slices.ContainsFunc(j.step.Devices(), func(ref composa.DeviceRef) bool { return j.pic.Device(ref.Name) == nil })
}

// became waits until nothing is under way and says how the step stands then.
func (j *job) became(ctx context.Context) (composa.Standing, error) {
	ctx, stop := j.bounded(ctx)
	defer stop()
	if err := j.quiet(ctx); err != nil {
		return "", err
	}
	w := j.wait()
	for {
		standing, _, err := j.judge(ctx, twoReadings)
		if w.silent(err) {
			return "", j.silence(err)
		}
		if err == nil || !again(err) || w.pause(ctx) != nil {
			return standing, err
		}
	}
}

// abandon cancels a session after err and says what err means then: where the
// cancelling cannot be confirmed, something may still happen. It takes its own
// time, because the caller's may be over.
func (j *job) abandon(ctx context.Context, s session, err error) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer stop()
	if failed := j.cancel(ctx, s.cancel, s.body); failed != nil {
		return &fault{
			code: composa.CodeUnknown, open: true, err: errors.Join(err, failed),
			why: fmt.Sprintf("%v; and the edit session on %s could not be cancelled: %v", err, s.what, failed),
		}
	}
	return err
}

// refusals is how often a cancel must be refused, in words that are not known,
// before it is taken to mean that nothing is open.
const refusals = 3

// cancel ends a session. That there is none is as good. A director that is at
// work is asked again, less and less often, until ctx ends, one that does not answer until
// Timeouts.Silence has passed. One that refuses in words that are not known may
// be at work too: that counts only when nothing sent can still take effect.
func (j *job) cancel(ctx context.Context, paths []string, body any) error {
	w := j.wait()
	refused := 0
	for {
		err := j.calls.change(ctx, http.MethodPost, paths[0], body)
		var said *fault
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &said) || said.status < 400 || said.status >= 500:
		case nothingOpen.MatchString(said.why):
			return nil
		case said.code == composa.CodeUnsupported && len(paths) > 1:
			paths = paths[1:]
			continue
		case said.code == composa.CodeRefused || said.code == composa.CodeUnsupported:
			if refused++; refused >= refusals && j.nothingLate() {
				return nil
			}
		}
		if w.silent(err) {
			return j.silence(err)
		}
		if w.pauseToChange(ctx) != nil {
			return err
		}
	}
}

// nothingLate says whether nothing that was sent can still take effect: so much
// time has passed, or the director lists what is under way and was asked before.
func (j *job) nothingLate() bool {
	return j.listed() || time.Since(j.sent) >= j.config.Timeouts.Late
}
