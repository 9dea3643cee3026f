package liqid

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The calls about machines, their devices and their power: liqid-api.md 2.1,
// 2.5, 2.6 and 2.10.

// machines may be narrowed by group, mach_id and mach_name.
func (r *request) machines() (any, error) {
	group, byGroup, err := r.queryGroup()
	if err != nil {
		return nil, err
	}
	id, byID, err := r.queryNumber("mach_id")
	if err != nil {
		return nil, err
	}
	name := r.URL.Query().Get("mach_name")
	return r.machineList(func(m machine) bool {
		return (!byGroup || m.Group == group) && (!byID || m.ID == id) && (name == "" || m.Name == name)
	}), nil
}

func (r *request) machinesAt() (any, error) {
	if err := r.atDirector(); err != nil {
		return nil, err
	}
	return r.machineList(func(machine) bool { return true }), nil
}

// nextMachineID answers with text where group/nextid answers with a number (liqid-api.md A1).
func (r *request) nextMachineID() (any, error) {
	id := r.nextMachine(r.habits.MachineIDs == "rising")
	if id == 0 {
		return nil, invalid("none of the %d machine ids is left", MaxMachineID)
	}
	r.d.offered(offer{true, id})
	return one(strconv.Itoa(id)), nil
}

func (r *request) machineDetails() (any, error) {
	id, err := r.pathID("id")
	if err != nil {
		return nil, err
	}
	m, err := r.needMachine(id)
	if err != nil {
		return nil, err
	}
	return one(r.show.machineDetails(m)), nil
}

func (r *request) createMachine() (any, error) {
	f, err := r.fields()
	if err == nil {
		err = r.needFabric(f)
	}
	if err != nil {
		return nil, err
	}
	if !f.MachID.given || !f.GrpID.given {
		return nil, invalid("mach_id or grp_id is missing")
	}
	after, err := r.d.change(true, func(s *state) error {
		return s.createMachine(f.MachID.value, f.GrpID.value, string(f.MachName), r.d.wasOffered(offer{true, f.MachID.value}), r.d.clock())
	})
	if err != nil {
		return nil, err
	}
	return one(after.oneMachine(f.MachID.value)), nil
}

func (r *request) deleteMachine() (any, error) {
	id, err := r.pathID("id")
	if err != nil {
		return nil, err
	}
	var deleted machineRecord
	return r.commit(commit{
		command: "machine/delete", on: machineTarget(id), group: r.groupOf(id), waits: true,
		apply: func(s *state) error {
			if _, err := s.needMachine(id); err != nil {
				return err
			}
			deleted = r.d.show(s).oneMachine(id)
			return s.deleteMachine(id, r.by)
		},
		record: func(show) any { return deleted },
	})
}

// groupOf is the group of a machine as it is now, 0 if there is no such machine.
func (r *request) groupOf(id int) int { return r.d.view(false).machines[id].Group }

// machineID reads which machine a call is about, and the whole body. Clients send the whole record;
// only mach_id counts.
func (r *request) machineID() (int, *fields, error) {
	f, err := r.fields()
	if err != nil {
		return 0, nil, err
	}
	if !f.MachID.given {
		return 0, nil, invalid("mach_id is missing")
	}
	return f.MachID.value, f, nil
}

func (r *request) setP2P() (any, error) {
	id, f, err := r.machineID()
	if err != nil {
		return nil, err
	}
	if f.P2P != "on" && f.P2P != "off" {
		return nil, invalid("p2p is %q, not on or off", f.P2P)
	}
	return r.commit(commit{
		command: "machine/p2p", on: machineTarget(id), group: r.groupOf(id),
		apply:  func(s *state) error { return s.setP2P(id, f.P2P == "on", *r.habits, r.d.clock()) },
		record: func(at show) any { return at.oneMachine(id) },
	})
}

func (r *request) editMachine() (any, error) { return r.inSession((*request).openSession) }

// cancelEdit ends a machine's session without its queue. reprogram/cancel does
// the same: what it says, that no devices will be associated, is true then.
func (r *request) cancelEdit() (any, error) { return r.inSession((*request).cancelSession) }

// inSession does something about the session of a machine and answers the machine.
func (r *request) inSession(do func(*request, target) (show, error)) (any, error) {
	id, _, err := r.machineID()
	if err != nil {
		return nil, err
	}
	after, err := do(r, machineTarget(id))
	if err != nil {
		return nil, err
	}
	return one(after.oneMachine(id)), nil
}

// reprogram applies the queue. With reboot=true a host that is on boots again
// afterwards; what real directors make of it is not known (liqid-api.md A19).
func (r *request) reprogram() (any, error) {
	id, _, err := r.machineID()
	if err != nil {
		return nil, err
	}
	reboot := false
	if text := r.URL.Query().Get("reboot"); text != "" && !r.era.in(era24) {
		if reboot, err = strconv.ParseBool(text); err != nil {
			return nil, invalid("reboot %q is not true or false", text)
		}
	}
	return r.reprogramming(id, reboot, "", func(at show) any { return at.oneMachine(id) })
}

func (r *request) reprogramming(id int, reboot bool, forced string, record func(show) any) (any, error) {
	boot := r.d.pick(r.d.config.BootLatency)
	return r.commit(commit{
		command: "fabric/reprogram", on: machineTarget(id), group: r.groupOf(id), record: record,
		queue: func(s *state, q session) error {
			q.forced = forced
			if err := s.reattach(id, q, r.d.clock()); err != nil {
				return err
			}
			if h := s.host(id); reboot && h != nil && h.powered {
				return s.power(id, "reboot", boot)
			}
			return nil
		},
	})
}

