package selector

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// promised is an expression of testdata/published.txt, and the devices of the
// rack that it matches.
type promised struct {
	text    string
	devices []string
}

// published reads what was ever published: an expression stands at the
// beginning of a line, and below it, indented, the devices that it matches.
func published(t testing.TB) []promised {
	t.Helper()
	raw, err := os.ReadFile("testdata/published.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []promised
	for line := range strings.Lines(string(raw)) {
		switch line = strings.TrimRight(line, "\n"); {
		case line == "" || line[0] == '#':
		case line[0] == ' ' && len(out) > 0:
			out[len(out)-1].devices = append(out[len(out)-1].devices, strings.Fields(line)...)
		default:
			out = append(out, promised{text: line})
		}
	}
	return out
}

func TestPublishedExpressionsMeanWhatTheyMeant(t *testing.T) {
	all := published(t)
	if len(all) < 20 {
		t.Fatalf("%d expressions are published; the file only grows", len(all))
	}
	for _, p := range all {
		s, err := CompileFor(p.text, true)
		if err != nil {
			t.Errorf("%s: %v", p.text, err)
			continue
		}
		var found []string
		for _, d := range rack() {
			if s.Match(d, !isUsed(d)).Met {
				found = append(found, d.Name)
			}
		}
		if diff := cmp.Diff(p.devices, found); diff != "" {
			t.Errorf("%s does not match what it matched (-then +now):\n%s", p.text, diff)
		}
	}
}

// shown finds expressions in what people read: after --where (with or without a
// kind), after where: of a file, and after where= of a call.
var shown = map[bool][]*regexp.Regexp{false: {
	regexp.MustCompile(`--where[ =]'(?:[a-z]+:)?([^']+)'`),
	regexp.MustCompile(`--where[ =]"(?:[a-z]+:)?((?:[^"\\]|\\.)+)"`),
	regexp.MustCompile(`\bwhere: *'([^']+)'`),
	regexp.MustCompile(`\bwhere: *(device\.[^}\n]+)`),
	regexp.MustCompile(`\\?"where\\?": *\\?"((?:[^"\\]|\\.)+?)\\?"[,}]`),
	regexp.MustCompile(`example:"(device\.(?:[^"\\]|\\.)+)"`),
}, true: { // of pages, not of code
	regexp.MustCompile(`(?m)^ {4}(.*device\.[a-z].*)$`),
	regexp.MustCompile("`([^`\n]*device\\.[a-z]+[^`\n]*[=<>(!&][^`\n]*)`"),
}}

func TestWhatIsShownIsPublished(t *testing.T) {
	var known []string
	for _, p := range published(t) {
		known = append(known, p.text)
	}
	found := 0
	for _, file := range readable(t) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, expr := range expressions(string(raw), !strings.HasSuffix(file, ".go")) {
			found++
			if !slices.Contains(known, expr) {
				t.Errorf("%s shows %s, which is not in testdata/published.txt", file, expr)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d expressions are shown; the test looks at the wrong place", found)
	}
}

// expressions are those that a text shows. What names a thing in capitals
// (KIND:EXPR) is no expression.
func expressions(text string, page bool) []string {
	patterns := shown[false]
	if page {
		patterns = slices.Concat(patterns, shown[true])
	}
	var out []string
	for _, pattern := range patterns {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			expr := strings.TrimSpace(strings.ReplaceAll(m[1], `\"`, `"`))
			if strings.Contains(expr, "device.") && !strings.Contains(expr, "--where") && !strings.Contains(expr, "where:") && !strings.Contains(expr, "…") {
				out = append(out, expr)
			}
		}
	}
	return out
}

// readable are the files that people read: the README, the guides, the help.
func readable(t *testing.T) []string {
	t.Helper()
	files := []string{"../../README.md"}
	for _, root := range []string{"../../docs", "../cli", "../../api"} {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			ext := filepath.Ext(path)
			if err == nil && !d.IsDir() && (ext == ".md" || ext == ".txt" || ext == ".go") && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "testdata") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// The guide shows what is wrong in some expressions, as a table.
func TestTheGuideTellsWhatIsWrong(t *testing.T) {
	raw, err := os.ReadFile("../../docs/guides/selectors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(raw), "| written | answer |\n| --- | --- |\n")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if !found || len(rows) < 5 {
		t.Fatalf("the guide shows %d wrong expressions", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		_, err := Compile(cells[0])
		if want := ": " + cells[1]; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v; the guide tells %q", cells[0], err, cells[1])
		}
	}
}
