package cli

import (
	"strings"
	"testing"
	"time"
)

// A page that gets no events says so, and why, until it does.
func TestPageSaysThatNothingIsHeard(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h := &hearing{clock: func() time.Time { return now }}
	if got := h.trouble(); got != "" {
		t.Errorf("before anything was lost: %q", got)
	}
	h.lost("trying again in 5 s: 256 streams of admin are open")
	b := &board{status: &siteStatus{}, unheard: h.trouble(), now: now}
	if page := strings.Join(b.lines(100, 20), "\n"); !strings.Contains(page, "looked at every 2s only: trying again in 5 s: 256 streams of admin are open") {
		t.Errorf("the page does not say it:\n%s", page)
	}
	now = now.Add(unheardFor + time.Second)
	if got := h.trouble(); got != "" {
		t.Errorf("long after: %q", got)
	}
}
