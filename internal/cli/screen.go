package cli

import (
	"fmt"
	"io"
	"strings"
)

// screen draws lines on a terminal of its own page, which goes away when it is
// left. Only lines that changed are written, all of them in one write, which a
// terminal that can shows at once.
type screen struct {
	out           io.Writer
	last          []string
	width, height int
}

// Control sequences of terminals (ECMA-48, and the private modes of xterm).
const (
	ownPage   = "\x1b[?1049h\x1b[?25l" // another page, without a cursor
	pageBack  = "\x1b[?25h\x1b[?1049l"
	drawBegin = "\x1b[?2026h" // show nothing until the end
	drawEnd   = "\x1b[?2026l"
	wipe      = "\x1b[2J"
	wipeLine  = "\x1b[K"
	placeLine = "\x1b[%d;1H"
)

func (s *screen) enter() { _, _ = io.WriteString(s.out, ownPage) }  // a terminal that is gone shows nothing
func (s *screen) leave() { _, _ = io.WriteString(s.out, pageBack) } // the same

// draw makes the page show lines, which fit on it.
func (s *screen) draw(lines []string, width, height int) {
	var b strings.Builder
	if width != s.width || height != s.height {
		b.WriteString(wipe)
		s.last, s.width, s.height = nil, width, height
	}
	for i := range max(len(lines), len(s.last)) {
		line, before := "", ""
		if i < len(lines) {
			line = lines[i]
		}
		if i < len(s.last) {
			before = s.last[i]
		}
		if line != before {
			fmt.Fprintf(&b, placeLine+"%s"+wipeLine, i+1, guarded(line))
		}
	}
	s.last = append([]string{}, lines...)
	if b.Len() > 0 {
		_, _ = io.WriteString(s.out, drawBegin+b.String()+drawEnd) // a terminal that is gone shows nothing
	}
}
