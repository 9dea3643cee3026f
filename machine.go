package composa

import (
	"slices"
	"time"
)

// Machine is devices of one fabric held together under a name.
type Machine struct {
	ID      MachineID   `json:"id"` // never reused
	Project ProjectID   `json:"project"`
	Owner   PrincipalID `json:"owner"`
	Name    string      `json:"name"` // unique among the living machines of its project
	// Fabric is empty until devices were chosen.
	Fabric FabricName `json:"fabric,omitempty"`
	// Label is its name on the fabric ([MachineLabel]).
	Label string `json:"label"`
	// Native is the fabric's handle; empty before it was made. NativeSince is
	// when the fabric says that it was created; zero where it does not tell.
	Native       string    `json:"native,omitempty"`
	NativeSince  time.Time `json:"nativeSince"`
	Spec         Spec      `json:"spec"`
	SpecRevision int64     `json:"specRevision"`
	// Made is true from the end of the operation that made it.
	Made bool `json:"made"`
	// Operation is the one that changes it now; empty when none does.
	Operation OperationID `json:"operation,omitempty"`
	CreatedAt time.Time   `json:"createdAt"`
	UpdatedAt time.Time   `json:"updatedAt"`
	FreedAt   time.Time   `json:"freedAt"` // zero while it lives
	Revision  int64       `json:"revision"`
}

// Living says whether the machine was not freed.
func (m *Machine) Living() bool { return m.FreedAt.IsZero() }

// Ref names the machine to its fabric.
func (m *Machine) Ref() MachineRef {
	return MachineRef{ID: m.ID, Name: m.Name, Label: m.Label, Native: m.Native, NativeSince: m.NativeSince}
}

// MachineState is what a machine is doing, for people and programs.
type MachineState string

// The states. From degraded on they are differences that no operation explains.
const (
	MachineQueued    MachineState = "queued"
	MachineComposing MachineState = "composing"
	MachineReady     MachineState = "ready"
	MachineChanging  MachineState = "changing"
	MachineFreeing   MachineState = "freeing"
	MachineHeld      MachineState = "held"
	MachineFreed     MachineState = "freed"
	MachineDegraded  MachineState = "degraded" // something of it is missing, or was added
	MachineLost      MachineState = "lost"     // its fabric does not show it
	MachineStale     MachineState = "stale"    // its fabric is silent
)

// StateOf is the one place that says what state a machine is in. op is the
// operation that m.Operation names, nil when there is none; drift is what
// [Site.Drift] says of the machine.
func StateOf(m *Machine, op *Operation, silent bool, drift []Drift) MachineState {
	switch {
	case !m.Living():
		return MachineFreed
	case op != nil:
		return op.machineState(m)
	case silent:
		return MachineStale
	case slices.ContainsFunc(drift, func(d Drift) bool { return d.Sort == DriftLost }):
		return MachineLost
	case len(drift) > 0:
		return MachineDegraded
	}
	return MachineReady
}

func (op *Operation) machineState(m *Machine) MachineState {
	switch {
	case op.Phase == PhaseHeld:
		return MachineHeld
	case op.Phase == PhaseQueued && !m.Made:
		return MachineQueued
	case !m.Made:
		return MachineComposing
	case op.Verb == VerbFree:
		return MachineFreeing
	}
	return MachineChanging
}

// Bound is one device of a binding.
type Bound struct {
	Device DeviceRef `json:"device"`
	Entry  string    `json:"entry"` // key of the spec entry that it serves
}

// Goal is what one machine is to be: exists or not, with exactly these devices.
type Goal struct {
	Machine MachineRef `json:"machine"`
	Exists  bool       `json:"exists"`
	Devices []Bound    `json:"devices,omitempty"`
	// P2P and Power are nil where they are left as they are.
	P2P   *bool `json:"p2p,omitempty"`
	Power *bool `json:"power,omitempty"`
	// Spec and SpecRevision are what the machine's spec is when the goal is
	// reached; zero where the machine does not exist.
	Spec         Spec  `json:"spec"`
	SpecRevision int64 `json:"specRevision"`
}

// Has says whether the goal's binding has a device.
func (g *Goal) Has(id DeviceID) bool {
	return slices.ContainsFunc(g.Devices, func(b Bound) bool { return b.Device.ID == id })
}

// Target is what the machines of one operation are to be. Prior states are
// targets too: undoing is carrying out a plan towards one.
type Target struct {
	Fabric FabricName `json:"fabric"`
	Goals  []Goal     `json:"goals"`
	// Grace is how long a host may take to shut down before its power is cut,
	// where the fabric can.
	Grace time.Duration `json:"grace,omitempty"`
	// Hard cuts the power at once, where the fabric can.
	Hard bool `json:"hard,omitempty"`
}

// Goal returns what a machine is to be, or nil.
func (t *Target) Goal(id MachineID) *Goal {
	for i := range t.Goals {
		if t.Goals[i].Machine.ID == id {
			return &t.Goals[i]
		}
	}
	return nil
}
