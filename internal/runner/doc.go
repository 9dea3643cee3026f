// Package runner carries out the operations of one fabric.
//
// An operation comes out of the store with its steps. The runner hands them to
// the driver one by one and believes none of them before a picture shows it:
//
//	planned ─► running (stored) ─► Apply ─► picture ─► Judge ─► done (stored, with the next one running, or with the end)
//	                                 │
//	                                 └─ error ─► what does it say?
//	      nothing happened, later    busy, unreachable        wait, apply again
//	      nothing happened, never    refused, unsupported     undo; where nothing was done yet, end
//	      the world is otherwise     conflict                 look, plan once more, else undo
//	      nobody knows               unknown, an ended call,  settle, look, judge; then go on,
//	                                 found running at start   again, or undo
//
// Everything is decided by [Next], a pure function: it takes what is stored,
// what the calls that ended brought, and the time, and returns what to write
// and what to call. It starts nothing and waits for nothing, so that a table
// can test each rule and a simulator can call it in any order. [Runner] is the
// loop that does what Next says.
//
// What Next remembers between calls ([State]) may be lost at any moment: a step
// that the store shows as running and that this state did not begin is settled,
// looked at and judged, whatever happened to it. A restart, a lost answer and a
// call made twice are therefore one case. Since a step is stored as running
// with the end of the one before, one that was never sent is such a step too.
//
// A fabric does one edit step at a time and is not left idle: steps that need no
// lock (power) go on beside the next operation's edit, a handle is reserved beside
// the step before the one that makes its machine, operations that wait together
// enter the group together (company.go), and the last proof shows all that the
// operation touches, so that nobody looks again (Step.Show).
//
// The files, in the order in which an operation meets them: queue.go whose turn
// it is, next.go what an operation needs, step.go how one step is carried out,
// company.go how several are handed over as one,
// outcome.go what an answer says, renew.go a new plan (also undo),
// vain.go the end of what never began, settle.go
// what the claims are at the end, loop.go acting.
package runner
