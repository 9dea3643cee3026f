package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
)

// keyed is where a context carries a key.
type keyed struct{}

// WithKey makes the changing calls that are made with the context carry a key
// (the header Idempotency-Key, 1 to 128 visible characters of ASCII): for a day
// the same call with the same key is not carried out again, but answered by what
// came of the first. Another call with it is "key_reused". Calls that only ask
// carry none. Without it each changing call gets a key of its own.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyed{}, key)
}

// keyOf is the key that a context carries; empty: none.
func keyOf(ctx context.Context) string {
	key, _ := ctx.Value(keyed{}).(string)
	return key
}

// tries is how often a call is sent whose connection breaks before the answer.
// With the pauses between them, which double up to five seconds, that is about
// eleven seconds: longer than a server takes to start again.
const tries = 8

// do makes a call, with a key where it changes something, and decodes a
// successful answer into out, which may be nil. Where the connection breaks
// before the answer it sends the call again: the key keeps it from being done
// twice. It returns the status.
func (c *Client) do(ctx context.Context, k call, out any) (int, error) {
	if k.method == http.MethodGet {
		return c.once(ctx, k, out)
	}
	k.key = cmp.Or(keyOf(ctx), rand.Text())
	var lost *Error // the last answer that was lost
	pause := firstPause
	for try := 1; ; try++ {
		status, err := c.once(ctx, k, out)
		var e *Error
		switch {
		case err == nil || !errors.As(err, &e) || e.Problem.Status != 0:
			return status, err
		case e.Key != "":
			lost = e
		case lost == nil || e.Err == nil: // nothing was sent, or what answered is no server of ours
			return 0, err
		}
		if try == tries {
			return 0, lost.given(ctx, k)
		}
		if !rest(ctx, pause) {
			return 0, context.Cause(ctx)
		}
		pause = min(2*pause, longestPause)
	}
}

// given is the error of a call whose answers were all lost. Where the same call
// carries the same key again, or is a wish that may be repeated anyway, it is
// told that it may just be made again.
func (e *Error) given(ctx context.Context, k call) *Error {
	told := *e
	told.Problem.Detail += fmt.Sprintf(" (%d times)", tries)
	if keyOf(ctx) != "" || k.method == http.MethodPut {
		told.Problem.Code, told.Problem.Retryable = "unreachable", true
	}
	return &told
}
