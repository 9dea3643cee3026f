package selector

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/problems.txt anew")

// What is said of expressions that are wrong, each with its caret.
func TestProblems(t *testing.T) {
	const file = "testdata/problems.txt"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for block := range strings.SplitSeq(strings.TrimRight(string(raw), "\n"), "\n\n") {
		var lines []string
		for line := range strings.Lines(block) {
			if expr, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "> "); ok {
				lines = append(lines, expr)
			}
		}
		expr := strings.Join(lines, "\n")
		if got.Len() > 0 {
			got.WriteString("\n")
		}
		got.WriteString("> " + strings.Join(lines, "\n> ") + "\n")
		_, err := Compile(expr)
		if err == nil {
			t.Errorf("%s is not wrong", expr)
			continue
		}
		got.WriteString(err.Error() + "\n")
		for _, l := range problemOf(err).Lines() {
			got.WriteString("    " + l + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(raw), got.String()); diff != "" && !*update {
		t.Errorf("what is said changed (-%s +now); -update writes it anew:\n%s", file, diff)
	}
}

// problemOf is the place of what is wrong.
func problemOf(err error) *Problem {
	var p *Problem
	if !errors.As(err, &p) {
		return &Problem{}
	}
	return p
}
