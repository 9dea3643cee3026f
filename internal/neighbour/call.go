package neighbour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const prefix = "/liqid/api/v2/"

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// answer is a success.
type answer struct {
	status int
	data   []json.RawMessage
}

// refusal is an answer that says no.
type refusal struct {
	method, path string
	status       int
	text         string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s %s answered %d: %s", r.method, r.path, r.status, r.text)
}

// refused is true for answers that say that the request is not acceptable now:
// not for those that say that there is no such call, or who may not call.
func refused(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status/100 == 4 && r.status != http.StatusNotFound && r.status != http.StatusUnauthorized
}

func absent(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == http.StatusNotFound
}

// call sends one request, again while the director says that it comes too
// often, and once more with a new key where the old one is no longer known.
func (n *Neighbour) call(ctx context.Context, method, path string, body any) (answer, error) {
	signed := false
	for began := time.Now(); ; {
		a, header, err := n.send(ctx, method, path, body, n.key == "")
		var r *refusal
		switch {
		case !errors.As(err, &r) || time.Since(began) > n.config.Patience:
			return a, err
		case r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable:
			if err := pause(ctx, retryAfter(header)); err != nil {
				return a, err
			}
		case r.status == http.StatusUnauthorized && n.key != "" && !signed:
			signed = true
			if err := n.signIn(ctx); err != nil {
				return a, err
			}
		default:
			return a, err
		}
	}
}

// send sends one request with Basic credentials or the key, where there are any
// (2.14).
func (n *Neighbour) send(ctx context.Context, method, path string, body any, basic bool) (answer, http.Header, error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return answer{}, nil, err
		}
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.base.Scheme+"://"+n.base.Host+prefix+path, text)
	if err != nil {
		return answer{}, nil, err
	}
	req.Header.Set("User-Agent", "neighbour/"+n.config.Prefix)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json;charset=UTF-8")
	}
	switch {
	case !basic:
		req.Header.Set("X-API-Key", n.key)
	case n.config.User != "":
		req.SetBasicAuth(n.config.User, n.config.Password)
	}
	n.report.Calls++
	resp, err := n.config.HTTP.Do(req)
	if err != nil {
		return answer{}, nil, err
	}
	defer resp.Body.Close()
	a, err := read(resp, method, path)
	return a, resp.Header, err
}

// read takes the envelope off. What is not 2xx, has a code or tells errors is a
// refusal (2.0).
func read(resp *http.Response, method, path string) (answer, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: the answer broke off: %w", method, path, err)
	}
	var e envelope
	err = json.Unmarshal(text, &e)
	if resp.StatusCode/100 != 2 {
		r := &refusal{method: method, path: path, status: resp.StatusCode, text: "no reason given"}
		if err == nil && e.Response != nil && len(e.Response.Errors) > 0 {
			r.text = e.Response.Errors[0].Message
		}
		return answer{}, r
	}
	if resp.StatusCode == http.StatusNoContent {
		return answer{status: resp.StatusCode}, nil
	}
	if err != nil || e.Response == nil {
		return answer{}, fmt.Errorf("%s %s answered %d with what is no envelope: %.80q", method, path, resp.StatusCode, text)
	}
	if e.Response.Code != 0 || len(e.Response.Errors) > 0 {
		return answer{}, fmt.Errorf("%s %s answered %d, yet code %d and errors %v", method, path, resp.StatusCode, e.Response.Code, e.Response.Errors)
	}
	return answer{status: resp.StatusCode, data: e.Response.Data}, nil
}

// get reads a list of records.
func get[T any](ctx context.Context, n *Neighbour, path string) ([]T, error) {
	a, err := n.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return decode[T](a.data)
}

// finish waits for what was answered with 202, by its link (2.13). Only path and
// query of the link are used, on the director's own address.
func (n *Neighbour) finish(ctx context.Context, a answer) error {
	if a.status != http.StatusAccepted {
		return nil
	}
	record, err := one(a.data)
	if err != nil {
		return err
	}
	var accepted struct {
		Links []struct {
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(record, &accepted); err != nil || len(accepted.Links) == 0 {
		return fmt.Errorf("an answer 202 has no link: %s", record)
	}
	path, err := linkPath(accepted.Links[0].Href)
	if err != nil {
		return err
	}
	return n.until(ctx, "the command of "+path+" is finished", func() (bool, error) {
		type status struct {
			State string `json:"command_execution_state"`
		}
		all, err := get[status](ctx, n, path)
		switch {
		case absent(err):
			return true, nil
		case err != nil:
			return false, err
		case len(all) != 1:
			return false, fmt.Errorf("%s tells %d states", path, len(all))
		case all[0].State == "FAILURE":
			return false, &refusal{method: http.MethodGet, path: path, status: http.StatusBadRequest, text: "the command failed"}
		}
		return all[0].State != "Pending", nil
	})
}

// linkPath is an absolute link, below the prefix.
func linkPath(href string) (string, error) {
	u, err := url.Parse(href)
	if err != nil || !u.IsAbs() || u.JoinPath().Path != u.Path { // not even by way of ".."
		return "", fmt.Errorf("%q is no absolute link into the API", href)
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), prefix)
	if !ok || path == "" {
		return "", fmt.Errorf("%q is no absolute link into the API", href)
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path, nil
}

// until asks again, at first soon and later more rarely, until it is so.
func (n *Neighbour) until(ctx context.Context, what string, so func() (bool, error)) error {
	began := time.Now()
	for {
		ok, err := so()
		if err != nil || ok {
			return err
		}
		waited := time.Since(began)
		if waited > n.config.Patience {
			return fmt.Errorf("it never came that %s, in %s", what, n.config.Patience)
		}
		if err := pause(ctx, between(20*time.Millisecond, waited/5, time.Second)); err != nil {
			return err
		}
	}
}

func between(least, d, most time.Duration) time.Duration { return max(least, min(d, most)) }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// retryAfter is the time that an answer asks to wait, at most a minute; a second
// where it asks nothing that can be read.
func retryAfter(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 {
		s = 1
	}
	return time.Duration(min(s, 60)) * time.Second
}
