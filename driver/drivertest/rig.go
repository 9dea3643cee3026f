package drivertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// rig is one test's fabric with what the test does to it.
type rig struct {
	*testing.T
	open func(*testing.T) Harness
	h    Harness
	f    driver.Fabric
	able *composa.Abilities
	rng  *rand.Rand // of the faults that strike now; nil: none

	proving bool // counts are those of make prove
	strides int  // how many were taken, see stride
	carried int  // how many steps were carried out, see carryOut
}

func newRig(t *testing.T, open func(*testing.T) Harness, proving bool) *rig {
	t.Helper()
	r := &rig{T: t, open: open, h: open(t), proving: proving}
	r.restart()
	able, err := r.f.Abilities(t.Context())
	if err != nil {
		t.Fatalf("Abilities: %v", err)
	}
	r.able = able
	return r
}

// faults lets calls go wrong as rng chooses; nil ends it.
func (r *rig) faults(rng *rand.Rand) {
	r.rng = rng
	r.h.Faults(rng)
}

// truth is what the fabric shows while nothing goes wrong.
func (r *rig) truth() *composa.Picture {
	r.Helper()
	r.h.Faults(nil)
	defer r.h.Faults(r.rng)
	return r.seeAll()
}

// restart drops the driver and makes a new one, as a restart of the server does.
func (r *rig) restart() { r.f = r.h.Fabric(r.T) }

// see looks at a scope, which must be complete.
func (r *rig) see(scope composa.Scope) *composa.Picture {
	r.Helper()
	began := time.Now()
	p, err := r.f.Observe(r.Context(), scope)
	if err != nil {
		r.Fatalf("Observe: %v", err)
	}
	r.checkPicture(p, scope, began)
	return p
}

func (r *rig) seeAll() *composa.Picture {
	r.Helper()
	return r.see(composa.Scope{})
}

// checkPicture holds what is true of every complete picture.
func (r *rig) checkPicture(p *composa.Picture, scope composa.Scope, began time.Time) {
	r.Helper()
	switch {
	case p == nil:
		r.Fatal("no picture and no error")
	case p.Fabric != r.h.Name():
		r.Errorf("the picture is of %q, want %q", p.Fabric, r.h.Name())
	case !p.Complete:
		r.Errorf("the picture is not complete")
	case p.Began.Before(began.Truncate(time.Millisecond)): // some clocks are coarse
		r.Errorf("the picture began %v before it was asked for", began.Sub(p.Began))
	case p.Ended.Before(p.Began):
		r.Errorf("the picture ended %v before it began", p.Began.Sub(p.Ended))
	case p.Abilities == nil:
		r.Errorf("the picture does not carry the abilities")
	case !p.Scope.Covers(scope):
		r.Errorf("the picture covers %+v, want %+v", p.Scope, scope)
	}
	r.checkOrder(p)
	r.checkSpots(p)
}

func (r *rig) checkOrder(p *composa.Picture) {
	r.Helper()
	var devices, machines []string
	for _, d := range p.Devices {
		devices = append(devices, d.Name)
		if !d.Seen.Equal(p.Began) {
			r.Errorf("%s was seen %v, and the picture began %v", d.Name, d.Seen, p.Began)
		}
	}
	for _, m := range p.Machines {
		machines = append(machines, m.Native)
		r.inOrder("devices of machine "+m.Native, m.Devices)
		if !m.Seen.Equal(p.Began) {
			r.Errorf("machine %s was seen %v, and the picture began %v", m.Native, m.Seen, p.Began)
		}
	}
	r.inOrder("devices", devices)
	r.inOrder("machines", machines)
}

func (r *rig) inOrder(what string, names []string) {
	r.Helper()
	for i := 1; i < len(names); i++ {
		if composa.NaturalCompare(names[i-1], names[i]) >= 0 {
			r.Errorf("%s are not in natural order without doubles: %s before %s", what, names[i-1], names[i])
		}
	}
}

