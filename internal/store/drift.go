package store

import (
	"maps"

	"github.com/composa-dev/composa"
)

// laid is what a fabric showed before and after a look was laid over it; nil
// where there is no picture.
type laid struct {
	was, is *composa.Picture
	changed bool // more than the times of looking
}

// idle are the made machines of a fabric that no operation changes, with what
// they hold.
type idle struct {
	fabric composa.FabricName
	site   composa.Site
}

func (t *tx) idle(fabric composa.FabricName) (*idle, error) {
	const which = `fabric = $1 AND made = 1 AND operation = '' AND deleted_at IS NULL`
	machines, err := t.machines(which+` ORDER BY id`, string(fabric))
	if err != nil || len(machines) == 0 {
		return &idle{}, err
	}
	const held = `closed_at IS NULL AND purpose = 'machine' AND machine IN (SELECT id FROM machine WHERE ` + which + `)`
	claims, err := t.claims(held, string(fabric))
	if err != nil {
		return nil, err
	}
	devices, err := t.devices(`gone_at IS NULL AND id IN (SELECT device FROM claim WHERE `+held+`)`, string(fabric))
	if err != nil {
		return nil, err
	}
	out := &idle{fabric, composa.Site{Machines: machines, Claims: claims, Devices: devices}}
	out.site.Index()
	return out, nil
}

// states are the states of the machines as a picture shows them. That the fabric
// is silent is told of the fabric, once, and not of each of its machines.
func (i *idle) states(p *composa.Picture) map[composa.MachineID]composa.MachineState {
	out := make(map[composa.MachineID]composa.MachineState, len(i.site.Machines))
	if len(i.site.Machines) == 0 {
		return out
	}
	i.site.Pictures = map[composa.FabricName]*composa.Picture{i.fabric: p}
	for k := range i.site.Machines {
		m := &i.site.Machines[k]
		out[m.ID] = i.site.State(m)
	}
	return out
}

// tellDrift tells the machines whose state is another one than before, since the
// picture, or the place of their parts, changed. What before does not have was
// told as ready.
func (t *tx) tellDrift(i *idle, before map[composa.MachineID]composa.MachineState, p *composa.Picture) error {
	now := i.states(p)
	for k := range i.site.Machines {
		m := &i.site.Machines[k]
		was, known := before[m.ID]
		if !known {
			was = composa.MachineReady
		}
		if now[m.ID] == was {
			continue
		}
		if err := t.tellMachine(composa.EventType("machine."+string(now[m.ID])), m, ""); err != nil {
			return err
		}
	}
	return nil
}

// tellDriftAfter tells what a step of an operation showed of machines: those
// that it does not change, and those of its own that it leaves to themselves
// now. l is nil where the step brought no picture.
func (t *tx) tellDriftAfter(a *composa.Advance, l *laid) error {
	left := false
	for _, m := range a.Machines {
		left = left || m.Idle && !m.Freed
	}
	if a.Fabric == "" || !left && (l == nil || !l.changed) {
		return nil
	}
	if l == nil {
		o, err := t.picture(a.Fabric)
		if err != nil || o == nil {
			return err
		}
		l = &laid{was: o.picture, is: o.picture}
	}
	idle, err := t.idle(a.Fabric)
	if err != nil {
		return err
	}
	before := idle.states(l.was)
	own := make(map[composa.MachineID]bool, len(a.Machines))
	for _, m := range a.Machines {
		own[m.Machine] = true
	}
	maps.DeleteFunc(before, func(id composa.MachineID, _ composa.MachineState) bool { return own[id] })
	return t.tellDrift(idle, before, l.is)
}
