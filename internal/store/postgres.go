package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/composa-dev/composa"
)

// postgresConnections bounds the connections of each of the two pools.
const postgresConnections = 8

func openPostgres(ctx context.Context, url string) (*engine, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot open the store: the PostgreSQL URL cannot be read: %w", err).
			WithNext("write postgres://USER@HOST/DATABASE")
	}
	config.RuntimeParams["application_name"] = "composa"
	// A statement is planned once a connection, perhaps while its table was small
	// and reading all of it the best; it stays planned so when the table grew.
	// Where there is no other way all of it is read still, at a cost that is a
	// mere name and would have each such statement compiled.
	config.RuntimeParams["enable_seqscan"] = "off"
	config.RuntimeParams["jit"] = "off"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	open := func() *sql.DB {
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(postgresConnections)
		db.SetMaxIdleConns(postgresConnections)
		return db
	}
	e := &engine{
		name: "postgres", hold: " FOR NO KEY UPDATE", write: open(), read: open(),
		readOptions: &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	}
	if err := e.write.PingContext(ctx); err != nil {
		failed := composa.Errorf(composa.CodeUnavailable, "cannot open the store: PostgreSQL at %s does not let us in: %w", config.Host, err).
			WithNext("check that it runs, and the user, password and database of the URL")
		return nil, firstError(failed, e.close())
	}
	return e, nil
}

// postgresError says in our words what an error of PostgreSQL means for a call
// that was to do what; nil where err is none of those.
func postgresError(what string, err error) error {
	var connecting *pgconn.ConnectError
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		switch {
		case errors.As(err, &connecting):
			return composa.Errorf(composa.CodeUnavailable, "cannot %s: PostgreSQL does not answer: %w", what, err).WithNext("check that it runs, and try again")
		case cutOff(err):
			return composa.Errorf(composa.CodeUnavailable, "cannot %s: the connection to PostgreSQL was cut: %w", what, err).WithNext("try again")
		}
		return nil
	}
	switch {
	case e.Code == "53300":
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: PostgreSQL has no connection left: %w", what, err).
			WithNext("let fewer programs use it, or raise max_connections")
	case e.Code == "23503":
		return missingReference(what, err)
	case e.Code == "53100":
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the disk of PostgreSQL is full: %w", what, err).WithNext("make room; nothing was changed")
	case e.Code == "25006":
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: this PostgreSQL only reads (a standby?): %w", what, err)
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "53"):
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: PostgreSQL is not to be had now: %w", what, err)
	}
	return nil
}

// cutOff says whether an error means that a connection ended under way.
func cutOff(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || strings.Contains(err.Error(), "conn closed")
}

// untilAlive runs f again where it met a connection that had ended while it lay
// idle: after a restart of PostgreSQL every connection of a pool is one. f must
// have done nothing when it fails so.
func untilAlive(ctx context.Context, f func() error) error {
	for range postgresConnections {
		err := f()
		var e *pgconn.PgError
		if err == nil || ctx.Err() != nil || !(errors.As(err, &e) && e.Code == "57P01" || e == nil && cutOff(err)) {
			return err
		}
	}
	return f()
}

// postgresCollision says whether PostgreSQL ended the transaction because
// another one crossed it (a deadlock, or a serialization failure): nothing was
// done, and the same transaction may just run again.
func postgresCollision(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001")
}
