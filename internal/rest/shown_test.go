package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/rest"
)

// What is kept from one version of a site to the next never shows: after any
// changes a server that has kept says what one says that has not.
func TestWhatIsKeptIsWhatIsMadeAnew(t *testing.T) {
	store := &turning{}
	old := rest.New(rest.Config{Store: store, Clock: store.clock})
	defer old.Close()
	anew := rest.New(rest.Config{Store: unversioned{store}, Clock: store.clock})
	defer anew.Close()
	rapid.Check(t, func(t *rapid.T) {
		store.site = smallSite().Index()
		store.version++
		for range rapid.IntRange(1, 8).Draw(t, "versions") {
			store.turn(t)
			for _, path := range []string{
				"/v1/devices?limit=1000", "/v1/devices?free=true", "/v1/devices?fabric=rack1&kind=gpu", "/v1/devices?use=attached", "/v1/devices?pool=vision",
				"/v1/devices/rack1/gpu1", "/v1/available", "/v1/fabrics", "/v1/machines", "/v1/pools",
			} {
				want, got := ask(anew, "abcdefghijklmnopqrst", "GET", path, ""), ask(old, "abcdefghijklmnopqrst", "GET", path, "")
				if diff := cmp.Diff(want.body, got.body); diff != "" || got.status != 200 {
					t.Fatalf("GET %s answers %d (-made anew +kept):\n%s", path, got.status, diff)
				}
			}
		}
	})
}

// unversioned is a store that does not tell its version, so that nothing of it
// can be kept.
type unversioned struct{ *turning }

func (unversioned) Version(context.Context) (int64, error) { return 0, nil }

// turning is a store whose site changes.
type turning struct {
	large
	site    *composa.Site
	version int64
}

func (s *turning) clock() time.Time { return time.Unix(1_800_000_000, 0) }

func smallSite() *composa.Site {
	s := &composa.Site{Pictures: map[composa.FabricName]*composa.Picture{}, Pools: []composa.Pool{{ID: "pool_a", Project: "proj_a", Name: "vision"}}}
	for _, name := range []composa.FabricName{"rack1", "rack1-a", "rack2"} {
		s.Fabrics = append(s.Fabrics, composa.Fabric{Name: name, Access: composa.AccessManage, Abilities: &composa.Abilities{Make: composa.MakeEmpty}})
		p := &composa.Picture{Fabric: name, Complete: true}
		for i := range 4 {
			d := composa.Device{
				ID: composa.DeviceID(fmt.Sprintf("dev_%s_%d", name, i)), Fabric: name, Name: fmt.Sprint("gpu", i), Kind: composa.KindGPU,
				Health: composa.HealthOK, Hygiene: composa.HygieneClean, Revision: 1,
			}
			s.Devices = append(s.Devices, d)
			p.Devices = append(p.Devices, composa.SeenDevice{Name: d.Name, Spot: composa.Spot{Area: composa.AreaFree}})
		}
		m := composa.Machine{ID: composa.MachineID("mach_" + name), Project: "proj_a", Name: "m-" + string(name), Fabric: name, Native: "1", Label: "l", Made: true}
		s.Machines = append(s.Machines, m)
		p.Machines = append(p.Machines, composa.SeenMachine{Native: "1", Label: "l", InOurs: true})
		s.Pictures[name] = p
	}
	return s
}

// turn makes the next version, in which one thing differs.
func (s *turning) turn(t *rapid.T) {
	next := *s.site
	next.Devices, next.Machines, next.Claims = slices.Clone(next.Devices), slices.Clone(next.Machines), slices.Clone(next.Claims)
	next.Fabrics, next.Pools = slices.Clone(next.Fabrics), slices.Clone(next.Pools)
	i := rapid.IntRange(0, len(next.Devices)-1).Draw(t, "device")
	d := &next.Devices[i]
	f := &next.Fabrics[i/4]
	m := &next.Machines[i/4]
	was := next.Pictures[f.Name]
	p := *was
	p.Devices, p.Machines, p.Began = slices.Clone(p.Devices), slices.Clone(p.Machines), was.Began.Add(time.Second)
	switch rapid.SampledFrom([]string{
		"label", "pool", "health", "look", "spot", "gone", "claim", "pass on", "release", "rename", "project", "silent", "observe", "read only", "native", "hosted", "pools", "within",
	}).Draw(t, "change") {
	case "label":
		d.Labels, d.Revision = map[string]string{"n": fmt.Sprint(s.version)}, d.Revision+1
	case "pool":
		d.Pool, d.Revision = "pool_a", d.Revision+1
	case "health":
		d.Health, d.Revision = composa.HealthFailed, d.Revision+1
	case "look":
	case "spot":
		p.Devices[0].Spot = composa.Spot{Area: composa.AreaMachine, Machine: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "in")}
	case "gone":
		p.Devices = p.Devices[:len(p.Devices)/2]
	case "claim":
		if s.site.Claim(d.ID) == nil {
			next.Claims = append(next.Claims, composa.Claim{ID: composa.ClaimID(fmt.Sprint("claim_", s.version)), Device: d.ID, Machine: m.ID, Purpose: composa.PurposeMachine})
		}
	case "pass on": // the last claim is closed, and another opened
		if n := len(next.Claims); n > 0 && s.site.Claim(d.ID) == nil {
			next.Claims[n-1].Device = d.ID
		} else if n > 0 {
			next.Claims[n-1].Machine = next.Machines[rapid.IntRange(0, 2).Draw(t, "to")].ID
		}
	case "release":
		next.Claims = next.Claims[:len(next.Claims)/2]
	case "rename":
		m.Name += "x"
	case "project":
		m.Project = rapid.SampledFrom([]composa.ProjectID{"proj_a", "proj_b"}).Draw(t, "project")
	case "silent":
		f.Reach.SilentSince = rapid.SampledFrom([]time.Time{{}, s.clock()}).Draw(t, "since")
	case "observe":
		f.Access = rapid.SampledFrom([]composa.Access{composa.AccessManage, composa.AccessObserve}).Draw(t, "access")
	case "read only":
		f.Abilities = &composa.Abilities{Make: f.Abilities.Make, ReadOnly: &composa.ReadOnly{Why: "it is"}}
	case "native":
		m.Native = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "native")
	case "hosted":
		f.Abilities = &composa.Abilities{Make: composa.MakeHosted, Emulated: true}
	case "pools":
		next.Pools[0].Name = rapid.SampledFrom([]string{"vision", "graphics"}).Draw(t, "name")
	case "within":
		p.Machines[0].Devices = []string{"gpu1"}
	}
	next.Pictures = map[composa.FabricName]*composa.Picture{}
	for name, have := range s.site.Pictures {
		next.Pictures[name] = have
	}
	next.Pictures[f.Name] = &p
	s.version++
	next.Version = s.version
	s.site = next.Index()
}

