package composa

import "time"

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
	NeedsOwner []Place   `json:"needsOwner,omitempty"`
	CreatedAt  time.Time `json:"createdAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
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
