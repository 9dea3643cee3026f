package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/rest"
)

func TestDevicesThatMeetACondition(t *testing.T) {
	w := newWorld(t, setting{})
	w.compose("train", 2)
	count := func(f client.DeviceFilter) int { return len(must(client.All(w.client.Devices(t.Context(), f)))) }
	cpus, nics := count(client.DeviceFilter{Fabric: "rack1", Kind: "cpu"}), count(client.DeviceFilter{Fabric: "rack1", Kind: "nic"})
	for where, want := range map[string]int{
		`device.kind == "gpu"`:                                       6,
		`device.kind == "gpu" && device.memory >= 40*GB`:             6,
		`device.kind == "gpu" && device.memory >= 40*GiB`:            6,
		`device.kind == "gpu" && device.memory > 40*GiB`:             2,
		`device.kind == "gpu" && (device.free || device.use == "x")`: -1,
		`device.kind == "gpu" && device.place.startsWith("rack1/")`:  6,
		`device.speed > 1*Tb`:                                        0,
		`device.cores > 1 || device.speed > 1`:                       cpus + nics,
		`!(device.cores > 1)`:                                        0, // of the others it is not known
		`device.health == "missing"`:                                 0,
	} {
		a := w.ask("GET", "/v1/devices?fabric=rack1&where="+url.QueryEscape(where), "")
		if want < 0 {
			if a.status != 400 || !strings.Contains(a.body, "query.where") || !strings.Contains(a.body, "device has no field use") {
				t.Errorf("%s: %d: %s", where, a.status, a.body)
			}
			continue
		}
		if got := count(client.DeviceFilter{Fabric: "rack1", Where: where}); got != want {
			t.Errorf("%s: %d devices, want %d", where, got, want)
		}
	}
	all, free := `device.kind == "gpu"`, `device.kind == "gpu" && device.free`
	if a, f := count(client.DeviceFilter{Where: all}), count(client.DeviceFilter{Where: free}); a-f != 2 {
		t.Errorf("%d GPUs, %d of them free; want two less", a, f)
	}
}

// Who lists by a condition pays for it with reads; those who ask the same at the
// same time, or after it, share one look, also at a condition that is refused.
func TestAConditionIsLookedAtOnceAndPaidFor(t *testing.T) {
	w := newWorld(t, setting{})
	srv := w.limited(t, rest.Limits{Reads: 2000})
	list := func(where string) answer {
		return ask(srv, w.token, "GET", "/v1/devices?where="+url.QueryEscape(where), "")
	}
	for where, want := range map[string]int{`device.memory + 1 > 2`: 200, `device.memry > 1`: 400} {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if a := list(where); a.status != want {
					t.Errorf("%s: %d: %s; want %d", where, a.status, a.body, want)
				}
			})
		}
		all.Wait()
	}
	for i := range 4 {
		list(fmt.Sprintf("device.cores > %d", i))
	}
	if a := list("device.cores > 0"); a.status != 429 {
		t.Errorf("after six conditions: %d: %s; want too many", a.status, a.body)
	}
}

// fading is a context that is ended from a look at it on.
type fading struct {
	context.Context
	looks *atomic.Int64
}

