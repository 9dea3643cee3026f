package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/composa-dev/composa/api"
)

// board is a site on one screen: what status prints on a terminal, and watch
// draws. It is made of what is known, and changes nothing.
type board struct {
	head    string // which server, and as whom
	trouble string // why what follows is old; empty: it is not
	unheard string // why changes are not told at once; empty: they are
	status  *siteStatus
	latest  []string // what happened last, the newest behind; nil: not shown
	now     time.Time
	color   bool
}

// crowd is from how many lines on things that are alike are told together: more
// than this part of the screen.
const crowd = 4

// lines are the board for a screen of width characters and height lines; 0: any
// number of them. No line is longer, and there are not more of them.
func (b *board) lines(width, height int) []string {
	var lines []string
	add := func(more ...string) {
		for _, line := range more {
			lines = append(lines, cutTo(clean(line), width))
		}
	}
	add(b.head)
	if b.trouble != "" {
		add(b.trouble)
	} else if b.unheard != "" {
		add(b.unheard)
	}
	gaps := height == 0 || height >= 20
	gap := func() {
		if gaps {
			add("")
		}
	}
	gap()
	fabrics := b.status.Fabrics
	if table := tableLines(fabricTable, "name,state,access,machines,free,driver", fabrics, width, len(fabrics)+1, "", b.color); height == 0 || len(fabrics)*crowd <= height {
		lines = append(lines, table...)
		add(troubles(fabrics)...)
	} else {
		add(groupLines(fabrics, b.now)...)
	}
	add("free: " + orDefault(sharesText(allShares(fabrics)), "nothing"))
	gap()

	sections := []section{machineSection(b.status.Machines), operationSection(b.status.Operations, width)}
	if b.latest != nil {
		sections = append(sections, latestSection(b.latest))
	}
	var wants []int
	used := len(lines)
	for _, s := range sections {
		wants = append(wants, s.want)
		used++ // its title
		if s.note != "" {
			used++
		}
		if gaps {
			used++
		}
	}
	room := slices.Clone(wants)
	if height > 0 {
		room = shareOut(max(0, height-used), wants)
	}
	for i, s := range sections {
		add(s.title)
		if s.note != "" {
			add(s.note)
		}
		lines = append(lines, s.lines(width, room[i], b.color)...)
		if i < len(sections)-1 {
			gap()
		}
	}
	if height > 0 && len(lines) > height {
		lines = lines[:height]
	}
	return lines
}

// section is one part of a board below its title.
type section struct {
	title string
	note  string // what somebody is to do; empty: nothing
	want  int    // lines that all of it would take
	lines func(width, room int, color bool) []string
}

func machineSection(machines []api.Machine) section {
	s := section{title: counts("machine", len(machines), machines, func(m api.Machine) string { return m.State })}
	if len(machines) == 0 {
		s.lines = func(int, int, bool) []string { return nil }
		return s
	}
	s.want = len(machines) + 1
	s.lines = func(width, room int, color bool) []string {
		shown := slices.Clone(machines)
		if room < len(shown)+1 { // what needs somebody comes first where not all fit
			slices.SortStableFunc(shown, func(x, y api.Machine) int { return cmp.Compare(rankOf(x.State), rankOf(y.State)) })
		}
		return tableLines(machineTable, "name,state,fabric,devices,owner", shown, width, room, "composa machine ls -A", color)
	}
	return s
}

func operationSection(ops []api.Operation, width int) section {
	s := section{title: counts("open operation", len(ops), ops, func(op api.Operation) string { return op.Phase }), note: heldNote(ops, width)}
	if len(ops) == 0 {
		s.lines = func(int, int, bool) []string { return nil }
		return s
	}
	// One that began keeps its line until it ends.
	shown := slices.Clone(ops)
	slices.SortStableFunc(shown, func(x, y api.Operation) int {
		return cmp.Or(cmp.Compare(rankOf(x.Phase), rankOf(y.Phase)), x.CreatedAt.Compare(y.CreatedAt), strings.Compare(x.ID, y.ID))
	})
	s.want = len(shown) + 1
	s.lines = func(width, room int, color bool) []string {
		return tableLines(operationTable, "machine,verb,phase,fabric,id,reason", shown, width, room, "composa operation ls --open", color)
	}
	return s
}

