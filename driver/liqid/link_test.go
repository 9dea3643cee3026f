package liqid

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// envelopeOf is an answer of success with data.
func envelopeOf(data string) string {
	return `{"response":{"data":` + data + `,"errors":null,"code":0}}`
}

// accepting is a director that takes work on; polls are the answers of its link,
// one after the other, the last one for ever.
type accepting struct {
	link   string
	polls  []string // "404", "500", or a body
	polled []string // paths
}

func (a *accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, envelopeOf(`[{"grp_id":3,"links":[{"rel":"status","href":"`+a.link+`"}]}]`))
		return w.Result(), nil
	}
	a.polled = append(a.polled, r.URL.String())
	poll := a.polls[min(len(a.polled), len(a.polls))-1]
	switch poll {
	case "404":
		w.WriteHeader(404)
	case "500":
		w.WriteHeader(500)
	case "cut":
		return nil, io.ErrUnexpectedEOF
	default:
		io.WriteString(w, poll)
	}
	return w.Result(), nil
}

func TestLinksAreFollowedToTheirEnd(t *testing.T) {
	state := func(s string) string {
		return envelopeOf(`[{"command_execution_state":"` + s + `","device_id":"0x00005001"}]`)
	}
	const own = "http://192.0.2.1:8080/liqid/api/v2/async/7"
	for _, tt := range []struct {
		name  string
		link  string
		polls []string
		how   answerKind
		code  composa.Code
		text  string
		at    string        // where it was polled; empty: nowhere
		took  time.Duration // at least
	}{
		{"done after a while", own, []string{state("Pending"), state("Pending"), state("SUCCESS")}, answerFollowed, "", "", own, 0},
		{"gone", own, []string{state("Pending"), "404"}, answerAccepted, "", "", own, 0},
		{"a word that is not known", own, []string{state("COMPLETED")}, answerAccepted, "", "", own, 0},
		{"it failed", own, []string{state("Pending"), state("FAILURE")}, answerAccepted, composa.CodeUnknown,
			"the director of rack1 at http://192.0.2.1:8080 took on POST pool/done and says that it failed", own, 0},
		{"pending for ever", own, []string{state("Pending")}, answerAccepted, composa.CodeUnknown,
			"the director of rack1 at http://192.0.2.1:8080 took on POST pool/done and was still at work after 1m0s", own, time.Minute},
		{"away for a moment", own, []string{"500", "cut", "500", "500", "cut", state("SUCCESS")}, answerFollowed, "", "", own, 0},
		{"away for ever", own, []string{"cut"}, answerAccepted, composa.CodeUnknown,
			"the director of rack1 at http://192.0.2.1:8080 took on POST pool/done and does not say what became of it: the director of rack1 at http://192.0.2.1:8080 cannot be reached (GET async/7)", own, 5 * time.Second},
		{"garbage", own, []string{"<html>"}, answerAccepted, composa.CodeUnknown,
			"the director of rack1 at http://192.0.2.1:8080 took on POST pool/done and does not say what became of it: the director of rack1 at http://192.0.2.1:8080 answered GET async/7 with 200 and a web page", own, 5 * time.Second},
		{"no state", own, []string{envelopeOf(`[{"command_execution_state":7}]`)}, answerAccepted, composa.CodeUnknown,
			"the director of rack1 at http://192.0.2.1:8080 took on POST pool/done and does not say what became of it: it answered GET async/7 without a state", own, 5 * time.Second},
		{"another host", "http://203.0.113.9:1234/liqid/api/v2/async/7?token=1", []string{state("SUCCESS")}, answerFollowed, "", "", own + "?token=1", 0},
		{"a path", "/liqid/api/v2/async/7", []string{state("SUCCESS")}, answerFollowed, "", "", own, 0},
		{"a path below", "async/7", []string{state("SUCCESS")}, answerFollowed, "", "", own, 0},
		{"a path that climbs", "http://192.0.2.1:8080/liqid/api/v2/../../admin", []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
		{"a path elsewhere", "http://192.0.2.1:8080/admin", []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
		{"another scheme", "mailto:a@b.example", []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
		{"a file", "file:///etc/passwd", []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
		{"no link", "", []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
		{"control characters", `http://192.0.2.1:8080/liqid/api/v2/a\r\nX: y`, []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
		{"no end of it", own + strings.Repeat("x", maxLink), []string{state("SUCCESS")}, answerAccepted, "", "", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &accepting{link: tt.link, polls: tt.polls}
				c := newDoor(false).opens(t, func(c *Config) {
					c.Credentials, c.HTTP = Credentials{}, &http.Client{Transport: d}
					c.Timeouts = Timeouts{Commit: time.Minute, Silence: 5 * time.Second}
				})
				began := time.Now()
				how, err := c.commit(t.Context(), "POST", "pool/done", map[string]int{"grp_id": 3})
				if how != tt.how || codeOf(err) != tt.code || (err != nil && err.Error() != tt.text) {
					t.Errorf("%q, %v (%s)", how, err, codeOf(err))
				}
				switch {
				case tt.at == "" && len(d.polled) > 0, tt.at != "" && (len(d.polled) == 0 || d.polled[0] != tt.at):
					t.Errorf("polled at %q, want %q", d.polled, tt.at)
				case len(d.polled) > 1000:
					t.Errorf("polled %d times", len(d.polled))
				}
				if took := time.Since(began); took < tt.took || took > time.Minute {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Over real sockets: whatever host the link names, ours is asked, with a key.
func TestALinkToAnotherHostIsFollowedOnOurs(t *testing.T) {
	var strangers, polls atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	defer other.Close()
	inner := newDoor(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/racks/1"+prefix+"/")
		switch {
		case strings.HasPrefix(path, "digest"):
			r.URL.Path = prefix + "/" + path
			inner.ServeHTTP(w, r)
		case r.Header.Get("X-API-Key") == "":
			w.WriteHeader(http.StatusUnauthorized)
		case path == "pool/done":
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, envelopeOf(fmt.Sprintf(`[{"links":[{"href":"%s%s/async/7"}]}]`, other.URL, prefix)))
		case path == "async/7" && polls.Add(1) < 3:
			io.WriteString(w, envelopeOf(`[{"command_execution_state":"Pending"}]`))
		case path == "async/7":
			io.WriteString(w, envelopeOf(`[{"command_execution_state":"success"}]`))
		}
	}))
	defer server.Close()
	c := inner.opens(t, func(c *Config) { c.URL, c.HTTP = server.URL+"/racks/1", nil })
	defer c.http.CloseIdleConnections()
	how, err := c.commit(t.Context(), "POST", "pool/done", map[string]int{"grp_id": 3})
	if how != answerFollowed || err != nil || polls.Load() != 3 || strangers.Load() != 0 {
		t.Errorf("%q, %v, %d polls, %d calls of somebody else", how, err, polls.Load(), strangers.Load())
	}
	if told := c.commits.told(); told.count != 1 || told.median <= 0 {
		t.Errorf("%+v", told)
	}
}

// FuzzLink: whatever a link says, what is polled is below the director's own
// address.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{
		`{"links":[{"href":"http://192.0.2.1:8080/liqid/api/v2/async/7"}]}`, `{"links":[{"href":"//x/liqid/api/v2/a?b"}]}`,
		`{"links":[{"href":"../../x"}]}`, `{"links":[{"href":"http://u:p@x/liqid/api/v2/%2e%2e/%2e%2e/y"}]}`, `{"links":[{"href":"async:7"}]}`,
		`{"links":{}}`, `{"links":[7]}`, `7`,
	} {
		f.Add([]byte(seed))
	}
	c := &calls{base: "http://192.0.2.1:8080/racks/1" + prefix + "/", root: "/racks/1"}
	f.Fuzz(func(t *testing.T, in []byte) {
		at, ok := c.linked(&answer{status: 202, data: []json.RawMessage{in}})
		if !ok {
			return
		}
		u, err := url.Parse(c.base + at)
		if err != nil || u.Host != "192.0.2.1:8080" || u.User != nil || !strings.HasPrefix(u.Path, "/racks/1"+prefix+"/") || strings.Contains(u.Path, "/../") {
			t.Errorf("%s: %q, %v", in, c.base+at, err)
		}
	})
}

// A link that a director lost, or that it answers in a word that nobody knows,
// says nothing of the commit: where the queue shows and the session is still
// open, what shows was not committed.
func TestALinkThatSaysNothingProvesNoCommit(t *testing.T) {
	for name, poll := range map[string]string{"it is lost": "", "an unknown word": envelopeOf(`[{"command_execution_state":"ABORTED"}]`)} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, emulator.Config{API: "3.4", Habits: emulator.Habits{Queue: "shown"}, Counts: small})
			step := s.enter("gpu0")
			s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
				switch {
				case strings.HasSuffix(q.URL.Path, "/pool/done"): // and it never comes to it
					w.WriteHeader(http.StatusAccepted)
					io.WriteString(w, envelopeOf(`[{"links":[{"href":"async/7"}]}]`))
				case !strings.HasSuffix(q.URL.Path, "/async/7"):
					return false
				case poll == "":
					w.WriteHeader(http.StatusNotFound)
				default:
					io.WriteString(w, poll)
				}
				return true
			})
			_, err := s.f.Apply(t.Context(), step)
			if d, _ := s.director.Snapshot().Device("gpu0"); driver.CodeOf(err) != composa.CodeFailed || d.Group != 0 {
				t.Errorf("%v, and gpu0 is in group %d", err, d.Group)
			}
			s.clean("not committed")
		})
	}
}
