package client_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, *client.Client) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(client.Config{URL: s.URL + "/", Token: "secret-token", HTTP: s.Client(), UserAgent: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func problemOf(t *testing.T, err error) api.Problem {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is not a client error", err)
	}
	return e.Problem
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, bad := range []client.Config{
		{}, {URL: "127.0.0.1:7080"}, {URL: "ftp://host"}, {URL: "http://"}, {URL: "http://user:password@host"},
		{URL: "http://host?x=1"}, {URL: "http://host#x"}, {URL: "http://ho st"}, {URL: "http://host", CA: []byte("no certificate")},
		{URL: "http://host", CA: []byte("x"), HTTP: &http.Client{}},
	} {
		_, err := client.New(bad)
		if client.CodeOf(err) != "invalid" || !strings.HasPrefix(err.Error(), "cannot use the ") {
			t.Errorf("%+v: %v", bad, err)
		}
		if err != nil && strings.Contains(err.Error(), "password") {
			t.Errorf("the message tells the password: %v", err)
		}
	}
}

// What is sent: method, path with escaped segments, query, headers, body.
func TestWhatIsSent(t *testing.T) {
	var got string
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprintf("%s %s auth=%s agent=%s match=%s type=%s body=%s", r.Method, r.RequestURI, r.Header.Get("Authorization"),
			r.Header.Get("User-Agent"), r.Header.Get("If-Match"), r.Header.Get("Content-Type"), body)
		reply(w, 200, map[string]any{"id": "mach_a"})
	})
	ctx := t.Context()
	for _, tt := range []struct {
		call func() error
		want string
	}{
		{func() error { _, err := c.Machine(ctx, "a/b", "c d"); return err },
			"GET /v1/machines/a%2Fb/c%20d auth=Bearer secret-token agent=tester match= type= body="},
		{func() error {
			_, err := c.Plug(ctx, "default", "train", api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 1}}}, 1500*time.Millisecond)
			return err
		}, `POST /v1/machines/default/train/plug?wait=2 auth=Bearer secret-token agent=tester match= type=application/json body={"devices":[{"kind":"gpu","count":1}]}`},
		{func() error {
			_, err := c.PutMachine(ctx, "default", "train", api.PutMachine{}, time.Hour)
			return err
		}, `PUT /v1/machines/default/train?wait=300 auth=Bearer secret-token agent=tester match= type=application/json body={"devices":null}`},
		{func() error {
			_, err := c.EditDevice(ctx, "rack1", "gpu3", 7, api.EditDevice{Cordon: new("")})
			return err
		}, `PATCH /v1/devices/rack1/gpu3 auth=Bearer secret-token agent=tester match="7" type=application/json body={"cordon":""}`},
		{func() error { return c.DeletePool(ctx, "default", "vision", 0) },
			"DELETE /v1/pools/default/vision auth=Bearer secret-token agent=tester match= type= body="},
		{func() error {
			_, err := client.All(c.Machines(ctx, client.MachineFilter{Project: "p", Labels: map[string]string{"b": "2", "a": "1"}, Freed: true}))
			return err
		}, "GET /v1/machines?freed=true&label=a%3D1&label=b%3D2&limit=1000&project=p auth=Bearer secret-token agent=tester match= type= body="},
	} {
		if err := tt.call(); err != nil {
			t.Error(err)
		}
		if got != tt.want {
			t.Errorf("sent\n%s\nwant\n%s", got, tt.want)
		}
	}
}

func TestResults(t *testing.T) {
	status, body := 0, any(nil)
	_, c := serve(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, status, body) })
	for _, tt := range []struct {
		status int
		body   any
		want   *client.Result
	}{
		{200, api.Machine{ID: "mach_1"}, &client.Result{Machine: &api.Machine{ID: "mach_1"}}},
		{201, api.Machine{ID: "mach_1"}, &client.Result{Machine: &api.Machine{ID: "mach_1"}, Made: true}},
		{202, api.Operation{ID: "op_1"}, &client.Result{Operation: &api.Operation{ID: "op_1"}}},
	} {
		status, body = tt.status, tt.body
		got, err := c.Free(t.Context(), "p", "m", api.FreeMachine{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if (got.Machine == nil) != (tt.want.Machine == nil) || (got.Operation == nil) != (tt.want.Operation == nil) || got.Made != tt.want.Made {
			t.Errorf("%d gives %+v", tt.status, got)
		}
	}
}

func TestPagesUntilTheLast(t *testing.T) {
	var asked []string
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("cursor"))
		switch len(asked) {
		case 1:
			reply(w, 200, api.Projects{Items: []api.Project{{Name: "a"}, {Name: "b"}}, Page: api.Page{Next: "x"}})
		case 2:
			reply(w, 200, api.Projects{Items: []api.Project{}, Page: api.Page{Next: "y"}})
		default:
			reply(w, 200, api.Projects{Items: []api.Project{{Name: "c"}}})
		}
	})
	all, err := client.All(c.Projects(t.Context()))
	if err != nil || len(all) != 3 || all[2].Name != "c" {
		t.Errorf("all = %+v, %v", all, err)
	}
	if diff := cmp.Diff([]string{"", "x", "y"}, asked); diff != "" {
		t.Error(diff)
	}
}

