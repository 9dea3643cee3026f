package damage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/liqid"
	emulator "github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/store"
)

// every is the pause between two looks of the inventory at a director that
// pushes nothing.
const every = 20 * time.Second

// Site is a whole site: a server's parts, and the directors of its racks.
type Site struct {
	store   *store.Store
	who     composa.Who
	project composa.ProjectID
	id      composa.SiteID
	log     *slog.Logger
	racks   []*rack
	server  *server
}

// rack is one fabric: the director, and how it is reached.
type rack struct {
	name     composa.FabricName
	era      string
	director *emulator.Director
	net      *network
	http     *http.Server
	serving  sync.WaitGroup
}

// server is all that a server's process holds; the store stays when it dies.
type server struct {
	intake *intake.Intake
	stop   context.CancelFunc
	parts  sync.WaitGroup
	idle   []func()
}

// Open starts a site with one rack a director's configuration, named rack1,
// rack2 and so on. log may be nil.
func Open(ctx context.Context, log *slog.Logger, directors ...emulator.Config) (*Site, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Site{log: log}
	if err := s.open(ctx, directors); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Site) open(ctx context.Context, directors []emulator.Config) (err error) {
	system := composa.System()
	if s.store, err = store.Open(ctx, store.Options{URL: "sqlite::memory:"}); err != nil {
		return err
	}
	identity, err := s.store.Identity(ctx, system)
	if err != nil {
		return err
	}
	s.id = identity.Site
	admin, err := s.store.EnsureAdmin(ctx, system)
	if err != nil {
		return err
	}
	projects, err := s.store.Projects(ctx, system)
	if err != nil {
		return err
	}
	s.project = projects[0].ID
	s.who = composa.Who{Principal: admin, Projects: []composa.ProjectID{s.project}}
	for i, c := range directors {
		if err := s.addRack(ctx, composa.FabricName(fmt.Sprintf("rack%d", i+1)), c); err != nil {
			return err
		}
	}
	return s.Start(ctx)
}

func (s *Site) addRack(ctx context.Context, name composa.FabricName, c emulator.Config) error {
	c.Name = string(name)
	d, err := emulator.New(c)
	if err != nil {
		return err
	}
	r := &rack{name: name, era: c.API, director: d, net: newNetwork(string(name))}
	r.http = &http.Server{Handler: d.Handler(), ConnState: d.ConnState, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	r.serving.Go(func() {
		if err := r.http.Serve(r.net); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("a director serves no more", "rack", name, "error", err)
		}
	})
	s.racks = append(s.racks, r)
	return s.store.PutFabric(ctx, composa.System(), composa.Fabric{
		Name: name, Driver: "liqid", URL: r.url(), Source: "config", Access: composa.AccessManage,
	})
}

func (r *rack) url() string { return "http://" + string(r.name) + ":8080" }

// Start starts a server on the store. It remembers nothing of an earlier one.
func (s *Site) Start(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	v := &server{intake: intake.New(s.store, s.log), stop: stop}
	s.server = v
	v.parts.Go(func() { s.ended("intake", v.intake.Run(running)) })
	for _, r := range s.racks {
		r.net.mend()
		wire := r.net.transport()
		v.idle = append(v.idle, wire.CloseIdleConnections)
		f, err := liqid.New(liqid.Config{
			Name: r.name, URL: r.url(), Site: s.id, Access: composa.AccessManage, HTTP: &http.Client{Transport: wire},
		})
		if err != nil {
			return err
		}
		epoch, err := s.store.TakeTenure(ctx, composa.System(), r.name, composa.NewID("server"))
		if err != nil {
			return err
		}
		log := s.log.With("fabric", r.name)
		i := inventory.New(inventory.Config{Fabric: r.name, Driver: f, Store: s.store, Epoch: epoch, Every: every, Log: log})
		run := runner.New(runner.Config{Fabric: r.name, Driver: f, Store: s.store, Epoch: epoch, Nudge: i.Nudge, Log: log})
		v.parts.Go(func() { s.ended("inventory", i.Run(running)) })
		v.parts.Go(func() { s.ended("runner", run.Run(running)) })
	}
	return nil
}

func (s *Site) ended(part string, err error) {
	if err != nil {
		s.log.Error("a part of the server ended", "part", part, "error", err)
	}
}

// Kill ends the server at this point, as the end of its process does: nothing
// that it would still say reaches a director, so that what it has open stays so.
func (s *Site) Kill() {
	if s.server == nil {
		return
	}
	for _, r := range s.racks {
		r.net.sever()
	}
	s.server.stop()
	s.server.parts.Wait()
	for _, f := range s.server.idle {
		f()
	}
	s.server = nil
}

// Close ends everything.
func (s *Site) Close() {
	s.Kill()
	for _, r := range s.racks {
		r.director.Close()
		r.http.Close()
		r.serving.Wait()
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("cannot close the store", "error", err)
		}
	}
}

// now is the site as it is stored.
func (s *Site) now(ctx context.Context) (*composa.Site, error) {
	return s.store.Site(ctx, composa.System())
}

// until waits until ok holds of what is stored, for at most so long. It is
// looked at after every commit. False: it does not hold yet.
func (s *Site) until(ctx context.Context, patience time.Duration, ok func(*composa.Site) bool) (bool, error) {
	changed, stop := s.store.Notify()
	defer stop()
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		site, err := s.now(ctx)
		if err != nil || ok(site) {
			return err == nil, err
		}
		select {
		case <-changed:
		case <-over.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// Seen waits until every rack was looked at after t.
func (s *Site) Seen(ctx context.Context, t time.Time) (bool, error) {
	return s.until(ctx, 10*time.Minute, func(site *composa.Site) bool {
		for _, r := range s.racks {
			p := site.Pictures[r.name]
			learning := p != nil && slices.ContainsFunc(p.Devices, func(d composa.SeenDevice) bool { return d.Facts.Learning })
			if p == nil || !p.Complete || learning || !p.Began.After(t) {
				return false
			}
		}
		return true
	})
}
