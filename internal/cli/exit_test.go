package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// What the detail says already is not said again below it.
func TestAPlaceIsToldOnce(t *testing.T) {
	place := api.ProblemPlace{Location: "body.most", Message: "expected number <= 100000, not 1000000"}
	f := ofProblem(api.Problem{Code: "invalid", Detail: "cannot read the request: body.most: expected number <= 100000, not 1000000", Errors: []api.ProblemPlace{place}})
	if len(f.lines) != 0 {
		t.Errorf("below the detail stands %q", f.lines)
	}
	f = ofProblem(api.Problem{Code: "invalid", Detail: "cannot read the request", Errors: []api.ProblemPlace{place}})
	if len(f.lines) != 1 {
		t.Errorf("below the detail stands %q", f.lines)
	}
}

func TestExitCodes(t *testing.T) {
	answered := func(code composa.Code, operation string) error {
		return fmt.Errorf("wrapped: %w", &client.Error{Problem: api.Problem{Code: string(code), Operation: operation, Detail: "cannot"}})
	}
	for _, tt := range []struct {
		name string
		err  error
		exit int
	}{
		{"the request cannot be meant", answered(composa.CodeInvalid, ""), 2},
		{"a limit was passed", answered(composa.CodeTooLarge, ""), 2},
		{"nobody has the token", answered(composa.CodeUnauthenticated, ""), 4},
		{"not for this principal", answered(composa.CodeNotAllowed, ""), 4},
		{"no such thing", answered(composa.CodeNotFound, ""), 5},
		{"the name is taken", answered(composa.CodeExists, ""), 9},
		{"the world moved", answered(composa.CodeMoved, ""), 9},
		{"another revision", answered(composa.CodeMismatch, ""), 9},
		{"a conflict", answered(composa.CodeConflict, ""), 9},
		{"placement refuses", answered(composa.CodeRefused, ""), 3},
		{"the fabric cannot do that", answered(composa.CodeUnsupported, ""), 3},
		{"the fabric is only observed", answered(composa.CodeReadOnly, ""), 3},
		{"the server is starting", answered(composa.CodeUnavailable, ""), 7},
		{"busy", answered(composa.CodeBusy, ""), 7},
		{"no connection", answered(composa.CodeUnreachable, ""), 7},
		{"a timeout", answered(composa.CodeTimeout, ""), 8},
		{"held", answered(composa.CodeHeld, "op_1"), 10},
		{"ours to mend", answered(composa.CodeInternal, ""), 1},
		{"the fabric tried and failed", answered(composa.CodeFailed, "op_1"), 1},
		{"it may have happened", answered(composa.CodeUnknown, ""), 7},
		{"an operation met a conflict and was undone", answered(composa.CodeConflict, "op_1"), 1},
		{"an operation met a silent fabric and was undone", answered(composa.CodeUnreachable, "op_1"), 1},
		{"a queued operation was refused", answered(composa.CodeRefused, "op_1"), 3},
		{"a code of a newer server", answered("novel", ""), 1},
		{"wrong usage", wrong("cannot"), 2},
		{"interrupted", interrupted("interrupted"), 130},
		{"the context ended", context.Canceled, 130},
		{"anything else", errors.New("disk full"), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := failureOf(tt.err).exit; got != tt.exit {
				t.Errorf("exit %d, want %d", got, tt.exit)
			}
		})
	}
}

// No code of ours falls through in silence to "failed".
func TestEveryCodeHasAnExitCode(t *testing.T) {
	text, err := os.ReadFile("../../error.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`(?m)^\tCode\w+ +Code = "(\w+)"`).FindAllStringSubmatch(string(text), -1)
	if len(codes) < 20 {
		t.Fatalf("%d codes were found in error.go", len(codes))
	}
	for _, c := range codes {
		if _, ok := exitOf[c[1]]; !ok {
			t.Errorf("code %q has no exit code", c[1])
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name        string
		op          api.Operation
		interrupted bool
		exit        int
		code        string
	}{
		{"done", api.Operation{Phase: "done"}, false, 0, ""},
		{"undone", api.Operation{Phase: "undone", Result: &api.Result{Code: "failed", Text: "cannot"}}, false, 1, "failed"},
		{"undone after a conflict", api.Operation{Phase: "undone", Result: &api.Result{Code: "conflict", Text: "cannot"}}, false, 1, "conflict"},
		{"refused when its turn came", api.Operation{Phase: "undone", Result: &api.Result{Code: "refused", Text: "cannot"}}, false, 3, "refused"},
		{"cancelled by somebody", api.Operation{Phase: "cancelled"}, false, 1, "cancelled"},
		{"cancelled by an interrupt here", api.Operation{Phase: "cancelled"}, true, 130, "cancelled"},
		{"held", api.Operation{Phase: "held", Result: &api.Result{Code: "unknown", Text: "cannot"}}, false, 10, "held"},
		{"held after an interrupt", api.Operation{Phase: "held"}, true, 10, "held"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.op.ID, tt.op.Verb = "op_1", "compose"
			err := judge(&tt.op, tt.interrupted)
			if tt.exit == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f := failureOf(err)
			if f.exit != tt.exit || f.problem.Code != tt.code || f.problem.Operation != "op_1" || f.problem.Detail == "" {
				t.Errorf("%+v", f)
			}
		})
	}
}

// The help page and the constants are the same list.
func TestExitCodesAreDocumented(t *testing.T) {
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitRefused, exitNotAllowed, exitNotFound, exitUnreachable, exitTimeout, exitConflict, exitHeld, exitInterrupted} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^  %d +\S`, code)).MatchString(exitCodesText()) {
			t.Errorf("exit code %d is not in the help page", code)
		}
	}
}
