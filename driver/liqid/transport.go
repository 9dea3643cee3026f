package liqid

import (
	"io"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limited bounds the calls to one director: how many at once, how many a
// second, and the pause between changing ones. A call that waits ends with its
// context, and has not been sent then.
type limited struct {
	base  http.RoundTripper
	slots chan struct{}
	rate  *rate.Limiter
	gap   time.Duration

	turn    chan struct{} // held while a changing call is made, where there is a gap
	lastEnd time.Time     // of the last changing call; guarded by turn
}

func newLimited(base http.RoundTripper, l Limits) *limited {
	return &limited{
		base:  base,
		slots: make(chan struct{}, l.Concurrent),
		rate:  rate.NewLimiter(rate.Limit(l.PerSecond), max(1, int(math.Ceil(l.PerSecond)))),
		gap:   l.Gap,
		turn:  make(chan struct{}, 1),
	}
}

// RoundTrip waits for its turn and makes the call. The place is given back when
// the answer's body is closed.
func (l *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	give, err := l.take(r)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	answer, err := l.base.RoundTrip(r)
	if err != nil {
		give()
		return nil, err
	}
	answer.Body = &releasing{answer.Body, give}
	return answer, nil
}

func (l *limited) take(r *http.Request) (give func(), err error) {
	ctx := r.Context()
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	done := func() { <-l.slots }
	if l.gap > 0 && r.Method != http.MethodGet {
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			done()
			return nil, ctx.Err()
		}
		slot := done
		done = func() {
			l.lastEnd = time.Now()
			<-l.turn
			slot()
		}
		if err := pause(ctx, time.Until(l.lastEnd.Add(l.gap))); err != nil {
			done()
			return nil, err
		}
	}
	if err := l.rate.Wait(ctx); err != nil {
		done()
		return nil, err
	}
	return sync.OnceFunc(done), nil
}

// releasing gives a call's place back when its answer has been read.
type releasing struct {
	io.ReadCloser
	give func()
}

func (r *releasing) Close() error {
	defer r.give()
	return r.ReadCloser.Close()
}
