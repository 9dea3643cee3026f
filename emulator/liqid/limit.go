package liqid

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// The rates that a director can be limited to, in calls a second.
const (
	minPerSecond = 0.01
	maxPerSecond = 1e6
)

func checkPerSecond(n float64) error {
	if n != 0 && !(n >= minPerSecond && n <= maxPerSecond) {
		return fmt.Errorf("%v calls a second are not from %v to %v; 0 is any number", n, minPerSecond, maxPerSecond)
	}
	return nil
}

// newLimiter takes up to a second's worth of calls at once.
func newLimiter(perSecond float64) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(perSecond)))
}

// SetPerSecond limits how many calls a second the director takes before it
// answers 429 with Retry-After; 0 is any number.
func (d *Director) SetPerSecond(n float64) error {
	if err := checkPerSecond(n); err != nil {
		return fmt.Errorf("cannot limit the director's calls: %w", err)
	}
	d.limiter.Store(newLimiter(n))
	return nil
}

// limit refuses a call that comes before its time.
func (d *Director) limit() error {
	limiter, now := d.limiter.Load(), time.Now()
	r := limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	return cannotNow(http.StatusTooManyRequests, int(math.Ceil(wait.Seconds())), "more calls a second than the director takes")
}

// tooSoon is a refusal that says when to come back.
type tooSoon struct {
	*refusal
	seconds int
}

func (t *tooSoon) Unwrap() error { return t.refusal }

// cannotNow refuses a call for the moment.
func cannotNow(status, seconds int, text string) error {
	return &tooSoon{&refusal{status, "", text}, seconds}
}
