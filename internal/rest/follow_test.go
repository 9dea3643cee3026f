package rest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/rest"
)

// Who follows events gets each once and in order, whatever is written meanwhile,
// however often their connection breaks, and over a restart of the server.
func TestNoEventIsLostOrDoubled(t *testing.T) {
	writers, readers, changes := 4, 4, 30
	if os.Getenv("COMPOSA_PROVE") != "" {
		writers, readers, changes = 16, 32, 200
	}
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	var server atomic.Pointer[rest.Server]
	server.Store(w.rest)
	var breaks, seed atomic.Uint64
	flaky := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		random := rand.New(rand.NewPCG(seed.Add(1), 4))
		server.Load().ServeHTTP(&breaker{ResponseWriter: rw, left: 2000 + random.IntN(20_000), broke: func() { breaks.Add(1) }}, r)
	}))
	defer flaky.Close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type word struct {
		id  string
		err error
	}
	heard := make([]chan word, readers)
	for i := range heard {
		heard[i] = make(chan word, 1<<16)
		c := must(client.New(client.Config{URL: flaky.URL, Token: w.token, HTTP: flaky.Client()}))
		go func() {
			for e, err := range c.Events(ctx, "0", client.EventFilter{}) {
				heard[i] <- word{e.ID, err}
			}
			close(heard[i])
		}()
	}
	write := func() {
		var running sync.WaitGroup
		site := must(w.store.Site(t.Context(), composa.System()))
		for i := range writers {
			running.Go(func() {
				for n := range changes {
					text := fmt.Sprint(i, "-", n)
					u := composa.DeviceUpdate{Labels: map[string]*string{fmt.Sprint("w", i): &text}}
					if _, err := w.store.SetDevice(t.Context(), w.admin, site.Devices[(i+n)%len(site.Devices)].ID, 0, u); err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
	}
	write()
	again := rest.New(rest.Config{Store: w.store})
	defer again.Close()
	server.Store(again)
	w.rest.Close()
	write()

	w.rest = again
	all := idsOf(w.recorded(t))
	if len(all) < 2*writers*changes {
		t.Fatalf("%d events of %d changes", len(all), 2*writers*changes)
	}
	for i := range heard {
		var got []string
		for len(got) < len(all) {
			e, ok := <-heard[i]
			if !ok || e.err != nil {
				t.Fatalf("reader %d ends after %d events: %v", i, len(got), e.err)
			}
			got = append(got, e.id)
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("reader %d (-recorded +heard):\n%s", i, diff)
		}
	}
	if breaks.Load() < uint64(readers) {
		t.Errorf("only %d connections broke", breaks.Load())
	}
	cancel()
	for i := range heard {
		for range heard[i] { // until the reader has ended
			continue
		}
	}
}
