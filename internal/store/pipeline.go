package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
	// dest takes the one row that it returns; nil: none.
	dest []any
}

// later runs a statement whose answer nothing in the transaction waits for: at
// once on SQLite, and on PostgreSQL with others in one journey to the server,
// before anything is read and before the end.
func (t *tx) later(q queued) error {
	if t.conn != nil {
		t.pipeline = append(t.pipeline, q)
		return nil
	}
	if q.dest != nil {
		return wrapped(t.QueryRowContext(t.ctx, q.query, q.args...).Scan(q.dest...), q.query)
	}
	changed, err := t.runNow(q.query, q.args...)
	if err == nil && q.check != nil {
		err = q.check(changed)
	}
	return err
}

// flush sends what waits and hears all answers.
func (t *tx) flush() error {
	if len(t.pipeline) == 0 {
		return nil
	}
	waiting := t.pipeline
	t.pipeline = nil
	changed := make([]int64, 0, len(waiting))
	failed := t.conn.Raw(func(driverConn any) error {
		var batch pgx.Batch
		for _, q := range waiting {
			batch.Queue(q.query, q.args...)
		}
		answers := driverConn.(*stdlib.Conn).Conn().SendBatch(t.ctx, &batch)
		for _, q := range waiting {
			if q.dest != nil {
				if err := answers.QueryRow().Scan(q.dest...); err != nil {
					return firstError(wrapped(err, q.query), ignore(answers.Close()))
				}
				changed = append(changed, 1)
				continue
			}
			tag, err := answers.Exec()
			if err != nil {
				return firstError(wrapped(err, q.query), ignore(answers.Close()))
			}
			changed = append(changed, tag.RowsAffected())
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

// ignore drops an error that only repeats one that was heard before.
func ignore(error) error { return nil }

// begin opens a writing transaction whose statements are sent together.
func (e *engine) begin(ctx context.Context) (raw *sql.Tx, conn *sql.Conn, err error) {
	err = untilAlive(ctx, func() error {
		if conn, err = e.write.Conn(ctx); err != nil {
			return err
		}
		if raw, err = conn.BeginTx(ctx, nil); err != nil {
			return firstError(err, conn.Close())
		}
		return nil
	})
	return raw, conn, err
}

func wrapped(err error, query string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (in %q)", err, composa.Abridge(query, 60))
}
