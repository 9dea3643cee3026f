package driver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/drivertest"
	"github.com/composa-dev/composa/driver/memory"
)

func world(shape memory.Shape) *memory.World {
	return memory.New(memory.Config{
		Name: "rack1", Shape: shape, Site: "site_abcdefgh12345678",
		Counts: map[composa.Kind]int{composa.KindCPU: 6, composa.KindGPU: 12, composa.KindSSD: 8},
	})
}

// layeredHarness runs the contract through both layers; random faults are those
// of the fault layer.
type layeredHarness struct {
	*memory.World
	mu    sync.Mutex
	fault func(driver.Call) driver.Fault
	calls int
}

func (h *layeredHarness) choose(c driver.Call) driver.Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault == nil {
		return driver.Fault{}
	}
	return h.fault(c)
}

func (h *layeredHarness) Fabric(*testing.T) driver.Fabric {
	return driver.Trace(driver.WithFaults(h.World.Fabric(), h.choose), nil, func(driver.Traced) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.calls++
	})
}
func (h *layeredHarness) Rival() drivertest.Rival { return h.World.Foreign() }
func (h *layeredHarness) Changes() int            { _, n := h.World.Calls(); return n }
func (h *layeredHarness) Faults(rng *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = nil
	if rng != nil {
		h.fault = driver.RandomFaults(rng, 3)
	}
}

func (h *layeredHarness) Check(t *testing.T) {
	t.Helper()
	if open := h.OpenSessions(); len(open) > 0 {
		t.Errorf("left open: %v", open)
	}
	if h.calls == 0 {
		t.Error("no call was traced")
	}
}

func TestLayersKeepTheContract(t *testing.T) {
	for _, shape := range memory.Shapes() {
		t.Run(string(shape), func(t *testing.T) {
			drivertest.Run(t, func(*testing.T) drivertest.Harness { return &layeredHarness{World: world(shape)} })
		})
	}
}

// reader is a fabric's preparing.
type reader struct {
	mu    sync.Mutex
	steps []string
}

func (r *reader) Prepare(_ context.Context, s composa.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s.String())
}

// having gives a fabric some of the optional interfaces of all.
func having(f driver.Fabric, reserves, prepares, watches bool) driver.Fabric {
	r, w, p := f.(driver.Reserver), f.(driver.Watcher), &reader{}
	switch fmt.Sprint(reserves, prepares, watches) {
	case "true true true":
		return struct {
			driver.Fabric
			driver.Reserver
			driver.Preparer
			driver.Watcher
		}{f, r, p, w}
	case "true true false":
		return struct {
			driver.Fabric
			driver.Reserver
			driver.Preparer
		}{f, r, p}
	case "true false true":
		return struct {
			driver.Fabric
			driver.Reserver
			driver.Watcher
		}{f, r, w}
	case "true false false":
		return struct {
			driver.Fabric
			driver.Reserver
		}{f, r}
	case "false true true":
		return struct {
			driver.Fabric
			driver.Preparer
			driver.Watcher
		}{f, p, w}
	case "false true false":
		return struct {
			driver.Fabric
			driver.Preparer
		}{f, p}
	case "false false true":
		return struct {
			driver.Fabric
			driver.Watcher
		}{f, w}
	}
	return struct{ driver.Fabric }{f}
}

func TestLayersPassOnWhatTheFabricHas(t *testing.T) {
	var full driver.Fabric
	for _, shape := range memory.Shapes() {
		f := world(shape).Fabric()
		_, reserves := f.(driver.Reserver)
		_, watches := f.(driver.Watcher)
		if reserves && watches {
			full = f
		}
	}
	for i := range 8 {
		reserves, prepares, watches := i&1 != 0, i&2 != 0, i&4 != 0
		bare := having(full, reserves, prepares, watches)
		for name, f := range map[string]driver.Fabric{
			"trace": driver.Trace(bare, nil, func(driver.Traced) {}),
			"fault": driver.WithFaults(bare, driver.Rules()),
		} {
			if _, ok := f.(driver.Reserver); ok != reserves {
				t.Errorf("%s: it reserves: %v, want %v", name, ok, reserves)
			}
			if _, ok := f.(driver.Preparer); ok != prepares {
				t.Errorf("%s: it prepares: %v, want %v", name, ok, prepares)
			}
			if _, ok := f.(driver.Watcher); ok != watches {
				t.Errorf("%s: it watches: %v, want %v", name, ok, watches)
			}
		}
	}
}

// What strikes a preparing is heard by nobody: before it nothing is read, after
// it all the same.
func TestAPreparingFailsWithoutAWord(t *testing.T) {
	for when, want := range map[driver.When]int{"": 1, driver.FaultBefore: 0, driver.FaultAfter: 1, driver.FaultLate: 1} {
		w, within, told := world(memory.Grouped), &reader{}, 0
		bare := struct {
			driver.Fabric
			driver.Preparer
		}{w.Fabric(), within}
		rule := driver.Rule{Method: driver.MethodPrepare, Act: composa.ActEnter, Fault: driver.Fault{When: when, Code: composa.CodeUnreachable}}
		f := driver.Trace(driver.WithFaults(bare, driver.Rules(rule)), nil, func(c driver.Traced) {
			if c.Method == driver.MethodPrepare && c.Step != nil && c.Step.Act == composa.ActEnter {
				told++
			}
		})
		f.(driver.Preparer).Prepare(t.Context(), enter(w, "gpu0"))
		if len(within.steps) != want || told != 1 {
			t.Errorf("struck %q, %d were prepared, want %d; %d were traced", when, len(within.steps), want, told)
		}
	}
}

