package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/pgtest"
)

func TestARestartKeepsEverything(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		b.ready("train", devices[1])
		b.accept(b.compose("runs", devices[2]))
		_, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "vision", Labels: map[string]string{"a": "b"}})
		b.ok(err)
		_, err = b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, b.project, "vision", []composa.DeviceID{devices[3].ID})
		b.ok(err)
		reason, label := "fan", "x"
		_, err = b.SetDevice(b.ctx(), b.admin, devices[3].ID, 0, composa.DeviceUpdate{Cordon: &reason, Labels: map[string]*string{"rack": &label}})
		b.ok(err)
		id, err := b.Identity(b.ctx(), b.admin)
		b.ok(err)
		before, last := b.site(), b.lastEvent()
		b.reopen()
		after := b.site()
		if !after.Fabrics[0].Reach.Stale || before.Fabrics[0].Reach.Stale {
			t.Errorf("what was seen is stale before the restart: %v, after: %v", before.Fabrics[0].Reach.Stale, after.Fabrics[0].Reach.Stale)
		}
		after.Fabrics = slices.Clone(after.Fabrics)
		after.Fabrics[0].Reach.Stale = false
		if diff := cmp.Diff(before, after, cmpIgnoreIndex, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(composa.Site{}, "Now")); diff != "" {
			t.Errorf("the site after a restart (-before +after):\n%s", diff)
		}
		again, err := b.Identity(b.ctx(), b.admin)
		b.ok(err)
		if again != id || id.Incarnation == "" || b.lastEvent() != last {
			t.Errorf("identity %+v, last event %d; before %+v, %d", again, b.lastEvent(), id, last)
		}
		b.checkChain()
	})
}

// A process with several writers is killed at a random moment; what it acknowledged is
// there afterwards, and nothing is half done.
func TestKilledWhileWriting(t *testing.T) {
	if path := os.Getenv("COMPOSA_TEST_WRITE_TO"); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "composa.db")
	b := openBed(t, "sqlite:"+path)
	b.addFabric("rack1", 2)
	acknowledged := 0
	for run := range count(3, 60) {
		b.ok(b.Close())
		acknowledged += killedWriter(t, path, 5+7*run%23)
		b.open()
		var machines, operations, revisions int
		for query, n := range map[string]*int{
			`SELECT count(*) FROM machine`: &machines, `SELECT count(*) FROM operation`: &operations, `SELECT count(*) FROM machine_revision`: &revisions,
		} {
			b.ok(b.engine.read.QueryRowContext(b.ctx(), query).Scan(n))
		}
		if machines < acknowledged || machines != operations || machines != revisions {
			t.Fatalf("%d machines, %d operations, %d revisions; %d were acknowledged", machines, operations, revisions, acknowledged)
		}
		acknowledged = machines
		b.checkChain()
	}
	var verdict string
	b.ok(b.engine.read.QueryRowContext(b.ctx(), `PRAGMA integrity_check`).Scan(&verdict))
	if verdict != "ok" {
		t.Errorf("integrity: %s", verdict)
	}
}

// killedWriter runs this test as another process, kills it after it has
// acknowledged n commits, and says how many it had acknowledged.
func killedWriter(t *testing.T, path string, n int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileWriting$")
	cmd.Env = append(os.Environ(), "COMPOSA_TEST_WRITE_TO="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "acknowledged ") {
			continue
		}
		if seen++; seen == n { // what was printed before it died still counts
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the writer was not killed: %v", err)
	}
	if seen < n {
		t.Fatalf("the writer acknowledged %d commits, want %d", seen, n)
	}
	return seen
}

func writeUntilKilled(t *testing.T, path string) {
	b := &bed{t: t, url: "sqlite:" + path, clock: new(clock)}
	b.open()
	b.project, b.admin = "proj_x", system
	failed := make(chan error)
	for range 4 { // so that several are committed together
		go func() {
			for {
				op, err := b.Accept(context.Background(), system, b.compose(composa.NewID("m")))
				if err != nil {
					failed <- err
					return
				}
				fmt.Println("acknowledged", op.ID)
			}
		}()
	}
	t.Fatal(<-failed)
}

func refuseOpen(t *testing.T, url string, code composa.Code, says ...string) {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url})
	if err == nil {
		_ = s.Close() // the test fails anyway
		t.Fatalf("%s was opened", url)
	}
	if composa.CodeOf(err) != code {
		t.Errorf("code = %s, want %s: %v", composa.CodeOf(err), code, err)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
}

func TestADataFolderInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "composa.db")
	b := openBed(t, "sqlite:"+path)
	refuseOpen(t, b.url, composa.CodeUnavailable, "cannot open "+path, fmt.Sprintf("process %d ", os.Getpid()), "stop it")
	b.ok(b.Close())
	b.open() // and once it is given back, it opens
}

func TestADataFileThatAnotherProgramHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "composa.db")
	db, err := sqlOpen(t.Context(), sqliteFile{dsn: "file:" + path, writes: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`BEGIN EXCLUSIVE`); err != nil {
		t.Fatal(err)
	}
	refuseOpen(t, "sqlite:"+path, composa.CodeUnavailable, "another program holds the data file")
}

func TestDataFilesThatCannotBe(t *testing.T) {
	text := filepath.Join(t.TempDir(), "composa.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	refuseOpen(t, "sqlite:"+text, composa.CodeUnavailable, "not a database")
	refuseOpen(t, "sqlite:"+filepath.Join(text, "below.db"), composa.CodeUnavailable, "its folder cannot be made")
	refuseOpen(t, "sqlite:", composa.CodeInvalid, "no path of a file")
	refuseOpen(t, "mysql://somewhere", composa.CodeInvalid, `"mysql" names no database`)
	refuseOpen(t, "postgres://%zz", composa.CodeInvalid, "cannot be read")
	if runtime.GOOS == "linux" {
		refuseOpen(t, "sqlite:/proc/composa.db", composa.CodeUnavailable, "cannot open /proc/composa.db")
	}
}

func TestAFullDisk(t *testing.T) {
	b := openBed(t, newFile(t, t.TempDir()))
	var pages int
	b.ok(b.engine.write.QueryRowContext(b.ctx(), `PRAGMA page_count`).Scan(&pages))
	_, err := b.engine.write.ExecContext(b.ctx(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+2))
	b.ok(err)
	for i := 0; err == nil; i++ {
		if i == 10000 {
			t.Fatal("the disk never got full")
		}
		_, err = b.Accept(b.ctx(), b.admin, b.compose(fmt.Sprintf("m%d", i)))
	}
	b.code(err, composa.CodeUnavailable)
	if !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("%q does not say that the disk is full", err)
	}
	b.checkChain() // and what was there is as it was
}

func TestANewerSchemaIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		_, err := b.engine.write.ExecContext(b.ctx(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, $1)`, true)
		b.ok(err)
		b.ok(b.Close())
		refuseOpen(t, b.url, composa.CodeRefused, "version 99999", "versions up to")
		e, err := connect(b.ctx(), b.url)
		b.ok(err)
		_, err = e.write.ExecContext(b.ctx(), `DELETE FROM goose_db_version WHERE version_id = 99999`)
		b.ok(err)
		b.ok(e.close())
		b.open()
	})
}

// Several servers start at once on an empty PostgreSQL: one makes the tables,
// and all agree which site it is.
func TestServersThatStartAtOnce(t *testing.T) {
	url := pgtest.URL(t)
	const servers = 3
	ids := make([]composa.Identity, servers)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s, err := Open(t.Context(), Options{URL: url})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if ids[i], err = s.Identity(t.Context(), system); err != nil {
				t.Errorf("identity: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
	}
	wg.Wait()
	for _, id := range ids[1:] {
		if id != ids[0] {
			t.Errorf("two servers see two sites: %v", ids)
		}
	}
}

func TestCallsThatEnd(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.Site(ctx, b.admin)
		b.code(err, composa.CodeCancelled)
		_, err = b.Accept(ctx, b.admin, b.compose("train"))
		b.code(err, composa.CodeCancelled)
		if n := len(b.site().Machines); n != 0 {
			t.Errorf("a call that was cancelled left %d machines", n)
		}
		b.ok(b.Close())
		_, err = b.Site(t.Context(), b.admin)
		b.code(err, composa.CodeUnavailable)
		b.open()
	})
}

func TestInMemory(t *testing.T) {
	b := openBed(t, "sqlite::memory:")
	b.ready("train", b.addFabric("rack1", 2)[1])
	if site := b.site(); len(site.Machines) != 1 || len(site.Claims) != 1 {
		t.Errorf("site = %+v", site)
	}
}
