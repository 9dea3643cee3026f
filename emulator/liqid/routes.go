package liqid

import (
	"net/http"
	"slices"
)

// routes is the API of an era as far as the emulator speaks it
// (liqid-api.md 2 and 6.2).
func routes(e era) []*route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	table := []*route{
		{method: get, path: "fabric/id", answer: (*request).fabricID},
		{method: get, path: "fabric/topology", answer: (*request).topology},
		{method: get, path: "coordinates", answer: (*request).getCoordinates},
		{method: post, path: "coordinates", answer: (*request).setCoordinates, anywhere: true},
		{method: get, path: "coordinates/available", answer: (*request).availableCoordinates},
		{method: get, path: "version", answer: (*request).version},
		{method: get, path: "deployment", answer: (*request).deployment},
		{method: post, path: "system/state/reset", answer: (*request).reset},
		{method: get, path: "state/{fabric}", answer: (*request).pendingOfFabric},
		{method: get, path: "state/{fabric}/{group}", answer: (*request).pendingOfGroup},
		{method: get, path: "state/{fabric}/{group}/{machine}", answer: (*request).pendingOfMachine},

		{method: get, path: "group", answer: (*request).groups},
		{method: get, path: "group/{rack}/{shelf}/{node}", answer: (*request).groupsAt},
		{method: get, path: "group/nextid", answer: (*request).nextGroupID},
		{method: get, path: "group/mapper", answer: (*request).mapGroup},
		{method: get, path: "group/details/{id}", answer: (*request).groupDetails},
		{method: post, path: "group", status: http.StatusCreated, answer: (*request).createGroup},
		{method: post, path: "group/clear", answer: (*request).clearGroups},
		{method: del, path: "group/{id}", answer: (*request).deleteGroup},
		{method: post, path: "pool/edit", answer: (*request).editPool, target: poolOf},
		{method: post, path: "pool/done", answer: (*request).donePool, target: poolOf},
		{method: post, path: "pool/cancel", answer: (*request).cancelPool, target: poolOf},
		{method: get, path: "predevice", answer: (*request).predevices},

		{method: get, path: "machine", answer: (*request).machines},
		{method: get, path: "machine/{rack}/{shelf}/{node}", answer: (*request).machinesAt},
		{method: get, path: "machine/nextid", answer: (*request).nextMachineID},
		{method: get, path: "machine/details/{id}", answer: (*request).machineDetails},
		{method: post, path: "machine", status: http.StatusCreated, answer: (*request).createMachine},
		{method: del, path: "machine/{id}", answer: (*request).deleteMachine},
		{method: post, path: "machine/p2p", answer: (*request).setP2P},
		{method: post, path: "fabric/edit", answer: (*request).editMachine, target: machineOf},
		{method: post, path: "fabric/edit/cancel", answer: (*request).cancelEdit, target: machineOf},
		{method: post, path: "fabric/reprogram", answer: (*request).reprogram, target: machineOf},
		{method: post, path: "fabric/reprogram/cancel", answer: (*request).cancelEdit, target: machineOf},
		{method: post, path: "power/start", answer: power("start")},
		{method: post, path: "power/shutdown", answer: power("shutdown")},
		{method: post, path: "power/reboot", answer: power("reboot")},
		{method: post, path: "power/restart", answer: power("restart")},
		{method: get, path: "node/status", answer: (*request).nodeStatus},

		{method: get, path: "status", answer: (*request).status},
		{method: get, path: "devices/count", answer: (*request).countDevices},
		{method: get, path: "system/device/info/{class}/{name}", answer: (*request).deviceInfo},
		{method: put, path: "device/udesc/{type}/{id}", status: http.StatusCreated, answer: (*request).describe},
		{method: del, path: "device/udesc/{type}/{id}", answer: (*request).undescribe},
		{method: put, path: "device/{id}", status: http.StatusNoContent, answer: (*request).erase},
		{method: get, path: "manager/network/ipmi/cpu", answer: (*request).ipmi},
	}
	for _, c := range classes {
		table = append(table,
			&route{method: get, path: "status/" + string(c), answer: freeOf(c)},
			&route{method: post, path: "predevice/" + string(c), answer: member(c, true), target: poolOf},
			&route{method: del, path: "predevice/" + string(c), answer: member(c, false), target: poolOf},
			&route{method: post, path: "relate/" + string(c), answer: relate(c, true), target: machineOf},
			&route{method: del, path: "relate/" + string(c), answer: relate(c, false), target: machineOf},
		)
	}
	table = append(table, moreRoutes()...)
	table = slices.DeleteFunc(table, func(rt *route) bool { return rt.eras != 0 && !e.in(rt.eras) })
	for _, rt := range table {
		if rt.status == 0 {
			rt.status = http.StatusOK
		}
	}
	return table
}

// one is the answer of a single record; data is always an array.
func one[T any](v T) []T { return []T{v} }

// poolOf says which group's pool an editing call is about: the group of a
// GroupPool or of a relator. 0 when it does not say.
func poolOf(r *request) (group, machine int) {
	f, err := r.fields()
	if err != nil {
		return 0, 0
	}
	if f.Group != nil {
		return f.Group.GrpID.value, 0
	}
	return f.GrpID.value, 0
}

// machineOf says which machine an editing call is about: a Machine or the one
// of a relator. 0 when it does not say.
func machineOf(r *request) (group, machine int) {
	f, err := r.fields()
	if err != nil {
		return 0, 0
	}
	if f.Machine != nil {
		f = f.Machine
	}
	return 0, f.MachID.value
}

// stealEdit is the fault of that name: just before the call somebody else opens
// the session it wants to open, or cancels the one it works in.
func (d *Director) stealEdit(rt *route, r *request) {
	group, machine := rt.target(r)
	d.change(false, func(s *state) error {
		opens := rt.path == "pool/edit" || rt.path == "fabric/edit"
		of, sessions := group, s.pools
		if machine != 0 {
			of, sessions = machine, s.edits
		}
		if err := d.busy(group, machine); err != nil {
			return err // what is being committed nobody can take
		}
		if !opens {
			delete(sessions, of)
			return nil
		}
		_, isGroup := s.groups[group]
		_, isMachine := s.machines[machine]
		if _, open := sessions[of]; !open && (isGroup || isMachine) {
			stolen := s.newSession(d.clock())
			stolen.Foreign = true
			sessions[of] = stolen
		}
		return nil
	})
}
