// Package intake takes requests: it checks what somebody asks, has placement
// choose devices, has plan order the steps, and commits claims, spec, operation
// and steps in one transaction. From then on the request survives anything, and
// the runner carries it out.
//
//	request ──► check ──► place ──► plan ──► store.Accept ──► runner
//	                        ▲                    │ moved
//	                        └────────────────────┘
//
// Placement is pure and runs on one reading of the site; the commit answers
// moved when somebody else was quicker, and the request is placed again.
// Requests of one server are placed one at a time, so that this happens only
// between servers.
//
// One operation at a time changes a machine. A request for a machine that is
// being changed is accepted as a queued operation without claims; [Intake.Turn]
// places it when its turn comes.
package intake
