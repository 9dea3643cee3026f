package event_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a store of events that works, in memory.
type book struct {
	mu      sync.Mutex
	events  []composa.Event
	changed []chan struct{}
	reads   int
	fail    error // what the next read answers
}

func (b *book) add(project composa.ProjectID, types ...composa.EventType) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range types {
		n := int64(len(b.events) + 1)
		b.events = append(b.events, composa.Event{Seq: n, Type: t, Project: project, Subject: fmt.Sprint("s", n%3)})
	}
	for _, c := range b.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (b *book) Notify() (<-chan struct{}, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{}, 1)
	b.changed = append(b.changed, c)
	return c, func() {}
}

func (b *book) LastEvent(context.Context, composa.Who) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.events)), nil
}

func (b *book) Events(_ context.Context, who composa.Who, after int64, limit int, f composa.EventFilter) ([]composa.Event, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	if err := b.fail; err != nil {
		b.fail = nil
		return nil, err
	}
	var out []composa.Event
	for _, e := range b.events {
		if e.Seq > after && len(out) < limit && (e.Project == "" || who.Sees(e.Project)) && f.Has(&e) {
			out = append(out, e)
		}
	}
	return out, nil
}

func start(b *book) *event.Feed { return event.New(b, slog.New(slog.DiscardHandler), nil) }

func numbers(events []composa.Event) []int64 {
	out := []int64{}
	for _, e := range events {
		out = append(out, e.Seq)
	}
	return out
}

var alice = composa.Who{Principal: composa.Principal{ID: "user_a", Kind: composa.PrincipalUser}, Projects: []composa.ProjectID{"a"}}

func TestNextWaitsForAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		f := start(b)
		defer f.Close()
		var got []composa.Event
		go func() { got, _, _ = f.Next(t.Context(), composa.System(), 0, 10, composa.EventFilter{}) }()
		synctest.Wait()
		if got != nil {
			t.Fatalf("Next returned %v before there was an event", got)
		}
		b.add("a", "machine.made")
		synctest.Wait()
		if diff := cmp.Diff([]int64{1}, numbers(got)); diff != "" {
			t.Error(diff)
		}
	})
}

// A feed has begun once it knows where: what is committed from then on is heard.
func TestWhatIsCommittedAfterTheFeedHasBegunIsHeard(t *testing.T) {
	b := &book{}
	b.add("a", "machine.before")
	heard := make(chan int64, 1)
	f := event.New(b, slog.New(slog.DiscardHandler), func(events []composa.Event) { heard <- events[0].Seq })
	defer f.Close()
	<-f.Begun()
	b.add("a", "machine.made")
	if got := <-heard; got != 2 {
		t.Errorf("event %d is heard first, want 2", got)
	}
}

// Who was ended by what is heard is given nothing that came after it, also where
// that is there already.
func TestWhoIsEndedByWhatIsHeardGetsNothingLater(t *testing.T) {
	b := &book{}
	ctx, end := context.WithCancel(t.Context())
	f := event.New(b, slog.New(slog.DiscardHandler), func([]composa.Event) { end() })
	defer f.Close()
	<-f.Begun()
	b.add("a", "token.deleted", "machine.after")
	if all, _, err := f.Next(t.Context(), composa.System(), 0, 10, composa.EventFilter{}); err != nil || len(all) == 0 {
		t.Fatalf("who goes on is given %v, %v", all, err)
	}
	if got, through, err := f.Next(ctx, composa.System(), 0, 10, composa.EventFilter{}); !errors.Is(err, context.Canceled) || through != 0 {
		t.Errorf("who was ended is given %v up to %d, %v", got, through, err)
	}
}

// Who hears is told everything once and in order, also over a failure, and before
// any follower is.
func TestHearsBeforeFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.add("a", "machine.before")
		var mu sync.Mutex
		var told []int64
		f := event.New(b, slog.New(slog.DiscardHandler), func(events []composa.Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, numbers(events)...)
		})
		defer f.Close()
		synctest.Wait()
		var when []int64 // what was told when the follower was
		go func() {
			if _, _, err := f.Next(t.Context(), alice, 1, 10, composa.EventFilter{}); err == nil {
				mu.Lock()
				defer mu.Unlock()
				when = slices.Clone(told)
			}
		}()
		b.mu.Lock()
		b.fail = errors.New("away")
		b.mu.Unlock()
		b.add("b", "machine.made")
		b.add("a", "token.deleted")
		time.Sleep(time.Minute)
		b.add("a", "machine.ready")
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]int64{2, 3, 4}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if len(when) < 2 {
			t.Errorf("the follower was told when %v were", when)
		}
	})
}

func TestNextPassesOverWhatIsNotWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		f := start(b)
		defer f.Close()
		b.add("b", "machine.made", "machine.ready") // of another project
		b.add("a", "operation.done")                // of another type
		synctest.Wait()
		done := false
		var through int64
		var got []composa.Event
		go func() {
			got, through, _ = f.Next(t.Context(), alice, 0, 10, composa.EventFilter{Types: []composa.EventType{"machine"}})
			done = true
		}()
		synctest.Wait()
		if done {
			t.Fatalf("Next returned %v", numbers(got))
		}
		b.add("", "machine.noticed")
		synctest.Wait()
		if diff := cmp.Diff([]int64{4}, numbers(got)); diff != "" {
			t.Error(diff)
		}
		if through != 4 {
			t.Errorf("through = %d, want 4", through)
		}
	})
}

func TestAHundredFollowersCostOneReadACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		f := start(b)
		defer f.Close()
		got := make([]int, 100)
		for i := range got {
			go func() {
				for at := int64(0); got[i] < 5; {
					events, through, err := f.Next(t.Context(), composa.System(), at, 10, composa.EventFilter{})
					if err != nil {
						t.Error(err)
						return
					}
					got[i] += len(events)
					at = through
				}
			}()
		}
		for range 5 {
			synctest.Wait()
			b.add("a", "x")
		}
		synctest.Wait()
		for i, n := range got {
			if n != 5 {
				t.Errorf("follower %d got %d events, want 5", i, n)
			}
		}
		if b.reads > 6 {
			t.Errorf("%d reads for 5 commits and the beginning", b.reads)
		}
	})
}

func TestCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(&book{})
		var err error
		go func() { _, _, err = f.Next(t.Context(), composa.System(), 0, 10, composa.EventFilter{}) }()
		synctest.Wait()
		f.Close()
		synctest.Wait()
		if composa.CodeOf(err) != composa.CodeUnavailable {
			t.Errorf("Next after Close: %v, want unavailable", err)
		}
	})
}

func TestContextEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.add("b", "x", "y")
		f := start(b)
		defer f.Close()
		ctx, cancel := context.WithCancel(t.Context())
		var err error
		var through int64
		go func() { _, through, err = f.Next(ctx, alice, 0, 10, composa.EventFilter{}) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !errors.Is(err, context.Canceled) || through != 2 {
			t.Errorf("Next = through %d, %v; want through 2 and cancelled", through, err)
		}
	})
}

func TestAFailedReadIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		f := start(b)
		defer f.Close()
		synctest.Wait()
		b.mu.Lock()
		b.fail = errors.New("the disk is slow")
		b.mu.Unlock()
		b.add("a", "x")
		got, _, err := f.Next(t.Context(), composa.System(), 0, 10, composa.EventFilter{})
		if err != nil || len(got) != 1 {
			t.Errorf("Next = %v, %v; want the event after a second try", got, err)
		}
	})
}

// Whoever follows, from whichever number and however slowly, gets exactly what
// the store would list: nothing twice, nothing missing, in order.
func TestFollowersGetWhatTheStoreLists(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := &book{}
		before := rapid.IntRange(0, 1500).Draw(rt, "before")
		project := func(i int) composa.ProjectID { return composa.ProjectID([]string{"a", "b", ""}[i%3]) }
		kind := func(i int) composa.EventType { return composa.EventType([]string{"machine.ready", "device.new"}[i%2]) }
		for i := range before {
			b.add(project(i), kind(i))
		}
		f := start(b)
		defer f.Close()
		after := rapid.IntRange(0, before).Draw(rt, "after")
		limit := rapid.IntRange(1, 1200).Draw(rt, "limit")
		filter := composa.EventFilter{}
		if rapid.Bool().Draw(rt, "filtered") {
			filter.Types = []composa.EventType{"machine"}
		}
		more := rapid.IntRange(1, 2500).Draw(rt, "more")
		go func() {
			for i := range more {
				b.add(project(i*7), kind(i*5))
			}
			b.add("a", "machine.last")
		}()
		var got []int64
		for at := int64(after); ; {
			events, through, err := f.Next(context.Background(), alice, at, limit, filter)
			if err != nil {
				rt.Fatal(err)
			}
			if len(events) > limit || len(events) == 0 {
				rt.Fatalf("%d events at once, limit %d", len(events), limit)
			}
			got = append(got, numbers(events)...)
			at = through
			if events[len(events)-1].Type == "machine.last" {
				break
			}
		}
		all, _ := b.Events(context.Background(), alice, int64(after), 1<<30, filter)
		if diff := cmp.Diff(numbers(all), got); diff != "" {
			rt.Fatal(diff)
		}
	})
}
