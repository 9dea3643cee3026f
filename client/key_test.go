package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

func second[T any](_ T, err error) error { return err }

// A key goes with what changes something, and with nothing else.
func TestKeyGoesWithChanges(t *testing.T) {
	got := ""
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Idempotency-Key")
		reply(w, 200, map[string]any{"id": "mach_a"})
	})
	ctx := client.WithKey(t.Context(), "job-7")
	if _, err := c.PutMachine(ctx, "default", "train", api.PutMachine{}, 0); err != nil || got != "job-7" {
		t.Errorf("a change carries %q, %v", got, err)
	}
	if _, err := c.Machine(ctx, "default", "train"); err != nil || got != "" {
		t.Errorf("a question carries %q, %v", got, err)
	}
	for name, err := range map[string]error{
		"create": second(c.TryPool(ctx, api.NewPool{Name: "vision"})), "delete": second(c.TryDeletePool(ctx, "default", "vision", 0)),
	} {
		if err != nil || got != "" {
			t.Errorf("a dry run of %s carries %q, %v", name, got, err)
		}
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
		{"a wish may be repeated", put, nil, 8, "unknown", true, 11300 * time.Millisecond},
		{"a change with a key of the caller's may be repeated", keyed, nil, 8, "unknown", true, 11300 * time.Millisecond},
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
				if tt.calls > 1 && (!errors.As(err, &e) || e.Key == "" || !strings.Contains(p.Next, e.Key) || !strings.HasSuffix(p.Detail, "connection reset (tried 8 times)")) {
					t.Errorf("the key is not told: %+v", err)
				}
			})
		})
	}
}

// A server that was there is waited for also by who only asks, and by a change
// that it never saw; one that was not there is not.
func TestAServerThatWasThereIsWaitedFor(t *testing.T) {
	ask := func(ctx context.Context, c *client.Client) error {
		_, err := c.Site(ctx)
		return err
	}
	plug := func(ctx context.Context, c *client.Client) error {
		_, err := c.Plug(ctx, "default", "train", api.Plug{}, 0)
		return err
	}
	for _, tt := range []struct {
		name    string
		before  bool // it answered a call before
		call    func(context.Context, *client.Client) error
		answers string
		calls   int
		code    string // empty: it succeeds
	}{
		{"a broken question is asked again", false, ask, "lost, refused, refused, 200 ok", 4, ""},
		{"for as long as a change is", false, ask, "lost, refused", 8, "unreachable"},
		{"a server that is not there is not", false, ask, "refused", 1, "unreachable"},
		{"one that was there is", true, ask, "refused, 200 ok", 2, ""},
		{"a change that it never saw goes out again", true, plug, "refused, refused, 200 ok", 3, ""},
		{"and did nothing where it never gets through", true, plug, "refused", 8, "unreachable"},
		{"who asks again himself is told at once", true, func(ctx context.Context, c *client.Client) error { return ask(client.AtOnce(ctx), c) }, "lost", 1, "unreachable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := &answers{all: strings.Split(tt.answers, ", "), keys: map[string]int{}}
				if tt.before {
					line.all = append([]string{"200 ok"}, line.all...)
				}
				c, err := client.New(client.Config{URL: "http://192.0.2.1", HTTP: &http.Client{Transport: line}})
				if err != nil {
					t.Fatal(err)
				}
				if tt.before {
					if err := ask(t.Context(), c); err != nil {
						t.Fatal(err)
					}
					clear(line.keys)
				}
				err = tt.call(t.Context(), c)
				calls := 0
				for _, n := range line.keys {
					calls += n
				}
				if calls != tt.calls || len(line.keys) != 1 || client.CodeOf(err) != tt.code {
					t.Errorf("%d calls with keys %v: %v", calls, line.keys, err)
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

// answers is a connection on which each call gets the next of some answers, and
// the last again and again: "lost", "refused" or a status, with a body of a
// server of ours where a code follows.
type answers struct {
	all  []string
	keys map[string]int
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	next := a.all[0]
	if len(a.all) > 1 {
		a.all = a.all[1:]
	}
	a.keys[r.Header.Get("Idempotency-Key")]++
	if next == "refused" {
		return nil, errors.New("connection refused")
	}
	httptrace.ContextClientTrace(r.Context()).WroteHeaders()
	if next == "lost" {
		return nil, errors.New("connection reset")
	}
	w := httptest.NewRecorder()
	var status int
	var code string
	n, _ := fmt.Sscanf(next, "%d %s", &status, &code)
	if n == 2 && code != "ok" {
		w.Header().Set("Retry-After", "3")
		reply(w, status, api.Problem{Status: status, Code: code, Detail: "cannot: " + code, Retryable: code == "unavailable" || code == "too_many"})
	} else if n == 2 {
		reply(w, status, map[string]any{"id": "mach_a"})
	} else {
		w.WriteHeader(status)
	}
	return w.Result(), nil
}

// Once an answer was lost only a server that looked for the key says what
// happened; whatever else answers, the call is unknown and its key is told.
func TestALostAnswerStaysLostUntilItsKeyIsAnswered(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers string
		calls   int
		code    string // empty: it succeeds
		keyTold bool
	}{
		{"found again", "lost, 503 unavailable, 429 too_many, 200 ok", 4, "", false},
		{"refused in the end", "lost, refused, 409 refused", 3, "refused", false},
		{"the server stops for good", "lost, 503 unavailable", 8, "unknown", true},
		{"it was never lost", "503 unavailable", 1, "unavailable", false},
		{"the server is in trouble", "lost, 500 internal", 8, "unknown", true},
		{"the token ran out meanwhile", "lost, 401 unauthenticated", 2, "unknown", true},
		{"a gateway timed out", "504, 200 ok", 2, "", false},
		{"a gateway always times out", "504", 8, "unknown", true},
		{"a gateway finds nobody", "502", 8, "unknown", true},
		{"a gateway that is full, then the server's word", "503, 409 exists", 2, "exists", false},
		{"a gateway in trouble after a loss", "lost, 502", 8, "unknown", true},
		{"a gateway that lets nothing through", "429", 1, "unavailable", false},
		{"lost, and then let through by nobody", "lost, 429", 8, "unknown", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line := &answers{all: strings.Split(tt.answers, ", "), keys: map[string]int{}}
				c, err := client.New(client.Config{URL: "http://192.0.2.1", HTTP: &http.Client{Transport: line}})
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Plug(t.Context(), "default", "train", api.Plug{}, 0)
				calls, key := 0, ""
				for key = range line.keys {
					calls += line.keys[key]
				}
				if len(line.keys) != 1 || calls != tt.calls || client.CodeOf(err) != tt.code {
					t.Fatalf("%d calls with keys %v: %v", calls, line.keys, err)
				}
				var e *client.Error
				if told := errors.As(err, &e) && e.Key == key && strings.Contains(e.Problem.Next, key); told != tt.keyTold {
					t.Errorf("the key is told: %v: %+v", told, err)
				}
				if tt.keyTold && e.Retryable() {
					t.Errorf("it is told that it may be repeated without its key: %+v", e)
				}
			})
		})
	}
}

