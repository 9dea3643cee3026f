package composa

import (
	"encoding/json"
	"slices"
	"time"
)

// Verb is what was asked for.
type Verb string

// The verbs that change machines.
const (
	VerbCompose Verb = "compose"
	VerbFree    Verb = "free"
	VerbPlug    Verb = "plug"
	VerbUnplug  Verb = "unplug"
	VerbReshape Verb = "reshape"
	VerbMove    Verb = "move"
)

// OnlyForward says whether an operation of this verb is finished rather than
// undone when something goes wrong, once it has changed something.
func (v Verb) OnlyForward() bool { return v == VerbFree || v == VerbUnplug }

// Phase is where an operation stands.
type Phase string

// The phases. The last four are ends, but for held, which a person ends.
const (
	PhaseQueued    Phase = "queued"    // behind another operation on one of its machines
	PhaseRunning   Phase = "running"   // steps are carried out
	PhaseWaiting   Phase = "waiting"   // its fabric is silent or busy
	PhaseUndoing   Phase = "undoing"   // going back to what was before
	PhaseDone      Phase = "done"      // what was asked is so
	PhaseUndone    Phase = "undone"    // everything is as it was before
	PhaseCancelled Phase = "cancelled" // somebody ended it; everything is as it was before
	PhaseHeld      Phase = "held"      // a person must decide
)

// Ended says whether nothing will happen any more without a person.
func (p Phase) Ended() bool {
	switch p {
	case PhaseDone, PhaseUndone, PhaseCancelled:
		return true
	}
	return false
}

// Direction is which way an operation goes.
type Direction string

// The directions.
const (
	Forward Direction = "forward" // towards its target
	Undo    Direction = "undo"    // towards what was before
)

// StepState is where one step stands. It only moves forward; a plan that is
// made again gets a new generation of steps.
type StepState string

// The states of a step.
const (
	StepPlanned StepState = "planned"
	StepRunning StepState = "running" // handed to the driver, or about to be
	StepDone    StepState = "done"    // proven by a picture
	StepFailed  StepState = "failed"  // ended without effect, or replaced by a new generation
)

// StepRecord is one step of an operation as it is stored.
type StepRecord struct {
	Generation int           `json:"generation"` // from 1; the newest is the one carried out
	Ordinal    int           `json:"ordinal"`    // from 1 within its generation
	Direction  Direction     `json:"direction"`
	Step       Step          `json:"step"`
	Disturbs   []Disturbance `json:"disturbs,omitempty"`
	State      StepState     `json:"state"`
	Attempt    int           `json:"attempt"` // how often it was handed to the driver
	BeganAt    time.Time     `json:"beganAt"`
	EndedAt    time.Time     `json:"endedAt"`
	// Evidence is why it counts as done, or the last error.
	Evidence string `json:"evidence,omitempty"`
}

// Operation is a plan being carried out.
type Operation struct {
	ID        OperationID `json:"id"`
	Project   ProjectID   `json:"project"`
	Principal PrincipalID `json:"principal"`
	Verb      Verb        `json:"verb"`
	Message   string      `json:"message,omitempty"` // why, in the words of who asked
	Phase     Phase       `json:"phase"`
	Direction Direction   `json:"direction"`
	Machines  []MachineID `json:"machines"` // those it changes
	// Fabric is the fabric of its one leg; empty while it is queued unplaced.
	Fabric FabricName `json:"fabric,omitempty"`
	// Request is what was asked, for placing a queued operation when its turn
	// comes; its shape belongs to the package that takes requests.
	Request json.RawMessage `json:"request,omitempty"`
	Prior   Target          `json:"prior"`
	Target  Target          `json:"target"`
	// Behind is the operation that this one waits for.
	Behind OperationID `json:"behind,omitempty"`
	// Deadline is when the caller gives up waiting for a silent fabric; zero: never.
	Deadline        time.Time    `json:"deadline"`
	CancelRequested bool         `json:"cancelRequested,omitempty"`
	Reason          string       `json:"reason,omitempty"` // why it waits, is undone or held
	Result          *Result      `json:"result,omitempty"` // nil until it ended or is held
	Steps           []StepRecord `json:"steps,omitempty"`
	CreatedAt       time.Time    `json:"createdAt"`
	StartedAt       time.Time    `json:"startedAt"` // zero while queued
	EndedAt         time.Time    `json:"endedAt"`   // zero until it ended
	Revision        int64        `json:"revision"`
}

