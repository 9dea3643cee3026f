package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/rest"
)

// What a pool is changes without removing it, and the answer tells what that
// does and to whom; before, a dry run says the same and changes nothing.
func TestSetPool(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	ctx := t.Context()
	train := w.compose("train", 1) // cpu0 and gpu0
	vision := "vision"
	label := func(name string) {
		must(w.client.EditDevice(ctx, "rack1", name, 0, api.EditDevice{Labels: map[string]*string{"team": &vision}}))
	}
	for _, name := range []string{"gpu4", "gpu5"} {
		label(name)
	}
	created := must(w.client.CreatePool(ctx, api.NewPool{Name: "vision", IDs: []string{"rack1/cpu1", "rack1/gpu1"}}))
	if diff := cmp.Diff([]string{
		"rack1/cpu1 and rack1/gpu1 come into pool vision: requests that name pool vision get them now, requests that name no pool do not",
		"pool vision holds 2 of the 14 devices of the site",
	}, created.Change.Lines); diff != "" || created.Of != 14 {
		t.Error(diff, created.Of)
	}
	shown := must(w.client.Pool(ctx, "default", "vision"))
	if shown.Change != nil || shown.Of != 14 {
		t.Errorf("shown = %+v", shown)
	}

	edit := api.EditPool{Where: new(`device.labels.team == "vision" || device.kind == "gpu"`), Most: new(8), Labels: map[string]*string{"cost": new("7")}}
	before := w.outline(t)
	tried := must(w.client.EditPool(ctx, "default", "vision", edit, client.PoolTerms{Revision: shown.Revision, DryRun: true}))
	if diff := cmp.Diff(before, w.outline(t)); diff != "" {
		t.Fatalf("the dry run changed something:\n%s", diff)
	}
	lines := []string{
		"rack1/gpu0, rack1/gpu2, rack1/gpu3 and 2 more come into pool vision: requests that name pool vision get them now, requests that name no pool do not",
		"machine train keeps rack1/gpu0 until it gives it back",
		"pool vision holds 7 of the 14 devices of the site",
	}
	if diff := cmp.Diff(lines, tried.Change.Lines); diff != "" || !tried.Change.DryRun || tried.Revision != shown.Revision || tried.Most != 8 || len(tried.Devices) != 7 {
		t.Errorf("%s %+v", diff, tried)
	}
	if m := tried.Change.Moves[0]; m.Place != "rack1/gpu0" || m.To != "vision" || m.From != "" || m.Machine != "train" || !strings.HasPrefix(m.ID, "dev_") {
		t.Errorf("the first move is %+v", m)
	}

	// Done on what the dry run told; a second time that is another revision.
	terms := client.PoolTerms{Revision: tried.Revision}
	done := must(w.client.EditPool(ctx, "default", "vision", edit, terms))
	if diff := cmp.Diff(lines, done.Change.Lines); diff != "" || done.Change.DryRun || done.Revision != shown.Revision+1 || done.Labels["cost"] != "7" {
		t.Errorf("%s %+v", diff, done)
	}
	for name, err := range map[string]error{
		"set":    second(w.client.EditPool(ctx, "default", "vision", edit, terms)),
		"add":    second(w.client.AddToPool(ctx, "default", "vision", []string{"rack1/ssd0"}, terms)),
		"remove": second(w.client.RemoveFromPool(ctx, "default", "vision", []string{"rack1/cpu1"}, terms)),
	} {
		if client.CodeOf(err) != string(composa.CodeMismatch) {
			t.Errorf("%s at an old revision: %v", name, err)
		}
	}
	if now := must(w.client.Machine(ctx, "default", "train")); !slices.Equal(placesOf(now.Devices), placesOf(train.Devices)) {
		t.Errorf("train had %v and has %v", placesOf(train.Devices), placesOf(now.Devices))
	}

	// Without its condition, and out of it.
	done = must(w.client.EditPool(ctx, "default", "vision", api.EditPool{Where: new("")}, client.PoolTerms{}))
	if done.Where != "" || !slices.Equal(done.Devices, []string{"rack1/cpu1", "rack1/gpu1"}) ||
		!strings.Contains(done.Change.Lines[0], "leave pool vision: requests that name no pool get them now, requests that name pool vision do not") {
		t.Errorf("%+v %q", done, done.Change.Lines)
	}
	tried = must(w.client.RemoveFromPool(ctx, "default", "vision", []string{"rack1/cpu1"}, client.PoolTerms{DryRun: true}))
	if got := tried.Change.Lines[len(tried.Change.Lines)-1]; got != "pool vision holds 1 of the 14 devices of the site, and no compute node: a machine takes all of its devices from one pool" {
		t.Errorf("%q", got)
	}
	if done = must(w.client.EditPool(ctx, "default", "vision", api.EditPool{Most: new(9)}, client.PoolTerms{})); done.Change.Lines[0] != "no device comes into another pool" {
		t.Errorf("%q", done.Change.Lines)
	}
}

