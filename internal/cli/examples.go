package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are the lines in the help of commands that need no more than one or
// two. The others have theirs beside them.
var examples = map[string]string{
	"available":         "composa available --kind gpu",
	"context ls":        "composa context ls",
	"context rm":        "composa context rm lab",
	"context show":      "composa context show\ncomposa context show lab -o json",
	"context use":       "composa context use lab",
	"device show":       "composa device show rack1/gpu3",
	"event ls":          "composa event ls --limit 20\ncomposa event ls --follow --type machine -o jsonl",
	"fabric check":      "composa fabric check rack1",
	"fabric inventory":  "composa fabric inventory rack1",
	"fabric ls":         "composa fabric ls -o wide",
	"fabric show":       "composa fabric show rack1",
	"machine ls":        "composa machine ls\ncomposa machine ls --label team=vision --columns name,state,address",
	"machine show":      "composa machine show train",
	"operation cancel":  "composa operation cancel op_k3v9q2xwabcdefgh",
	"operation ls":      "composa operation ls --open\ncomposa operation ls --machine train --limit 5",
	"operation resolve": "composa operation resolve op_k3v9q2xwabcdefgh",
	"operation retry":   "composa operation retry op_k3v9q2xwabcdefgh",
	"operation show":    "composa operation show op_k3v9q2xwabcdefgh",
	"operation undo":    "composa operation undo op_k3v9q2xwabcdefgh",
	"operation wait":    "composa operation wait op_k3v9q2xwabcdefgh --timeout 10m",
	"pool ls":           "composa pool ls -o wide",
	"pool rm":           "composa pool rm vision",
	"pool show":         "composa pool show vision",
	"token ls":          "composa token ls\ncomposa token ls --user ada -o json",
	"token rm":          "composa token rm tok_k3v9q2xwabcdefgh",
	"user create":       "composa user create ada",
	"user ls":           "composa user ls",
	"user show":         "composa user show ada",
	"version":           "composa version",
	"whoami":            "composa whoami\ncomposa whoami -o json",
}

// addExamples gives each command that has none its own.
func addExamples(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		addExamples(sub)
	}
	path := strings.TrimPrefix(cmd.CommandPath(), "composa ")
	if lines := examples[path]; cmd.Example == "" && lines != "" {
		cmd.Example = "  " + strings.ReplaceAll(lines, "\n", "\n  ")
	}
}
