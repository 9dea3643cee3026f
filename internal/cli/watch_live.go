package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

const (
	// drawPause is the least between two looks at the site, and so between two
	// drawings; a slow answer makes it twice as long as the answer took.
	drawPause = 300 * time.Millisecond
	// lookAgain is after how long the site is looked at although nothing was told.
	lookAgain = 15 * time.Second
	// askAgain is after how long a server that did not answer is asked again.
	askAgain = 2 * time.Second
	// keptLatest is how many of the latest changes are kept, in lines.
	keptLatest = 100
)

// watchLive shows the site on a page of the terminal until ctx ends. Events only
// say that something changed: however many there are, the site is looked at a
// few times a second, and only lines that changed are drawn.
func (a *app) watchLive(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	changed := make(chan struct{}, 1)
	listening.Go(func() {
		for _, err := range c.Events(ctx, "", client.EventFilter{}) {
			if err != nil {
				return // looking at the site tells what is wrong
			}
			select {
			case changed <- struct{}{}:
			default: // it is looked at anyway
			}
		}
	})
	sized, stop := resized()
	defer stop()
	page := &screen{out: a.out}
	page.enter()
	defer page.leave()
	stream := &hearing{clock: a.clock}
	defer a.retrying.to(stream.lost)() // the page says it
	b := &board{head: a.boardHead(), latest: []string{}, color: a.colored(a.out), status: &siteStatus{}}
	draw := func() {
		b.now = a.clock()
		width, height, _ := a.terminal(a.out)
		page.draw(b.lines(max(width, 1), max(height, 1)), width, height)
	}
	for {
		began := time.Now()
		if err := a.lookOnce(ctx, b); err != nil {
			return err
		}
		b.unheard = stream.trouble()
		draw()
		next := lookAgain
		if b.trouble != "" || b.unheard != "" {
			next = askAgain
		}
		if !rest(ctx, max(drawPause, 2*time.Since(began)), sized, nil, draw) || !rest(ctx, next, sized, changed, draw) {
			return nil // interrupted: that was all
		}
	}
}

// hearing is whether changes are told as they happen.
type hearing struct {
	clock func() time.Time
	mu    sync.Mutex
	why   string
	at    time.Time
}

// unheardFor is how long it counts that they are not: longer than what is told
// of one try to the next.
const unheardFor = 2 * nextWord

// lost takes why they are not told just now.
func (h *hearing) lost(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.why, h.at = why, h.clock()
}

// trouble is why they are not told; empty: they are.
func (h *hearing) trouble() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == "" || h.clock().Sub(h.at) > unheardFor {
		return ""
	}
	return fmt.Sprintf("looked at every %s only: %s", askAgain, h.why)
}

// rest waits for a while, or until something changed; changed nil: for all of
// it. It draws anew where the terminal became another size. False when ctx ended.
func rest[T any](ctx context.Context, d time.Duration, sized <-chan T, changed <-chan struct{}, draw func()) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-changed:
			return true
		case <-sized:
			draw()
		case <-ctx.Done():
			return false
		}
	}
}

// lookOnce looks at the site and tells on the board what is new. A server that
// does not answer just now leaves the board as it was, and says so; the error is
// one that asking again does not end.
func (a *app) lookOnce(ctx context.Context, b *board) error {
	s, err := a.status(client.AtOnce(ctx)) // it is looked at again anyway
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil && failureOf(err).exit == exitUnreachable:
		if b.trouble == "" {
			b.trouble = fmt.Sprintf("no answer since %s, this is older: %s", clockText(a.clock(), a.clock()), failureOf(err).problem.Detail)
		}
		return nil
	case err != nil:
		return err
	}
	if b.status.Site != nil {
		for _, line := range differences(b.status, s) {
			b.latest = append(b.latest, momentText(a.clock())+"  "+line)
		}
		b.latest = b.latest[max(0, len(b.latest)-keptLatest):]
	}
	b.status, b.trouble = s, ""
	return nil
}

// boardHead is which server is shown, and as whom.
func (a *app) boardHead() string {
	where := a.server.url
	if a.server.context != "" {
		where += " (context " + a.server.context + ")"
	}
	return marked(fmt.Sprintf("%s, version %s, as %s", where, a.siteSeen.Version, a.siteSeen.Principal), a.siteSeen.Emulated)
}

// differences tells, a line each, what is in another state than before.
func differences(before, after *siteStatus) []string {
	lines := changedStates("fabric", before.Fabrics, after.Fabrics, func(f api.Fabric) (string, string, string) { return f.Name, f.Name, f.State }, "gone")
	lines = append(lines, changedStates("machine", before.Machines, after.Machines, func(m api.Machine) (string, string, string) { return m.ID, m.Name, m.State }, "freed")...)
	return append(lines, changedStates("", before.Operations, after.Operations, func(op api.Operation) (string, string, string) {
		return op.ID, op.Verb + " " + operationName(&op), op.Phase
	}, "ended")...)
}

// changedStates compares things by id. gone is what is said of one that is not
// there any more.
func changedStates[T any](noun string, before, after []T, of func(T) (id, name, state string), gone string) []string {
	was := map[string]string{}
	for _, x := range before {
		id, _, state := of(x)
		was[id] = state
	}
	if noun != "" {
		noun += " "
	}
	var lines []string
	is := map[string]bool{}
	for _, x := range after {
		id, name, state := of(x)
		is[id] = true
		if was[id] != state {
			lines = append(lines, noun+name+"  "+state)
		}
	}
	for _, x := range before {
		if id, name, _ := of(x); !is[id] {
			lines = append(lines, noun+name+"  "+gone)
		}
	}
	return lines
}
