package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

// fresh reads the whole site, as a store that was just opened does.
func (b *bed) fresh() *composa.Site {
	b.t.Helper()
	site, err := b.empty().readSite(b.ctx(), "read the site", 0)
	b.ok(err)
	return &site.Site
}

// sameSites compares what a store kept with what is in the tables, look-ups and
// all.
func sameSites(kept, fresh *composa.Site) string {
	if diff := cmp.Diff(fresh, kept, cmpIgnoreIndex, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(composa.Site{}, "Now")); diff != "" {
		return diff
	}
	look := func(s *composa.Site) (out []string) {
		for i := range fresh.Devices {
			d := &fresh.Devices[i]
			out = append(out, fmt.Sprint(s.Device(d.ID).Place(), s.At(d.Place()).ID, s.Claim(d.ID), s.Seen(d) != nil))
		}
		for i := range fresh.Machines {
			out = append(out, fmt.Sprint(s.Binding(fresh.Machines[i].ID), s.State(&fresh.Machines[i])))
		}
		return out
	}
	return cmp.Diff(look(fresh), look(kept))
}

// writer does at random what changes a site, on one of two stores.
type writer struct {
	t       *rapid.T
	beds    []*bed
	fabrics []composa.FabricName
	n       int
	looked  looked
}

func (w *writer) bed() *bed { return rapid.SampledFrom(w.beds).Draw(w.t, "store") }

func (w *writer) device(site *composa.Site) (composa.Device, bool) {
	if len(site.Devices) == 0 {
		return composa.Device{}, false
	}
	return rapid.SampledFrom(site.Devices).Draw(w.t, "device"), true
}

func (w *writer) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"fabric":  func(*rapid.T) { w.fabric() },
		"compose": func(*rapid.T) { w.compose() },
		"step":    func(*rapid.T) { w.step() },
		"end":     func(*rapid.T) { w.end() },
		"cancel": func(*rapid.T) {
			b := w.bed()
			if site := b.site(); len(site.Operations) > 0 {
				_, err := b.RequestCancel(b.ctx(), b.admin, rapid.SampledFrom(site.Operations).Draw(w.t, "operation").ID)
				b.ok(err)
			}
		},
		"look":   func(*rapid.T) { w.look() },
		"device": func(*rapid.T) { w.setDevice() },
		"pool":   func(*rapid.T) { w.pool() },
		"silent": func(*rapid.T) {
			if b := w.bed(); len(w.fabrics) > 0 {
				b.ok(b.Record(b.ctx(), system, composa.Observation{Fabric: rapid.SampledFrom(w.fabrics).Draw(w.t, "fabric"), Silent: rapid.SampledFrom([]string{"gone", "asleep"}).Draw(w.t, "why")}))
			}
		},
		"tenure": func(*rapid.T) {
			if b := w.bed(); len(w.fabrics) > 0 {
				_, err := b.TakeTenure(b.ctx(), system, rapid.SampledFrom(w.fabrics).Draw(w.t, "fabric"), "server")
				b.ok(err)
			}
		},
		"hosts": func(*rapid.T) {
			b := w.bed()
			b.ok(b.SetHosts(b.ctx(), system, []composa.HostEntry{{IPMI: "192.0.2.12", Address: rapid.SampledFrom([]string{"a", "b"}).Draw(w.t, "address")}}))
		},
		"": func(*rapid.T) {
			for _, b := range w.beds {
				if diff := sameSites(b.site(), b.fresh()); diff != "" {
					w.t.Fatalf("the kept site differs (-tables +kept):\n%s", diff)
				}
				if diff := b.sameRows(w.looked); diff != "" {
					w.t.Fatalf("what is remembered differs: %s", diff)
				}
				b.toldOfAll()
			}
		},
	}
}

// repeat begins with an operation whose step runs, and goes on at random.
func (w *writer) repeat() {
	w.fabric()
	w.compose()
	w.step()
	w.t.Repeat(w.actions())
}

func (w *writer) fabric() {
	if len(w.fabrics) < 3 {
		w.fabrics = append(w.fabrics, composa.FabricName(fmt.Sprintf("rack%d", len(w.fabrics))))
		w.bed().addFabric(w.fabrics[len(w.fabrics)-1], 4)
	}
}

