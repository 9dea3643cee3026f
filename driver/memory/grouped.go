package memory

import (
	"context"
	"slices"
	"strconv"

	"github.com/composa-dev/composa"
)

// needGroup makes the site's group where there is none.
func (a *attempt) needGroup(ctx context.Context) (native string, err error) {
	w, f := a.fabric.world, a.fabric
	mark := composa.GroupMark(f.site)
	ask := Call{Name: "groups", Step: a.step}
	err = f.send(ctx, ask, func(Fault) error {
		native = w.ownGroup(&w.now, f.site)
		return nil
	})
	if err != nil || native != "" {
		return native, err
	}
	var made string
	err = a.prepare(ctx, "group.create", mark, func(Fault) error {
		if w.now.groupNamed(mark) != nil {
			return composa.Errorf(composa.CodeRefused, "there is a group %s already", mark)
		}
		made = w.newGroup(mark)
		return nil
	})
	return made, err
}

func (w *World) newGroup(name string) string {
	w.lastGroup++
	g := group{native: "g" + strconv.Itoa(w.lastGroup), name: name}
	w.now.groups = append(w.now.groups, g)
	return g.native
}

// editGroup carries out enter and leave in one session on the site's group.
func (a *attempt) editGroup(ctx context.Context, p *composa.Picture) error {
	w := a.fabric.world
	native, err := a.needGroup(ctx)
	if err != nil {
		return a.errorf(composa.CodeOf(err), "%w", err)
	}
	attach, detach := a.step.Todo(p)
	return a.edit(ctx, "group "+native, func() error {
		for _, d := range attach {
			q := w.part(d)
			if q == nil || q.machine != "" || q.group != "" {
				return composa.Errorf(composa.CodeConflict, "%s is not free", d.Name)
			}
			q.put(native, "")
		}
		for _, d := range detach {
			if q := w.part(d); q != nil {
				if q.machine != "" || q.group != native {
					return composa.Errorf(composa.CodeConflict, "%s is not free in the group", d.Name)
				}
				q.put("", "")
			}
		}
		return nil
	})
}

// editMachine carries out reshape in one session, all devices both ways.
func (a *attempt) editMachine(ctx context.Context, p *composa.Picture) error {
	w, native := a.fabric.world, a.step.Machine.Native
	attach, detach := a.step.Todo(p)
	return a.edit(ctx, "machine "+native, func() error {
		m, err := a.ownMachine()
		if err != nil {
			return err
		}
		if err := a.unknownInside(native); err != nil {
			return err
		}
		for _, d := range detach {
			if q := w.part(d); q != nil && q.machine == native {
				q.put(m.group, "")
			}
		}
		for _, d := range attach {
			q := w.part(d)
			if q == nil || q.machine != "" || q.group != m.group {
				return composa.Errorf(composa.CodeConflict, "%s is not free in the group of machine %s", d.Name, native)
			}
			q.put(m.group, native)
		}
		return w.fits(native)
	})
}

// edit opens a session on target, commits it, and cancels it where the commit
// was refused. The session ends with the commit.
func (a *attempt) edit(ctx context.Context, target string, commit func() error) error {
	w, f := a.fabric.world, a.fabric
	var id int
	err := a.prepare(ctx, "edit.open", target, func(Fault) error {
		if s := w.sessionOn(target); s != nil {
			return composa.Errorf(composa.CodeBusy, "%s is being edited", target)
		}
		w.lastSession++
		id = w.lastSession
		w.sessions = append(w.sessions, session{id: id, target: target, owner: f.site})
		return nil
	})
	if err != nil {
		return err
	}
	err = a.change(ctx, "edit.commit", target, func(Fault) error {
		if s := w.sessionOn(target); s == nil || s.id != id {
			return composa.Errorf(composa.CodeConflict, "the session on %s is not ours any more", target)
		}
		if err := commit(); err != nil {
			return err
		}
		w.closeSession(id)
		return nil
	})
	if err == nil || composa.CodeOf(err) == composa.CodeUnknown {
		return err // an answer that was lost is Settle's affair
	}
	if cancel := a.prepare(ctx, "edit.cancel", target, func(Fault) error { w.closeSession(id); return nil }); cancel != nil {
		return a.errorf(composa.CodeUnknown, "%w, and its session could not be ended: %w", err, cancel)
	}
	return err
}

func (w *World) sessionOn(target string) *session {
	for i := range w.sessions {
		if w.sessions[i].target == target {
			return &w.sessions[i]
		}
	}
	return nil
}

func (w *World) closeSession(id int) {
	w.sessions = slices.DeleteFunc(w.sessions, func(s session) bool { return s.id == id })
}

// makeEmpty makes a machine in the site's group under the reserved handle.
func (a *attempt) makeEmpty(ctx context.Context) error {
	w, s := a.fabric.world, a.step
	group, err := a.needGroup(ctx)
	if err != nil {
		return a.errorf(composa.CodeOf(err), "%w", err)
	}
	number, err := strconv.Atoi(s.Machine.Native)
	if err != nil || number < 1 {
		return a.errorf(composa.CodeRefused, "%q is not a handle of a machine", s.Machine.Native)
	}
	return a.change(ctx, "machine.create", s.Machine.Native, func(Fault) error {
		switch {
		case w.now.machine(s.Machine.Native) != nil:
			return composa.Errorf(composa.CodeConflict, "the handle %s is taken", s.Machine.Native)
		case slices.ContainsFunc(w.now.machines, func(m machine) bool { return m.label == s.Machine.Label }):
			return composa.Errorf(composa.CodeConflict, "there is a machine %q already", s.Machine.Label)
		}
		w.lastMachine = max(w.lastMachine, number)
		w.now.machines = append(w.now.machines, machine{
			native: s.Machine.Native, label: s.Machine.Label, group: group, created: w.config.Clock(),
		})
		return nil
	})
}

// part is the part that a step means; nil where it, or another one, is not there.
func (w *World) part(d composa.DeviceRef) *part {
	i, ok := w.index[d.Name]
	if !ok {
		return nil
	}
	p := &w.now.parts[i]
	if p.gone || !p.Fingerprint.Same(d.Fingerprint) {
		return nil
	}
	return p
}

// fits refuses what no machine of this world can hold.
func (w *World) fits(native string) error {
	inside := w.now.inside(native)
	if most := w.config.MaxDevices; most > 0 && len(inside) > most {
		return composa.Errorf(composa.CodeRefused, "a machine holds %d devices at most", most)
	}
	if !shareDomain(inside) {
		return composa.Errorf(composa.CodeRefused, "the devices of machine %s have no domain in common", native)
	}
	if one, other := w.now.unitBroken(); one != "" && w.config.Shape != Hosted {
		return composa.Errorf(composa.CodeRefused, "%s moves only together with %s", one, other)
	}
	return nil
}
