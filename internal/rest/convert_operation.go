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
