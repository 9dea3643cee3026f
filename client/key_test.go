package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// A key goes with what changes something, and with nothing else.
func TestKeyGoesWithChanges(t *testing.T) {
	got := ""
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Idempotency-Key")
		reply(w, 200, map[string]any{})
	})
	ctx := client.WithKey(t.Context(), "job-7")
	if _, err := c.PutMachine(ctx, "default", "train", api.PutMachine{}, 0); err != nil || got != "job-7" {
		t.Errorf("a change carries %q, %v", got, err)
	}
	if _, err := c.Machine(ctx, "default", "train"); err != nil || got != "" {
		t.Errorf("a question carries %q, %v", got, err)
	}
	own := map[string]bool{}
	for range 2 {
		if _, err := c.Free(t.Context(), "default", "train", api.FreeMachine{}, 0); err != nil || len(got) < 16 {
			t.Errorf("a change without a key carries %q, %v", got, err)
		}
		own[got] = true
	}
	if len(own) != 2 {
		t.Errorf("two changes carry the same key: %v", own)
	}
}

// A change whose connection breaks is sent again with the same key, and the
// answer is that of the call that got through.
func TestABrokenConnectionIsTriedAgain(t *testing.T) {
	var calls atomic.Int32
	keys := map[string]int{}
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		keys[r.Header.Get("Idempotency-Key")]++
		if calls.Add(1) < 3 {
			panic(http.ErrAbortHandler)
		}
		reply(w, 200, api.Machine{ID: "mach_1"})
	})
	r, err := c.Free(t.Context(), "default", "train", api.FreeMachine{}, 0)
	if err != nil || r.Machine.ID != "mach_1" {
		t.Fatalf("free gave %+v, %v", r, err)
	}
	if calls.Load() < 3 || len(keys) != 1 {
		t.Errorf("%d calls with keys %v, want 3 or more with one", calls.Load(), keys)
	}
}

// line is a connection on which every call is lost: after it was sent, or, where
// refused is set, before.
type line struct {
	calls   int
	refused func(call int) bool
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.calls++
	if l.refused != nil && l.refused(l.calls) {
		return nil, errors.New("connection refused")
	}
	httptrace.ContextClientTrace(r.Context()).WroteHeaders()
	return nil, errors.New("connection reset")
}

func TestRepetitionsAreBounded(t *testing.T) {
	put := func(ctx context.Context, c *client.Client) error {
		_, err := c.PutMachine(ctx, "default", "train", api.PutMachine{}, 0)
		return err
	}
	plug := func(ctx context.Context, c *client.Client) error {
		_, err := c.Plug(ctx, "default", "train", api.Plug{}, 0)
		return err
	}
	keyed := func(ctx context.Context, c *client.Client) error { return plug(client.WithKey(ctx, "job-7"), c) }
	for _, tt := range []struct {
		name      string
		call      func(context.Context, *client.Client) error
		refused   func(int) bool
		calls     int
		code      string
		retryable bool
		took      time.Duration
	}{
		{"a wish may be repeated", put, nil, 8, "unreachable", true, 11300 * time.Millisecond},
		{"a change with a key of the caller's may be repeated", keyed, nil, 8, "unreachable", true, 11300 * time.Millisecond},
		{"any other may have happened", plug, nil, 8, "unknown", false, 11300 * time.Millisecond},
		{"a server that starts again is waited for", plug, func(call int) bool { return call > 1 }, 8, "unknown", false, 11300 * time.Millisecond},
		{"a server that is not there is not", plug, func(int) bool { return true }, 1, "unreachable", true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{refused: tt.refused}
				c, err := client.New(client.Config{URL: "http://192.0.2.1", Token: "secret", HTTP: &http.Client{Transport: l}})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				err = tt.call(t.Context(), c)
				p := problemOf(t, err)
				if l.calls != tt.calls || p.Code != tt.code || p.Retryable != tt.retryable || time.Since(began) != tt.took {
					t.Errorf("%d calls in %v, problem %+v", l.calls, time.Since(began), p)
				}
				var e *client.Error
				if tt.calls > 1 && (!errors.As(err, &e) || e.Key == "" || !strings.Contains(p.Next, e.Key) || !strings.HasSuffix(p.Detail, "connection reset (8 times)")) {
					t.Errorf("the key is not told: %+v", err)
				}
			})
		})
	}
}

// Who gives up waiting is told that, not that the connection was lost.
func TestRepetitionsEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, err := client.New(client.Config{URL: "http://192.0.2.1", HTTP: &http.Client{Transport: new(line)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Plug(ctx, "default", "train", api.Plug{}, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("plug gave %v", err)
		}
	})
}
