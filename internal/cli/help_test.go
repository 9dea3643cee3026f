package cli

import (
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
)

// The line that tells of a command in the list of its parent is in one style:
// lower case, no full stop.
func TestEveryCommandIsToldInOneStyle(t *testing.T) {
	told := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		told++
		first := []rune(c.Short + " ")[0]
		if !unicode.IsLower(first) || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q", c.CommandPath(), c.Short)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(New(Config{}))
	if told < 40 {
		t.Errorf("only %d commands were found", told)
	}
}
