package store

import (
	"context"
	"database/sql/driver"
	"strings"

	"modernc.org/sqlite"
)

// maxStatements bounds the statements that a connection keeps prepared. When
// there are more all are let go; the shapes in use come back at once.
const maxStatements = 256

// sqliteFile makes the connections of one data file.
type sqliteFile struct {
	dsn string
	// writes is set where the connection writes: its statements are short and are
	// not broken off in their middle, which costs a goroutine each.
	writes bool
}

// Connect is database/sql's way in.
func (f sqliteFile) Connect(context.Context) (driver.Conn, error) {
	c, err := f.Driver().Open(f.dsn)
	if err != nil {
		return nil, err
	}
	return &sqliteConn{sqliteDriverConn: c.(sqliteDriverConn), writes: f.writes, prepared: map[string]*preparedStatement{}}, nil
}

// Driver is database/sql's way in.
func (f sqliteFile) Driver() driver.Driver { return &sqlite.Driver{} }

// sqliteDriverConn is what the driver's connections can do.
type sqliteDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// sqliteConn is a connection that prepares a statement once and keeps it:
// preparing costs SQLite more than carrying out most of ours.
type sqliteConn struct {
	sqliteDriverConn
	writes   bool
	prepared map[string]*preparedStatement
}

type preparedStatement struct {
	driver.Stmt
	busy bool // its rows are being read
}

// kept says whether a statement is one of those that come again.
func keptStatement(query string) bool {
	for _, begins := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
		if strings.HasPrefix(query, begins) {
			return true
		}
	}
	return false
}

// statement returns the prepared statement of a query; nil where it is to be
// run without one.
func (c *sqliteConn) statement(ctx context.Context, query string) (*preparedStatement, error) {
	if s := c.prepared[query]; s != nil {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if !keptStatement(query) {
		return nil, nil
	}
	if len(c.prepared) >= maxStatements {
		if err := c.letGo(); err != nil {
			return nil, err
		}
	}
	raw, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s := &preparedStatement{Stmt: raw}
	c.prepared[query] = s
	return s, nil
}

// letGo closes the prepared statements that nobody reads from.
func (c *sqliteConn) letGo() error {
	var failed error
	for query, s := range c.prepared {
		if !s.busy {
			failed = firstError(failed, s.Close())
			delete(c.prepared, query)
		}
	}
	return failed
}

// Close ends the connection.
func (c *sqliteConn) Close() error { return firstError(c.letGo(), c.sqliteDriverConn.Close()) }

func (c *sqliteConn) bounded(ctx context.Context) (context.Context, error) {
	if c.writes {
		return context.WithoutCancel(ctx), ctx.Err()
	}
	return ctx, nil
}

// ExecContext runs a statement, prepared where it was before.
func (c *sqliteConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	ctx, err := c.bounded(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.statement(ctx, query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.sqliteDriverConn.ExecContext(ctx, query, args)
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// QueryContext reads with a statement, prepared where it was before.
func (c *sqliteConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	ctx, err := c.bounded(ctx)
	if err != nil {
		return nil, err
	}
	s, err := c.statement(ctx, query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.sqliteDriverConn.QueryContext(ctx, query, args)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &preparedRows{Rows: rows, of: s}, nil
}

// preparedRows are rows whose statement is free again when they are closed.
type preparedRows struct {
	driver.Rows
	of *preparedStatement
}

// Close ends the reading.
func (r *preparedRows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}
