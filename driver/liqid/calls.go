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
	"strings"
	"sync/atomic"
	"time"

	"github.com/composa-dev/composa"
)

// calls makes single calls to a director. Every one has a deadline and follows
// no redirection. A changing call is made once; a reading one that fails is
// repeated.
type calls struct {
	fabric   composa.FabricName
	base     string // ends with a slash
	http     *http.Client
	events   *http.Client // for the event socket: not limited
	timeouts Timeouts
	poll     Poll  // the pause before a failed reading call is repeated
	most     int64 // bytes of one answer

	reads, changes, commits timing // of calls that were answered with success
}

func newCalls(c Config, base string) *calls {
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Timeout = 0 // each call has its own
	under := client.Transport
	if under == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost = c.Limits.Concurrent
		under = own
	}
	events := client
	events.Transport = under
	client.Transport = newLimited(under, c.Limits)
	return &calls{
		fabric: c.Name, base: base, http: &client, events: &events,
		timeouts: c.Timeouts, poll: c.Poll, most: maxReply,
	}
}

// answer is what a director said: the elements of data, or, where it stands
// outside the envelope, the whole body (liqid-api.md 2.0).
type answer struct {
	status int
	data   []json.RawMessage
	bare   json.RawMessage
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
// next try. One that took all its time had its chance, and what a director
// refuses it refuses again.
func passing(err error) bool {
	if codeOf(err) != composa.CodeUnreachable || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	said, _ := errors.AsType[*fault](err)
	refused := said.status >= 400 && said.status < 500 && said.status != http.StatusTooManyRequests
	return !refused
}

// read makes a reading call whose answer is in the envelope.
func (c *calls) read(ctx context.Context, path string) (a *answer, err error) {
	err = c.repeat(ctx, func() (err error) { a, err = c.readOnce(ctx, path); return err })
	return a, err
}

func (c *calls) readOnce(ctx context.Context, path string) (*answer, error) {
	a, err := c.do(ctx, c.timeouts.Read, http.MethodGet, path, nil)
	if err == nil && a.bare != nil {
		return nil, faultf(composa.CodeUnreachable, "the director answered GET %s outside the envelope", path)
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
	_, err := c.do(ctx, c.timeouts.Change, method, path, body)
	if err == nil {
		c.changes.took(time.Since(began))
	}
	return err
}

// commit makes a call that the director may answer only when the hardware is
// done, and says how it was answered.
func (c *calls) commit(ctx context.Context, method, path string, body any) (answerKind, error) {
	began := time.Now()
	a, err := c.do(ctx, c.timeouts.Commit, method, path, body)
	if err != nil {
		return answerNone, err
	}
	c.commits.took(time.Since(began))
	if a.status == http.StatusAccepted {
		return answerAccepted, nil
	}
	return answerDone, nil
}

func (c *calls) do(ctx context.Context, within time.Duration, method, path string, body any) (*answer, error) {
	call := method + " " + path
	changing := method != http.MethodGet
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
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
	text, err := io.ReadAll(io.LimitReader(reply.Body, c.most+1))
	if err != nil {
		return nil, c.lost(call, changing, err)
	}
	if int64(len(text)) > c.most {
		return nil, faultf(meaning(0, changing, false, ""), "%s was answered with more than %d bytes", call, c.most)
	}
	a, err := readAnswer(call, changing, reply.StatusCode, text)
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
	code, why := composa.CodeUnreachable, "cannot be reached"
	if mayHaveWorked {
		code, why = composa.CodeUnknown, "did not answer"
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		why = "did not answer in time"
	case errors.Is(err, context.Canceled):
		why = "was not waited for any more"
	}
	return &fault{code: code, why: fmt.Sprintf("the director of %s %s (%s)", c.fabric, why, call), err: err}
}

// readAnswer reads what came back. A success without a body is one (204, liqid-api.md 2.0).
func readAnswer(call string, changing bool, status int, text []byte) (*answer, error) {
	ok := status >= 200 && status < 300
	trimmed := bytes.TrimSpace(text)
	if ok && len(trimmed) == 0 && changing {
		return &answer{status: status}, nil
	}
	env, known := readEnvelope(trimmed)
	if ok && known && !env.refused {
		return &answer{status: status, data: env.data}, nil
	}
	if ok && !known && !changing && len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		return &answer{status: status, bare: trimmed}, nil
	}
	words := env.words
	switch {
	case words != "":
	case !known:
		words = "the answer is not a director's"
	default:
		words = http.StatusText(status)
	}
	if ok && known {
		status = http.StatusBadRequest // a refusal inside a success: some directors' habit is not known, so both count
	}
	code := meaning(status, changing, known, env.words)
	return nil, &fault{
		code: code, status: status, next: whatNext(code, env.words),
		why: fmt.Sprintf("the director answered %s with %d: %s", call, status, composa.Abridge(strings.TrimSpace(words), maxMessage)),
	}
}
