package composa

import (
	"strings"
	"time"
)

// PrincipalKind is what sort of actor a principal is.
type PrincipalKind string

// The kinds of principal.
const (
	PrincipalUser   PrincipalKind = "user"
	PrincipalSystem PrincipalKind = "system" // the server itself
	PrincipalFabric PrincipalKind = "fabric" // what a fabric did by itself
)

// SystemPrincipal acts for the server itself.
const SystemPrincipal PrincipalID = "system"

// DefaultProject is the name of the project that always exists.
const DefaultProject = "default"

// Principal is who acts.
type Principal struct {
	ID   PrincipalID   `json:"id"`
	Kind PrincipalKind `json:"kind"`
	Name string        `json:"name"`
}

// Project owns machines and pools.
type Project struct {
	ID       ProjectID `json:"id"`
	Name     string    `json:"name"`
	Revision int64     `json:"revision"`
}

// Who is on whose behalf something is asked: it travels with every call to the
// store, which shows and changes nothing outside its projects.
type Who struct {
	Principal Principal
	// Projects are those that the principal may see. Nil with kind system: all.
	Projects []ProjectID
	// Admin says that the principal administers the site ([RoleAdmin]).
	Admin bool
	// Token is the one that it shows; empty: none.
	Token TokenID
	// Expires is when that token ends; zero: never by itself.
	Expires time.Time
	// Request is the id of the request, for the events that come of it.
	Request string
	// Key makes the request safe to repeat: the transaction that changes
	// something for it keeps the key. Nil: it has none.
	Key *RequestKey
}

// Administers says whether w administers the site: who does, and the server.
func (w Who) Administers() bool { return w.Admin || w.Principal.Kind == PrincipalSystem }

// System is the server acting for itself, in every project.
func System() Who {
	return Who{Principal: Principal{ID: SystemPrincipal, Kind: PrincipalSystem, Name: "system"}}
}

// SeesEvent says whether w may see an event: those of its projects, and those of
// the site, which are everybody's. Only what is told of a token is for its owner
// and for who administers the site.
func (w Who) SeesEvent(e *Event) bool {
	if strings.HasPrefix(string(e.Type), "token.") && !w.Administers() && e.Principal != w.Principal.ID && e.OnBehalf != w.Principal.ID {
		return false
	}
	return e.Project == "" || w.Sees(e.Project)
}

// Sees says whether w may see a project.
func (w Who) Sees(p ProjectID) bool {
	if w.Principal.Kind == PrincipalSystem {
		return true
	}
	for _, have := range w.Projects {
		if have == p {
			return true
		}
	}
	return false
}
