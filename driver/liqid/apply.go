package liqid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// job is one step on its way.
type job struct {
	*Fabric
	step composa.Step
	know *knowledge
	look *look            // the newest one
	pic  *composa.Picture // what it shows of the step's scope
	was  *composa.Picture // what it showed before anything was done
	// changed is true once a committing call was answered with success: no error
	// may say then that nothing happened.
	changed bool
	opened  bool              // an edit session was opened
	inside  map[string]member // what was read before it was committed
	last    *session          // the one that was committed last
	by      aspect            // how something was committed last
	how     answerKind        // to that call
	// sent is when that call, or another changing one, was answered with success,
	// or its answer was lost.
	sent time.Time
}

// acts are the ways to make a step true that is ready. Each returns when its
// last changing call has returned.
var acts = map[composa.Act]func(*job, context.Context) error{
	composa.ActEnter:   (*job).enter,
	composa.ActLeave:   (*job).leave,
	composa.ActMake:    (*job).make,
	composa.ActReshape: (*job).reshape,
	composa.ActRemove:  (*job).remove,
	composa.ActP2P:     (*job).p2p,
	composa.ActPower:   (*job).power,
}

// Apply makes one step true and returns the picture that proves it.
func (f *Fabric) Apply(ctx context.Context, s composa.Step) (*composa.Picture, error) {
	p, err := f.apply(ctx, s)
	return p, explain("cannot "+s.String(), err)
}

func (f *Fabric) apply(ctx context.Context, s composa.Step) (proof *composa.Picture, err error) {
	act := acts[s.Act]
	switch {
	case f.config.Access != composa.AccessManage:
		return nil, faultf(composa.CodeReadOnly, "%s is only observed", f.config.Name)
	case act == nil:
		return nil, faultf(composa.CodeUnsupported, "a director cannot %q", composa.Abridge(string(s.Act), 24))
	case s.Act == composa.ActMake && len(s.Attach) > 0:
		return nil, faultf(composa.CodeUnsupported, "a director makes machines empty")
	}
	if edits(s.Act) {
		if err := f.lock(ctx); err != nil {
			return nil, err
		}
		defer f.unlock()
		defer func() {
			if left, _ := errors.AsType[*fault](err); left == nil || !left.open {
				f.queue.end()
			}
		}()
	}
	k, err := f.know(ctx)
	if err != nil {
		return nil, err
	}
	if k.speaks.readOnly != "" {
		return nil, &fault{code: composa.CodeReadOnly, why: k.speaks.readOnly, next: k.speaks.next}
	}
	j := &job{Fabric: f, step: s, know: k}
	standing, why, err := j.stands(ctx)
	switch {
	case err != nil:
		return nil, err
	case standing == composa.Holds:
		return j.pic, nil
	case standing == composa.Conflict:
		return nil, faultf(composa.CodeConflict, "%s", why)
	}
	if err := f.same(ctx, k); err != nil {
		return nil, err
	}
	j.was = j.pic
	if err := act(j, ctx); err != nil {
		return j.after(ctx, err)
	}
	j.sent = time.Now()
	return j.prove(ctx)
}

// stands judges a step before anything is done. What would end it there is
// looked at again: a director may answer from what was so a moment ago, twice
// the same. Where it is acted on such an answer its own rules refuse it.
func (j *job) stands(ctx context.Context) (standing composa.Standing, why string, err error) {
	var before composa.Standing
	for round := range maxRounds {
		standing, why, err = j.judge(ctx, round == 0)
		if err != nil || standing == composa.Ready || standing == before {
			return standing, why, err
		}
		before = standing
	}
	return standing, why, nil
}

// edits says whether an act opens a session or makes something: those never
// overlap on a director.
func edits(a composa.Act) bool { return a != composa.ActP2P && a != composa.ActPower }

func (f *Fabric) lock(ctx context.Context) error {
	select {
	case f.edit <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &fault{code: composa.CodeBusy, why: "another step is still being carried out on " + string(f.config.Name), err: ctx.Err()}
	}
}

