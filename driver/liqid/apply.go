package liqid

import (
	"context"
	"errors"
	"time"

	"github.com/composa-dev/composa"
)

// job is one step on its way.
type job struct {
	*Fabric
	step composa.Step
	know *knowledge
	look *look            // the newest one
	pic  *composa.Picture // what it shows of what the step is to show
	was  *composa.Picture // what it showed before anything was done
	// changed is true once a committing call was answered with success: no error
	// may say then that nothing happened.
	changed bool
	// proven is true where an act has looked after its last changing call.
	proven bool
	opened bool              // an edit session was opened
	inside map[string]member // what was read before it was committed
	last   *session          // the one that was committed last
	by     aspect            // how something was committed last
	how    answerKind        // to that call
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
	f.steps.begin()
	defer f.steps.end()
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
	if err := j.confirmed(); err != nil {
		return nil, err
	}
	j.was = j.pic
	if err := act(j, ctx); err != nil {
		return j.after(ctx, err)
	}
	if j.proven {
		return j.pic, nil
	}
	j.sent = time.Now()
	return j.prove(ctx)
}

// stands judges a step before anything is done, by the look that proved the step
// before or by a new one. What would end it there is looked at again: a director
// may answer from what was so a moment ago, twice the same. Where it is acted on
// such an answer its own rules refuse it.
func (j *job) stands(ctx context.Context) (standing composa.Standing, why string, err error) {
	j.ahead.wait(ctx)
	if l := j.lately(j.know, j.step.Act); l != nil {
		standing, why = j.show(l)
	} else if standing, why, err = j.judge(ctx, toBegin); err != nil {
		return "", "", err
	}
	for range maxRounds - 1 {
		if standing == composa.Ready {
			return standing, why, nil
		}
		before := standing
		if _, _, err = j.judge(ctx, twoReadings); err != nil {
			return "", "", err
		}
		if standing, why, err = j.afresh(ctx); err != nil || standing == before {
			return standing, why, err
		}
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

// readings is what the readings of a look are to be enough for.
type readings int

// One reading is made to begin a step or to prove it, and a second one follows
// where it is not enough for that (see look.enough). Two are made in any case
// where it is to be sure what there is.
const (
	toBegin readings = iota
	toProve
	twoReadings
)

// need is what a look of the job is for. The power of hosts is asked for but
// where the machine is not there, or has none: a picture that says that the power
// of a machine is not known means it.
func (j *job) need(n readings) need {
	var is need
	switch j.step.Act {
	case composa.ActMake, composa.ActRemove:
	default:
		is.hosts = j.step.Machine.Native != ""
	}
	is.hosts = is.hosts || !j.step.Show.Everything()
	if n != twoReadings {
		scope := j.step.Shown()
		if n == toBegin { // what is shown as free and is not the director refuses to move
			scope.Devices = nil
		}
		is.scope = &scope
	}
	return is
}

// judge looks and says how the step stands.
func (j *job) judge(ctx context.Context, n readings) (composa.Standing, string, error) {
	l, err := j.Fabric.look(ctx, j.know, j.need(n))
	if err != nil {
		return "", "", err
	}
	if !l.complete {
		return "", "", faultf(composa.CodeBusy, "%s changes faster than it can be looked at", j.config.Name)
	}
	j.keep(l)
	standing, why := j.show(l)
	return standing, why, nil
}

// show says how the step stands in a look, which is the newest one then.
func (j *job) show(l *look) (composa.Standing, string) {
	j.look, j.pic = l, narrow(j.see(j.know).picture(l), j.step.Shown())
	return j.step.Judge(j.pic)
}
