package cli

import (
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// liveProgress is a bar for each operation, on a terminal: whose, how many
// steps, which one, how long so far and how long it took the last times. The
// bars are gone when it is closed.
type liveProgress struct {
	bars   *mpb.Progress
	layout layout
	clock  func() time.Time
	each   map[string]*liveBar // by id of operation
}

// liveBar is drawn by goroutines of mpb while newer states come.
type liveBar struct {
	bar *mpb.Bar
	mu  sync.Mutex
	op  *api.Operation
}

// The widths of what is drawn, in characters.
const (
	barWidth  = 20
	nameWidth = 24
	// roomy is how wide a terminal must be for a bar beside the words.
	roomy = 72
)

// layout is what a terminal has room for.
type layout struct {
	width, bar, name int
	about            bool // also how long it took the last times
}

// layoutOf is the layout of a terminal. On a narrow one the words matter more
// than a bar, and no line is longer than it.
func layoutOf(width int) layout {
	switch {
	case width <= 0:
		width = 80
	case width < roomy:
		return layout{width: width, name: min(nameWidth, max(leastWidth, width/2-len(emulatedMark)))}
	}
	return layout{width: width, bar: barWidth, name: nameWidth, about: true}
}

// room is what is left for the words behind the head and the bar.
func (l layout) room(head string) int {
	room := l.width - utf8.RuneCountInString(head) - 2
	if l.bar > 0 {
		room -= l.bar + 2
	}
	return max(room, leastWidth)
}

func newLiveProgress(out io.Writer, width int, clock func() time.Time) *liveProgress {
	l := layoutOf(width)
	return &liveProgress{
		bars:   mpb.New(mpb.WithOutput(out), mpb.WithWidth(l.width), mpb.WithAutoRefresh()),
		layout: l, clock: clock, each: map[string]*liveBar{},
	}
}

func (p *liveProgress) show(op *api.Operation) {
	b := p.each[op.ID]
	if b == nil {
		b = &liveBar{op: op}
		b.bar = p.add(b)
		p.each[op.ID] = b
	}
	b.mu.Lock()
	b.op = op
	b.mu.Unlock()
	done, total := counted(op)
	if client.Settled(op) {
		b.bar.Abort(true)
		return
	}
	b.bar.SetTotal(int64(total), false)
	b.bar.SetCurrent(int64(done))
}

// add makes the bar of an operation. Its texts are made anew at each drawing, so
// that the time runs on between two changes.
func (p *liveProgress) add(b *liveBar) *mpb.Bar {
	text := func(of func(*api.Operation) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			return of(b.op)
		})
	}
	l := p.layout
	style := mpb.BarFillerBuilder(mpb.NopStyle())
	if l.bar > 0 {
		style = mpb.BarStyle().Lbound("[").Rbound("]")
	}
	return p.bars.New(0, style,
		mpb.BarWidth(l.bar), mpb.BarFillerTrim(),
		mpb.PrependDecorators(text(func(op *api.Operation) string { return liveHead(op, l) + "  " })),
		mpb.AppendDecorators(text(func(op *api.Operation) string {
			tail := cut(clean(liveTail(op, l, p.clock())), l.room(liveHead(op, l)))
			if l.bar > 0 {
				tail = "  " + tail
			}
			return tail
		})))
}

// note prints a line above the bars.
func (p *liveProgress) note(line string) {
	_, _ = fmt.Fprintln(p.bars, clean(line)) // to a terminal: there is nobody to tell
}

func (p *liveProgress) close() {
	for _, b := range p.each { // without the lock: a bar that is being drawn takes it
		b.bar.Abort(true)
	}
	p.bars.Wait()
}

// counted is how many steps are done, and how many there are, at least one.
func counted(op *api.Operation) (done, total int) {
	steps := currentSteps(op)
	for _, s := range steps {
		if s.State == "done" {
			done++
		}
	}
	return done, max(len(steps), 1)
}

// liveHead stands before a bar.
func liveHead(op *api.Operation, l layout) string {
	return marked(cut(clean(operationName(op)), l.name), op.Emulated)
}

// liveTail stands behind a bar: "3/7 12 s of about 14 s  attach rack1/gpu0 to
// train".
func liveTail(op *api.Operation, l layout, now time.Time) string {
	done, total := counted(op)
	text := fmt.Sprintf("%d/%d %s", done, total, secondsText(elapsed(op, now).Round(time.Second).Seconds()))
	if op.Typical > 0 && l.about {
		text += " of about " + secondsText(op.Typical)
	}
	return text + "  " + liveDoing(op)
}

// liveDoing is what an operation does now.
func liveDoing(op *api.Operation) string {
	switch {
	case op.Phase == "queued" && op.Behind != "":
		return "waits behind operation " + op.Behind
	case op.Phase == "queued":
		return "is queued"
	case op.Phase == "waiting":
		return withReason(phaseText(op.Phase), op.Reason)
	}
	doing := "begins"
	for _, s := range currentSteps(op) {
		if s.State == "running" {
			doing = stepText(&s)
			break
		}
		if s.State == "done" {
			doing = "goes on"
		}
	}
	switch {
	case op.Phase == "undoing":
		return "going back: " + doing
	case op.CancelRequested:
		return "cancelling: " + doing
	}
	return doing
}
