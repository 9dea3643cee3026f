package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// answerKind says how a director answered a committing call with success.
type answerKind string

const (
	answerNone answerKind = "" // not with success
	// answerDone: 200, after the work or before it; only a look tells.
	answerDone answerKind = "done"
	// answerFollowed: 202, and its link said that the work was done
	// (liqid-api.md 2.13).
	answerFollowed answerKind = "accepted"
	// answerAccepted: 202, and nothing said that the work was done. It may still go
	// on; only a look tells.
	answerAccepted answerKind = "accepted, and nothing tells its end"
)

// commit makes a call that the director may answer only when the hardware is
// done, and says how it was answered. Where the director answers that it has
// taken the work on, the work is waited for: all within Timeouts.Commit.
func (c *calls) commit(ctx context.Context, method, path string, body any) (how answerKind, err error) {
	c.sent.begin()
	defer func() { c.sent.end(err, c.timeouts.Late) }()
	ctx, stop := context.WithTimeout(ctx, c.timeouts.Commit)
	defer stop()
	began := time.Now()
	a, err := c.do(ctx, c.timeouts.Commit, method, path, body)
	if err != nil {
		return answerNone, err
	}
	how = answerDone
	if a.status == http.StatusAccepted {
		how = answerAccepted
		if at, ok := c.linked(a); ok {
			how, err = c.follow(ctx, method+" "+path, at)
		}
	}
	if err != nil {
		return how, err
	}
	c.commits.took(time.Since(began))
	return how, nil
}

// linked is where a 202 says that its work can be watched: a path under the
// director's own address, whatever host the link names. A director may know
// itself by a name that is not ours, and nobody else is called.
func (c *calls) linked(a *answer) (string, bool) {
	if len(a.data) == 0 {
		return "", false
	}
	href := readLink(a.data[0])
	if href == "" {
		return "", false
	}
	u, err := url.Parse(href)
	if err != nil || u.Opaque != "" {
		return "", false
	}
	if !strings.HasPrefix(u.Path, "/") {
		if u.Host != "" {
			return "", false
		}
		u.Path = prefix + "/" + u.Path
	}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(path.Clean(u.Path), c.root), prefix+"/")
	if !ok {
		return "", false
	}
	return (&url.URL{Path: rest, RawQuery: u.RawQuery}).RequestURI(), true
}

// readLink reads the first link of a record; empty where there is none.
func readLink(raw json.RawMessage) string {
	var w struct {
		Links []struct {
			Href string `json:"href"`
		} `json:"links"`
	}
	if json.Unmarshal(raw, &w) != nil || len(w.Links) == 0 || len(w.Links[0].Href) > maxLink || clean(w.Links[0].Href) != w.Links[0].Href {
		return ""
	}
	return w.Links[0].Href
}

// maxLink is how long a link may be.
const maxLink = 2048

// follow polls a link until its work is at its end. Only SUCCESS says that it
// was done: a link that is gone was purged or lost, and no other word is known
// (liqid-api.md 2.13). That the work failed, or is not to be made out, says
// nothing of what was done: somebody has to look.
func (c *calls) follow(ctx context.Context, call, at string) (answerKind, error) {
	now := time.Now()
	w := waiting{c.poll, c.timeouts.Silence, now, now}
	for {
		state, err := c.stateAt(ctx, at)
		silent := w.silent(err)
		switch {
		case statusOf(err) == http.StatusNotFound:
			return answerAccepted, nil
		case err == nil && strings.EqualFold(state, "pending"):
		case err == nil && strings.EqualFold(state, "success"):
			return answerFollowed, nil
		case err == nil && strings.EqualFold(state, "failure"):
			return answerAccepted, &fault{
				code: composa.CodeUnknown, err: errWorkFailed,
				why: fmt.Sprintf("the director of %s at %s took on %s and says that it failed", c.fabric, c.shown, call),
			}
		case err == nil:
			return answerAccepted, nil
		case silent || ctx.Err() != nil:
			return answerAccepted, &fault{
				code: composa.CodeUnknown, err: err,
				why: fmt.Sprintf("the director of %s at %s took on %s and does not say what became of it: %v", c.fabric, c.shown, call, err),
			}
		}
		if w.pause(ctx) != nil {
			return answerAccepted, &fault{
				code: composa.CodeUnknown, err: ctx.Err(),
				why: fmt.Sprintf("the director of %s at %s took on %s and was still at work after %s",
					c.fabric, c.shown, call, time.Since(w.began).Round(time.Millisecond)),
			}
		}
	}
}

// errWorkFailed is in the error of work that was taken on and failed, by the
// director's own word.
var errWorkFailed = errors.New("it failed")

// stateAt reads the state of work that was taken on (AsynchronousStatus,
// liqid-api.md 1.4).
func (c *calls) stateAt(ctx context.Context, at string) (string, error) {
	a, err := c.do(ctx, c.timeouts.Read, http.MethodGet, at, nil)
	if err != nil {
		return "", err
	}
	state, ok := "", false
	if len(a.data) > 0 {
		state, ok = readState(a.data[0])
	}
	if !ok {
		return "", faultf(composa.CodeUnreachable, "it answered GET %s without a state", at)
	}
	return state, nil
}

func readState(raw json.RawMessage) (state string, ok bool) {
	var w struct {
		State string `json:"command_execution_state"`
	}
	if json.Unmarshal(raw, &w) != nil || strings.TrimSpace(w.State) == "" {
		return "", false
	}
	return strings.TrimSpace(w.State), true
}
