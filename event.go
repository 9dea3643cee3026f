package composa

import (
	"encoding/json"
	"time"
)

// EventType says what happened: SUBJECT.PAST-PARTICIPLE, such as
// "machine.ready" or "operation.held". Types only grow (docs/compatibility.md).
type EventType string

// Event is one fact, written in the transaction of the change it tells. Numbers
// are dense and in order of commit.
type Event struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Type    EventType `json:"type"`
	Project ProjectID `json:"project,omitempty"` // empty: of the site, for everybody
	// Subject is the id, or for a fabric the name, of what changed.
	Subject   string      `json:"subject"`
	Revision  int64       `json:"revision,omitempty"` // of the subject after the change
	Principal PrincipalID `json:"principal"`
	OnBehalf  PrincipalID `json:"onBehalf,omitempty"` // of a token: its owner, where somebody else acted
	// Cause is the operation, or the request, that it came of.
	Cause string `json:"cause,omitempty"`
	// Body is the state of the subject after the change.
	Body json.RawMessage `json:"body,omitempty"`
}
