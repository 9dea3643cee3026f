// Package event gives the recorded events to those who follow them, in order
// and from any number on.
//
// The store writes events; a [Feed] reads them once for everybody. It keeps the
// newest in memory and wakes its followers when there are more, so that a
// hundred followers cost one query a commit. Who is further behind than that
// memory reaches reads from the store at its own pace.
//
// A follower keeps nothing here: it asks [Feed.Next] with the number that it
// has seen. A slow one therefore costs nothing, and one that comes back goes on
// where it was.
package event

import (
	"context"
	"log/slog"
	"sort"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/outage"
)

const (
	// kept is how many of the newest events stay in memory.
	kept = 1024
	// MaxBatch is the most events that one call returns.
	MaxBatch = 1000
	// again is the pause after a read that failed, unless a commit comes first.
	again = time.Second
)

// Source is what the feed needs of the store.
type Source interface {
	Events(ctx context.Context, who composa.Who, after int64, limit int, f composa.EventFilter) ([]composa.Event, error)
	LastEvent(ctx context.Context, who composa.Who) (int64, error)
	Notify() (changed <-chan struct{}, cancel func())
}

// Feed gives events to followers. Its methods may be called at the same time.
type Feed struct {
	source Source
	log    *slog.Logger
	hear   func([]composa.Event) // nil: nobody
	stop   context.CancelFunc
	begun  chan struct{} // closed when hear is told all that is committed from then on
	ended  chan struct{} // closed when the reading goroutine has ended

	mu sync.Mutex
	// tail holds every event after base up to newest, in order.
	tail         []composa.Event
	base, newest int64
	more         chan struct{} // closed, and replaced, when newest grows
}

// New starts a feed. Close ends it. hear, where it is not nil, is told all that
// is committed after the feed has begun (see [Feed.Begun]), whoever may see it,
// in order, before a follower is. The feed waits for it.
func New(source Source, log *slog.Logger, hear func([]composa.Event)) *Feed {
	changed, forget := source.Notify()
	running, stop := context.WithCancel(context.Background())
	f := &Feed{source: source, log: log, hear: hear, stop: stop,
		begun: make(chan struct{}), ended: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(f.ended)
		defer forget()
		f.follow(running, changed)
	}()
	return f
}

// Begun is closed when the feed has found out where it begins: all that is
// committed from then on is heard. Until the store can say so, it stays open.
func (f *Feed) Begun() <-chan struct{} { return f.begun }

// Close ends the feed and every call that waits for it.
func (f *Feed) Close() {
	f.stop()
	<-f.ended
}

// follow finds out which event is the newest and then reads what is committed,
// until ctx ends.
func (f *Feed) follow(ctx context.Context, changed <-chan struct{}) {
	begun := false
	var reading outage.Outage
	retry := time.NewTimer(0) // to begin
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-retry.C:
		}
		var err error
		if !begun {
			if err = f.begin(ctx); err == nil {
				begun = true
			}
		}
		if begun {
			err = f.read(ctx)
		}
		switch {
		case err == nil:
			reading.Over(f.log, "events are read again")
		case ctx.Err() == nil:
			reading.Failed(f.log, "cannot read events", "error", err)
			retry.Reset(again)
		}
	}
}

// begin takes the newest event as the one before the tail. Followers of older
// ones read them from the store.
func (f *Feed) begin(ctx context.Context) error {
	last, err := f.source.LastEvent(ctx, composa.System())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.newest = last, last
	f.wake()
	close(f.begun)
	return nil
}

// read takes in all events after the newest.
func (f *Feed) read(ctx context.Context) error {
	for {
		events, err := f.source.Events(ctx, composa.System(), f.newest, MaxBatch, composa.EventFilter{})
		if err != nil {
			return err
		}
		if len(events) > 0 {
			if f.hear != nil {
				f.hear(events)
			}
			f.take(events)
		}
		if len(events) < MaxBatch {
			return nil
		}
	}
}

func (f *Feed) take(events []composa.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tail = append(f.tail, events...)
	f.newest = events[len(events)-1].Seq
	if drop := len(f.tail) - kept; drop > 0 {
		f.base = f.tail[drop-1].Seq
		f.tail = append([]composa.Event(nil), f.tail[drop:]...) // let go of what was dropped
	}
	f.wake()
}

// wake lets everybody who waits look again; f.mu is held.
func (f *Feed) wake() {
	close(f.more)
	f.more = make(chan struct{})
}

// Next returns the events after number after that pass the filter and that who
// may see: at least one, at most limit, in order. It waits until there is one.
// through is the number up to which everything was looked at: ask with it the
// next time. An error is that of ctx, that of the store, or unavailable when
// the feed was closed; through then tells how far it came.
func (f *Feed) Next(ctx context.Context, who composa.Who, after int64, limit int, filter composa.EventFilter) (events []composa.Event, through int64, err error) {
	if limit <= 0 || limit > MaxBatch {
		limit = MaxBatch
	}
	for {
		// Who was ended by what was heard gets nothing that came after it.
		if ctx.Err() != nil {
			return nil, after, context.Cause(ctx)
		}
		tail, whole, newest, more := f.now(after)
		switch {
		case after >= newest:
			if err := f.wait(ctx, more); err != nil {
				return nil, after, err
			}
			continue
		case whole:
			events, after = pass(tail, who, filter, limit, newest)
		default:
			if events, err = f.source.Events(ctx, who, after, limit, filter); err != nil {
				return nil, after, err
			}
			after = newest
			if len(events) > 0 {
				after = events[len(events)-1].Seq
			}
		}
		if len(events) > 0 {
			return events, after, nil
		}
	}
}

// now is what is in memory after a number; whole is false where that is not all.
func (f *Feed) now(after int64) (tail []composa.Event, whole bool, newest int64, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after < f.base {
		return nil, false, f.newest, f.more
	}
	from := sort.Search(len(f.tail), func(i int) bool { return f.tail[i].Seq > after })
	return f.tail[from:len(f.tail):len(f.tail)], true, f.newest, f.more
}

func (f *Feed) wait(ctx context.Context, more <-chan struct{}) error {
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.ended:
		return composa.Errorf(composa.CodeUnavailable, "cannot follow events: the server is stopping").
			WithNext("ask again in a few seconds")
	}
}

// pass returns what of tail may be seen and is wanted, and the number up to
// which that is all.
func pass(tail []composa.Event, who composa.Who, filter composa.EventFilter, limit int, newest int64) ([]composa.Event, int64) {
	var out []composa.Event
	for i := range tail {
		if !who.SeesEvent(&tail[i]) || !filter.Has(&tail[i]) {
			continue
		}
		if out = append(out, tail[i]); len(out) == limit {
			return out, tail[i].Seq
		}
	}
	return out, newest
}
