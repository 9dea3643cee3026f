package intake

import (
	"context"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// Cancel asks for an operation to end: a queued one ends at once, a running one
// stops before its next step and is undone.
func (in *Intake) Cancel(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error) {
	return in.store.RequestCancel(ctx, who, id)
}

// Retry carries on with a held operation in the direction it had.
func (in *Intake) Retry(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error) {
	return in.store.Decide(ctx, who, id, "retry")
}

// Undo takes a held operation back to what was before.
func (in *Intake) Undo(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error) {
	return in.store.Decide(ctx, who, id, "undo")
}

// Resolve ends a held operation by taking what the newest picture shows as its
// result: what is in its machines belongs to them, what is not is given up.
func (in *Intake) Resolve(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error) {
	in.placing.Lock()
	defer in.placing.Unlock()
	op, err := in.store.Operation(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if op.Phase != composa.PhaseHeld {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot resolve operation %s: it is %s, and only a held one can be resolved", id, op.Phase)
	}
	site, err := in.store.Site(ctx, who)
	if err != nil {
		return nil, err
	}
	f, p := site.Fabric(op.Fabric), site.Pictures[op.Fabric]
	if f == nil || p == nil || f.Reach.Silent() {
		return nil, composa.Errorf(composa.CodeUnreachable, "cannot resolve operation %s: %s is silent, so what is there is not known", id, op.Fabric).
			WithNext("try again when composa fabric show %s says that it answers", op.Fabric)
	}
	return in.store.Advance(ctx, who, resolved(site, p, op))
}

// resolved makes what a picture shows the result of an operation.
func resolved(site *composa.Site, p *composa.Picture, op *composa.Operation) composa.Advance {
	a := composa.Advance{
		Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone, Direction: op.Direction,
		Result: &composa.Result{Text: "resolved: what " + string(op.Fabric) + " shows was taken as the result"},
	}
	inMachine := map[string]*composa.Machine{}
	for _, id := range op.Scope().Machines {
		m := site.Machine(id)
		if m == nil {
			continue
		}
		if seen := p.Ours(m.Ref()); seen != nil {
			for _, name := range seen.Devices {
				inMachine[name] = m
			}
			a.Machines = append(a.Machines, composa.MachineChange{Machine: id, Made: true, Idle: true})
			continue
		}
		a.Machines = append(a.Machines, composa.MachineChange{Machine: id, Freed: true, Idle: true})
	}
	held := map[composa.MachineID][]composa.Bound{}
	for _, id := range op.Scope().Devices {
		c := site.Claim(id)
		d := site.Device(id)
		if c == nil || !slices.Contains(op.Scope().Machines, c.Machine) {
			continue
		}
		change := composa.ClaimChange{Claim: c.ID, Machine: c.Machine, Entry: c.Entry, Purpose: composa.PurposeReleasing, Released: true}
		switch m := holder(site, d, inMachine); {
		case m != nil:
			change = composa.ClaimChange{Claim: c.ID, Machine: m.ID, Entry: c.Entry, Purpose: composa.PurposeMachine}
			held[m.ID] = append(held[m.ID], composa.Bound{Device: d.Ref(), Entry: c.Entry})
		case d == nil:
			change.Closed, change.Evidence = true, "the part is gone"
		case loose(site, d):
			change.Closed, change.Evidence = true, fmt.Sprintf("resolved: %s shows it in no machine of ours", op.Fabric)
		}
		a.Claims = append(a.Claims, change)
	}
	for i := range a.Machines {
		c := &a.Machines[i]
		m := site.Machine(c.Machine)
		if c.Freed || m == nil {
			continue
		}
		spec := counted(m.Spec, held[m.ID])
		c.Spec, c.SpecRevision, c.Binding = &spec, m.SpecRevision+1, held[m.ID]
	}
	return a
}

// holder is the machine of the operation that the picture shows a part in.
func holder(site *composa.Site, d *composa.Device, inMachine map[string]*composa.Machine) *composa.Machine {
	if d == nil || site.Seen(d) == nil {
		return nil
	}
	return inMachine[d.Name]
}

// loose says whether the picture shows a part where nobody of ours has it.
func loose(site *composa.Site, d *composa.Device) bool {
	seen := site.Seen(d)
	return seen != nil && site.UseOf(d) != composa.UseAttached
}

// counted is a spec whose entries ask for what a binding has of them.
func counted(spec composa.Spec, binding []composa.Bound) composa.Spec {
	entries := slices.Clone(spec.Entries)
	for i := range entries {
		n := 0
		var places []composa.Place
		for _, b := range binding {
			if b.Entry != entries[i].Key {
				continue
			}
			n++
			for _, p := range entries[i].Places {
				if p.Name() == b.Device.Name {
					places = append(places, p)
				}
			}
		}
		entries[i].Count, entries[i].Places = n, places
	}
	spec.Entries = slices.DeleteFunc(entries, func(e composa.Entry) bool { return e.Count == 0 })
	return spec
}
