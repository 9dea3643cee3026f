package cli

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/composa-dev/composa/api"
)

// caretWindow is how much of what was typed is shown around a caret, in
// characters; on both sides of it together.
const caretWindow = 64

// at returns f with what was typed, and a caret under the character that is
// wrong in it, counted from 1. Where that is nowhere in it, f is as before.
func (f *failure) at(typed string, column int) *failure {
	text := []rune(clean(typed))
	if column < 1 || column > len(text)+1 {
		return f
	}
	from := max(0, min(column-1-caretWindow/2, len(text)-caretWindow))
	to := min(len(text), from+caretWindow)
	line, before := string(text[from:to]), column-1-from
	if from > 0 {
		line, before = "…"+line, before+1
	}
	if to < len(text) {
		line += "…"
	}
	c := *f
	c.lines = append([]string{line, strings.Repeat(" ", before) + "^"}, f.lines...)
	return &c
}

// columnAt is the place of byte i of a text, in characters from 1.
func columnAt(text string, i int) int { return utf8.RuneCountInString(text[:i]) + 1 }

// What the server says of an expression: where it stands in the request, then
// LINE:COLUMN and what is wrong there.
var (
	whereOf   = regexp.MustCompile(`devices\[(\d+)\]\.(where|min)\b\.?(\w*)`)
	whereSays = regexp.MustCompile(`(?s)(?:^|: )(\d+):(\d+): (.*)$`)
)

// pointed tells of a condition that the server could not read in terms of the
// flag it was typed behind, with a caret under the place. Other errors stay as
// they are.
func pointed(err error, begin string, wants []api.Want) error {
	if err == nil {
		return nil
	}
	f := failureOf(err)
	for _, place := range f.problem.Errors {
		m := whereOf.FindStringSubmatch(place.Location)
		if m == nil {
			continue
		}
		i, _ := strconv.Atoi(m[1]) // digits
		if i >= len(wants) {
			continue
		}
		flag := "--" + m[2] + " " + wants[i].Kind
		if m[2] == "where" {
			return expressionFailure(f, begin+": "+flag, wants[i].Where, place.Message)
		}
		key := flag + "." + m[3] + "="
		c := *f
		c.problem.Detail, c.lines = begin+": "+place.Message, nil
		return c.at(key+quantityText(wants[i].Min[m[3]]), columnAt(key, len(key)))
	}
	return err
}

// pointedList does the same for the expression of a list.
func pointedList(err error, begin, expr string) error {
	if err == nil || expr == "" {
		return err
	}
	f := failureOf(err)
	for _, place := range f.problem.Errors {
		if strings.HasSuffix(place.Location, "where") {
			return expressionFailure(f, begin+": --where", expr, place.Message)
		}
	}
	return err
}

// expressionFailure is f in other words: what an expression was typed for, what
// is wrong with it, and where.
func expressionFailure(f *failure, begin, expr, message string) *failure {
	c := *f
	c.lines = nil
	m := whereSays.FindStringSubmatch(message)
	if m == nil {
		c.problem.Detail = begin + ": " + message
		return &c
	}
	c.problem.Detail = begin + ": " + m[3]
	row, _ := strconv.Atoi(m[1]) // digits
	col, _ := strconv.Atoi(m[2])
	lines := strings.Split(expr, "\n")
	if row < 1 || row > len(lines) {
		return &c
	}
	return c.at(lines[row-1], col)
}
