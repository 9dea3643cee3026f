package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/composa-dev/composa"
)

// queued is a statement that waits to be sent with those after it.
type queued struct {
	query string
	args  []any
	// check hears how many rows it changed, when all of them are done; nil: it
	// does not matter.
	check func(changed int64) error
	// dest takes the one row that it returns, and found says whether there was
	// one; nil: it returns none.
	dest  []any
	found *bool
	// take takes each of the rows that it returns; nil: it returns none.
	take func(row) error
}

// later runs a statement whose answer nothing in the transaction waits for: at
// once on SQLite, and on PostgreSQL with others in one journey to the server,
// together with the next one whose answer is waited for, or with the commit.
func (t *tx) later(q queued) error {
	if t.conn != nil {
		t.pipeline = append(t.pipeline, q)
		return nil
	}
	changed, err := t.runNow(q.query, q.args...)
	if err == nil && q.check != nil {
		err = q.check(changed)
	}
	return err
}

// send sends a statement whose answer is waited for, with those that wait.
func (t *tx) send(q queued) error { return firstError(t.later(q), t.flush()) }

// flush sends what waits and hears all answers.
func (t *tx) flush() error {
	if len(t.pipeline) == 0 {
		return nil
	}
	waiting := t.pipeline
	t.pipeline = nil
	t.journeys++
	changed := make([]int64, 0, len(waiting))
	failed := t.conn.Raw(func(driverConn any) error {
		var batch pgx.Batch
		for _, q := range waiting {
			batch.Queue(q.query, q.args...)
		}
		answers := driverConn.(*stdlib.Conn).Conn().SendBatch(t.ctx, &batch)
		for _, q := range waiting {
			n, err := q.hear(answers)
			if err != nil {
				return firstError(wrapped(err, q.query), ignore(answers.Close()))
			}
			changed = append(changed, n)
		}
		return answers.Close()
	})
	for i, n := range changed {
		check := waiting[i].check
		if check == nil {
			continue
		}
		err := check(n)
		// Of a transaction that failed nothing can be read any more: only what a
		// check says by itself counts then.
		if _, said := errors.AsType[*composa.Error](err); err != nil && (failed == nil || said) {
			return err
		}
	}
	return failed
}

// hear takes the answer of a statement that was sent, and returns how many rows
// it changed.
func (q *queued) hear(answers pgx.BatchResults) (changed int64, err error) {
	switch {
	case q.dest != nil:
		err := answers.QueryRow().Scan(q.dest...)
		none := errors.Is(err, pgx.ErrNoRows)
		*q.found = !none
		if none {
			err = nil
		}
		return 0, err
	case q.take != nil:
		rows, err := answers.Query()
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		for rows.Next() {
			if err := q.take(rows); err != nil {
				return 0, err
			}
		}
		return 0, rows.Err()
	}
	tag, err := answers.Exec()
	if err == nil && q.query == commit && tag.String() != commit {
		err = fmt.Errorf("PostgreSQL answered %s with %s", commit, tag)
	}
	return tag.RowsAffected(), err
}

// ignore drops an error that only repeats one that was heard before.
func ignore(error) error { return nil }

const commit = "COMMIT"

// writeAlone runs f in a transaction of its own on PostgreSQL. It begins with the
// first statement that is sent, and is committed with the last ones.
func (s *Store) writeAlone(ctx context.Context, who composa.Who, f func(t *tx) error) error {
	var failed error
	err := untilAlive(ctx, func() error {
		conn, err := s.engine.write.Conn(ctx)
		if err != nil {
			return err
		}
		t := &tx{conn: conn, pipeline: []queued{{query: "BEGIN"}}, ctx: ctx, s: s, who: who, now: s.now()}
		defer conn.Close() // back to where it came from
		if err = t.perform(f); err == nil {
			err = t.send(queued{query: commit})
		}
		switch {
		case err == nil:
			s.committed(t)
			return nil
		case t.journeys > 0:
			t.rollBack()
		}
		if t.journeys > 1 { // it is not the connection that had ended before
			failed, err = err, nil
		}
		return err
	})
	return firstError(failed, err)
}

// rollBackTime bounds the ending of a transaction that failed.
const rollBackTime = 5 * time.Second

// rollBack ends a transaction that failed. A connection in which that fails is
// not used again.
func (t *tx) rollBack() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollBackTime)
	defer cancel()
	_ = t.conn.Raw(func(driverConn any) error {
		c := driverConn.(*stdlib.Conn).Conn()
		if c.IsClosed() {
			return nil
		}
		_, err := c.Exec(ctx, "ROLLBACK")
		if err != nil {
			err = c.Close(ctx)
		}
		return err
	})
}

func wrapped(err error, query string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (in %q)", err, composa.Abridge(query, 60))
}
