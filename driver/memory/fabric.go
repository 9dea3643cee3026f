package memory

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// fabric is a driver onto a world. It keeps nothing but whether it has crashed.
type fabric struct {
	world   *World
	site    composa.SiteID
	access  composa.Access
	crashed atomic.Bool
}

func (f *fabric) crash()     { f.crashed.Store(true) }
func (f *fabric) dead() bool { return f.crashed.Load() }

// abilities are those of the world's shape.
func (w *World) abilities() composa.Abilities {
	a := composa.Abilities{
		Driver: "memory", Era: string(w.config.Shape), Emulated: true,
		MaxDevices: w.config.MaxDevices, SettleTime: w.config.SettleTime,
	}
	switch w.config.Shape {
	case Grouped:
		a.Groups, a.Make, a.Reshape, a.DetachSure, a.Push = composa.NeedRequired, composa.MakeEmpty, composa.ReshapeOn, true, true
		a.Acts = []composa.Act{composa.ActEnter, composa.ActLeave, composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActP2P, composa.ActPower}
	case Whole:
		a.Groups, a.Make, a.Reshape, a.DetachSure = composa.NeedNone, composa.MakeWhole, composa.ReshapeOff, true
		a.Acts = []composa.Act{composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActPower}
	case Hosted:
		a.Groups, a.Make, a.Reshape, a.Push = composa.NeedNone, composa.MakeHosted, composa.ReshapeOn, true
		a.Acts = []composa.Act{composa.ActReshape, composa.ActPower}
	}
	return a
}

