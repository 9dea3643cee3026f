package composa

import (
	"strings"
	"time"
)

// The queries are what readers ask of the store, and the small changes that
// people make to what is there. Zero fields ask for everything.

// Identity says which site a store holds. A restored backup is the same site
// and another incarnation.
type Identity struct {
	Site        SiteID
	Incarnation string
}

// Page says which part of a list is wanted.
type Page struct {
	After string // where the page before it ended; empty: the first page
	Limit int    // the most items
}

// OperationFilter says which operations are wanted.
type OperationFilter struct {
	Project ProjectID
	Machine MachineID
	Verb    Verb
	Open    bool    // only those that have not ended
	Phases  []Phase // only those in one of these
}

// EventFilter says which events are wanted.
type EventFilter struct {
	// Types are exact types ("machine.ready") or families ("machine").
	Types   []EventType
	Subject string // id, or name of a fabric
	Cause   string // operation, or request
}

// Has says whether an event passes the filter.
func (f EventFilter) Has(e *Event) bool {
	if f.Subject != "" && f.Subject != e.Subject {
		return false
	}
	if f.Cause != "" && f.Cause != e.Cause {
		return false
	}
	for _, t := range f.Types {
		if t == e.Type || strings.HasPrefix(string(e.Type), string(t)+".") {
			return true
		}
	}
	return len(f.Types) == 0
}

// DeviceUpdate changes what people say about a device; nil fields stay.
type DeviceUpdate struct {
	Address *string // of the host behind a cpu; empty: forget it
	Login   *string
	Cordon  *string // the reason for keeping it from being given out
	// Uncordon gives it out again.
	Uncordon bool
	Labels   map[string]*string // nil removes a label
}

// Check is one thing that was found out by asking a fabric right now.
type Check struct {
	Name string // such as "answers"
	OK   bool
	Text string // for people
	Took time.Duration
}

// HostEntry is what the site's configuration knows of one host: which cpu it is
// behind, by exactly one of Serial, IPMI and Place, and how to reach it.
type HostEntry struct {
	Serial  string
	IPMI    string
	Place   Place
	Address string
	Login   string
}
