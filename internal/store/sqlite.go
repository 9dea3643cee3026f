package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/composa-dev/composa"
)

// sqliteSettings hold for every connection: a commit is on the disk when it
// returns (WAL with synchronous FULL), and a lock that another process holds is
// waited for at most five seconds. Besides that wait there is no other: one
// connection writes.
const sqliteSettings = "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)" +
	"&_pragma=temp_store(MEMORY)"

// What a connection keeps of the file, in KiB: the writer what it changes again
// and again; readers little, since the site is kept decoded.
const (
	writerCache = "&_pragma=cache_size(-8000)"
	readerCache = "&_pragma=cache_size(-1000)"
)

func openSQLite(ctx context.Context, path string) (*engine, error) {
	if path == ":memory:" {
		return openMemory(ctx)
	}
	abs, err := filepath.Abs(path)
	if err != nil || path == "" {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot open the store: %q is no path of a file", composa.Abridge(path, 80)).
			WithNext("write sqlite:/PATH/composa.db")
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return nil, composa.Errorf(composa.CodeUnavailable, "cannot open %s: its folder cannot be made: %w", abs, err)
	}
	release, err := lockFolder(abs)
	if err != nil {
		return nil, err
	}
	// SQLite would make the file as the umask says; what it makes beside the file
	// gets the file's own mode.
	if f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		f.Close() // what is wrong with it is told when it is opened for good
	}
	file := (&url.URL{Scheme: "file", Path: abs}).String() + "?" + sqliteSettings
	write, err := sqlOpen(ctx, sqliteFile{dsn: file + writerCache + "&_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(67108864)", writes: true}, 1)
	if err != nil {
		return nil, firstError(openFailed(abs, err), release())
	}
	read, err := sqlOpen(ctx, sqliteFile{dsn: file + readerCache + "&_pragma=query_only(1)"}, max(4, runtime.NumCPU()))
	if err != nil {
		return nil, firstError(openFailed(abs, err), write.Close(), release())
	}
	return &engine{
		name: "sqlite", alone: true, write: write, read: read,
		readOptions: &sql.TxOptions{ReadOnly: true}, release: release,
	}, nil
}

// openMemory opens a store that lives in one connection.
func openMemory(ctx context.Context) (*engine, error) {
	db, err := sqlOpen(ctx, sqliteFile{dsn: "file::memory:?" + sqliteSettings, writes: true}, 1)
	if err != nil {
		return nil, openFailed("memory", err)
	}
	return &engine{name: "sqlite", alone: true, write: db, read: db, readOptions: &sql.TxOptions{ReadOnly: true}}, nil
}

func sqlOpen(ctx context.Context, file sqliteFile, connections int) (*sql.DB, error) {
	db := sql.OpenDB(file)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		return nil, firstError(err, db.Close())
	}
	return db, nil
}

func openFailed(what string, err error) error {
	if known := sqliteError("open "+what, err); known != nil {
		return known
	}
	return composa.Errorf(composa.CodeUnavailable, "cannot open %s: %w", what, err)
}

// sqliteError says in our words what an error of SQLite means for a call that
// was to do what; nil where err is none of those.
func sqliteError(what string, err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the disk is full: %w", what, err).WithNext("make room; nothing was changed")
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: another program holds the data file: %w", what, err).WithNext("end what has the file open, such as a sqlite3 shell")
	case sqlite3.SQLITE_READONLY:
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the data file cannot be written: %w", what, err).WithNext("check the owner and the permissions of the file and its folder")
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the data file cannot be opened: %w", what, err).WithNext("check that its folder exists and may be written")
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the data file is damaged or not a database: %w", what, err).WithNext("restore a backup, or name another file")
	case sqlite3.SQLITE_IOERR:
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the disk answered with an error: %w", what, err)
	case sqlite3.SQLITE_CONSTRAINT:
		if e.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
			return missingReference(what, err)
		}
	}
	return nil
}
