package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
)

// Whatever stands in a line of a stream, reading it ends, and what is an event
// is read the same again.
func FuzzEvent(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		e, alive, err := eventOf(line)
		if alive != (len(bytes.TrimSpace(line)) == 0) {
			t.Errorf("%q is taken for a sign of life: %t", line, alive)
		}
		if again, _, againErr := eventOf(append([]byte(" "), line...)); (err == nil) != (againErr == nil) || again.ID != e.ID || again.Type != e.Type {
			t.Errorf("%q is read as %+v, then as %+v", line, e, again)
		}
	})
}

// Whatever a server answers, it becomes an error that tells what was called.
func FuzzProblem(f *testing.F) {
	base := &url.URL{Scheme: "http", Host: "server:7080"}
	f.Fuzz(func(t *testing.T, text []byte) {
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		got, ok := call{method: "GET", path: "/v1"}.answered(base, resp).(*Error)
		if !ok || got.Code() == "" || got.RetryAfter < 0 || got.RetryAfter > time.Minute {
			t.Errorf("%q becomes %+v", text, got)
		}
		if got.Problem.Detail == "" && !strings.Contains(string(text), "code") {
			t.Errorf("%q becomes an error that says nothing", text)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	})
}

// Whatever a server answers to a change, it is a machine or an operation that
// can be asked for again, or an error that tells what was called; and it is
// written as it was read.
func FuzzResult(f *testing.F) {
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		answered := status
		c, err := New(Config{URL: "http://server:7080", HTTP: &http.Client{Transport: answers{status, body}}})
		if err != nil {
			t.Fatal(err)
		}
		k := call{method: http.MethodPut, path: "/v1/machines/default/train"}
		var got *Result
		var raw json.RawMessage
		if status, err = c.once(t.Context(), k, &raw); err == nil {
			got, err = k.result(c.base, status, raw)
		}
		if err != nil {
			told, ok := err.(*Error)
			if got != nil || !ok || told.Code() == "" || answered/100 == 2 && !strings.Contains(told.Problem.Detail, "PUT /v1/machines/default/train") {
				t.Errorf("%d %q becomes %+v and %v", answered, body, got, err)
			}
			return
		}
		var is any
		switch {
		case status/100 != 2 || !json.Valid(body):
			t.Fatalf("%d %q becomes %+v", status, body, got)
		case got.Machine != nil && got.Operation == nil && got.Machine.ID != "" && status != http.StatusAccepted && got.Made == (status == http.StatusCreated):
			is = new(api.Machine)
		case got.Operation != nil && got.Machine == nil && got.Operation.ID != "" && status == http.StatusAccepted:
			is = new(api.Operation)
		default:
			t.Fatalf("%d %q becomes %+v", status, body, got)
		}
		first := written(t, got.Machine, got.Operation)
		if err := json.Unmarshal(first, is); err != nil {
			t.Fatalf("%q is written as %s, which cannot be read: %v", body, first, err)
		}
		if again, err := json.Marshal(is); err != nil || !bytes.Equal(again, first) {
			t.Errorf("%q is written as %s, then as %s, %v", body, first, again, err)
		}
	})
}

// answers is a server that answers all calls the same.
type answers struct {
	status int
	body   []byte
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// written is the one of both that is there, as JSON.
func written(t *testing.T, m *api.Machine, op *api.Operation) []byte {
	t.Helper()
	var v any = m
	if m == nil {
		v = op
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%+v cannot be written: %v", v, err)
	}
	return text
}
