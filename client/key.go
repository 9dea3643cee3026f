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
// carry none, and dry runs neither. Without it each changing call gets a key of its own.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyed{}, key)
}

// keyOf is the key that a context carries; empty: none.
func keyOf(ctx context.Context) string {
	key, _ := ctx.Value(keyed{}).(string)
	return key
}

// atOnce is where a context says that its caller asks again itself.
type atOnce struct{}

// AtOnce makes the calls that are made with the context tell at once that a
// server is away which was there before, for callers that go on asking
// themselves. A change whose answer is lost is sent again all the same.
func AtOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, atOnce{}, true)
}

// tries is how often a call is sent whose connection breaks before the answer.
// With the pauses between them, which double up to five seconds, that is about
// eleven seconds: longer than a server takes to start again.
const tries = 8

// do makes a call, with a key where it changes something, and decodes a
// successful answer into out, which may be nil. Where the answer is lost it
// sends the call again: the key keeps it from being done twice. From then on
// only an answer that looked for the key tells what happened. Where nothing was
// done, by a server that is away and was there before, or that says when to ask
// again, the call is made again too. It returns the status.
func (c *Client) do(ctx context.Context, k call, out any) (int, error) {
	if k.method != http.MethodGet && k.query.Get("dryRun") == "" {
		k.key = cmp.Or(keyOf(ctx), rand.Text())
	}
	var lost *Error // the last answer that was lost
	pause := firstPause
	for try := 1; ; try++ {
		status, err := c.once(ctx, k, out)
		var e *Error
		if err == nil || !errors.As(err, &e) {
			return status, err
		}
		if e.Key != "" {
			lost = e
		}
		switch {
		case lost == nil && try < k.triesAfter(ctx, e):
		case lost == nil:
			return status, e.afterTries(try)
		case e.Key == "" && tells(e):
			return status, err
		case try == tries || e.Key == "" && !passes(e):
			return 0, lost.given(ctx, k, try, e)
		}
		wait := max(pause, e.RetryAfter)
		c.again(e, wait)
		if !rest(ctx, wait) {
			return 0, context.Cause(ctx)
		}
		pause = min(2*pause, longestPause)
	}
}

// waits is how often a call is sent that the server asks to make again later.
const waits = 4

// triesAfter is how often a call is sent in all that has done nothing, by its
// last answer.
func (k call) triesAfter(ctx context.Context, e *Error) int {
	switch {
	case e.away && ctx.Value(atOnce{}) != nil:
		return 1
	case e.away:
		return tries
	case k.method == http.MethodGet && k.query.Has("wait"):
		return 1 // what is waited for is to be had without
	case asksToWait(e):
		return waits
	}
	return 1
}

// afterTries tells how often a server was looked for that is away.
func (e *Error) afterTries(n int) *Error {
	if !e.away || n == 1 {
		return e
	}
	told := *e
	told.Problem.Detail += fmt.Sprintf(" (tried %d times)", n)
	return &told
}

// asksToWait says whether a server did nothing because it was asked too often,
// and said when to ask again.
func asksToWait(e *Error) bool {
	return e.Problem.Status == http.StatusTooManyRequests && e.RetryAfter > 0
}

// tells says whether an answer is that of a server which looked for the key: it
// tells what came of all tries, so that it is also told where one was lost. A
// server looks for keys behind its door, and not where it is in trouble.
func tells(e *Error) bool {
	switch e.Problem.Status {
	case 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return false
	}
	return e.Problem.Status < http.StatusInternalServerError
}

// passes says whether what kept a server from answering may be over soon.
func passes(e *Error) bool {
	return e.Problem.Retryable || e.Problem.Status >= http.StatusInternalServerError
}

// given is the error of a call whose answer was lost and could not be had by
// further tries, of which last is the last. Where the same call carries the same
// key again, or is a wish that may be repeated anyway, it is told that it may
// just be made again.
func (e *Error) given(ctx context.Context, k call, try int, last *Error) *Error {
	told := *e
	told.Problem.Detail += fmt.Sprintf(" (tried %d times)", try)
	if last.Key == "" && last.Problem.Status != 0 {
		told.Problem.Detail += "; then: " + last.Problem.Detail
	}
	told.Problem.Retryable = keyOf(ctx) != "" || k.method == http.MethodPut
	return &told
}
