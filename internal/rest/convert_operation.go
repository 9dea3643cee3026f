package rest

import (
	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

func (v *view) operation(op *composa.Operation) api.Operation {
	out := v.names.operation(op)
	out.Emulated = v.emulated(op.Fabric)
	for i, id := range op.Machines {
		if m := v.site.Machine(id); m != nil {
			out.Machines[i].Name = m.Name
		}
	}
	return out
}

// operation is what an operation tells of itself. The names of its machines are
// those that its goals carry; a queued one has none yet.
func (n names) operation(op *composa.Operation) api.Operation {
	out := api.Operation{
		ID: string(op.ID), Verb: string(op.Verb), Phase: string(op.Phase), Direction: string(op.Direction),
		Project: n.project(op.Project), Principal: n.principal(op.Principal), Message: op.Message,
		Machines: []api.OperationMachine{}, Fabric: string(op.Fabric), Behind: string(op.Behind),
		CancelRequested: op.CancelRequested, Reason: op.Reason, Steps: []api.Step{},
		Deadline: moment(op.Deadline), CreatedAt: op.CreatedAt.UTC(), StartedAt: moment(op.StartedAt), EndedAt: moment(op.EndedAt),
		Revision: op.Revision,
	}
	for _, id := range op.Machines {
		out.Machines = append(out.Machines, api.OperationMachine{ID: string(id), Name: goalName(op, id)})
	}
	if r := op.Result; r != nil {
		out.Result = &api.Result{Code: string(r.Code), Text: r.Text, Where: r.Where, Ways: r.Ways}
	}
	for i := range op.Steps {
		out.Steps = append(out.Steps, stepToAPI(&op.Steps[i]))
	}
	return out
}

func goalName(op *composa.Operation, id composa.MachineID) string {
	for _, t := range []*composa.Target{&op.Target, &op.Prior} {
		if g := t.Goal(id); g != nil {
			return g.Machine.Name
		}
	}
	return ""
}

func stepToAPI(s *composa.StepRecord) api.Step {
	out := actToAPI(&s.Step, s.Disturbs)
	out.Generation, out.Ordinal, out.Direction = s.Generation, s.Ordinal, string(s.Direction)
	out.State, out.Attempt, out.Evidence = string(s.State), s.Attempt, s.Evidence
	out.BeganAt, out.EndedAt = moment(s.BeganAt), moment(s.EndedAt)
	return out
}

func actToAPI(s *composa.Step, disturbs []composa.Disturbance) api.Step {
	out := api.Step{Act: string(s.Act), Text: s.String(), Machine: s.Machine.Name}
	for _, d := range s.Attach {
		out.Attach = append(out.Attach, string(composa.PlaceOf(s.Fabric, d.Name)))
	}
	for _, d := range s.Detach {
		out.Detach = append(out.Detach, string(composa.PlaceOf(s.Fabric, d.Name)))
	}
	for _, d := range disturbs {
		out.Disturbs = append(out.Disturbs, string(d))
	}
	return out
}

// plan is a plan as it is shown; machine is the name that was asked about.
func (v *view) plan(p *composa.Plan, machine string, why []string) *api.Plan {
	out := &api.Plan{
		ID: string(p.ID), Verb: string(p.Verb), Project: v.project(p.Project), Machine: machine,
		Fabric: string(p.Target.Fabric), Emulated: v.emulated(p.Target.Fabric),
		Devices: []api.MachineDevice{}, Steps: []api.Step{}, Disturbs: texts(p.Disturbs()), Why: why,
		CreatedAt: p.CreatedAt.UTC(), ExpiresAt: p.ExpiresAt.UTC(),
	}
	if len(p.NeedsOwner) > 0 {
		out.NeedsOwner = texts(p.NeedsOwner)
	}
	for i := range p.Steps {
		s := actToAPI(&p.Steps[i].Step, p.Steps[i].Disturbs)
		s.Ordinal = i + 1
		out.Steps = append(out.Steps, s)
	}
	for i := range p.Target.Goals {
		g := &p.Target.Goals[i]
		if g.Machine.Name != machine || !g.Exists {
			continue
		}
		out.Devices = v.goalDevices(p.Target.Fabric, g)
	}
	return out
}

// goalDevices are the devices of a goal, and which of them are there already.
func (v *view) goalDevices(fabric composa.FabricName, g *composa.Goal) []api.MachineDevice {
	out := []api.MachineDevice{}
	m := v.site.Machine(g.Machine.ID)
	for _, b := range g.Devices {
		md := api.MachineDevice{
			Place: string(composa.PlaceOf(fabric, b.Device.Name)), ID: string(b.Device.ID), Kind: string(b.Device.Kind),
			Entry: b.Entry, State: "claimed",
		}
		if d := v.site.Device(b.Device.ID); d != nil {
			md.Model = d.Facts.Model
			if m != nil && v.inMachine(m, d) {
				md.State = "attached"
			}
		}
		out = append(out, md)
	}
	return out
}
