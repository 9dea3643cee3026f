package selector

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/composa-dev/composa"
)

// mistake is a way in which people write what CEL writes otherwise.
type mistake struct {
	pattern *regexp.Regexp // its first group is the place
	text    func(found string) (text, next string)
}

func instead(of string) func(string) (string, string) {
	return func(found string) (string, string) {
		return fmt.Sprintf("%s is not known here: did you mean %s?", found, of), ""
	}
}

var mistakes = []mistake{
	{regexp.MustCompile(`(===|=<|=>|<>)`), func(found string) (string, string) {
		return instead(map[string]string{"===": "==", "=<": "<=", "=>": ">=", "<>": "!="}[found])(found)
	}},
	{regexp.MustCompile(`(?:^|[^=!<>])(=)(?:[^=]|$)`), func(string) (string, string) { return "= compares nothing: did you mean ==?", "" }},
	{regexp.MustCompile(`(?i)(?:^|[\s)])(and)(?:[\s(]|$)`), instead("&&")},
	{regexp.MustCompile(`(?i)(?:^|[\s)])(or)(?:[\s(]|$)`), instead("||")},
	{regexp.MustCompile(`(?i)(?:^|[\s(])(not)(?:[\s(]|$)`), instead("!")},
	{regexp.MustCompile(`(?:^|[^&])(&)(?:[^&]|$)`), instead("&&")},
	{regexp.MustCompile(`(?:^|[^|])(\|)(?:[^|]|$)`), instead("||")},
	{regexp.MustCompile(`(?:^|[^\w.])(\d+(?:\.\d+)?\s*[A-Za-z]+)(?:\W|$)`), numberWithUnit},
	{regexp.MustCompile(`([“”„‘’])`), func(string) (string, string) { return "texts stand in plain quotes: \"A100\"", "" }},
}

// numberWithUnit is 40GB, which the command line takes and CEL does not.
func numberWithUnit(found string) (string, string) {
	digits := strings.TrimRight(found, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := found[len(digits):]
	if meant := unitMeant(unit); meant != "" {
		return fmt.Sprintf("a unit is multiplied with: did you mean %s*%s?", strings.TrimSpace(digits), meant), ""
	}
	return fmt.Sprintf("%s is neither a number nor a name", found), "write a number times a unit: 40*GB"
}

// unitMeant is the unit that a word stands for; empty where it stands for none.
func unitMeant(word string) string {
	for _, same := range []func(string) bool{
		func(name string) bool { return name == word },
		func(name string) bool { return name == word+"B" },
		func(name string) bool { return strings.EqualFold(name, word) },
	} {
		if i := slices.IndexFunc(constants, func(c constant) bool { return same(c.name) }); i >= 0 {
			return constants[i].name
		}
	}
	return ""
}

// unparsed says what is wrong with an expression that CEL cannot read.
func (s *source) unparsed(issues *cel.Issues) *Problem {
	bare, open := s.blanked()
	if open >= 0 {
		return s.problem(open, "", "a text begins here and does not end: a quote is missing")
	}
	for _, m := range mistakes {
		at := m.pattern.FindStringSubmatchIndex(bare)
		if at == nil {
			continue
		}
		text, next := m.text(bare[at[2]:at[3]])
		return s.problem(utf8.RuneCountInString(bare[:at[2]]), next, "%s", text)
	}
	first := issues.Errors()[0]
	at := s.offset(first.Location.Line(), first.Location.Column())
	text := strings.TrimPrefix(first.Message, "Syntax error: ")
	switch {
	case strings.Contains(text, "recursion"):
		return s.problem(-1, "", "it is nested too deeply: %d levels are allowed", MaxDepth)
	case at >= len(s.at) && at >= 0:
		return s.problem(at, "", "it ends too early")
	case strings.Contains(text, "invalid int literal"), strings.Contains(text, "invalid double literal"):
		return s.problem(at, "", "the number is too large")
	case strings.HasPrefix(text, "mismatched input"), strings.HasPrefix(text, "extraneous input"), strings.HasPrefix(text, "token recognition"), strings.HasPrefix(text, "no viable"):
		return s.problem(at, "", "%q is not expected here", composa.Abridge(string(s.at[max(at, 0):s.wordEnd(max(at, 0))]), 24))
	}
	return s.problem(at, "", "%s", composa.Abridge(text, maxQuoted))
}

// blanked is the expression with spaces in place of its texts, so that nothing
// in a text is taken for a mistake; open is where a text begins that does not
// end, -1 where none does.
func (s *source) blanked() (bare string, open int) {
	out := make([]rune, len(s.at))
	quote, from := rune(0), -1
	for i := 0; i < len(s.at); i++ {
		r := s.at[i]
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote, from = r, i
		case quote != 0 && r == '\\' && i+1 < len(s.at):
			out[i], out[i+1] = ' ', ' '
			i++
			continue
		case r == quote:
			quote, from = 0, -1
			r = ' '
		}
		if quote != 0 {
			r = ' '
		}
		out[i] = r
	}
	return string(out), from
}

