package liqid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
)

// answering is a director that gives every call the same answer.
func answering(t *testing.T, h http.HandlerFunc) *calls {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return callsTo(t, server.URL)
}

func callsTo(t *testing.T, url string) *calls {
	t.Helper()
	f, err := New(Config{Name: "rack1", URL: url, Site: rackSite, Timeouts: Timeouts{Read: time.Minute, Change: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	return f.calls
}

func TestWhatAnswersMean(t *testing.T) {
	refusal := func(words string) string {
		return `{"response":{"data":[],"errors":[{"code":400,"message":"` + words + `","type":"BadRequest"}],"code":400}}`
	}
	for _, tt := range []struct {
		name         string
		status       int
		body         string
		read, change composa.Code
	}{
		{"a success", 200, `{"response":{"data":[1],"errors":null,"code":0}}`, "", ""},
		{"created", 201, `{"response":{"data":[1],"errors":null,"code":0}}`, "", ""},
		{"accepted", 202, `{"response":{"data":[{"links":[{"href":"http://x/"}]}],"errors":null,"code":0}}`, "", ""},
		{"no body", 204, ``, composa.CodeUnreachable, ""},
		{"a refusal in a success", 200, refusal("no"), composa.CodeUnreachable, composa.CodeRefused},
		{"a state rule", 400, refusal("gpu3 is in group 7"), composa.CodeUnreachable, composa.CodeRefused},
		{"somebody edits", 400, refusal("group 3 is already being edited"), composa.CodeUnreachable, composa.CodeBusy},
		{"still at work", 400, refusal("pool/done is still at work on it"), composa.CodeUnreachable, composa.CodeBusy},
		{"conflict", 409, refusal("no"), composa.CodeUnreachable, composa.CodeBusy},
		{"locked", 423, refusal("no"), composa.CodeUnreachable, composa.CodeBusy},
		{"too many", 429, refusal("no"), composa.CodeUnreachable, composa.CodeBusy},
		{"a device in use", 400, refusal("gpu3 is in use on the host of machine 11"), composa.CodeUnreachable, composa.CodeRefused},
		{"a device in use, as a conflict", 409, refusal("gpu3 is in use on the host of machine 11"), composa.CodeUnreachable, composa.CodeRefused},
		{"a device in use, as locked", 423, refusal("gpu3 is in use on its host and locked"), composa.CodeUnreachable, composa.CodeRefused},
		{"not signed in", 401, refusal("who?"), composa.CodeUnreachable, composa.CodeUnreachable},
		{"not allowed", 403, refusal("no"), composa.CodeUnreachable, composa.CodeUnreachable},
		{"an empty answer", 200, ``, composa.CodeUnreachable, composa.CodeUnknown},
		{"wrong types", 200, `{"response":{"data":"7","errors":"none","code":"0"}}`, composa.CodeUnreachable, composa.CodeUnknown},
		{"no such route", 404, refusal("no such path"), composa.CodeUnsupported, composa.CodeUnsupported},
		{"no such route, said otherwise", 404, `<html>not found</html>`, composa.CodeUnsupported, composa.CodeUnsupported},
		{"no such method", 405, ``, composa.CodeUnsupported, composa.CodeUnsupported},
		{"it broke", 500, refusal("null pointer"), composa.CodeUnreachable, composa.CodeUnknown},
		{"it is away", 503, `<html>`, composa.CodeUnreachable, composa.CodeUnknown},
		{"a web page", 200, `<html>welcome</html>`, composa.CodeUnreachable, composa.CodeUnknown},
		{"other JSON", 200, `{"hello":1}`, composa.CodeUnreachable, composa.CodeUnknown},
		{"cut off", 200, `{"response":{"da`, composa.CodeUnreachable, composa.CodeUnknown},
		{"sent elsewhere", 302, ``, composa.CodeUnreachable, composa.CodeUnknown},
		{"refused by what is not a director", 400, `<html>bad request</html>`, composa.CodeUnreachable, composa.CodeUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://192.0.2.1/")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			if _, err := c.read(t.Context(), "group"); codeOf(err) != tt.read {
				t.Errorf("a read is %q, want %q: %v", codeOf(err), tt.read, err)
			}
			if err := c.change(t.Context(), "POST", "group", map[string]int{"grp_id": 1}); codeOf(err) != tt.change {
				t.Errorf("a change is %q, want %q: %v", codeOf(err), tt.change, err)
			}
		})
	}
}

func TestLostCallsAreUnknownOnlyWhereTheyMayHaveArrived(t *testing.T) {
	lost := answering(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	half := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"resp`)
	})
	release := make(chan struct{})
	hanging := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct {
		name         string
		calls        *calls
		read, change composa.Code
	}{
		{"nobody listens", callsTo(t, gone.URL), composa.CodeUnreachable, composa.CodeUnreachable},
		{"the answer is lost", lost, composa.CodeUnreachable, composa.CodeUnknown},
		{"the answer is cut off", half, composa.CodeUnreachable, composa.CodeUnknown},
		{"no answer in time", hanging, composa.CodeUnreachable, composa.CodeUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := tt.calls.read(ctx, "group"); codeOf(err) != tt.read {
				t.Errorf("a read is %q, want %q: %v", codeOf(err), tt.read, err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := tt.calls.change(ctx, "DELETE", "predevice/gpu", map[string]int{}); codeOf(err) != tt.change {
				t.Errorf("a change is %q, want %q: %v", codeOf(err), tt.change, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lost.change(ctx, "POST", "group", nil); codeOf(err) != composa.CodeUnreachable || !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was never sent: %v (%s)", err, codeOf(err))
	}
}

func TestAnswersAreBounded(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"response":{"data":[]}}`+strings.Repeat(" ", 1<<20))
	})
	if c.most != maxReply {
		t.Errorf("the bound is %d, want %d", c.most, maxReply)
	}
	if _, err := c.read(t.Context(), "status"); err != nil {
		t.Error(err)
	}
	c.most = 1 << 20
	if _, err := c.read(t.Context(), "status"); codeOf(err) != composa.CodeUnreachable || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("%v", err)
	}
	if err := c.change(t.Context(), "POST", "group", nil); codeOf(err) != composa.CodeUnknown {
		t.Errorf("a change: %v", err)
	}
}

func TestRefusalsKeepTheDirectorsWordsShort(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, `{"response":{"data":[],"errors":[{"message":"`+strings.Repeat("x", 5000)+`"}],"code":1}}`)
	})
	err := c.change(t.Context(), "POST", "group", nil)
	if err == nil || len(err.Error()) > maxMessage+100 || !strings.Contains(err.Error(), "answered POST group with 400: xxx") {
		t.Errorf("%d characters: %.80v", len(err.Error()), err)
	}
}

// fakeNet is a director in the same process, for tests in fake time.
type fakeNet func(*http.Request) (*http.Response, error)

func (f fakeNet) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func empty() *http.Response {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"response":{"data":[]}}`)), Header: http.Header{}}
}

func TestNoMoreCallsSideBySideThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		l := newLimited(fakeNet(func(*http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return empty(), nil
		}), Limits{Concurrent: 3, PerSecond: 1000})
		began := time.Now()
		var wg sync.WaitGroup
		for range 9 {
			wg.Go(func() { get(t, l, "GET") })
		}
		wg.Wait()
		if most.Load() != 3 || time.Since(began) != 3*time.Second {
			t.Errorf("%d at once, %v in all; want 3 and 3s", most.Load(), time.Since(began))
		}
	})
}

func TestNoMoreCallsASecondThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimited(fakeNet(func(*http.Request) (*http.Response, error) { return empty(), nil }), Limits{Concurrent: 4, PerSecond: 10})
		began := time.Now()
		for range 30 { // ten at once, then ten a second
			get(t, l, "GET")
		}
		if took := time.Since(began); took < 1990*time.Millisecond || took > 2100*time.Millisecond {
			t.Errorf("30 calls took %v, want 2s", took)
		}
	})
}

// An inventory that never stops takes half of the places and one call in ten: a
// step hardly waits for it.
func TestStepsGoBeforeTheInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		l := newLimited(fakeNet(func(r *http.Request) (*http.Response, error) {
			if r.Context().Value(behindKey{}) != nil {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
			}
			time.Sleep(time.Millisecond)
			return empty(), nil
		}), Limits{Concurrent: 8, PerSecond: 10})
		ctx, stop := context.WithCancel(behind(t.Context()))
		var inventory sync.WaitGroup
		for range 20 {
			inventory.Go(func() {
				for ctx.Err() == nil {
					r, err := http.NewRequestWithContext(ctx, "GET", "http://192.0.2.1/", nil)
					if err != nil {
						t.Error(err)
						return
					}
					if a, err := l.RoundTrip(r); err == nil {
						a.Body.Close()
					}
				}
			})
		}
		synctest.Wait() // it has taken the first second's calls
		time.Sleep(time.Second)
		began := time.Now()
		for range 50 {
			get(t, l, "GET")
		}
		if took := time.Since(began); took < 4900*time.Millisecond || took > 6*time.Second {
			t.Errorf("50 calls took %v, want 5s and a tenth more", took)
		}
		stop()
		inventory.Wait()
		if most.Load() > 4 {
			t.Errorf("the inventory made %d calls at once, want 4 at most", most.Load())
		}
	})
}

func TestHardwareGetsAirBetweenChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimited(fakeNet(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return empty(), nil
		}), Limits{Concurrent: 4, PerSecond: 1000, Gap: 2 * time.Second})
		began := time.Now()
		get(t, l, "POST")
		get(t, l, "GET") // reads need none
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("a change and a read took %v, want 2s", took)
		}
		get(t, l, "POST")
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("the second change ended after %v, want 4s", took)
		}
	})
}

func TestACallThatWaitsForItsTurnEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimited(fakeNet(func(*http.Request) (*http.Response, error) { return empty(), nil }), Limits{Concurrent: 1, PerSecond: 1000, Gap: time.Hour})
		get(t, l, "POST")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "POST", "http://192.0.2.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		get(t, l, "GET") // its place is free again
	})
}

func get(t *testing.T, l *limited, method string) {
	r, err := http.NewRequestWithContext(t.Context(), method, "http://192.0.2.1/", nil)
	if err != nil {
		t.Error(err)
		return
	}
	a, err := l.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return
	}
	a.Body.Close()
}

func TestPausesGrowWithTheTimeWaited(t *testing.T) {
	p := Poll{Least: 10 * time.Millisecond, Most: 2 * time.Second}
	for waited, want := range map[time.Duration]time.Duration{
		0: 10 * time.Millisecond, 100 * time.Millisecond: 10 * time.Millisecond, time.Second: 50 * time.Millisecond,
		20 * time.Second: time.Second, time.Hour: 2 * time.Second,
	} {
		if got := p.next(waited); got != want {
			t.Errorf("after %v: %v, want %v", waited, got, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, url := range []string{"http://192.0.2.1:8080", "http://192.0.2.1:8080/", "http://192.0.2.1:8080/liqid/api/v2", "http://192.0.2.1:8080/liqid/api/v2/"} {
		base, events, err := addresses(url)
		if err != nil || base != "http://192.0.2.1:8080/liqid/api/v2/" || len(events) != 2 || events[0] != "ws://192.0.2.1:8080/liqid/websocket/v2/event" {
			t.Errorf("%s: %s %v %v", url, base, events, err)
		}
	}
	if base, events, err := addresses("https://racks.example/rack1"); err != nil || base != "https://racks.example/rack1/liqid/api/v2/" || events[1] != "wss://racks.example/rack1/liqid/event" {
		t.Errorf("%s %v %v", base, events, err)
	}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"no site", `cannot drive rack1: the site has no id`},
		{"no host", `cannot drive rack1: its address "localhost:8080" is not of the form http://HOST:PORT; write the director's address as http://HOST:8080`},
		{"a password", `cannot drive rack1: its address holds an @; a user and a password do not stand there; write the director's address as http://HOST:8080`},
		{"a query", `cannot drive rack1: its address "http://192.0.2.1/?x=1" holds more than scheme, host and path; write the director's address as http://HOST:8080`},
		{"access", `cannot drive rack1: access "write" is neither manage nor observe`},
		{"a negative gap", `cannot drive rack1: gap -1s is negative`},
		{"a negative limit", `cannot drive rack1: a limit of calls is negative`},
	} {
		c := Config{Name: "rack1", URL: "http://192.0.2.1", Site: rackSite}
		switch tt.name {
		case "no site":
			c.Site = ""
		case "no host":
			c.URL = "localhost:8080"
		case "a password":
			c.URL = "http://me:secret@192.0.2.1"
		case "a query":
			c.URL = "http://192.0.2.1/?x=1"
		case "access":
			c.Access = "write"
		case "a negative gap":
			c.Limits.Gap = -time.Second
		case "a negative limit":
			c.Limits.PerSecond = -1
		}
		_, err := New(c)
		if err == nil || err.Error() != tt.want || composa.CodeOf(err) != composa.CodeInvalid {
			t.Errorf("%s: %v (%s)", tt.name, err, composa.CodeOf(err))
		}
	}
}

func TestAPasswordInAnAddressIsNotShown(t *testing.T) {
	for _, url := range []string{
		"http://admin:hunter%zz2@192.0.2.1:8080", "http://admin:hunter2@192.0.2.1", "admin:hunter2@192.0.2.1", "http://admin:hunter/2@192.0.2.1", "http://admin:hunter?2@x",
	} {
		_, err := New(Config{Name: "rack1", URL: url, Site: rackSite})
		if err == nil || strings.Contains(err.Error(), "hunter") || !strings.Contains(err.Error(), "its address") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := New(Config{Name: "rack1", URL: "http://192.0.2.1:80a", Site: rackSite}); err == nil || !strings.Contains(err.Error(), `its address cannot be read: invalid port ":80a"`) {
		t.Errorf("%v", err)
	}
}