func (w *writer) compose() {
	b := w.bed()
	site := b.site()
	free := slices.DeleteFunc(slices.Clone(site.Devices), func(d composa.Device) bool { return site.Claim(d.ID) != nil })
	if len(free) == 0 {
		return
	}
	w.n++
	b.accept(b.compose(fmt.Sprintf("m%d", w.n), rapid.SampledFrom(free).Draw(w.t, "device")))
}

// step goes on with an operation: its step begins, ends, or another plan follows,
// and it may bring a picture.
func (w *writer) step() {
	b := w.bed()
	site := b.site()
	if len(site.Operations) == 0 {
		return
	}
	op := rapid.SampledFrom(site.Operations).Draw(w.t, "operation")
	now := b.clock.now()
	s := op.Steps[len(op.Steps)-1]
	a := composa.Advance{Operation: op.ID, Revision: op.Revision, Fabric: op.Fabric, Phase: composa.PhaseRunning, Reason: "it goes on"}
	switch s.State {
	case composa.StepPlanned:
		s.State, s.Attempt, s.BeganAt, s.Step.Machine.Native = composa.StepRunning, 1, now, "7"
		s.Step.Show = composa.Scope{Devices: []string{"gpu0"}}
	case composa.StepRunning:
		s.State, s.EndedAt, s.Evidence = composa.StepDone, now.Local(), "seen"
		s.Step.Machine.NativeSince = now.Add(time.Nanosecond)
	default:
		s = composa.StepRecord{Generation: s.Generation + 1, Ordinal: 1, Direction: composa.Forward, Step: s.Step, State: composa.StepPlanned}
	}
	a.Steps = []composa.StepRecord{s}
	if p := site.Pictures[op.Fabric]; p != nil && rapid.Bool().Draw(w.t, "picture") {
		narrow := *p
		narrow.Began, narrow.Ended, narrow.Looks = now, now, nil
		narrow.Devices, narrow.Machines = slices.Clone(p.Devices[:min(1, len(p.Devices))]), nil
		narrow.Scope = composa.Scope{Labels: []string{"train"}}
		for i := range narrow.Devices {
			narrow.Devices[i].Seen = now
			narrow.Scope.Devices = append(narrow.Scope.Devices, narrow.Devices[i].Name)
		}
		a.Picture = &narrow
	}
	b.advance(a)
}

func (w *writer) end() {
	b := w.bed()
	site := b.site()
	if len(site.Operations) == 0 {
		return
	}
	op := rapid.SampledFrom(site.Operations).Draw(w.t, "operation")
	a := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Native: "n-" + string(op.ID), Made: true, Idle: true}}}
	if rapid.Bool().Draw(w.t, "undone") {
		a.Phase, a.Machines[0] = composa.PhaseUndone, composa.MachineChange{Machine: op.Machines[0], Freed: true}
		for _, c := range site.Claims {
			if c.Machine == op.Machines[0] {
				a.Claims = append(a.Claims, composa.ClaimChange{Claim: c.ID, Closed: rapid.Bool().Draw(w.t, "closed"), Released: true, Purpose: composa.PurposeReleasing, Used: true})
			}
		}
	}
	b.advance(a)
}

// look shows a fabric as it was, or with a part that is gone, moved or degraded.
func (w *writer) look() {
	b := w.bed()
	site := b.site()
	if len(w.fabrics) == 0 {
		return
	}
	name := rapid.SampledFrom(w.fabrics).Draw(w.t, "fabric")
	p := *site.Pictures[name]
	p.Began, p.Ended, p.Looks = b.clock.now(), b.clock.now(), nil
	p.Devices = slices.Clone(p.Devices)
	for i := range p.Devices {
		p.Devices[i].Seen = p.Began
	}
	o := composa.Observation{Fabric: name, Picture: &p}
	if d, ok := w.device(site); ok && d.Fabric == name {
		switch rapid.SampledFrom([]string{"same", "gone", "degraded", "moved"}).Draw(w.t, "what") {
		case "gone":
			o.Parts = []composa.PartChange{{Device: d, Gone: true}}
			p.Devices = slices.DeleteFunc(p.Devices, func(s composa.SeenDevice) bool { return s.Name == d.Name })
		case "degraded":
			d.Health = composa.HealthDegraded
			o.Parts = []composa.PartChange{{Device: d}}
		case "moved":
			w.n++
			d.Name = fmt.Sprintf("slot%d", w.n)
			o.Parts = []composa.PartChange{{Device: d}}
		}
	}
	b.ok(b.Record(b.ctx(), system, o))
}