// heldNote says how to go on with what is held, in width characters, 0: any
// number; empty where nothing is. Who reads it types what it says, so that words
// are left out of it from the front, and no id is cut.
func heldNote(ops []api.Operation, width int) string {
	var held []string
	for _, op := range ops {
		if op.Phase == "held" {
			held = append(held, op.ID)
		}
	}
	if len(held) == 0 {
		return ""
	}
	show, more := "composa operation show "+held[0], ""
	if len(held) > 1 {
		more = fmt.Sprintf(" (and of %d more)", len(held)-1)
	}
	for _, note := range []string{
		"somebody is to decide: " + show + more, fmt.Sprintf("%d held: %s", len(held), show), show, "operation show " + held[0], held[0],
	} {
		if width <= 0 || utf8.RuneCountInString(note) <= width {
			return note
		}
	}
	return ""
}

func latestSection(latest []string) section {
	return section{title: "latest:", want: len(latest), lines: func(width, room int, _ bool) []string {
		var lines []string
		for _, line := range latest[len(latest)-min(room, len(latest)):] {
			lines = append(lines, cutTo(clean(line), width))
		}
		return lines
	}}
}

// rankOf orders states and phases: those that need somebody, those that change,
// those that wait in line, those that rest.
func rankOf(state string) int {
	switch state {
	case "held", "lost", "degraded", "stale":
		return 0
	case "running", "undoing", "composing", "changing", "freeing":
		return 1
	case "waiting":
		return 2
	case "queued":
		return 3
	}
	return 4
}

// counts is how many of something there are, and in which states: "12 machines:
// 1 held, 2 composing, 9 ready".
func counts[T any](noun string, n int, items []T, state func(T) string) string {
	if n == 0 {
		return "no " + noun + "s"
	}
	in := map[string]int{}
	var states []string
	for _, item := range items {
		if in[state(item)]++; in[state(item)] == 1 {
			states = append(states, state(item))
		}
	}
	slices.SortFunc(states, func(x, y string) int { return cmp.Or(cmp.Compare(rankOf(x), rankOf(y)), strings.Compare(x, y)) })
	var words []string
	for _, s := range states {
		words = append(words, fmt.Sprintf("%d %s", in[s], s))
	}
	return plural(n, noun) + ": " + strings.Join(words, ", ")
}

// tableLines are the rows of some columns of a table under their header, in room
// lines: what does not fit is told in the last one, with the command that shows
// it. Columns that do not fit are left out, from the last on.
func tableLines[T any](t table[T], names string, items []T, width, room int, all string, color bool) []string {
	if len(items) == 0 || room < 2 {
		return nil
	}
	shown, more := items, 0
	if len(items)+1 > room {
		if room < 3 {
			return nil
		}
		shown, more = items[:room-2], len(items)-(room-2)
	}
	columns, err := t.choose(names, false)
	if err != nil {
		return []string{err.Error()}
	}
	cells := append([][]string{headers(columns)}, rows(columns, shown)...)
	widths := columnWidths(cells)
	if width > 0 {
		widths = widths[:fitting(widths, width)]
		shrink(widths, width)
		widths[0] = min(widths[0], width)
	}
	var lines []string
	for _, row := range cells {
		lines = append(lines, strings.TrimRight(layOut(row[:len(widths)], widths, color), "\n"))
	}
	if more > 0 {
		lines = append(lines, cutTo(fmt.Sprintf("… %d more: %s", more, all), width))
	}
	return lines
}

// fitting is how many of the first columns fit into width where each is as
// narrow as it may be; one at least.
func fitting(widths []int, width int) int {
	total := -len(gap)
	for i, w := range widths {
		if total += len(gap) + min(w, leastWidth); total > width {
			return max(i, 1)
		}
	}
	return len(widths)
}

// shareOut divides room among those who want it: who wants less than an equal
// part gets that, and what is left goes to the others.
func shareOut(room int, wants []int) []int {
	parts := make([]int, len(wants))
	for room > 0 {
		hungry := 0
		for i := range wants {
			if parts[i] < wants[i] {
				hungry++
			}
		}
		if hungry == 0 {
			break
		}
		each := max(room/hungry, 1)
		for i := range wants {
			more := min(each, wants[i]-parts[i], room)
			parts[i] += more
			room -= more
		}
	}
	return parts
}

// cutTo cuts a line to the width of a screen; 0: any.
func cutTo(line string, width int) string {
	if width <= 0 {
		return line
	}
	return cut(line, width)
}
