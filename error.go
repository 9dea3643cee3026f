package composa

import (
	"errors"
	"fmt"
)

// Code tells programs what went wrong. Codes are stable: they cross the API as
// "code" and only grow (docs/compatibility.md).
type Code string

// What a request can meet.
const (
	CodeInvalid         Code = "invalid"          // the request says something that cannot be meant
	CodeTooLarge        Code = "too_large"        // a stated limit was passed
	CodeUnauthenticated Code = "unauthenticated"  // no token, or one that lets nobody in (any more)
	CodeNotAllowed      Code = "not_allowed"      // known, but not for this principal
	CodeNotFound        Code = "not_found"        // no such thing, or not in a project of this principal
	CodeExists          Code = "exists"           // the name is taken by something else
	CodeMoved           Code = "moved"            // the world changed since the caller looked; nothing was done
	CodeHeld            Code = "held"             // a person must decide first
	CodeCancelled       Code = "cancelled"        // somebody asked for it to end
	CodeTimeout         Code = "timeout"          // the caller's deadline passed
	CodeTooMany         Code = "too_many"         // the caller asks too often, or has too much under way; nothing was done
	CodeUnavailable     Code = "unavailable"      // the server is starting, stopping or overloaded
	CodeInternal        Code = "internal"         // ours to mend; the text says nothing of the cause
	CodeMismatch        Code = "revision_differs" // If-Match named another revision
	CodeKeyReused       Code = "key_reused"       // the key was given to another request
)

// What a driver answers. Refused, conflict, unsupported and failed are also
// what an operation ends with, and refused is also what placement says.
const (
	CodeRefused     Code = "refused"     // nothing happened
	CodeBusy        Code = "busy"        // nothing happened, try again
	CodeConflict    Code = "conflict"    // the world is not as the step expected; nothing happened
	CodeUnreachable Code = "unreachable" // no connection was made; nothing happened
	CodeUnknown     Code = "unknown"     // it may have happened, or may yet
	CodeUnsupported Code = "unsupported" // this fabric cannot do that
	CodeFailed      Code = "failed"      // the fabric tried and says that it failed
	CodeReadOnly    Code = "read_only"   // the fabric is only observed
)

// Error carries a code for programs, a sentence for people and a cause for the
// log. Anything without a code is internal.
type Error struct {
	Code Code
	// Text begins with what could not be done, names the thing and says why:
	// `cannot plug "train": rack1/gpu3 is claimed by "render"`. Safe to show.
	Text string
	// Next says what to do about it; may be empty.
	Next string
	// Refusal explains code refused where placement said it; else nil.
	Refusal *Explanation
	// Moved says, for code moved, what of a plan is not as it was; else nil.
	Moved []Moved
	// Operation is the operation that this came of; may be empty.
	Operation OperationID
	// Err is the cause. It never leaves the server.
	Err error
}

// Errorf makes an error of a code. A %w operand becomes the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Text: err.Error(), Err: errors.Unwrap(err)}
}

// WithNext returns e with the sentence that says what to do.
func (e *Error) WithNext(format string, args ...any) *Error {
	c := *e
	c.Next = fmt.Sprintf(format, args...)
	return &c
}

func (e *Error) Error() string {
	if e.Next == "" {
		return e.Text
	}
	return e.Text + "; " + e.Next
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the outermost coded error in err's chain: internal
// when none has one, empty for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Retryable says whether the same call may succeed if it is just made again.
func (c Code) Retryable() bool {
	switch c {
	case CodeBusy, CodeUnreachable, CodeUnavailable, CodeTooMany, CodeTimeout, CodeMoved:
		return true
	}
	return false
}
