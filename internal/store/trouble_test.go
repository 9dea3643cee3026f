package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/pgtest"
)

// trouble is something that keeps a store from writing, and how it ends.
type trouble struct {
	name       string
	says, next string
	begin      func(b *bed) (end func())
}

var fileTroubles = []trouble{
	{"the disk is full", "the disk is full", "make room", func(b *bed) func() {
		var pages, most int
		b.ok(b.engine.write.QueryRowContext(b.ctx(), `PRAGMA page_count`).Scan(&pages))
		b.ok(b.engine.write.QueryRowContext(b.ctx(), `PRAGMA max_page_count`).Scan(&most))
		b.pragma("max_page_count = %d", pages)
		return func() { b.pragma("max_page_count = %d", most) }
	}},
	{"the file is read-only", "the data file cannot be written", "permissions", func(b *bed) func() {
		b.pragma("query_only = 1")
		return func() { b.pragma("query_only = 0") }
	}},
	{"another program holds the file", "another program holds the data file", "end what has the file open", func(b *bed) func() {
		b.pragma("busy_timeout = 20")
		other, err := sql.Open("sqlite", strings.Replace(b.url, "sqlite:", "file:", 1))
		b.ok(err)
		holds, err := other.Conn(b.ctx())
		b.ok(err)
		_, err = holds.ExecContext(b.ctx(), `BEGIN IMMEDIATE`)
		b.ok(err)
		return func() {
			_, err := holds.ExecContext(b.ctx(), `ROLLBACK`)
			b.ok(firstError(err, holds.Close(), other.Close()))
		}
	}},
}

func (b *bed) pragma(text string, args ...any) {
	b.t.Helper()
	rows, err := b.engine.write.QueryContext(b.ctx(), "PRAGMA "+fmt.Sprintf(text, args...))
	b.ok(err)
	b.ok(rows.Close())
}

// While a store cannot write, every write says why and changes nothing, and
// reads go on; afterwards the operation goes on where it was.
func TestTroubleInTheMiddle(t *testing.T) {
	for _, tt := range fileTroubles {
		t.Run(tt.name, func(t *testing.T) {
			b := openBed(t, newFile(t, t.TempDir()))
			devices := b.addFabric("rack1", 4)
			op := b.accept(b.compose("train", devices[1]))
			before, last := b.site(), b.lastEvent()

			end := tt.begin(b)
			large := b.compose("other", devices[2])
			large.Operation.Message = strings.Repeat("why ", 20_000)
			step := op.Steps[0]
			step.State, step.Evidence = composa.StepDone, strings.Repeat("shown ", 20_000)
			done := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone, Steps: []composa.StepRecord{step}, Machines: []composa.MachineChange{{Machine: op.Machines[0], Native: "7", Made: true, Idle: true}}}
			_, accepting := b.Accept(b.ctx(), b.admin, large)
			_, advancing := b.Advance(b.ctx(), system, done)
			for what, err := range map[string]error{"accept": accepting, "advance": advancing} {
				b.code(err, composa.CodeUnavailable)
				if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.next) {
					t.Errorf("%s: %q does not say %q and %q", what, err, tt.says, tt.next)
				}
			}
			if diff := cmp.Diff(before, b.site(), cmpIgnoreIndex, cmpopts.IgnoreFields(composa.Site{}, "Now")); diff != "" || b.lastEvent() != last {
				t.Errorf("a write that failed changed something, or reads do not go on:\n%s", diff)
			}
			b.ok(firstError(b.readable()...))

			end()
			b.advance(done)
			b.accept(large)
			if diff := sameSites(b.site(), b.fresh()); diff != "" {
				t.Errorf("the kept site differs (-tables +kept):\n%s", diff)
			}
			b.reopen()
			if m, err := b.Machine(b.ctx(), b.admin, b.project, "train"); err != nil || !m.Made {
				t.Errorf("after a restart the machine is %+v (%v)", m, err)
			}
		})
	}
}

// readable reads what people look at.
func (b *bed) readable() []error {
	_, err := b.Site(b.ctx(), b.admin)
	_, _, errOps := b.Operations(b.ctx(), b.admin, composa.OperationFilter{}, composa.Page{})
	_, errEvents := b.Events(b.ctx(), b.admin, 0, 10, composa.EventFilter{})
	_, errMachine := b.Machine(b.ctx(), b.admin, b.project, "train")
	return []error{err, errOps, errEvents, errMachine}
}

