package drivertest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// Abilities are data: two drivers onto one fabric say the same, and say
// something that placement and plan can read.
func abilitiesAreStable(r *rig) {
	again, err := r.h.Fabric(r.T).Abilities(r.Context())
	if err != nil {
		r.Fatalf("Abilities: %v", err)
	}
	if diff := cmp.Diff(r.able, again); diff != "" {
		r.Errorf("abilities differ (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(r.able, r.seeAll().Abilities); diff != "" {
		r.Errorf("the abilities of the picture differ (-told +shown):\n%s", diff)
	}
	a := r.able
	if a.Driver == "" {
		r.Error("no driver is named")
	}
	if !slices.Contains([]composa.Need{composa.NeedNone, composa.NeedOptional, composa.NeedRequired}, a.Groups) {
		r.Errorf("groups are %q", a.Groups)
	}
	if !slices.Contains([]composa.MakeStyle{composa.MakeEmpty, composa.MakeWhole, composa.MakeHosted}, a.Make) {
		r.Errorf("make is %q", a.Make)
	}
	if !slices.Contains([]composa.ReshapeStyle{composa.ReshapeNever, composa.ReshapeOff, composa.ReshapeOn}, a.Reshape) {
		r.Errorf("reshape is %q", a.Reshape)
	}
	if hosted := a.Make == composa.MakeHosted; a.Can(composa.ActMake) == hosted || a.Can(composa.ActRemove) == hosted {
		r.Errorf("make is %s, and the acts are %v", a.Make, a.Acts)
	}
	if grouped := a.Groups != composa.NeedNone; a.Can(composa.ActEnter) != grouped || a.Can(composa.ActLeave) != grouped {
		r.Errorf("groups are %s, and the acts are %v", a.Groups, a.Acts)
	}
	if a.Can(composa.ActReshape) == (a.Reshape == composa.ReshapeNever) {
		r.Errorf("reshape is %s, and the acts are %v", a.Reshape, a.Acts)
	}
	if _, watches := r.f.(driver.Watcher); a.Push && !watches {
		r.Error("push is true, and the driver is no driver.Watcher")
	}
}

// A whole picture is complete, names every device once, in natural order, with
// kind and fingerprint, and each where it is.
func pictureShowsEverything(r *rig) {
	p := r.seeAll()
	if !p.Scope.Everything() {
		r.Errorf("the picture covers %+v, want everything", p.Scope)
	}
	for _, d := range p.Devices {
		if !slices.Contains(composa.Kinds(), d.Kind) {
			r.Errorf("%s is of kind %q", d.Name, d.Kind)
		}
		if d.Fingerprint == (composa.Fingerprint{}) {
			r.Errorf("%s has no fingerprint", d.Name)
		}
		if d.Health == "" {
			r.Errorf("%s has no health", d.Name)
		}
	}
	c := r.choose(0)
	theirs := r.theirs(c.bundles[0][0].Name)
	p = r.seeAll()
	if at := p.Device(c.bundles[0][0].Name).Spot; at.Area != composa.AreaMachine || at.Machine != theirs.Native {
		r.Errorf("a device in somebody else's machine is in %s, want machine %s", at, theirs.Native)
	}
	if r.able.Groups != composa.NeedNone && p.Machine(theirs.Native).InOurs {
		r.Errorf("somebody else's machine lies in our group")
	}
}

// A picture of a scope says what it covers, shows the devices asked for and the
// machines that they are in, and agrees with a wide one.
func narrowPictureCoversItsScope(r *rig) {
	c := r.choose(0)
	theirs := r.theirs(c.bundles[0][0].Name)
	all := r.seeAll()
	scope := composa.Scope{Devices: []string{c.bundles[0][0].Name, c.bundles[1][0].Name}, Labels: []string{"nobody"}}
	p := r.see(scope)
	for _, name := range scope.Devices {
		d := p.Device(name)
		if d == nil {
			r.Fatalf("%s was asked for and is not shown", name)
		}
		if diff := cmp.Diff(all.Device(name).Spot, d.Spot); diff != "" {
			r.Errorf("%s is elsewhere in a narrow picture (-wide +narrow):\n%s", name, diff)
		}
	}
	if m := p.Machine(theirs.Native); m == nil || !slices.Equal(m.Devices, theirs.Devices) {
		r.Errorf("the machine that a device asked for is in is shown as %+v, want %+v", m, theirs)
	}
	if m := r.see(composa.Scope{Machines: []string{theirs.Native}}).Machine(theirs.Native); m == nil {
		r.Errorf("machine %s was asked for and is not shown", theirs.Native)
	}
}

// Observe may be called while Apply runs; each picture agrees with itself.
func observeBesideApply(r *rig) {
	c := r.choose(0)
	m := r.machine("beside", c.cpu)
	ctx, stop := r.background()
	var looks sync.WaitGroup
	for range 3 {
		looks.Go(func() {
			for ctx.Err() == nil {
				p, err := r.f.Observe(ctx, composa.Scope{})
				if err != nil {
					if ctx.Err() == nil {
						r.Errorf("Observe beside Apply: %v", err)
					}
					return
				}
				r.checkOrder(p)
				r.checkSpots(p)
			}
		})
	}
	devices := flat(c.bundles[0], c.bundles[1])
	m.compose(r.applyOnce, devices)
	m.end(r.applyOnce, devices)
	stop()
	looks.Wait()
}

// watchPatience is how long a watcher may take to tell of a change; watchPause
// is how long the test waits before it makes another one.
const (
	watchPatience = 20 * time.Second
	watchPause    = 250 * time.Millisecond
)

// Watch tells that something changed, and ends without an error when its
// context does. Where the fabric does not tell, it says so.
func watcherIsTold(r *rig) {
	w, ok := r.f.(driver.Watcher)
	if !ok {
		return
	}
	if !r.able.Push {
		if err := w.Watch(r.Context(), make(chan struct{}, 1)); driver.CodeOf(err) != composa.CodeUnsupported {
			r.Errorf("nothing is told of changes there, and Watch ended with %v, want unsupported", err)
		}
		return
	}
	ctx, stop := context.WithTimeout(r.Context(), watchPatience)
	defer stop()
	changed := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- w.Watch(ctx, changed) }()
	select {
	case <-changed:
	case <-ctx.Done():
		r.Errorf("Watch did not say within %v that it listens", watchPatience)
	}
	for quiet := false; !quiet; { // a fabric may also tell how things are now
		select {
		case <-changed:
		case <-time.After(watchPause):
			quiet = true
		}
	}
	device := r.choose(0).bundles[0][0].Name
	told := false
	for !told && ctx.Err() == nil {
		r.theirs(device)
		select {
		case <-changed:
			told = true
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
	}
	if !told {
		r.Errorf("nothing was told of a change within %v", watchPatience)
	}
	stop()
	if err := <-ended; err != nil {
		r.Errorf("Watch ended with %v, want nil when its context ended", err)
	}
}
