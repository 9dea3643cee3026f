package liqid

import (
	"context"
	"sync"

	"github.com/composa-dev/composa"
)

// Prepare looks as the step does that comes next, where nothing was looked at
// lately. The step takes it as it takes any other look (see lately).
func (f *Fabric) Prepare(ctx context.Context, s composa.Step) {
	if f.config.Access != composa.AccessManage || acts[s.Act] == nil {
		return
	}
	end := f.ahead.begin()
	defer end()
	f.steps.begin() // an inventory is not to look beside it
	defer f.steps.end()
	ctx, cancel := context.WithTimeout(ctx, f.config.Timeouts.Read)
	defer cancel()
	k, err := f.know(ctx)
	if err != nil || k.speaks.readOnly != "" || f.lately(k, s.Act) != nil {
		return
	}
	j := &job{Fabric: f, step: s, know: k}
	if l, err := f.look(ctx, k, j.need(toBegin)); err == nil {
		f.keep(l)
	}
}

// ahead is the newest look that is made for a step to come.
type ahead struct {
	mu   sync.Mutex
	done chan struct{} // closed when it is over; nil: there is none
}

func (a *ahead) begin() (end func()) {
	done := make(chan struct{})
	a.mu.Lock()
	a.done = done
	a.mu.Unlock()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		close(done)
		if a.done == done {
			a.done = nil
		}
	}
}

// wait waits until it is over.
func (a *ahead) wait(ctx context.Context) {
	a.mu.Lock()
	done := a.done
	a.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}