func (w *writer) setDevice() {
	b := w.bed()
	if d, ok := w.device(b.site()); ok {
		value := rapid.SampledFrom([]string{"x", "y"}).Draw(w.t, "value")
		_, err := b.SetDevice(b.ctx(), b.admin, d.ID, 0, composa.DeviceUpdate{Labels: map[string]*string{"rack": &value}})
		b.ok(err)
	}
}

func (w *writer) pool() {
	b := w.bed()
	site := b.site()
	where := func() string {
		return rapid.SampledFrom([]string{"", "rack x", "rack y", "kind ssd"}).Draw(w.t, "where")
	}
	if len(site.Pools) < 3 {
		w.n++
		if _, err := b.CreatePool(b.ctx(), b.admin, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: fmt.Sprintf("p%d", w.n), Where: where()}); err != nil {
			b.code(err, composa.CodeRefused)
		}
		return
	}
	p := rapid.SampledFrom(site.Pools).Draw(w.t, "pool")
	if rapid.Bool().Draw(w.t, "set") {
		other := where()
		if _, err := b.SetPool(b.ctx(), b.admin, composa.PoolTerms{}, p.Project, p.Name, composa.PoolUpdate{Where: &other}); err != nil {
			b.code(err, composa.CodeRefused)
		}
		return
	}
	d, ok := w.device(site)
	if !ok || rapid.Bool().Draw(w.t, "delete") {
		if _, err := b.DeletePool(b.ctx(), b.admin, composa.PoolTerms{}, p.Project, p.Name); err != nil {
			b.code(err, composa.CodeRefused)
		}
		return
	}
	if _, err := b.AddToPool(b.ctx(), b.admin, composa.PoolTerms{}, p.Project, p.Name, []composa.DeviceID{d.ID}); err != nil {
		b.code(err, composa.CodeRefused)
	}
}

// Whatever is written, and whoever writes it, a kept site is what the tables
// hold, and so is what is remembered of rows.
func TestTheKeptSiteIsTheOneInTheTables(t *testing.T) {
	dir, n := t.TempDir(), 0
	remembered, kept := looked{}, looked{}
	t.Run("sqlite", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			n++
			b := openBed(t, newFile(t, filepath.Join(dir, fmt.Sprint(n))))
			(&writer{t: rt, beds: []*bed{b}, looked: remembered}).repeat()
		})
	})
	t.Run("two on postgres", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			url := newDatabase(t)
			one, two := openBed(t, url), openBed(t, url)
			two.clock = one.clock
			(&writer{t: rt, beds: []*bed{one, two}, looked: kept}).repeat()
		})
	})
	for _, what := range []string{"head", "machine", "claim", "revision", "operation", "leg"} {
		if remembered[what] == 0 {
			t.Errorf("no %s was compared on SQLite: %v", what, remembered)
		}
	}
	if kept["operation"] == 0 {
		t.Errorf("no operation was compared on PostgreSQL: %v", kept)
	}
}

// Who reads the same version gets the same site, with its own time; a change is
// a new version, and leaves what others hold as it was.
func TestASiteIsSharedUntilSomethingChanges(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 4)
		b.addFabric("rack2", 4)
		first, second := b.site(), b.site()
		if &first.Devices[0] != &second.Devices[0] || first.Version != second.Version || !second.Now.After(first.Now) {
			t.Errorf("version %d at %s, then %d at %s", first.Version, first.Now, second.Version, second.Now)
		}
		claims := len(first.Claims)
		b.accept(b.compose("train", devices[1]))
		third := b.site()
		if v, err := b.Version(b.ctx()); err != nil || v != third.Version || third.Version <= second.Version {
			t.Errorf("version %d (%v), the site has %d after %d", v, err, third.Version, second.Version)
		}
		if len(first.Claims) != claims || first.Claim(devices[1].ID) != nil || third.Claim(devices[1].ID) == nil {
			t.Errorf("the claims before are %v, after %v", first.Claims, third.Claims)
		}
		if &first.Devices[0] != &third.Devices[0] {
			t.Error("a claim made new devices")
		}
	})
}
