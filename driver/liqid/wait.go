package liqid

import (
	"context"
	"time"
)

// waiting paces looks at something awaited: the pause grows with the time waited.
type waiting struct {
	poll  Poll
	began time.Time
}

func (p Poll) start() waiting { return waiting{p, time.Now()} }

// next is the pause after so much waiting.
func (p Poll) next(waited time.Duration) time.Duration {
	return min(max(p.Least, waited/20), p.Most)
}

func (w waiting) pause(ctx context.Context) error {
	return pause(ctx, w.poll.next(time.Since(w.began)))
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