func (f *Fabric) unlock() { <-f.edit }

// judge looks and says how the step stands. afresh reads the details of the
// step's parts again, so that an exchanged one is noticed.
func (j *job) judge(ctx context.Context, afresh bool) (composa.Standing, string, error) {
	l, err := j.Fabric.look(ctx, j.know)
	if err != nil {
		return "", "", err
	}
	if !l.complete {
		return "", "", faultf(composa.CodeBusy, "%s changes faster than it can be looked at", j.config.Name)
	}
	if afresh {
		var parts []*device
		for _, d := range j.step.Devices() {
			if at := l.device(d.Name); at != nil {
				parts = append(parts, at)
			}
		}
		if err := j.learnParts(ctx, j.know, parts); err != nil {
			return "", "", err
		}
	}
	j.look, j.pic = l, narrow(j.see(j.know).picture(l), j.step.Scope())
	standing, why := j.step.Judge(j.pic)
	return standing, why, nil
}

// after says what an act that failed means, by looking where that can tell.
func (j *job) after(ctx context.Context, err error) (*composa.Picture, error) {
	if j.changed && codeOf(err) != composa.CodeFailed {
		err = as(composa.CodeUnknown, err)
	}
	code := codeOf(err)
	f, _ := errors.AsType[*fault](err)
	look := code == composa.CodeUnknown || code == composa.CodeRefused || j.opened && (code == composa.CodeBusy || code == composa.CodeConflict)
	if !look || (f != nil && f.open) {
		return nil, err
	}
	if code == composa.CodeUnknown {
		if j.quiet(ctx) != nil {
			return nil, err
		}
	}
	standing, why, looked := j.judge(ctx, false)
	switch {
	case looked != nil:
		if j.opened && code != composa.CodeUnknown {
			return nil, as(composa.CodeUnknown, err) // somebody may have committed our session, and nothing tells
		}
	case standing == composa.Holds:
		return j.pic, nil
	case j.begun():
		return nil, as(composa.CodeUnknown, err)
	case standing == composa.Conflict && code == composa.CodeRefused:
		return nil, faultf(composa.CodeConflict, "%s", why)
	}
	return nil, err
}

// begun says whether a part of the step was done that was not before: somebody
// else committed our session with what was queued by then.
func (j *job) begun() bool {
	if j.was == nil {
		return false
	}
	attach, detach := j.step.Todo(j.was)
	stillIn, stillOut := j.step.Todo(j.pic)
	left := func(todo []composa.DeviceRef, name string) bool {
		return slices.ContainsFunc(todo, func(d composa.DeviceRef) bool { return d.Name == name })
	}
	area := map[composa.Act]composa.Area{composa.ActReshape: composa.AreaOurs, composa.ActLeave: composa.AreaFree}[j.step.Act]
	return slices.ContainsFunc(attach, func(d composa.DeviceRef) bool { return j.pic.Device(d.Name) != nil && !left(stillIn, d.Name) }) ||
		slices.ContainsFunc(detach, func(d composa.DeviceRef) bool {
			seen := j.pic.Device(d.Name)
			return seen != nil && seen.Spot.Area == area && !left(stillOut, d.Name)
		})
}

// surely is how many looks in a row must show the same before it is taken for
// what will stay so.
const surely = 3

