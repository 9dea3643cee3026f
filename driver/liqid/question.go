package liqid

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// question is something that the notes on the protocol leave open
// (liqid-api.md 5): directors answer it by how they behave.
type question string

// The questions, with the answers that can be seen.
const (
	askSecondEdit question = "second edit" // of a target that is being edited
	askQueue      question = "queue"       // whether predevice shows what is queued
	askCommit     question = "commit"      // when a committing call is answered
	askEditing    question = "editing"     // how many sessions are open at once
	askHistory    question = "history"     // what a machine's history lists
	askMembers    question = "members"     // what predevice lists of a group
	askPending    question = "pending"     // whether state lists a commit under way
	askIDs        question = "machine ids" // whether numbers come back
	askSameP2P    question = "same p2p"    // what is said to p2p that is so already
)

// shownBy says how an answer that was not seen yet comes to be seen.
var shownBy = map[question]string{
	askSecondEdit: "--probe tries it", askEditing: "--probe tries it", askCommit: "--probe tries it", askPending: "--probe tries it",
	askIDs: "--probe tries it", askSameP2P: "--probe tries it", askQueue: "the next compose shows it",
	askMembers: "the next compose shows it", askHistory: "the next device that is taken out of a machine shows it",
}

// questions in the order in which they are told.
var questions = []question{
	askSecondEdit, askQueue, askCommit, askEditing, askHistory, askMembers, askPending, askIDs, askSameP2P,
}

// Answers.
const (
	seenRefused    = "refused"
	seenAccepted   = "accepted: shared or taken over" // nothing tells which
	seenHidden     = "hidden"
	seenShown      = "shown"
	seenDone       = "answered when it is done"
	seenLink       = "answered at once with a link to follow"
	seenEarly      = "answered at once, and works on"
	seenMany       = "many at once"
	seenOne        = "one at a time"
	seenAttached   = "what is attached"
	seenKept       = "also what was detached"
	seenAll        = "all of a group"
	seenUnattached = "what is attached to nothing"
	seenLists      = "lists what is under way"
	seenSilent     = "does not list what is under way"
	seenNone       = "there is no such list"
	seenLowest     = "come back"
	seenRising     = "rise"
	seenTaken      = "taken"
)

// observed keeps what a director was seen to do, for as long as the driver
// lives and the director is of the same software.
type observed struct {
	mu      sync.Mutex
	answers map[question]string
	ids     map[int]bool // machine numbers that were seen in use
}

// saw notes an answer; the last one counts.
func (o *observed) saw(q question, answer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers = map[question]string{}
	}
	o.answers[q] = answer
}

// is says whether an answer was seen.
func (o *observed) is(q question, answer string) bool { return o.of(q) == answer }

// of is the answer to a question; empty where none was seen.
func (o *observed) of(q question) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.answers[q]
}

// forget drops everything: the director came back as another one.
func (o *observed) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers, o.ids = nil, nil
}

// sawMachines notes which numbers are in use.
func (o *observed) sawMachines(machines []machine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ids == nil {
		o.ids = map[int]bool{}
	}
	for i := range machines {
		if id := machines[i].id; id <= maxMachine { // what is remembered is bounded so
			o.ids[id] = true
		}
	}
}

// sawNext tells from the number that a director offers whether numbers come
// back: it was in use before, or a lower one is free again.
func (o *observed) sawNext(next int, machines []machine) {
	o.sawMachines(machines)
	o.mu.Lock()
	back, freed := o.ids[next], false
	for id := range o.ids {
		freed = freed || id < next && findMachine(machines, id) == nil
	}
	o.mu.Unlock()
	switch {
	case back:
		o.saw(askIDs, seenLowest)
	case freed:
		o.saw(askIDs, seenRising)
	}
}

// told lists every question with what was seen.
func (o *observed) told() []composa.Check {
	var out []composa.Check
	for _, q := range questions {
		answer := o.of(q)
		if answer == "" {
			answer = "not seen yet; " + shownBy[q]
		}
		out = append(out, composa.Check{Name: string(q), OK: true, Text: answer})
	}
	return out
}

// How long a commit must be under way, and how often looked at meanwhile, until
// a list that never showed it is taken for one that shows nothing.
const (
	silentAfter = 250 * time.Millisecond
	silentLooks = 5
)

// watchPending looks, beside a committing call and for as long as the answer is
// not known, whether the director lists it as under way. stop ends that.
func (j *job) watchPending(ctx context.Context) (stop func()) {
	if !j.know.pending || j.observed.of(askPending) != "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		w := j.wait()
		looks := 0
		for {
			commands, err := j.Fabric.underWay(ctx, j.know, j.target())
			switch {
			case err != nil: // it tells nothing now, or the commit was answered
			case slices.ContainsFunc(commands, func(p pending) bool { return p.group != 0 || p.machine != 0 }):
				j.observed.saw(askPending, seenLists)
				return
			default:
				if looks++; looks >= silentLooks && time.Since(w.began) >= silentAfter {
					j.observed.saw(askPending, seenSilent)
					return
				}
			}
			if w.pause(ctx) != nil {
				return
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}

// learnCommit notes when the committing call of a proven step was answered: at
// which look afterwards its effect was there.
func (j *job) learnCommit(looks int) {
	switch {
	case j.last == nil && j.step.Act != composa.ActP2P:
	case j.how == answerFollowed || j.how == answerAccepted:
		j.observed.saw(askCommit, seenLink)
	case looks > 1:
		j.observed.saw(askCommit, seenEarly)
	case j.observed.of(askCommit) == "":
		j.observed.saw(askCommit, seenDone)
	}
	if m := j.look.machine(int(parseNumber(j.step.Machine.Native).value)); m != nil && j.step.Act == composa.ActReshape && len(j.step.Detach) > 0 {
		j.learnHistory(m)
	}
}

// learnHistory notes whether the history of a machine still lists what the step
// took out of it.
func (j *job) learnHistory(m *machine) {
	var w struct {
		History []struct{ Name text } `json:"connection_history"`
	}
	if json.Unmarshal(m.raw, &w) != nil {
		return
	}
	answer := seenAttached
	for _, h := range w.History {
		if slices.ContainsFunc(j.step.Detach, func(d composa.DeviceRef) bool { return d.Name == h.Name.told() }) {
			answer = seenKept
		}
	}
	j.observed.saw(askHistory, answer)
}
