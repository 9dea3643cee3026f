package memory

import (
	"context"
	"fmt"
	"strconv"

	"github.com/composa-dev/composa"
)

// makeWhole makes a machine with all of its devices, in one call. The world
// chooses the handle.
func (a *attempt) makeWhole(ctx context.Context) error {
	w, s := a.fabric.world, a.step
	return a.change(ctx, "machine.create", "", func(Fault) error {
		native := "system" + strconv.Itoa(w.lastMachine+1)
		w.now.machines = append(w.now.machines, machine{native: native, created: w.config.Clock()})
		if err := w.takeFree(native, s.Attach); err != nil {
			return err
		}
		if err := w.fits(native); err != nil {
			return err
		}
		w.lastMachine++
		return nil
	})
}

// takeFree puts free parts into a machine.
func (w *World) takeFree(native string, refs []composa.DeviceRef) error {
	for _, d := range refs {
		q := w.part(d)
		if q == nil || q.machine != "" {
			return composa.Errorf(composa.CodeConflict, "%s is not free", d.Name)
		}
		q.put("", native)
	}
	return nil
}

// reshapeWhole changes a machine whose host is off, all devices in one call.
func (a *attempt) reshapeWhole(ctx context.Context, p *composa.Picture) error {
	w, native := a.fabric.world, a.step.Machine.Native
	attach, detach := a.step.Todo(p)
	return a.change(ctx, "machine.reshape", native, func(Fault) error {
		if _, err := a.ownMachine(); err != nil {
			return err
		}
		if w.now.power(native) == composa.PowerOn {
			return composa.Errorf(composa.CodeRefused, "machine %s is powered on", native)
		}
		if err := a.unknownInside(native); err != nil {
			return err
		}
		for _, d := range detach {
			if q := w.part(d); q != nil && q.machine == native {
				q.put("", "")
			}
		}
		if err := w.takeFree(native, attach); err != nil {
			return err
		}
		return w.fits(native)
	})
}

// reshapeHost takes devices from a host and gives it others, one call each, so
// that it can end half way.
func (a *attempt) reshapeHost(ctx context.Context, p *composa.Picture) error {
	attach, detach := a.step.Todo(p)
	for _, d := range detach {
		if err := a.change(ctx, "device.detach", d.Name, func(Fault) error { return a.detachOne(d) }); err != nil {
			return err
		}
	}
	for _, d := range attach {
		if err := a.change(ctx, "device.attach", d.Name, func(Fault) error { return a.attachOne(d) }); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) detachOne(d composa.DeviceRef) error {
	w := a.fabric.world
	if _, err := a.ownMachine(); err != nil {
		return err
	}
	q := w.part(d)
	if q == nil || q.machine != a.step.Machine.Native {
		return nil
	}
	if q.busy && !a.step.Hard {
		return composa.Errorf(composa.CodeBusy, "the guest uses %s", d.Name)
	}
	q.put("", "")
	return nil
}

func (a *attempt) attachOne(d composa.DeviceRef) error {
	w, native := a.fabric.world, a.step.Machine.Native
	if _, err := a.ownMachine(); err != nil {
		return err
	}
	if q := w.part(d); q != nil && q.machine == native {
		return nil
	}
	if err := w.takeFree(native, []composa.DeviceRef{d}); err != nil {
		return fmt.Errorf("%w", err)
	}
	return w.fits(native)
}