// prove looks until the step holds. It gives up when nothing more can come of
// what was sent and the step does not hold, or when it cannot hold any more.
func (j *job) prove(ctx context.Context) (*composa.Picture, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	w := j.wait()
	idle, against := 0, 0
	ended := j.last == nil || j.last.finish != nil || j.how == answerFollowed || j.hides(*j.last)
	why := "it is not to be seen yet"
	for looks := 1; ; looks++ {
		standing, conflict, err := j.judge(ctx, false)
		switch {
		case w.silent(err):
			return nil, as(composa.CodeUnknown, j.silence(err))
		case err != nil && !again(err):
			return nil, as(composa.CodeUnknown, err)
		case err == nil && standing == composa.Holds && !ended:
			if err := j.sessionOver(ctx); err != nil {
				return nil, as(composa.CodeUnknown, err)
			}
			ended = true
			continue
		case err == nil && standing == composa.Holds:
			j.learnCommit(looks)
			return j.pic, nil
		case err == nil:
			if against++; standing != composa.Conflict {
				against = 0
			}
			if conflict != "" {
				why = conflict
			}
			over, err := j.over(ctx, &idle)
			switch {
			case err == nil && over:
				return nil, j.failed(ctx, conflict)
			case against >= surely:
				return nil, faultf(composa.CodeUnknown, "%s took it, and then: %s", j.config.Name, why)
			}
		}
		if w.pause(ctx) != nil {
			return nil, faultf(composa.CodeUnknown, "%s took it, and the time was up before it was seen: %s", j.config.Name, why)
		}
	}
}

// sessionOver returns when the session that was committed is over: where
// predevice may show what is queued, and a commit may be answered before its
// work is done, only a look after that proves anything. Where nothing lists what
// is under way the session is cancelled: a director at work refuses that, and
// one that is done says that there is none (see cancel).
func (j *job) sessionOver(ctx context.Context) error {
	if j.listed() {
		return j.quiet(ctx)
	}
	return j.cancel(ctx, j.last.cancel, j.last.body)
}

// over says whether nothing more can come of the last changing call: the
// director lists what is under way so and lists nothing for a while, its link
// said so, or so much time has passed that nothing is late any more. idle counts
// the looks in a row at which nothing was under way.
func (j *job) over(ctx context.Context, idle *int) (bool, error) {
	if j.step.Act == composa.ActPower {
		return time.Since(j.sent) >= j.config.Timeouts.Power, nil
	}
	if j.know.pending {
		commands, err := j.underWay(ctx)
		if err != nil || len(commands) > 0 {
			*idle = 0
			return false, err
		}
	}
	if j.listed() || j.how == answerFollowed {
		*idle++
		return *idle >= surely && time.Since(j.sent) >= silentAfter, nil
	}
	return time.Since(j.sent) >= j.config.Timeouts.Late, nil
}

// failed is a step that the director took and that is not there, nor will be.
// Its session may be: a commit that was answered before its work was done leaves
// it open where the work fails.
func (j *job) failed(ctx context.Context, conflict string) error {
	err := faultf(composa.CodeFailed, "%s says that it is done, and it is not so: %s", j.config.Name, j.seen(conflict))
	if j.last == nil {
		return err
	}
	return j.abandon(ctx, *j.last, err)
}

// again says whether a look that failed is worth another one.
func again(err error) bool {
	c := codeOf(err)
	return c == composa.CodeUnreachable || c == composa.CodeBusy
}

// seen tells what is there instead of what the step wants.
func (j *job) seen(conflict string) string {
	if conflict != "" {
		return conflict
	}
	for _, d := range j.step.Devices() {
		at := j.pic.Device(d.Name)
		if at == nil {
			return fmt.Sprintf("%s is not there any more", d.Name)
		}
		if a, r := j.step.Todo(j.pic); slices.ContainsFunc(slices.Concat(a, r), func(x composa.DeviceRef) bool { return x.Name == d.Name }) {
			return fmt.Sprintf("%s is in %s", d.Name, at.Spot)
		}
	}
	if m := j.pic.Ours(j.step.Machine); m != nil {
		return fmt.Sprintf("machine %q has power %s and p2p %t", m.Label, m.Power, m.P2P)
	}
	return fmt.Sprintf("machine %q is not there", j.step.Machine.Label)
}

// silence is the end of a wait during which nothing was answered; err is what
// came of its last call.
func (f *Fabric) silence(err error) error {
	return &fault{
		code: composa.CodeUnreachable, silent: true, err: err,
		why: fmt.Sprintf("%s has not answered for %s: %v", f.config.Name, f.config.Timeouts.Silence, err),
	}
}

// bounded gives a wait an end, the caller's where that is sooner.
func (f *Fabric) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, f.config.Timeouts.Settle)
}

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