// busyDevice is what is read of a MachineWithBusyDevice (liqid-api.md 1.4).
type busyDevice struct {
	GID     text    `json:"device_gid"`
	Name    text    `json:"device_name"`
	Machine *fields `json:"machine"`
}

// forceReprogram is reprogram that takes one device though a program has it
// open; it answers what it was asked (liqid-api.md 2.1, inferred from the model).
func (r *request) forceReprogram() (any, error) {
	var f busyDevice
	if err := r.decode(&f); err != nil {
		return nil, err
	}
	if f.Machine == nil || !f.Machine.MachID.given {
		return nil, invalid("machine.mach_id is missing")
	}
	name := string(f.Name)
	for i := range r.devices {
		if d := &r.devices[i]; name == "" && hex8(d.fabrGID()) == string(f.GID) {
			name = d.Name
		}
	}
	if name == "" {
		return nil, invalid("device_name or device_gid names no device")
	}
	asked := json.RawMessage(r.body)
	return r.reprogramming(f.Machine.MachID.value, false, name, func(show) any { return asked })
}

// relate answers POST and DELETE relate/{class}: the device is queued for the
// next reprogram of the machine.
func relate(c Class, attach bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		f, err := r.fields()
		if err != nil {
			return nil, err
		}
		if f.Machine == nil || !f.Machine.MachID.given || f.Relator == nil || f.Relator.DeviceStatus == nil {
			return nil, invalid("machine.mach_id or groupDeviceRelator.deviceStatus is missing")
		}
		id, status := f.Machine.MachID.value, f.Relator.DeviceStatus
		var relator machineRelator
		_, err = r.d.change(r.d.queuesShow(), func(s *state) error {
			if err := r.d.busy(machineTarget(id), r.by); err != nil {
				return err
			}
			d, err := s.find(string(status.Name), string(status.DevID))
			if err != nil {
				return err
			}
			if _, err := s.inEdit(machineTarget(id), r.by, RuleInEdit); err != nil {
				return err
			}
			m := s.machines[id]
			if g := f.Relator.Group; g != nil && g.GrpID.given && g.GrpID.value != m.Group {
				return invalid("group.grp_id is %d, machine %d is in group %d", g.GrpID.value, id, m.Group)
			}
			if err := s.queueAttach(id, r.by, d, c, attach); err != nil {
				return err
			}
			at := r.d.show(s)
			relator = machineRelator{groupRelator{at.status(d), at.group(s.groups[m.Group])}, at.oneMachine(id)}
			return nil
		})
		return one(relator), err
	}
}

// powered is the machine that a power call is about: in the body in 2.x, with
// its group in the path in 3.x.
func (r *request) powered() (int, error) {
	if r.era.in(line2) {
		id, _, err := r.machineID()
		return id, err
	}
	group, err := r.pathID("group")
	if err != nil {
		return 0, err
	}
	id, err := r.pathID("machine")
	if err != nil {
		return 0, err
	}
	m, err := r.needMachine(id)
	if err == nil && m.Group != group {
		err = invalid("machine %d is in group %d, not %d", id, m.Group, group)
	}
	return id, err
}

// power answers power/{verb}.
func power(verb string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		id, err := r.powered()
		if err != nil {
			return nil, err
		}
		boot := r.d.pick(r.d.config.BootLatency)
		after, err := r.d.change(true, func(s *state) error { return s.power(id, verb, boot) })
		if err != nil {
			return nil, err
		}
		return one(after.oneMachine(id)), nil
	}
}

func (r *request) nodeStatus() (any, error) { return r.nodes(r.d.clock()), nil }

// hostsOf are the states of the hosts that pass lets through, which 2.4 tells
// one by one too (liqid-api.md 2.10).
func (r *request) hostsOf(pass func(*device) bool) (any, error) {
	out := []nodeRecord{}
	for _, n := range r.nodes(r.d.clock()) {
		for i := range r.devices {
			if d := &r.devices[i]; d.Kind == CPU && !d.gone && d.Location == n.Location && pass(d) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// boundNode answers whether a machine is booted: with its host's state.
func (r *request) boundNode() (any, error) {
	group, byGroup, err := r.queryNumber("group_id")
	if err != nil {
		return nil, err
	}
	id, byID, err := r.queryNumber("mach_id")
	if err != nil {
		return nil, err
	}
	name := r.URL.Query().Get("mach_name")
	return r.hostsOf(func(d *device) bool {
		m, attached := r.state.machines[d.machine]
		return attached && (!byGroup || m.Group == group) && (!byID || m.ID == id) && (name == "" || m.Name == name)
	})
}

func (r *request) nodeOf() (any, error) {
	return r.hostsOf(func(d *device) bool { return d.Name == r.PathValue("cpu") })
}

func (r *request) nodeAt() (any, error) {
	at := fmt.Sprintf("%s/%s/%s", r.PathValue("rack"), r.PathValue("shelf"), r.PathValue("node"))
	return r.hostsOf(func(d *device) bool {
		return at == fmt.Sprintf("%d/%d/%d", d.Location.Rack, d.Location.Shelf, d.Location.Node)
	})
}