// enter is a step that takes devices into the site's group.
func enter(w *memory.World, names ...string) composa.Step {
	s := composa.Step{Act: composa.ActEnter, Fabric: w.Name(), Lock: composa.LockEdit}
	for _, n := range names {
		d := w.Truth().Device(n)
		s.Attach = append(s.Attach, composa.DeviceRef{Name: n, Kind: d.Kind, Fingerprint: d.Fingerprint})
	}
	return s
}

func TestTraceTellsEveryCall(t *testing.T) {
	var told []string
	var at time.Time
	clock := func() time.Time { at = at.Add(time.Second); return at }
	w := world(memory.Grouped)
	f := driver.Trace(w.Fabric(), clock, func(c driver.Traced) {
		told = append(told, fmt.Sprintf("%s %v %s", c.Method, c.Took, driver.CodeOf(c.Err)))
		if (c.Method == driver.MethodApply || c.Method == driver.MethodObserve) && (c.Picture == nil) != (c.Err != nil) {
			t.Errorf("%s: a picture is %v, the error %v", c.Method, c.Picture != nil, c.Err)
		}
	})
	ctx, s := t.Context(), enter(w, "gpu0")
	_, _ = f.Abilities(ctx)
	_, _ = f.Observe(ctx, composa.Scope{})
	_, _ = f.Apply(ctx, s)
	s.Act = "dance"
	_, _ = f.Apply(ctx, s)
	_ = f.Settle(ctx, s)
	_, _ = f.(driver.Reserver).Reserve(ctx, s)
	want := []string{"abilities 1s ", "observe 1s ", "apply 1s ", "apply 1s unsupported", "settle 1s ", "reserve 1s "}
	if !slices.Equal(told, want) {
		t.Errorf("told\n%s, want\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

func TestFaultsStrikeBeforeAfterAndLate(t *testing.T) {
	apply := func(fault driver.Fault) (f driver.Fabric, w *memory.World, s composa.Step, err error) {
		w = world(memory.Grouped)
		s = enter(w, "gpu0")
		f = driver.WithFaults(w.Fabric(), driver.Rules(driver.Rule{Method: driver.MethodApply, Times: 1, Fault: fault}))
		_, err = f.Apply(t.Context(), s)
		return f, w, s, err
	}
	area := func(w *memory.World) composa.Area { return w.Truth().Device("gpu0").Spot.Area }

	_, w, _, err := apply(driver.Fault{When: driver.FaultBefore, Code: composa.CodeBusy})
	if driver.CodeOf(err) != composa.CodeBusy || area(w) != composa.AreaFree {
		t.Errorf("before: %v, and gpu0 is %s", err, area(w))
	}
	_, w, _, err = apply(driver.Fault{When: driver.FaultAfter, Code: composa.CodeBusy})
	if driver.CodeOf(err) != composa.CodeUnknown || area(w) != composa.AreaOurs {
		t.Errorf("after: %v, and gpu0 is %s", err, area(w))
	}
	f, w, s, err := apply(driver.Fault{When: driver.FaultLate})
	if driver.CodeOf(err) != composa.CodeUnknown || area(w) != composa.AreaFree {
		t.Errorf("late: %v, and gpu0 is %s", err, area(w))
	}
	if err := f.Settle(t.Context(), s); err != nil || area(w) != composa.AreaOurs {
		t.Errorf("late and settled: %v, and gpu0 is %s", err, area(w))
	}
	f, w, _, _ = apply(driver.Fault{When: driver.FaultLate, Calls: 1})
	for i, want := range []composa.Area{composa.AreaFree, composa.AreaOurs} {
		if _, err := f.Observe(t.Context(), composa.Scope{}); err != nil || area(w) != want {
			t.Errorf("late, after call %d: %v, and gpu0 is %s, want %s", i+1, err, area(w), want)
		}
	}
}

func TestRulesCountTheCallsThatFit(t *testing.T) {
	choose := driver.Rules(
		driver.Rule{Act: composa.ActMake, First: 2, Times: 1, Fault: driver.Fault{When: driver.FaultAfter}},
		driver.Rule{Method: driver.MethodObserve, First: 3, Fault: driver.Fault{When: driver.FaultBefore, Code: composa.CodeUnreachable}},
	)
	step := &composa.Step{Act: composa.ActMake}
	var got []string
	for _, c := range []driver.Call{
		{Method: driver.MethodApply, Step: step}, {Method: driver.MethodObserve}, {Method: driver.MethodApply, Step: step},
		{Method: driver.MethodApply, Step: step}, {Method: driver.MethodObserve}, {Method: driver.MethodObserve}, {Method: driver.MethodObserve},
	} {
		got = append(got, string(choose(c).When))
	}
	if want := []string{"", "", "after", "", "", "before", "before"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
