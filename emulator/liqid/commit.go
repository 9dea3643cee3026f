package liqid

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// pendingCommand is a commit under way.
type pendingCommand struct {
	id      int
	command string
	on      target
	group   int // that the target is in; 0 for a device
	start   time.Time
	takes   time.Duration
	by      client
	// unknowing says that its client cannot know that it is under way: it was told
	// that it is done (habit early), it asks again for an erase, or the director
	// restarted and told it nothing.
	unknowing bool
	task      string        // what it is asked about under; empty where it is not
	abandoned chan struct{} // closed when it is not to be carried out any more
	done      chan struct{} // closed when nothing more comes of it
}

// commit is one call that takes the time of a commit (liqid-api.md 3.10).
type commit struct {
	command string
	on      target
	group   int // that the target is in; 0 for a device
	// queue applies what is queued in the target's edit session, which the commit
	// ends; nil for a commit that is about no session.
	queue func(*state, session) error
	// apply is tried first, so that what cannot be is refused at once, and must
	// hold again at the end. Of a commit with a queue it is made from that.
	apply func(*state) error
	// record is the answer, out of what is so when it is given.
	record func(show) any
	// waits says that the answer comes with the effect, or before it without a
	// link: DELETE machine is never answered 202 (liqid-api.md 2.13).
	waits bool
	// repeats says that its client may ask for it again, as one does that lost the
	// answer: it is refused while it is under way, and breaks no rule.
	repeats bool
	// task says what it can be asked about, if it can.
	task *task
}

// commit carries a commit out and answers it by the director's habit.
func (r *request) commit(c commit) (any, error) {
	d := r.d
	if r.late != nil {
		return nil, d.postpone(c, r.by, *r.late)
	}
	if c.queue != nil {
		c.apply = r.ofSession(c.on, c.queue)
	}
	linked := d.config.Habits.Commit == "accepted" && !c.waits
	if linked {
		c.task = &task{device: unset}
	}
	p, before, err := d.begin(c, r.by)
	if err != nil {
		return nil, err
	}
	switch {
	case r.unheard && p.takes > 0:
		go d.finish(p, c.apply)
		return nil, errDropped
	case d.config.Habits.Commit == "early":
		answer := c.record(before)
		go d.finish(p, c.apply)
		return one(answer), nil
	case linked:
		answer := c.record(before)
		go d.finish(p, c.apply)
		return accepted{answer, r.link(p.task)}, nil
	}
	after, err := d.finish(p, c.apply)
	if err != nil {
		return nil, err
	}
	return one(c.record(after)), nil
}

// begin lists a commit as pending and returns what is so before it. From now on
// its target refuses other changes.
func (d *Director) begin(c commit, by client) (pendingCommand, show, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return pendingCommand{}, show{}, errClosing
	}
	if err := d.busy(c.on, by); err != nil {
		return pendingCommand{}, show{}, err
	}
	if err := c.apply(d.now.clone()); err != nil {
		return pendingCommand{}, show{}, err
	}
	p := pendingCommand{
		id: d.commands + 1, command: c.command, on: c.on, group: c.group, start: d.clock(),
		takes: d.commitTakes(d.commands + 1), by: by, unknowing: c.repeats || d.config.Habits.Commit == "early",
		abandoned: make(chan struct{}), done: make(chan struct{}),
	}
	if c.task != nil {
		var err error
		if p.task, err = d.work.begin(c.task.id, c.task.device, p.start); err != nil {
			return pendingCommand{}, show{}, err
		}
	}
	d.commands++
	d.pending = append(d.pending, p)
	d.working.Add(1)
	return p, d.show(d.now), nil
}

// commitTakes is how long the nth commit takes: as long as the nth of any other
// director of the same seed, whatever else they were asked, so that two ways of
// doing the same thing can be compared.
func (d *Director) commitTakes(n int) time.Duration {
	return d.config.CommitLatency.pick(rand.New(rand.NewPCG(d.config.Seed, uint64(n)<<8|3)))
}

// finish makes the effect of a commit so when its time has come. It leaves the
// list in the same moment. Every commit that began is finished once.
func (d *Director) finish(p pendingCommand, apply func(*state) error) (after show, err error) {
	defer d.working.Done()
	defer close(p.done)
	err = d.waitFor(p.takes, p.abandoned)
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.pending, func(other pendingCommand) bool { return other.id == p.id })
	if i < 0 {
		return show{}, errAbandoned // whichever of the two the wait saw first
	}
	d.pending = append(d.pending[:i:i], d.pending[i+1:]...)
	if err == nil {
		after, err = d.changeLocked(true, apply)
	}
	if p.task != "" {
		d.work.end(p.task, err)
	}
	return after, err
}

var errAbandoned = &refusal{http.StatusServiceUnavailable, "", "the director restarted before it was done"}

// abandon ends every commit under way without its effect. d.mu is held.
func (d *Director) abandon() {
	for _, p := range d.pending {
		close(p.abandoned)
	}
	d.pending = nil
}

// waitFor is wait, which a commit that is abandoned ends too.
func (d *Director) waitFor(t time.Duration, abandoned <-chan struct{}) error {
	if t <= 0 {
		return d.wait(0)
	}
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-abandoned:
		return errAbandoned
	case <-d.closing.Done():
		return errClosing
	}
}

// busy refuses a client's call about a target that is being committed. That
// breaks a rule only if the client began the commit itself and can know that it
// is under way. d.mu is held.
func (d *Director) busy(t target, by client) error {
	if p, is := d.committing(t); is {
		return taken(p.by != by || p.unknowing, RuleCommitting, "%s is still at work on it", p.command)
	}
	return nil
}

// committing is the commit that is under way on a target. d.mu is held.
func (d *Director) committing(t target) (pendingCommand, bool) {
	i := slices.IndexFunc(d.pending, func(p pendingCommand) bool { return p.on == t })
	if i < 0 {
		return pendingCommand{}, false
	}
	return d.pending[i], true
}

// finished waits until nothing is under way any more that a client began, which
// may have been answered before it was done.
func (d *Director) finished(by client) {
	d.mu.Lock()
	pending := slices.Clone(d.pending)
	d.mu.Unlock()
	for _, p := range pending {
		if p.by == by {
			<-p.done
		}
	}
}
