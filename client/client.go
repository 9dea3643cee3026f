// Package client calls a Composa server over its REST interface.
//
// [New] makes a [Client] from a URL and a token. Each route is a method, each
// answer a type of package api:
//
//	c, err := client.New(client.Config{URL: "http://127.0.0.1:7080", Token: token})
//	r, err := c.PutMachine(ctx, "default", "train", api.PutMachine{…}, 5*time.Minute)
//
// A changing call answers a [Result]: the machine where it was done within the
// time that the caller gave, else the operation to follow with
// [Client.Operation] or [Client.Wait]. Lists are iterators over all pages.
// Every failure is an [*Error], whose code tells programs what happened;
// "unreachable" means that the call may just be made again.
//
// Each changing call carries a key, its own or that of [WithKey], so that it is
// safe to repeat: where the answer is lost, because the connection breaks or
// something before the server answers 5xx in its place, the client sends it
// again, up to eight times within about eleven seconds (longer where a server
// asks for that). Where it cannot be had the error is "unknown", with the key.
// Calls that only ask are sent again as long, so that a server may be restarted
// between two calls. A server that was never there is not waited for.
//
// A token is sent to the configured URL and to nobody else: redirects are not
// followed.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/composa-dev/composa/api"
)

// MaxWait is the longest that one call waits on the server; longer waits are
// several calls.
const MaxWait = 300 * time.Second

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 64 << 20

// Config says which server is called, and as whom.
type Config struct {
	// URL is the server's address, such as "https://composa.example:7080".
	URL string
	// Token is sent with every call; empty for the calls that need none.
	Token string
	// CA is PEM certificates to trust in place of the system's; nil: the system's.
	CA []byte
	// HTTP makes the connections; nil: a client of our own. Its Transport is
	// used as it is, so CA and HTTP cannot both be set.
	HTTP *http.Client
	// UserAgent names the program that calls; empty: "composa-go".
	UserAgent string
	// Again is told before a call is sent again, or a stream is opened again: why,
	// and how long is waited before. nil: nobody is told. It may be called from
	// several goroutines at once.
	Again func(why error, pause time.Duration)
}

// Client calls one server. Its methods may be called at the same time.
type Client struct {
	base  *url.URL
	token string
	agent string
	http  *http.Client
	again func(why error, pause time.Duration)
	met   atomic.Bool // a call reached a server: where it is away it may come back
}

// New checks the configuration; it does not connect.
func New(c Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(c.URL, "/"))
	if err != nil {
		return nil, usage("cannot use the server URL %q: it cannot be read", c.URL)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, usage("cannot use the server URL %q: it is not like http://127.0.0.1:7080", c.URL)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, usage("cannot use the server URL %q: it may hold no user, query or fragment", base.Redacted())
	}
	hc, err := httpClient(c)
	if err != nil {
		return nil, err
	}
	agent := c.UserAgent
	if agent == "" {
		agent = "composa-go"
	}
	again := c.Again
	if again == nil {
		again = func(error, time.Duration) {}
	}
	return &Client{base: base, token: c.Token, agent: agent, http: hc, again: again}, nil
}

// URL is the address that is called.
func (c *Client) URL() string { return c.base.String() }

// httpClient returns the connections to use; none of them follows redirects, so
// that a token never travels on.
func httpClient(c Config) (*http.Client, error) {
	var hc http.Client
	if c.HTTP != nil {
		if c.CA != nil {
			return nil, usage("cannot use the CA: the connections are your own; configure their TLS")
		}
		hc = *c.HTTP
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 16
		if c.CA != nil {
			pool := x509.NewCertPool()
			if !pool.AppendCertsFromPEM(c.CA) {
				return nil, usage("cannot use the CA: it holds no PEM certificate")
			}
			t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		}
		hc.Transport = t
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hc, nil
}

// call is one request.
type call struct {
	method string
	path   string // escaped, such as "/v1/machines/default/train"
	query  url.Values
	body   any    // sent as JSON; nil: nothing
	match  int64  // revision for If-Match; 0: none
	accept string // empty: JSON
	key    string // Idempotency-Key of a changing call
}

// once makes a call and decodes a successful answer into out, which may be nil.
// It returns the status.
func (c *Client) once(ctx context.Context, k call, out any) (int, error) {
	resp, err := c.send(ctx, k)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, c.lost(ctx, k, err, true)
	case len(body) > maxAnswer:
		return 0, k.fail(c.base, "internal", "the answer is larger than %d bytes", maxAnswer)
	case out == nil:
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return 0, k.fail(c.base, "internal", "the answer is not what a Composa server says: %v", err)
	}
	return resp.StatusCode, nil
}

