package liqid

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Commits that happen after their client was told something else.

// committingPosts are the committing calls (liqid-api.md 2.13) beside DELETE machine/{id}.
var committingPosts = []string{"pool/done", "fabric/reprogram", "fabric/reprogram/force", "machine/p2p"}

func (rt *route) committing() bool {
	if rt.method == http.MethodDelete {
		return rt.path == "machine/{id}"
	}
	return rt.method == http.MethodPost && slices.Contains(committingPosts, rt.path)
}

// maxLate is how many late effects can be still to come.
const maxLate = 1000

// lateEffect is a commit that nobody waits for any more and that is still to come.
type lateEffect struct {
	pendingCommand
	apply func(*state) error
	timer *time.Timer
}

var errLate = &refusal{http.StatusInternalServerError, "", "emulated fault: the command failed"}

// postpone takes down what a commit is to do and carries it out so much later,
// whatever became of its session by then: by the rules of that moment, all or
// nothing. What is refused now is refused as ever; else the answer is errLate.
func (d *Director) postpone(c commit, by client, delay time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosing
	}
	if err := d.busy(c.on, by); err != nil {
		return err
	}
	apply, err := d.detached(c, by)
	if err == nil {
		err = apply(d.now.clone())
	}
	if err != nil {
		return err
	}
	if len(d.late) >= maxLate {
		return cannotNow(http.StatusServiceUnavailable, 1, fmt.Sprintf("%d late effects are still to come, the most this director keeps", maxLate))
	}
	d.commands++
	late := &lateEffect{
		pendingCommand: pendingCommand{id: d.commands, command: c.command, on: c.on, group: c.group, start: d.clock(), by: by},
		apply:          apply,
	}
	late.timer = time.AfterFunc(delay, func() { d.takeEffect(late) })
	d.late = append(d.late, late)
	return errLate
}

// detached is what a commit does, apart from the session it came out of: the
// queue as it is now, on the group or machine that is there now. d.mu is held.
func (d *Director) detached(c commit, by client) (func(*state) error, error) {
	t := c.on
	group, machine := d.now.groups[c.group], d.now.machines[t.machine]
	var queue session
	if c.queue != nil {
		var err error
		if queue, err = d.now.inEdit(t, by, RuleInEdit); err != nil {
			return nil, err
		}
	}
	return func(s *state) error {
		if err := s.exists(t); err != nil {
			return err
		}
		if s.groups[c.group].Made != group.Made || s.machines[t.machine].Made != machine.Made {
			return invalid("%s is another one meanwhile", t)
		}
		if c.queue == nil {
			return c.apply(s)
		}
		if err := c.queue(s, queue); err != nil {
			return err
		}
		if open, there := s.session(t); there && open.ID == queue.ID {
			s.end(t, by)
		}
		return nil
	}, nil
}

// takeEffect is the moment of a late effect. A restart that forgot it, or the
// end of the director, has taken it off the list.
func (d *Director) takeEffect(late *lateEffect) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.late {
		if d.late[i] == late {
			d.late = append(d.late[:i:i], d.late[i+1:]...)
			d.changeLocked(true, late.apply) // refused, nothing happens: nobody waits for a word
			return
		}
	}
}

// forgetLate ends all late effects. d.mu is held.
func (d *Director) forgetLate() {
	for _, late := range d.late {
		late.timer.Stop()
	}
	d.late = nil
}

// underWay lists the commits under way, late ones last. d.mu is held.
func (d *Director) underWay() []pendingCommand {
	out := append([]pendingCommand{}, d.pending...)
	for _, late := range d.late {
		out = append(out, late.pendingCommand)
	}
	return out
}