// checkSpots holds that each device is in one place, and that the machine which
// it says it is in says the same.
func (r *rig) checkSpots(p *composa.Picture) {
	r.Helper()
	in := map[string]string{}
	for _, m := range p.Machines {
		for _, name := range m.Devices {
			if other, twice := in[name]; twice {
				r.Errorf("%s is in the machines %s and %s", name, other, m.Native)
			}
			in[name] = m.Native
		}
	}
	for _, d := range p.Devices {
		if (d.Spot.Area == composa.AreaMachine) != (d.Spot.Machine != "") {
			r.Errorf("%s is in area %s and machine %q", d.Name, d.Spot.Area, d.Spot.Machine)
		}
		if in[d.Name] != d.Spot.Machine {
			r.Errorf("%s is in machine %q by its spot and in %q by the machines", d.Name, d.Spot.Machine, in[d.Name])
		}
		if grouped := r.able.Groups != composa.NeedNone; !grouped && (d.Spot.Area == composa.AreaOurs || d.Spot.Area == composa.AreaForeign) {
			r.Errorf("%s is in area %s of a fabric without groups", d.Name, d.Spot.Area)
		}
		switch d.Spot.Area {
		case composa.AreaFree, composa.AreaOurs, composa.AreaForeign, composa.AreaMachine:
		default:
			r.Errorf("%s is in area %q, which does not exist", d.Name, d.Spot.Area)
		}
	}
}

// apply makes a step true, then once more: the second time may change nothing.
func (r *rig) apply(s composa.Step) *composa.Picture {
	r.Helper()
	p := r.applyOnce(s)
	before := r.changes()
	r.applyOnce(s)
	if after := r.changes(); after != before {
		r.Errorf("%s: %d changing calls for what held already", &s, after-before)
	}
	return p
}

func (r *rig) applyOnce(s composa.Step) *composa.Picture {
	r.Helper()
	began := time.Now()
	p, err := r.carryOut(r.Context(), s)
	if err != nil {
		r.Fatalf("%s: %v (%s)", &s, err, driver.CodeOf(err))
	}
	r.checkPicture(p, s.Shown(), began)
	if standing, why := s.Judge(p); standing != composa.Holds {
		r.Fatalf("%s: the proof says %s %s", &s, standing, why)
	}
	return p
}

// carryOut applies a step in one of the ways in which a runner does where the
// fabric prepares: one step after another begins with what is known, with what was
// read for it before, and while that is still being read.
func (r *rig) carryOut(ctx context.Context, s composa.Step) (*composa.Picture, error) {
	prepares, ok := r.f.(driver.Preparer)
	if !ok {
		return r.f.Apply(ctx, s)
	}
	r.carried++
	if c, ok := r.h.(Clock); ok && r.carried%3 > 0 {
		c.Pass(longAgo)
	}
	switch r.carried % 3 {
	case 1:
		prepares.Prepare(ctx, s)
	case 2:
		var beside sync.WaitGroup
		defer beside.Wait()
		beside.Go(func() { prepares.Prepare(ctx, s) })
	}
	return r.f.Apply(ctx, s)
}

// longAgo is so long that no driver begins a step with what it read before.
const longAgo = 5 * time.Second

// changes is how many changing calls the harness counted; 0 where it does not.
func (r *rig) changes() int {
	if c, ok := r.h.(Counter); ok {
		return c.Changes()
	}
	return 0
}

// refused applies a step that must be answered with a code, and must change
// nothing that a picture shows.
func (r *rig) refused(s composa.Step, want composa.Code) {
	r.Helper()
	before := r.seeAll()
	_, err := r.carryOut(r.Context(), s)
	if code := driver.CodeOf(err); code != want {
		r.Errorf("%s: %q (%v), want %s", &s, code, err, want)
	}
	r.same(before, r.seeAll(), "after "+s.String())
	r.h.Check(r.T)
}

// same fails where two pictures show different things.
func (r *rig) same(before, after *composa.Picture, when string) {
	r.Helper()
	if diff := difference(before, after); diff != "" {
		r.Errorf("%s, what the fabric shows changed (-before +after):\n%s", when, diff)
	}
}

func difference(a, b *composa.Picture) string {
	if outline(a) == outline(b) {
		return ""
	}
	return cmp.Diff(a, b,
		cmpopts.IgnoreFields(composa.Picture{}, "Began", "Ended", "Groups"), // an empty group of ours may be made and be dropped
		cmpopts.IgnoreFields(composa.SeenDevice{}, "Seen", "Facts"),
		cmpopts.IgnoreFields(composa.SeenMachine{}, "Seen"),
		cmpopts.EquateEmpty())
}

