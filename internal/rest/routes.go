package rest

import (
	"net/http"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// routes is every route there is.
var routes []route

// The table is filled in here because the routes of the description serve what
// is made from it.
func init() {
	routes = []route{
		{method: get, path: "/v1/machines", verb: auth.MachineRead, id: "listMachines", tag: "machines",
			summary: "List machines", about: "Living machines in natural order of project and name, or freed ones, the last freed first.",
			answers: ok(api.Machines{}), on: reply((*Server).listMachines)},
		{method: post, path: "/v1/machines", verb: auth.MachineCompose, id: "newMachine", tag: "machines",
			summary: "Make a machine that must not exist yet", about: "Answers exists where the name is taken, also by the same wish. To find it then, put it.",
			answers: changes("The machine, made"), example: exampleNew, on: reply((*Server).newMachine)},
		{method: get, path: "/v1/machines/{id}", verb: auth.MachineRead, id: "getMachineByID", tag: "machines",
			summary: "Show a machine by id", about: "Also one that was freed.",
			answers: ok(api.Machine{}), on: reply((*Server).machineByID)},
		{method: get, path: "/v1/machines/{project}/{name}", verb: auth.MachineRead, id: "getMachine", tag: "machines",
			summary: "Show a living machine", answers: ok(api.Machine{}), on: reply((*Server).machine)},
		{method: put, path: "/v1/machines/{project}/{name}", verb: auth.MachineCompose, id: "putMachine", tag: "machines",
			summary: "Ask for a machine",
			about:   "Makes the machine where there is none. The same principal asking again with the same wish gets the same machine, or joins the operation that makes it; the name with another wish, or of somebody else, is exists.",
			answers: changes("The machine, made"), example: examplePut, on: reply((*Server).putMachine)},
		{method: post, path: "/v1/machines/{project}/{name}/plug", verb: auth.MachinePlug, id: "plug", tag: "machines",
			summary: "Add devices to a machine", answers: changes(""), example: examplePlug, on: reply(change(plugOf, Requests.Plug))},
		{method: post, path: "/v1/machines/{project}/{name}/unplug", verb: auth.MachineUnplug, id: "unplug", tag: "machines",
			summary: "Take devices from a machine", answers: changes(""), example: exampleUnplug, on: reply(change(unplugOf, Requests.Unplug))},
		{method: post, path: "/v1/machines/{project}/{name}/reshape", verb: auth.MachineReshape, id: "reshape", tag: "machines",
			summary: "Set how many devices a machine has", about: "Kinds that are not named stay as they are.",
			answers: changes(""), example: exampleReshape, on: reply(change(reshapeOf, Requests.Reshape))},
		{method: post, path: "/v1/machines/{project}/{name}/move", verb: auth.MachineMove, id: "move", tag: "machines",
			summary: "Move devices to another machine", about: "Of the same fabric and project. This is the only call that takes devices from a machine for another one.",
			answers: changes(""), example: exampleMove, on: reply(change(moveOf, Requests.Move))},
		{method: post, path: "/v1/machines/{project}/{name}/free", verb: auth.MachineFree, id: "free", tag: "machines",
			summary: "Give a machine back", about: "Asks its host to shut down, waits, cuts the power where the fabric can (a Liqid director can only ask once more), and takes the devices back when it is off. A host that stays on leaves the operation held. Answers the freed machine, which stays readable by id.",
			answers: changes(""), example: exampleFree, on: reply(change(freeOf, Requests.Free))},

		{method: get, path: "/v1/operations", verb: auth.OperationRead, id: "listOperations", tag: "operations",
			summary: "List operations", about: "Newest first, without their steps.",
			answers: ok(api.Operations{}), on: reply((*Server).listOperations)},
		{method: post, path: "/v1/operations", verb: auth.PlanCarryOut, id: "carryOut", tag: "operations",
			summary: "Carry out a plan",
			about:   "Exactly the stored plan: the same devices, steps and disturbances. Where something of it is not any more as it was when it was made, nothing is done and the answer is moved, with what moved. A plan is carried out once: asking again answers the operation that does it, or did. Only who made a plan may carry it out.",
			answers: changes("The machine, made"), example: exampleCarryOut, on: reply((*Server).carryOut)},
		{method: get, path: "/v1/operations/{id}", verb: auth.OperationRead, id: "getOperation", tag: "operations",
			summary: "Show an operation, or wait for it", about: "With wait it answers once the operation ended or is held, or the time has passed; with newer also at its next step.",
			answers: ok(api.Operation{}), on: reply((*Server).operation)},
		{method: post, path: "/v1/operations/{id}/cancel", verb: auth.OperationDecide, id: "cancelOperation", tag: "operations",
			summary: "End an operation", about: "A queued one ends at once; a running one stops before its next step and everything is put back. One that has ended stays as it is.",
			answers: ok(api.Operation{}), on: reply((*Server).cancel)},
		{method: post, path: "/v1/operations/{id}/retry", verb: auth.OperationDecide, id: "retryOperation", tag: "operations",
			summary: "Let a held operation go on", answers: ok(api.Operation{}), on: reply((*Server).retry)},
		{method: post, path: "/v1/operations/{id}/undo", verb: auth.OperationDecide, id: "undoOperation", tag: "operations",
			summary: "Let a held operation go back to what was before", answers: ok(api.Operation{}), on: reply((*Server).undo)},
		{method: post, path: "/v1/operations/{id}/resolve", verb: auth.OperationDecide, id: "resolveOperation", tag: "operations",
			summary: "Take what the fabric shows as the result of a held operation", answers: ok(api.Operation{}), on: reply((*Server).resolve)},

		{method: post, path: "/v1/plans", verb: auth.PlanMake, id: "newPlan", tag: "plans",
			summary: "Ask what a request would do", about: "Nothing is changed. The plan is kept for an hour.",
			answers: []success{{status: http.StatusCreated, about: "The plan", body: api.Plan{}}}, example: examplePlan, on: reply((*Server).newPlan)},
		{method: get, path: "/v1/plans/{id}", verb: auth.PlanRead, id: "getPlan", tag: "plans",
			summary: "Show a plan", answers: ok(api.Plan{}), on: reply((*Server).plan)},

		{method: get, path: "/v1/devices", verb: auth.DeviceRead, id: "listDevices", tag: "devices",
			summary: "List devices", about: "In natural order of place.",
			answers: tagged(api.Devices{}, "Stays while the list does; give it as If-None-Match", true), on: reply((*Server).listDevices)},
		{method: get, path: "/v1/devices/{id}", verb: auth.DeviceRead, id: "getDeviceByID", tag: "devices",
			summary: "Show a device by id", about: "Wherever it sits now.", answers: tagged(api.Device{}, "Its revision", false), on: reply((*Server).deviceByID)},
		{method: patch, path: "/v1/devices/{id}", verb: auth.DeviceEdit, id: "editDeviceByID", tag: "devices",
			summary: "Change what people say about a device, by id", answers: ok(api.Device{}), example: exampleEdit, on: reply((*Server).editDeviceByID)},
		{method: get, path: "/v1/devices/{fabric}/{name}", verb: auth.DeviceRead, id: "getDevice", tag: "devices",
			summary: "Show the device at a place", answers: tagged(api.Device{}, "Its revision", false), on: reply((*Server).device)},
		{method: patch, path: "/v1/devices/{fabric}/{name}", verb: auth.DeviceEdit, id: "editDevice", tag: "devices",
			summary: "Change what people say about the device at a place", about: "Its host's address and login, labels, and whether it is kept from being given out. What is absent stays.",
			answers: ok(api.Device{}), example: exampleEdit, on: reply((*Server).editDevice)},
		{method: get, path: "/v1/available", verb: auth.DeviceRead, id: "listAvailable", tag: "devices",
			summary: "Count what can be had now", about: "By kind and model: free, all, and the most that one machine could get.",
			answers: ok(api.AvailableList{}), on: reply((*Server).listAvailable)},

		{method: get, path: "/v1/fabrics", verb: auth.FabricRead, id: "listFabrics", tag: "fabrics",
			summary: "List fabrics", answers: ok(api.Fabrics{}), on: reply((*Server).listFabrics)},
		{method: get, path: "/v1/fabrics/{name}", verb: auth.FabricRead, id: "getFabric", tag: "fabrics",
			summary: "Show a fabric", answers: ok(api.Fabric{}), on: reply((*Server).fabric)},
		{method: get, path: "/v1/fabrics/{name}/inventory", verb: auth.FabricRead, id: "getInventory", tag: "fabrics",
			summary: "Look at a fabric right now", about: "Everything that it shows, also what is not ours. Those who ask at the same time share one look, which began after they asked.",
			answers: ok(api.Inventory{}), on: reply((*Server).inventory)},
		{method: post, path: "/v1/fabrics/{name}/check", verb: auth.FabricCheck, also: auth.FabricProbe, id: "checkFabric", tag: "fabrics",
			summary: "Ask a fabric right now", about: "Whether it answers, what it is, what it can do, and how it took things so far. Nothing is changed there, unless a probe is asked for: that tries things on a machine of its own that holds no device, and removes it.",
			answers: ok(api.FabricCheck{}), on: reply((*Server).checkFabric)},

		{method: get, path: "/v1/pools", verb: auth.PoolRead, id: "listPools", tag: "pools",
			summary: "List pools", answers: ok(api.Pools{}), on: reply((*Server).listPools)},
		{method: post, path: "/v1/pools", verb: auth.PoolCreate, id: "createPool", tag: "pools",
			summary: "Make a pool", about: "With its first devices: all of them, or there is no pool.",
			answers: []success{
				{status: http.StatusCreated, about: "The pool", body: api.Pool{}},
				{status: http.StatusOK, about: "Of a dry run: the pool that it would be", body: api.Pool{}},
			}, example: examplePool, on: reply((*Server).createPool)},
		{method: get, path: "/v1/pools/{project}/{name}", verb: auth.PoolRead, id: "getPool", tag: "pools",
			summary: "Show a pool", answers: ok(api.Pool{}), on: reply((*Server).pool)},
		{method: patch, path: "/v1/pools/{project}/{name}", verb: auth.PoolEdit, id: "editPool", tag: "pools",
			summary: "Change what a pool is",
			about:   "Its condition, how many devices it may hold, its labels. What was put into it stays in it. Refused as making such a pool would be, and where it would take what another pool has. What changes nothing keeps the revision. Machines keep what they have.",
			answers: ok(api.Pool{}), example: exampleEditPool, on: reply((*Server).editPool)},
		{method: remove, path: "/v1/pools/{project}/{name}", verb: auth.PoolDelete, id: "deletePool", tag: "pools",
			summary: "Remove a pool that holds no devices",
			answers: []success{
				{status: http.StatusOK, about: "Of a dry run: the pool that would go, with what becomes of its devices", body: api.Pool{}},
				{status: http.StatusNoContent, about: "It is gone"},
			}, on: reply((*Server).deletePool)},
		{method: post, path: "/v1/pools/{project}/{name}/add", verb: auth.PoolEdit, id: "addToPool", tag: "pools",
			summary: "Put devices into a pool", about: "All or none. Machines keep what they have.", answers: ok(api.Pool{}), example: examplePoolDevices, on: reply((*Server).addToPool)},
		{method: post, path: "/v1/pools/{project}/{name}/remove", verb: auth.PoolEdit, id: "removeFromPool", tag: "pools",
			summary: "Take devices out of a pool", about: "All or none. Refused where the room that they leave would be filled from another pool. What is attached stays attached.",
			answers: ok(api.Pool{}), example: examplePoolDevices, on: reply((*Server).removeFromPool)},

		{method: get, path: "/v1/users", verb: auth.UserRead, id: "listUsers", tag: "users",
			summary: "List users", about: "The members of the projects of who asks; all for who administers the site. In natural order of name.",
			answers: ok(api.Users{}), on: reply((*Server).listUsers)},
		{method: post, path: "/v1/users", verb: auth.UserCreate, id: "createUser", tag: "users",
			summary: "Make a user", about: "A member of one project. To sign in, they need a token, which POST /v1/tokens makes. Only who administers the site may.",
			answers: []success{{status: http.StatusCreated, about: "The user", body: api.User{}}}, example: exampleUser, on: reply((*Server).createUser)},
		{method: get, path: "/v1/users/{name}", verb: auth.UserRead, id: "getUser", tag: "users",
			summary: "Show a user", answers: ok(api.User{}), on: reply((*Server).user)},
		{method: get, path: "/v1/tokens", verb: auth.TokenRead, also: auth.TokenOfOthers, id: "listTokens", tag: "users",
			summary: "List tokens", about: "Those that let somebody in: of who asks, and of everybody for who administers the site. In natural order of user, then the oldest first. No text of a token is shown.",
			answers: ok(api.Tokens{}), on: reply((*Server).listTokens)},
		{method: post, path: "/v1/tokens", verb: auth.TokenCreate, also: auth.TokenOfOthers, id: "createToken", tag: "users",
			summary: "Make a token", about: "For who asks, or, where they administer the site, for another user. This answer alone shows the token's text. Repeated with the same key it is answered by the token without its text, and with next, which says what to do where the first answer was lost.",
			answers: []success{{status: http.StatusCreated, about: "The token", body: api.Token{}}}, example: exampleToken, on: reply((*Server).createToken)},
		{method: remove, path: "/v1/tokens/{id}", verb: auth.TokenDelete, id: "deleteToken", tag: "users",
			summary: "Remove a token", about: "One's own, or, for who administers the site, anybody's. From then on it lets nobody in, and its event streams and waits end.",
			answers: []success{{status: http.StatusNoContent, about: "It lets nobody in any more"}}, on: reply((*Server).deleteToken)},

		{method: get, path: "/v1/events", verb: auth.EventRead, id: "listEvents", tag: "events",
			summary: "List or follow events",
			about:   "As JSON: a page of what is recorded. As text/event-stream: what happens from now on, or after an id; the event's name is its type. As application/x-ndjson: one event a line; with follow it goes on. A stream without events says something every 15 seconds. An event of type reset tells that what lies between is not to be had: read again what you keep.",
			answers: []success{{status: http.StatusOK, about: "Events", body: api.Events{}, types: []string{jsonType, sseType, ndjsonType}}},
			on:      reply((*Server).listEvents)},

		{method: get, path: "/v1", verb: auth.SiteRead, id: "getSite", tag: "site",
			summary: "Show the server, and who asks", answers: ok(api.Site{}), on: reply((*Server).getSite)},
		{method: get, path: "/v1/projects", verb: auth.ProjectRead, id: "listProjects", tag: "site",
			summary: "List the projects of who asks", answers: ok(api.Projects{}), on: reply((*Server).listProjects)},
		{method: get, path: "/healthz", open: true, id: "getHealth", tag: "site",
			summary: "Say that the server runs", answers: ok(api.Health{}), on: reply((*Server).healthy)},
		{method: get, path: "/readyz", open: true, id: "getReadiness", tag: "site",
			summary: "Say whether the server can serve", answers: ok(api.Health{}), on: reply((*Server).ready)},

		{method: get, path: "/openapi.yaml", open: true, on: plain((*Server).openapiYAML)},
		{method: get, path: "/openapi.json", open: true, on: plain((*Server).openapiJSON)},
		{method: get, path: "/docs", open: true, on: plain((*Server).docs)},
	}
}

// tagged is an answer with an entity tag; lists are not sent again to who has them.
func tagged(body any, tag string, list bool) []success {
	out := []success{{status: http.StatusOK, about: "OK", body: body, tag: tag}}
	if list {
		out = append(out, success{status: http.StatusNotModified, about: "The caller has it", tag: tag})
	}
	return out
}

func ok(body any) []success { return []success{{status: http.StatusOK, about: "OK", body: body}} }

// changes are the answers of a call that changes a machine. made is set where it
// can make one.
func changes(made string) []success {
	out := []success{
		{status: http.StatusOK, about: "The machine: it is done, or was so already", body: api.Machine{}},
		{status: http.StatusAccepted, about: "The operation, which goes on", body: api.Operation{}},
	}
	if made != "" {
		out = append(out, success{status: http.StatusCreated, about: made, body: api.Machine{}})
	}
	return out
}

// The examples of request bodies; a test sends each of them.
var (
	exampleWish = api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 4, Model: "A100"}, {Kind: "ssd", Count: 1}}}
	exampleAsk  = api.Ask{Message: "retraining the model"}

	examplePut         = api.PutMachine{Wish: exampleWish, Ask: exampleAsk}
	exampleNew         = api.NewMachine{Name: "train", Project: "default", Wish: exampleWish, Ask: exampleAsk}
	examplePlug        = api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 2}}}
	exampleUnplug      = api.Unplug{IDs: []string{"rack1/gpu3"}}
	exampleReshape     = api.Reshape{Totals: map[string]int{"gpu": 4}}
	exampleMove        = api.Move{IDs: []string{"rack1/gpu3"}, To: "render"}
	exampleFree        = api.FreeMachine{Grace: new(120)}
	exampleCarryOut    = api.CarryOut{Plan: "plan_k3v9q2xwabcdefgh"}
	examplePlan        = api.NewPlan{Verb: "compose", Project: "default", Machine: "train", Compose: &examplePut}
	exampleEdit        = api.EditDevice{Address: new("10.0.0.12"), Login: new("ubuntu")}
	examplePool        = api.NewPool{Name: "vision", Project: "default", Most: 16, IDs: []string{"rack1/gpu3"}}
	exampleUser        = api.NewUser{Name: "ada", Project: "default"}
	exampleToken       = api.NewToken{User: "ada", Note: "notebooks", Expires: 7776000}
	exampleEditPool    = api.EditPool{Where: new(`device.labels.team == "vision"`), Most: new(16)}
	examplePoolDevices = api.PoolDevices{IDs: []string{"rack1/gpu3"}}
)
