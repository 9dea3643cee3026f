package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
)

// site is a server and its emulated racks in this process, over real sockets.
type site struct {
	t      *testing.T
	racks  map[string]*liqid.Director
	server *Server
	client *client.Client
	token  string
	data   string
	url    string
}

// newSite starts a server over racks; change is applied to each fabric's
// configuration.
func newSite(t *testing.T, racks map[string]liqid.Config, change func(*FabricConfig)) *site {
	t.Helper()
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return newSiteIn(t, t.TempDir(), log, racks, change)
}

// newSiteIn is newSite with its data in a folder that is given, and its log.
func newSiteIn(t *testing.T, data string, log *slog.Logger, racks map[string]liqid.Config, change func(*FabricConfig)) *site {
	t.Helper()
	s := &site{t: t, racks: map[string]*liqid.Director{}, data: data}
	c := &Config{Listen: "127.0.0.1:0", Data: s.data}
	for name, rc := range racks {
		rc.Name = name
		d, err := liqid.New(rc)
		if err != nil {
			t.Fatal(err)
		}
		door := httptest.NewServer(d.Handler())
		t.Cleanup(func() {
			d.Close()
			door.Close()
		})
		s.racks[name] = d
		settle := Duration(time.Second) // nothing is late here
		f := FabricConfig{Name: name, Driver: "liqid", URL: door.URL, Access: string(composa.AccessManage), Return: "free", Limits: LimitsConfig{PerSecond: 1e5}, Settle: &settle}
		if change != nil {
			change(&f)
		}
		c.Fabrics = append(c.Fabrics, f)
	}
	ctx, stop := context.WithCancel(context.Background())
	server, err := newServer(ctx, c, log, func(string) string { return "" })
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s.server = server
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	text, err := os.ReadFile(filepath.Join(s.data, "bootstrap-token"))
	if err != nil {
		t.Fatal(err)
	}
	s.token, s.url = strings.TrimSpace(string(text)), server.URL()
	if s.client, err = client.New(client.Config{URL: s.url, Token: s.token}); err != nil {
		t.Fatal(err)
	}
	s.seen()
	return s
}

// seen waits until every fabric was seen.
func (s *site) seen() {
	s.t.Helper()
	until(s.t, "every fabric was seen", func(ctx context.Context) (bool, error) {
		all, err := client.All(s.client.Fabrics(ctx))
		for _, f := range all {
			if f.State != "ok" {
				return false, err
			}
		}
		return len(all) == len(s.racks), err
	})
}

// compose makes a machine and waits for it.
func (s *site) compose(name string, wants ...api.Want) *api.Machine {
	s.t.Helper()
	got, err := s.client.PutMachine(s.t.Context(), "default", name, api.PutMachine{Wish: api.Wish{Devices: wants}}, patience)
	if err != nil || got.Machine == nil {
		s.t.Fatalf("cannot compose %s: %v", name, err)
	}
	return got.Machine
}

// testWriter gives what is written to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
