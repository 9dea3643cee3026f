package runner

import (
	"maps"
	"time"

	"github.com/composa-dev/composa"
)

// Limits of patience. Each counts in one life of the server.
const (
	maxAttempts = 5 // how often a step is handed over when nobody knows what became of it
	maxRenewals = 5 // plans of an operation that only goes forward, and of an undo, before it is held
	maxPowers   = 2 // of these, when it was a host that did not go on or off: the driver has waited long each time
	maxReplans  = 1 // plans of another operation when the world moved, before it is undone
	maxSettles  = 5 // refusals to settle before it is held

	waitLeast = 10 * time.Millisecond
	waitMost  = 5 * time.Second
	// slowAfter is how long a call takes before people are told that nothing has
	// come back yet.
	slowAfter = 10 * time.Second
	// goneAfter is how long a part may be missing from complete pictures before
	// that counts as an answer.
	goneAfter = 10 * time.Second
)

// CallKind is what is asked of the driver.
type CallKind string

// The calls.
const (
	CallReserve CallKind = "reserve"
	CallApply   CallKind = "apply"
	CallSettle  CallKind = "settle"
	CallObserve CallKind = "observe"
)

// look is what an observation is for.
type look string

const (
	lookBefore look = "before" // whether somebody made the machine before us
	lookDoubt  look = "doubt"  // what became of a step
	lookSurvey look = "survey" // where everything is, to plan or to end on
)

// Call is one call of the driver that is to be made.
type Call struct {
	look      look
	Seq       int64 // tells its answer; never used twice in one state
	Kind      CallKind
	Operation composa.OperationID
	Step      composa.Step  // of reserve, apply and settle
	Scope     composa.Scope // of observe
	Timeout   time.Duration
	// at is the step that the operation was at. Where it is at another one when the
	// answer comes, because a write took effect late, the answer says nothing.
	at mark
	// shared is true in what an operation remembers of a call that it shares with
	// others: Operation and Step are its own.
	shared bool
}

// edits says whether the edit lock is needed for as long as a call is under way.
func (c *Call) edits() bool {
	return c.Step.Lock == composa.LockEdit && c.Kind != CallObserve || c.look == lookBefore
}

// Answer is what came of a call.
type Answer struct {
	Seq     int64
	Native  string           // of reserve
	Picture *composa.Picture // of apply and observe
	Err     error
	Ended   time.Time // when it returned
}

// Input is what Next decides on.
type Input struct {
	// Operations are those of the fabric that have not ended and are not held,
	// oldest first, with their steps.
	Operations []composa.Operation
	// Site is nil until Next asks for it.
	Site *composa.Site
	// Answers are those of calls that ended since the last time.
	Answers []Answer
}

// Effects is what Next wants done, in this order.
type Effects struct {
	// Advances are to be written. Where the store answers moved, or not at all,
	// nothing is lost: Next decides again on what is stored then.
	Advances []composa.Advance
	// Calls are to be made, side by side.
	Calls []Call
	// Ahead are the steps that an Advance begins: what they begin with may be read
	// beside the writing.
	Ahead []composa.Step
	// NeedSite asks to be called again at once with the site.
	NeedSite bool
	// Nudge asks for a look at the fabric: an operation ended.
	Nudge bool
}

// State is what the runner remembers of one fabric. Losing it loses nothing.
type State struct {
	Fabric composa.FabricName
	Epoch  int64
	// Reserves says that the driver chooses handles beforehand (driver.Reserver).
	Reserves bool
	// SettleTime, where not zero, is used in place of the abilities' where the
	// fabric cannot prove that nothing is pending.
	SettleTime time.Duration

	seq    int64
	legs   map[composa.OperationID]*leg
	turns  int64
	served map[composa.PrincipalID]int64 // the turn at which a principal got the edit lock last
}

// clone lets Next change its own copy.
func (s State) clone() State {
	legs := make(map[composa.OperationID]*leg, len(s.legs))
	for id, l := range s.legs {
		c := *l
		c.handles = maps.Clone(l.handles)
		legs[id] = &c
	}
	s.legs = legs
	s.served = maps.Clone(s.served)
	if s.served == nil {
		s.served = map[composa.PrincipalID]int64{}
	}
	return s
}

// mark names one attempt of one step.
type mark struct{ generation, ordinal, attempt int }

func markOf(r *composa.StepRecord) mark { return mark{r.Generation, r.Ordinal, r.Attempt} }

