package liqid

import (
	"context"

	"github.com/composa-dev/composa"
)

// destinations are what a director pushes: whole lists, after each change
// (liqid-api.md 2.17).
var destinations = []string{"/data/group", "/data/machine", "/data/predevice"}

// Watch listens on the director's event socket and says that something changed.
// What came is not looked at: pictures are read, never pushed together.
func (f *Fabric) Watch(ctx context.Context, changed chan<- struct{}) error {
	what := "cannot listen to " + string(f.config.Name)
	dialing, cancel := context.WithTimeout(ctx, f.config.Timeouts.Read)
	defer cancel()
	c, err := f.dial(dialing)
	if err != nil {
		return ended(ctx, what, err)
	}
	defer c.Close()
	for {
		if _, err := c.Next(ctx); err != nil {
			return ended(ctx, what, err)
		}
		select {
		case changed <- struct{}{}:
		default: // the receiver has not come round to the last one yet
		}
	}
}

// ended is what a watch returns: nil where its context ended it.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return explain(what, &fault{code: composa.CodeUnreachable, why: "its event socket is lost or does not open", err: err})
}
