package rest_test

import (
	"strings"
	"testing"
)

// A token's text in a path is in no answer and in no log.
func TestATokenInAPathIsNotRepeated(t *testing.T) {
	w := newWorld(t, setting{racks: []string{}})
	const outside = "given-from-outside-1"
	for _, c := range []struct {
		method, path, secret string
		status               int
	}{
		{"DELETE", "/v1/tokens/" + w.token, w.token, 400},
		{"DELETE", "/v1/tokens/" + outside, outside, 400},
		{"POST", "/v1/tokens/" + w.token, w.token, 405},
		{"DELETE", "/v1/nothing/" + w.token, w.token, 404},
		{"PUT", "/v1/machines/default/" + w.token, w.token, 400},
	} {
		body := ""
		if c.method == "PUT" {
			body = `{"devices": [{"kind": "gpu", "count": 1}]}`
		}
		got := w.ask(c.method, c.path, body)
		if got.status != c.status {
			t.Errorf("%s is answered %d, want %d: %s", c.path, got.status, c.status, got.body)
		}
		if c.path != "/v1/machines/default/"+w.token && strings.Contains(got.body, c.secret) {
			t.Errorf("the answer to %s repeats it: %s", c.path, got.body)
		}
		if log := w.log.String(); strings.Contains(log, c.secret) || !strings.Contains(log, "method="+c.method) {
			t.Errorf("after %s the log is %s", c.path, log)
		}
	}
	if got := w.ask("DELETE", "/v1/tokens/"+outside, "", "Authorization: "); got.status != 401 || strings.Contains(got.body, outside) {
		t.Errorf("who is not signed in is answered %d: %s", got.status, got.body)
	}
}