// send makes a call and returns a successful answer, whose body the caller
// closes. Everything else is an [*Error].
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return nil, err
	}
	sent := false
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { sent = true },
	}))
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(ctx, k, err, sent)
	}
	c.met.Store(true)
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, k.answered(c.base, resp)
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	var body io.Reader
	if k.body != nil {
		b, err := json.Marshal(k.body)
		if err != nil {
			return nil, k.fail(c.base, "invalid", "the request cannot be written as JSON: %v", err)
		}
		body = bytes.NewReader(b)
	}
	u := c.base.String() + k.path
	if len(k.query) > 0 {
		u += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, u, body)
	if err != nil {
		return nil, k.fail(c.base, "invalid", "%v", err)
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json")
	if k.accept != "" {
		req.Header.Set("Accept", k.accept)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if k.key != "" {
		req.Header.Set("Idempotency-Key", k.key)
	}
	if k.match != 0 {
		req.Header.Set("If-Match", fmt.Sprintf("%q", fmt.Sprint(k.match)))
	}
	return req, nil
}

// lost tells of a call without an answer. sent says whether the request may
// have reached the server.
func (c *Client) lost(ctx context.Context, k call, err error, sent bool) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if sent {
		c.met.Store(true)
	}
	if sent && k.key != "" {
		e := k.unknown(c.base, "the connection was lost before the answer: %v", err)
		e.Err = err
		return e
	}
	e := k.fail(c.base, "unreachable", "%v", err)
	e.Problem.Retryable = true
	e.Problem.Next = "check that the server runs and that the address is right; nothing was changed, so the call may be repeated"
	if k.key == "" { // what was changed before it asked nobody knows here
		e.Problem.Next = "check that the server runs and that the address is right, then ask again"
	}
	e.Err, e.away = err, c.met.Load()
	return e
}

// unknown tells of a changing call of which nobody knows whether it was made.
func (k call) unknown(base *url.URL, format string, args ...any) *Error {
	e := k.fail(base, "unknown", format, args...)
	e.Problem.Next = fmt.Sprintf("it may have happened; the same call with the key %s tells what came of it, and does nothing twice", k.key)
	e.Problem.Retryable = k.method == http.MethodPut
	e.Key = k.key
	return e
}

// answered reads the problem of an unsuccessful answer.
func (k call) answered(base *url.URL, resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what was read is judged below
	var p api.Problem
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		return &Error{Problem: p, RetryAfter: retryAfter(resp.Header)}
	}
	if to := resp.Header.Get("Location"); resp.StatusCode >= 300 && resp.StatusCode < 400 && to != "" {
		e := k.fail(base, "unreachable", "the server sends callers on to %s", to)
		e.Problem.Next = "use that address, if you trust it; a token is not sent on"
		return e
	}
	const stranger = "something that is not a Composa server answered %s"
	if k.key != "" && resp.StatusCode >= http.StatusInternalServerError {
		// Who stands before the server says nothing of what happened behind.
		e := k.unknown(base, stranger, resp.Status)
		e.Problem.Status, e.RetryAfter = resp.StatusCode, retryAfter(resp.Header)
		return e
	}
	e := k.fail(base, "internal", stranger, resp.Status)
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		e.Problem.Code, e.Problem.Retryable = "unavailable", true
	}
	e.Problem.Status, e.RetryAfter = resp.StatusCode, retryAfter(resp.Header)
	return e
}

func (k call) fail(base *url.URL, code, format string, args ...any) *Error {
	text := fmt.Sprintf(format, args...)
	return &Error{Problem: api.Problem{
		Title:  "No answer",
		Detail: fmt.Sprintf("cannot call %s %s at %s: %s", k.method, k.path, base.Redacted(), text),
		Code:   code,
	}}
}
