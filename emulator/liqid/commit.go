package liqid

import (
	"net/http"
	"slices"
	"time"
)

// pendingCommand is a commit under way.
type pendingCommand struct {
	id             int
	command        string
	group, machine int // machine 0: the group's pool
	start          time.Time
	by             client
	answered       bool          // the client was told that it is done: habit early
	abandoned      chan struct{} // closed when it is not to be carried out any more
}

// commit is one call that takes the time of a commit (liqid-api.md 3.10).
type commit struct {
	command        string
	group, machine int // machine 0: the group's pool
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
}

// target is what the commit's session is on, if it ends one.
func (c commit) target() target {
	if c.machine != 0 {
		return machineTarget(c.machine)
	}
	return poolTarget(c.group)
}

// commit carries a commit out and answers it by the director's habit.
func (r *request) commit(c commit) (any, error) {
	d := r.d
	if r.late != nil {
		return nil, d.postpone(c, r.by, *r.late)
	}
	if c.queue != nil {
		c.apply = r.ofSession(c.target(), c.queue)
	}
	p, before, err := d.begin(c, r.by)
	if err != nil {
		return nil, err
	}
	switch how := d.config.Habits.Commit; {
	case how == "early":
		answer := c.record(before)
		go d.finish(p, c.apply)
		return one(answer), nil
	case how == "accepted" && !c.waits:
		answer := c.record(before)
		id := d.work.begin("", unset, d.clock())
		go func() {
			_, err := d.finish(p, c.apply)
			d.work.end(id, err)
		}()
		return accepted{answer, r.link(id)}, nil
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
	if err := d.busy(c.target(), by); err != nil {
		return pendingCommand{}, show{}, err
	}
	if err := c.apply(d.now.clone()); err != nil {
		return pendingCommand{}, show{}, err
	}
	d.commands++
	p := pendingCommand{
		id: d.commands, command: c.command, group: c.group, machine: c.machine,
		start: d.clock(), by: by, answered: d.config.Habits.Commit == "early", abandoned: make(chan struct{}),
	}
	d.pending = append(d.pending, p)
	d.working.Add(1)
	return p, d.show(d.now), nil
}

// finish makes the effect of a commit so when its time has come. It leaves the
// list in the same moment. Every commit that began is finished once.
func (d *Director) finish(p pendingCommand, apply func(*state) error) (show, error) {
	defer d.working.Done()
	err := d.waitFor(d.pick(d.config.CommitLatency), p.abandoned)
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.pending, func(other pendingCommand) bool { return other.id == p.id })
	if i < 0 {
		return show{}, errAbandoned // whichever of the two the wait saw first
	}
	d.pending = append(d.pending[:i:i], d.pending[i+1:]...)
	if err != nil {
		return show{}, err
	}
	return d.changeLocked(true, apply)
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
// breaks a rule only if the client began the commit itself and was not told that
// it is done. d.mu is held.
func (d *Director) busy(t target, by client) error {
	for _, p := range d.pending {
		if p.machine == t.machine && (t.machine != 0 || p.group == t.group) {
			return taken(p.by != by || p.answered, RuleCommitting, "%s is still at work on it", p.command)
		}
	}
	return nil
}
