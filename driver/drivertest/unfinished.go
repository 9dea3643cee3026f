package drivertest

import (
	"context"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// interceptor is the harness that acts between calls; a test without it is
// skipped.
func (r *rig) interceptor() Interceptor {
	r.Helper()
	i, ok := r.h.(Interceptor)
	if !ok {
		r.lacks("act between two calls of the driver")
	}
	return i
}

// manyCalls is more calls than one step makes; a step that makes more ends the
// tests that count them.
const manyCalls = 60

// stride is how many calls lie between two that a test picks: every one where it
// is proven, else a few, and not the same number twice.
func (r *rig) stride() int {
	if r.proving {
		return 1
	}
	r.strides++
	return 3 + r.strides%6
}

// Between any two calls of a step a rival takes a device of it into a machine
// of his own. He keeps it, the step does not end well, nothing is left open, and
// the next look says why.
func rivalBetweenCalls(r *rig) {
	between := r.interceptor()
	c := r.choose(0)
	m := r.machine("between", c.cpu)
	for _, s := range r.taking(m, c) {
		if s.Act == composa.ActEnter {
			r.apply(m.leave(s.Attach)) // so that there is something left to do
		}
		for n := 1; ; n += r.stride() {
			if n > manyCalls {
				r.Fatalf("%s made more than %d calls", &s, manyCalls)
			}
			device := s.Attach[len(s.Attach)-1].Name
			var theirs *composa.SeenMachine
			var rival error
			between.Before(n, func() {
				var native string
				if native, rival = r.h.Rival().Take(device); rival == nil {
					theirs = &composa.SeenMachine{Native: native}
				}
			})
			_, err := r.carryOut(r.Context(), s)
			between.Before(0, nil)
			if composa.CodeOf(rival) == composa.CodeRefused { // the fabric holds him off while we are at work
				if code := driver.CodeOf(err); code != "" && code != composa.CodeBusy { // he may have ended our session first
					r.Errorf("%s, with a rival who was held off: %v", &s, err)
				}
				r.settle(s)
				r.takeBack(m, s)
				continue
			}
			r.rival("take "+device, rival)
			if theirs == nil { // the step made fewer calls
				if err != nil {
					r.Errorf("%s, with nobody else at work: %v", &s, err)
				}
				break
			}
			if err == nil && !r.tookAfterProof(s, device, theirs.Native) {
				r.Errorf("%s: it is done, and %s is not where the rival put it", &s, device)
			}
			r.settle(s)
			r.robbed(s, device, theirs.Native)
			r.giveBack(m, s, device)
		}
	}
}

// tookAfterProof says whether the rival has the device: a step may have been
// proven by a read that the world answered before he took it.
func (r *rig) tookAfterProof(s composa.Step, device, native string) bool {
	d := r.seeAll().Device(device)
	return d != nil && d.Spot.Machine == native
}

// robbed holds that the rival has the device and that the step sees it.
func (r *rig) robbed(s composa.Step, device, native string) {
	r.Helper()
	p := r.seeAll()
	if d := p.Device(device); d == nil || d.Spot.Machine != native {
		r.Errorf("%s: the rival took %s into machine %s, and %s", &s, device, native, where(d))
	}
	if standing, _ := s.Judge(p); standing == composa.Holds {
		r.Errorf("%s: it holds, although %s is in machine %s", &s, device, native)
	}
}

// giveBack undoes what the step did and what the rival took, so that it can be
// tried again.
func (r *rig) giveBack(m *machine, s composa.Step, device string) {
	r.Helper()
	release, ok := r.h.Rival().(Giver)
	if !ok {
		r.lacks("have the rival give a device back")
	}
	r.rival("give back "+device, release.Release(device))
	p := r.seeAll()
	rest := slices.DeleteFunc(slices.Clone(s.Attach), func(d composa.DeviceRef) bool { return d.Name == device })
	switch s.Act {
	case composa.ActMake:
		if made := inOne(p, rest); made != nil && made.InOurs {
			left := *m
			left.ref.Native, left.holds = made.Native, made.Devices
			r.applyOnce(left.remove())
		}
		for _, d := range s.Attach {
			r.rival("give back "+d.Name, release.Release(d.Name))
		}
	case composa.ActEnter:
		r.applyOnce(m.leave(rest))
	case composa.ActReshape:
		r.applyOnce(m.reshape(nil, rest))
		if r.able.Groups == composa.NeedRequired {
			r.applyOnce(m.enter(s.Attach))
		}
	}
}

// takeBack undoes what the step did, so that it can be tried again.
func (r *rig) takeBack(m *machine, s composa.Step) {
	r.Helper()
	switch s.Act {
	case composa.ActEnter:
		r.applyOnce(m.leave(s.Attach))
	case composa.ActReshape:
		r.applyOnce(m.reshape(nil, s.Attach))
	}
}

// inOne is the machine that holds all of refs, or nil.
func inOne(p *composa.Picture, refs []composa.DeviceRef) *composa.SeenMachine {
	for i := range p.Machines {
		m := &p.Machines[i]
		if !slices.ContainsFunc(refs, func(d composa.DeviceRef) bool { return !slices.Contains(m.Devices, d.Name) }) {
			return m
		}
	}
	return nil
}

// A context that ends in the middle of a step leaves something that Settle
// ends; then a look says how the step stands, and the same step ends well.
func cancelledStep(r *rig) {
	between := r.interceptor()
	c := r.choose(0)
	m := r.machine("cancelled", c.cpu)
	devices := flat(c.bundles[0], c.bundles[1])
	cutting := func(s composa.Step) *composa.Picture { return r.cut(between, s) }
	m.compose(cutting, devices)
	r.checkLife(m, devices)
	m.end(cutting, devices)
	r.free(devices)
	if r.able.Make != composa.MakeHosted {
		r.free([]composa.DeviceRef{c.cpu})
	}
}

// cut cancels a step before its first call, its second, and so on, each time
// settling and judging it, until it is done.
func (r *rig) cut(between Interceptor, s composa.Step) *composa.Picture {
	r.Helper()
	for n := 1; n <= manyCalls; n += r.stride() {
		ctx, cancel := r.background()
		between.Before(n, cancel)
		p, err := r.carryOut(ctx, s)
		between.Before(0, nil)
		ended := ctx.Err() != nil
		cancel()
		if err == nil {
			return r.held(s, p)
		}
		if !ended {
			r.Fatalf("%s: %v (%s), and nobody cancelled it", &s, err, driver.CodeOf(err))
		}
		r.checkCancelled(s, err)
		r.restart()
		r.settle(s)
		if standing, why := s.Judge(r.see(s.Scope())); standing == composa.Conflict {
			r.Fatalf("%s: after it was cancelled before call %d and settled: %s", &s, n, why)
		}
	}
	r.Fatalf("%s made more than %d calls", &s, manyCalls)
	return nil
}

// checkCancelled holds that a cancelled step is not answered with something
// that means that it was decided.
func (r *rig) checkCancelled(s composa.Step, err error) {
	r.Helper()
	switch code := driver.CodeOf(err); code {
	case composa.CodeUnknown, composa.CodeUnreachable, composa.CodeBusy:
	default:
		r.Errorf("%s: %v (%s), want unknown, or unreachable before anything was sent", &s, err, code)
	}
	if err == context.Canceled {
		r.Errorf("%s: the bare error of the context says nothing to people", &s)
	}
}
