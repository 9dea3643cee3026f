package intake

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/composa-dev/composa"
)

// Run places queued operations as their turns come, until ctx ends.
func (in *Intake) Run(ctx context.Context) error {
	changed, cancel := in.store.Notify()
	defer cancel()
	for {
		if err := in.Turn(ctx); err != nil && ctx.Err() == nil {
			in.log.Error("cannot place the operations that wait in line", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// Turn places every queued operation whose turn has come: no operation changes
// one of its machines, and none that was asked earlier waits for one of them.
// What cannot be placed any more ends there, with the reason.
func (in *Intake) Turn(ctx context.Context) error {
	in.placing.Lock()
	defer in.placing.Unlock()
	for {
		site, err := in.store.Site(ctx, composa.System())
		if err != nil {
			return err
		}
		next := nextInLine(site)
		if next == nil {
			return nil
		}
		if err := in.start(ctx, site, next); err != nil && composa.CodeOf(err) != composa.CodeMoved {
			return err
		}
	}
}

// nextInLine is the oldest queued operation whose turn has come, or nil.
func nextInLine(site *composa.Site) *composa.Operation {
	busy := map[composa.MachineID]bool{}
	for _, m := range site.Machines {
		if m.Operation != "" {
			busy[m.ID] = true
		}
	}
	var queued []*composa.Operation
	for i := range site.Operations {
		if op := &site.Operations[i]; op.Phase == composa.PhaseQueued {
			queued = append(queued, op)
		}
	}
	slices.SortStableFunc(queued, func(a, b *composa.Operation) int { return a.CreatedAt.Compare(b.CreatedAt) })
	for _, op := range queued {
		if !slices.ContainsFunc(op.Machines, func(m composa.MachineID) bool { return busy[m] }) {
			return op
		}
		for _, m := range op.Machines {
			busy[m] = true
		}
	}
	return nil
}

// start places a queued operation, or ends it where that is not possible.
func (in *Intake) start(ctx context.Context, site *composa.Site, op *composa.Operation) error {
	who := composa.Who{
		Principal: composa.Principal{ID: op.Principal, Kind: composa.PrincipalUser},
		Projects:  []composa.ProjectID{op.Project},
	}
	p, err := decideAgain(site, who, op)
	if err == nil && p.already == nil {
		_, err = in.commit(ctx, who, site, p, op)
	}
	if composa.CodeOf(err) == composa.CodeMoved {
		return err
	}
	end := composa.Advance{
		Operation: op.ID, Revision: op.Revision, Direction: composa.Forward, Wake: true,
		Phase: composa.PhaseDone, Result: &composa.Result{Text: "there was nothing to do"},
	}
	switch {
	case err != nil:
		end.Phase = composa.PhaseUndone
		end.Result = &composa.Result{Code: composa.CodeOf(err), Text: err.Error()}
	case p.already == nil:
		return nil
	}
	_, err = in.store.Advance(ctx, composa.System(), end)
	return err
}

// decideAgain reads the request of a queued operation and decides on it now.
func decideAgain(site *composa.Site, who composa.Who, op *composa.Operation) (*proposal, error) {
	switch op.Verb {
	case composa.VerbPlug:
		return revive(site, op, plug)
	case composa.VerbUnplug:
		return revive(site, op, unplug)
	case composa.VerbReshape:
		return revive(site, op, reshape)
	case composa.VerbMove:
		return revive(site, op, move)
	case composa.VerbFree:
		return revive(site, op, free)
	}
	return nil, composa.Errorf(composa.CodeUnsupported, "cannot carry out operation %s: this server does not know the verb %q", op.ID, op.Verb)
}

// revive decides on a stored request as if the operation were not there.
func revive[R any](site *composa.Site, op *composa.Operation, d func(*composa.Site, R) (*proposal, error)) (*proposal, error) {
	var r R
	if err := json.Unmarshal(op.Request, &r); err != nil {
		return nil, composa.Errorf(composa.CodeInternal, "cannot read the stored request of operation %s: %w", op.ID, err)
	}
	rest := *site
	rest.Operations = slices.DeleteFunc(slices.Clone(site.Operations), func(o composa.Operation) bool {
		return o.Phase == composa.PhaseQueued
	})
	return d(&rest, r)
}
