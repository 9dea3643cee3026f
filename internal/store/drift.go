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

// states are the states of the made machines of a fabric that no operation
// changes, as a picture of it shows them. That the fabric is silent is told of
// the fabric, once, and not of each of its machines.
func (t *tx) states(fabric composa.FabricName, p *composa.Picture) (map[composa.MachineID]composa.MachineState, []composa.Machine, error) {
	const idle = `fabric = $1 AND made = 1 AND operation = '' AND deleted_at IS NULL`
	machines, err := t.machines(idle+` ORDER BY id`, string(fabric))
	if err != nil || len(machines) == 0 {
		return nil, nil, err
	}
	const held = `closed_at IS NULL AND purpose = 'machine' AND machine IN (SELECT id FROM machine WHERE ` + idle + `)`
	claims, err := t.claims(held, string(fabric))
	if err != nil {
		return nil, nil, err
	}
	devices, err := t.devices(`gone_at IS NULL AND id IN (SELECT device FROM claim WHERE `+held+`)`, string(fabric))
	if err != nil {
		return nil, nil, err
	}
	site := composa.Site{Machines: machines, Claims: claims, Devices: devices}
	site.Index().Pictures = map[composa.FabricName]*composa.Picture{fabric: p}
	out := make(map[composa.MachineID]composa.MachineState, len(machines))
	for i := range machines {
		out[machines[i].ID] = site.State(&machines[i])
	}
	return out, machines, nil
}

// tellDrift tells the machines of a fabric whose state is another one than
// before, since its picture, or the place of their parts, changed. What before
// does not have was told as ready.
func (t *tx) tellDrift(fabric composa.FabricName, before map[composa.MachineID]composa.MachineState, p *composa.Picture) error {
	now, machines, err := t.states(fabric, p)
	if err != nil {
		return err
	}
	for i := range machines {
		m := &machines[i]
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
	before, _, err := t.states(a.Fabric, l.was)
	if err != nil {
		return err
	}
	own := make(map[composa.MachineID]bool, len(a.Machines))
	for _, m := range a.Machines {
		own[m.Machine] = true
	}
	maps.DeleteFunc(before, func(id composa.MachineID, _ composa.MachineState) bool { return own[id] })
	return t.tellDrift(a.Fabric, before, l.is)
}
