// Package plan says what must happen so that machines become what they are to
// be.
//
// [For] compares a [composa.Target] with the newest picture of its fabric and
// returns the ordered steps between them. It is the only planner: composing,
// freeing, plugging, moving, resuming after a crash and undoing are all the same
// function with another target or another picture. An already reached target
// gives no steps, and a picture from half-way gives the rest of them.
//
// What is not in the target, and not claimed by one of its machines, is never
// part of a step. A device that lies where neither the picture nor the plan
// explains it, and a machine that holds a stranger, end the planning with a
// conflict: nothing is ever taken.
//
// The files, in the order in which a reader asks: plan.go has For and its
// stages, situation.go reads the site into machines and parts, check.go refuses
// what cannot be reached, order.go says whose devices move first, step.go makes
// single steps, describe.go tells them.
package plan
