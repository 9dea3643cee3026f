// Package auth says who may do what, and makes the tokens by which the server
// knows who asks.
//
// [Allow] is the one function that every request passes, with the [Verb] that
// its route is registered under. Users and the system may do everything in their
// projects, a fabric nothing; what is about other users only who administers the
// site. What a principal does not see is kept from it by the store, which takes
// the principal on every call.
//
// A token is shown once, when it is made; the store keeps its [Hash] only.
package auth

import (
	"slices"

	"github.com/composa-dev/composa"
)

// Verb is what somebody wants to do: NOUN.ACTION. Verbs only grow.
type Verb string

// The verbs of the routes.
const (
	SiteRead        Verb = "site.read"
	ProjectRead     Verb = "project.read"
	MachineRead     Verb = "machine.read"
	MachineCompose  Verb = "machine.compose"
	MachinePlug     Verb = "machine.plug"
	MachineUnplug   Verb = "machine.unplug"
	MachineReshape  Verb = "machine.reshape"
	MachineMove     Verb = "machine.move"
	MachineFree     Verb = "machine.free"
	DeviceRead      Verb = "device.read"
	DeviceEdit      Verb = "device.edit"
	FabricRead      Verb = "fabric.read"
	FabricCheck     Verb = "fabric.check"
	FabricProbe     Verb = "fabric.probe" // a check that changes something
	PoolRead        Verb = "pool.read"
	PoolCreate      Verb = "pool.create"
	PoolEdit        Verb = "pool.edit"
	PoolDelete      Verb = "pool.delete"
	OperationRead   Verb = "operation.read"
	OperationDecide Verb = "operation.decide"
	PlanRead        Verb = "plan.read"
	PlanMake        Verb = "plan.make"
	PlanCarryOut    Verb = "plan.carry_out" // besides what the plan does
	EventRead       Verb = "event.read"
	UserRead        Verb = "user.read"
	UserCreate      Verb = "user.create"
	TokenRead       Verb = "token.read"
	TokenCreate     Verb = "token.create"
	TokenDelete     Verb = "token.delete"
	TokenOfOthers   Verb = "token.of_others" // besides what is done with them
)

var verbs = []Verb{
	SiteRead, ProjectRead,
	MachineRead, MachineCompose, MachinePlug, MachineUnplug, MachineReshape, MachineMove, MachineFree,
	DeviceRead, DeviceEdit, FabricRead, FabricCheck, FabricProbe,
	PoolRead, PoolCreate, PoolEdit, PoolDelete,
	OperationRead, OperationDecide, PlanRead, PlanMake, PlanCarryOut, EventRead,
	UserRead, UserCreate, TokenRead, TokenCreate, TokenDelete, TokenOfOthers,
}

// forAdmins are the verbs of who administers the site.
var forAdmins = []Verb{UserCreate, TokenOfOthers}

// Verbs lists every verb that a route may carry.
func Verbs() []Verb { return slices.Clone(verbs) }

// Allow refuses, with code not_allowed, what somebody may not do. project is
// empty for what belongs to the site; object names the thing for the message.
func Allow(who composa.Who, verb Verb, project composa.ProjectID, object string) error {
	p := who.Principal
	switch {
	case p.ID == "":
		return composa.Errorf(composa.CodeUnauthenticated, "cannot %s: nobody is signed in", describe(verb, object)).
			WithNext("send a token")
	case !slices.Contains(verbs, verb):
		return composa.Errorf(composa.CodeNotAllowed, "cannot %s: nobody may do that", describe(verb, object))
	case p.Kind != composa.PrincipalUser && p.Kind != composa.PrincipalSystem:
		return composa.Errorf(composa.CodeNotAllowed, "cannot %s: %s %q may not do that", describe(verb, object), p.Kind, p.Name)
	case slices.Contains(forAdmins, verb) && !who.Administers():
		return composa.Errorf(composa.CodeNotAllowed, "cannot %s: %s %q does not administer the site", describe(verb, object), p.Kind, p.Name).
			WithNext("ask an administrator of the site")
	}
	return nil
}

func describe(verb Verb, object string) string {
	if object == "" {
		return string(verb)
	}
	return string(verb) + " " + composa.Abridge(object, 80)
}
