package liqid

import "strconv"

// The calls about machines, their devices and their power: liqid-api.md 2.1,
// 2.5, 2.6 and 2.10.

// machines may be narrowed by grp_id, mach_id and mach_name.
func (r *request) machines() (any, error) {
	group, byGroup, err := r.queryNumber("grp_id")
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
	id := r.nextMachine()
	if id == 0 {
		return nil, invalid("all %d machine ids are in use", MaxMachineID)
	}
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
	return one(r.show.machineDetails(m, r.d.clock())), nil
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
		return s.createMachine(f.MachID.value, f.GrpID.value, string(f.MachName), r.d.clock())
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
	_, err = r.d.commit("machine/delete", r.groupOf(id), id, func(s *state) error {
		if _, err := s.needMachine(id); err != nil {
			return err
		}
		deleted = show{s, r.fabric}.oneMachine(id)
		return s.deleteMachine(id)
	})
	return one(deleted), err
}

// groupOf is the group of a machine as it is now, 0 if there is no such machine.
func (r *request) groupOf(id int) int { return r.d.view(false).machines[id].Group }

// target reads which machine a call is about. Clients send the whole record;
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
	after, err := r.d.commit("machine/p2p", r.groupOf(id), id, func(s *state) error {
		return s.setP2P(id, f.P2P == "on", r.d.policy, r.d.clock())
	})
	if err != nil {
		return nil, err
	}
	return one(after.oneMachine(id)), nil
}

func (r *request) editMachine() (any, error) {
	id, _, err := r.machineID()
	if err != nil {
		return nil, err
	}
	after, err := r.d.change(false, func(s *state) error {
		if err := r.d.busy(0, id); err != nil {
			return err
		}
		return s.openEdit(id, r.d.policy, r.d.clock())
	})
	if err != nil {
		return nil, err
	}
	return one(after.oneMachine(id)), nil
}

// cancelEdit ends a machine's session without its queue. reprogram/cancel does
// the same: what it says, that no devices will be associated, is true then.
func (r *request) cancelEdit() (any, error) {
	id, _, err := r.machineID()
	if err != nil {
		return nil, err
	}
	after, err := r.d.change(false, func(s *state) error {
		if err := r.d.busy(0, id); err != nil {
			return err
		}
		return s.cancelEdit(id)
	})
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
	if text := r.URL.Query().Get("reboot"); text != "" {
		if reboot, err = strconv.ParseBool(text); err != nil {
			return nil, invalid("reboot %q is not true or false", text)
		}
	}
	boot := r.d.pick(r.d.config.BootLatency)
	var session int64
	after, err := r.d.commit("fabric/reprogram", r.groupOf(id), id, func(s *state) error {
		open, err := s.needEdit(id)
		if err == nil {
			err = same(&session, open.ID)
		}
		if err != nil {
			return err
		}
		if err := s.reprogram(id, r.d.clock()); err != nil {
			return err
		}
		if h := s.host(id); reboot && h != nil && h.powered {
			return s.power(id, "reboot", boot, r.d.clock())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return one(after.oneMachine(id)), nil
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
		_, err = r.d.change(false, func(s *state) error {
			if err := r.d.busy(0, id); err != nil {
				return err
			}
			d, err := s.find(string(status.Name), string(status.DevID))
			if err != nil {
				return err
			}
			m, err := s.needMachine(id)
			if err != nil {
				return err
			}
			if g := f.Relator.Group; g != nil && g.GrpID.given && g.GrpID.value != m.Group {
				return invalid("group.grp_id is %d, machine %d is in group %d", g.GrpID.value, id, m.Group)
			}
			if err := s.queueAttach(id, d, c, attach); err != nil {
				return err
			}
			at := show{s, r.fabric}
			relator = machineRelator{groupRelator{at.status(d), at.group(s.groups[m.Group])}, at.oneMachine(id)}
			return nil
		})
		return one(relator), err
	}
}

// power answers POST power/{verb}.
func power(verb string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		id, _, err := r.machineID()
		if err != nil {
			return nil, err
		}
		boot := r.d.pick(r.d.config.BootLatency)
		after, err := r.d.change(true, func(s *state) error { return s.power(id, verb, boot, r.d.clock()) })
		if err != nil {
			return nil, err
		}
		return one(after.oneMachine(id)), nil
	}
}

func (r *request) nodeStatus() (any, error) { return r.nodes(r.d.clock()), nil }
