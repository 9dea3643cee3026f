package rest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/rest"
)

// Pages of any size, put together, are the list; what stays while pages are
// read comes exactly once, whatever comes and goes in between.
func TestPagesAreTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,2}[0-9]{0,3}(/gpu[0-9]{1,3})?`)
		all := rapid.SliceOfNDistinct(name, 0, 60, rapid.ID[string]).Draw(t, "names")
		passing := rapid.SliceOfNDistinct(name, 0, 10, rapid.ID[string]).Draw(t, "passing")
		passing = slices.DeleteFunc(passing, func(s string) bool { return slices.Contains(all, s) })
		slices.SortFunc(all, composa.NaturalCompare)
		limit := rapid.IntRange(1, 20).Draw(t, "limit")
		var got []string
		cursor := ""
		for {
			now := slices.Clone(all)
			if rapid.Bool().Draw(t, "with those that pass") {
				now = append(now, passing...)
				slices.SortFunc(now, composa.NaturalCompare)
			}
			page, next, err := rest.Cut(now, limit, cursor)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > limit {
				t.Fatalf("a page of %d, limit %d", len(page), limit)
			}
			got = append(got, page...)
			if cursor = next; cursor == "" {
				break
			}
		}
		if !slices.IsSortedFunc(got, composa.NaturalCompare) {
			t.Fatalf("not in order: %v", got)
		}
		stayed := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return slices.Contains(passing, s) })
		if diff := cmp.Diff(all, stayed); diff != "" && len(all)+len(stayed) > 0 {
			t.Fatal(diff)
		}
	})
}

// value draws any JSON value; twice and deep say whether a field stands twice in
// it, and how deep it is.
func value(t *rapid.T, depth int) (text string, twice bool, deep int) {
	kinds := []string{"1", `"x"`, "true", "null", "-1.5e3", `"\u00e9{[\""`}
	switch choice := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case depth <= 0 || choice < 4:
		return rapid.SampledFrom(kinds).Draw(t, "plain"), false, 0
	case choice < 7:
		n := rapid.IntRange(0, 3).Draw(t, "items")
		var items []string
		for range n {
			item, tw, d := value(t, depth-1)
			items = append(items, item)
			twice, deep = twice || tw, max(deep, d)
		}
		return "[" + strings.Join(items, " , ") + "]", twice, deep + 1
	}
	n := rapid.IntRange(0, 4).Draw(t, "fields")
	seen := map[string]bool{}
	var fields []string
	for range n {
		key := rapid.SampledFrom([]string{"a", "b", "c", "A", "d"}).Draw(t, "key")
		twice = twice || seen[key]
		seen[key] = true
		written := fmt.Sprintf("%q", key)
		if key == "a" && rapid.Bool().Draw(t, "escaped") {
			written = `"\u0061"` // the same field, otherwise written
		}
		item, tw, d := value(t, depth-1)
		fields = append(fields, written+": "+item)
		twice, deep = twice || tw, max(deep, d)
	}
	return "{" + strings.Join(fields, ",\n") + "}", twice, deep + 1
}

// A body is taken when it is JSON, not too deep, and no field stands twice.
func TestBodyCheck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, twice, deep := value(t, 6)
		wrap := rapid.IntRange(0, 33).Draw(t, "wrap")
		text = strings.Repeat("[", wrap) + text + strings.Repeat("]", wrap)
		sound := !twice && deep+wrap <= rest.MaxDepth
		if !json.Valid([]byte(text)) {
			t.Fatalf("the test makes what is not JSON: %s", text)
		}
		if err := rest.CheckBody([]byte(text)); (err == nil) != sound {
			t.Fatalf("doubled %t, depth %d: %v\n%s", twice, deep+wrap, err, text)
		}
		cutOff := text[:rapid.IntRange(0, len(text)-1).Draw(t, "cut off")]
		if !json.Valid([]byte(cutOff)) && strings.TrimSpace(cutOff) != "" && rest.CheckBody([]byte(cutOff)) == nil {
			t.Fatalf("cut off and taken: %s", cutOff)
		}
	})
}

func FuzzBodyCheck(f *testing.F) {
	f.Fuzz(func(t *testing.T, body []byte) {
		taken := rest.CheckBody(body) == nil
		if taken && len(strings.TrimSpace(string(body))) > 0 && !json.Valid(body) {
			t.Errorf("%q is taken and is no JSON", body)
		}
	})
}

// Lists come in natural order, whole, through pages of any size.
func TestDevicesInNaturalOrder(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack2", "rack10", "rack1"}})
	var got []string
	cursor := ""
	for {
		a := w.ask("GET", "/v1/devices?limit=5&cursor="+cursor, "")
		var p api.Devices
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 || p.AsOf.IsZero() {
			t.Fatalf("%d: %s", a.status, a.body)
		}
		for _, d := range p.Items {
			got = append(got, d.Place)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(got) != 3*14 || !slices.IsSortedFunc(got, composa.NaturalCompare) || !strings.HasPrefix(got[len(got)-1], "rack10/") {
		t.Errorf("%d devices in the order %v", len(got), got)
	}
	whole := must(client.All(w.client.Devices(t.Context(), client.DeviceFilter{})))
	if len(whole) != len(got) {
		t.Errorf("the client lists %d devices, the pages %d", len(whole), len(got))
	}
}

func TestDeviceFilters(t *testing.T) {
	w := newWorld(t, setting{observe: "rack2"})
	m := w.compose("train", 2)
	must(w.client.CreatePool(t.Context(), poolOf("vision", "rack1/gpu5")))
	count := func(f client.DeviceFilter) int { return len(must(client.All(w.client.Devices(t.Context(), f)))) }
	yes, no := true, false
	for _, tt := range []struct {
		name   string
		filter client.DeviceFilter
		want   int
	}{
		{"all", client.DeviceFilter{}, 28},
		{"gpu", client.DeviceFilter{Kind: "gpu"}, 12},
		{"gpu of rack1", client.DeviceFilter{Kind: "gpu", Fabric: "rack1"}, 6},
		{"free gpu: not those in use, in a pool, or of a rack that is only observed", client.DeviceFilter{Kind: "gpu", Free: &yes}, 3},
		{"gpu that are not free", client.DeviceFilter{Kind: "gpu", Free: &no}, 9},
		{"in the pool", client.DeviceFilter{Pool: "vision"}, 1},
		{"attached", client.DeviceFilter{Use: "attached"}, 3},
		{"of no such model", client.DeviceFilter{Model: "H9000"}, 0},
	} {
		if got := count(tt.filter); got != tt.want {
			t.Errorf("%s: %d devices, want %d", tt.name, got, tt.want)
		}
	}
	d := must(w.client.Device(t.Context(), "rack1", placeName(m, "gpu")))
	if d.Use != "attached" || d.Machine != "train" || d.MachineID != m.ID || d.Project != "default" || d.Free || d.WhyNot != "claimed" {
		t.Errorf("an attached device is %+v", d)
	}
	if by := must(w.client.DeviceByID(t.Context(), d.ID)); by.Place != d.Place {
		t.Errorf("by id it is at %s", by.Place)
	}
}

func placeName(m *api.Machine, kind string) string {
	for _, d := range m.Devices {
		if d.Kind == kind {
			_, name, _ := strings.Cut(d.Place, "/")
			return name
		}
	}
	return ""
}

func TestAvailable(t *testing.T) {
	w := newWorld(t, setting{})
	w.compose("train", 2)
	for _, a := range must(client.All(w.client.Available(t.Context(), "gpu"))) {
		free, all, most := 0, 0, 0
		for _, f := range a.Fabrics {
			free, all, most = free+f.Free, all+f.All, max(most, f.Free)
		}
		if a.Free != free || a.All != all || a.Most != most || a.Most > a.Free {
			t.Errorf("sums do not agree: %+v", a)
		}
	}
	total := 0
	for _, a := range must(client.All(w.client.Available(t.Context(), ""))) {
		if a.Kind == "gpu" {
			total += a.Free
		}
	}
	if total != 10 {
		t.Errorf("%d gpu are free, want 10", total)
	}
}

func TestEditDeviceWithETag(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	first := w.ask("GET", "/v1/devices/rack1/gpu5", "")
	tag := first.header.Get("ETag")
	edit := w.ask("PATCH", "/v1/devices/rack1/gpu5", `{"cordon": "bad fan", "labels": {"shelf": "2"}}`, "If-Match: "+tag)
	var d api.Device
	if err := json.Unmarshal([]byte(edit.body), &d); err != nil || edit.status != 200 || d.Cordon == nil || d.Cordon.By != "admin" || d.Labels["shelf"] != "2" || d.WhyNot != "cordoned" {
		t.Fatalf("%d: %s", edit.status, edit.body)
	}
	if got := w.ask("PATCH", "/v1/devices/rack1/gpu5", `{"cordon": ""}`, "If-Match: "+tag); got.status != 412 {
		t.Errorf("the same tag again answers %d: %s", got.status, got.body)
	}
	back := must(w.client.EditDevice(t.Context(), "rack1", "gpu5", d.Revision, api.EditDevice{Cordon: new(""), Labels: map[string]*string{"shelf": nil}}))
	if back.Cordon != nil || len(back.Labels) != 0 || !back.Free {
		t.Errorf("taken back it is %+v", back)
	}
}

// A host that a person names is the machine's.
func TestAddressOfAMachine(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	m := w.compose("train", 1)
	if m.Reach != "no address" || m.Address != "" {
		t.Errorf("before: %s %q", m.Reach, m.Address)
	}
	must(w.client.EditDevice(t.Context(), "rack1", placeName(m, "cpu"), 0, api.EditDevice{Address: new("192.0.2.9"), Login: new("ubuntu")}))
	now := must(w.client.Machine(t.Context(), "default", "train"))
	if now.Address != "192.0.2.9" || now.Login != "ubuntu" || now.Reach != "unknown" {
		t.Errorf("after: %+v", now)
	}
}

func TestPools(t *testing.T) {
	w := newWorld(t, setting{})
	ctx := t.Context()
	p := must(w.client.CreatePool(ctx, api.NewPool{Name: "vision", Most: 3, Labels: map[string]string{"team": "v"}, IDs: []string{"rack1/gpu5", "rack2/gpu5"}}))
	if p.Project != "default" || p.Owner != "admin" || p.Free != 2 || !slices.Equal(p.Devices, []string{"rack1/gpu5", "rack2/gpu5"}) {
		t.Errorf("pool = %+v", p)
	}
	d := must(w.client.Device(ctx, "rack1", "gpu5"))
	if d.Pool != "vision" || d.Free || d.WhyNot != "in pool vision" {
		t.Errorf("device in a pool = %+v", d)
	}
	p = must(w.client.AddToPool(ctx, "default", "vision", []string{d.ID, "rack1/gpu4"}, client.PoolTerms{}))
	if !slices.Equal(p.Devices, []string{"rack1/gpu4", "rack1/gpu5", "rack2/gpu5"}) {
		t.Errorf("after adding it has %v", p.Devices)
	}
	p = must(w.client.RemoveFromPool(ctx, "default", "vision", []string{"rack1/gpu5", "rack2/gpu5"}, client.PoolTerms{}))
	if !slices.Equal(p.Devices, []string{"rack1/gpu4"}) {
		t.Errorf("pool = %+v", p)
	}
	must(w.client.RemoveFromPool(ctx, "default", "vision", []string{"rack1/gpu4"}, client.PoolTerms{}))
	now := must(w.client.Pool(ctx, "default", "vision"))
	if err := w.client.DeletePool(ctx, "default", "vision", now.Revision); err != nil {
		t.Errorf("delete: %v", err)
	}
	if left := must(client.All(w.client.Pools(ctx, ""))); len(left) != 0 {
		t.Errorf("pools = %+v", left)
	}
}

func TestFabricsAndInventory(t *testing.T) {
	w := newWorld(t, setting{observe: "rack2"})
	ctx := t.Context()
	w.compose("train", 2)
	fabrics := must(client.All(w.client.Fabrics(ctx)))
	if len(fabrics) != 2 || fabrics[0].Name != "rack1" || fabrics[0].State != "ok" || fabrics[0].Machines != 1 || fabrics[0].Foreign != 0 || fabrics[1].Access != "observe" {
		t.Errorf("fabrics = %+v", fabrics)
	}
	inv := must(w.client.Inventory(ctx, "rack1"))
	if !inv.Complete || len(inv.Devices) != 14 || len(inv.Machines) != 1 || !inv.Machines[0].Ours || inv.Machines[0].Machine != "train" || len(inv.Machines[0].Devices) != 3 {
		t.Errorf("inventory = %+v", inv)
	}
	check := must(w.client.CheckFabric(ctx, "rack1"))
	if !check.OK || len(check.Checks) != 1 || check.Checks[0].Seconds != 1.5 {
		t.Errorf("check = %+v", check)
	}
	if probe := must(w.client.ProbeFabric(ctx, "rack1")); !probe.OK || probe.Checks[0].Name != "second edit" || probe.Checks[1].Text != "admin" {
		t.Errorf("probe = %+v", probe)
	}
}

func TestSite(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	s := must(w.client.Site(t.Context()))
	if s.Version != "test" || s.Principal != "admin" || !slices.Equal(s.Projects, []string{"default"}) || s.Site == "" || s.Incarnation == "" {
		t.Errorf("site = %+v", s)
	}
	for _, name := range []string{"bodyBytes", "jsonDepth", "listLimit", "waitSeconds", "waits", "eventStreams", "nameLength", "machineDevices", "machineEntries", "labels"} {
		if s.Limits[name] == 0 {
			t.Errorf("limit %s is not told", name)
		}
	}
	for _, name := range []string{"machines", "pools", "events", "plans", "wait"} {
		if !slices.Contains(s.Features, name) {
			t.Errorf("feature %s is not told", name)
		}
	}
	if err := w.client.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.client.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if p := must(client.All(w.client.Projects(t.Context()))); len(p) != 1 || p[0].Name != "default" {
		t.Errorf("projects = %+v", p)
	}
}

// A plan tells what would be done, is kept, and changes nothing.
func TestPlans(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	ctx := t.Context()
	w.compose("render", 1)
	before := w.outline(t)
	zero := 0
	for _, r := range []api.NewPlan{
		{Verb: "compose", Machine: "train", Compose: new(wish(2))},
		{Verb: "plug", Machine: "render", Plug: &api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 1}}}},
		{Verb: "unplug", Machine: "render", Unplug: &api.Unplug{Counts: map[string]int{"gpu": 1}}},
		{Verb: "reshape", Machine: "render", Reshape: &api.Reshape{Totals: map[string]int{"gpu": 3}}},
		{Verb: "free", Machine: "render"},
		{Verb: "free", Machine: "render", Free: &api.FreeMachine{Grace: &zero}},
	} {
		p := must(w.client.Plan(ctx, r))
		if p.Verb != r.Verb || p.Machine != r.Machine || p.Fabric != "rack1" || len(p.Steps) == 0 || p.Steps[0].Text == "" || !p.ExpiresAt.After(p.CreatedAt) {
			t.Errorf("%s: plan = %+v", r.Verb, p)
		}
		if gone := r.Verb == "free"; gone != (len(p.Devices) == 0) {
			t.Errorf("%s: devices = %+v", r.Verb, p.Devices)
		}
		kept := must(w.client.StoredPlan(ctx, p.ID))
		if kept.Machine != p.Machine || len(kept.Steps) != len(p.Steps) {
			t.Errorf("%s: stored plan = %+v, want %+v", r.Verb, kept, p)
		}
	}
	if diff := cmp.Diff(before, w.outline(t)); diff != "" {
		t.Errorf("planning changed something:\n%s", diff)
	}
}

// Move through the client: the device changes its machine.
func TestMove(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	train, render := w.compose("train", 2), w.compose("render", 1)
	place := "rack1/" + placeName(train, "gpu")
	r := must(w.client.Move(t.Context(), "default", "train", api.Move{IDs: []string{place}, To: "render"}, 60e9))
	if r.Machine == nil || r.Machine.Name != "train" || kinds(r.Machine, "attached")["gpu"] != 1 {
		t.Errorf("train = %+v", r)
	}
	now := must(w.client.MachineByID(t.Context(), render.ID))
	if kinds(now, "attached")["gpu"] != 2 {
		t.Errorf("render = %+v", now)
	}
}