// outline is all of a picture that a step can change, in one line each: much
// quicker to compare than the picture.
func outline(p *composa.Picture) string {
	var b strings.Builder
	for i := range p.Devices {
		d := &p.Devices[i]
		fmt.Fprintln(&b, d.Name, d.Kind, d.Fingerprint, d.Health, d.Spot)
	}
	for i := range p.Machines {
		m := &p.Machines[i]
		fmt.Fprintln(&b, m.Native, m.Label, m.Group, m.InOurs, m.Created.UnixNano(), m.Devices, m.P2P, m.Power)
	}
	return b.String()
}

// intact fails where a machine of somebody else is not as it was.
func (r *rig) intact(was *composa.SeenMachine) {
	r.Helper()
	is := r.seeAll().Machine(was.Native)
	if diff := cmp.Diff(was, is, cmpopts.IgnoreFields(composa.SeenMachine{}, "Seen"), cmpopts.EquateEmpty()); diff != "" {
		r.Errorf("machine %s of somebody else changed (-before +after):\n%s", was.Native, diff)
	}
}

// rival does something as the rival, and fails where he cannot.
func (r *rig) rival(what string, err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("the rival cannot %s: %v", what, err)
	}
}

// theirs has the rival take a device into a machine of his own.
func (r *rig) theirs(device string) *composa.SeenMachine {
	r.Helper()
	native, err := r.h.Rival().Take(device)
	r.rival("take "+device, err)
	m := r.seeAll().Machine(native)
	if m == nil || !slices.Contains(m.Devices, device) {
		r.Fatalf("the rival took %s into machine %q, and the fabric does not show it there", device, native)
	}
	return m
}

// settle settles a step until it is settled.
func (r *rig) settle(s composa.Step) {
	r.Helper()
	var err error
	for range patience {
		if err = r.f.Settle(r.Context(), s); err == nil {
			return
		}
	}
	r.Fatalf("%s: not settled after %d tries: %v", &s, patience, err)
}

// patience is how often something is tried before a test gives up.
const patience = 200

// drive carries a step to its end, whatever goes wrong with the calls: it is
// what the runner does, without a store. It fails for a conflict.
func (r *rig) drive(s composa.Step) *composa.Picture {
	r.Helper()
	var last error
	for range patience {
		before := r.truth()
		p, err := r.carryOut(r.Context(), s)
		if err == nil {
			return r.held(s, p)
		}
		last = err
		switch code := driver.CodeOf(err); code {
		case composa.CodeBusy, composa.CodeUnreachable, composa.CodeRefused:
			// Nothing happened: nothing is different and nothing is open.
			r.same(before, r.truth(), fmt.Sprintf("%s: %s", &s, code))
			r.h.Check(r.T)
			continue
		case composa.CodeUnknown, composa.CodeFailed:
		default:
			r.Fatalf("%s: %v (%s)", &s, err, code)
		}
		r.settle(s)
		p = r.keepLooking(s.Scope())
		switch standing, why := s.Judge(p); standing {
		case composa.Holds:
			return p
		case composa.Conflict:
			r.Fatalf("%s: after it was settled: %s", &s, why)
		}
	}
	r.Fatalf("%s: not done after %d tries: %v", &s, patience, last)
	return nil
}

func (r *rig) held(s composa.Step, p *composa.Picture) *composa.Picture {
	r.Helper()
	if standing, why := s.Judge(p); standing != composa.Holds {
		r.Fatalf("%s: the proof says %s %s", &s, standing, why)
	}
	return p
}

// keepLooking looks until a look is complete.
func (r *rig) keepLooking(scope composa.Scope) *composa.Picture {
	r.Helper()
	var err error
	for range patience {
		var p *composa.Picture
		if p, err = r.f.Observe(r.Context(), scope); err == nil && p.Complete {
			return p
		}
	}
	r.Fatalf("Observe: not complete after %d tries: %v", patience, err)
	return nil
}

// background is a context that a test cancels itself.
func (r *rig) background() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithoutCancel(r.Context()))
}

// lacks skips a test for what the harness cannot do.
func (r *rig) lacks(what string) {
	r.Helper()
	r.Skipf("this harness cannot %s", what)
}
