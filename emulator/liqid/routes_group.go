package liqid

import "strconv"

// The calls about groups and their pools: liqid-api.md 2.2 to 2.4.

// groups ignores the query: some clients send a filter that means something
// else than it says (liqid-api.md 2.2).
func (r *request) groups() (any, error) { return r.groupList(), nil }

func (r *request) groupsAt() (any, error) {
	if err := r.atDirector(); err != nil {
		return nil, err
	}
	return r.groupList(), nil
}

func (r *request) nextGroupID() (any, error) {
	id := r.nextGroup()
	r.d.offered(offer{false, id})
	return one(id), nil
}

func (r *request) mapGroup() (any, error) {
	name := r.URL.Query().Get("group-name")
	if name == "" {
		return nil, invalid("group-name is missing")
	}
	for _, g := range r.sortedGroups() {
		if g.Name == name {
			return one(g.ID), nil
		}
	}
	return nil, invalid("there is no group %q", name)
}

func (r *request) groupDetails() (any, error) {
	id, err := r.pathID("id")
	if err == nil {
		err = r.needGroup(id)
	}
	if err != nil {
		return nil, err
	}
	return one(r.show.groupDetails(r.state.groups[id])), nil
}

// needFabric refuses a new record that is not for this fabric; fabr_id is
// required on create (liqid-api.md 1.4).
func (r *request) needFabric(f *fields) error {
	switch {
	case !f.FabrID.given:
		return invalid("fabr_id is missing")
	case f.FabrID.value != r.fabric:
		return invalid("fabr_id is %d, this fabric is %d", f.FabrID.value, r.fabric)
	}
	return nil
}

func (r *request) createGroup() (any, error) {
	f, err := r.fields()
	if err == nil {
		err = r.needFabric(f)
	}
	if err != nil {
		return nil, err
	}
	if !f.GrpID.given {
		return nil, invalid("grp_id is missing")
	}
	after, err := r.d.change(true, func(s *state) error {
		return s.createGroup(f.GrpID.value, string(f.GroupName), r.d.wasOffered(offer{false, f.GrpID.value}))
	})
	if err != nil {
		return nil, err
	}
	return one(after.group(after.groups[f.GrpID.value])), nil
}

func (r *request) deleteGroup() (any, error) {
	id, err := r.pathID("id")
	if err != nil {
		return nil, err
	}
	var deleted groupRecord
	_, err = r.d.change(true, func(s *state) error {
		for _, p := range r.d.pending {
			if p.group == id {
				return taken(p.by != r.by || p.unknowing, RuleCommitting, "%s is still at work in group %d", p.command, id)
			}
		}
		deleted = r.group(s.groups[id])
		return s.deleteGroup(id, r.by)
	})
	return one(deleted), err
}

func (r *request) clearGroups() (any, error) {
	_, err := r.d.change(true, func(s *state) error { s.clear(r.by); return nil })
	return one(true), err
}

// pool reads which group's pool a call is about and answers with its record.
// The coordinates are whatever the client sends, and are echoed: clients disagree
// on whose they are (liqid-api.md 2.3).
func (r *request) pool() (groupPoolRecord, error) {
	f, err := r.fields()
	if err != nil {
		return groupPoolRecord{}, err
	}
	if !f.GrpID.given {
		return groupPoolRecord{}, invalid("grp_id is missing")
	}
	at := directorAt
	if c := f.Coordinates; c != nil {
		at = Coordinates{Rack: c.Rack.value, Shelf: c.Shelf.value, Node: c.Node.value}
	}
	return groupPoolRecord{GrpID: f.GrpID.value, FabrID: r.fabric, Coordinates: at}, nil
}

func (r *request) editPool() (any, error) {
	pool, err := r.pool()
	if err != nil {
		return nil, err
	}
	_, err = r.openSession(poolTarget(pool.GrpID))
	return one(pool), err
}

func (r *request) cancelPool() (any, error) {
	pool, err := r.pool()
	if err != nil {
		return nil, err
	}
	_, err = r.cancelSession(poolTarget(pool.GrpID))
	return one(pool), err
}

func (r *request) donePool() (any, error) {
	pool, err := r.pool()
	if err != nil {
		return nil, err
	}
	return r.commit(commit{
		command: "pool/done", on: poolTarget(pool.GrpID), group: pool.GrpID,
		queue:  func(s *state, q session) error { return s.regroup(pool.GrpID, q) },
		record: func(show) any { return pool },
	})
}

// member answers POST and DELETE predevice/{class}: the device is queued for
// the end of the pool's session.
func member(c Class, add bool) func(*request) (any, error) {
	return func(r *request) (any, error) {
		f, err := r.fields()
		if err != nil {
			return nil, err
		}
		if f.DeviceStatus == nil || f.Group == nil || !f.Group.GrpID.given {
			return nil, invalid("deviceStatus or group.grp_id is missing")
		}
		id := f.Group.GrpID.value
		var relator groupRelator
		_, err = r.d.change(r.d.queuesShow(), func(s *state) error {
			if err := r.d.busy(poolTarget(id), r.by); err != nil {
				return err
			}
			d, err := s.find(string(f.DeviceStatus.Name), string(f.DeviceStatus.DevID))
			if err != nil {
				return err
			}
			if err := s.queueMember(id, r.by, d, c, add); err != nil {
				return err
			}
			at := r.d.show(s)
			relator = groupRelator{at.status(d), at.group(s.groups[id])}
			return nil
		})
		return one(relator), err
	}
}

// predevices lists members of groups; the query may narrow it by group,
// mach_id and dev_type (liqid-api.md 2.4).
func (r *request) predevices() (any, error) {
	group, byGroup, err := r.queryGroup()
	if err != nil {
		return nil, err
	}
	machine, devType := r.URL.Query().Get("mach_id"), r.URL.Query().Get("dev_type")
	if machine == "" && r.habits.Members == "unattached" {
		machine = unset
	}
	if machine != "" && machine != unset {
		if _, err := strconv.Atoi(machine); err != nil {
			return nil, invalid("mach_id %q is not a number", machine)
		}
	}
	return r.predeviceList(func(p predeviceRecord) bool {
		return (!byGroup || p.GrpID == group) && (machine == "" || p.MachID == machine) && (devType == "" || p.DevType == devType)
	}), nil
}
