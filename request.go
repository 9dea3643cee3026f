package composa

import (
	"strings"
	"time"
)

// The requests are what people and programs ask of machines, already read and
// not yet checked. Whoever takes them (internal/intake) checks, places, plans
// and commits.

// Asked is what every changing request carries.
type Asked struct {
	Project ProjectID `json:"project"`
	// Machine is the name of the machine that it is about.
	Machine string `json:"machine"`
	// ID is that of the machine where exactly it is meant, and no other that has
	// its name by now; empty: whichever has the name.
	ID      MachineID `json:"-"`
	Message string    `json:"message,omitempty"`
	// Timeout ends the waiting for a silent fabric; zero: never.
	Timeout time.Duration `json:"timeout,omitempty"`
	// DryRun asks for the plan only: nothing is changed.
	DryRun bool `json:"-"`
	// Revision is that of the machine which the request was decided on; another
	// one is answered with revision_differs. 0: any; [AnyRevision]: any, and
	// the machine must exist.
	Revision int64 `json:"-"`
}

// AnyRevision asks that a machine exist, at whatever revision.
const AnyRevision int64 = -1

// Limits of the keys of requests: characters of one, how long it is kept, and
// how many of one principal are kept; of more than that the oldest go.
const (
	MaxKey  = 128
	KeyLife = 24 * time.Hour
	MaxKeys = 10_000
)

// Limits of stored plans: how long one may be carried out, and how many of one
// principal that nobody carried out are kept; of more than that the oldest go.
const (
	PlanLife = time.Hour
	MaxPlans = 1000
)

// RequestKey is what a caller names a request by, so that sending it again does
// not do it again: unique for a principal as long as it is kept.
type RequestKey struct {
	Key  string
	Hash []byte // of all that was asked: the same key with another one is refused
}

// CheckKey refuses what is no key: 1 to [MaxKey] visible characters of ASCII.
func CheckKey(key string) error {
	odd := func(r rune) bool { return r < 0x21 || r > 0x7e }
	switch {
	case key == "":
		return Errorf(CodeInvalid, "cannot use the key: it is empty").WithNext("give 1 to %d visible characters of ASCII", MaxKey)
	case len(key) > MaxKey:
		return Errorf(CodeInvalid, "cannot use the key %q: it has %d characters, %d are allowed", Abridge(key, 24), len(key), MaxKey)
	case strings.ContainsFunc(key, odd):
		return Errorf(CodeInvalid, "cannot use the key %q: it may hold visible characters of ASCII only", Abridge(key, 24))
	}
	return nil
}

// KeptRequest is a request with a key that was taken before.
type KeptRequest struct {
	Key  string
	Hash []byte
	At   time.Time // when it was taken
	// Result is the id of what came of it: an operation, or where none did the
	// machine, plan, pool or device; empty where nothing is left of it.
	Result string
	// Made says that the request made what its result is about.
	Made bool
}

// Operation is the operation that came of the request; empty where none did.
func (k *KeptRequest) Operation() OperationID {
	if strings.HasPrefix(k.Result, PrefixOperation+"_") {
		return OperationID(k.Result)
	}
	return ""
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
	// To is the name of the machine that gets them.
	To string `json:"to"`
	// ToID is its id where exactly it is meant, as ID is; empty: whichever has
	// the name.
	ToID MachineID `json:"-"`
}

// CarryOutRequest asks that a stored plan be carried out, exactly as it is.
type CarryOutRequest struct {
	Plan    PlanID
	Message string
	Timeout time.Duration // as in [Asked]
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
