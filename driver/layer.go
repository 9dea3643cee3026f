package driver

import (
	"context"

	"github.com/composa-dev/composa"
)

// layered is what a layer makes of a fabric. The optional interfaces are passed
// on exactly where the fabric within has them.
type layered interface {
	Fabric
	reserve(ctx context.Context, within Reserver, s composa.Step) (string, error)
	watch(ctx context.Context, within Watcher, changed chan<- struct{}) error
}

// pass gives outer the optional interfaces that within has.
func pass(outer layered, within Fabric) Fabric {
	reserver, reserves := within.(Reserver)
	watcher, watches := within.(Watcher)
	r, w := reserving{outer, reserver}, watching{outer, watcher}
	switch {
	case reserves && watches:
		return struct {
			Fabric
			Reserver
			Watcher
		}{outer, r, w}
	case reserves:
		return struct {
			Fabric
			Reserver
		}{outer, r}
	case watches:
		return struct {
			Fabric
			Watcher
		}{outer, w}
	}
	return outer
}

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