// A problem comes through whole.
func TestProblem(t *testing.T) {
	want := api.Problem{Title: "Conflict", Status: 409, Detail: "cannot compose", Next: "ask for less", Code: "refused", Operation: "op_1",
		Request: "r", Refusal: &api.Explanation{Text: "no", Fabrics: []api.FabricAccount{{Fabric: "rack1", Reason: "silent"}}}}
	_, c := serve(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 409, want) })
	_, err := c.Site(t.Context())
	if diff := cmp.Diff(want, problemOf(t, err)); diff != "" {
		t.Error(diff)
	}
	if err.Error() != "cannot compose; ask for less" || client.CodeOf(err) != "refused" {
		t.Errorf("error = %q, code %q", err, client.CodeOf(err))
	}
}

// What is not a Composa server is told from one, and a proxy that cannot reach
// it says to come back.
func TestAnswersOfOthers(t *testing.T) {
	status, body := 0, ""
	_, c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, body) })
	for _, tt := range []struct {
		status    int
		body      string
		code      string
		retryable bool
	}{
		{200, "<html>hello", "internal", false},
		{404, "<html>not found", "internal", false},
		{502, "<html>bad gateway", "unavailable", true},
		{503, "", "unavailable", true},
		{500, `{"message": "no code"}`, "internal", false},
	} {
		status, body = tt.status, tt.body
		_, err := c.Site(t.Context())
		if p := problemOf(t, err); p.Code != tt.code || p.Retryable != tt.retryable {
			t.Errorf("%d %q: %+v", tt.status, tt.body, p)
		}
	}
}

// The token never follows a redirect, to whichever host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var mu sync.Mutex
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		reached = true
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		_, c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		_, err := c.Free(t.Context(), "default", "train", api.FreeMachine{}, 0)
		if p := problemOf(t, err); p.Code != "unreachable" || !strings.Contains(p.Detail, other.URL) || strings.Contains(err.Error(), "secret-token") {
			t.Errorf("%d: %+v", status, p)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if reached {
		t.Error("the other host was called")
	}
}

// Nobody there: nothing was sent, so the call may be repeated.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := client.New(client.Config{URL: "http://" + l.Addr().String(), Token: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Free(t.Context(), "default", "train", api.FreeMachine{}, 0)
	p := problemOf(t, err)
	if p.Code != "unreachable" || !p.Retryable || p.Status != 0 || !strings.HasPrefix(p.Detail, "cannot call POST /v1/machines/default/train/free at http://") {
		t.Errorf("problem = %+v", p)
	}
}

// A reading call whose answer was lost may just be made again.
func TestLostAnswer(t *testing.T) {
	_, c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.Site(client.AtOnce(t.Context()))
	if p := problemOf(t, err); p.Code != "unreachable" || !p.Retryable || strings.Contains(p.Next, "nothing was changed") {
		t.Errorf("reading: %+v", p)
	}
}

// A context that ends is what the caller is told.
func TestContextEndsACall(t *testing.T) {
	hang := make(chan struct{})
	_, c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	})
	defer close(hang)
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := c.Site(ctx); !errors.Is(err, why) {
		t.Errorf("error = %v", err)
	}
}

// A private CA is trusted when it is given, and only then.
func TestCA(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, api.Site{Version: "v"}) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	with, err := client.New(client.Config{URL: s.URL, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	if site, err := with.Site(t.Context()); err != nil || site.Version != "v" {
		t.Errorf("with the CA: %+v, %v", site, err)
	}
	without, err := client.New(client.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := without.Site(t.Context()); client.CodeOf(err) != "unreachable" || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without it: %v", err)
	}
}

func TestWaitAsksUntilItIsSettled(t *testing.T) {
	calls := 0
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; r.URL.Query().Get("wait") != "60" {
			t.Errorf("wait = %q", r.URL.Query().Get("wait"))
		}
		phase := "running"
		if calls == 3 {
			phase = "held"
		}
		reply(w, 200, api.Operation{ID: "op_1", Phase: phase})
	})
	if op, err := c.Wait(t.Context(), "op_1"); err != nil || op.Phase != "held" || calls != 3 {
		t.Errorf("op = %+v, %v after %d calls", op, err, calls)
	}
}

