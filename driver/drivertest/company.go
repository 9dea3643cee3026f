package drivertest

import (
	"maps"

	"github.com/composa-dev/composa"
)

// An enter step without a machine takes in devices for several operations. Each of
// them finds its own step in the proof. Where it is cancelled before any of its
// calls each settles and judges for itself, and carrying out one of their steps,
// or all of them at once, ends well.
func entersForSeveral(r *rig) {
	c, other := r.choose(0), r.choose(1)
	first, second := r.machine("first", c.cpu), r.machine("second", other.cpu)
	own := []composa.Step{first.enter(flat([]composa.DeviceRef{c.cpu}, c.bundles[0])), second.enter(flat([]composa.DeviceRef{other.cpu}, c.bundles[1]))}
	whole := composa.Step{Act: composa.ActEnter, Fabric: r.h.Name(), Lock: composa.LockEdit, Expect: composa.Expect{Spots: map[string][]composa.Spot{}}}
	for _, s := range own {
		whole.Attach = append(whole.Attach, s.Attach...)
		whole.Show.Labels = append(whole.Show.Labels, s.Machine.Label)
		maps.Copy(whole.Expect.Spots, s.Expect.Spots)
	}
	if !r.able.Can(composa.ActEnter) {
		r.unsupported(whole)
		return
	}
	between := r.interceptor()
	for n := 1; ; n += r.stride() {
		if n > manyCalls {
			r.Fatalf("%s made more than %d calls", &whole, manyCalls)
		}
		ctx, cancel := r.background()
		between.Before(n, cancel)
		_, err := r.carryOut(ctx, whole)
		between.Before(0, nil)
		cancel()
		if err == nil {
			break
		}
		r.restart()
		for _, s := range own {
			r.settle(s)
		}
		for _, s := range own {
			if standing, why := s.Judge(r.see(s.Scope())); standing == composa.Conflict {
				r.Fatalf("%s: after all of it was cancelled before call %d and settled: %s", &s, n, why)
			}
		}
		r.apply(own[n%2])
		r.apply(first.leave(own[0].Attach))
		r.apply(second.leave(own[1].Attach))
	}
	proof := r.apply(whole)
	for _, s := range own {
		if standing, why := s.Judge(proof); standing != composa.Holds {
			r.Errorf("%s: by the proof of %s it is %s: %s", &s, &whole, standing, why)
		}
	}
	r.apply(first.leave(own[0].Attach))
	r.apply(second.leave(own[1].Attach))
	r.free(whole.Attach)
}
