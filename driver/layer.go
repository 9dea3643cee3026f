package driver

import (
	"context"

	"github.com/composa-dev/composa"
)

// layered is what a layer makes of a fabric. The optional interfaces are passed
// on exactly where the fabric within has them.
type layered interface {
	Fabric
	prepare(ctx context.Context, within Preparer, s composa.Step)
	reserve(ctx context.Context, within Reserver, s composa.Step) (string, error)
	watch(ctx context.Context, within Watcher, changed chan<- struct{}) error
}

// pass gives outer the optional interfaces that within has.
func pass(outer layered, within Fabric) Fabric {
	reserver, reserves := within.(Reserver)
	preparer, prepares := within.(Preparer)
	watcher, watches := within.(Watcher)
	r, p, w := reserving{outer, reserver}, preparing{outer, preparer}, watching{outer, watcher}
	switch (has{reserves, prepares, watches}) {
	case has{true, true, true}:
		return struct {
			Fabric
			Reserver
			Preparer
			Watcher
		}{outer, r, p, w}
	case has{true, true, false}:
		return struct {
			Fabric
			Reserver
			Preparer
		}{outer, r, p}
	case has{true, false, true}:
		return struct {
			Fabric
			Reserver
			Watcher
		}{outer, r, w}
	case has{true, false, false}:
		return struct {
			Fabric
			Reserver
		}{outer, r}
	case has{false, true, true}:
		return struct {
			Fabric
			Preparer
			Watcher
		}{outer, p, w}
	case has{false, true, false}:
		return struct {
			Fabric
			Preparer
		}{outer, p}
	case has{false, false, true}:
		return struct {
			Fabric
			Watcher
		}{outer, w}
	}
	return outer
}

// has says which optional interfaces a fabric has.
type has struct{ reserves, prepares, watches bool }

type preparing struct {
	outer  layered
	within Preparer
}

func (p preparing) Prepare(ctx context.Context, s composa.Step) { p.outer.prepare(ctx, p.within, s) }

type reserving struct {
	outer  layered
	within Reserver
}

func (r reserving) Reserve(ctx context.Context, s composa.Step) (string, error) {
	return r.outer.reserve(ctx, r.within, s)
}

type watching struct {
	outer  layered
	within Watcher
}

func (w watching) Watch(ctx context.Context, changed chan<- struct{}) error {
	return w.outer.watch(ctx, w.within, changed)
}
