package composa

import "time"

// The requests are what people and programs ask of machines, already read and
// not yet checked. Whoever takes them (internal/intake) checks, places, plans
// and commits.

// Asked is what every changing request carries.
type Asked struct {
	Project ProjectID `json:"project"`
	// Machine is the name of the machine that it is about.
	Machine string `json:"machine"`
	Message string `json:"message,omitempty"`
	// Timeout ends the waiting for a silent fabric; zero: never.
	Timeout time.Duration `json:"timeout,omitempty"`
	// DryRun asks for the plan only: nothing is changed.
	DryRun bool `json:"-"`
	// Key makes the request safe to repeat; nil: it has none.
	Key *RequestKey `json:"-"`
}

// RequestKey is what a caller names a request by, so that sending it again does
// not do it again: unique for a principal as long as it is kept.
type RequestKey struct {
	Key  string
	Hash []byte // of all that was asked: the same key with another one is refused
}

// ComposeRequest asks for a machine.
type ComposeRequest struct {
	Asked
	Spec Spec `json:"spec"`
	// New refuses to find a machine that exists.
	New bool `json:"new,omitempty"`
}

// FreeRequest gives a machine back.
type FreeRequest struct {
	Asked
	// Grace is how long its host may take to shut down before its power is cut;
	// zero cuts it at once.
	Grace time.Duration `json:"grace"`
}

// PlugRequest adds devices.
type PlugRequest struct {
	Asked
	Entries []Entry `json:"entries"`
}

// UnplugRequest takes devices away: those named, and so many of each kind.
type UnplugRequest struct {
	Asked
	Places []Place      `json:"places,omitempty"`
	Counts map[Kind]int `json:"counts,omitempty"`
}

// ReshapeRequest sets totals; kinds that it does not name stay as they are.
type ReshapeRequest struct {
	Asked
	Totals map[Kind]int `json:"totals"`
}

// MoveRequest takes devices from one machine to another of the same fabric and
// project.
type MoveRequest struct {
	Asked
	Places []Place `json:"places"`
	To     string  `json:"to"`
}

// Outcome is what came of a request: an operation, or nothing to do, or, for a
// dry run, a plan.
type Outcome struct {
	Machine   *Machine
	Operation *Operation // nil when it is already so, or with DryRun
	Plan      *Plan      // DryRun only
	Why       []string   // why this fabric and these devices
	// Explanation is the whole account of the choice; nil where nothing was
	// chosen.
	Explanation *Explanation
	// Made says that the machine is new by this request.
	Made bool
}
