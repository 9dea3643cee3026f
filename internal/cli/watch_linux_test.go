package cli

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
)

// emulated is what a terminal shows after it was given a text: as much of
// ECMA-48 as a page needs.
func emulated(t *testing.T, text string, width, height int) []string {
	t.Helper()
	if i := strings.LastIndex(text, ownPage); i >= 0 {
		text = text[i+len(ownPage):]
	}
	grid := make([][]rune, height)
	clear := func() {
		for i := range grid {
			grid[i] = []rune(strings.Repeat(" ", width))
		}
	}
	clear()
	row, col := 0, 0
	control := regexp.MustCompile(`^\x1b\[([?0-9;]*)([A-Za-z])`)
	for text != "" {
		if m := control.FindStringSubmatch(text); m != nil {
			switch m[2] {
			case "H":
				r, c, _ := strings.Cut(m[1], ";")
				row, _ = strconv.Atoi(r)
				col, _ = strconv.Atoi(c)
				row, col = row-1, col-1
			case "K":
				for i := col; i < width; i++ {
					grid[row][i] = ' '
				}
			case "J":
				clear()
			case "m", "h", "l":
			default:
				t.Fatalf("the terminal does not know %q", m[0])
			}
			text = text[len(m[0]):]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		if row >= height || col >= width {
			t.Fatalf("%q is drawn at %d, %d on a page of %d by %d", r, row, col, height, width)
		}
		grid[row][col] = r
		col++
	}
	var lines []string
	for _, line := range grid {
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return lines
}

// Under a thousand events a second a page is drawn a few times a second, shows in
// the end what is so, follows the terminal's size, and gives the page back.
func TestWatchIsCalm(t *testing.T) {
	f, getenv := completionSite(t)
	outside, inside := openPTY(t, 80, 24)
	screen := seeScreen(outside)
	root := New(Config{Out: inside, Err: inside, Getenv: getenv, In: strings.NewReader("")})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	began := time.Now()
	go func() { ended <- Main(ctx, root, []string{"watch"}) }()
	see := func(text string) {
		t.Helper()
		if !screen.shows(text, 30*time.Second) {
			t.Fatalf("%q is not shown:\n%s", text, strings.Join(emulated(t, screen.String(), 80, 24), "\n"))
		}
	}
	see("latest:")
	const events = 3000
	every := time.NewTicker(time.Millisecond)
	defer every.Stop()
	for i := range events {
		<-every.C
		f.mu.Lock()
		f.machines["train"].Devices = []api.MachineDevice{{Place: "rack1/gpu0", Kind: "gpu", Model: fmt.Sprintf("M%d", i)}}
		f.tell(f.ops[0])
		f.mu.Unlock()
	}
	see(fmt.Sprintf("M%d", events-1))
	shown := screen.String()
	drawn, most := strings.Count(shown, drawBegin), int(time.Since(began)/drawPause)+2
	if drawn < 3 || drawn > most {
		t.Errorf("%d events were drawn %d times, want 3 to %d", events, drawn, most)
	}
	if n := strings.Count(shown, wipe); n != 1 {
		t.Errorf("the page was wiped %d times, want once", n)
	}
	lines := emulated(t, shown, 80, 24)
	if !strings.HasPrefix(lines[0], f.web.URL) || !strings.Contains(strings.Join(lines, "\n"), fmt.Sprintf("train   ready    rack1   1 gpu M%d", events-1)) {
		t.Errorf("it shows\n%s", strings.Join(lines, "\n"))
	}

	resizePTY(t, outside, 40, 10)
	f.mu.Lock()
	f.machines["theirs"].State = "held"
	f.tell(f.ops[0])
	f.mu.Unlock()
	see(cut(lines[0], 40))
	see("3 machines: 1 held, 1 freeing, 1 ready")
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("it ends with %d", code)
	}
	see(pageBack)
	last := screen.String()[strings.LastIndex(screen.String(), wipe):]
	for i, line := range emulated(t, strings.Replace(last, pageBack, "", 1), 40, 10) {
		if len([]rune(line)) > 40 {
			t.Errorf("line %d does not fit: %q", i, line)
		}
	}
}

// Where results do not go to a terminal there is a line for each change, and
// nothing that moves a cursor.
func TestWatchOffATerminalIsPlain(t *testing.T) {
	f, getenv := completionSite(t)
	out := newShared()
	root := New(Config{Out: out, Err: newShared(), Getenv: getenv, In: strings.NewReader("")})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- Main(ctx, root, []string{"watch"}) }()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond) // until it listens nothing is heard
	defer tick.Stop()
	for i := 0; !strings.Contains(out.String(), "waiting"); i++ {
		select {
		case <-tick.C:
			f.mu.Lock()
			f.ops[0].Phase = []string{"running", "waiting"}[i%2]
			f.tell(f.ops[0])
			f.mu.Unlock()
		case <-deadline:
			t.Fatalf("nothing is told: %q", out.String())
		}
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("it ends with %d", code)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("it draws: %q", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if !regexp.MustCompile(`^2026-03-01T12:00:00Z  plug train \(emulated\)  (running|waiting)\n$`).MatchString(line) {
			t.Errorf("a line is %q", line)
		}
	}
	if strings.Contains(out.String(), "\n\n") {
		t.Error("there are empty lines")
	}
}
