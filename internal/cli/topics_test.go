package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/composa-dev/composa"
)

func topicText(t *testing.T, name string) string {
	t.Helper()
	for _, c := range helpTopics() {
		if c.Name() == name {
			return c.Long
		}
	}
	t.Fatalf("there is no topic %s", name)
	return ""
}

// The page of exit codes has every code that the program can end with.
func TestExitCodesAreThoseOfTheCode(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "exit") {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				code, _ := strconv.Atoi(value.Value)
				want[code] = true
			}
		}
		return true
	})
	got := map[int]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  (\d+)  +\S`).FindAllStringSubmatch(topicText(t, "exit-codes"), -1) {
		code, _ := strconv.Atoi(m[1])
		got[code] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("of %d codes (-code +page):\n%s", len(want), diff)
	}
	for code, exit := range exitOf {
		if !got[exit] {
			t.Errorf("%s ends with %d, which is on no page", code, exit)
		}
	}
}

// The page of the environment has every variable that is read, and no other.
func TestEnvironmentIsWhatIsRead(t *testing.T) {
	read := map[string]bool{}
	for _, dir := range []string{".", "../../cmd/composa"} {
		sources, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(sources) == 0 {
			t.Fatalf("no sources in %s: %v", dir, err)
		}
		for _, path := range sources {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`[gG]etenv\("([A-Z_]+)"\)`).FindAllStringSubmatch(string(text), -1) {
				read[m[1]] = true
			}
		}
	}
	told := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z_]+) `).FindAllStringSubmatch(topicText(t, "environment"), -1) {
		told[m[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(told))); diff != "" {
		t.Errorf("-read +told:\n%s", diff)
	}
}

// The page of output has every format, and every quantity on the page of units
// is one.
func TestTopicsAgreeWithTheParsers(t *testing.T) {
	output := topicText(t, "output")
	for _, f := range formatNames {
		if !strings.Contains(output, "-o "+f) {
			t.Errorf("-o %s is not told", f)
		}
	}
	for _, d := range regexp.MustCompile(`\b\d+[smhdw]\b`).FindAllString(output, -1) {
		var parsed duration
		if err := parsed.Set(d); err != nil {
			t.Errorf("%s is told, and refused: %v", d, err)
		}
	}
	for _, c := range helpTopics() {
		for line := range strings.Lines(c.Long) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
				t.Errorf("%s: a line has %d characters: %s", c.Name(), n, line)
			}
		}
		if c.Name() != "units" {
			continue
		}
		quantities := regexp.MustCompile(`\b\d+(?:\.\d+)?(?:[KMGTP]i?[Bb]?|[KMGT]bit)\b`).FindAllString(c.Long, -1)
		if len(quantities) == 0 {
			t.Error("the page of units has no quantity")
		}
		for _, q := range quantities {
			if _, err := composa.ParseQuantity(q); err != nil {
				t.Errorf("units: %s is told, and refused: %v", q, err)
			}
		}
	}
}

// examplesOf are the command lines in the help of a command, as a shell cuts
// them.
func examplesOf(cmd *cobra.Command) [][]string {
	var out [][]string
	for line := range strings.Lines(cmd.Example + "\n") {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "composa ") {
			continue // a line of a shell's own
		}
		out = append(out, shellWords(line)[1:])
	}
	return out
}

// shellWords cuts a line at spaces outside of quotes, up to a pipe, a
// redirection or a comment.
func shellWords(line string) []string {
	var words []string
	word, quote, within := "", rune(0), false
	end := func() {
		if within {
			words = append(words, word)
		}
		word, within = "", false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, within = r, true
		case r == ' ':
			end()
		case (r == '|' || r == '>' || r == '#') && !within:
			return words
		default:
			word, within = word+string(r), true
		}
	}
	end()
	return words
}

// Every command that does something has an example, and each example is one of
// that command, with flags and arguments that it takes.
func TestExamplesAreOfTheirCommands(t *testing.T) {
	seen := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if !cmd.Runnable() || cmd.HasSubCommands() || cmd.Name() == "help" {
			return
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		own := len(examplesOf(cmd)) == 0 // a line of a shell's own
		for _, args := range examplesOf(cmd) {
			seen++
			root := New(Config{})
			found, rest, err := root.Find(args)
			if err != nil {
				t.Errorf("%s: the example %q: %v", cmd.CommandPath(), args, err)
				continue
			}
			own = own || found.Name() == cmd.Name()
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: the example %q: %v", cmd.CommandPath(), args, err)
				continue
			}
			if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: the example %q: %v", cmd.CommandPath(), args, err)
			}
		}
		if !own {
			t.Errorf("%s: none of its examples is one of it", cmd.CommandPath())
		}
	}
	walk(New(Config{}))
	if seen < 70 {
		t.Errorf("only %d examples were found", seen)
	}
}
