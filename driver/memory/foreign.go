package memory

import (
	"slices"
	"strconv"

	"github.com/composa-dev/composa"
)

// Rival is what somebody else does on the same fabric, in the vendor's tool or
// with his hands. It is never delayed and never fails for a fault. Errors say
// that the world has no such device or machine, or that the shape cannot do it.
type Rival struct{ world *World }

// rivalGroup is the group that somebody else keeps in a grouped world.
const rivalGroup = "tenants"

// Foreign returns the hands of somebody else.
func (w *World) Foreign() *Rival { return &Rival{w} }

// change does something as one change of the world.
func (r *Rival) change(do func(w *World) error) error {
	w := r.world
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.now.clone()
	if err := do(w); err != nil {
		w.now = was
		return err
	}
	w.changed(was)
	return nil
}

func (w *World) find(device string) (*part, error) {
	i, ok := w.index[device]
	if !ok {
		return nil, composa.Errorf(composa.CodeNotFound, "cannot find %s: %s has no such device", device, w.config.Name)
	}
	return &w.now.parts[i], nil
}

// MakeMachine makes a machine of somebody else with devices, wherever they are
// now, and returns its handle. Only the shape grouped gives it the label; in
// the shape hosted no machine can be made.
func (r *Rival) MakeMachine(label string, devices ...string) (native string, err error) {
	err = r.change(func(w *World) error {
		if w.config.Shape == Hosted {
			return composa.Errorf(composa.CodeUnsupported, "cannot make a machine: machines of %s are hosts", w.config.Name)
		}
		native = w.newRivalMachine(label)
		return w.take(native, devices)
	})
	return native, err
}

func (w *World) newRivalMachine(label string) string {
	w.lastMachine++
	m := machine{native: "system" + strconv.Itoa(w.lastMachine), created: w.config.Clock()}
	if w.config.Shape == Grouped {
		m.native, m.label = strconv.Itoa(w.lastMachine), label
		m.group = w.tenants()
	}
	w.now.machines = append(w.now.machines, m)
	return m.native
}

// tenants is the handle of somebody else's group.
func (w *World) tenants() string {
	if g := w.now.groupNamed(rivalGroup); g != nil {
		return g.native
	}
	return w.newGroup(rivalGroup)
}

// take puts devices, and what is of one unit with them, into a machine.
func (w *World) take(native string, devices []string) error {
	m := w.now.machine(native)
	if m == nil {
		return composa.Errorf(composa.CodeNotFound, "cannot find machine %s", native)
	}
	for _, name := range devices {
		if err := w.putUnit(name, m.group, native); err != nil {
			return err
		}
	}
	return nil
}

// putUnit moves a device with what is of one unit with it.
func (w *World) putUnit(device, group, machine string) error {
	p, err := w.find(device)
	if err != nil {
		return err
	}
	for i := range w.now.parts {
		q := &w.now.parts[i]
		if q == p || p.Unit != "" && q.Unit == p.Unit && !q.gone {
			q.put(group, machine)
		}
	}
	return nil
}

// Take puts a device, wherever it is now, into a machine of somebody else's
// own: a new one, in the shape hosted the last host. It returns its handle.
func (r *Rival) Take(device string) (native string, err error) {
	if r.world.config.Shape != Hosted {
		return r.MakeMachine("tenant", device)
	}
	err = r.change(func(w *World) error {
		native = w.now.machines[len(w.now.machines)-1].native
		return w.take(native, []string{device})
	})
	return native, err
}

// AddTo puts a device, wherever it is now, into any machine, ours too.
func (r *Rival) AddTo(native, device string) error {
	return r.change(func(w *World) error { return w.take(native, []string{device}) })
}

// Enter puts a device into somebody else's group.
func (r *Rival) Enter(device string) error {
	return r.change(func(w *World) error {
		if w.config.Shape != Grouped {
			return composa.Errorf(composa.CodeUnsupported, "cannot enter a group: %s has none", w.config.Name)
		}
		return w.putUnit(device, w.tenants(), "")
	})
}

// Release makes a device free: in no machine and group.
func (r *Rival) Release(device string) error {
	return r.change(func(w *World) error { return w.putUnit(device, "", "") })
}

// RemoveMachine removes any machine, ours too. What was in it stays in its group.
func (r *Rival) RemoveMachine(native string) error {
	return r.change(func(w *World) error {
		if w.now.machine(native) == nil {
			return composa.Errorf(composa.CodeNotFound, "cannot find machine %s", native)
		}
		w.now.removeMachine(native)
		return nil
	})
}

// Vanish pulls a device out of its slot.
func (r *Rival) Vanish(device string) error {
	return r.change(func(w *World) error {
		p, err := w.find(device)
		if err == nil {
			p.put("", "")
			p.gone = true
		}
		return err
	})
}

// Return puts a device that vanished back into its slot, free, with what is of
// one unit with it; in the shape hosted a cpu is back in the host that it is.
func (r *Rival) Return(device string) error {
	return r.change(func(w *World) error {
		p, err := w.find(device)
		if err != nil {
			return err
		}
		p.gone = false
		if w.config.Shape == Hosted && p.Kind == composa.KindCPU {
			p.put("", hostOf(p.Name))
			return nil
		}
		return w.putUnit(device, "", "")
	})
}

// Replace exchanges the part in a slot for another one with this serial. It is
// where the old one was.
func (r *Rival) Replace(device, serial string) error {
	return r.change(func(w *World) error {
		p, err := w.find(device)
		if err == nil {
			other := p.Part.clone()
			other.Fingerprint = composa.Fingerprint{Serial: serial}
			p.Part, p.gone = other, false
		}
		return err
	})
}

// SetHealth changes what the fabric says of a part.
func (r *Rival) SetHealth(device string, h composa.Health) error {
	return r.change(func(w *World) error {
		p, err := w.find(device)
		if err == nil {
			other := p.Part.clone()
			other.Health = h
			p.Part = other
		}
		return err
	})
}

// Power switches the hosts of any machine, ours too.
func (r *Rival) Power(native string, on bool) error {
	return r.change(func(w *World) error {
		if w.now.machine(native) == nil {
			return composa.Errorf(composa.CodeNotFound, "cannot find machine %s", native)
		}
		for _, p := range w.now.inside(native) {
			if p.Kind == composa.KindCPU {
				p.on = on
			}
		}
		return nil
	})
}

// Hold makes the guest keep a device, or let go of it. Only the shape hosted
// asks the guest.
func (r *Rival) Hold(device string, keep bool) error {
	return r.change(func(w *World) error {
		p, err := w.find(device)
		if err == nil {
			p.busy = keep
		}
		return err
	})
}

// OpenSession opens an edit session on a machine and leaves it open.
func (r *Rival) OpenSession(native string) {
	w := r.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastSession++
	w.sessions = append(w.sessions, session{id: w.lastSession, target: "machine " + native})
}

// CloseSessions ends every session that somebody else opened.
func (r *Rival) CloseSessions() {
	w := r.world
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions = slices.DeleteFunc(w.sessions, func(s session) bool { return s.owner == "" })
}
