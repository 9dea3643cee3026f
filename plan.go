package composa

import (
	"encoding/json"
	"time"
)

// Disturbance is something that a step does to what is in use. A command shows
// these and asks.
type Disturbance string

// What a step can disturb.
const (
	DisturbsHost  Disturbance = "host"  // a running host gains or loses devices
	DisturbsPower Disturbance = "power" // a host is switched off or on
	DisturbsData  Disturbance = "data"  // a drive that may hold data changes hands
	DisturbsP2P   Disturbance = "p2p"   // peer-to-peer of a machine is interrupted
)

// PlannedStep is a step with what it disturbs.
type PlannedStep struct {
	Step     Step          `json:"step"`
	Disturbs []Disturbance `json:"disturbs,omitempty"`
}

// Plan is the ordered list of steps between what is and what is wanted.
type Plan struct {
	ID      PlanID        `json:"id,omitempty"` // empty until it is stored
	Project ProjectID     `json:"project,omitempty"`
	By      PrincipalID   `json:"by,omitempty"`
	Verb    Verb          `json:"verb"`
	Target  Target        `json:"target"`
	Scope   PlanScope     `json:"scope"`
	Steps   []PlannedStep `json:"steps"`
	// NeedsOwner names keeping devices that may hold data and that the plan
	// therefore leaves alone.
	NeedsOwner []Place `json:"needsOwner,omitempty"`
	// Explanation is the account of what was chosen; nil where nothing was.
	Explanation *Explanation `json:"explanation,omitempty"`
	CreatedAt   time.Time    `json:"createdAt"`
	ExpiresAt   time.Time    `json:"expiresAt"`
	// Request is what was asked, for carrying the plan out; its shape belongs to
	// the package that takes requests. Machine is the name that it is about.
	Request json.RawMessage `json:"request,omitempty"`
	Machine string          `json:"machine,omitempty"`
	Base    PlanBase        `json:"base"`
	// Operation carries the plan out, or did; empty: none yet.
	Operation OperationID `json:"operation,omitempty"`
}

// PlanBase is what a plan was made on. A plan is carried out on the same only.
type PlanBase struct {
	// Incarnation is that of the site; a restored backup is another one.
	Incarnation string `json:"incarnation"`
	// Machines are the revisions of the machines that existed.
	Machines map[MachineID]int64 `json:"machines,omitempty"`
	// Era is the driver and the vendor's software line of the fabric.
	Era string `json:"era,omitempty"`
	// Pool is the pool that was asked for; empty: none.
	Pool PoolID `json:"pool,omitempty"`
}

// Moved is one thing that is not any more as a plan found it.
type Moved struct {
	// What is "machine", "device", "fabric", "pool", "site" or "steps".
	What string
	// Subject names it: a machine's or pool's name, a place, a fabric.
	Subject string
	Text    string // for people: "rack1/gpu3 is claimed by render"
	// Machine is the machine that it is about; empty: none.
	Machine MachineID
	// By and Operation are who changed it and how, where that is known.
	By        PrincipalID
	Operation OperationID
}

// PlanScope is all that a plan may touch: nothing outside of it is.
type PlanScope struct {
	Machines []MachineID `json:"machines"`
	Devices  []DeviceID  `json:"devices"`
}

// Disturbs says whether any step of the plan disturbs something, and what.
func (p *Plan) Disturbs() []Disturbance {
	var out []Disturbance
	seen := map[Disturbance]bool{}
	for _, s := range p.Steps {
		for _, d := range s.Disturbs {
			if !seen[d] {
				seen[d] = true
				out = append(out, d)
			}
		}
	}
	return out
}
