// Package pgtest runs a real PostgreSQL for tests: the binaries of the system,
// a cluster in a temporary folder, on a free port of 127.0.0.1, started by the
// first test that asks and stopped with the test binary.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestX(t *testing.T) { url := pgtest.URL(t); … }
//
// Each URL is of a fresh, empty database that goes with its test. Where there
// is no PostgreSQL, the test is skipped with a line that begins with
// [SkipPrefix] and says how to install it, so that a run can count them.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// SkipPrefix begins the line of a test that was skipped for want of PostgreSQL.
const SkipPrefix = "skipped, PostgreSQL is not installed"

// startTime is how long the server may take until it lets us in.
const startTime = 60 * time.Second

// errMissing says that this system has no PostgreSQL to run.
var errMissing = errors.New("no initdb and postgres in pg_config --bindir, PATH or /usr/lib/postgresql/*/bin")

// cluster is the one server of this test binary.
var cluster struct {
	sync.Mutex
	tried bool
	err   error
	*server
	databases int
	prepared  bool // the database that is copied
}

type server struct {
	folder  string
	port    int
	process *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	output  *bytes.Buffer // read after ended only
}

// Main runs the tests of a package and then stops the server, if one of them
// started it. It returns the exit code.
func Main(m *testing.M) int {
	code := m.Run()
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.server != nil {
		if err := cluster.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	return code
}

// URL returns the URL of a fresh, empty database, which is dropped at the end
// of the test.
func URL(t testing.TB) string {
	t.Helper()
	cluster.Lock()
	defer cluster.Unlock()
	begin(t)
	return create(t, "")
}

// Copy returns the URL of a fresh database as prepare makes one, which is
// dropped at the end of the test. prepare is called once in a test binary, and
// leaves no connection open; all tests of the binary that ask for a copy say the
// same.
func Copy(t testing.TB, prepare func(url string) error) string {
	t.Helper()
	const original = "original"
	cluster.Lock()
	defer cluster.Unlock()
	begin(t)
	if !cluster.prepared {
		err := cluster.run("CREATE DATABASE " + original)
		if err == nil {
			err = prepare(cluster.url(original))
		}
		if err != nil {
			t.Fatalf("cannot prepare a database: %v", err)
		}
		cluster.prepared = true
	}
	return create(t, " TEMPLATE "+original)
}

// begin starts the server where it does not run; cluster is held.
func begin(t testing.TB) {
	t.Helper()
	if !cluster.tried {
		cluster.tried = true
		cluster.server, cluster.err = start()
	}
	if errors.Is(cluster.err, errMissing) {
		t.Skipf("%s: %v; install it with: apt-get install postgresql", SkipPrefix, cluster.err)
	}
	if cluster.err != nil {
		t.Fatalf("cannot start PostgreSQL: %v", cluster.err)
	}
}

// create makes a database for a test; cluster is held.
func create(t testing.TB, like string) string {
	t.Helper()
	cluster.databases++
	name := fmt.Sprintf("test_%d", cluster.databases)
	if err := cluster.run("CREATE DATABASE " + name + like); err != nil {
		t.Fatalf("cannot create a database: %v", err)
	}
	server := cluster.server
	t.Cleanup(func() {
		if err := server.run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("cannot drop database %s: %v", name, err)
		}
	})
	return server.url(name)
}

func (s *server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("composa"), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// run runs one statement in the database postgres.
func (s *server) run(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// binaries returns the folder that holds initdb and postgres.
func binaries() (string, error) {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.Reverse(debian) // the newest first
	for _, folder := range append(folders, debian...) {
		if executable(folder, "initdb") && executable(folder, "postgres") {
			return folder, nil
		}
	}
	return "", errMissing
}

func executable(folder, name string) bool {
	info, err := os.Stat(filepath.Join(folder, name))
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// start makes a cluster and runs a server on it until it lets us in.
func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	as, err := account()
	if err != nil {
		return nil, err
	}
	s := &server{ended: make(chan struct{}), output: new(bytes.Buffer)}
	if s.folder, err = os.MkdirTemp("", "composa-pgtest-"); err != nil {
		return nil, err
	}
	if err := s.begin(bin, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	return s, nil
}

func (s *server) begin(bin string, as *syscall.Credential) error {
	data := filepath.Join(s.folder, "data")
	if as != nil {
		if err := os.Chown(s.folder, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "composa", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir = s.folder
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	var err error
	if s.port, err = freePort(); err != nil {
		return err
	}
	// A cluster that lives for one run of tests needs no crash safety.
	s.process = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "deadlock_timeout=100ms", "-c", "logging_collector=off")
	s.process.Dir = s.folder
	s.process.Stdout, s.process.Stderr = s.output, s.output
	s.process.SysProcAttr = endWithUs(as)
	if err := s.spawn(); err != nil {
		return err
	}
	return s.wait()
}

// wait tries to get in until the server lets us, or is gone.
func (s *server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.ended:
			return fmt.Errorf("postgres ended: %s", s.output)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("postgres does not let us in: %w", err), s.stop())
		case <-pause.C:
		}
	}
}

// stop ends the server at once and removes the cluster.
func (s *server) stop() error {
	err := s.process.Process.Signal(syscall.SIGINT) // fast shutdown
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.ended
	return errors.Join(err, os.RemoveAll(s.folder))
}

// account is who the server runs as: ourselves (nil), or the user postgres when
// we are root, whom initdb and postgres refuse.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("we are root, and there is no user postgres to run the server as: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
