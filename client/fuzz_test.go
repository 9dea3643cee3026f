package client

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whatever stands in a line of a stream, reading it ends, and what is an event
// is read the same again.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		"", "  ", `{"id":"inc-1","at":"2026-01-02T03:04:05Z","type":"machine.ready","subject":"mach_a","principal":"admin"}`,
		`{"id":1}`, `{"type":"reset"}`, "{", `[]`, `null`, "\xff", `{"body":{"a":[1,2]}}`, `{"at":"yesterday"}`,
	} {
		f.Add([]byte(seed))
	}
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
	for _, seed := range []string{
		"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\n\r\n{\"code\":\"exists\",\"detail\":\"cannot compose\"}",
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n\r\n{\"code\":\"too_many\",\"retryable\":true}",
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 99999999999999999999\r\n\r\nbusy",
		"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n",
		"HTTP/1.1 500 Oops\r\nRetry-After: -1\r\n\r\n{\"code\":5}",
		"HTTP/1.1 400 Bad\r\n\r\n\xff\x00",
	} {
		f.Add([]byte(seed))
	}
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
