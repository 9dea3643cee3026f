package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/composa-dev/composa/api"
)

// Reset is the type of the event that tells that the events between the last
// one and this are not to be had any more: read again what you keep, and go on.
const Reset = "reset"

const (
	// firstPause and longestPause bound the time between two tries to reach the
	// server again.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// silence is how long a stream may say nothing; the server sends something
	// every 15 s.
	silence = 45 * time.Second
	// maxLine bounds one event, in bytes.
	maxLine = 4 << 20
)

// EventFilter says which events are wanted; the zero value: all.
type EventFilter struct {
	Type    string
	Subject string
}

// Events follows the events after one of an id, as they happen; after empty:
// from now on. It goes on where it was when the connection is lost, waiting
// longer from try to try, and ends when ctx does or when the server refuses,
// with that error. Where the server has no place for one more stream the events
// are read in pages meanwhile, after each such try. An event of type [Reset] is
// passed on like the others.
func (c *Client) Events(ctx context.Context, after string, f EventFilter) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		at := after
		pause := firstPause
		for {
			more, got, err := c.stream(ctx, &at, f, yield)
			if !more {
				return
			}
			if ctx.Err() != nil {
				yield(api.Event{}, context.Cause(ctx))
				return
			}
			var e *Error
			if errors.As(err, &e) && !e.Retryable() {
				yield(api.Event{}, err)
				return
			}
			if got {
				pause = firstPause
			}
			if e != nil {
				pause = max(pause, e.RetryAfter)
			}
			if e != nil && noPlace(e) && !c.catchUp(ctx, &at, f, yield) {
				return
			}
			c.again(err, pause)
			if !rest(ctx, pause) {
				yield(api.Event{}, context.Cause(ctx))
				return
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// catchUp passes on what happened since at, in pages, and moves at along; from
// now on where it is empty. What cannot be read is read the next time. False when
// the consumer wants no more.
func (c *Client) catchUp(ctx context.Context, at *string, f EventFilter, yield func(api.Event, error) bool) bool {
	begins, newest := *at == "", beforeAll
	for e, err := range c.PastEvents(AtOnce(ctx), *at, f) {
		if err != nil {
			return true
		}
		if newest = e.ID; begins {
			continue
		}
		if *at = e.ID; !yield(e, nil) {
			return false
		}
	}
	if begins {
		*at = newest
	}
	return true
}

// beforeAll stands for the id of an event before the first.
const beforeAll = "0"

// rest waits for d; false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stream reads one connection's events and moves at along. more is false when
// the consumer wants no more; got says whether the connection stood.
func (c *Client) stream(ctx context.Context, at *string, f EventFilter, yield func(api.Event, error) bool) (more, got bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := values("after", *at, "type", f.Type, "subject", f.Subject)
	q.Set("follow", "true")
	resp, err := c.send(ctx, call{method: http.MethodGet, path: "/v1/events", query: q, accept: "application/x-ndjson"})
	if err != nil {
		return true, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	if *at == "" {
		*at = resp.Header.Get("Last-Event-Id") // where the stream begins
	}
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		quiet.Reset(silence)
		e, alive, err := eventOf(lines.Bytes())
		switch {
		case err != nil:
			return true, true, err
		case alive:
			continue
		case e.ID != "":
			*at = e.ID
		}
		if !yield(e, nil) {
			return false, true, nil
		}
	}
	return true, true, lines.Err()
}

// eventOf reads one line of a stream; alive says that it is a sign of life and
// no event.
func eventOf(line []byte) (e api.Event, alive bool, err error) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return e, true, nil
	}
	err = json.Unmarshal(line, &e)
	return e, false, err
}

// PastEvents iterates over all pages of the events after one of an id, in
// order, up to now; after empty: from the first that is kept.
func (c *Client) PastEvents(ctx context.Context, after string, f EventFilter) iter.Seq2[api.Event, error] {
	return pages[api.Event](ctx, c, "/v1/events", values("after", after, "type", f.Type, "subject", f.Subject))
}
