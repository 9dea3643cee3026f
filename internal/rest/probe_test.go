package rest_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/rest"
	"github.com/composa-dev/composa/internal/store"
)

// recording tells of its probes in the store, as cmd/composa does.
type recording struct {
	rest.Fabrics
	store *store.Store
}

func (r recording) Probe(ctx context.Context, who composa.Who, name composa.FabricName) ([]composa.Check, error) {
	if err := r.store.BeginProbe(ctx, who, name, 0); err != nil {
		return nil, err
	}
	checks, err := r.Fabrics.Probe(ctx, who, name)
	if err != nil {
		return nil, err
	}
	return checks, r.store.EndProbe(ctx, who, name)
}

// A probe tells its beginning and its end, and is made anew with each request,
// also one of the same key: the client gives each a key.
func TestAProbeWithAKey(t *testing.T) {
	onEach(t, setting{wrap: func(c rest.Config) rest.Config {
		c.Fabrics = recording{c.Fabrics, c.Store.(*store.Store)}
		return c
	}}, func(t *testing.T, w *world) {
		for range 2 {
			got, err := w.client.ProbeFabric(client.WithKey(t.Context(), "k1"), "rack1")
			if err != nil || !got.OK {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		var told []string
		for _, e := range w.page(t, "&subject=rack1&type=fabric", 1000) {
			if e.Type == "fabric.probing" || e.Type == "fabric.probed" {
				told = append(told, e.Type)
			}
		}
		if diff := cmp.Diff([]string{"fabric.probing", "fabric.probed", "fabric.probing", "fabric.probed"}, told); diff != "" {
			t.Errorf("told otherwise (-want +got):\n%s", diff)
		}
	})
}

// keptElsewhere is a store in which another server keeps each key first.
type keptElsewhere struct{ rest.Store }

func (e keptElsewhere) KeepRequest(ctx context.Context, who composa.Who, result string) error {
	if err := e.Store.KeepRequest(ctx, who, result); err != nil {
		return err
	}
	return e.Store.KeepRequest(ctx, who, result)
}

// A check whose key another server keeps meanwhile was made all the same.
func TestACheckWhoseKeyIsKeptElsewhere(t *testing.T) {
	w := newWorld(t, setting{wrap: func(c rest.Config) rest.Config { c.Store = keptElsewhere{c.Store}; return c }})
	if got := w.ask("POST", "/v1/fabrics/rack1/check", "", "Idempotency-Key: k1"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
