// Package drivertest is the contract of driver.Fabric as tests. Every driver
// runs it from its own tests, each against what it drives: the memory driver
// against its worlds, the Liqid driver against an emulated director.
//
//	func TestContract(t *testing.T) {
//		drivertest.Run(t, func(t *testing.T) drivertest.Harness { return newRack(t) })
//	}
//
// A [Harness] is one fabric that nobody uses yet, with at least two cpu devices,
// four gpus and four ssds that fit into one machine, and two of each beside
// them. It also lends the suite the hands of a rival and a switch for random
// faults. What else a harness can do it says by implementing [Counter],
// [Interceptor], [Clock], [ObserveOnly], [Slots], [Giver] or [Guest]; where it does
// not, the tests that need it are shown as skipped, with the reason.
//
// The suite asks the fabric itself what it can do ([composa.Abilities]) and
// orders its steps by the answer. What the abilities exclude is not skipped: the
// suite asserts that it is answered with unsupported and touches nothing.
//
// To add a test, write a function with the signature func(*rig), say in its
// comment which sentence of the contract it holds, and add it to the table
// below. [rig] has the helpers: look, apply, a machine with its steps, and the
// loop that carries a step to its end whatever goes wrong. A test begins with a
// fabric of its own; when it returns, Run asks the harness whether anything was
// left open.
//
// Counts are small; COMPOSA_PROVE=1 makes them large. A random test prints its
// seed as the name of its subtest, and the seed alone repeats it.
package drivertest

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// Harness is one fabric, as its driver's tests set it up.
type Harness interface {
	// Fabric returns a new driver onto the fabric, as after a restart.
	Fabric(t *testing.T) driver.Fabric
	Name() composa.FabricName
	Site() composa.SiteID // whose group is ours, where there are groups
	// Rival is somebody else at work on the same fabric.
	Rival() Rival
	// Faults lets any call go wrong from now on, in ways that rng chooses: it is
	// refused, answered with busy, lost before or after its effect, or takes
	// effect late. Nil ends it. Where the driver makes calls at the same time the
	// harness guards rng.
	Faults(rng *rand.Rand)
	// Check fails the test for anything that is left open on the fabric, and
	// for every call that the fabric counts as a violation of its protocol.
	Check(t *testing.T)
}

// Rival does what the vendor's tool lets others do. Nothing holds it back: it
// also takes what is ours.
type Rival interface {
	// Take puts a device, wherever it is now, into a machine of the rival's own
	// and returns its handle. It answers refused, having moved nothing, where the
	// fabric lets nobody else work beside us just now.
	Take(device string) (native string, err error)
	// AddTo puts a device, wherever it is now, into any machine, ours too.
	AddTo(native, device string) error
	// MakeMachine makes a machine of a label with devices, wherever they are
	// now. It answers unsupported where machines cannot be made.
	MakeMachine(label string, devices ...string) (native string, err error)
}

// Counter is a harness that counts the calls that would change something.
type Counter interface {
	Changes() int
}

// Interceptor is a harness that can act between two calls of the driver.
type Interceptor interface {
	// Before runs do once, before the n-th call from now that reaches the
	// fabric, counted from 1. What it was told before is forgotten; nil: nothing.
	Before(n int, do func())
}

// Clock is a harness that sets the clock of its drivers forward: what they read
// before grows old.
type Clock interface {
	Pass(d time.Duration)
}

// ObserveOnly is a harness that can also drive the fabric with access observe.
type ObserveOnly interface {
	ObserveOnly(t *testing.T) driver.Fabric
}

// Slots is a rival who pulls parts and puts others in.
type Slots interface {
	Vanish(device string) error
	Return(device string) error
	Replace(device, serial string) error
}

// Giver is a rival who takes a device out of whatever it is in, so that it is
// free, whoever's it was.
type Giver interface {
	Release(device string) error
}

// Guest is a rival who sits in the guest of a machine and does not let go.
type Guest interface {
	Hold(device string, keep bool) error
}

// Run runs the suite. open returns a fabric that nobody uses yet; it is called
// for each test, and for each seed of a random one.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	run(t, open, tests, os.Getenv("COMPOSA_PROVE") != "")
}

// Essence runs, at small counts, those tests of the suite that carry whole lives
// through whatever happens beside them: for a driver with many more kinds of
// fabric than a run of the whole suite for each has time for.
func Essence(t *testing.T, open func(t *testing.T) Harness) {
	run(t, open, slices.DeleteFunc(slices.Clone(tests), func(tt test) bool { return !tt.essence }), false)
}

// test is one test of the suite. essence tests are what the others come to.
type test struct {
	name    string
	run     func(*rig)
	essence bool
}

var tests = []test{
	{"abilities are stable", abilitiesAreStable, false},
	{"a picture shows everything once and in order", pictureShowsEverything, false},
	{"a narrow picture covers its scope", narrowPictureCoversItsScope, false},
	{"a picture is not torn by changes beside it", observeBesideApply, false},
	{"a watcher is told of a change", watcherIsTold, false},
	{"a machine lives from its making to its end", wholeLife, true},
	{"a proof shows what it is asked to show", proofShowsMore, false},
	{"an enter step takes in devices for several operations", entersForSeveral, true},
	{"what one of several operations cannot have stops all, and changes nothing", oneOfSeveralIsTaken, false},
	{"each of several operations ends well whatever went wrong with their step", faultsOfSeveral, true},
	{"steps that nobody began settle", settlesNothing, false},
	{"what the abilities exclude touches nothing", excludedTouchesNothing, false},
	{"a fabric that is only observed is never changed", observedIsNeverChanged, false},
	{"a device that a rival took is a conflict", takenDevice, false},
	{"a device that a rival takes from our machine is left to him", takenFromOurMachine, false},
	{"another machine of our label is a conflict", machineOfOurLabel, false},
	{"another machine of our handle is a conflict", machineOfOurHandle, false},
	{"a stranger in our machine is a conflict", strangerInOurMachine, false},
	{"another part in the place is a conflict", anotherPart, false},
	{"a part that was exchanged is a conflict", exchangedPart, false},
	{"a part that vanished cannot be attached and need not be detached", vanishedPart, false},
	{"a guest that does not let go is busy", guestHolds, false},
	{"a rival between two calls keeps what he took", rivalBetweenCalls, true},
	{"a step that was cancelled is settled and done again", cancelledStep, false},
	{"random faults in every call do not change the end", randomFaults, true},
}

// run runs tests, at the counts of make prove or at small ones.
func run(t *testing.T, open func(t *testing.T) Harness, tests []test, proving bool) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, open, proving)
			tt.run(r)
			r.h.Check(t)
		})
	}
}
