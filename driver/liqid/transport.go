package liqid

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// limited bounds the calls to one director: how many at once, how many a
// second, and the pause between changing ones. Where the director asks not to be
// called for a while no call is made until then. A call that waits ends with its
// context, and has not been sent then.
type limited struct {
	base   http.RoundTripper
	places places
	tail   chan struct{} // as many as calls that others go before may take of the places
	last   chan struct{} // held by the one of them whose turn is next
	rate   *rate.Limiter
	begun  atomic.Int64 // calls that went before those
	gap    time.Duration

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
		base:   base,
		places: places{free: l.Concurrent},
		tail:   make(chan struct{}, max(1, l.Concurrent/2)),
		last:   make(chan struct{}, 1),
		rate:   rate.NewLimiter(rate.Limit(l.PerSecond), max(1, int(math.Ceil(l.PerSecond)))),
		gap:    l.Gap,
		turn:   make(chan struct{}, 1),
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

// take waits until a call may be made; give gives its place back.
func (l *limited) take(r *http.Request) (give func(), err error) {
	ctx := r.Context()
	if ctx.Value(behindKey{}) != nil {
		give, err = l.takeBehind(ctx)
	} else if err = l.places.take(ctx, middle); err == nil {
		give = l.places.give
	}
	if err != nil {
		return nil, err
	}
	if l.gap > 0 && r.Method != http.MethodGet {
		if err := enter(ctx, l.turn); err != nil {
			give()
			return nil, err
		}
		place := give
		give = func() {
			l.lastEnd = time.Now()
			<-l.turn
			place()
		}
		err = pause(ctx, time.Until(l.lastEnd.Add(l.gap)))
	}
	if err == nil {
		err = l.patience(ctx)
	}
	if err == nil && ctx.Value(behindKey{}) == nil {
		l.begun.Add(1)
		err = l.rate.Wait(ctx)
	}
	if err != nil {
		give()
		return nil, err
	}
	return sync.OnceFunc(give), nil
}

// takeBehind waits as take does for a call that others go before.
func (l *limited) takeBehind(ctx context.Context) (give func(), err error) {
	if err := enter(ctx, l.tail); err != nil {
		return nil, err
	}
	if err := l.nextBehind(ctx); err != nil {
		<-l.tail
		return nil, err
	}
	return func() {
		l.places.give()
		<-l.tail
	}, nil
}

// nextBehind takes a place once there are not too many calls a second. It keeps
// none while it waits for that, and goes first when it waited for its turn.
func (l *limited) nextBehind(ctx context.Context) error {
	if err := enter(ctx, l.last); err != nil {
		return err
	}
	defer func() { <-l.last }()
	begun := l.begun.Load()
	for n := 0; n < passed && l.begun.Load()-begun < passed; n++ {
		if err := l.patience(ctx); err != nil {
			return err
		}
		if err := l.places.take(ctx, back); err != nil {
			return err
		}
		if l.rate.Allow() { // it is not where somebody waits
			return nil
		}
		l.places.give()
		if err := pause(ctx, time.Duration(float64(time.Second)/float64(l.rate.Limit()))); err != nil {
			return err
		}
	}
	if err := l.rate.Wait(ctx); err != nil {
		return err
	}
	return l.places.take(ctx, front)
}

// enter waits until there is room in a channel.
func enter(ctx context.Context, room chan<- struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
