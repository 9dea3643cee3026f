package liqid

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
)

// The URL of a fabric may be anybody's.
func TestAURLThatIsNotADirectors(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct {
		name   string
		url    string // empty: that of answer
		answer http.HandlerFunc
		want   string
	}{
		{"a web page", "", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html><h1>It works!</h1>") },
			"what answers at %s is not a Liqid director: it answered GET group with 200 and a web page; write the director's own address as the URL of fabric rack1"},
		{"a page that is not there", "", http.NotFound,
			"what answers at %s is not a Liqid director: it answered GET group with 404 and something that is not JSON; write the director's own address as the URL of fabric rack1"},
		{"another service's JSON", "", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"@odata.id":"/redfish/v1"}`)
		},
			"what answers at %s is not a Liqid director: it answered GET group with 200 and JSON that is not a director's; write the director's own address as the URL of fabric rack1"},
		{"another service's refusal", "", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"no"}`)
		},
			"what answers at %s is not a Liqid director: it answered GET group with 400 and JSON that is not a director's; write the director's own address as the URL of fabric rack1"},
		{"half a JSON", "", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"response":{"data":[{"grp`) },
			"what answers at %s is not a Liqid director: it answered GET group with 200 and JSON that breaks off; write the director's own address as the URL of fabric rack1"},
		{"nothing said", "", func(http.ResponseWriter, *http.Request) {},
			"what answers at %s is not a Liqid director: it answered GET group with 200 and nothing; write the director's own address as the URL of fabric rack1"},
		{"a way on", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://user:hunter2@login.example/start?ticket=hunter2")
			w.WriteHeader(302)
		},
			"what answers at %s is not a Liqid director: it answered GET group with 302 and a way on to https://login.example, which is not taken; write the director's own address as the URL of fabric rack1"},
		{"a way on, to another path", "", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/login"); w.WriteHeader(301) },
			"what answers at %s is not a Liqid director: it answered GET group with 301 and a way on to another path, which is not taken; write the director's own address as the URL of fabric rack1"},
		{"a gateway", "", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			io.WriteString(w, "<html>bad gateway")
		},
			"what answers at %s is not a Liqid director: it answered GET group with 502 and a web page; write the director's own address as the URL of fabric rack1"},
		{"not HTTP", other(t, "SSH-2.0-OpenSSH_9.6\r\n"), nil, "the director of rack1 at %s cannot be reached (GET group)"},
		{"nobody", gone.URL, nil,
			"the director of rack1 at %s cannot be reached: nothing listens there (GET group); see that the director runs, and that the URL of fabric rack1 is its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var paths []string
			var mu sync.Mutex
			at := tt.url
			if at == "" {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					paths = append(paths, r.URL.Path)
					mu.Unlock()
					tt.answer(w, r)
				}))
				defer server.Close()
				at = server.URL
			}
			c := callsTo(t, at)
			defer c.http.CloseIdleConnections()
			_, err := c.read(t.Context(), "group")
			want := tt.want
			if strings.Contains(want, "%s") {
				want = fmt.Sprintf(want, at)
			}
			if got := explain("cannot look", err).Error(); got != "cannot look: "+want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, p := range paths {
				if p != prefix+"/group" {
					t.Errorf("%s was called", p)
				}
			}
		})
	}
}

// other listens and answers every connection with text.
func other(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, text)
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

func TestNamesThatNobodyKnows(t *testing.T) {
	why, next := unconnected("rack1", fmt.Errorf("dial tcp: %w", &net.DNSError{Err: "no such host", Name: "director.invalid\x1b", IsNotFound: true}))
	if why != "cannot be found: nobody knows the name director.invalid\uFFFD" || next != "write a name or an address that exists in the URL of fabric rack1" {
		t.Errorf("%q %q", why, next)
	}
}