// Pages go on where they ended also where the name of one fabric begins with
// that of another.
func TestPagesOfFabricsThatBeginAlike(t *testing.T) {
	srv := rest.New(rest.Config{Store: large{site: smallSite().Index()}})
	defer srv.Close()
	for _, limit := range []int{1, 2, 3, 5} {
		var got []string
		for cursor, n := "", 0; n < 20; n++ {
			var p api.Devices
			if err := json.Unmarshal([]byte(ask(srv, "abcdefghijklmnopqrst", "GET", fmt.Sprintf("/v1/devices?limit=%d&cursor=%s", limit, cursor), "").body), &p); err != nil {
				t.Fatal(err)
			}
			for _, d := range p.Items {
				got = append(got, d.Place)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if n := len(slices.Compact(slices.Sorted(slices.Values(got)))); n != 12 || len(got) != 12 {
			t.Errorf("pages of %d give %d devices, %d different ones, of 12: %v", limit, len(got), n, got)
		}
	}
}

// A token that is taken back, or has ended, is refused at once, and so is the
// stream that it opened.
func TestATokenEndsAtOnce(t *testing.T) {
	store := &turning{site: smallSite().Index(), version: 1}
	now := time.Now()
	tokens := &ending{turning: store, now: &now, ends: now.Add(time.Minute)}
	srv := rest.New(rest.Config{Store: tokens, Clock: func() time.Time { return now }})
	defer srv.Close()
	status := func() int { return ask(srv, "abcdefghijklmnopqrst", "GET", "/v1/devices", "").status }
	if got := status(); got != 200 {
		t.Fatalf("the answer is %d", got)
	}
	asked := tokens.asked
	if got := status(); got != 200 || tokens.asked != asked {
		t.Errorf("the answer is %d, and the store was asked %d times more", got, tokens.asked-asked)
	}
	now = now.Add(2 * time.Minute)
	if got := status(); got != 401 {
		t.Errorf("after its end a token is answered %d", got)
	}
	now = now.Add(-2 * time.Minute)
	if got := status(); got != 200 {
		t.Fatalf("the answer is %d", got)
	}
	tokens.revoked, store.version = true, store.version+1
	if got := status(); got != 401 {
		t.Errorf("a token that was taken back is answered %d", got)
	}
}

// A list that has not changed is not sent again.
func TestListsThatTheCallerHas(t *testing.T) {
	store := &turning{site: smallSite().Index(), version: 1}
	srv := rest.New(rest.Config{Store: store})
	defer srv.Close()
	list := func(tag string) answer {
		return ask(srv, "abcdefghijklmnopqrst", "GET", "/v1/devices?limit=2", "", "If-None-Match: "+tag)
	}
	first := list("")
	tag := first.header.Get("ETag")
	if first.status != 200 || !strings.HasPrefix(tag, `W/"`) {
		t.Fatalf("the answer is %d with tag %s", first.status, tag)
	}
	if got := list(`"x", ` + tag); got.status != 304 || got.body != "" || got.header.Get("ETag") != tag {
		t.Errorf("the answer is %d with tag %s: %s", got.status, got.header.Get("ETag"), got.body)
	}
	store.version++
	if got := list(tag); got.status != 200 || got.header.Get("ETag") == tag {
		t.Errorf("after a change the answer is %d with tag %s", got.status, got.header.Get("ETag"))
	}
	other := rest.New(rest.Config{Store: store})
	defer other.Close()
	if got := ask(other, "abcdefghijklmnopqrst", "GET", "/v1/devices?limit=2", "", "If-None-Match: "+tag); got.status != 200 {
		t.Errorf("another server takes the tag for its own: %d", got.status)
	}
}

// ending is a store with one token, which ends or is taken back.
type ending struct {
	*turning
	now     *time.Time
	ends    time.Time
	revoked bool
	asked   int
}

func (s *ending) TokenOwner(ctx context.Context, who composa.Who, hash []byte) (composa.Who, error) {
	s.asked++
	if s.revoked || !s.now.Before(s.ends) {
		return composa.Who{}, composa.Errorf(composa.CodeUnauthenticated, "cannot sign in: nobody has this token")
	}
	owner, err := s.turning.TokenOwner(ctx, who, hash)
	owner.Expires = s.ends
	return owner, err
}

func (s *turning) Site(context.Context, composa.Who) (*composa.Site, error) { return s.site, nil }
func (s *turning) Version(context.Context) (int64, error)                   { return s.version, nil }
