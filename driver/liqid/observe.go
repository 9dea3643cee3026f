package liqid

import (
	"context"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// Observe reads what the director shows. It reads the whole fabric, because
// there is no call that shows less and still says where a device is; the
// picture holds what scope asks for. Where the director may show what is only
// queued, what our own steps are just changing is in doubt.
func (f *Fabric) Observe(ctx context.Context, scope composa.Scope) (*composa.Picture, error) {
	what := "cannot look at " + string(f.config.Name)
	if scope.Everything() { // somebody waits for what names what it asks for
		ctx = behind(ctx)
	}
	f.steps.giveWay(ctx, scope)
	k, err := f.know(ctx)
	if err != nil {
		return nil, explain(what, err)
	}
	began := time.Now()
	l, err := f.look(ctx, k, everything)
	if err != nil {
		return nil, explain(what, err)
	}
	l.doubtQueued(slices.DeleteFunc(f.queue.since(began), func(s queued) bool {
		return f.observed.is(askQueue, seenHidden, s.moves...)
	}))
	if l.complete {
		f.keep(l)
		f.learn(ctx, k, l)
	}
	f.sweep(ctx, k, l)
	return narrow(f.see(k).picture(l), scope), nil
}
