package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/emulator/liqid"
)

// digest is the hash of all that a site holds.
func digest(t *testing.T, site *composa.Site) [sha256.Size]byte {
	t.Helper()
	text, err := json.Marshal(site)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(text)
}

// The site that the store keeps is shared by who places, plans, carries out,
// looks and lists. Whatever they do, side by side, none of them changes one that
// somebody else may hold.
func TestNobodyChangesTheSharedSite(t *testing.T) {
	fast := liqid.Latency{Min: time.Millisecond, Max: 5 * time.Millisecond}
	s := newSite(t, map[string]liqid.Config{"rack1": {CommitLatency: fast}, "rack2": {CommitLatency: fast}}, nil)
	changed, forget := s.server.store.Notify()
	defer forget()
	type held struct {
		*composa.Site
		digest [sha256.Size]byte
	}
	var all []held
	hold := func() {
		site, err := s.server.store.Site(t.Context(), composa.System())
		if err != nil {
			t.Error(err)
			return
		}
		all = append(all, held{site, digest(t, site)})
	}
	hold()

	var composers, readers sync.WaitGroup
	done := make(chan struct{})
	for k := range 3 {
		composers.Go(func() { s.lives(fmt.Sprintf("m%d", k)) })
	}
	for range 2 {
		readers.Go(func() {
			for {
				for _, path := range []string{"/v1/devices", "/v1/machines", "/v1/fabrics", "/v1/operations", "/v1/fabrics/rack1/inventory"} {
					if status, _, text := s.call(http.MethodGet, path, ""); status != http.StatusOK {
						t.Errorf("%s is answered with %d: %s", path, status, text)
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	go func() {
		composers.Wait()
		close(done)
	}()
	for over := false; !over; {
		select {
		case <-changed:
			hold()
		case <-done:
			over = true
		}
	}
	readers.Wait()
	if len(all) < 10 {
		t.Fatalf("only %d sites were held", len(all))
	}
	for _, h := range all {
		if digest(t, h.Site) != h.digest {
			t.Errorf("somebody changed site %d", h.Version)
		}
	}
}

// lives plans, makes, changes and frees a machine, twice.
func (s *site) lives(name string) {
	now := 0
	wish := api.PutMachine{Wish: api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 1}, {Kind: "ssd", Count: 1}}}}
	more := api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 1}}}
	ctx := s.t.Context()
	for range 2 {
		_, planning := s.client.Plan(ctx, api.NewPlan{Verb: "compose", Machine: name, Compose: &wish})
		_, composing := s.client.PutMachine(ctx, "default", name, wish, patience)
		_, plugging := s.client.Plug(ctx, "default", name, more, patience)
		_, freeing := s.client.Free(ctx, "default", name, api.FreeMachine{Grace: &now}, patience)
		if err := errors.Join(planning, composing, plugging, freeing); err != nil {
			s.t.Errorf("%s: %v", name, err)
		}
	}
}
