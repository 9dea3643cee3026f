package replay

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/driver/liqid"
	emulator "github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/rest"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/store"
)

// site is a whole server and the directors of its racks, in one process and over
// loopback HTTP.
type site struct {
	tb        testing.TB
	directors []*emulator.Director
	store     *store.Store
	client    *client.Client
}

// open starts directors and a server that has looked at all of them. Racks are
// named rack1, rack2 and so on. limits are those of calls to a director; the
// zero value is what a configuration has that says nothing.
func open(tb testing.TB, limits liqid.Limits, racks ...emulator.Config) *site {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &site{tb: tb}
	var err error
	if s.store, err = store.Open(ctx, store.Options{URL: "sqlite:" + filepath.Join(tb.TempDir(), "composa.db")}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.store.Close() })
	var parts sync.WaitGroup
	tb.Cleanup(parts.Wait)
	tb.Cleanup(stop)
	for i, c := range racks {
		s.addRack(ctx, &parts, composa.FabricName(fmt.Sprintf("rack%d", i+1)), limits, c)
	}
	requests := intake.New(s.store, slog.New(slog.DiscardHandler))
	parts.Go(func() { requests.Run(ctx) })
	server := rest.New(rest.Config{Store: s.store, Requests: requests})
	front := httptest.NewServer(server)
	tb.Cleanup(front.Close)
	tb.Cleanup(server.Close)
	token, hash := auth.NewToken()
	admin, err := s.store.EnsureAdmin(ctx, composa.System())
	if err == nil {
		_, err = s.store.AddToken(ctx, composa.System(), composa.Token{Owner: admin.ID}, hash)
	}
	if err != nil {
		tb.Fatal(err)
	}
	pool := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	tb.Cleanup(pool.CloseIdleConnections)
	if s.client, err = client.New(client.Config{URL: front.URL, Token: token, HTTP: pool}); err != nil {
		tb.Fatal(err)
	}
	s.until(func(now *composa.Site) bool {
		return !slices.ContainsFunc(now.Fabrics, func(f composa.Fabric) bool {
			p := now.Pictures[f.Name]
			return p == nil || !p.Complete || slices.ContainsFunc(p.Devices, func(d composa.SeenDevice) bool { return d.Facts.Learning })
		})
	})
	return s
}

// addRack starts a director and what looks after it.
func (s *site) addRack(ctx context.Context, parts *sync.WaitGroup, name composa.FabricName, limits liqid.Limits, c emulator.Config) {
	c.Name = string(name)
	d, url := direct(s.tb, c)
	s.directors = append(s.directors, d)
	identity, err := s.store.Identity(ctx, composa.System())
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := s.store.PutFabric(ctx, composa.System(), composa.Fabric{Name: name, Driver: "liqid", URL: url, Source: "config", Access: composa.AccessManage}); err != nil {
		s.tb.Fatal(err)
	}
	f, err := liqid.New(liqid.Config{Name: name, URL: url, Site: identity.Site, Access: composa.AccessManage, Limits: limits})
	if err != nil {
		s.tb.Fatal(err)
	}
	epoch, err := s.store.TakeTenure(ctx, composa.System(), name, "server")
	if err != nil {
		s.tb.Fatal(err)
	}
	i := inventory.New(inventory.Config{Fabric: name, Driver: f, Store: s.store, Epoch: epoch})
	r := runner.New(runner.Config{Fabric: name, Driver: f, Store: s.store, Epoch: epoch, Nudge: i.Nudge})
	parts.Go(func() { i.Run(ctx) })
	parts.Go(func() { r.Run(ctx) })
}

// direct starts an emulated director on a port of its own.
func direct(tb testing.TB, c emulator.Config) (*emulator.Director, string) {
	tb.Helper()
	d, err := emulator.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	front := httptest.NewUnstartedServer(d.Handler())
	front.Config.ConnState = d.ConnState
	front.Start()
	tb.Cleanup(front.Close)
	tb.Cleanup(func() { d.Close() })
	return d, front.URL
}

// until waits until ok holds of what is stored.
func (s *site) until(ok func(*composa.Site) bool) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	changed, stop := s.store.Notify()
	defer stop()
	for {
		now, err := s.store.Site(ctx, composa.System())
		switch {
		case err != nil:
			s.tb.Fatal(err)
		case ok(now):
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.tb.Fatal("what was waited for never came")
		}
	}
}

// compose asks for a machine and waits until it is made.
func (s *site) compose(ctx context.Context, name string, wish api.Wish) (*api.Machine, error) {
	got, err := s.client.PutMachine(ctx, "default", name, api.PutMachine{Wish: wish}, patience)
	if err != nil {
		return nil, err
	}
	if got.Machine == nil {
		return nil, fmt.Errorf("%s is still under way: %+v", name, got.Operation)
	}
	return got.Machine, nil
}

// free gives a machine back and waits until that is done.
func (s *site) free(ctx context.Context, name string) error {
	grace := 0
	got, err := s.client.Free(ctx, "default", name, api.FreeMachine{Grace: &grace}, patience)
	if err == nil && got.Machine == nil {
		err = fmt.Errorf("%s is still being freed: %+v", name, got.Operation)
	}
	return err
}
