package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/rest"
	"github.com/composa-dev/composa/internal/selector"
	"github.com/composa-dev/composa/internal/store"
)

// stopTime is how long a stopping server lets answers that are under way end.
const stopTime = 5 * time.Second

// Server is the server as a value: started once, stopped once.
type Server struct {
	config *Config
	log    *slog.Logger
	name   string // this process, in tenures

	store   *store.Store
	fabrics *fabrics
	api     *rest.Server
	http    *http.Server
	socket  net.Listener
	token   bootstrap

	stop context.CancelFunc
	wait sync.WaitGroup
}

// newServer opens the store, takes the port and starts every part but the
// answering of requests, which is Serve's. getenv reads the environment.
func newServer(ctx context.Context, c *Config, log *slog.Logger, getenv func(string) string) (*Server, error) {
	s := &Server{config: c, log: log, name: composa.NewID("server")}
	if err := s.open(ctx, getenv); err != nil {
		s.close()
		return nil, err
	}
	s.run()
	return s, nil
}

// open takes and prepares all that can fail.
func (s *Server) open(ctx context.Context, getenv func(string) string) (err error) {
	c := s.config
	if s.socket, err = listen(c.Listen); err != nil {
		return err
	}
	if err = os.MkdirAll(c.Data, 0o700); err != nil {
		return composa.Errorf(composa.CodeInvalid, "cannot use the data folder: %v", err)
	}
	if s.store, err = store.Open(ctx, store.Options{
		URL: storeURL(c), Selects: selector.Pool, Open: c.Limits.limits().Open, OpenEach: c.Limits.limits().OpenEach,
	}); err != nil {
		return err
	}
	if s.token, err = ensureAdmin(ctx, s.store, c.Data, getenv); err != nil {
		return err
	}
	s.fabrics, err = openFabrics(ctx, s.store, c, s.name, s.log)
	return err
}

// run starts the parts.
func (s *Server) run() {
	requests := intake.New(s.store, s.log)
	s.api = rest.New(rest.Config{
		Store: s.store, Requests: requests, Fabrics: s.fabrics, Limits: s.config.Limits.limits(), Version: buildVersion(), Log: s.log,
	})
	s.http = s.api.HTTP()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.goRun("intake", func() error { return requests.Run(ctx) })
	s.fabrics.run(ctx, s.goRun)
}

func storeURL(c *Config) string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite:" + filepath.Join(c.Data, "composa.db")
}

// listen takes the port, and says in words when it is taken.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, composa.Errorf(composa.CodeInvalid, "cannot listen on %s: something listens there already", address).
			WithNext("stop it, or choose another address with --listen HOST:PORT (port 0: any free one)")
	case err != nil:
		return nil, composa.Errorf(composa.CodeInvalid, "cannot listen on %s: %v", address, err)
	}
	return l, nil
}

// goRun runs one part until the server stops.
func (s *Server) goRun(part string, f func() error) {
	s.wait.Go(func() {
		if err := f(); err != nil && !errors.Is(err, context.Canceled) {
			s.log.Error("a part of the server ended", "part", part, "err", err)
		}
	})
}

// URL is where the server answers.
func (s *Server) URL() string { return "http://" + s.socket.Addr().String() }

// seen waits until every fabric was looked at once, or for as long as patience
// lasts: what a first request needs.
func (s *Server) seen(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changed, stop := s.store.Notify()
	defer stop()
	for {
		site, err := s.store.Site(ctx, composa.System())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(site.Fabrics, func(f composa.Fabric) bool { return f.Reach.Seen.IsZero() }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// Serve answers requests until ctx ends; then it lets what is under way end,
// and stops every part. What operations were doing goes on at the next start.
func (s *Server) Serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.api.Bound(s.socket)) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.api.Close() // ends event streams and waits, which would otherwise hold the shutdown
	stopping, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if down := s.http.Shutdown(stopping); down != nil {
		s.http.Close()
	}
	s.close()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot go on serving: %w", err)
	}
	return nil
}

// close stops the parts and closes what is open; it is safe at any point of
// open.
func (s *Server) close() {
	if s.stop != nil {
		s.stop()
	}
	s.wait.Wait()
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("cannot close the store", "err", err)
		}
	}
	if s.socket != nil {
		s.socket.Close()
	}
}
