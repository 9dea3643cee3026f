package client

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/composa-dev/composa/api"
)

// Error is a call that did not succeed: what the server answered, or why there
// was no answer.
type Error struct {
	// Problem is what the server said. Without an answer its Status is 0, or
	// that of what answered in the server's place.
	Problem api.Problem
	// Err is the cause of a call without an answer; else nil.
	Err error
	// RetryAfter is how long the server asks to wait before the call is made
	// again, up to a minute; 0: it did not say.
	RetryAfter time.Duration
	// Key is the key of a changing call whose answer was lost, of code
	// "unknown": the same call with it ([WithKey]) tells what came of it, and
	// does nothing twice. Empty: no answer was lost.
	Key string

	away bool // nothing was done, by a server that was there before
}

// Error tells what could not be done, why, and what to do about it.
func (e *Error) Error() string {
	text := e.Problem.Detail
	if e.Problem.Next != "" {
		text += "; " + e.Problem.Next
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Code is what programs go by; the list stands in docs/compatibility.md. Two
// are also the client's own: "unreachable" (nothing was sent; the same call may
// just be made again) and "unknown" (the answer was lost; it may have happened,
// and Key is set).
func (e *Error) Code() string { return e.Problem.Code }

// Operation is the id of the operation that this came of; empty where there is
// none.
func (e *Error) Operation() string { return e.Problem.Operation }

// Retryable says whether the same call may succeed if it is just made again.
func (e *Error) Retryable() bool { return e.Problem.Retryable }

// CodeOf returns the code of an [*Error] in err's chain; empty where there is
// none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Problem.Code
	}
	return ""
}

// longestRetryAfter bounds what a server may ask for.
const longestRetryAfter = time.Minute

// retryAfter reads the seconds of a Retry-After header; what cannot be read is 0.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestRetryAfter)
}

func usage(format string, args ...any) error {
	return &Error{Problem: api.Problem{Title: "Bad configuration", Detail: fmt.Sprintf(format, args...), Code: "invalid"}}
}
