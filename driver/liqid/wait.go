package liqid

import (
	"context"
	"fmt"
	"time"

	"github.com/composa-dev/composa"
)

// waiting paces looks at something awaited: the pause grows with the time waited.
type waiting struct {
	poll    Poll
	silence time.Duration
	began   time.Time
	heard   time.Time // when there was an answer last
}

func (p Poll) start() waiting { return waiting{poll: p, began: time.Now()} }

// wait begins a wait for something that the director does.
func (f *Fabric) wait() waiting {
	now := time.Now()
	return waiting{f.config.Poll, f.config.Timeouts.Silence, now, now}
}

// silent takes in what came of a call, and says whether there was no answer for
// so long that waiting longer is the caller's to decide.
func (w *waiting) silent(err error) bool {
	now := time.Now()
	if c := codeOf(err); c != composa.CodeUnreachable && c != composa.CodeUnknown {
		w.heard = now
		return false
	}
	return now.Sub(w.heard) >= w.silence
}

// next is the pause after so much waiting.
func (p Poll) next(waited time.Duration) time.Duration {
	return min(max(p.Least, waited/20), p.Most)
}

func (w waiting) pause(ctx context.Context) error {
	return pause(ctx, w.poll.next(time.Since(w.began)))
}

// nextChange is the pause, after so much waiting, before a changing call that was
// refused is made again. It is longer than that between looks: what is asked for
// often is a refusal each time. A director at work answers within about a tenth of
// what its work took.
func (p Poll) nextChange(waited time.Duration) time.Duration {
	return min(max(5*p.Least, waited/10), p.Most)
}

func (w waiting) pauseToChange(ctx context.Context) error {
	return pause(ctx, w.poll.nextChange(time.Since(w.began)))
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
