package liqid

import (
	"bytes"
	"context"
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

	"github.com/composa-dev/composa"
)

// calls makes single calls to a director. Every one has a deadline and follows
// no redirection. A changing call is made once; a reading one that fails is
// repeated. Either waits where the director asks for patience.
type calls struct {
	fabric   composa.FabricName
	base     string // ends with a slash
	root     string // what stands before /liqid/api/v2 in its path
	shown    string // the director's address, for people
	http     *http.Client
	events   *http.Client // for the event socket: not limited
	timeouts Timeouts
	poll     Poll  // the pause before a failed reading call is repeated
	most     int64 // bytes of one answer
	clock    func() time.Time

	silent func() // called after a call that was not answered: who answers next may be another one

	met   atomic.Bool  // a director has answered
	ahead atomic.Int64 // the director's clock before ours, ns; 0 where that is not told

	signed *signing // what says who calls
	sent   sent     // changing calls
	same   same     // what lists were answered last

	reads, changes, commits timing // of calls that were answered with success
}

func newCalls(c Config, base string) (*calls, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	under, err := baseTransport(c)
	if err != nil {
		return nil, err
	}
	root := strings.TrimSuffix(at.Path, prefix+"/")
	shown := (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: root}).String()
	signed := &signing{
		base: under, fabric: c.Name, at: at, shown: shown, who: caller{c.Credentials.Username, secret{&c.Credentials.Password}}, within: c.Timeouts.Read, turn: make(chan struct{}, 1),
	}
	if c.Access == composa.AccessManage {
		signed.label = composa.GroupMark(c.Site)
	}
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Timeout = 0 // each call has its own
	events := client
	events.Transport = signed
	client.Transport = newLimited(signed, c.Limits)
	return &calls{
		fabric: c.Name, base: base, root: root, shown: shown, http: &client, events: &events,
		timeouts: c.Timeouts, poll: c.Poll, most: maxReply, clock: c.Clock, signed: signed,
	}, nil
}

// clockAhead is how far the director's clock was before ours in its last
// answer, to the second; told is false where it does not say the time.
func (c *calls) clockAhead() (ahead time.Duration, told bool) {
	n := c.ahead.Load()
	return time.Duration(n).Round(time.Second), n != 0
}

// hear takes in what every answer tells, whatever it answers.
func (c *calls) hear(reply *http.Response) {
	if at, err := http.ParseTime(reply.Header.Get("Date")); err == nil {
		c.ahead.Store(int64(at.Sub(c.clock())) | 1) // never 0
	}
}

// repeats is how often a reading call that fails is made again.
const repeats = 2

// repeat makes a reading call again, after a pause, where another try may end
// otherwise.
func (c *calls) repeat(ctx context.Context, once func() error) error {
	w := c.poll.start()
	err := once()
	for range repeats {
		if !passing(err) || w.pause(ctx) != nil {
			return err
		}
		err = once()
	}
	return err
}

// passing says whether a reading call failed in a way that may be over at the
// next try. One that took all its time, or all the time that the director asked
// for, had its chance, and what a director refuses it refuses again.
func passing(err error) bool {
	if codeOf(err) != composa.CodeUnreachable || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	said, _ := errors.AsType[*fault](err)
	refused := said.status >= 400 && said.status < 500 && said.status != http.StatusTooManyRequests
	return !refused && said.after == 0
}

// read makes a reading call whose answer is in the envelope.
func (c *calls) read(ctx context.Context, path string) (a *answer, err error) {
	err = c.repeat(ctx, func() (err error) { a, err = c.readOnce(ctx, path); return err })
	return a, err
}

func (c *calls) readOnce(ctx context.Context, path string) (*answer, error) {
	a, err := c.do(ctx, c.timeouts.Read, http.MethodGet, path, nil)
	if err == nil && a.bare != nil {
		why, next := c.noDirectors("GET "+path, a.status, foreignJSON)
		return nil, &fault{code: composa.CodeUnreachable, why: why, next: next}
	}
	return a, err
}

