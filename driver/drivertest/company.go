package drivertest

import (
	"maps"
	"math/rand/v2"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// several are the enter steps of two operations, and the step that carries out
// both.
type several struct {
	machines []*machine
	own      []composa.Step
	whole    composa.Step
}

func (r *rig) several() several {
	r.Helper()
	c, other := r.choose(0), r.choose(1)
	first, second := r.machine("first", c.cpu), r.machine("second", other.cpu)
	v := several{
		machines: []*machine{first, second},
		own:      []composa.Step{first.enter(flat([]composa.DeviceRef{c.cpu}, c.bundles[0])), second.enter(flat([]composa.DeviceRef{other.cpu}, c.bundles[1]))},
		whole:    composa.Step{Act: composa.ActEnter, Fabric: r.h.Name(), Lock: composa.LockEdit, Expect: composa.Expect{Spots: map[string][]composa.Spot{}}},
	}
	for _, s := range v.own {
		v.whole.Attach = append(v.whole.Attach, s.Attach...)
		v.whole.Show.Labels = append(v.whole.Show.Labels, s.Machine.Label)
		maps.Copy(v.whole.Expect.Spots, s.Expect.Spots)
	}
	return v
}

// leave gives back what each took in.
func (v several) leave(do do) {
	for i, m := range v.machines {
		do(m.leave(v.own[i].Attach))
	}
}

// An enter step without a machine takes in devices for several operations. Each of
// them finds its own step in the proof. Where it is cancelled before any of its
// calls each settles and judges for itself, and carrying out one of their steps,
// or all of them at once, ends well.
func entersForSeveral(r *rig) {
	v := r.several()
	own, whole := v.own, v.whole
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
		v.leave(r.apply)
	}
	proof := r.apply(whole)
	for _, s := range own {
		if standing, why := s.Judge(proof); standing != composa.Holds {
			r.Errorf("%s: by the proof of %s it is %s: %s", &s, &whole, standing, why)
		}
	}
	v.leave(r.apply)
	r.free(whole.Attach)
}

// Where one device of a step for several operations cannot be taken in, nothing of
// any of them happened: the steps of the others are as ready as before.
func oneOfSeveralIsTaken(r *rig) {
	v := r.several()
	if !r.able.Can(composa.ActEnter) {
		r.unsupported(v.whole)
		return
	}
	taken := v.own[1].Attach[0]
	r.theirs(taken.Name)
	r.refused(v.whole, composa.CodeConflict)
	r.apply(v.own[0])
	r.refused(v.own[1], composa.CodeConflict)
	r.apply(v.machines[0].leave(v.own[0].Attach))
	r.free(v.own[0].Attach)
}

// Whatever goes wrong with the calls of a step for several operations, each of
// them can settle and judge by itself, and ends well alone.
func faultsOfSeveral(r *rig) {
	v := r.several()
	if !r.able.Can(composa.ActEnter) {
		r.unsupported(v.whole)
		return
	}
	seeds := uint64(4)
	if r.proving {
		seeds = 100
	}
	for seed := range seeds {
		r.faults(rand.New(rand.NewPCG(seed, 7)))
		_, err := r.f.Apply(r.Context(), v.whole)
		switch code := driver.CodeOf(err); code {
		case "", composa.CodeBusy, composa.CodeUnreachable, composa.CodeRefused:
		case composa.CodeUnknown, composa.CodeFailed:
			for _, s := range v.own {
				r.settle(s)
			}
		default:
			r.Fatalf("seed %d: %s: %v (%s)", seed, &v.whole, err, code)
		}
		for _, s := range v.own {
			r.drive(s)
		}
		v.leave(r.drive)
		r.faults(nil)
	}
	r.free(v.whole.Attach)
}
