package driver

import (
	"context"
	"time"

	"github.com/composa-dev/composa"
)

// Method names a method of a fabric.
type Method string

// The methods.
const (
	MethodAbilities Method = "abilities"
	MethodObserve   Method = "observe"
	MethodApply     Method = "apply"
	MethodSettle    Method = "settle"
	MethodReserve   Method = "reserve"
	MethodPrepare   Method = "prepare"
	MethodWatch     Method = "watch"
)

// Call is one call of a method of a fabric.
type Call struct {
	Method Method
	Step   *composa.Step  // of Apply, Settle, Reserve and Prepare; nil otherwise. Not to be changed
	Scope  *composa.Scope // of Observe; nil otherwise. Not to be changed
}

// Traced is a call that has returned.
type Traced struct {
	Call
	Began time.Time
	Took  time.Duration
	// Picture is what Observe and Apply returned; nil otherwise. Not to be changed.
	Picture *composa.Picture
	Native  string // what Reserve returned
	Err     error
}

// Trace returns f with every call told to tell once it has returned, in the
// goroutine of its caller. clock nil: time.Now.
func Trace(f Fabric, clock func() time.Time, tell func(Traced)) Fabric {
	if clock == nil {
		clock = time.Now
	}
	return pass(&tracer{f, clock, tell}, f)
}

type tracer struct {
	within Fabric
	clock  func() time.Time
	tell   func(Traced)
}

// begin starts the record of a call; end tells it.
func (t *tracer) begin(c Call) Traced { return Traced{Call: c, Began: t.clock()} }

func (t *tracer) end(r *Traced) {
	r.Took = t.clock().Sub(r.Began)
	t.tell(*r)
}

func (t *tracer) Abilities(ctx context.Context) (a *composa.Abilities, err error) {
	r := t.begin(Call{Method: MethodAbilities})
	a, err = t.within.Abilities(ctx)
	r.Err = err
	t.end(&r)
	return a, err
}

func (t *tracer) Observe(ctx context.Context, scope composa.Scope) (*composa.Picture, error) {
	r := t.begin(Call{Method: MethodObserve, Scope: &scope})
	r.Picture, r.Err = t.within.Observe(ctx, scope)
	t.end(&r)
	return r.Picture, r.Err
}

func (t *tracer) Apply(ctx context.Context, s composa.Step) (*composa.Picture, error) {
	r := t.begin(Call{Method: MethodApply, Step: &s})
	r.Picture, r.Err = t.within.Apply(ctx, s)
	t.end(&r)
	return r.Picture, r.Err
}

func (t *tracer) Settle(ctx context.Context, s composa.Step) error {
	r := t.begin(Call{Method: MethodSettle, Step: &s})
	r.Err = t.within.Settle(ctx, s)
	t.end(&r)
	return r.Err
}

func (t *tracer) prepare(ctx context.Context, within Preparer, s composa.Step) {
	r := t.begin(Call{Method: MethodPrepare, Step: &s})
	within.Prepare(ctx, s)
	t.end(&r)
}

func (t *tracer) reserve(ctx context.Context, within Reserver, s composa.Step) (string, error) {
	r := t.begin(Call{Method: MethodReserve, Step: &s})
	r.Native, r.Err = within.Reserve(ctx, s)
	t.end(&r)
	return r.Native, r.Err
}

func (t *tracer) watch(ctx context.Context, within Watcher, changed chan<- struct{}) error {
	r := t.begin(Call{Method: MethodWatch})
	r.Err = within.Watch(ctx, changed)
	t.end(&r)
	return r.Err
}
