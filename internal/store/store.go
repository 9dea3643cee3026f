package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/composa-dev/composa"
)

// Options says where the store is and what time it is.
type Options struct {
	// URL is "sqlite:/path/composa.db", "sqlite::memory:" (gone with Close), or
	// a PostgreSQL URL, "postgres://…".
	URL string
	// Clock is read once in each transaction; nil: [time.Now].
	Clock func() time.Time
	// Selects reads the condition of a pool and returns what says of a device
	// whether it meets it, and what it may cost for one device; nil: no pool has
	// a condition.
	Selects func(where string) (meets func(*composa.Device) bool, cost int, err error)
	// Open is how many operations may be open at the same time, OpenEach how
	// many of one principal; 0: [composa.MaxOpen], [composa.MaxOpenEach].
	Open, OpenEach int
}

// Store is an open store. Its methods may be called at the same time.
type Store struct {
	engine  *engine
	clock   func() time.Time
	close   func() error // the engine's, once
	closed  atomic.Bool
	opened  time.Time // what was seen before is stale
	options Options
	decoded decoded
	changes changes
	kept    kept
	groups  groups // of writing transactions, on SQLite
	keys    sweeps // of the requests that are kept

	mu        sync.Mutex
	followers map[*follower]struct{}
}

// engine is what differs between SQLite and PostgreSQL once it is open.
type engine struct {
	name string
	// write has one connection on SQLite, where there is one writer anyway.
	write, read *sql.DB
	// alone is true where nobody but this process writes to the store.
	alone bool
	// hold ends a SELECT that holds the rows it reads for the rest of the
	// transaction; empty where one transaction at a time writes anyway.
	hold string
	// readOptions make all reads of one transaction show one moment.
	readOptions *sql.TxOptions
	// release gives back what else was taken, such as the lock of the data
	// folder; nil: nothing.
	release func() error
}

func (e *engine) close() error {
	errs := []error{e.write.Close()}
	if e.read != e.write {
		errs = append(errs, e.read.Close())
	}
	if e.release != nil {
		errs = append(errs, e.release())
	}
	for _, err := range errs {
		if err != nil {
			return composa.Errorf(composa.CodeInternal, "cannot close the store: %w", err)
		}
	}
	return nil
}

// Open opens the store, makes its tables where they are missing and brings
// older ones up to date. It refuses tables that a newer program made, and a
// data file that another process has open (code unavailable, naming it).
func Open(ctx context.Context, o Options) (*Store, error) {
	e, err := connect(ctx, o.URL)
	if err != nil {
		return nil, err
	}
	if err := e.migrate(ctx); err != nil {
		return nil, firstError(err, e.close())
	}
	s := &Store{engine: e, clock: o.Clock, options: o, close: sync.OnceValue(e.close), followers: map[*follower]struct{}{}}
	s.decoded.pictures = map[composa.FabricName]*observed{}
	s.changes.since, s.kept.reading = map[int64]change{}, make(chan struct{}, 1)
	s.groups.turn = make(chan struct{}, 1)
	if s.clock == nil {
		s.clock = time.Now
	}
	s.opened = s.now()
	if err := s.plant(ctx); err != nil {
		return nil, firstError(err, e.close())
	}
	newest, err := newestChange(ctx, e.read)
	if err != nil {
		return nil, firstError(e.translate(ctx, "open the store", err), e.close())
	}
	s.changes.newest.Store(newest)
	return s, nil
}

// firstError is the first of the errors that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func connect(ctx context.Context, url string) (*engine, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url)
	}
	scheme, _, _ := strings.Cut(url, ":")
	return nil, composa.Errorf(composa.CodeInvalid, "cannot open the store: %q names no database", composa.Abridge(scheme, 24)).
		WithNext("write sqlite:/PATH/composa.db or postgres://USER@HOST/DATABASE")
}

// Close ends the store. Calls that are still under way fail. Closing again does
// nothing.
func (s *Store) Close() error {
	s.closed.Store(true)
	return s.close()
}
