package store

import (
	"slices"

	"github.com/composa-dev/composa"
)

// follower is somebody who is signalled after commits.
type follower struct {
	signal chan struct{}
	// concerns says of a transaction that wrote operations whether it concerns
	// the follower; nil: all that write anything do.
	concerns func(t *tx) bool
}

// Notify returns a channel that is signalled after each commit of this store.
// Signals are coalesced and never wait for the receiver: one signal means
// "look again". cancel frees the channel.
func (s *Store) Notify() (changed <-chan struct{}, cancel func()) { return s.follow(nil) }

// NotifyFabric is Notify for the runner of a fabric: it is signalled after the
// commits in which somebody else wrote an operation of that fabric. What
// [Store.Advance] wrote with the fabric the runner wrote itself. Where other
// servers write to the store too, whose commits signal nobody, it is signalled
// after every commit.
func (s *Store) NotifyFabric(fabric composa.FabricName) (changed <-chan struct{}, cancel func()) {
	return s.follow(func(t *tx) bool {
		return t.runner != fabric && slices.ContainsFunc(t.written, func(op *composa.Operation) bool { return op.Fabric == fabric })
	})
}

// NotifyLine is Notify for who places operations that wait in line: it is
// signalled after the commits by which one came to wait, or one ended. Where
// other servers write to the store too it is signalled after every commit.
func (s *Store) NotifyLine() (changed <-chan struct{}, cancel func()) {
	return s.follow(func(t *tx) bool {
		return slices.ContainsFunc(t.written, func(op *composa.Operation) bool {
			return op.Phase == composa.PhaseQueued || op.Phase.Ended()
		})
	})
}

func (s *Store) follow(concerns func(t *tx) bool) (changed <-chan struct{}, cancel func()) {
	if !s.engine.alone {
		concerns = nil
	}
	f := &follower{make(chan struct{}, 1), concerns}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followers[f] = struct{}{}
	return f.signal, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.followers, f)
	}
}

// notify signals those whom transactions concern that are committed now.
func (s *Store) notify(all []*tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.followers {
		if !slices.ContainsFunc(all, f.isConcerned) {
			continue
		}
		select {
		case f.signal <- struct{}{}:
		default: // a signal is waiting already
		}
	}
}

// isConcerned says whether a committed transaction is to be signalled to a
// follower: also one that wrote operations of which it is not known which.
func (f *follower) isConcerned(t *tx) bool {
	switch {
	case t.number == 0:
		return false
	case f.concerns == nil, t.changed.tables["operation"], t.changed.tables["step"]:
		return true
	}
	for id := range t.changed.rows["operation"] {
		if !slices.ContainsFunc(t.written, func(op *composa.Operation) bool { return string(op.ID) == id }) {
			return true
		}
	}
	return f.concerns(t)
}
