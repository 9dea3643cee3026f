package store

import (
	"context"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// sweepEvery is the longest pause between two removals of what is kept of
// requests for too long, while requests with keys come.
const sweepEvery = time.Minute

// sweepAfter is after how many keys of one principal those are counted anew, so
// that it has at most that many more than [composa.MaxKeys] for a moment, from
// each server.
const sweepAfter = 100

// maxSwept is of how many principals it is known when their keys were counted;
// of who is forgotten they are counted with the next one.
const maxSwept = 1000

// errKeyTaken ends a transaction whose request was taken before, by this server
// or by another one: nothing was done, and what came of it is told by
// [Store.Request].
var errKeyTaken error = composa.Errorf(composa.CodeExists, "cannot take the request: one with its key was taken before").
	WithNext("send it again to get that one's answer")

// takeKey keeps the key of who asks, or ends the transaction where it is kept
// already. It comes first in a transaction, so that of two with one key the
// second waits for the first and does nothing.
func (t *tx) takeKey() error {
	key := t.who.Key
	if key == nil {
		return nil
	}
	if err := composa.CheckKey(key.Key); err != nil {
		return err
	}
	added, err := t.exec(`INSERT INTO request (principal, key, body_hash, result, at) VALUES ($1, $2, $3, '', $4)
		ON CONFLICT (principal, key) DO UPDATE SET body_hash = excluded.body_hash, result = '', made = 0, at = excluded.at WHERE request.at <= $5`,
		string(t.who.Principal.ID), key.Key, key.Hash, micros(t.now), micros(t.now.Add(-composa.KeyLife)))
	if err != nil {
		return err
	}
	if added == 0 {
		return errKeyTaken
	}
	return t.sweepKeys()
}

// sweepKeys removes the keys that are older than [composa.KeyLife], and of who
// asks those beyond the newest [composa.MaxKeys]; not with every key, since it
// counts them.
func (t *tx) sweepKeys() error {
	principal := t.who.Principal.ID
	if !t.s.keys.due(principal, t.now) {
		return nil
	}
	t.after = append(t.after, func() { t.s.keys.done(principal, t.now) })
	if _, err := t.exec(`DELETE FROM request WHERE at <= $1`, micros(t.now.Add(-composa.KeyLife))); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM request WHERE principal = $1 AND at < (SELECT at FROM request WHERE principal = $1 ORDER BY at DESC LIMIT 1 OFFSET $2)`,
		string(principal), composa.MaxKeys-1)
	return err
}

// keepResult records what came of the request of this transaction, where it has a
// key: the id of an operation, machine, plan, pool or device. made says that the
// request made what that is about.
func (t *tx) keepResult(id string, made bool) error {
	if t.who.Key == nil {
		return nil
	}
	_, err := t.exec(`UPDATE request SET result = $1, made = $2 WHERE principal = $3 AND key = $4`,
		id, bit(made), string(t.who.Principal.ID), t.who.Key.Key)
	return err
}

// KeepRequest keeps the key of a request that changed nothing, with the id of
// what it found. It fails with exists where the key is kept already.
func (s *Store) KeepRequest(ctx context.Context, who composa.Who, result string) error {
	if who.Key == nil {
		return nil
	}
	return s.write(ctx, who, "keep a request", func(t *tx) error { return t.keepResult(result, false) })
}

// Request returns the request that was taken with the key of who asks, whatever
// it asked for; nil where there is none, or none any more.
func (s *Store) Request(ctx context.Context, who composa.Who) (*composa.KeptRequest, error) {
	if who.Key == nil {
		return nil, nil
	}
	kept := composa.KeptRequest{Key: who.Key.Key}
	var found bool
	var made int64
	err := s.read(ctx, who, "read a request", func(t *tx) (err error) {
		found, err = t.get([]any{&kept.Hash, &kept.Result, &made, moment{&kept.At}},
			`SELECT body_hash, result, made, at FROM request WHERE principal = $1 AND key = $2 AND at > $3`,
			string(who.Principal.ID), kept.Key, micros(t.now.Add(-composa.KeyLife)))
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	kept.Made = made != 0
	return &kept, nil
}

// sweeps says when the keys of a principal are counted anew. The zero value is
// ready.
type sweeps struct {
	mu sync.Mutex
	of map[composa.PrincipalID]*sweep
}

// sweep is when the keys of one principal were counted, and how many came since.
type sweep struct {
	last  time.Time
	since int
}

// due notes one more key of a principal, and says whether it is time to count.
func (s *sweeps) due(principal composa.PrincipalID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.of[principal]
	if have == nil {
		if len(s.of) >= maxSwept || s.of == nil {
			s.of = map[composa.PrincipalID]*sweep{}
		}
		have = &sweep{}
		s.of[principal] = have
	}
	have.since++
	return have.since >= sweepAfter || now.Sub(have.last) >= sweepEvery
}

// done notes that the keys of a principal were counted.
func (s *sweeps) done(principal composa.PrincipalID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.of[principal]; have != nil {
		have.last, have.since = now, 0
	}
}
