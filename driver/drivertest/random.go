package drivertest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/composa-dev/composa"
)

// Whatever goes wrong with the calls, the loop of settle, look, judge and do
// again brings every step to its end: each device is in exactly the place where
// the steps put it, and nothing is open. The driver is made anew now and then,
// as after a kill.
func randomFaults(r *rig) {
	seeds, length := 1, 9
	if r.proving {
		seeds, length = 60, 40
	}
	for seed := range seeds {
		r.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			newWalk(newRig(t, r.open, r.proving), uint64(seed)).run(length)
		})
	}
}

// walk is one random sequence of changes of two machines.
type walk struct {
	*rig
	rng      *rand.Rand
	machines [2]*machine
	has      [2][][]composa.DeviceRef // bundles; nil: the machine does not exist
	free     [2][][]composa.DeviceRef // bundles that it may take
	fits     [2]map[string]bool       // what can be in it, by the name of the first of a bundle
}

func newWalk(r *rig, seed uint64) *walk {
	w := &walk{rig: r, rng: rand.New(rand.NewPCG(seed, 2))}
	for i := range w.machines {
		c := r.choose(i)
		w.machines[i] = r.machine(fmt.Sprintf("walk%d", i), c.cpu)
		w.fits[i] = map[string]bool{}
		// Each machine takes of its own; what is in one can move to the other.
		for n, b := range c.bundles {
			w.fits[i][b[0].Name] = true
			if n%2 == i {
				w.free[i] = append(w.free[i], b)
			}
		}
	}
	return w
}

func (w *walk) run(length int) {
	w.faults(rand.New(rand.NewPCG(w.rng.Uint64(), 3)))
	for range length {
		w.stride(w.rng.IntN(2))
		if w.rng.IntN(4) == 0 {
			w.restart()
		}
	}
	w.check("in the middle")
	for i := range w.machines {
		if w.has[i] != nil {
			w.end(i)
		}
	}
	w.check("at the end")
	w.faults(nil)
	w.h.Check(w.T)
}

// stride changes one machine in one of the ways that it can change now.
func (w *walk) stride(i int) {
	m := w.machines[i]
	if w.has[i] == nil {
		w.compose(i)
		return
	}
	switch w.rng.IntN(7) {
	case 0:
		w.end(i)
	case 1, 2:
		if n := len(w.free[i]); n > 0 && w.able.Can(composa.ActReshape) {
			b := w.take(&w.free[i])
			m.attach(w.drive, b)
			w.has[i] = append(w.has[i], b)
		}
	case 3:
		if len(w.has[i]) > 1 && w.able.Can(composa.ActReshape) {
			b := w.take(&w.has[i])
			m.detach(w.drive, b)
			if w.able.Groups == composa.NeedRequired {
				w.drive(m.leave(b))
			}
			w.free[i] = append(w.free[i], b)
		}
	case 4:
		if w.able.Can(composa.ActPower) {
			w.drive(m.power(w.rng.IntN(2) == 0))
		}
	case 5:
		if w.able.Can(composa.ActP2P) {
			w.drive(m.p2p(w.rng.IntN(2) == 0))
		}
	case 6:
		w.move(i, 1-i)
	}
}

// move takes a bundle out of one machine and puts it into the other.
func (w *walk) move(from, to int) {
	if len(w.has[from]) < 2 || w.has[to] == nil || !w.able.Can(composa.ActReshape) {
		return
	}
	b := w.take(&w.has[from])
	if !w.fits[to][b[0].Name] {
		w.has[from] = append(w.has[from], b)
		return
	}
	w.machines[from].detach(w.drive, b)
	w.machines[to].attach(w.drive, b)
	w.has[to] = append(w.has[to], b)
}

// take removes a random bundle from a list.
func (w *walk) take(list *[][]composa.DeviceRef) []composa.DeviceRef {
	i := w.rng.IntN(len(*list))
	b := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return b
}

func (w *walk) compose(i int) {
	old := w.machines[i]
	if w.able.Make != composa.MakeHosted {
		w.machines[i] = w.machine(old.ref.Name, old.cpu)
	}
	for range min(1+w.rng.IntN(2), len(w.free[i])) {
		w.has[i] = append(w.has[i], w.take(&w.free[i]))
	}
	w.machines[i].compose(w.drive, flat(w.has[i]...))
}

func (w *walk) end(i int) {
	w.machines[i].end(w.drive, flat(w.has[i]...))
	w.free[i] = append(w.free[i], w.has[i]...)
	w.has[i] = nil
}

// check compares the fabric, without faults, with what the steps made of it.
func (w *walk) check(when string) {
	w.Helper()
	w.faults(nil)
	p := w.seeAll()
	for i, m := range w.machines {
		seen := p.Ours(m.ref)
		if w.has[i] != nil {
			w.checkLife(m, flat(w.has[i]...))
		} else if seen != nil && w.able.Make != composa.MakeHosted {
			w.Errorf("%s, machine %q exists, want none", when, m.ref.Label)
		}
		for _, d := range flat(w.free[i]...) {
			if at := p.Device(d.Name); at == nil || at.Spot.Area != composa.AreaFree {
				w.Errorf("%s, %s is not free: %s", when, d.Name, where(at))
			}
		}
	}
	w.faults(rand.New(rand.NewPCG(w.rng.Uint64(), 5)))
}
