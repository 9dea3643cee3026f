package liqid

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// What faults make of a call.

// errDropped is a call that ends without an answer: its connection closes.
var errDropped = errors.New("the connection closes without an answer")

// course is what faults make of the ordinary course of a call.
type course struct {
	stale, dropAfter, restarts bool
	late, down                 time.Duration
	spoils                     []Effect
}

func (c *course) add(e FaultRule) {
	switch {
	case e.Effect == EffectStale:
		c.stale = true
	case e.Effect == EffectDropAfter:
		c.dropAfter = true
	case e.Effect == EffectLate:
		c.late = e.Delay
	case e.Effect == EffectRestart:
		c.restarts, c.down = true, e.Delay
	case spoils(e.Effect):
		c.spoils = append(c.spoils, e.Effect)
	}
}

// inflict carries out one fault as far as it comes before the call. It returns
// an error when the call ends here.
func (d *Director) inflict(r *http.Request, alive *life, e FaultRule) error {
	var err error
	switch e.Effect {
	case EffectStatus:
		return statusFault(e)
	case EffectDropBefore:
		return errDropped
	case EffectHang:
		select {
		case <-r.Context().Done():
		case <-alive.ended:
		case <-d.closing.Done():
		}
		return errDropped
	case EffectDelay:
		return d.pause(alive, e.Delay)
	case EffectGone:
		err = d.Gone(e.Device)
	case EffectReturn:
		err = d.Return(e.Device)
	case EffectReplace:
		err = d.Replace(e.Device)
	case EffectNarrow:
		err = d.Narrow(e.Device)
	}
	if errors.Is(err, errAlreadySo) {
		return nil // a device that is not there any more cannot vanish again
	}
	return err
}

// statusFault is the answer of a fault of that effect.
func statusFault(rule FaultRule) error {
	text := "emulated fault: " + strings.TrimSpace(rule.String())
	if rule.Status == http.StatusTooManyRequests || rule.Status == http.StatusServiceUnavailable {
		return cannotNow(rule.Status, 1, text)
	}
	return &refusal{rule.Status, "", text}
}

// carryOut makes the call, as far as faults leave it its ordinary course. A
// restart comes before any call but a committing one, whose work is under way by
// then, and one that is carried out before its connection closes.
func (d *Director) carryOut(r *request, rt *route, how course) (answer any, err error) {
	before := how.restarts && !how.dropAfter
	switch {
	case rt.committing() && how.late > 0:
		r.late = &how.late
		answer, err = rt.answer(r)
	case rt.committing() && before:
		r.unheard = true
		answer, err = rt.answer(r)
	case !before:
		answer, err = rt.answer(r)
	}
	if !how.restarts {
		return answer, err
	}
	if err := d.Restart(how.down); err != nil {
		return nil, err
	}
	return nil, errDropped
}

// stealEdit is the fault of that name: just before the call somebody else opens
// the session it wants to open, or cancels the one it works in.
func (d *Director) stealEdit(rt *route, r *request) {
	t := rt.target(r)
	d.change(d.queuesShow(), func(s *state) error {
		if err := d.busy(t, thief); err != nil {
			return err // what is being committed nobody can take
		}
		if rt.path != "pool/edit" && rt.path != "fabric/edit" {
			s.end(t, thief)
			return nil
		}
		if s.exists(t) != nil || !s.opensBeside(d.config.Habits) {
			return nil // the thief is refused like anybody
		}
		if _, open := s.session(t); !open {
			stolen := s.newSession(thief, d.clock())
			stolen.Foreign = true
			s.setSession(t, stolen)
		}
		return nil
	})
}
