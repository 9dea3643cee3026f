package memory_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/drivertest"
	"github.com/composa-dev/composa/driver/memory"
)

// TestContract runs the contract of a driver in each shape.
func TestContract(t *testing.T) {
	for _, shape := range memory.Shapes() {
		t.Run(string(shape), func(t *testing.T) {
			drivertest.Run(t, func(t *testing.T) drivertest.Harness { return newHarness(shape) })
		})
	}
}

// harness lends a world to the suite.
type harness struct {
	*memory.World

	mu    sync.Mutex // guards what follows; the driver calls at the same time
	fault func(memory.Call) memory.Fault
	left  int // calls until do; 0: not set
	do    func()
}

func newHarness(shape memory.Shape) *harness {
	h := &harness{World: memory.New(memory.Config{
		Name: "rack1", Shape: shape, Site: "site_abcdefgh12345678",
		Counts: map[composa.Kind]int{composa.KindCPU: 6, composa.KindGPU: 12, composa.KindSSD: 8, composa.KindNIC: 4},
	})}
	h.World.Fail(h.choose)
	return h
}

func (h *harness) Fabric(*testing.T) driver.Fabric { return h.World.Fabric() }
func (h *harness) Rival() drivertest.Rival         { return h.World.Foreign() }

func (h *harness) ObserveOnly(*testing.T) driver.Fabric {
	return h.World.FabricFor(h.Site(), composa.AccessObserve)
}

func (h *harness) Changes() int {
	_, changing := h.World.Calls()
	return changing
}

func (h *harness) Faults(rng *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = nil
	if rng != nil {
		h.fault = memory.Random(rng, 4)
	}
}

func (h *harness) Before(n int, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left, h.do = n, do
}

func (h *harness) choose(c memory.Call) memory.Fault {
	h.mu.Lock()
	var do func()
	if h.do != nil {
		if h.left--; h.left == 0 {
			do, h.do = h.do, nil
		}
	}
	var fault memory.Fault
	if h.fault != nil {
		fault = h.fault(c)
	}
	h.mu.Unlock()
	if do != nil {
		do()
	}
	return fault
}

func (h *harness) Check(t *testing.T) {
	t.Helper()
	for _, s := range h.OpenSessions() {
		t.Errorf("left open: %s", s)
	}
	for _, p := range h.Pending() {
		t.Errorf("still to come: %s", p)
	}
	for _, v := range h.Violations() {
		t.Errorf("violation: %s", v)
	}
}
