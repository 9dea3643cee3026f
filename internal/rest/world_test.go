package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/pgtest"
	"github.com/composa-dev/composa/internal/rest"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/selector"
	"github.com/composa-dev/composa/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(run{m}) }

// run runs the tests and stops PostgreSQL, where one asked for it.
type run struct{ m *testing.M }

func (r run) Run() int { return pgtest.Main(r.m) }

// onEach runs a test over SQLite and over PostgreSQL.
func onEach(t *testing.T, how setting, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, how)) })
	t.Run("postgres", func(t *testing.T) {
		how.store = pgtest.URL(t)
		test(t, newWorld(t, how))
	})
}

// world is a whole server of real parts: store, intake, runners and inventories
// over racks of pretend hardware, and REST in front of it.
type world struct {
	t      testing.TB
	store  *store.Store
	rest   *rest.Server
	http   *httptest.Server
	client *client.Client
	racks  map[composa.FabricName]*memory.World
	admin  composa.Who
	token  string
	log    *lines
}

// lines keeps what was logged.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// looker is what cmd/composa gives to rest, over the racks of a test.
type looker map[composa.FabricName]driver.Fabric

func (l looker) Look(ctx context.Context, name composa.FabricName) (*composa.Picture, error) {
	return l[name].Observe(ctx, composa.Scope{})
}

// Probe tells for whom it was made.
func (l looker) Probe(_ context.Context, who composa.Who, _ composa.FabricName) ([]composa.Check, error) {
	return []composa.Check{{Name: "second edit", OK: true, Text: "refused"}, {Name: "asked by", OK: true, Text: who.Principal.Name}}, nil
}

func (l looker) Check(ctx context.Context, name composa.FabricName) ([]composa.Check, error) {
	if _, err := l[name].Abilities(ctx); err != nil {
		return []composa.Check{{Name: "answers", Text: err.Error()}}, nil
	}
	return []composa.Check{{Name: "answers", OK: true, Text: "memory", Took: 1500 * time.Millisecond}}, nil
}

// setting is how a test wants its world.
type setting struct {
	racks    []string // rack1 and rack2 unless said
	tls      bool
	delay    time.Duration // of changing calls
	observe  string        // a rack that is only observed
	idle     bool          // nobody carries operations out
	wrap     func(rest.Config) rest.Config
	counts   map[composa.Kind]int // of devices of a rack; 3 cpu, 6 gpu, 3 ssd and 2 nic unless said
	every    time.Duration        // between two looks at a rack; a second unless said
	open     int                  // operations that may be open; the usual number unless said
	openEach int                  // of one principal
	store    string               // URL of the store; in memory unless said
}

func (how *setting) defaults() {
	if how.racks == nil {
		how.racks = []string{"rack1", "rack2"}
	}
	if how.counts == nil {
		how.counts = map[composa.Kind]int{composa.KindCPU: 3, composa.KindGPU: 6, composa.KindSSD: 3, composa.KindNIC: 2}
	}
	if how.every == 0 {
		how.every = time.Second
	}
	if how.store == "" {
		how.store = "sqlite::memory:"
	}
}