// fault is why an operation cannot go on as planned.
type fault struct {
	code composa.Code
	text string
	// hold asks a person at once: nothing that could be tried is left.
	hold bool
	// direction and generation are those in which it came up; in others it is
	// history.
	direction  composa.Direction
	generation int
}

// leg is what is remembered of one operation.
type leg struct {
	call  *Call     // under way
	asked time.Time // when it was made
	slow  bool      // people were told that it takes long

	// ahead reserves a handle beside call, for the step after that one.
	ahead *Call
	// handles are those that were reserved for machines that are not made yet, as
	// long as the operation keeps the edit lock.
	handles map[composa.MachineID]string

	// intent is the attempt that this state had written as running. A step that
	// is stored as running under another mark was begun in another life.
	intent mark

	// What follows is about one step.
	at      mark
	checked bool             // nobody had made its machine before the first attempt
	proof   *composa.Picture // of Apply, or of a look after settling: it holds
	unsure  bool             // nobody knows what became of it
	settled time.Time        // since when nothing of it can be sent any more; zero: not settled
	overdue bool             // the settle time has passed: what came meanwhile is to be settled too
	quiet   time.Time        // since when that is done; zero: not
	again   bool             // settled, looked at, and to be begun once more
	refused int              // settling was refused so often
	cause   *fault           // what the fabric said when it failed
	answer  string           // the last error in place of an answer; empty: there was none
	follows bool             // it enters in the company of another one, which goes on first
	alone   bool             // it is not to go in company: one met an error

	// And this about the whole operation.
	failed   *fault
	survey   *composa.Picture // all that it may touch, looked at after its last change
	replaced int              // the generation that is to be replaced by a new plan, plus one
	replans  int              // plans made again because the world moved
	plans    int              // plans made again because something failed
	vain     *fault           // met before anything was changed, which a look has yet to show
	told     bool             // that it cannot be cancelled

	waiting time.Time // since when it waits; zero: it does not
	wake    time.Time // not before; zero: now
	reason  string    // why it waits
	said    time.Time // when the reason was written last
}

// turnTo forgets what was known of another step, and faults of another plan.
func (l *leg) turnTo(op *composa.Operation) {
	if f := l.failed; f != nil && (f.direction != op.Direction || f.generation != op.Generation()) {
		l.failed = nil
	}
	at := mark{generation: op.Generation()}
	if r := current(op); r != nil {
		at.ordinal = r.Ordinal
	}
	if l.at == at {
		return
	}
	if l.at.generation != at.generation {
		l.handles = nil
	}
	l.at = at
	l.checked, l.proof, l.survey, l.vain = false, nil, nil, nil
	l.unsure, l.again, l.refused, l.cause, l.answer = false, false, 0, nil, ""
	l.settled, l.overdue, l.quiet = time.Time{}, false, time.Time{}
	l.follows, l.alone = false, false
}

// forgets drops what is so only while an operation has the edit lock: somebody
// else may act meanwhile.
func (l *leg) forgets() { l.handles, l.ahead, l.checked = nil, nil, false }

// doubts notes that nobody knows what became of the present attempt.
func (l *leg) doubts() {
	l.unsure = true
	l.settled, l.overdue, l.quiet = time.Time{}, false, time.Time{}
}

// surely says whether this state began the step's present attempt and knows
// what became of it, so that nothing need be settled.
func (l *leg) surely(r *composa.StepRecord) bool {
	return r.State != composa.StepRunning || l.intent == markOf(r) && !l.unsure
}

// fails notes why the operation cannot go on as planned.
func (l *leg) fails(op *composa.Operation, f fault) {
	f.direction, f.generation = op.Direction, op.Generation()
	l.failed, l.survey = &f, nil
}

// replacing says whether the newest steps are to be replaced by a new plan.
func (l *leg) replacing(op *composa.Operation) bool { return l.replaced == op.Generation()+1 }

// wait puts the operation off, the longer the longer it waits already.
func (l *leg) wait(now time.Time, why string) {
	if l.waiting.IsZero() {
		l.waiting = now
	}
	l.wake, l.reason = now.Add(pause(now.Sub(l.waiting))), why
}

// rest ends the waiting.
func (l *leg) rest() { l.waiting, l.wake, l.reason = time.Time{}, time.Time{}, "" }

// pause is how long to wait when so much was waited already: short at first,
// never much longer than what is gained by asking, at most five seconds.
func pause(waited time.Duration) time.Duration {
	return min(max(waitLeast, waited/20), waitMost)
}