// Abilities implements driver.Fabric.
func (f *fabric) Abilities(ctx context.Context) (*composa.Abilities, error) {
	var a composa.Abilities
	err := f.send(ctx, Call{Name: "abilities"}, func(Fault) error {
		a = f.world.abilities()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// Observe implements driver.Fabric: one read, which is never torn.
func (f *fabric) Observe(ctx context.Context, scope composa.Scope) (*composa.Picture, error) {
	return f.read(ctx, Call{Name: "read"}, scope)
}

func (f *fabric) read(ctx context.Context, c Call, scope composa.Scope) (*composa.Picture, error) {
	w := f.world
	var p *composa.Picture
	began := w.config.Clock()
	err := f.send(ctx, c, func(fault Fault) error {
		from := &w.now
		if fault.Stale {
			from = &w.before
		}
		p = w.picture(from, f.site, scope, began)
		if fault.Incomplete {
			p.Complete = false
			n := 0
			p.Devices = slices.DeleteFunc(p.Devices, func(composa.SeenDevice) bool { n++; return n%2 == 0 })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.Ended = w.config.Clock()
	return p, nil
}

// Apply implements driver.Fabric: look, judge, change, look again.
func (f *fabric) Apply(ctx context.Context, s composa.Step) (*composa.Picture, error) {
	a := &attempt{fabric: f, step: &s}
	if err := a.allowed(); err != nil {
		return nil, err
	}
	p, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if !p.Complete {
		return nil, a.errorf(composa.CodeBusy, "what it is about could not be read completely")
	}
	switch standing, why := s.Judge(p); standing {
	case composa.Holds:
		return p, nil
	case composa.Conflict:
		return nil, a.errorf(composa.CodeConflict, "%s", why)
	}
	if err := a.carryOut(ctx, p); err != nil {
		return nil, err
	}
	return a.prove(ctx)
}

// attempt is one Apply.
type attempt struct {
	fabric *fabric
	step   *composa.Step
	// changed is true from the first call on that had an effect which the step
	// is about; then nothing may be answered that means that nothing happened.
	changed bool
}

func (a *attempt) errorf(code composa.Code, format string, args ...any) error {
	return composa.Errorf(code, "cannot %s: %w", a.step, fmt.Errorf(format, args...))
}

// allowed refuses, before any call, what this fabric cannot do.
func (a *attempt) allowed() error {
	f, s := a.fabric, a.step
	w := f.world
	abilities := w.abilities()
	switch {
	case f.access == composa.AccessObserve:
		return a.errorf(composa.CodeReadOnly, "%s is only observed", w.config.Name)
	case s.Fabric != w.config.Name:
		return a.errorf(composa.CodeRefused, "this fabric is %s", w.config.Name)
	case !abilities.Can(s.Act):
		return a.errorf(composa.CodeUnsupported, "%s has no such act", w.config.Name)
	case s.Act == composa.ActMake && abilities.Make == composa.MakeEmpty && len(s.Attach) > 0:
		return a.errorf(composa.CodeUnsupported, "machines of %s are made empty", w.config.Name)
	case s.Act == composa.ActMake && abilities.Make == composa.MakeEmpty && s.Machine.Native == "":
		return a.errorf(composa.CodeUnsupported, "no handle was reserved for it")
	case s.Act == composa.ActMake && abilities.Make == composa.MakeWhole && len(s.Attach) == 0:
		return a.errorf(composa.CodeUnsupported, "machines of %s are made with their devices", w.config.Name)
	case w.config.Shape == Hosted && slices.ContainsFunc(s.Devices(), func(d composa.DeviceRef) bool { return d.Kind == composa.KindCPU }):
		return a.errorf(composa.CodeUnsupported, "a cpu of %s never leaves its host", w.config.Name)
	}
	return nil
}

func (a *attempt) look(ctx context.Context) (*composa.Picture, error) {
	return a.fabric.read(ctx, Call{Name: "read", Proof: a.changed, Step: a.step}, a.step.Shown())
}

// prove looks until nothing but the truth is left to say: the step holds, or
// what became of it is unknown.
func (a *attempt) prove(ctx context.Context) (*composa.Picture, error) {
	a.changed = true
	p, err := a.look(ctx)
	switch {
	case err != nil:
		return nil, a.errorf(composa.CodeUnknown, "it was sent, and what became of it could not be read: %w", err)
	case !p.Complete:
		return nil, a.errorf(composa.CodeUnknown, "it was sent, and what became of it could not be read completely")
	}
	standing, why := a.step.Judge(p)
	if standing == composa.Holds {
		return p, nil
	}
	if why == "" {
		why = "it is not so yet"
	}
	return nil, a.errorf(composa.CodeUnknown, "it was sent, and %s", why)
}

// change sends a call that changes something which the step is about.
func (a *attempt) change(ctx context.Context, name, target string, do effect) error {
	err := a.fabric.send(ctx, Call{Name: name, Target: target, Changing: true, Step: a.step}, do)
	if err == nil {
		a.changed = true
		return nil
	}
	code := driver.CodeOf(err)
	if a.changed {
		code = composa.CodeUnknown // a part of the step has happened
	}
	return a.errorf(code, "%w", err)
}

// prepare sends a call that changes nothing which a picture shows.
func (a *attempt) prepare(ctx context.Context, name, target string, do effect) error {
	err := a.fabric.send(ctx, Call{Name: name, Target: target, Changing: true, Step: a.step}, do)
	if err != nil {
		return a.errorf(driver.CodeOf(err), "%w", err)
	}
	return nil
}

func (a *attempt) carryOut(ctx context.Context, p *composa.Picture) error {
	s, w := a.step, a.fabric.world
	switch s.Act {
	case composa.ActEnter, composa.ActLeave:
		return a.editGroup(ctx, p)
	case composa.ActMake:
		if w.config.Shape == Grouped {
			return a.makeEmpty(ctx)
		}
		return a.makeWhole(ctx)
	case composa.ActReshape:
		switch w.config.Shape {
		case Grouped:
			return a.editMachine(ctx, p)
		case Whole:
			return a.reshapeWhole(ctx, p)
		}
		return a.reshapeHost(ctx, p)
	case composa.ActRemove:
		return a.change(ctx, "machine.remove", s.Machine.Native, a.removeMachine)
	}
	return a.change(ctx, "machine."+string(s.Act), s.Machine.Native, a.switchMachine)
}

// ownMachine returns the step's machine. To ask for another one is a violation
// of the contract. The world is locked.
func (a *attempt) ownMachine() (*machine, error) {
	w, s := a.fabric.world, a.step
	m := w.now.machine(s.Machine.Native)
	if m == nil {
		return nil, composa.Errorf(composa.CodeConflict, "there is no machine %s", s.Machine.Native)
	}
	if w.config.Shape == Grouped && (m.group != w.ownGroup(&w.now, a.fabric.site) || m.label != s.Machine.Label) {
		w.violations = append(w.violations, fmt.Sprintf("%s asked to %s, which changes machine %s %q of somebody else", a.fabric.site, s, m.native, m.label))
		return nil, composa.Errorf(composa.CodeConflict, "machine %s is not of this site", s.Machine.Native)
	}
	return m, nil
}

// unknownInside names a part of the machine that the step does not know.
func (a *attempt) unknownInside(native string) error {
	for _, p := range a.fabric.world.now.inside(native) {
		known := slices.Contains(a.step.Expect.Holds, p.Name) ||
			slices.ContainsFunc(a.step.Devices(), func(d composa.DeviceRef) bool { return d.Name == p.Name })
		if !known {
			return composa.Errorf(composa.CodeConflict, "%s is in the machine too", p.Name)
		}
	}
	return nil
}

func (a *attempt) removeMachine(Fault) error {
	m, err := a.ownMachine()
	if err != nil {
		return err
	}
	if err := a.unknownInside(m.native); err != nil {
		return err
	}
	a.fabric.world.now.removeMachine(m.native)
	return nil
}

// switchMachine switches p2p or power.
func (a *attempt) switchMachine(Fault) error {
	s := a.step
	m, err := a.ownMachine()
	if err != nil {
		return err
	}
	if s.Act == composa.ActP2P {
		m.p2p = s.On
		return nil
	}
	hosts := 0
	for _, p := range a.fabric.world.now.inside(m.native) {
		if p.Kind == composa.KindCPU {
			p.on = s.On
			hosts++
		}
	}
	if hosts == 0 && s.On {
		return composa.Errorf(composa.CodeRefused, "machine %s has no host", m.native)
	}
	return nil
}

// watchedFabric is a driver whose world tells when it changed.
type watchedFabric struct{ *fabric }

// Watch implements driver.Watcher. The connection is never lost.
func (f watchedFabric) Watch(ctx context.Context, changed chan<- struct{}) error {
	w := f.world
	w.mu.Lock()
	w.lastWatcher++
	id := w.lastWatcher
	w.watchers[id] = changed
	w.mu.Unlock()
	select {
	case changed <- struct{}{}: // it listens
	default:
	}
	<-ctx.Done()
	w.mu.Lock()
	delete(w.watchers, id)
	w.mu.Unlock()
	return nil
}

// reservingFabric is a driver of a world in which the caller chooses handles.
type reservingFabric struct{ watchedFabric }

// Reserve implements driver.Reserver.
func (f reservingFabric) Reserve(ctx context.Context, s composa.Step) (string, error) {
	var native string
	err := f.send(ctx, Call{Name: "machine.next", Step: &s}, func(Fault) error {
		native = strconv.Itoa(f.world.lastMachine + 1)
		return nil
	})
	return native, err
}