// A question to a gateway that fails may just be asked again.
func TestAQuestionIsNeverUnknown(t *testing.T) {
	c, err := client.New(client.Config{URL: "http://192.0.2.1", HTTP: &http.Client{Transport: &answers{all: []string{"504"}, keys: map[string]int{}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Machine(t.Context(), "default", "train"); client.CodeOf(err) != "unavailable" {
		t.Errorf("a question gave %v", err)
	}
}

// A server that is asked too often says when to ask again: then it is asked, and
// who configured it is told.
func TestAskedTooOften(t *testing.T) {
	for _, tt := range []struct {
		refusals, calls int
		code            string
	}{{2, 3, ""}, {9, 4, "too_many"}} {
		t.Run(fmt.Sprint(tt.refusals), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, told := 0, []time.Duration{}
				c, err := client.New(client.Config{
					URL: "http://composa.example", HTTP: &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
						w := httptest.NewRecorder()
						if calls++; calls <= tt.refusals {
							w.Header().Set("Retry-After", "2")
							reply(w, 429, api.Problem{Status: 429, Code: "too_many", Detail: "cannot answer: asked too often", Retryable: true})
						} else {
							reply(w, 200, api.Site{Site: "site_1"})
						}
						return w.Result(), nil
					})},
					Again: func(why error, pause time.Duration) { told = append(told, pause) },
				})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Site(t.Context()); client.CodeOf(err) != tt.code || calls != tt.calls {
					t.Errorf("after %d calls: %v", calls, err)
				}
				for _, pause := range told {
					if pause != 2*time.Second {
						t.Errorf("it is told that %s pass", pause)
					}
				}
				if len(told) != tt.calls-1 {
					t.Errorf("%d further calls were told, of %d", len(told), tt.calls-1)
				}
			})
		})
	}
}

// tripper answers requests without a connection.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
