package cli

import (
	"strings"

	"github.com/composa-dev/composa/api"
)

// explainText is the account of a choice as --explain shows it below a plan, or
// before a change: the server's lines, indented; empty where nothing had to be
// chosen.
func explainText(x *api.Explanation) string {
	if x == nil {
		return ""
	}
	var b strings.Builder
	for _, line := range x.Lines {
		b.WriteString("  " + clean(line) + "\n")
	}
	return b.String()
}
