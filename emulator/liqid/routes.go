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
		{method: post, path: "fabric/id", answer: (*request).setFabricID, eras: era25},
		{method: put, path: "fabric", answer: (*request).toggleFabric, eras: from25},
		{method: get, path: "fabric/types", answer: (*request).fabricTypes, eras: from25},
		{method: get, path: "coordinates", answer: (*request).getCoordinates, eras: from25},
		{method: post, path: "coordinates", answer: (*request).setCoordinates, anywhere: true, eras: from25},
		{method: get, path: "coordinates/available", answer: (*request).availableCoordinates, eras: from25},
		{method: get, path: "version", answer: (*request).version},
		{method: get, path: "deployment", answer: (*request).deployment, eras: era25},
		{method: get, path: "digest", answer: (*request).digestLabels, eras: line3},
		{method: post, path: "digest/{label}", answer: (*request).createDigest, anywhere: true, eras: line3},
		{method: del, path: "digest/{label}", answer: (*request).deleteDigest, anywhere: true, eras: line3},
		{method: post, path: "reset", answer: (*request).reset, eras: era24},
		{method: post, path: "restart", answer: (*request).reset, eras: era24},
		{method: post, path: "system/state/reset", answer: (*request).reset, eras: from25},
		{method: post, path: "system/restart/fabric", answer: (*request).restarted, eras: from25},
		{method: post, path: "system/restart/hierarchy", answer: (*request).restarted, eras: from25},
		{method: post, path: "system/restart/switch", answer: (*request).restarted, eras: from25},
		{method: get, path: "state/{fabric}", answer: (*request).pendingOfFabric, eras: line2},
		{method: get, path: "state/{fabric}/{group}", answer: (*request).pendingOfGroup, eras: line2},
		{method: get, path: "state/{fabric}/{group}/{machine}", answer: (*request).pendingOfMachine, eras: line2},
		{method: get, path: "ssh/enable", answer: (*request).ssh, eras: from25},
		{method: post, path: "ssh/enable", answer: (*request).setSSH, eras: from25},
		{method: get, path: "backup/{where}", answer: (*request).backup, eras: line3},
		{method: get, path: linkPath + "{id}", answer: (*request).workStatus},

		{method: get, path: "group", answer: (*request).groups},
		{method: get, path: "group/{rack}/{shelf}/{node}", answer: (*request).groupsAt, eras: era25},
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
		{method: get, path: "machine/{rack}/{shelf}/{node}", answer: (*request).machinesAt, eras: from25},
		{method: get, path: "machine/nextid", answer: (*request).nextMachineID},
		{method: get, path: "machine/details/{id}", answer: (*request).machineDetails},
		{method: post, path: "machine", status: http.StatusCreated, answer: (*request).createMachine},
		{method: del, path: "machine/{id}", answer: (*request).deleteMachine},
		{method: post, path: "machine/p2p", answer: (*request).setP2P},
		{method: post, path: "fabric/edit", answer: (*request).editMachine, target: machineOf},
		{method: post, path: "fabric/cancel", answer: (*request).cancelEdit, target: machineOf, eras: era24},
		{method: post, path: "fabric/edit/cancel", answer: (*request).cancelEdit, target: machineOf, eras: from25},
		{method: post, path: "fabric/reprogram", answer: (*request).reprogram, target: machineOf},
		{method: post, path: "fabric/reprogram/cancel", answer: (*request).cancelEdit, target: machineOf, eras: from25},
		{method: post, path: "fabric/reprogram/force", answer: (*request).forceReprogram, target: machineOf, eras: era25},
		{method: get, path: "node/status", answer: (*request).nodeStatus},
		{method: get, path: "node/status/bound", answer: (*request).boundNode, eras: era24},
		{method: get, path: "node/status/{cpu}", answer: (*request).nodeOf, eras: era24},
		{method: get, path: "node/status/{rack}/{shelf}/{node}", answer: (*request).nodeAt, eras: era24},

		{method: get, path: "status", answer: (*request).status},
		{method: get, path: "status/compute/parents", answer: (*request).parents},
		{method: get, path: "devices/count", answer: (*request).countDevices},
		{method: get, path: "device/attributes", answer: (*request).attributes},
		{method: get, path: "system/device/info/{class}/{name}", answer: (*request).deviceInfo, eras: line2},
		{method: put, path: "device/udesc/{type}/{id}", status: http.StatusCreated, answer: (*request).describe},
		{method: del, path: "device/udesc/{type}/{id}", answer: (*request).undescribe},
		{method: put, path: "device/{id}", status: http.StatusNoContent, answer: (*request).erase, eras: line2},
		{method: put, path: "device/{id}", answer: (*request).beginErase, eras: line3},
		{method: get, path: "device/erase/{id}", answer: (*request).workStatus, eras: line3},
		{method: put, path: "device/{type}/{id}/{flag}/{state}", status: http.StatusNoContent, answer: (*request).mark, eras: era25},
	}
	for _, verb := range []string{"start", "shutdown", "reboot", "restart"} {
		table = append(table,
			&route{method: post, path: "power/" + verb, answer: power(verb), eras: line2},
			&route{method: put, path: "power/" + verb + "/{group}/{machine}", answer: power(verb), eras: line3},
		)
	}
	for _, info := range []string{"cpu", "fpga", "gpu", "mem", "link", "ssd"} {
		table = append(table,
			&route{method: get, path: "device/info/" + info, answer: infosOf(info), eras: line3},
			&route{method: get, path: "device/info/" + info + "/{name}", answer: infosOf(info), eras: line3},
		)
	}
	for _, c := range e.classes() {
		table = append(table,
			&route{method: get, path: "status/" + string(c), answer: freeOf(c)},
			&route{method: post, path: "predevice/" + string(c), answer: member(c, true), target: poolOf},
			&route{method: del, path: "predevice/" + string(c), answer: member(c, false), target: poolOf},
			&route{method: post, path: "relate/" + c.relateTo(), answer: relate(c, true), target: machineOf},
			&route{method: del, path: "relate/" + c.relateTo(), answer: relate(c, false), target: machineOf},
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
// GroupPool or of a relator. That of group 0, which there is not, when it does
// not say.
func poolOf(r *request) target {
	f, err := r.fields()
	if err != nil {
		return target{}
	}
	if f.Group != nil {
		return poolTarget(f.Group.GrpID.value)
	}
	return poolTarget(f.GrpID.value)
}

// machineOf says which machine an editing call is about: a Machine or the one
// of a relator. Machine 0, which there is not, when it does not say.
func machineOf(r *request) target {
	f, err := r.fields()
	if err != nil {
		return target{}
	}
	if f.Machine != nil {
		f = f.Machine
	}
	return machineTarget(f.MachID.value)
}
