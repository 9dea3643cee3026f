package store

import (
	"context"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/composa-dev/composa"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the tables up to date. Several servers that start at once on
// PostgreSQL do it one after the other.
func (e *engine) migrate(ctx context.Context) error {
	provider, err := e.migrations()
	if err != nil {
		return err
	}
	if err := e.known(ctx, provider); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return e.translate(ctx, "bring the store's tables up to date", err)
	}
	return nil
}

// checkVersion refuses tables that a newer program made, and changes nothing.
func (e *engine) checkVersion(ctx context.Context) error {
	var n int64
	const table = `SELECT count(*) FROM goose_db_version`
	if err := e.read.QueryRowContext(ctx, table).Scan(&n); err != nil {
		if coded := e.translate(ctx, "read the version of the store", err); composa.CodeOf(coded) != composa.CodeInternal {
			return coded
		}
		return nil // no tables yet
	}
	provider, err := e.migrations()
	if err != nil {
		return err
	}
	return e.known(ctx, provider)
}

// migrations prepares the migrations of the engine.
func (e *engine) migrations() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+e.name)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInternal, "cannot read the migrations: %w", err)
	}
	dialect := goose.DialectSQLite3
	var options []goose.ProviderOption
	if e.name == "postgres" {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // tried each second, for five minutes
		if err != nil {
			return nil, composa.Errorf(composa.CodeInternal, "cannot prepare the migrations: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, e.write, files, options...)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInternal, "cannot prepare the migrations: %w", err)
	}
	return provider, nil
}

// known refuses tables of a version that this program does not know.
func (e *engine) known(ctx context.Context, provider *goose.Provider) error {
	have, known, err := provider.GetVersions(ctx)
	if err != nil {
		return e.translate(ctx, "read the version of the store", err)
	}
	if have > known {
		return composa.Errorf(composa.CodeRefused, "cannot open the store: its tables have version %d, this program knows versions up to %d", have, known).
			WithNext("use the newer composa that made them, or restore a backup from before")
	}
	return nil
}
