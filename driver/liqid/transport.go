package liqid

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limited bounds the calls to one director: how many at once, how many a
// second, and the pause between changing ones. Where the director asks not to be
// called for a while no call is made until then. A call that waits ends with its
// context, and has not been sent then.
type limited struct {
	base  http.RoundTripper
	slots chan struct{}
	tail  chan struct{} // as many as calls that others go before may take of the slots
	last  chan struct{} // held by the one of them that waits for its second
	rate  *rate.Limiter
	gap   time.Duration

	turn    chan struct{} // held while a changing call is made, where there is a gap
	lastEnd time.Time     // of the last changing call; guarded by turn

	mu    sync.Mutex
	until time.Time // the director asked not to be called before
}

// behind marks calls that others go before: those of an inventory, and those
// that nobody waits for just now. They take no more than half of the places, and
// where there are not enough calls a second for all, one in ten.
func behind(ctx context.Context) context.Context { return context.WithValue(ctx, behindKey{}, true) }

type behindKey struct{}

// errHeld ends a call whose time would be over before the director wants it.
var errHeld = errors.New("the director asked not to be called for longer than the call may take")

func newLimited(base http.RoundTripper, l Limits) *limited {
	return &limited{
		base:  base,
		slots: make(chan struct{}, l.Concurrent),
		tail:  make(chan struct{}, max(1, l.Concurrent/2)),
		last:  make(chan struct{}, 1),
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
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
		now := time.Now()
		l.hold(now.Add(retryAfter(answer, now)))
	}
	answer.Body = &releasing{answer.Body, give}
	return answer, nil
}

func (l *limited) hold(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.until) {
		l.until = until
	}
}

// patience waits until the director wants to be called again.
func (l *limited) patience(ctx context.Context) error {
	for {
		l.mu.Lock()
		until := l.until
		l.mu.Unlock()
		if !time.Now().Before(until) {
			return nil
		}
		if end, ok := ctx.Deadline(); ok && end.Before(until) {
			return errHeld
		}
		if err := pause(ctx, time.Until(until)); err != nil {
			return err
		}
	}
}

func (l *limited) take(r *http.Request) (give func(), err error) {
	ctx := r.Context()
	done := func() { <-l.slots }
	if ctx.Value(behindKey{}) != nil {
		select {
		case l.tail <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		done = func() {
			<-l.slots
			<-l.tail
		}
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		if ctx.Value(behindKey{}) != nil {
			<-l.tail
		}
		return nil, ctx.Err()
	}
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
	err = l.patience(ctx)
	if err == nil {
		err = l.second(ctx)
	}
	if err != nil {
		done()
		return nil, err
	}
	return sync.OnceFunc(done), nil
}

// passed is how many others may go before a call that they go before.
const passed = 9

// second waits until a call may be made without there being too many a second.
func (l *limited) second(ctx context.Context) error {
	if ctx.Value(behindKey{}) == nil {
		return l.rate.Wait(ctx)
	}
	select {
	case l.last <- struct{}{}:
		defer func() { <-l.last }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for range passed {
		if l.rate.Allow() { // it is not where somebody waits
			return nil
		}
		if err := pause(ctx, time.Duration(float64(time.Second)/float64(l.rate.Limit()))); err != nil {
			return err
		}
	}
	return l.rate.Wait(ctx)
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