// wordEnd is the end of the word, or of the one sign, at offset.
func (s *source) wordEnd(offset int) int {
	isWord := func(r rune) bool {
		return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	end := offset
	for end < len(s.at) && isWord(s.at[end]) {
		end++
	}
	return min(max(end, offset+1), len(s.at))
}

var noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)

// mistyped says what is wrong with an expression whose types do not go together.
func (s *source) mistyped(issues *cel.Issues, parsed *ast.AST) *Problem {
	first := issues.Errors()[0]
	at := s.offset(first.Location.Line(), first.Location.Column())
	found := noOverload.FindStringSubmatch(first.Message)
	if found == nil {
		switch {
		case strings.Contains(first.Message, "invalid matches argument"):
			return s.problem(at, "", "the regular expression cannot be read, or is too large")
		case strings.Contains(first.Message, "regex program size"):
			return s.problem(at, "", "the regular expression is too large")
		case strings.HasSuffix(first.Message, "does not support field selection"):
			return s.problem(at, "", "%s has no fields", strings.TrimSuffix(strings.TrimPrefix(strings.ReplaceAll(first.Message, "'", ""), "type "), " does not support field selection"))
		case strings.Contains(first.Message, "nesting"):
			return s.problem(at, "", "exists and all stand in each other too deeply: %d levels are allowed", MaxLoops)
		case strings.HasPrefix(first.Message, "expected type"):
			return s.problem(at, "", "a list holds values of one sort: %s", strings.ReplaceAll(first.Message, "'", ""))
		}
		return s.problem(at, "", "%s", composa.Abridge(strings.ReplaceAll(first.Message, "'", ""), maxQuoted))
	}
	name, shown := found[1], found[1]
	if symbol, ok := operators.FindReverse(name); ok && symbol != "" {
		shown = symbol
	} else if symbol := map[string]string{operators.Conditional: "? :", operators.Index: "[ ]"}[name]; symbol != "" {
		shown = symbol
	}
	types := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(found[2], "("), ")"), ", ", " and ")
	next := s.quotedQuantity(first.ExprID, parsed)
	switch {
	case next != "":
	case types == "int and double", types == "double and int":
		next = "write a whole number, such as quantity(\"1.5TB\"), or >= and <="
	case types == "string and string" && name == operators.In:
		next = "write device.model.contains(\"A100\"), or in [\"A\", \"B\"]"
	case strings.Contains(types, "null"):
		next = "what a fabric does not tell matches nothing anyhow"
	}
	return s.problem(at, next, "%s does not go with %s", shown, types)
}

// quotedQuantity says what to write in place of "40GB" beside a number.
func (s *source) quotedQuantity(id int64, parsed *ast.AST) string {
	next := ""
	ast.PreOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() != id || e.Kind() != ast.CallKind {
			return
		}
		for _, arg := range e.AsCall().Args() {
			if arg.Kind() != ast.LiteralKind {
				continue
			}
			if text, ok := arg.AsLiteral().(types.String); ok {
				if _, err := composa.ParseQuantity(string(text)); err == nil {
					next = fmt.Sprintf("write quantity(%q), or the number without quotes", string(text))
				}
			}
		}
	}))
	return next
}

// a is a type with its article.
func a(t *cel.Type) string {
	switch t.String() {
	case "int":
		return "an int"
	case "string", "double", "bool", "uint":
		return "a " + t.String()
	}
	return t.String()
}
