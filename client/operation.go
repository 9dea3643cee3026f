package client

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/composa-dev/composa/api"
)

// OperationFilter says which operations are wanted; the zero value: all.
type OperationFilter struct {
	Machine string // id
	Verb    string
	Open    bool // only those that have not ended
	Phase   string
}

func (f OperationFilter) query() url.Values {
	q := values("machine", f.Machine, "verb", f.Verb, "phase", f.Phase)
	if f.Open {
		q.Set("open", "true")
	}
	return q
}

// Operations iterates over all pages of operations, newest first, without their
// steps.
func (c *Client) Operations(ctx context.Context, f OperationFilter) iter.Seq2[api.Operation, error] {
	return pages[api.Operation](ctx, c, "/v1/operations", f.query())
}

// Operation returns an operation with its steps. With a wait, up to [MaxWait],
// it answers once the operation ended or is held, or that time has passed. Where
// the server has no place for one more who waits it is asked every two seconds
// instead.
func (c *Client) Operation(ctx context.Context, id string, wait time.Duration) (*api.Operation, error) {
	return c.await(ctx, id, nil, wait, Settled)
}

// Newer returns an operation with its steps as soon as its revision is greater
// than the one the caller has (1 and up), or it ended or is held, or the wait
// (up to [MaxWait]) has passed: asked again and again it tells of every step.
func (c *Client) Newer(ctx context.Context, id string, revision int64, wait time.Duration) (*api.Operation, error) {
	q := values("newer", strconv.FormatInt(revision, 10))
	return c.await(ctx, id, q, wait, func(op *api.Operation) bool { return op.Revision > revision || Settled(op) })
}

// lookPause is the time between two looks at an operation for which the server
// has no place to wait.
const lookPause = 2 * time.Second

// await waits on the server until enough says so of an operation or the time has
// passed; query says the same to the server.
func (c *Client) await(ctx context.Context, id string, query url.Values, wait time.Duration, enough func(*api.Operation) bool) (*api.Operation, error) {
	began, path := time.Now(), join("/v1/operations", id)
	q := waitQuery(wait)
	maps.Copy(q, query)
	op, err := get[api.Operation](ctx, c, path, q)
	var full *Error
	if wait <= 0 || !errors.As(err, &full) || !noPlace(full) {
		return op, err
	}
	for {
		op, err := get[api.Operation](ctx, c, path, nil)
		if err != nil || enough(op) || time.Since(began)+lookPause > min(wait, MaxWait) {
			return op, err
		}
		c.again(full, lookPause)
		if !rest(ctx, lookPause) {
			return nil, context.Cause(ctx)
		}
	}
}

// noPlace says whether a server may have refused only the waiting: who asks, or
// all together, wait for as much as they may.
func noPlace(e *Error) bool {
	return e.Problem.Status == http.StatusTooManyRequests || e.Problem.Status == http.StatusServiceUnavailable && e.Problem.Code == "unavailable"
}

// Wait returns the operation once it ended or is held, however long that takes;
// ctx ends the waiting. Where the server answers that it cannot tell just now it
// is asked again after a pause, the one it names if it names one. Where it
// cannot be reached Wait returns that error: the operation goes on.
func (c *Client) Wait(ctx context.Context, id string) (*api.Operation, error) {
	pause := firstPause
	for {
		op, err := c.Operation(ctx, id, time.Minute)
		var e *Error
		switch {
		case err == nil && Settled(op):
			return op, nil
		case err == nil:
			pause = firstPause
			continue
		case !errors.As(err, &e) || !e.Retryable() || e.Problem.Status == 0:
			return nil, err
		}
		if !rest(ctx, max(pause, e.RetryAfter)) {
			return nil, context.Cause(ctx)
		}
		pause = min(2*pause, longestPause)
	}
}

// Settled says whether nothing will happen to an operation any more without a
// person.
func Settled(op *api.Operation) bool {
	switch op.Phase {
	case "done", "undone", "cancelled", "held":
		return true
	}
	return false
}

// CarryOut carries out a stored plan exactly as it is, or fails with "moved" and
// what of it is not any more as it was (Problem.Moved). A plan is carried out
// once: asking again gives what came of it.
func (c *Client) CarryOut(ctx context.Context, r api.CarryOut, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, "/v1/operations", r, wait)
}

// Cancel asks an operation to end. A queued one ends at once, a running one
// stops before its next step and is undone.
func (c *Client) Cancel(ctx context.Context, id string) (*api.Operation, error) {
	return c.decide(ctx, id, "cancel")
}

// Retry lets a held operation go on.
func (c *Client) Retry(ctx context.Context, id string) (*api.Operation, error) {
	return c.decide(ctx, id, "retry")
}

// Undo lets a held operation go back to what was before.
func (c *Client) Undo(ctx context.Context, id string) (*api.Operation, error) {
	return c.decide(ctx, id, "undo")
}

// Resolve ends a held operation by taking what the fabric shows as its result.
func (c *Client) Resolve(ctx context.Context, id string) (*api.Operation, error) {
	return c.decide(ctx, id, "resolve")
}

func (c *Client) decide(ctx context.Context, id, word string) (*api.Operation, error) {
	return answer[api.Operation](ctx, c, call{method: http.MethodPost, path: join("/v1/operations", id, word)})
}