func (f fading) Err() error {
	if f.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Who goes away before the answer is there leaves none behind.
func TestAListThatNobodyWaitsForIsLookedForAgain(t *testing.T) {
	w := newWorld(t, setting{})
	given := 0
	for n := range 20 {
		path := "/v1/devices?where=" + url.QueryEscape(fmt.Sprintf("device.cores > %d", n))
		left := new(atomic.Int64)
		left.Store(int64(n))
		req := httptest.NewRequestWithContext(fading{t.Context(), left}, "GET", path, nil)
		req.Header.Set("Authorization", "Bearer "+w.token)
		rec := httptest.NewRecorder()
		w.rest.ServeHTTP(rec, req)
		if rec.Code == 200 {
			given++
		}
		if a := w.direct("GET", path, ""); a.status != 200 {
			t.Errorf("after one who went away at look %d (%d): %d: %s", n, rec.Code, a.status, a.body)
		}
	}
	if given == 0 || given == 20 {
		t.Errorf("%d of 20 were answered; want some and not all", given)
	}
}

func TestAWantHasALeastAndACondition(t *testing.T) {
	w := newWorld(t, setting{})
	r := must(w.client.PutMachine(t.Context(), "default", "train", api.PutMachine{Wish: api.Wish{Devices: []api.Want{
		{Kind: "gpu", Count: 2, Min: map[string]any{"memory": "44GB"}, Where: ` device.vendor == "NVIDIA" `},
		{Kind: "cpu", Count: 1, Min: map[string]any{"cores": 8, "memory": 1 << 30}},
	}}}, 30*time.Second))
	if r.Machine == nil {
		t.Fatalf("train is not done: %+v", r.Operation)
	}
	want := []api.Want{
		{Kind: "gpu", Count: 2, Min: map[string]any{"memory": 44e9}, Where: `device.vendor == "NVIDIA"`},
		{Kind: "cpu", Count: 1, Min: map[string]any{"cores": 8.0, "memory": float64(1 << 30)}},
	}
	if diff := cmp.Diff(want, r.Machine.Wish.Devices); diff != "" {
		t.Errorf("its wish (-want +got):\n%s", diff)
	}
	for _, d := range r.Machine.Devices {
		if d.Kind == "gpu" && d.Model != "A40" {
			t.Errorf("%s is an %s, which has 40 GiB", d.Place, d.Model)
		}
	}
	// The same wish in other words is the same.
	again := must(w.client.PutMachine(t.Context(), "default", "train", api.PutMachine{Wish: api.Wish{Devices: []api.Want{
		{Kind: "gpu", Count: 2, Min: map[string]any{"memory": 44_000_000_000}, Where: `device.vendor == "NVIDIA"`},
		{Kind: "cpu", Count: 1, Min: map[string]any{"cores": "8", "memory": "1GiB"}},
	}}}, 30*time.Second))
	if again.Machine == nil || again.Machine.ID != r.Machine.ID || again.Machine.Revision != r.Machine.Revision {
		t.Errorf("again: %+v", again)
	}
	for body, why := range map[string][2]string{
		`{"kind": "gpu", "count": 1, "min": {"memry": "40GB"}}`:                     {"body.devices[0].min.memry", "did you mean memory?"},
		`{"kind": "gpu", "count": 1, "min": {"memory": "40XB"}}`:                    {"body.devices[0].min.memory", "no unit"},
		`{"kind": "gpu", "count": 1, "min": {"memory": 1.5}}`:                       {"body.devices[0].min.memory", "no whole number"},
		`{"kind": "gpu", "count": 1, "min": {"memory": 9007199254740992}}`:          {"body.devices[0].min.memory", "too large for JSON"},
		`{"kind": "gpu", "count": 1, "min": {"memory": 9007199254740993}}`:          {"body.devices[0].min.memory", "too large for JSON"},
		`{"kind": "gpu", "count": 1, "min": {"memory": true}}`:                      {"body.devices[0].min.memory", "neither a quantity"},
		`{"kind": "gpu", "count": 1, "min": {"memory": 0}}`:                         {"body.devices[0].min.memory", "ask for 1 or more"},
		`{"kind": "ssd", "count": 1, "min": {"cores": 4}}`:                          {"body.devices[0].min.cores", "has no"},
		`{"kind": "gpu", "count": 1, "where": "device.memory = 1"}`:                 {"body.devices[0].where", `"line":1,"column":15`},
		`{"kind": "gpu", "count": 1, "where": "device.memry > 1"}`:                  {"body.devices[0].where", "1:8: device has no field memry"},
		`{"kind": "gpu", "count": 1, "where": "device.serial == 'a'"}`:              {"body.devices[0].where", "in lists only"},
		`{"kind": "gpu", "count": 1, "where": "` + strings.Repeat("a", 1025) + `"}`: {"body.devices[0].where", "1024"},
	} {
		for path, sent := range map[string]string{
			"/v1/machines":                    `{"name": "other", "devices": [` + body + `]}`,
			"/v1/machines/default/train/plug": `{"devices": [` + body + `]}`,
		} {
			if a := w.ask("POST", path, sent); a.status != 400 && a.status != 422 || !strings.Contains(a.body, why[0]) || !strings.Contains(a.body, why[1]) {
				t.Errorf("%s %.200s: %d: %s", path, body, a.status, a.body)
			}
		}
	}
}

// A least that a JSON number does not carry exactly is shown as text, so that
// what is shown can be sent again.
func TestALargeLeastIsShownAsText(t *testing.T) {
	for n, shown := range map[int64]string{
		1 << 10: `1024`, 1<<53 - 1: `9007199254740991`, 1 << 53: `"9007199254740992"`, 1<<53 + 1: `"9007199254740993"`,
	} {
		text := must(json.Marshal(rest.MinToAPI(map[string]int64{"memory": n})))
		var sent map[string]any
		if err := json.Unmarshal(text, &sent); err != nil {
			t.Fatal(err)
		}
		again, err := rest.MinOf("body.min", composa.KindGPU, sent)
		if string(text) != `{"memory":`+shown+`}` || err != nil || again["memory"] != n {
			t.Errorf("%d is shown as %s, which is read as %d: %v", n, text, again["memory"], err)
		}
	}
}

// More entries than there may be are refused before their conditions are read.
func TestEntriesAreCountedBeforeTheyAreRead(t *testing.T) {
	w := newWorld(t, setting{})
	wants := func(n int) string {
		return strings.TrimSuffix(strings.Repeat(`{"kind": "gpu", "count": 1, "where": "nonsense"},`, n), ",")
	}
	for n, why := range map[int]string{64: "there is no nonsense", 65: "it has 65 entries, 64 are allowed"} {
		for path, body := range map[string]string{
			"/v1/machines":                    `{"name": "other", "devices": [` + wants(n) + `]}`,
			"/v1/machines/default/train/plug": `{"devices": [` + wants(n) + `]}`,
		} {
			if a := w.ask("POST", path, body); a.status != 400 || !strings.Contains(a.body, why) {
				t.Errorf("%s with %d entries: %d: %.300s; want %q", path, n, a.status, a.body, why)
			}
		}
	}
}

func TestPoolOfWhatMeetsACondition(t *testing.T) {
	w := newWorld(t, setting{})
	ctx := t.Context()
	vision := "vision"
	label := func(name string) {
		must(w.client.EditDevice(ctx, "rack1", name, 0, api.EditDevice{Labels: map[string]*string{"team": &vision}}))
	}
	label("gpu5")
	p := must(w.client.CreatePool(ctx, api.NewPool{Name: "vision", Where: `device.labels.team == "vision"`}))
	if p.Where != `device.labels.team == "vision"` || !slices.Equal(p.Devices, []string{"rack1/gpu5"}) || p.Free != 1 {
		t.Errorf("pool = %+v", p)
	}
	if d := must(w.client.Device(ctx, "rack1", "gpu5")); d.Pool != "vision" || d.Free || d.WhyNot != "in pool vision" {
		t.Errorf("a device that meets the condition = %+v", d)
	}
	label("gpu4")
	if in := must(client.All(w.client.Devices(ctx, client.DeviceFilter{Pool: "vision"}))); len(in) != 2 {
		t.Errorf("%d devices are in the pool after another got the label", len(in))
	}
	if err := w.client.DeletePool(ctx, "default", "vision", 0); err != nil {
		t.Fatal(err)
	}
	if d := must(w.client.Device(ctx, "rack1", "gpu5")); d.Pool != "" || !d.Free {
		t.Errorf("after the pool went: %+v", d)
	}
	for body, why := range map[string]string{
		`{"name": "a", "where": "device.free"}`:          "cannot depend on what is free",
		`{"name": "a", "where": "device.serial == 'x'"}`: "in lists only",
		`{"name": "a", "where": "device.kind == 'gup'"}`: "did you mean",
		`{"name": "a", "where": "device.kind = 'gpu'"}`:  "did you mean ==",
	} {
		if a := w.ask("POST", "/v1/pools", body); a.status != 400 || !strings.Contains(a.body, "body.where") || !strings.Contains(a.body, why) {
			t.Errorf("%s: %d: %s", body, a.status, a.body)
		}
	}
}