// A condition that every device meets is no mistake, and the answer says what
// it means, before and after.
func TestAPoolOfEverything(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	ctx := t.Context()
	all := api.NewPool{Name: "all-of-it", Where: `device.kind != "gpu" || device.kind == "gpu"`}
	want := "pool all-of-it holds all 14 devices of the site: requests that name no pool get none"
	tried := must(w.client.TryPool(ctx, all))
	if got := tried.Change.Lines; got[len(got)-1] != want || tried.ID != "" || tried.Revision != 0 || tried.Free != 14 {
		t.Errorf("%+v %q", tried, got)
	}
	if left := must(client.All(w.client.Pools(ctx, ""))); len(left) != 0 {
		t.Fatalf("the dry run left %+v", left)
	}
	if a := w.ask("POST", "/v1/pools?dryRun=true", `{"name": "x"}`); a.status != 200 || a.header.Get("Location") != "" || a.header.Get("ETag") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if got := must(w.client.CreatePool(ctx, all)).Change.Lines; got[len(got)-1] != want {
		t.Errorf("%q", got)
	}
	got := must(w.client.EditPool(ctx, "default", "all-of-it", api.EditPool{Where: new(`device.kind == "gpu" && device.kind == "cpu"`)}, client.PoolTerms{DryRun: true})).Change.Lines
	if got[len(got)-1] != "pool all-of-it holds none of the 14 devices of the site" {
		t.Errorf("%q", got)
	}
}

// Removing a pool tells before what becomes of the devices that it has by its
// condition.
func TestADryRunOfRemovingAPool(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	ctx := t.Context()
	vision := must(w.client.CreatePool(ctx, api.NewPool{Name: "vision", Where: `device.kind == "nic"`}))
	before := w.outline(t)
	got := must(w.client.TryDeletePool(ctx, "default", "vision", vision.Revision))
	want := []string{
		"rack1/nic0 and rack1/nic1 leave pool vision: requests that name no pool get them now, requests that name pool vision do not",
		"there is no pool vision then: requests that name it are refused",
	}
	if diff := cmp.Diff(want, got.Change.Lines); diff != "" || !got.Change.DryRun || got.Revision != vision.Revision || len(got.Devices) != 2 || got.ID != vision.ID {
		t.Errorf("%s %+v", diff, got)
	}
	if diff := cmp.Diff(before, w.outline(t)); diff != "" {
		t.Fatalf("the dry run changed something:\n%s", diff)
	}
	if err := second(w.client.TryDeletePool(ctx, "default", "vision", 7)); client.CodeOf(err) != string(composa.CodeMismatch) {
		t.Error(err)
	}
	if err := w.client.DeletePool(ctx, "default", "vision", vision.Revision); err != nil {
		t.Error(err)
	}
	if err := second(w.client.TryDeletePool(ctx, "default", "vision", 0)); client.CodeOf(err) != string(composa.CodeNotFound) {
		t.Error(err)
	}
}

// busyStore is a store in which somebody else is quick after each change of a
// pool.
type busyStore struct {
	rest.Store
	then func()
}

func (s *busyStore) SetPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, u composa.PoolUpdate) (*composa.PoolChange, error) {
	c, err := s.Store.SetPool(ctx, who, terms, project, name, u)
	s.then()
	return c, err
}

// A change is answered by what it made, with its own revision, whatever others
// made of the pool before the answer.
func TestAChangeOfAPoolIsAnsweredByWhatItMade(t *testing.T) {
	busy := &busyStore{}
	w := newWorld(t, setting{racks: []string{"rack1"}, wrap: func(c rest.Config) rest.Config {
		busy.Store, c.Store = c.Store, busy
		return c
	}})
	ctx := t.Context()
	created := must(w.client.CreatePool(ctx, api.NewPool{Name: "vision"}))
	who := w.admin
	pool := must(w.store.Site(ctx, who)).Pools[0]
	for name, then := range map[string]func(){
		"changed": func() {
			must(busy.Store.SetPool(ctx, who, composa.PoolTerms{}, pool.Project, "vision", composa.PoolUpdate{Most: new(1), Where: new("")}))
		},
		"removed": func() {
			must(busy.Store.DeletePool(ctx, who, composa.PoolTerms{}, pool.Project, "vision"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.client.Pool(ctx, "default", "vision"); err != nil {
				created = must(w.client.CreatePool(ctx, api.NewPool{Name: "vision"}))
			}
			at := must(w.client.Pool(ctx, "default", "vision")).Revision
			busy.then = then
			a := w.ask("PATCH", "/v1/pools/default/vision", `{"where": "device.kind == \"nic\"", "most": 5}`)
			var got api.Pool
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
				t.Fatalf("%d %s %v", a.status, a.body, err)
			}
			if got.ID != created.ID || got.Revision != at+1 || a.header.Get("ETag") != fmt.Sprintf("%q", fmt.Sprint(at+1)) ||
				got.Most != 5 || got.Where != `device.kind == "nic"` || len(got.Change.Moves) != 2 || len(got.Devices) != 2 {
				t.Errorf("%+v, ETag %s", got, a.header.Get("ETag"))
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }
