package intake

import (
	"context"
	"slices"
	"time"

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
	leave, err := in.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
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
	if last := lastTouched(op); !p.Began.After(last) {
		return nil, composa.Errorf(composa.CodeUnavailable, "cannot resolve operation %s: the newest look at %s began before its last step ended", id, op.Fabric).
			WithNext("try again in a moment")
	}
	return in.store.Advance(ctx, who, resolved(site, p, op))
}

// lastTouched is when a step of the operation last began or ended.
func lastTouched(op *composa.Operation) time.Time {
	var last time.Time
	for _, s := range op.Steps {
		for _, at := range []time.Time{s.BeganAt, s.EndedAt} {
			if at.After(last) {
				last = at
			}
		}
	}
	return last
}

// resolved makes what a picture shows the result of an operation.
func resolved(site *composa.Site, p *composa.Picture, op *composa.Operation) composa.Advance {
	a := composa.Advance{
		Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseDone, Direction: op.Direction,
	}
	inMachine := map[string]*composa.Machine{}
	for _, id := range op.Scope().Machines {
		m := site.Machine(id)
		if m == nil {
			continue
		}
		if seen := p.Ours(op.Ref(m)); seen != nil {
			for _, name := range seen.Devices {
				inMachine[name] = m
			}
			a.Machines = append(a.Machines, composa.MachineChange{
				Machine: id, Native: seen.Native, NativeSince: seen.Created, Made: true, Idle: true,
			})
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
		default:
			change.Evidence = let(site, d, lastTouched(op))
			change.Closed = change.Evidence != ""
		}
		change.Used = wasAttached(op, id)
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
	a.Result = left(site, p, op, a)
	return a
}

// holder is the machine of the operation that the picture shows a part in.
func holder(site *composa.Site, d *composa.Device, inMachine map[string]*composa.Machine) *composa.Machine {
	if d == nil || site.Seen(d) == nil {
		return nil
	}
	return inMachine[d.Name]
}

// let says why a device that is in no machine of the operation need not be held
// any more; empty: it must. One that was left in the site's group is as good as
// free: whoever gets it next finds it there.
func let(site *composa.Site, d *composa.Device, since time.Time) string {
	if seen := site.Seen(d); seen != nil && seen.Spot.Area == composa.AreaOurs {
		return "resolved: left in this site's group"
	}
	if why := site.Released(d, since); why != "" {
		return "resolved: " + why
	}
	return ""
}

// wasAttached says whether a step of the operation may have put a device into a
// machine, so that a drive may hold data.
func wasAttached(op *composa.Operation, id composa.DeviceID) bool {
	return slices.ContainsFunc(op.Steps, func(s composa.StepRecord) bool {
		puts := s.Step.Act == composa.ActMake || s.Step.Act == composa.ActReshape
		return puts && s.Attempt > 0 && slices.ContainsFunc(s.Step.Attach, func(d composa.DeviceRef) bool { return d.ID == id })
	})
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
