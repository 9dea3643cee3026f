package liqid

import "net/http"

// moreRoutes are the calls that composing needs none of: liqid-api.md 2.7, 2.11,
// 2.12, 2.15 and 2.16.
func moreRoutes() []*route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	table := []*route{
		{method: get, path: "assignment", answer: (*request).getCoordinates, eras: era24},
		{method: post, path: "assignment", answer: (*request).setCoordinates, anywhere: true, eras: era24},

		{method: get, path: "manager/device", answer: (*request).descriptors},
		{method: post, path: "manager/device", answer: (*request).setDescriptor, eras: era25},
		{method: put, path: "manager/device", answer: (*request).setDescriptor, eras: era25},
		{method: del, path: "manager/device", answer: (*request).deleteDescriptor, eras: era25},
		{method: get, path: "manager/network/ipmi/cpu", answer: (*request).ipmi},
		{method: post, path: "manager/network/ipmi/cpu", answer: (*request).setIPMI, eras: era25},
		{method: put, path: "manager/network/ipmi/cpu", answer: (*request).setIPMI, eras: era25},
		{method: del, path: "manager/network/ipmi/cpu", answer: (*request).deleteIPMI, eras: era25},
		{method: get, path: "manager/network/ipmi/enclosure", answer: (*request).enclosures, eras: era25 | line3},
		{method: post, path: "manager/network/ipmi/enclosure", answer: (*request).setEnclosure, eras: era25},
		{method: put, path: "manager/network/ipmi/enclosure", answer: (*request).setEnclosure, eras: era25},
		{method: del, path: "manager/network/ipmi/enclosure", answer: (*request).deleteEnclosure, eras: era25},
		{method: get, path: "manager/discovery", answer: discover(""), eras: era25 | line3},

		{method: get, path: "state", answer: (*request).deploymentState, eras: era25},
		{method: get, path: "state/flags", answer: (*request).flagNames, eras: line2},
		{method: post, path: "state/flags", answer: (*request).askFlag, eras: era25},
		{method: get, path: "state/degraded", answer: (*request).degraded, eras: era25},
		{method: put, path: "state/degraded/clear", answer: (*request).clearDegraded, eras: era25},
		{method: get, path: "log/{type}", answer: (*request).log, eras: era25},
		{method: get, path: "certificate/csr", answer: (*request).signingRequest, eras: era25},

		{method: get, path: "bimg", answer: (*request).images, eras: era24},
		{method: post, path: "bimg/upload", status: http.StatusNoContent, answer: (*request).upload, eras: era24},
		{method: post, path: "bimg/install", answer: (*request).install, eras: era24},
		{method: del, path: "bimg/{index}", answer: (*request).deleteImage, eras: era24},
		{method: get, path: "image/{type}", answer: (*request).images, eras: era25},
		{method: post, path: "image/{type}", answer: (*request).install, eras: era25},
		{method: del, path: "image/{type}/{index}", answer: (*request).deleteImage, eras: era25},
		{method: post, path: "image/upload/{kind}", status: http.StatusNoContent, answer: (*request).upload, eras: era25},
	}
	for _, devType := range []string{"targ", "link", "gpu", "fpga"} {
		table = append(table, &route{method: get, path: "manager/discovery/" + devType, answer: discover(devType), eras: era25 | line3})
	}
	for _, whole := range []bool{false, true} {
		all := ""
		if whole {
			all = "/all"
		}
		table = append(table,
			&route{method: post, path: "assembly/assemble" + all, answer: assemble(whole), eras: line2},
			&route{method: post, path: "assembly/assemble/list" + all, answer: assembled(whole), eras: line2},
			&route{method: post, path: "assembly/disassemble" + all, answer: disassemble(whole), eras: line2},
			&route{method: post, path: "assembly/clear" + all, status: http.StatusNoContent, answer: clearAssembly(whole), eras: line2},
		)
	}
	for name := range streams { // the order of a table of paths says nothing
		table = append(table,
			&route{method: get, path: "sse/" + name, answer: follow(name), eras: line2},
			// As the API's own description has it; whether it is so is not known (liqid-api.md A12).
			&route{method: get, path: "sse/api/v2/" + name, answer: follow(name), eras: line2},
		)
	}
	return table
}