// A damaged file is refused in words when it is opened, or when the damage is
// met; nothing is made up.
func TestADamagedFile(t *testing.T) {
	for name, damage := range map[string]func(text []byte) []byte{
		"its beginning is overwritten": func(text []byte) []byte { copy(text, strings.Repeat("x", 100)); return text },
		"it is cut in half":            func(text []byte) []byte { return text[:len(text)/2] },
		"it is cut in a page":          func(text []byte) []byte { return text[:5000] },
		"every page but the first is flipped": func(text []byte) []byte {
			for i := 4096; i < len(text); i++ {
				text[i] ^= 0xff
			}
			return text
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "composa.db")
			b := openBed(t, "sqlite:"+path)
			b.ready("train", b.addFabric("rack1", 40)[1])
			b.ok(b.Close())
			text, err := os.ReadFile(path)
			b.ok(err)
			b.ok(os.WriteFile(path, damage(text), 0o600))
			s, err := Open(t.Context(), Options{URL: b.url})
			if err == nil {
				_, err = s.Site(t.Context(), system)
				b.ok(s.Close())
			}
			b.code(err, composa.CodeUnavailable)
			if !strings.Contains(err.Error(), "damaged or not a database") || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("%q does not say what is wrong and what to do", err)
			}
			if err := Check(t.Context(), b.url); composa.CodeOf(err) != composa.CodeUnavailable || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("a check says: %v", err)
			}
			b.ok(os.WriteFile(path, text, 0o600))
		})
	}
}

// Check finds what is wrong before a server starts, also beside a running one,
// and makes nothing.
func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "composa.db")
	if err := Check(t.Context(), "sqlite:"+path); err != nil {
		t.Errorf("a store that is not made yet: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("the check made something: %v", err)
	}
	onEach(t, func(t *testing.T, b *bed) {
		if err := Check(t.Context(), b.url); err != nil {
			t.Errorf("a store in use: %v", err)
		}
		_, err := b.engine.write.ExecContext(b.ctx(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, `+map[string]string{"sqlite": "1", "postgres": "true"}[b.engine.name]+`)`)
		b.ok(err)
		if err := Check(t.Context(), b.url); composa.CodeOf(err) != composa.CodeRefused || !strings.Contains(err.Error(), "version 9999") {
			t.Errorf("a store of a newer program: %v", err)
		}
	})
	if err := Check(t.Context(), "postgres://nobody@127.0.0.1:1/none"); composa.CodeOf(err) != composa.CodeUnavailable {
		t.Errorf("a PostgreSQL that is not there: %v", err)
	}
}

// clerk opens a store as a user of PostgreSQL that is not its master; master
// runs statements as the one that is.
func clerk(t *testing.T) (b *bed, master func(statement string)) {
	address := pgtest.URL(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	master = func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	name := "clerk_" + database
	master(`CREATE ROLE ` + name + ` LOGIN`)
	master(`ALTER DATABASE ` + database + ` OWNER TO ` + name)
	master(`ALTER SCHEMA public OWNER TO ` + name)
	u.User = url.User(name)
	return openBed(t, u.String()), master
}

const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

// PostgreSQL goes away in the middle of a transaction, only reads, or has no
// connection left: each is said, nothing is written, and it goes on by itself.
func TestTroubleWithPostgreSQL(t *testing.T) {
	b, master := clerk(t)
	var database string
	b.ok(b.engine.read.QueryRowContext(b.ctx(), `SELECT current_database()`).Scan(&database))
	devices := b.addFabric("rack1", 4)
	op := b.accept(b.compose("train", devices[1]))
	refused := func(err error, says string) {
		t.Helper()
		b.code(err, composa.CodeUnavailable)
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
	goesOn := func() {
		t.Helper()
		if diff := sameSites(b.site(), b.fresh()); diff != "" {
			t.Errorf("the kept site differs (-tables +kept):\n%s", diff)
		}
		b.ok(firstError(b.readable()...))
	}

	last := b.lastEvent()
	err := b.write(b.ctx(), system, "write in the middle", func(t *tx) error {
		if err := t.tellFabric("fabric.changed", "rack1"); err != nil {
			return err
		}
		master(cut)
		_, err := t.exec(`UPDATE fabric SET url = 'cut' WHERE name = 'rack1'`)
		return err
	})
	refused(err, "PostgreSQL")
	goesOn()
	if b.lastEvent() != last {
		t.Error("a transaction that was cut wrote something")
	}

	master(`ALTER DATABASE ` + database + ` SET default_transaction_read_only = on`)
	master(cut)
	_, err = b.Accept(b.ctx(), b.admin, b.compose("other", devices[2]))
	refused(err, "only reads")
	goesOn()
	master(`ALTER DATABASE ` + database + ` RESET default_transaction_read_only`)
	master(cut)
	b.accept(b.compose("other", devices[2]))

	master(`ALTER ROLE clerk_` + database + ` CONNECTION LIMIT 0`)
	master(cut)
	_, err = b.Site(b.ctx(), b.admin)
	refused(err, "no connection left")
	master(`ALTER ROLE clerk_` + database + ` CONNECTION LIMIT -1`)
	goesOn()
	b.made(op, "7")
}
