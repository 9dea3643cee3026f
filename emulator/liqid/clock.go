package liqid

import (
	"fmt"
	"sync/atomic"
	"time"
)

// MaxClockOff is how far a director's clock may be off, either way.
const MaxClockOff = 10 * 365 * 24 * time.Hour

// clockOff is how far the director's clock is ahead of the machine's, in
// nanoseconds; negative is behind. Timers do not know of it: what takes a second
// takes a second.
type clockOff struct{ atomic.Int64 }

// clock is the time that the director shows.
func (d *Director) clock() time.Time { return time.Now().Add(time.Duration(d.clockOff.Load())) }

// SetClock puts the director's clock off by so much: ahead of the machine's,
// behind when negative, right when zero. What was stamped already stays as it is.
func (d *Director) SetClock(off time.Duration) error {
	if err := checkClock(off); err != nil {
		return fmt.Errorf("cannot set the director's clock: %w", err)
	}
	d.clockOff.Store(int64(off))
	return nil
}

func checkClock(off time.Duration) error {
	if off < -MaxClockOff || off > MaxClockOff {
		return fmt.Errorf("%v is more than %v off", off, MaxClockOff)
	}
	return nil
}
