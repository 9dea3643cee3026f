package store

import (
	"context"
	"database/sql"
	"slices"
	"sync"

	"github.com/composa-dev/composa"
)

// maxGroup bounds how many transactions are committed together.
const maxGroup = 64

// groups are the writing transactions of a store that one connection writes.
// Those that come while others are being committed wait, are run one after the
// other within one transaction of the database, each in its savepoint, and are
// committed together: the disk is waited for once. Each caller is answered
// after the commit.
type groups struct {
	turn   chan struct{} // held by the one who runs a group
	memory memory

	mu      sync.Mutex
	waiting []*member
}

// member is one transaction of a group.
type member struct {
	ctx  context.Context
	who  composa.Who
	f    func(t *tx) error
	tx   *tx // as it ran last
	err  error
	done chan struct{} // closed when err is what came of it
}

func (g *groups) join(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, m)
}

// leave takes a member back that no group has taken; false where one has.
func (g *groups) leave(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, m)
	if at < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, at, at+1)
	return true
}

// take returns those that have waited longest.
func (g *groups) take() []*member {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), maxGroup)
	group := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return group
}

// writeTogether runs f in a group: whoever waits and finds nobody running one
// runs the next one, for all who wait.
func (s *Store) writeTogether(ctx context.Context, who composa.Who, f func(t *tx) error) error {
	m := &member{ctx: ctx, who: who, f: f, done: make(chan struct{})}
	s.groups.join(m)
	for {
		select {
		case s.groups.turn <- struct{}{}:
			s.run(s.groups.take())
			<-s.groups.turn
		case <-m.done:
			return m.err
		case <-ctx.Done():
			if s.groups.leave(m) {
				return ctx.Err()
			}
			<-m.done
			return m.err
		}
	}
}

// run runs a group and answers its members.
func (s *Store) run(group []*member) {
	if len(group) == 0 {
		return
	}
	lost, err := s.runIn(group)
	if lost {
		for _, m := range group {
			if m.err == nil {
				s.run([]*member{m})
			} else {
				close(m.done)
			}
		}
		return
	}
	var committed []*tx
	for _, m := range group {
		if m.err = firstError(m.err, err); m.err == nil {
			committed = append(committed, m.tx)
		}
	}
	s.committed(committed...)
	for _, m := range group {
		close(m.done)
	}
}

// runIn runs a group in one transaction; the members that failed have an error.
// lost is true where the database ended the transaction of all because of one of
// them: nothing is written, and the others are to be run each by itself.
func (s *Store) runIn(group []*member) (lost bool, err error) {
	defer func() {
		s.groups.memory.before = change{}
		if lost || err != nil || slices.ContainsFunc(group, func(m *member) bool { return m.err != nil }) {
			s.groups.memory = memory{}
		}
	}()
	raw, err := s.engine.write.BeginTx(context.WithoutCancel(group[0].ctx), nil)
	if err != nil {
		return false, err
	}
	for _, m := range group {
		m.tx = &tx{Tx: raw, ctx: m.ctx, s: s, who: m.who, now: s.now(), memory: &s.groups.memory}
		switch {
		case len(group) > 1:
			if m.within(raw) {
				return true, rollback(raw)
			}
		default:
			if m.err = m.tx.perform(m.f); m.err != nil {
				return false, rollback(raw)
			}
		}
		if m.err != nil {
			s.groups.memory.head = nil // it may have moved it
		} else if len(group) > 1 {
			s.groups.memory.before.join(&m.tx.changed)
		}
	}
	return false, raw.Commit()
}

// within runs a member in a savepoint, so that what failed is taken back and
// nothing else is. lost is true where there is no savepoint any more.
func (m *member) within(raw *sql.Tx) (lost bool) {
	savepoint := func(statement string) error {
		_, err := raw.ExecContext(context.WithoutCancel(m.ctx), statement)
		return err
	}
	if m.err = savepoint(`SAVEPOINT member`); m.err != nil {
		return true
	}
	if m.err = m.tx.perform(m.f); m.err == nil {
		m.err = savepoint(`RELEASE member`)
		return m.err != nil
	}
	return firstError(savepoint(`ROLLBACK TO member`), savepoint(`RELEASE member`)) != nil
}
