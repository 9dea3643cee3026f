package rest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// errTokenEnded ends waits and streams whose token lets nobody in any more.
var errTokenEnded = errors.New("the token has ended")

// errDeaf is why nobody can be told what happens.
var errDeaf = errors.New("the store does not tell what happens")

// signedIn are the waits and streams that are open, by the token that opened
// them. The zero value has none.
type signedIn struct {
	mu   sync.Mutex
	open map[composa.TokenID]map[*context.CancelCauseFunc]struct{}
}

// enter notes what a token opened, until leave.
func (o *signedIn) enter(id composa.TokenID, end context.CancelCauseFunc) (leave func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[composa.TokenID]map[*context.CancelCauseFunc]struct{}{}
	}
	if o.open[id] == nil {
		o.open[id] = map[*context.CancelCauseFunc]struct{}{}
	}
	o.open[id][&end] = struct{}{}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.open[id], &end)
		if len(o.open[id]) == 0 {
			delete(o.open, id)
		}
	}
}

// end ends all that a token opened.
func (o *signedIn) end(id composa.TokenID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for end := range o.open[id] {
		(*end)(errTokenEnded)
	}
}

// deaf bounds how long a wait or a stream stands before somebody hears what
// happens.
const deaf = 5 * time.Second

// holdSignedIn is hold for as long as the token of the call lets somebody in.
// done must be called unless it fails: because the server stops, or because
// nobody hears yet what happens.
func (s *Server) holdSignedIn(ctx context.Context) (held context.Context, done func(), err error) {
	held, release, ok := s.hold(ctx)
	if !ok {
		return nil, nil, errStopping
	}
	c := callOf(ctx)
	held, end := context.WithCancelCause(held)
	stop := context.CancelFunc(func() {})
	if !c.who.Expires.IsZero() {
		held, stop = context.WithTimeoutCause(held, c.who.Expires.Sub(s.Clock()), errTokenEnded)
	}
	leave := s.signedIn.enter(c.who.Token, end)
	done = func() {
		leave()
		stop()
		end(nil)
		release()
	}
	// One that was removed since the call began is met here, one that is removed
	// from now on by who hears of it: somebody does when the feed has begun.
	late := time.NewTimer(deaf)
	defer late.Stop()
	select {
	case <-s.feed.Begun():
	case <-held.Done():
	case <-late.C:
		done()
		return nil, nil, errDeaf
	}
	if _, err := s.owner(ctx, c.token); composa.CodeOf(err) == composa.CodeUnauthenticated {
		end(errTokenEnded)
	}
	return held, done, nil
}

// heard ends what removed tokens opened.
func (s *Server) heard(events []composa.Event) {
	for i := range events {
		if events[i].Type == composa.TokenDeleted {
			s.signedIn.end(composa.TokenID(events[i].Subject))
		}
	}
}

// endedMeanwhile is the answer to who waited for an operation with a token that
// ended before it did.
func endedMeanwhile(id composa.OperationID) error {
	e := composa.Errorf(composa.CodeUnauthenticated, "cannot wait for operation %s any longer: the token has ended or was removed; the operation goes on", id).
		WithNext("sign in with another token and ask for the operation")
	e.Operation = id
	return e
}
