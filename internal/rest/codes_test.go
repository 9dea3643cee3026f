package rest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/composa-dev/composa/internal/rest"
)

// What docs/compatibility.md says of each code is how it is answered.
func TestCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 && strings.HasPrefix(line, "| `") {
			rows++
		}
	}
	for _, c := range rest.Codes() {
		again := map[bool]string{true: "yes", false: "no"}[c.Retryable()]
		if row := fmt.Sprintf("\n| `%s` | %d | %s | ", c, rest.StatusOf(c), again); !strings.Contains(string(text), row) {
			t.Errorf("docs/compatibility.md lacks %q", row)
		}
	}
	if n := len(rest.Codes()); rows != n {
		t.Errorf("docs/compatibility.md has rows of %d codes, there are %d", rows, n)
	}
}
