// Package driver is the contract between Composa and a composable fabric.
//
// A driver turns one vendor's protocol into three things: what the fabric can
// do ([composa.Abilities]), what it shows ([composa.Picture]) and how one step
// is made true ([composa.Step]). It decides nothing: which devices make up a
// machine, and in what order things happen, was decided before and stands in
// the step.
//
// Three rules carry the rest:
//
//   - A step names a state, so carrying it out twice is carrying it out once.
//     What already holds succeeds without a changing call.
//   - A step says what it takes for granted. Where the world is otherwise the
//     driver answers conflict and changes nothing. It never touches a machine,
//     group or device that the step does not name.
//   - A step is proven by a picture that began after the last call returned.
//     Apply returns that picture; a caller believes nothing else.
//
// Package drivertest is this contract as tests. Package memory is a driver
// without hardware that passes it in three shapes. CONTRIBUTING.md tells how to
// add a driver.
package driver

import (
	"context"

	"github.com/composa-dev/composa"
)

// Fabric is one composable system. It keeps nothing that a restart would lose.
// Its methods may be called at the same time; the caller sees to it that steps
// with lock edit are applied one at a time.
//
// Errors are [*composa.Error] values with one of the codes refused, busy,
// conflict, unreachable, unknown, unsupported, failed or read_only. Anything
// else, and any error of a context that ended after a changing call was sent,
// counts as unknown.
type Fabric interface {
	// Abilities says what this fabric can do and needs. They are also part of
	// every picture, so that placement and plan can read them.
	Abilities(ctx context.Context) (*composa.Abilities, error)

	// Observe reads what the fabric shows of scope; the zero Scope is
	// everything. The picture may show more than was asked for; its Scope says
	// what it covers. An incomplete picture is an answer, not an error.
	Observe(ctx context.Context, scope composa.Scope) (*composa.Picture, error)

	// Apply makes one step true and returns the picture that proves it: it
	// covers s.Shown(), the step's scope and what it is to show beside, and began
	// after the last changing call returned.
	// What already holds succeeds. It answers conflict, having changed nothing,
	// when s.Judge says so, and unsupported before anything is touched. An enter
	// step that names no machine takes in devices for several operations.
	Apply(ctx context.Context, s composa.Step) (*composa.Picture, error)

	// Settle ends whatever an unfinished Apply of s, or of a step that took in its
	// devices with those of others, left open (a session, a task), so that nothing
	// of it can still take effect, and touches nothing that is not ours. It
	// succeeds where nothing was left open, and answers read_only where the fabric
	// may not be changed now: nobody knows then.
	Settle(ctx context.Context, s composa.Step) error
}

// Reserver is a fabric that lets its caller choose the handle of a machine
// before it is made. The runner stores the handle before the make step begins,
// so that after a crash our machine is told from another one of its label.
type Reserver interface {
	// Reserve returns a handle that no machine has now. It changes nothing.
	Reserve(ctx context.Context, s composa.Step) (native string, err error)
}

// Preparer is a fabric that can read beforehand what a step begins with. The
// runner has it do so while it writes that the step runs.
type Preparer interface {
	// Prepare reads. It changes nothing, and what it could not read the step reads.
	Prepare(ctx context.Context, s composa.Step)
}

// Watcher is a fabric that says when something changed there; never what.
type Watcher interface {
	// Watch sends on changed, without waiting for the receiver, once it listens,
	// and after each change, until ctx ends or the connection is lost. It returns nil only
	// when ctx ended, and unsupported where this fabric does not tell (its
	// abilities have no Push).
	Watch(ctx context.Context, changed chan<- struct{}) error
}

// Checker is a fabric that can tell of itself what its abilities do not.
type Checker interface {
	// Check asks the fabric who it is and how it takes things, and tells what was
	// seen of that so far. It changes nothing, unless probe is set: then it also
	// tries what only trying tells, on things of its own that hold no device, and
	// removes them. An error means that there was no asking; what failed on the
	// way is a [composa.Check] that is not OK.
	Check(ctx context.Context, probe bool) ([]composa.Check, error)
}

// CodeOf reads an error of a driver: its code where that is one of the
// taxonomy, unknown for everything else, empty for nil.
func CodeOf(err error) composa.Code {
	switch c := composa.CodeOf(err); c {
	case "", composa.CodeRefused, composa.CodeBusy, composa.CodeConflict, composa.CodeUnreachable,
		composa.CodeUnsupported, composa.CodeFailed, composa.CodeReadOnly:
		return c
	}
	return composa.CodeUnknown
}
