package liqid

import (
	"context"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/stomp"
)

// source opens what tells of changes, and calls changed after each until it is
// lost or ctx ends. opened is called once it listens.
type source func(ctx context.Context, opened, changed func()) error

// sources are tried in this order: which of them a director has is not certain
// in any era (liqid-api.md 0.2, 2.17); streams are known of 2.x alone (2.16, 4).
func (f *Fabric) sources(line int) []source {
	if line > 2 {
		return []source{f.listenSocket}
	}
	return []source{f.listenSocket, f.listenStreams}
}

// findEvents tries which source opens.
func (f *Fabric) findEvents(ctx context.Context, sources []source) source {
	for _, s := range sources {
		within, cancel := context.WithTimeout(ctx, dialTime)
		opens := false
		_ = s(within, func() { opens = true; cancel() }, func() {}) // whatever ended it: it had opened or not
		cancel()
		if opens {
			return s
		}
	}
	return nil
}

// Watch listens to what tells of changes there. What came is not looked at:
// pictures are read, never pushed together.
func (f *Fabric) Watch(ctx context.Context, changed chan<- struct{}) error {
	what := "cannot listen to " + string(f.config.Name)
	k, err := f.know(ctx)
	if err != nil {
		return ended(ctx, what, err)
	}
	if k.events == nil {
		return explain(what, faultf(composa.CodeUnsupported, "a director of the line %s tells of no changes", k.abilities.Era))
	}
	tell := func() {
		select {
		case changed <- struct{}{}:
		default: // the receiver has not come round to the last one yet
		}
	}
	return ended(ctx, what, k.events(ctx, tell, tell))
}

// ended is what a watch returns: nil where its context ended it.
func ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return explain(what, &fault{code: composa.CodeUnreachable, why: "its events are lost or do not come", err: err})
}

// destinations are what a director pushes: whole lists, after each change
// (liqid-api.md 2.17).
var destinations = []string{"/data/group", "/data/machine", "/data/predevice"}

// listenSocket listens on the event socket.
func (f *Fabric) listenSocket(ctx context.Context, opened, changed func()) error {
	dialing, cancel := context.WithTimeout(ctx, f.config.Timeouts.Read)
	defer cancel()
	c, err := f.dial(dialing)
	if err != nil {
		return err
	}
	defer c.Close()
	opened()
	for {
		if _, err := c.Next(ctx); err != nil {
			return err
		}
		changed()
	}
}

// dial opens the event socket at the first address that takes it.
func (f *Fabric) dial(ctx context.Context) (c *stomp.Client, err error) {
	for _, at := range f.events {
		c, err = stomp.Dial(ctx, at, destinations, stomp.Options{HTTPClient: f.calls.events})
		if err == nil || ctx.Err() != nil {
			return c, err
		}
	}
	return nil, err
}
