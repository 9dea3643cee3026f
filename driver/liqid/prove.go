package liqid

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// surely is how many looks in a row must show the same before it is taken for
// what will stay so.
const surely = 3

// prove looks until the step holds. One reading may show that it does; where it
// does not, every look is made of two from then on, but for the one that follows
// when the director has come to the end of what it was at. It gives up when
// nothing more can come of what was sent and the step does not hold, or when it
// cannot hold any more.
func (j *job) prove(ctx context.Context) (*composa.Picture, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	w := j.wait()
	idle, against := 0, 0
	ended := j.last == nil || j.last.finish != nil || j.how == answerFollowed || j.hides(*j.last)
	why, n := "it is not to be seen yet", toProve
	for looks := 1; ; looks++ {
		standing, conflict, err := j.judge(ctx, n)
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
			over, working, err := j.over(ctx, &idle)
			switch {
			case err == nil && over:
				return nil, j.failed(ctx, conflict)
			case against >= surely:
				return nil, faultf(composa.CodeUnknown, "%s took it, and then: %s", j.config.Name, why)
			case working && j.atItsEnd(ctx):
				n = toProve
				continue
			}
		}
		n = twoReadings
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
// the looks in a row at which nothing was under way; working says that something
// of the step is.
func (j *job) over(ctx context.Context, idle *int) (over, working bool, err error) {
	if j.step.Act == composa.ActPower {
		return time.Since(j.sent) >= j.config.Timeouts.Power, false, nil
	}
	if j.know.pending {
		commands, err := j.underWay(ctx)
		if err != nil || len(commands) > 0 {
			*idle = 0
			return false, err == nil, err
		}
	}
	if j.listed() || j.how == answerFollowed {
		*idle++
		return *idle >= surely && time.Since(j.sent) >= silentAfter, false, nil
	}
	return time.Since(j.sent) >= j.config.Timeouts.Late, false, nil
}

// atItsEnd waits until the director is at nothing of the step any more, and says
// whether that came. It waits no longer than wholly: what a director says to be
// at tells nothing of what is so.
func (j *job) atItsEnd(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, wholly)
	defer cancel()
	return j.quiet(ctx) == nil
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
