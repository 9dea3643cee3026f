package liqid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// answer is what a director said: the elements of data, or, where it stands
// outside the envelope, the whole body (liqid-api.md 2.0).
type answer struct {
	status int
	data   []json.RawMessage
	bare   json.RawMessage

	records records // what data was read as
}

// readAnswer reads what came back. A success without a body is one only where
// the director says that there is none (204, liqid-api.md 2.0): an answer that
// lost its body says nothing.
func (c *calls) readAnswer(call string, changing bool, reply *http.Response, text []byte) (*answer, error) {
	status := reply.StatusCode
	ok := status >= 200 && status < 300
	trimmed := bytes.TrimSpace(text)
	if changing && status == http.StatusNoContent && len(trimmed) == 0 {
		return &answer{status: status}, nil
	}
	env, known := readEnvelope(trimmed)
	if known {
		c.met.Store(true)
	}
	if ok && known && !env.refused {
		return &answer{status: status, data: env.data}, nil
	}
	if ok && !known && !changing && isBare(trimmed) {
		return &answer{status: status, bare: trimmed}, nil
	}
	later := retryAfter(reply, c.clock())
	if ok && known {
		status = http.StatusBadRequest // a refusal inside a success: some directors' habit is not known, so both count
	}
	said := &fault{code: meaning(status, changing, known, later > 0, env.words), status: status}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		said.after = later
	}
	said.why, said.next = c.words(call, reply, known, composa.Abridge(strings.TrimSpace(env.words), maxMessage), trimmed)
	if next := whatNext(said.code, env.words); next != "" {
		said.next = next
	}
	return nil, said
}

// words say how a call was answered that did not succeed, and what to do about
// it where that is known.
func (c *calls) words(call string, reply *http.Response, known bool, told string, text []byte) (why, next string) {
	status := reply.StatusCode
	who := fmt.Sprintf("the director of %s at %s", c.fabric, c.shown)
	switch {
	case status == http.StatusUnauthorized && c.signed != nil && c.signed.who.Username != "":
		return fmt.Sprintf("%s knows its user and does not let it call %s", who, call),
			fmt.Sprintf("give the user of fabric %s the right to do so on the director", c.fabric)
	case status == http.StatusUnauthorized:
		return fmt.Sprintf("%s wants to know who calls (%s)", who, call), fmt.Sprintf("give fabric %s credentials", c.fabric)
	case status == http.StatusForbidden:
		return fmt.Sprintf("%s does not allow its user to call %s%s", who, call, colon(told)),
			fmt.Sprintf("give the user of fabric %s the right to do so on the director", c.fabric)
	case status == http.StatusTooManyRequests:
		return fmt.Sprintf("%s was called too often (%s)%s", who, call, colon(told)), fmt.Sprintf("lower limits.perSecond of fabric %s", c.fabric)
	case known && told == "":
		told = http.StatusText(status)
		fallthrough
	case known:
		return fmt.Sprintf("%s answered %s with %d: %s", who, call, status, told), ""
	}
	return c.noDirectors(call, status, strange(status, reply.Header.Get("Location"), text))
}

// noDirectors says that what came back is not what a director writes. Where none
// ever answered it may not be one.
func (c *calls) noDirectors(call string, status int, what string) (why, next string) {
	if c.met.Load() {
		return fmt.Sprintf("the director of %s at %s answered %s with %d and %s", c.fabric, c.shown, call, status, what), ""
	}
	return fmt.Sprintf("what answers at %s is not a Liqid director: it answered %s with %d and %s", c.shown, call, status, what),
		fmt.Sprintf("write the director's own address as the URL of fabric %s", c.fabric)
}

// unreadable is an answer to a reading call that is a director's and does not
// hold what is asked for.
func (c *calls) unreadable(path, what string) error {
	return &fault{
		code: composa.CodeUnreachable, why: fmt.Sprintf("the director of %s at %s answered GET %s with %s", c.fabric, c.shown, path, what),
		next: fmt.Sprintf("see what GET %s%s answers: while it is so, nothing is changed on %s", c.base, path, c.fabric),
	}
}

func colon(told string) string {
	if told == "" {
		return ""
	}
	return ": " + told
}

const foreignJSON = "JSON that is not a director's"

// strange names an answer that is not a director's.
func strange(status int, location string, text []byte) string {
	switch {
	case status >= 300 && status < 400 && location != "":
		return "a way on to " + elsewhere(location) + ", which is not taken"
	case len(text) == 0:
		return "nothing"
	case text[0] == '<':
		return "a web page"
	case json.Valid(text):
		return foreignJSON
	case text[0] == '{' || text[0] == '[':
		return "JSON that breaks off"
	}
	return "something that is not JSON"
}

// elsewhere names the host of another address, and nothing of what may be
// secret in it.
func elsewhere(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return "another path"
	}
	return composa.Abridge(clean((&url.URL{Scheme: u.Scheme, Host: u.Host}).String()), 80)
}

// isBare says whether text is an object outside the envelope (liqid-api.md 2.0).
func isBare(text []byte) bool {
	var w map[string]json.RawMessage
	if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &w) != nil {
		return false
	}
	_, enveloped := w["response"]
	return !enveloped
}

// maxAfter is the longest pause that a director may ask for.
const maxAfter = 5 * time.Minute

// retryAfter is how long an answer asks not to be called (RFC 9110 10.2.3); 0
// where it does not ask. A time of day is meant by the director's own clock,
// where it tells that, else by ours.
func retryAfter(reply *http.Response, now time.Time) time.Duration {
	said := strings.TrimSpace(reply.Header.Get("Retry-After"))
	if n, err := strconv.ParseUint(said, 10, 31); err == nil {
		return min(max(time.Duration(n)*time.Second, time.Millisecond), maxAfter)
	}
	at, err := http.ParseTime(said)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(reply.Header.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(at.Sub(now), time.Millisecond), maxAfter)
}
