package store

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/composa-dev/composa"
)

// Check says what would keep a server from opening the store: a file that
// cannot be read or is damaged, a PostgreSQL that does not let us in, or tables
// of a newer program. It changes nothing, makes nothing, and may run beside a
// server. A store that is not made yet is good.
func Check(ctx context.Context, address string) error {
	path, file := strings.CutPrefix(address, "sqlite:")
	if !file {
		e, err := connect(ctx, address)
		if err != nil {
			return err
		}
		return firstError(e.checkVersion(ctx), e.close())
	}
	abs, err := filepath.Abs(path)
	if err != nil || path == "" {
		return composa.Errorf(composa.CodeInvalid, "cannot check the store: %q is no path of a file", composa.Abridge(path, 80))
	}
	if _, err := os.Stat(abs); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dsn := (&url.URL{Scheme: "file", Path: abs}).String() + "?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)"
	db, err := sqlOpen(ctx, sqliteFile{dsn: dsn}, 1)
	if err != nil {
		return openFailed(abs, err)
	}
	e := &engine{name: "sqlite", alone: true, write: db, read: db}
	found := ""
	if err = db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found); err == nil && found != "ok" {
		err = composa.Errorf(composa.CodeUnavailable, "cannot use %s: the data file is damaged: %s", abs, composa.Abridge(found, 200)).
			WithNext("restore a backup, or name another file")
	}
	err = e.translate(ctx, "read "+abs, err)
	return firstError(err, e.checkVersion(ctx), e.close())
}
