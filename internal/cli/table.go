package cli

import (
	"strings"
	"unicode/utf8"
)

// table says how a list of things is printed in columns.
type table[T any] struct {
	name    func(T) string // what -o name prints
	columns []column[T]
}

// column is one column of a table.
type column[T any] struct {
	name string // as --columns takes it; the header is the same in capitals
	wide bool   // shown with -o wide only
	text func(T) string
}

// choose returns the columns that are shown: those named, or the usual ones.
func (t table[T]) choose(names string, wide bool) ([]column[T], error) {
	var chosen []column[T]
	if names == "" {
		for _, c := range t.columns {
			if wide || !c.wide {
				chosen = append(chosen, c)
			}
		}
		return chosen, nil
	}
	for _, name := range strings.Split(names, ",") {
		c := t.column(strings.ToLower(strings.TrimSpace(name)))
		if c == nil {
			return nil, wrong("cannot show column %q: there is none of that name", abridge(name, 40)).next("the columns are %s", strings.Join(t.columnNames(), ", "))
		}
		chosen = append(chosen, *c)
	}
	return chosen, nil
}

func (t table[T]) column(name string) *column[T] {
	for i := range t.columns {
		if t.columns[i].name == name {
			return &t.columns[i]
		}
	}
	return nil
}

func (t table[T]) columnNames() []string {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	return names
}

func headers[T any](columns []column[T]) []string {
	var cells []string
	for _, c := range columns {
		cells = append(cells, strings.ToUpper(c.name))
	}
	return cells
}

func rows[T any](columns []column[T], items []T) [][]string {
	var out [][]string
	for _, item := range items {
		var cells []string
		for _, c := range columns {
			cells = append(cells, orDefault(clean(c.text(item)), "-"))
		}
		out = append(out, cells)
	}
	return out
}

// printTable prints rows under their headers. On a terminal cells are cut so
// that rows fit; elsewhere nothing is.
func (a *app) printTable(header []string, rows [][]string) error {
	all := append([][]string{header}, rows...)
	widths := columnWidths(all)
	if width, _, ok := a.terminal(a.out); ok && width > 0 {
		if a.flags.columns == "" {
			if n := fitting(widths, width); n < len(widths) {
				defer a.say("%s more for a wider terminal; --columns chooses them", plural(len(widths)-n, "column"))
				all, widths = firstColumns(all, n), widths[:n]
			}
		}
		shrink(widths, width)
	}
	color := a.colored(a.out)
	var b strings.Builder
	for _, cells := range all {
		b.WriteString(layOut(cells, widths, color))
	}
	return a.write([]byte(b.String()))
}

// firstColumns are the first n cells of each row.
func firstColumns(rows [][]string, n int) [][]string {
	var out [][]string
	for _, cells := range rows {
		out = append(out, cells[:n])
	}
	return out
}

// gap is what stands between two columns.
const gap = "  "

func columnWidths(rows [][]string) []int {
	var widths []int
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// leastWidth is how narrow a column may become on a terminal.
const leastWidth = 8

// shrink makes the widest columns narrower until a row fits into width, or
// cannot become narrower. The first, which tells one row from another, comes last.
func shrink(widths []int, width int) {
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := 0
		for i, w := range widths {
			if i > 0 && w > leastWidth && (widest == 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widths[widest] <= leastWidth {
			return
		}
		widths[widest]--
	}
}

// layOut is one row; nothing trails behind its last cell.
func layOut(cells []string, widths []int, color bool) string {
	var b strings.Builder
	for i, cell := range cells {
		cell = cut(cell, widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if color {
			cell = paint(cell)
		}
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(pad + gap)
		}
	}
	return b.String() + "\n"
}

// cut shortens s to width characters, the last an ellipsis where it was cut.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	all := []rune(s)
	n := max(width-1, 0)
	inNumber := func(r rune) bool { return r >= '0' && r <= '9' || r == '/' || r == '.' }
	if start := n; start > 0 && inNumber(all[n]) && inNumber(all[n-1]) {
		for start > 0 && inNumber(all[start-1]) {
			start--
		}
		if start > 0 && all[start-1] == ' ' {
			n = start // half of a number would be another one
		}
	}
	return string(all[:n]) + "…"
}