func newWorld(t testing.TB, how setting) *world {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w := &world{t: t, racks: map[composa.FabricName]*memory.World{}, log: &lines{}}
	var err error
	how.defaults()
	if w.store, err = store.Open(ctx, store.Options{URL: how.store, Open: how.open, OpenEach: how.openEach, Selects: selector.Pool}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.signIn(ctx)
	identity, err := w.store.Identity(ctx, composa.System())
	if err != nil {
		t.Fatal(err)
	}
	looks := looker{}
	for _, name := range how.racks {
		looks[composa.FabricName(name)] = w.rack(ctx, &running, composa.FabricName(name), identity.Site, how)
	}
	requests := intake.New(w.store, slog.New(slog.DiscardHandler))
	running.Go(func() { _ = requests.Run(ctx) })
	config := rest.Config{Store: w.store, Requests: requests, Fabrics: looks, Version: "test", Log: log}
	if how.wrap != nil {
		config = how.wrap(config)
	}
	w.rest = rest.New(config)
	w.serve(how.tls)
	t.Cleanup(func() {
		w.rest.Close()
		w.http.Close()
		stop()
		running.Wait()
		w.store.Close()
	})
	w.seen()
	return w
}

func (w *world) signIn(ctx context.Context) {
	w.t.Helper()
	admin, err := w.store.EnsureAdmin(ctx, composa.System())
	if err != nil {
		w.t.Fatal(err)
	}
	text, hash := auth.NewToken()
	if _, err := w.store.AddToken(ctx, composa.System(), composa.Token{Owner: admin.ID, Note: "test"}, hash); err != nil {
		w.t.Fatal(err)
	}
	w.token = text
	if w.admin, err = w.store.TokenOwner(ctx, composa.System(), hash); err != nil {
		w.t.Fatal(err)
	}
}

// rack adds a fabric.
func (w *world) rack(ctx context.Context, running *sync.WaitGroup, name composa.FabricName, site composa.SiteID, how setting) driver.Fabric {
	w.t.Helper()
	hw := memory.New(memory.Config{
		// The store keeps microseconds, so that is what these fabrics tell.
		Clock: func() time.Time { return time.Now().Truncate(time.Microsecond) },
		Name:  name, Site: site, Delays: memory.Delays{Change: how.delay},
		Counts: how.counts,
	})
	w.racks[name] = hw
	access := composa.AccessManage
	if how.observe == string(name) {
		access = composa.AccessObserve
	}
	if err := w.store.PutFabric(ctx, composa.System(), composa.Fabric{Name: name, Driver: "memory", Source: "config", Access: access}); err != nil {
		w.t.Fatal(err)
	}
	epoch, err := w.store.TakeTenure(ctx, composa.System(), name, "server")
	if err != nil {
		w.t.Fatal(err)
	}
	d := hw.FabricFor(site, access)
	inv := inventory.New(inventory.Config{Fabric: name, Driver: d, Store: w.store, Epoch: epoch, Every: how.every})
	running.Go(func() { _ = inv.Run(ctx) })
	if !how.idle && access == composa.AccessManage {
		run := runner.New(runner.Config{Fabric: name, Driver: d, Store: w.store, Epoch: epoch, Nudge: inv.Nudge})
		running.Go(func() { _ = run.Run(ctx) })
	}
	return d
}

func (w *world) serve(tls bool) {
	w.t.Helper()
	c := client.Config{Token: w.token, UserAgent: "test"}
	w.http = httptest.NewUnstartedServer(w.rest.Handler())
	w.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if tls {
		w.http.StartTLS()
		c.HTTP = w.http.Client()
	} else {
		w.http.Start()
		c.HTTP = w.http.Client()
	}
	c.URL = w.http.URL
	var err error
	if w.client, err = client.New(c); err != nil {
		w.t.Fatal(err)
	}
}

// seen waits until every rack was seen.
func (w *world) seen() {
	w.t.Helper()
	changed, forget := w.store.Notify()
	defer forget()
	for {
		site, err := w.store.Site(w.t.Context(), composa.System())
		if err != nil {
			w.t.Fatal(err)
		}
		if len(site.Pictures) == len(w.racks) {
			return
		}
		w.change(changed)
	}
}

// change waits for a commit.
func (w *world) change(changed <-chan struct{}) {
	w.t.Helper()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		w.t.Fatal("nothing changed for 20 s")
	}
}

// answer is what came of one raw request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) problem(t *testing.T) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("the answer is no problem: %v\n%s", err, a.body)
	}
	return p
}

// ask makes one raw request; headers are KEY: VALUE. The token goes along unless
// a header gives another, or an empty one.
func (w *world) ask(method, path, body string, headers ...string) answer {
	w.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		if v == "" {
			req.Header.Del(strings.TrimSuffix(k, ":"))
			continue
		}
		req.Header.Set(k, v)
	}
	c := *w.http.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// compose makes a machine and waits until it is done.
func (w *world) compose(name string, gpus int) *api.Machine {
	w.t.Helper()
	r, err := w.client.PutMachine(w.t.Context(), "default", name, wish(gpus), 30*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Machine == nil {
		w.t.Fatalf("%s is not done after 30 s: %+v", name, r.Operation)
	}
	return r.Machine
}

func wish(gpus int) api.PutMachine {
	return api.PutMachine{Wish: api.Wish{Devices: []api.Want{{Kind: "gpu", Count: gpus}}}}
}

// must is v where nothing went wrong; else the test ends.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// code is the code of a client's error; empty for none.
func code(err error) string {
	var e *client.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	if err != nil {
		return fmt.Sprint("not a client error: ", err)
	}
	return ""
}

// poolOf is a pool of some devices.
func poolOf(name string, ids ...string) api.NewPool { return api.NewPool{Name: name, IDs: ids} }
