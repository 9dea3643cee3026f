package liqid

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/composa-dev/composa"
)

// fault is a call, or a step, that did not come to its end: what that means for
// the world (one of the codes of package driver), and why.
type fault struct {
	code   composa.Code
	why    string // "the director refused POST pool/edit (400): …"
	status int    // of the answer; 0 where there was none
	next   string // what to do about it
	open   bool   // a session may be left open
	silent bool   // nothing was answered for so long that the wait was given up
	// after is how long the director asked not to be called; 0 where it did not.
	after time.Duration
	err   error
}

func (f *fault) Error() string { return f.why }
func (f *fault) Unwrap() error { return f.err }

func faultf(code composa.Code, format string, args ...any) *fault {
	return &fault{code: code, why: fmt.Sprintf(format, args...)}
}

// codeOf is what a failed call or step means; unknown for what says nothing.
func codeOf(err error) composa.Code {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.code
	}
	if err == nil {
		return ""
	}
	return composa.CodeUnknown
}

// statusOf is that of the answer that err came of; 0 where there was none.
func statusOf(err error) int {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.status
	}
	return 0
}

// as returns err with another meaning.
func as(code composa.Code, err error) error {
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return &fault{code: code, why: err.Error(), err: err}
	}
	changed := *f
	changed.code = code
	return &changed
}

// isSilent says whether err ended a wait because nothing was answered.
func isSilent(err error) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && f.silent
}

// explain makes err an error of the vocabulary. what begins its text.
func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*fault](err)
	if !ok {
		f = &fault{code: composa.CodeUnknown, why: err.Error(), err: err}
	}
	return &composa.Error{Code: f.code, Text: what + ": " + f.why, Next: f.next, Err: f.err}
}

// nothingOpen recognizes a director that says that a session to cancel is not
// there, or that what it would be about is not. As below, the words of the real
// one are not known (liqid-api.md 5.1 A16).
var nothingOpen = regexp.MustCompile(`(?i)\b(not (being |currently )?(edited|in edit)|no edit|there is no (group|machine))`)

// inEdit recognizes a director that says that somebody edits or that it is
// still at work.
var inEdit = regexp.MustCompile(`(?i)\b(edited|edit mode|in edit|edit session|pending|at work|in progress|busy|locked)\b`)

// inUse recognizes a director that will not take a device from a host on which
// a program has it open. That is not the state of the fabric: asking again does
// not help until somebody ends the program.
var inUse = regexp.MustCompile(`(?i)\bin use on\b.*\bhost\b`)

// whatNext is what to do about a refusal in the director's words, where that is
// known.
func whatNext(code composa.Code, words string) string {
	if code == composa.CodeRefused && inUse.MatchString(words) {
		return "stop what uses it on the host, then ask again"
	}
	return ""
}

// unclear is what a call means of which nobody knows what became.
func unclear(changing bool) composa.Code {
	if changing {
		return composa.CodeUnknown
	}
	return composa.CodeUnreachable
}

// meaning says what an answer that is not a success means. known tells that it
// was a director that answered: the envelope was there; later that it asked to
// be called again after a while. A caller who is not known, or who may not, was
// refused before anything happened: somebody has to set that right, and until
// then the director is as good as away.
func meaning(status int, changing, known, later bool, words string) composa.Code {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return composa.CodeUnreachable
	case changing && status == http.StatusTooManyRequests:
		return composa.CodeBusy // whoever limits calls does so before they are carried out
	case changing && known && later && status == http.StatusServiceUnavailable:
		return composa.CodeBusy
	case changing && known && status >= 400 && status < 500 && inUse.MatchString(words):
		return composa.CodeRefused
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented:
		return composa.CodeUnsupported
	case status >= 500 || status < 200 || !known || !changing:
		return unclear(changing) // also a refused read: no rule of the state forbids one
	case status == http.StatusConflict || status == http.StatusLocked:
		return composa.CodeBusy
	case inEdit.MatchString(words):
		return composa.CodeBusy
	}
	return composa.CodeRefused
}
