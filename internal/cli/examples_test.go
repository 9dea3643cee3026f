package cli

import (
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// notRun are the commands whose examples do not run on any site: they have no
// end, go elsewhere, or name what only one site has.
var notRun = []string{"watch", "ssh", "apply", "completion", "context", "machine", "operation show", "operation wait", "operation cancel", "operation retry", "operation undo", "operation resolve"}

// runnable are the lines in the help of all commands, but those that do not run.
// Those of machine are the same as at the top, but for ls and show.
func runnable(cmd *cobra.Command) [][]string {
	var lines [][]string
	for _, sub := range cmd.Commands() {
		lines = append(lines, runnable(sub)...)
	}
	path := strings.TrimPrefix(cmd.CommandPath(), "composa ")
	of := func(name string) bool { return path == name || strings.HasPrefix(path, name+" ") }
	if slices.ContainsFunc(notRun, of) && path != "machine ls" && path != "machine show" {
		return lines
	}
	for _, args := range examplesOf(cmd) {
		if !slices.Contains(args, "--follow") {
			lines = append(lines, args)
		}
	}
	return lines
}

// runExamples runs the examples against the server. What is there decides whether
// one is done, refused, or not found; each must be understood.
//
//	examples
func runExamples(ts *testscript.TestScript, _ bool, _ []string) {
	done := 0
	for _, args := range runnable(New(Config{})) {
		err := ts.Exec("composa", append(args, "--progress", "none")...)
		said := ts.ReadFile("stderr")
		switch code := exitCodeOf(err); {
		case code == "0":
			done++
		case code == "2" && strings.Contains(said, "without asking"), code == "3", code == "5", code == "9":
		default:
			ts.Fatalf("the example composa %s exits with %s:\n%s", strings.Join(args, " "), code, said)
		}
	}
	if done < 25 {
		ts.Fatalf("only %d examples were done", done)
	}
}