// An answer that the server cannot tell just now does not end the waiting; one
// that it never will does, and so does the end of the context.
func TestWaitAsksAgainWhenTheServerIsBusy(t *testing.T) {
	calls := 0
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls++; {
		case strings.HasSuffix(r.URL.Path, "op_long"):
			w.Header().Set("Retry-After", "3600")
			reply(w, 503, api.Problem{Status: 503, Code: "unavailable", Retryable: true})
		case strings.HasSuffix(r.URL.Path, "op_none"):
			reply(w, 404, api.Problem{Status: 404, Code: "not_found"})
		case calls == 1:
			reply(w, 503, api.Problem{Status: 503, Code: "busy", Retryable: true})
		default:
			reply(w, 200, api.Operation{ID: "op_1", Phase: "done"})
		}
	})
	if op, err := c.Wait(t.Context(), "op_1"); err != nil || op.Phase != "done" || calls != 2 {
		t.Errorf("op = %+v, %v after %d calls", op, err, calls)
	}
	if _, err := c.Wait(t.Context(), "op_none"); client.CodeOf(err) != "not_found" || calls != 3 {
		t.Errorf("of one that is not there: %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, "op_long"); !errors.Is(err, context.DeadlineExceeded) || calls != 5 {
		t.Errorf("with a context that ends: %v after %d calls", err, calls)
	}
	var e *client.Error
	if _, err := c.Operation(t.Context(), "op_long", 0); !errors.As(err, &e) || e.RetryAfter != time.Minute {
		t.Errorf("what the server asks for: %+v", e)
	}
}

// Where there is no place for one more who waits the operation is looked at: its
// steps and its end are told all the same.
func TestWaitingWithoutAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits, looks := 0, 0
		c, err := client.New(client.Config{URL: "http://composa.example", HTTP: &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			if r.URL.Query().Has("wait") {
				waits++
				w.Header().Set("Retry-After", "1")
				reply(w, 429, api.Problem{Status: 429, Code: "too_many", Retryable: true})
				return w.Result(), nil
			}
			looks++
			phase := "running"
			if looks == 40 {
				phase = "done"
			}
			reply(w, 200, api.Operation{ID: "op_1", Phase: phase, Revision: int64(looks)})
			return w.Result(), nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		if op, err := c.Newer(t.Context(), "op_1", 3, time.Minute); err != nil || op.Revision != 4 || waits != 1 {
			t.Errorf("the next step: %+v, %v after %d calls that wait", op, err, waits)
		}
		began := time.Now()
		if op, err := c.Operation(t.Context(), "op_1", 10*time.Second); err != nil || op.Phase != "running" || time.Since(began) > 10*time.Second {
			t.Errorf("when the time has passed: %+v, %v after %s", op, err, time.Since(began))
		}
		if op, err := c.Wait(t.Context(), "op_1"); err != nil || op.Phase != "done" {
			t.Errorf("the end: %+v, %v", op, err)
		}
	})
}

// Where there is no place for one more stream the events come in pages, each
// once, and from where the following began.
func TestEventsWithoutAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := 0
		c, err := client.New(client.Config{URL: "http://composa.example", HTTP: &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			q := r.URL.Query()
			if q.Has("follow") && pages < 3 {
				w.Header().Set("Retry-After", "1")
				reply(w, 429, api.Problem{Status: 429, Code: "too_many", Retryable: true})
				return w.Result(), nil
			}
			if q.Has("follow") {
				reply(w, 200, api.Event{ID: "after " + q.Get("after")})
				return w.Result(), nil
			}
			pages++
			after, _ := strconv.Atoi(q.Get("after"))
			items := []api.Event{}
			for id := after + 1; id <= 2*pages; id++ {
				items = append(items, api.Event{ID: fmt.Sprint(id)})
			}
			reply(w, 200, map[string]any{"items": items})
			return w.Result(), nil
		})}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for e, err := range c.Events(t.Context(), "", client.EventFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, e.ID); len(got) == 5 {
				break
			}
		}
		if diff := cmp.Diff([]string{"3", "4", "5", "6", "after 6"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Events go on after what was seen, start where the server says when nothing
// was, and end with a refusal.
func TestEventsResume(t *testing.T) {
	var asked []string
	_, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		w.Header().Set("Content-Type", "application/x-ndjson")
		switch len(asked) {
		case 1:
			w.Header().Set("Last-Event-Id", "i-5") // and then it breaks off
		case 2:
			_, _ = io.WriteString(w, `{"id":"i-6","type":"a.b"}`+"\n\n"+`{"id":"i-7","type":"a.b"}`+"\n")
		case 3:
			reply(w, 503, api.Problem{Code: "unavailable", Retryable: true})
		default:
			reply(w, 401, api.Problem{Code: "unauthenticated", Detail: "cannot sign in"})
		}
	})
	var got []string
	var last error
	for e, err := range c.Events(t.Context(), "", client.EventFilter{Type: "a"}) {
		if last = err; err == nil {
			got = append(got, e.ID)
		}
	}
	if diff := cmp.Diff([]string{"i-6", "i-7"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"", "i-5", "i-7", "i-7"}, asked); diff != "" {
		t.Error(diff)
	}
	if client.CodeOf(last) != "unauthenticated" {
		t.Errorf("it ends with %v", last)
	}
}
