package selector

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/composa-dev/composa"
)

// Problem is what is wrong in an expression, and where. It is the cause of the
// errors of [Compile].
type Problem struct {
	Expr string
	// Line and Column count from 1, columns in characters; both 0 where no one
	// place is wrong.
	Line, Column int
	Text         string // what is wrong
	Next         string // what to do about it; may be empty
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Text)
}

// Lines shows the place in the expression: its line, and below it a caret.
// Nothing where no one place is wrong.
func (p *Problem) Lines() []string {
	lines := strings.Split(p.Expr, "\n")
	if p.Line < 1 || p.Line > len(lines) {
		return nil
	}
	line := strings.ReplaceAll(lines[p.Line-1], "\t", " ")
	return []string{line, strings.Repeat(" ", max(p.Column-1, 0)) + "^"}
}

// maxQuoted is how much of an expression an error repeats.
const maxQuoted = 120

// refused is the error of the whole system for a problem.
func (p *Problem) refused(code composa.Code) error {
	e := composa.Errorf(code, "cannot read where %s: %w", quoted(composa.Abridge(p.Expr, maxQuoted)), p)
	if p.Next != "" {
		e = e.WithNext("%s", p.Next)
	}
	return e
}

// quoted puts an expression in the quotes that it does not use itself.
func quoted(expr string) string {
	if q := strconv.Quote(expr); strings.Count(q, `\`) > strings.Count(q, `\"`) || strings.Contains(expr, "'") {
		return q
	}
	if strings.Contains(expr, `"`) {
		return "'" + expr + "'"
	}
	return `"` + expr + `"`
}

// source is an expression with what is needed to tell places in it.
type source struct {
	text string
	at   []rune
}

func newSource(text string) *source { return &source{text: text, at: []rune(text)} }

// problem is what is wrong at an offset in characters.
func (s *source) problem(offset int, next, format string, args ...any) *Problem {
	p := &Problem{Expr: s.text, Text: fmt.Sprintf(format, args...), Next: next}
	if offset < 0 {
		return p
	}
	p.Line, p.Column = 1, 1
	for _, r := range s.at[:min(offset, len(s.at))] {
		p.Column++
		if r == '\n' {
			p.Line, p.Column = p.Line+1, 1
		}
	}
	return p
}

// offset is the place of a line that counts from 1 and a column that counts
// from 0, as CEL tells them; -1 where it tells none.
func (s *source) offset(line, column int) int {
	if line < 1 || column < 0 {
		return -1
	}
	before := 0
	for i, l := range strings.SplitAfter(s.text, "\n") {
		if i == line-1 {
			return min(before+column, len(s.at))
		}
		before += utf8.RuneCountInString(l)
	}
	return len(s.at)
}

// after is the offset of the word that follows a dot at offset.
func (s *source) after(offset int) int {
	for offset < len(s.at) && strings.ContainsRune(". \t\r\n", s.at[offset]) {
		offset++
	}
	return offset
}
