package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// whatMoved tells all that is not any more as a plan found it.
func whatMoved(site *composa.Site, who composa.Who, pl *composa.Plan, incarnation string) []composa.Moved {
	if pl.Base.Incarnation != incarnation {
		return []composa.Moved{{What: "site", Subject: string(site.ID), Text: "the site was restored from a backup after the plan was made"}}
	}
	var out []composa.Moved
	add := func(what, subject, format string, args ...any) {
		out = append(out, composa.Moved{What: what, Subject: subject, Text: fmt.Sprintf(format, args...)})
	}
	if name := pl.Target.Fabric; name != "" {
		switch f := site.Fabric(name); {
		case f == nil:
			add("fabric", string(name), "%s is not in the configuration any more", name)
		case f.Reach.Silent():
			add("fabric", string(name), "%s is silent since %s", name, f.Reach.SilentSince.UTC().Format(time.RFC3339))
		case f.ReadOnly() != nil:
			add("fabric", string(name), "%s", f.ReadOnly().Of(name))
		case eraOf(site, name) != pl.Base.Era:
			add("fabric", string(name), "%s is of another software line now: %s, not %s", name, eraOf(site, name), pl.Base.Era)
		}
	}
	out = append(out, movedMachines(site, pl)...)
	var pool composa.PoolID
	if pl.Base.Pool != "" {
		if p := site.Pool(pl.Base.Pool); p == nil {
			add("pool", string(pl.Base.Pool), "the pool that the plan takes from was removed")
		}
		pool = pl.Base.Pool
	}
	return append(out, movedDevices(site, who, pl, pool)...)
}

// movedMachines tells the machines of a plan that changed.
func movedMachines(site *composa.Site, pl *composa.Plan) []composa.Moved {
	var out []composa.Moved
	names := map[composa.MachineID]string{}
	for _, g := range pl.Target.Goals {
		names[g.Machine.ID] = g.Machine.Name
	}
	for _, id := range slices.Sorted(maps.Keys(pl.Base.Machines)) {
		name, was := names[id], pl.Base.Machines[id]
		if name == "" {
			name = pl.Machine
		}
		switch m := site.Machine(id); {
		case m == nil:
			out = append(out, composa.Moved{What: "machine", Subject: name, Text: fmt.Sprintf("%q was freed", name), Machine: id})
		case m.Revision != was:
			out = append(out, composa.Moved{
				What: "machine", Subject: m.Name, Text: fmt.Sprintf("%q is at revision %d, not %d", m.Name, m.Revision, was), Machine: id, Operation: m.Operation,
			})
		}
	}
	if m := site.MachineNamed(pl.Project, pl.Machine); m != nil && pl.Verb == composa.VerbCompose && pl.Base.Machines[m.ID] == 0 {
		out = append(out, composa.Moved{What: "machine", Subject: m.Name, Text: fmt.Sprintf("a machine named %q was made", m.Name), Machine: m.ID, By: m.Owner})
	}
	return out
}

// movedDevices tells the devices that a plan takes and that cannot be had any
// more as it found them.
func movedDevices(site *composa.Site, who composa.Who, pl *composa.Plan, pool composa.PoolID) []composa.Moved {
	var out []composa.Moved
	for _, g := range pl.Target.Goals {
		for _, b := range g.Devices {
			place := composa.PlaceOf(pl.Target.Fabric, b.Device.Name)
			if text, op := whyNot(site, who, pl, b.Device, place, pool); text != "" {
				out = append(out, composa.Moved{What: "device", Subject: string(place), Text: text, Operation: op})
			}
		}
	}
	return out
}

// whyNot says why a device of a plan is not as the plan found it, and by which
// operation; empty: it is.
func whyNot(site *composa.Site, who composa.Who, pl *composa.Plan, ref composa.DeviceRef, place composa.Place, pool composa.PoolID) (string, composa.OperationID) {
	d := site.Device(ref.ID)
	switch at := site.At(place); {
	case at != nil && at.ID != ref.ID:
		return fmt.Sprintf("%s holds another part now", place), ""
	case d == nil || d.Name == "":
		return fmt.Sprintf("%s is gone", place), ""
	case d.Place() != place:
		return fmt.Sprintf("the part of %s is at %s now", place, d.Place()), ""
	}
	c := site.Claim(d.ID)
	switch {
	case c == nil:
	case slices.ContainsFunc(pl.Target.Goals, func(g composa.Goal) bool { return g.Machine.ID == c.Machine }):
		return "", "" // the machines of the plan are judged by their revisions
	default:
		m := site.Machine(c.Machine)
		if m == nil || !who.Sees(m.Project) {
			return fmt.Sprintf("%s is claimed", place), ""
		}
		return fmt.Sprintf("%s is claimed by %q", place, m.Name), c.Operation
	}
	if why := site.WhyNotFree(d, pl.Project, pool); why != "" {
		return fmt.Sprintf("%s is %s", place, why), ""
	}
	return "", ""
}

// underChange tells of a machine that an operation changes now.
func underChange(site *composa.Site, name string, id composa.OperationID) composa.Moved {
	moved := composa.Moved{What: "machine", Subject: name, Text: fmt.Sprintf("%q is being changed", name), Operation: id}
	if op := site.Operation(id); op != nil {
		moved.Text = fmt.Sprintf("%q is being changed (%s, %s)", name, op.Verb, op.Phase)
		moved.By = op.Principal
	}
	return moved
}

// byWhom fills in who changed what moved, where that is known. What cannot be
// found out is left out.
func (in *Intake) byWhom(ctx context.Context, who composa.Who, err error) error {
	var e *composa.Error
	if !errors.As(err, &e) || len(e.Moved) == 0 {
		return err
	}
	told := *e
	told.Moved = slices.Clone(e.Moved)
	for i := range told.Moved {
		m := &told.Moved[i]
		if m.Operation == "" && m.Machine != "" {
			last, _, err := in.store.Operations(ctx, who, composa.OperationFilter{Machine: m.Machine}, composa.Page{Limit: 1})
			if err == nil && len(last) > 0 {
				m.Operation = last[0].ID
			}
		}
		if m.Operation == "" {
			continue
		}
		if op, err := in.store.Operation(ctx, who, m.Operation); err == nil {
			m.By = op.Principal
		} else {
			m.Operation = ""
		}
	}
	return &told
}

// textOf is what an error says, without what to do about it.
func textOf(err error) string {
	var e *composa.Error
	if errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}
