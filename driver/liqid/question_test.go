package liqid

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// What differs from one aspect to the other is told so, and an answer to the
// whole question takes the place of all.
func TestAnswersToAspects(t *testing.T) {
	var o observed
	for _, step := range []struct {
		do   func()
		told string
	}{
		{func() {}, ""},
		{func() { o.sawOf(askQueue, queueOut, seenHidden) }, seenHidden},
		{func() { o.sawOf(askQueue, queueAttach, seenHidden) }, seenHidden},
		{func() { o.sawOf(askQueue, queueInto, seenShown) }, "shown (into the group); hidden (out of the group, attached)"},
		{func() { o.sawOf(askQueue, queueInto, seenHidden) }, seenHidden},
		{func() { o.saw(askQueue, seenShown) }, seenShown},
		{func() { o.sawOf(askQueue, queueOut, seenHidden) }, seenHidden},
		{o.forget, ""},
	} {
		step.do()
		if got := o.of(askQueue); got != step.told {
			t.Errorf("%q, want %q", got, step.told)
		}
	}
	o.sawOf(askPending, commitPool, seenLists)
	if o.is(askPending, seenLists, commits...) || !o.is(askPending, seenLists, commitPool) || o.of(askPending, commitMachine) != "" {
		t.Error("what was seen of one commit counts for another")
	}
}

// A director that shows what is queued into a group, and not what is queued out
// of it: what it shows of the one says nothing of the other.
func TestADirectorThatShowsOnlyWhatIsQueuedIn(t *testing.T) {
	s := newScene(t, emulator.Config{Habits: emulator.Habits{Queue: "shown"}, Counts: small})
	var mu sync.Mutex
	shown, leaving := map[string][]byte{}, false
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		leaving = (leaving || q.Method == http.MethodDelete && strings.Contains(q.URL.Path, "/predevice/")) && !strings.HasSuffix(q.URL.Path, "/pool/done")
		if q.Method != http.MethodGet || !strings.HasSuffix(q.URL.Path, "/predevice") {
			return false
		}
		if !leaving {
			r := httptest.NewRecorder()
			s.director.Handler().ServeHTTP(r, q)
			shown[q.URL.RawQuery] = bytes.Clone(r.Body.Bytes())
		}
		w.Write(shown[q.URL.RawQuery])
		return true
	})
	for range 2 {
		s.do(s.enter("gpu0"))
		s.do(s.leave("gpu0"))
	}
	if told := s.f.observed.of(askQueue); told != "shown (into the group); hidden (out of the group)" {
		t.Error(told)
	}
	s.clean("given back")
}

// A list on which one kind of commit stands proves nothing of the others: a
// machine's commit that is not listed, and answered early, is waited for.
func TestAListOfOneKindOfCommitProvesNothingOfAnother(t *testing.T) {
	const work, late = 2 * silentAfter, time.Second
	s := newScene(t, emulator.Config{
		API: "2.5", Habits: emulator.Habits{Commit: "early"}, Counts: small, CommitLatency: emulator.Latency{Min: work, Max: work},
	}, func(c *Config) { c.Timeouts.Late = late })
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.Contains(q.URL.Path, "/state/") {
			return false
		}
		// A commit that begins while the list is being made may be on it.
		answer := httptest.NewRecorder()
		s.director.Handler().ServeHTTP(answer, q)
		if slices.ContainsFunc(s.director.Snapshot().Pending, func(p emulator.PendingState) bool { return p.Machine != 0 }) {
			io.WriteString(w, envelopeOf(`[]`))
		} else {
			w.Write(answer.Body.Bytes())
		}
		return true
	})
	for at, next := range s.life()[:3] {
		s.do(next())
		if at == 0 && !s.f.observed.is(askPending, seenLists, commitPool) {
			t.Errorf("of the pool's commit: %q", s.f.observed.of(askPending))
		}
		if a, err := s.f.Abilities(t.Context()); err != nil || a.SettleTime != late {
			t.Errorf("after step %d: %+v %v", at, a, err)
		}
	}
	s.clean("composed")
}

// Nothing is late any more on a director that was seen to list every commit; one
// that lists nothing of a commit is looked at for a while before it has failed.
func TestAnEmptyListIsBelievedAfterAWhile(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small}, func(c *Config) { c.Timeouts.Late = time.Minute })
	step := s.enter("gpu0")
	for _, by := range commits {
		s.f.observed.sawOf(askPending, by, seenLists)
	}
	if a, err := s.f.Abilities(t.Context()); err != nil || a.SettleTime != 0 {
		t.Errorf("%+v %v", a, err)
	}
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, "/pool/done") {
			return false
		}
		if err := s.director.CancelSessions(); err != nil {
			t.Error(err)
		}
		io.WriteString(w, envelopeOf(`[]`))
		return true
	})
	began := time.Now()
	_, err := s.f.Apply(t.Context(), step)
	if took := time.Since(began); driver.CodeOf(err) != composa.CodeFailed || took < silentAfter || took > 30*time.Second {
		t.Errorf("after %v: %v (%s)", took, err, driver.CodeOf(err))
	}
}

// A commit that waits for its turn is not yet under way: that it is not listed
// then says nothing of the director.
func TestACommitThatWaitsForItsTurnIsNotMissedOnTheList(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small, CommitLatency: emulator.Latency{Min: 60 * time.Millisecond, Max: 60 * time.Millisecond}},
		func(c *Config) { c.Limits.Gap = silentAfter + 100*time.Millisecond })
	s.do(s.enter("gpu0"))
	if told := s.f.observed.of(askPending); told != seenLists {
		t.Errorf("%q", told)
	}
}

// What somebody else moved while it stood in our queue looks like a queue that
// shows. That is not believed of several devices of which he moved one, and of a
// single one not for ever.
func TestAQueueThatSomebodyElseMovedIsNotOneThatShows(t *testing.T) {
	for _, moved := range [][]string{{"gpu0", "gpu1"}, {"gpu0"}} {
		t.Run(fmt.Sprint(len(moved), " devices"), func(t *testing.T) {
			s := newScene(t, emulator.Config{Counts: small})
			s.do(s.enter("gpu0", "gpu1"))
			var once sync.Once
			queued := false
			var mu sync.Mutex
			s.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				if queued && q.Method == http.MethodGet {
					once.Do(func() {
						if err := s.Release("gpu0"); err != nil {
							t.Error(err)
						}
					})
				}
				queued = queued || q.Method == http.MethodDelete
				return false
			})
			_, err := s.f.Apply(t.Context(), s.leave(moved...))
			if code := driver.CodeOf(err); err != nil && code != composa.CodeBusy && code != composa.CodeUnknown {
				t.Errorf("%v (%s)", err, code)
			}
			if len(moved) > 1 && s.f.observed.of(askQueue, queueOut) == seenShown {
				t.Error("one device of two is taken for a queue that shows")
			}
			s.untilDone(s.leave("gpu0", "gpu1"), "afterwards")
			s.clean("given back")
		})
	}
}
