package composa

import "time"

// Purpose says what a claim holds a device for.
type Purpose string

// A releasing claim is one whose machine gave the device up; it is closed when
// a picture that began after the release shows the device free.
const (
	PurposeMachine   Purpose = "machine"
	PurposeReleasing Purpose = "releasing"
)

// Claim is the store's record that a device is held. At most one claim of a
// device is open; closed ones are kept.
type Claim struct {
	ID      ClaimID   `json:"id"`
	Device  DeviceID  `json:"device"`
	Machine MachineID `json:"machine"` // who holds it
	// Heir is who will hold it next while an operation moves it; else empty.
	Heir      MachineID   `json:"heir,omitempty"`
	Purpose   Purpose     `json:"purpose"`
	Entry     string      `json:"entry"`               // key of the spec entry that it serves
	Operation OperationID `json:"operation,omitempty"` // the one that opened or last changed it
	TakenAt   time.Time   `json:"takenAt"`
	// ReleasedAt is when the machine gave it up; zero while it holds it.
	ReleasedAt time.Time `json:"releasedAt"`
	// ClosedAt is zero while the claim is open.
	ClosedAt time.Time `json:"closedAt"`
	Evidence string    `json:"evidence,omitempty"` // why it was closed
}

// Open says whether the claim holds its device.
func (c *Claim) Open() bool { return c.ClosedAt.IsZero() }