// Result is how an operation ended.
type Result struct {
	Code Code   `json:"code,omitempty"` // empty when it was done
	Text string `json:"text"`
	// Where says, for an operation that is held or was resolved, what is where;
	// Ways what a person can do about a held one.
	Where []string `json:"where,omitempty"`
	Ways  []string `json:"ways,omitempty"`
}

// Generation is the newest generation of steps; 0 before the first.
func (op *Operation) Generation() int {
	g := 0
	for _, s := range op.Steps {
		g = max(g, s.Generation)
	}
	return g
}

// Current are the steps of the newest generation, in order.
func (op *Operation) Current() []StepRecord {
	g := op.Generation()
	var out []StepRecord
	for _, s := range op.Steps {
		if s.Generation == g {
			out = append(out, s)
		}
	}
	return out
}

// committing is how many steps of the newest generation still have devices to
// attach or detach.
func (op *Operation) committing() int {
	g, n := op.Generation(), 0
	for i := range op.Steps {
		r := &op.Steps[i]
		if r.Generation == g && (r.State == StepPlanned || r.State == StepRunning) && len(r.Step.Attach)+len(r.Step.Detach) > 0 {
			n++
		}
	}
	return n
}

// Heading is what the operation goes towards now.
func (op *Operation) Heading() *Target {
	if op.Direction == Undo {
		return &op.Prior
	}
	return &op.Target
}

// Scope is all that the operation may touch: the machines and devices that its
// target or its prior state names.
func (op *Operation) Scope() PlanScope {
	var sc PlanScope
	devices := map[DeviceID]bool{}
	machines := map[MachineID]bool{}
	for _, t := range []*Target{&op.Prior, &op.Target} {
		for _, g := range t.Goals {
			if !machines[g.Machine.ID] {
				machines[g.Machine.ID] = true
				sc.Machines = append(sc.Machines, g.Machine.ID)
			}
			for _, b := range g.Devices {
				if !devices[b.Device.ID] {
					devices[b.Device.ID] = true
					sc.Devices = append(sc.Devices, b.Device.ID)
				}
			}
		}
	}
	return sc
}

// Ref names a machine of the operation with the most that is known of its
// handle: what is recorded of the machine, else what a step was handed over
// with, also a make step of which nobody knows what became of it, else what the
// operation began with. So it can name a machine that does not exist.
func (op *Operation) Ref(m *Machine) MachineRef {
	ref := m.Ref()
	take := func(known MachineRef) {
		if known.ID == m.ID && ref.Native == "" {
			ref.Native, ref.NativeSince = known.Native, known.NativeSince
		}
	}
	for _, r := range slices.Backward(op.Steps) {
		if r.Attempt > 0 {
			take(r.Step.Machine)
		}
	}
	for _, t := range []*Target{op.Heading(), &op.Prior, &op.Target} {
		for _, g := range t.Goals {
			take(g.Machine)
		}
	}
	return ref
}

// Advance is one transaction's worth of progress of one operation: decided by
// the runner, applied by the store, whole or not at all.
type Advance struct {
	Operation OperationID
	// Revision is the operation's revision that this was decided on. The store
	// answers moved when it is another one.
	Revision int64
	// Fabric and Epoch are the tenure under which it happens. The store answers
	// moved when the fabric has another epoch.
	Fabric FabricName
	Epoch  int64

	Phase     Phase
	Direction Direction
	Reason    string
	Result    *Result
	// Steps are the step rows that change or are new, by generation and ordinal.
	Steps []StepRecord
	// Claims and Machines change in the same transaction.
	Claims   []ClaimChange
	Machines []MachineChange
	// Picture, where not nil, is what a look during the step showed; it is laid
	// over the stored picture of the fabric.
	Picture *Picture
}

// ClaimChange is a new state of one open claim.
type ClaimChange struct {
	Claim    ClaimID
	Machine  MachineID // the holder after it
	Heir     MachineID
	Entry    string
	Purpose  Purpose
	Released bool   // the machine gave it up now
	Closed   bool   // with Evidence
	Evidence string // why it was closed
	// Used marks a keeping device as one that may hold data.
	Used bool
}

// MachineChange is a new state of one machine.
type MachineChange struct {
	Machine      MachineID
	Native       string    // empty: as it is
	NativeSince  time.Time // zero: as it is
	Made         bool      // from now on
	Freed        bool      // from now on
	Idle         bool      // no operation changes it any more
	Spec         *Spec     // nil: as it is
	SpecRevision int64     // with Spec
	Binding      []Bound   // with Spec: what is recorded in the machine's history
}
