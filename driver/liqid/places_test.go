package liqid

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// turnstile is a director that answers one call after the other, when it is let,
// and notes who came in which order.
type turnstile struct {
	*limited
	let chan struct{}

	mu   sync.Mutex
	came []string
}

func newTurnstile(l Limits) *turnstile {
	s := &turnstile{let: make(chan struct{})}
	s.limited = newLimited(fakeNet(func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		s.came = append(s.came, strings.TrimPrefix(r.URL.Path, "/"))
		s.mu.Unlock()
		select {
		case <-s.let:
			return empty(), nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}), l)
	return s
}

// call makes a call and waits until it stands where it has to wait.
func (s *turnstile) call(t *testing.T, ctx context.Context, who string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://192.0.2.1/"+who, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if a, err := s.RoundTrip(r); err == nil {
			a.Body.Close()
		}
	}()
	synctest.Wait()
}

func (s *turnstile) answer(n int) {
	for range n {
		s.let <- struct{}{}
		synctest.Wait()
	}
}

func (s *turnstile) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.came)
}

// Where a step's calls and a look's wait for the one place the step's go first,
// also those that came later.
func TestAStepsCallGoesBeforeALooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(Limits{Concurrent: 1, PerSecond: 1000})
		look := behind(t.Context())
		s.call(t, look, "look1")
		s.call(t, look, "look2")
		s.call(t, look, "look3")
		s.call(t, t.Context(), "step1")
		s.call(t, t.Context(), "step2")
		s.answer(5)
		if got, want := strings.Join(s.order(), " "), "look1 step1 step2 look2 look3"; got != want {
			t.Errorf("they came as %s, want %s", got, want)
		}
	})
}

// The same where they wait for their second: a look's call does not keep the
// place meanwhile.
func TestAStepsCallGoesBeforeALooksWhichWaitsForItsSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(Limits{Concurrent: 1, PerSecond: 1})
		s.call(t, t.Context(), "first")
		s.answer(1)
		s.call(t, behind(t.Context()), "look")
		s.call(t, t.Context(), "step1")
		s.call(t, t.Context(), "step2")
		s.answer(3)
		if got, want := strings.Join(s.order(), " "), "first step1 step2 look"; got != want {
			t.Errorf("they came as %s, want %s", got, want)
		}
	})
}

// A look's call waits for no more than so many of a step's.
func TestALooksCallIsNotPassedForEver(t *testing.T) {
	for _, perSecond := range []float64{1, 1000} {
		t.Run(fmt.Sprint(perSecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTurnstile(Limits{Concurrent: 1, PerSecond: perSecond})
				s.call(t, t.Context(), "first")
				s.call(t, behind(t.Context()), "look")
				const steps = 4 * passed
				for i := range steps {
					s.call(t, t.Context(), fmt.Sprintf("step%d", i))
				}
				s.answer(1 + steps + 1)
				if at := slices.Index(s.order(), "look"); at < passed || at > passed+4 {
					t.Errorf("the look was call %d of %d", at, len(s.order()))
				}
			})
		})
	}
}

// A call that is given up gives its place in the row up, and a place that it was
// given in that moment.
func TestACallThatIsGivenUpKeepsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(Limits{Concurrent: 2, PerSecond: 1000})
		for round := range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			s.call(t, ctx, "a")
			s.call(t, ctx, "b")
			s.call(t, ctx, "c")
			s.call(t, behind(ctx), "d")
			if round%2 == 0 {
				s.let <- struct{}{} // at the same time
			}
			cancel()
			synctest.Wait()
		}
		before := len(s.order())
		s.call(t, t.Context(), "x")
		s.call(t, t.Context(), "y")
		if got := s.order()[before:]; len(got) != 2 {
			t.Errorf("only %v came", got)
		}
		s.answer(2)
		time.Sleep(time.Second)
	})
}
