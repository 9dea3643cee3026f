package liqid

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// aspect is a part of what is asked, where a director may answer one in this way
// and another in that. Empty means all of it.
type aspect string

// The aspects of askQueue and of askPending: what is queued, and what commits.
const (
	queueInto   aspect = "into the group"
	queueOut    aspect = "out of the group"
	queueAttach aspect = "attached"
	queueDetach aspect = "detached"

	commitPool    aspect = "pool/done"
	commitMachine aspect = "fabric/reprogram"
	commitP2P     aspect = "machine/p2p"
	commitRemove  aspect = "delete machine"
)

// aspects in the order in which they are told.
var aspects = []aspect{
	"", queueInto, queueOut, queueAttach, queueDetach, commitPool, commitMachine, commitP2P, commitRemove,
}

// commits are all the ways to commit something.
var commits = []aspect{commitPool, commitMachine, commitP2P, commitRemove}

// commitOf is how a committing call commits.
func commitOf(method, path string) aspect {
	if method == http.MethodDelete {
		return commitRemove
	}
	return aspect(path)
}

// asked is one aspect of a question.
type asked struct {
	question question
	aspect   aspect
}

// observed keeps what a director was seen to do, for as long as the driver
// lives and the director is of the same software.
type observed struct {
	mu      sync.Mutex
	answers map[asked]string
	misses  map[aspect]int // how often in a row a queue did not show that was seen to show
	ids     map[int]bool   // machine numbers that were seen in use
}

// saw notes an answer to all of a question; the last one counts.
func (o *observed) saw(q question, answer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.answers, func(a asked, _ string) bool { return a.question == q })
	o.note(asked{q, ""}, answer)
}

// sawOf notes an answer to one aspect of a question; the last one counts.
func (o *observed) sawOf(q question, of aspect, answer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.answers, asked{q, ""})
	delete(o.misses, of)
	o.note(asked{q, of}, answer)
}

// mostMisses is how often in a row somebody else can have been in our way.
const mostMisses = 3

// missed notes that a queue does not show that was seen to show. Of one device it
// may have been somebody else who moved it then, so that is not believed for
// ever.
func (o *observed) missed(moves aspect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.misses == nil {
		o.misses = map[aspect]int{}
	}
	if o.misses[moves]++; o.misses[moves] >= mostMisses {
		delete(o.misses, moves)
		o.note(asked{askQueue, moves}, "")
	}
}

// note keeps an answer; an empty one takes back what was seen.
func (o *observed) note(a asked, answer string) {
	if answer == "" {
		delete(o.answers, a)
		return
	}
	if o.answers == nil {
		o.answers = map[asked]string{}
	}
	o.answers[a] = answer
}

// is says whether an answer was seen to each of some aspects of a question; where
// none is given, to all that were seen.
func (o *observed) is(q question, answer string, of ...aspect) bool {
	if len(of) == 0 {
		return o.of(q) == answer
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return !slices.ContainsFunc(of, func(a aspect) bool { return o.answers[asked{q, a}] != answer })
}

// of is the answer to a question, or to one aspect of it; empty where none was
// seen. Where aspects have different ones it names them.
func (o *observed) of(q question, of ...aspect) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(of) == 0 {
		of = aspects
	}
	var answers []string
	by := map[string][]string{}
	for _, a := range of {
		answer, seen := o.answers[asked{q, a}]
		if !seen {
			continue
		}
		if by[answer] == nil {
			answers = append(answers, answer)
		}
		by[answer] = append(by[answer], string(a))
	}
	if len(answers) > 1 {
		for i, answer := range answers {
			answers[i] = answer + " (" + strings.Join(by[answer], ", ") + ")"
		}
	}
	return strings.Join(answers, "; ")
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
// not known, whether the director lists it as under way. It counts what it sees
// only from when the call was sent, which traced tells, until it was answered: a
// call can wait for its turn, or be asked to. stop ends that, and notes what was
// seen of a call that succeeded.
func (j *job) watchPending(ctx context.Context, commit aspect) (traced context.Context, stop func(succeeded bool)) {
	if !j.know.pending || j.observed.of(askPending, commit) != "" {
		return ctx, func(bool) {}
	}
	var sent atomic.Pointer[time.Time] // nil: the call is not with the director
	wake := make(chan struct{}, 1)
	traced = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			now := time.Now()
			sent.Store(&now)
			select {
			case wake <- struct{}{}:
			default:
			}
		},
		GotFirstResponseByte: func() { sent.Store(nil) },
	})
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	seen := ""
	watching.Go(func() { seen = j.watchCommit(ctx, &sent, wake) })
	return traced, func(succeeded bool) {
		cancel()
		watching.Wait()
		if succeeded && seen != "" {
			j.observed.sawOf(askPending, commit, seen)
		}
	}
}

// watchCommit looks, from when wake tells that something was sent, whether that is
// listed, and returns what it saw when that is certain; empty where ctx ends before.
func (j *job) watchCommit(ctx context.Context, sent *atomic.Pointer[time.Time], wake <-chan struct{}) string {
	w := j.wait()
	var since *time.Time
	looks := 0
	for {
		if now := sent.Load(); now != since {
			since, looks = now, 0
		}
		if since == nil {
			select {
			case <-wake:
				continue
			case <-ctx.Done():
				return ""
			}
		}
		commands, err := j.Fabric.underWay(ctx, j.know, j.target())
		switch {
		case err != nil: // it tells nothing now, or the commit was answered
		case slices.ContainsFunc(commands, func(p pending) bool { return p.group != 0 || p.machine != 0 }):
			return seenLists
		case sent.Load() == since:
			if looks++; looks >= silentLooks && time.Since(*since) >= silentAfter {
				return seenSilent
			}
		}
		if w.pause(ctx) != nil {
			return ""
		}
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
