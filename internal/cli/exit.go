package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// The exit codes. They are a promise (docs/compatibility.md); `composa help
// exit-codes` prints them.
const (
	exitDone        = 0   // done, or already so
	exitFailed      = 1   // failed, everything put back
	exitUsage       = 2   // wrong usage, or --yes missing
	exitRefused     = 3   // cannot be satisfied now
	exitNotAllowed  = 4   // not signed in, or not allowed
	exitNotFound    = 5   // no such thing
	exitUnreachable = 7   // server not reached, or its answer lost; safe to repeat as it says
	exitTimeout     = 8   // --timeout passed, the operation goes on
	exitConflict    = 9   // exists, or changed meanwhile
	exitHeld        = 10  // a person must decide
	exitInterrupted = 130 // interrupted
)

// exitTexts says what each exit code means.
var exitTexts = []struct {
	code int
	text string
}{
	{exitDone, "done, or already so"},
	{exitFailed, "failed; what an operation changed is put back"},
	{exitUsage, "wrong usage, or --yes is missing"},
	{exitRefused, "refused: cannot be satisfied now"},
	{exitNotAllowed, "not signed in, or not allowed"},
	{exitNotFound, "not found"},
	{exitUnreachable, "server not reached, or its answer was lost; safe to repeat as it says"},
	{exitTimeout, "--timeout passed; the operation goes on"},
	{exitConflict, "conflict: it exists, or changed meanwhile"},
	{exitHeld, "held: a person must decide"},
	{exitInterrupted, "interrupted"},
}

// exitOf is the exit code of each problem code; those of a newer server are
// exitFailed.
var exitOf = map[string]int{
	"invalid":          exitUsage,
	"too_large":        exitUsage,
	"refused":          exitRefused,
	"unsupported":      exitRefused,
	"read_only":        exitRefused,
	"unauthenticated":  exitNotAllowed,
	"not_allowed":      exitNotAllowed,
	"not_found":        exitNotFound,
	"unreachable":      exitUnreachable,
	"unavailable":      exitUnreachable,
	"too_many":         exitUnreachable,
	"busy":             exitUnreachable,
	"timeout":          exitTimeout,
	"exists":           exitConflict,
	"moved":            exitConflict,
	"conflict":         exitConflict,
	"revision_differs": exitConflict,
	"key_reused":       exitConflict,
	"held":             exitHeld,
	"unknown":          exitUnreachable,
	"failed":           exitFailed,
	"cancelled":        exitFailed,
	"internal":         exitFailed,
}

// failure is why a command ends with another exit code than 0.
type failure struct {
	exit    int
	problem api.Problem
	// lines follow the message, each a detail for people.
	lines []string
	// saysNearest says that lines hold the nearest request that fits, so that
	// the problem's next sentence would say it twice.
	saysNearest bool
}

func (f *failure) Error() string {
	if f.problem.Next == "" {
		return f.problem.Detail
	}
	return f.problem.Detail + "; " + f.problem.Next
}

// wrong makes the failure of a request that cannot be meant: exit 2.
func wrong(format string, args ...any) *failure {
	return fail("invalid", format, args...)
}

// fail makes a failure of a problem code.
func fail(code, format string, args ...any) *failure {
	exit, ok := exitOf[code]
	if !ok {
		exit = exitFailed
	}
	return &failure{exit: exit, problem: api.Problem{Code: code, Title: titleOf(code), Detail: fmt.Sprintf(format, args...)}}
}

// next returns f with the sentence that says what to do.
func (f *failure) next(format string, args ...any) *failure {
	c := *f
	c.problem.Next = fmt.Sprintf(format, args...)
	return &c
}

// code returns f with an exit code of its own.
func (f *failure) code(exit int) *failure {
	c := *f
	c.exit = exit
	return &c
}

func titleOf(code string) string {
	switch code {
	case "invalid":
		return "Invalid request"
	case "not_found":
		return "Not found"
	case "interrupted":
		return "Interrupted"
	case "timeout":
		return "Timeout"
	}
	return "Not done"
}

// failureOf turns any error into what is printed and the exit code.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var ce *client.Error
	if errors.As(err, &ce) {
		return ofProblem(ce.Problem)
	}
	if errors.Is(err, context.Canceled) {
		return interrupted("the command was interrupted")
	}
	return fail("failed", "%v", err)
}

// ofProblem is the failure that a server's answer is.
func ofProblem(p api.Problem) *failure {
	exit, ok := exitOf[p.Code]
	if !ok {
		exit = exitFailed
	}
	f := &failure{exit: exit, problem: p}
	if p.Operation != "" && exit != exitRefused && exit != exitHeld && p.Code != "exists" && p.Code != "key_reused" {
		f.exit = exitFailed // an operation that ended put everything back, whatever it met
	}
	for _, e := range p.Errors {
		if line := fmt.Sprintf("%s: %s", e.Location, e.Message); !strings.HasSuffix(p.Detail, line) { // told already
			f.lines = append(f.lines, line)
		}
	}
	f.lines = append(f.lines, movedLines(p.Moved)...)
	for _, line := range refusalLines(p.Refusal) {
		if !strings.HasSuffix(p.Detail, line) { // the one reason there is was told already
			f.lines = append(f.lines, line)
		}
	}
	f.saysNearest = saysNearest(&p)
	return f
}

func interrupted(format string, args ...any) *failure {
	return fail("interrupted", format, args...).code(exitInterrupted)
}

// Fail makes an error for commands that are added to the tree: [Main] prints
// text and next and exits as the problem code says (`composa help exit-codes`).
// Lines of text behind the first stay lines of their own.
func Fail(code, text, next string) error {
	first, more, _ := strings.Cut(text, "\n")
	f := fail(code, "%s", first)
	if more != "" {
		f.lines = strings.Split(more, "\n")
	}
	f.problem.Next = next
	return f
}
