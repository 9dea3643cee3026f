package rest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/rest"
)

// quiet is a store in which there are two events and nothing happens.
type quiet struct{ rest.Store }

// TokenOwner knows callers by the hash of their token: a, b and so on, and takes
// any other token as a's.
func (quiet) TokenOwner(_ context.Context, _ composa.Who, hash []byte) (composa.Who, error) {
	name := "a"
	for _, other := range []string{"b", "c", "d", "e"} {
		if bytes.Equal(hash, auth.Hash(tokenOf(other))) {
			name = other
		}
	}
	return composa.Who{Principal: composa.Principal{ID: composa.PrincipalID("user_" + name), Kind: composa.PrincipalUser, Name: name}}, nil
}

func tokenOf(name string) string { return "the-token-of-caller-" + name }

type callerKey struct{}

// by is a context in which call and follow ask as somebody, and not as a.
func by(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, callerKey{}, name)
}

// asking adds to a request the token of who asks.
func asking(req *http.Request) *http.Request {
	name, ok := req.Context().Value(callerKey{}).(string)
	if !ok {
		name = "a"
	}
	req.Header.Set("Authorization", "Bearer "+tokenOf(name))
	return req
}

func (quiet) Identity(context.Context, composa.Who) (composa.Identity, error) {
	return composa.Identity{Site: "site_a", Incarnation: "inc"}, nil
}
func (quiet) Version(context.Context) (int64, error)                { return 1, nil }
func (quiet) LastEvent(context.Context, composa.Who) (int64, error) { return 2, nil }
func (quiet) Site(context.Context, composa.Who) (*composa.Site, error) {
	return (&composa.Site{}).Index(), nil
}
func (quiet) Projects(context.Context, composa.Who) ([]composa.Project, error)     { return nil, nil }
func (quiet) Principals(context.Context, composa.Who) ([]composa.Principal, error) { return nil, nil }
func (quiet) Notify() (<-chan struct{}, func())                                    { return make(chan struct{}), func() {} }
func (quiet) Events(_ context.Context, _ composa.Who, after int64, _ int, _ composa.EventFilter) ([]composa.Event, error) {
	var out []composa.Event
	for n := after + 1; n <= 2; n++ {
		out = append(out, composa.Event{Seq: n, Type: "device.added", Subject: fmt.Sprint("dev_", n)})
	}
	return out, nil
}

// sink is a caller's connection: it notes what is written, and the deadlines.
type sink struct {
	header http.Header
	mu     sync.Mutex
	body   strings.Builder
	status int
	until  time.Time
	late   bool // something was written without a deadline ahead
	fails  error
}

func newSink() *sink { return &sink{header: http.Header{}} }

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = code
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := time.Until(s.until); d <= 0 || d > 30*time.Second {
		s.late = true
	}
	if s.fails != nil {
		return 0, s.fails
	}
	return s.body.Write(b)
}
func (s *sink) Flush() {}

func (s *sink) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
	return nil
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.String()
}

func follow(ctx context.Context, srv *rest.Server, to http.ResponseWriter, accept string) {
	req := asking(httptest.NewRequest("GET", "/v1/events?after=0&follow=true", nil).WithContext(ctx))
	req.Header.Set("Accept", accept)
	srv.ServeHTTP(to, req)
}

// A stream without events says something every 15 seconds, and no write may
// take longer than its deadline.
func TestKeepAlive(t *testing.T) {
	for accept, sign := range map[string]string{"text/event-stream": ": nothing new\n\n", "application/x-ndjson": "\n\n"} {
		synctest.Test(t, func(t *testing.T) {
			srv := rest.New(rest.Config{Store: quiet{}})
			defer srv.Close()
			ctx, cancel := context.WithCancel(t.Context())
			to := newSink()
			go follow(ctx, srv, to, accept)
			synctest.Wait()
			before := to.text()
			if !strings.Contains(before, "inc-2") {
				t.Errorf("%s: what is recorded does not come: %q", accept, before)
			}
			time.Sleep(14 * time.Second)
			if to.text() != before {
				t.Errorf("%s: it says something too early", accept)
			}
			time.Sleep(32 * time.Second)
			synctest.Wait()
			signs := strings.TrimPrefix(to.text(), before)
			if n := strings.Count(signs, "\n") / strings.Count(strings.TrimPrefix(sign, "\n"), "\n"); n != 3 {
				t.Errorf("%s: %d signs of life in 46 s: %q", accept, n, signs)
			}
			if to.late {
				t.Errorf("%s: something was written without a deadline", accept)
			}
			cancel()
			synctest.Wait()
		})
	}
}

// A caller who does not take events is let go.
func TestACallerWhoDoesNotReadIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: quiet{}})
		defer srv.Close()
		to := newSink()
		to.fails = context.DeadlineExceeded
		ended := false
		go func() {
			follow(t.Context(), srv, to, "text/event-stream")
			ended = true
		}()
		synctest.Wait()
		if !ended {
			t.Error("the stream goes on")
		}
	})
}

// There is a most of streams, of which one principal may have a quarter; who
// comes then is told to come back, and finds a place when one ends.
func TestStreamsHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: quiet{}})
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		one, end := context.WithCancel(ctx)
		for i := range usual.Streams {
			with := ctx
			if i == 0 {
				with = one
			}
			with = by(with, string("abcd"[i%4]))
			go follow(with, srv, newSink(), "text/event-stream")
		}
		synctest.Wait()
		over := httptest.NewRecorder()
		follow(by(ctx, "e"), srv, over, "text/event-stream")
		if over.Code != 503 || over.Header().Get("Retry-After") == "" || !strings.Contains(over.Body.String(), "1024 streams are open") {
			t.Errorf("one too many answers %d: %s", over.Code, over.Body)
		}
		end()
		synctest.Wait()
		to := newSink()
		go follow(by(ctx, "e"), srv, to, "text/event-stream")
		synctest.Wait()
		if to.status != 200 {
			t.Errorf("after one ended the answer is %d", to.status)
		}
		cancel()
		synctest.Wait()
	})
}

// One principal that opens all the streams that it may leaves room for others.
func TestStreamsOfOnePrincipalLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: quiet{}})
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		for range usual.Streams {
			go follow(ctx, srv, newSink(), "text/event-stream")
		}
		synctest.Wait()
		to := newSink()
		go follow(by(ctx, "b"), srv, to, "text/event-stream")
		synctest.Wait()
		if to.status != 200 {
			t.Errorf("another principal is answered %d", to.status)
		}
		cancel()
		synctest.Wait()
	})
}

// One principal has a most of streams of its own.
func TestStreamsOfOnePrincipalHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: quiet{}, Limits: rest.Limits{StreamsEach: 3}})
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		one, end := context.WithCancel(ctx)
		go follow(one, srv, newSink(), "text/event-stream")
		go follow(ctx, srv, newSink(), "text/event-stream")
		go follow(ctx, srv, newSink(), "text/event-stream")
		synctest.Wait()
		over := httptest.NewRecorder()
		follow(ctx, srv, over, "text/event-stream")
		if over.Code != 429 || over.Header().Get("Retry-After") == "" || !strings.Contains(over.Body.String(), "3 streams of a are open") {
			t.Errorf("one too many answers %d: %s", over.Code, over.Body)
		}
		end()
		synctest.Wait()
		to := newSink()
		go follow(ctx, srv, to, "text/event-stream")
		synctest.Wait()
		if to.status != 200 {
			t.Errorf("after one ended the answer is %d", to.status)
		}
		cancel()
		synctest.Wait()
	})
}
