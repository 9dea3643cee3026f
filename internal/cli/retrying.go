package cli

import (
	"errors"
	"sync"
	"time"

	"github.com/composa-dev/composa/client"
)

// retrying tells people that a call is made again, which otherwise looks like a
// command that hangs: at once, and then not more often than every ten seconds.
// The zero value tells nobody.
type retrying struct {
	mu   sync.Mutex
	note func(string) // nil: nobody is told
	last time.Time    // when it was told; zero: never
}

// to makes note the one who is told, until back is called.
func (r *retrying) to(note func(string)) (back func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.note
	r.note = note
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.note = before
	}
}

// again is told by the client before it tries once more.
func (r *retrying) again(why error, pause time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.note == nil || !r.last.IsZero() && now.Sub(r.last) < nextWord {
		return
	}
	r.last = now
	text := "the connection ended"
	var e *client.Error
	if errors.As(why, &e) {
		text = e.Problem.Detail
	}
	r.note("trying again in " + secondsText(pause.Seconds()) + ": " + text)
}
