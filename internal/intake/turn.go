package intake

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

const (
	// turnPause is how long the line is left alone after the store failed.
	turnPause = time.Second
	// mostMoved is how often an operation is placed in one round, before the
	// others of the line have their turns.
	mostMoved = 10
)

// Run places queued operations as their turns come, until ctx ends.
func (in *Intake) Run(ctx context.Context) error {
	changed, cancel := in.store.NotifyLine()
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-timer.C:
		}
		wake, err := in.Turn(ctx)
		if err != nil && ctx.Err() == nil {
			in.log.Error("cannot place the operations that wait in line", "err", err)
			wake = turnPause
		}
		if wake > 0 {
			timer.Reset(wake)
		}
	}
}

// Turn places every queued operation whose turn has come: no operation changes
// one of its machines, and none that was asked earlier waits for one of them.
// What cannot be placed any more, or has waited as long as it may, ends there
// with the reason. It returns after how long to look again though nothing
// changed; 0: never.
func (in *Intake) Turn(ctx context.Context) (wake time.Duration, err error) {
	leave, err := in.alone(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	passed := map[composa.OperationID]bool{} // failed in this round; the others go on
	moved := map[composa.OperationID]int{}   // how often the site was not as it was decided on
	for {
		site, readErr := in.store.Site(ctx, composa.System())
		if readErr != nil {
			return 0, readErr
		}
		next := nextInLine(site, passed)
		if next == nil {
			return untilDeadline(site), err
		}
		startErr := in.start(ctx, site, next)
		if composa.CodeOf(startErr) == composa.CodeMoved {
			if moved[next.ID]++; moved[next.ID] < mostMoved {
				continue
			}
		}
		if startErr != nil {
			passed[next.ID], err = true, startErr
		}
	}
}

// nextInLine is the oldest queued operation whose turn has come, or whose
// deadline has passed; nil when there is none.
func nextInLine(site *composa.Site, passed map[composa.OperationID]bool) *composa.Operation {
	busy := map[composa.MachineID]bool{}
	for _, m := range site.Machines {
		if op := site.Operation(m.Operation); op != nil && op.Phase != composa.PhaseQueued {
			busy[m.ID] = true
		}
	}
	for _, op := range queued(site) {
		if passed[op.ID] {
			continue
		}
		if expired(site, op) || !slices.ContainsFunc(op.Machines, func(m composa.MachineID) bool { return busy[m] }) {
			return op
		}
		for _, m := range op.Machines {
			busy[m] = true
		}
	}
	return nil
}

// queued are the operations that wait in line, oldest first.
func queued(site *composa.Site) []*composa.Operation {
	var out []*composa.Operation
	for i := range site.Operations {
		if op := &site.Operations[i]; op.Phase == composa.PhaseQueued {
			out = append(out, op)
		}
	}
	slices.SortStableFunc(out, func(a, b *composa.Operation) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out
}

func expired(site *composa.Site, op *composa.Operation) bool {
	return !op.Deadline.IsZero() && !site.Now.Before(op.Deadline)
}

// untilDeadline is how long it is to the next deadline in the line; 0: none.
func untilDeadline(site *composa.Site) time.Duration {
	var least time.Duration
	for _, op := range queued(site) {
		if left := op.Deadline.Sub(site.Now); !op.Deadline.IsZero() && (least == 0 || left < least) {
			least = max(left, time.Millisecond)
		}
	}
	return least
}

// start places a queued operation, or ends it where that is decided. An error is
// one of the store: nothing is decided, and the operation keeps its place.
func (in *Intake) start(ctx context.Context, site *composa.Site, op *composa.Operation) error {
	who := composa.Who{
		Principal: composa.Principal{ID: op.Principal, Kind: composa.PrincipalUser},
		Projects:  []composa.ProjectID{op.Project},
	}
	p, err := decideAgain(site, who, op)
	if err == nil && p.already == nil {
		_, err = in.commit(ctx, who, site, p, op.Request, op)
	}
	switch {
	case err != nil && !decided(err):
		return err
	case err != nil:
		return in.end(ctx, op, composa.PhaseUndone, composa.Result{Code: composa.CodeOf(err), Text: err.Error()})
	case p.already != nil:
		return in.end(ctx, op, composa.PhaseDone, composa.Result{Text: "there was nothing to do"})
	}
	return nil
}

// end ends a queued operation without having done anything.
func (in *Intake) end(ctx context.Context, op *composa.Operation, phase composa.Phase, r composa.Result) error {
	_, err := in.store.Advance(ctx, composa.System(), composa.Advance{
		Operation: op.ID, Revision: op.Revision, Direction: composa.Forward, Phase: phase, Result: &r,
	})
	return err
}

// decided says whether an error is an answer to the request, rather than one of
// those who were asked.
func decided(err error) bool {
	switch composa.CodeOf(err) {
	case composa.CodeMoved, composa.CodeInternal, composa.CodeUnavailable, composa.CodeBusy, composa.CodeCancelled:
		return false
	case composa.CodeTimeout:
		return err == errWaited
	}
	return true
}

// errWaited ends a queued operation whose deadline passed.
var errWaited error = composa.Errorf(composa.CodeTimeout, "the time that it may wait has passed, and its turn did not come")

// decideAgain reads the request of a queued operation and decides on it now. It
// is about the machines that it was asked for: one that was freed meanwhile is
// not taken up again under its name.
func decideAgain(site *composa.Site, who composa.Who, op *composa.Operation) (*proposal, error) {
	if expired(site, op) {
		return nil, errWaited
	}
	for _, id := range op.Machines {
		if site.Machine(id) != nil {
			continue
		}
		if op.Verb == composa.VerbFree {
			return &proposal{already: &composa.Machine{ID: id}}, nil
		}
		return nil, composa.Errorf(composa.CodeNotFound, "cannot %s: the machine was freed while this waited in line", op.Verb)
	}
	rest := *site
	rest.Operations = slices.DeleteFunc(slices.Clone(site.Operations), func(o composa.Operation) bool {
		return o.Phase == composa.PhaseQueued
	})
	return decideStored(&rest, who, stored{verb: op.Verb, request: op.Request})
}

// stored is a request as it is kept with an operation or a plan.
type stored struct {
	verb    composa.Verb
	request json.RawMessage
	pin     *composa.Target // the target of the plan; nil: none
}

// decideStored decides on a stored request now.
func decideStored(site *composa.Site, who composa.Who, s stored) (*proposal, error) {
	switch s.verb {
	case composa.VerbCompose:
		return revive(s, func(r composa.ComposeRequest) (*proposal, error) { return compose(site, who, r, s.pin) })
	case composa.VerbPlug:
		return revive(s, func(r composa.PlugRequest) (*proposal, error) { return plug(site, r, s.pin) })
	case composa.VerbUnplug:
		return revive(s, func(r composa.UnplugRequest) (*proposal, error) { return unplug(site, r, s.pin) })
	case composa.VerbReshape:
		return revive(s, func(r composa.ReshapeRequest) (*proposal, error) { return reshape(site, r, s.pin) })
	case composa.VerbMove:
		return revive(s, func(r composa.MoveRequest) (*proposal, error) { return move(site, r, s.pin) })
	case composa.VerbFree:
		return revive(s, func(r composa.FreeRequest) (*proposal, error) { return free(site, r, s.pin) })
	}
	return nil, composa.Errorf(composa.CodeUnsupported, "cannot carry out the request: this server does not know the verb %q", s.verb)
}

// revive reads a stored request and decides on it.
func revive[R any](s stored, decide func(R) (*proposal, error)) (*proposal, error) {
	var r R
	if err := json.Unmarshal(s.request, &r); err != nil {
		return nil, composa.Errorf(composa.CodeUnsupported, "cannot read the stored request to %s: %v", s.verb, err)
	}
	return decide(r)
}
