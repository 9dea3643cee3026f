package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
)

// patience bounds every wait of these tests; it is far more than they need.
const patience = 90 * time.Second

// prove is set where the tests run at the counts that prove the promises.
func prove() bool { return os.Getenv("COMPOSA_PROVE") != "" }

func count(small, proving int) int {
	if prove() {
		return proving
	}
	return small
}

// programName is what the tests' own binary is called where it is to be the
// program: nothing has to be built for it.
const programName = "composa"

var (
	links   string // folder of the program; TestMain removes it
	ownHome = os.Getenv("HOME")
)

// program is the path of the program: this very binary, with the race detector
// where the tests have it.
var program = sync.OnceValues(func() (path string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if links, err = os.MkdirTemp("", "composa-test-"); err != nil {
		return "", err
	}
	path = filepath.Join(links, programName)
	return path, os.Symlink(self, path)
})

// TestMain gives the tests a home of their own, so that no program started here
// finds or changes the contexts of who runs them.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == programName {
		main()
		return
	}
	home, err := os.MkdirTemp("", "composa-home-")
	if err != nil {
		panic(err)
	}
	os.Setenv("HOME", home)
	if os.Getenv("GORACE") == "" { // a program with the race detector sleeps a second when it ends, otherwise
		os.Setenv("GORACE", "atexit_sleep_ms=1")
	}
	for _, v := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "COMPOSA_URL", "COMPOSA_TOKEN", "COMPOSA_CONTEXT"} {
		os.Unsetenv(v)
	}
	code := m.Run()
	os.RemoveAll(home)
	if links != "" {
		os.RemoveAll(links)
	}
	os.Exit(code)
}

// process is the program running.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	mu     sync.Mutex
	output bytes.Buffer
}

// start runs the program and waits until it said on standard error what ready
// matches; it returns what the pattern's groups matched.
func start(t *testing.T, ready string, args ...string) (*process, []string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan []string, 1)
	go p.listen(bufio.NewScanner(pipe), regexp.MustCompile(ready), said)
	t.Cleanup(func() { p.kill() })
	select {
	case groups := <-said:
		return p, groups
	case <-p.ended:
	case <-time.After(patience):
	}
	t.Fatalf("composa %s did not get ready:\n%s", strings.Join(args, " "), p.said())
	return nil, nil
}

func (p *process) listen(lines *bufio.Scanner, ready *regexp.Regexp, said chan<- []string) {
	for lines.Scan() {
		p.mu.Lock()
		fmt.Fprintln(&p.output, lines.Text())
		text := p.output.String()
		p.mu.Unlock()
		if groups := ready.FindStringSubmatch(text); groups != nil {
			select {
			case said <- groups:
			default:
			}
		}
	}
	p.cmd.Wait()
	close(p.ended)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// racked is directors in processes of their own, and a server that can be
// killed and started again.
type racked struct {
	t        *testing.T
	config   string
	token    string
	server   *process
	client   *client.Client
	apis     map[string]string // URL of each director
	controls map[string]string // URL of each director's control endpoint
}

// newRacked starts emulated directors with flags, and a server that manages them;
// it signs in where the flags name a user.
func newRacked(t *testing.T, racks int, flags ...string) *racked {
	t.Helper()
	return newRackedBehind(t, racks, func(_, url string) string { return url }, flags...)
}

// newRackedBehind is newRacked, where the server reaches each director at the URL
// that behind makes of the director's own.
func newRackedBehind(t *testing.T, racks int, behind func(rack, url string) string, flags ...string) *racked {
	t.Helper()
	signIn := ""
	if user, password := slices.Index(flags, "--user"), slices.Index(flags, "--password-file"); user >= 0 {
		signIn = fmt.Sprintf(", credentials: {username: %s, passwordFile: %q}", flags[user+1], flags[password+1])
	}
	r := &racked{t: t, apis: map[string]string{}, controls: map[string]string{}, token: "composa_testtesttesttesttesttesttest"}
	dir := t.TempDir()
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata: %s\nfabrics:\n", filepath.Join(dir, "data"))
	for i := range racks {
		name := fmt.Sprintf("rack%d", i+1)
		args := append([]string{"emulate", "liqid", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--name", name,
			"--data", filepath.Join(dir, name), "--seed", fmt.Sprint(i + 1)}, flags...)
		_, urls := start(t, `director on (http://\S+)\n(?s:.*)control on (http://\S+)`, args...)
		text += fmt.Sprintf("  - {name: %s, driver: liqid, url: %q, access: manage, settle: 2s%s}\n", name, behind(name, urls[1]), signIn)
		r.apis[name], r.controls[name] = urls[1], urls[2]
	}
	r.config = filepath.Join(dir, "composa.yaml")
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COMPOSA_BOOTSTRAP_TOKEN", r.token)
	r.start()
	return r
}

// start starts the server, and waits until it knows every fabric.
func (r *racked) start() {
	r.t.Helper()
	r.open()
	until(r.t, "every fabric was seen", func(ctx context.Context) (bool, error) {
		all, err := client.All(r.client.Fabrics(ctx))
		for _, f := range all {
			if f.State != "ok" {
				return false, err
			}
		}
		return len(all) == len(r.controls), err
	})
}

// open starts the server.
func (r *racked) open() {
	r.t.Helper()
	var urls []string
	r.server, urls = start(r.t, `serving \d+ fabrics? on (http://\S+)`, "serve", "--config", r.config)
	c, err := client.New(client.Config{URL: urls[1], Token: r.token})
	if err != nil {
		r.t.Fatal(err)
	}
	r.client = c
}

// until waits for a condition that the server shows.
func until(t *testing.T, what string, so func(ctx context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := so(ctx)
		if ok && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it never came that %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// director reads one answer of a director's control endpoint.
func (r *racked) director(rack, path string, into any) {
	r.t.Helper()
	resp, err := http.Get(r.controls[rack] + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		r.t.Fatalf("cannot read %s of %s: %v", path, rack, err)
	}
}

// violations are the rules of the director that its clients broke. Cancelling
// what is not open is none: whoever cleans up after a crash cannot know.
func (r *racked) violations(rack string) []liqid.Violation {
	r.t.Helper()
	var all, out []liqid.Violation
	r.director(rack, "/violations", &all)
	for _, v := range all {
		if v.Rule != liqid.RuleNothingOpen {
			out = append(out, v)
		}
	}
	return out
}