// readBare makes a reading call whose answer stands outside the envelope in
// this era; one inside is taken too.
func (c *calls) readBare(ctx context.Context, path string) (json.RawMessage, error) {
	var a *answer
	err := c.repeat(ctx, func() (err error) {
		a, err = c.do(ctx, c.timeouts.Read, http.MethodGet, path, nil)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case a.bare != nil:
		return a.bare, nil
	case len(a.data) > 0:
		return a.data[0], nil
	}
	return nil, nil
}

// change makes a call that queues, opens or cancels.
func (c *calls) change(ctx context.Context, method, path string, body any) error {
	began := time.Now()
	c.sent.begin()
	_, err := c.do(ctx, c.timeouts.Change, method, path, body)
	c.sent.end(err, c.timeouts.Late)
	if err == nil {
		c.changes.took(time.Since(began))
	}
	return err
}

// do makes one call within a time. A call that the director did not carry out,
// because there were too many, or, of reading ones, because it is not ready, is
// made again when the director said, where that is within the time.
func (c *calls) do(ctx context.Context, within time.Duration, method, path string, body any) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	w := c.poll.start()
	for {
		a, err := c.once(ctx, method, path, body)
		said, failed := errors.AsType[*fault](err)
		if !failed || said.after == 0 || (method != http.MethodGet && said.code != composa.CodeBusy) {
			return a, err
		}
		left := max(said.after, c.poll.next(time.Since(w.began)))
		if end, ok := ctx.Deadline(); (ok && time.Until(end) <= left) || pause(ctx, left) != nil {
			return nil, err
		}
	}
}

func (c *calls) once(ctx context.Context, method, path string, body any) (*answer, error) {
	call := method + " " + path
	changing := method != http.MethodGet
	began := time.Now()
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	request, err := c.request(traced, method, path, body)
	if err != nil {
		return nil, &fault{code: composa.CodeRefused, why: fmt.Sprintf("%s cannot be written: %v", call, err), err: err}
	}
	reply, err := c.http.Do(request)
	if err != nil {
		return nil, c.lost(call, changing && sent.Load(), err)
	}
	defer reply.Body.Close()
	c.hear(reply)
	text, err := io.ReadAll(io.LimitReader(reply.Body, c.most+1))
	if err != nil {
		return nil, c.lost(call, changing, err)
	}
	if int64(len(text)) > c.most {
		return nil, faultf(unclear(changing), "the director of %s at %s answered %s with more than %d bytes", c.fabric, c.shown, call, c.most)
	}
	keeps := !changing && reply.StatusCode == http.StatusOK && looked(path)
	if keeps {
		if a := c.same.find(path, text); a != nil {
			c.reads.took(time.Since(began))
			return a, nil
		}
	}
	a, err := c.readAnswer(call, changing, reply, text)
	if keeps && err == nil {
		c.same.keep(path, text, a)
	}
	if status := statusOf(err); c.silent != nil && (status == http.StatusBadGateway || status == http.StatusGatewayTimeout) {
		c.silent() // somebody before the director answered in its place
	}
	if err == nil && !changing {
		c.reads.took(time.Since(began))
	}
	return a, err
}

func (c *calls) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, payload)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// lost is a call without an answer. mayHaveWorked tells that it was a changing
// one and that it may have reached the director.
func (c *calls) lost(call string, mayHaveWorked bool, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return f // it was not made at all
	}
	if c.silent != nil && !errors.Is(err, errHeld) && !errors.Is(err, context.Canceled) {
		c.silent()
	}
	code, why, next := composa.CodeUnreachable, "cannot be reached", ""
	if mayHaveWorked {
		code, why = composa.CodeUnknown, "did not answer"
	}
	switch {
	case errors.Is(err, errHeld):
		code, why = composa.CodeUnreachable, "asked not to be called for longer than this call may take"
	case errors.Is(err, context.DeadlineExceeded):
		why = "did not answer in time"
	case errors.Is(err, context.Canceled):
		why = "was not waited for any more"
	case !mayHaveWorked:
		if known, what := unconnected(c.fabric, err); known != "" {
			why, next = known, what
		}
	}
	return &fault{code: code, why: fmt.Sprintf("the director of %s at %s %s (%s)", c.fabric, c.shown, why, call), next: next, err: err}
}
