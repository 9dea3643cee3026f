package cli

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// The exit code of each problem code is the one that docs/compatibility.md says.
func TestExitCodesOfCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| \\d{3} \\| (?:yes|no) \\| (\\d+) \\| ").FindAllStringSubmatch(string(text), -1)
	for _, row := range rows {
		if exit, known := exitOf[row[1]]; !known || strconv.Itoa(exit) != row[2] {
			t.Errorf("%s ends with %d (known: %v), documented is %s", row[1], exit, known, row[2])
		}
	}
	if len(rows) != len(exitOf) {
		t.Errorf("%d codes are documented, %d have an exit code", len(rows), len(exitOf))
	}
}