// A director that answered before is one, whatever it answers now.
func TestASpoiledAnswerOfADirector(t *testing.T) {
	answers := []string{envelopeOf(`[1]`), "<html>", `{"resp`, ``}
	n := 0
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, answers[n])
		n++
	})
	if _, err := c.read(t.Context(), "group"); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"a web page", "JSON that breaks off", "nothing"} {
		err := c.change(t.Context(), "POST", "group", nil)
		want := fmt.Sprintf("the director of rack1 at %s answered POST group with 200 and %s", c.shown, what)
		if codeOf(err) != composa.CodeUnknown || err.Error() != want {
			t.Errorf("%v (%s), want %s", err, codeOf(err), want)
		}
	}
}

// crowded answers 429 or 503 until some time, then success.
type crowded struct {
	status  int
	after   string // Retry-After
	body    string
	until   time.Time
	calls   int
	carried int
}

func (d *crowded) RoundTrip(r *http.Request) (*http.Response, error) {
	d.calls++
	w := httptest.NewRecorder()
	if time.Now().Before(d.until) {
		if d.after != "" {
			w.Header().Set("Retry-After", d.after)
		}
		w.WriteHeader(d.status)
		io.WriteString(w, d.body)
		return w.Result(), nil
	}
	d.carried++
	io.WriteString(w, envelopeOf(`[1]`))
	return w.Result(), nil
}

func TestPatience(t *testing.T) {
	refusal := `{"response":{"data":[],"errors":[{"code":429,"message":"slow down"}],"code":429}}`
	for _, tt := range []struct {
		name         string
		d            crowded
		lasts        time.Duration
		read, change composa.Code
		most         int // calls of one of ours
	}{
		{"too many, for a while", crowded{status: 429, after: "2", body: refusal}, 9 * time.Second, "", "", 6},
		{"too many, said by a page", crowded{status: 429, after: "2", body: "<html>"}, 9 * time.Second, "", "", 6},
		{"too many, for longer than a call may take", crowded{status: 429, after: "1", body: refusal}, time.Hour, composa.CodeUnreachable, composa.CodeBusy, 31},
		{"not before an hour", crowded{status: 429, after: "3600", body: refusal}, time.Hour, composa.CodeUnreachable, composa.CodeBusy, 1},
		{"too many, and not until when", crowded{status: 429, body: refusal}, time.Hour, composa.CodeUnreachable, composa.CodeBusy, 3},
		{"at once, for a while", crowded{status: 429, after: "0", body: refusal}, 5 * time.Second, "", "", 160},
		{"not ready", crowded{status: 503, after: "2", body: refusal}, 9 * time.Second, "", "", 6},
		{"not ready, said by somebody before it", crowded{status: 503, after: "2", body: "<html>"}, 9 * time.Second, "", composa.CodeUnknown, 6},
		{"not ready, and not until when", crowded{status: 503, body: refusal}, time.Hour, composa.CodeUnreachable, composa.CodeUnknown, 3},
		{"an answer that makes no sense", crowded{status: 429, after: "soon", body: refusal}, time.Hour, composa.CodeUnreachable, composa.CodeBusy, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{"GET", "POST"} {
				synctest.Test(t, func(t *testing.T) {
					d := tt.d
					d.until = time.Now().Add(tt.lasts)
					c := newDoor(false).opens(t, func(c *Config) {
						c.Credentials, c.HTTP = Credentials{}, &http.Client{Transport: &d}
						c.Timeouts = Timeouts{Read: 30 * time.Second, Change: 30 * time.Second}
					})
					began := time.Now()
					var err error
					want := tt.read
					if method == "GET" {
						_, err = c.read(t.Context(), "group")
					} else {
						want = tt.change
						err = c.change(t.Context(), method, "group", nil)
					}
					if codeOf(err) != want {
						t.Errorf("%s: %v (%s), want %q", method, err, codeOf(err), want)
					}
					if took := time.Since(began); took > 31*time.Second {
						t.Errorf("%s took %v", method, took)
					}
					if d.calls > tt.most || d.carried > 1 {
						t.Errorf("%s: %d calls, %d carried out", method, d.calls, d.carried)
					}
				})
			}
		})
	}
}

func TestEveryCallWaitsWhenOneWasAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &crowded{status: 429, after: "4", body: "<html>", until: time.Now().Add(4 * time.Second)}
		c := newDoor(false).opens(t, func(c *Config) {
			c.Credentials, c.HTTP = Credentials{}, &http.Client{Transport: d}
			c.Limits = Limits{Concurrent: 1, PerSecond: 100}
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := c.change(t.Context(), "POST", "group", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if d.calls != 11 || d.carried != 10 {
			t.Errorf("%d calls, %d carried out", d.calls, d.carried)
		}
		d.until = time.Now().Add(time.Hour)
		d.after = "60"
		if err := c.change(t.Context(), "POST", "group", nil); codeOf(err) != composa.CodeBusy {
			t.Errorf("%v", err)
		}
		calls := d.calls
		err := c.change(t.Context(), "POST", "group", nil)
		if codeOf(err) != composa.CodeUnreachable || d.calls != calls || !strings.Contains(err.Error(), "asked not to be called for longer than this call may take") {
			t.Errorf("%v (%s), %d calls", err, codeOf(err), d.calls-calls)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	stamp := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tt := range []struct {
		after, date string
		want        time.Duration
	}{
		{"", "", 0}, {"x", "", 0}, {"-1", "", 0}, {"1.5", "", 0}, {"99999999999999999999", "", 0},
		{"1", "", time.Second}, {" 30 ", "", 30 * time.Second}, {"0", "", time.Millisecond}, {"86400", "", maxAfter},
		{stamp(10 * time.Second), "", 10 * time.Second}, {stamp(-time.Hour), "", time.Millisecond}, {stamp(time.Hour), "", maxAfter},
		{stamp(time.Hour + 10*time.Second), stamp(time.Hour), 10 * time.Second}, // its clock is an hour ahead
	} {
		reply := &http.Response{Header: http.Header{}}
		reply.Header.Set("Retry-After", tt.after)
		if tt.date != "" {
			reply.Header.Set("Date", tt.date)
		}
		if got := retryAfter(reply, now); got != tt.want {
			t.Errorf("%q at %q: %v, want %v", tt.after, tt.date, got, tt.want)
		}
	}
}

func TestTheDirectorsClockIsHeard(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	d := fakeNet(func(*http.Request) (*http.Response, error) {
		reply := empty()
		reply.Header.Set("Date", now.Add(-90*time.Second).Format(http.TimeFormat))
		return reply, nil
	})
	c := newDoor(false).opens(t, func(c *Config) {
		c.Credentials, c.HTTP, c.Clock = Credentials{}, &http.Client{Transport: d}, func() time.Time { return now }
	})
	if _, told := c.clockAhead(); told {
		t.Error("it was told before any call")
	}
	if _, err := c.read(t.Context(), "group"); err != nil {
		t.Fatal(err)
	}
	if ahead, told := c.clockAhead(); !told || ahead != -90*time.Second {
		t.Errorf("%v %t", ahead, told)
	}
}

func TestTimesAreMediansOfTheNewest(t *testing.T) {
	var tm timing
	if got := tm.told(); got != (timed{}) {
		t.Errorf("%+v", got)
	}
	for _, n := range []int{5, 1, 3} {
		tm.took(time.Duration(n))
	}
	if got := tm.told(); got != (timed{3, 3}) {
		t.Errorf("%+v", got)
	}
	tm.took(4)
	if got := tm.told(); got != (timed{4, 3}) { // 3 and 4, rounded down
		t.Errorf("%+v", got)
	}
	for range 2 * remembered {
		tm.took(70)
	}
	if got := tm.told(); got != (timed{2*remembered + 4, 70}) || len(tm.last) != remembered {
		t.Errorf("%+v of %d", got, len(tm.last))
	}
}
