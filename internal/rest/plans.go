package rest

import (
	"context"
	"errors"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type newPlanInput struct{ Body api.NewPlan }

type newPlanOutput struct {
	Location string `header:"Location" doc:"Where the plan is"`
	Body     *api.Plan
}

func (s *Server) newPlan(ctx context.Context, in *newPlanInput) (*newPlanOutput, error) {
	p, err := s.projectOf(ctx, auth.PlanMake, in.Body.Project, in.Body.Machine)
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	out := &composa.Outcome{}
	err = c.once(func(composa.Who) (err error) {
		out, err = s.dryRun(ctx, p, &in.Body)
		return err
	})
	if err == nil && c.kept != nil {
		out.Plan, err = s.Store.Plan(ctx, c.who, composa.PlanID(c.kept.Result))
	}
	if err != nil {
		return nil, err
	}
	plan, err := s.showPlan(ctx, out.Plan, out.Why)
	if err != nil {
		return nil, err
	}
	return &newPlanOutput{Location: "/v1/plans/" + plan.ID, Body: plan}, nil
}

// dryRun hands the request of a plan to intake, which changes nothing.
func (s *Server) dryRun(ctx context.Context, p *composa.Project, b *api.NewPlan) (*composa.Outcome, error) {
	if err := oneRequest(b); err != nil {
		return nil, err
	}
	who := callOf(ctx).who
	m := subject{project: p, machine: b.Machine}
	if b.Compose == nil {
		var err error
		if m, err = s.subject(ctx, p, b.Machine); err != nil {
			return nil, err
		}
	}
	m.location, m.dryRun = "body."+b.Verb, true
	switch {
	case b.Compose != nil:
		r, err := composeOf(m, b.Compose.Wish, b.Compose.Ask, false)
		if err != nil {
			return nil, err
		}
		return s.Requests.Compose(ctx, who, r)
	case b.Plug != nil:
		return submit(ctx, s.Requests, who, m, *b.Plug, plugOf, Requests.Plug)
	case b.Unplug != nil:
		return submit(ctx, s.Requests, who, m, *b.Unplug, unplugOf, Requests.Unplug)
	case b.Reshape != nil:
		return submit(ctx, s.Requests, who, m, *b.Reshape, reshapeOf, Requests.Reshape)
	case b.Move != nil:
		return submit(ctx, s.Requests, who, m, *b.Move, moveOf, Requests.Move)
	}
	return submit(ctx, s.Requests, who, m, b.Free, freeOf, Requests.Free)
}

// oneRequest refuses a plan whose request is not that of its verb. Free needs
// none: it has nothing that must be said.
func oneRequest(b *api.NewPlan) error {
	set := map[composa.Verb]bool{
		composa.VerbCompose: b.Compose != nil, composa.VerbFree: b.Free != nil, composa.VerbPlug: b.Plug != nil,
		composa.VerbUnplug: b.Unplug != nil, composa.VerbReshape: b.Reshape != nil, composa.VerbMove: b.Move != nil,
	}
	verb := composa.Verb(b.Verb)
	if !set[verb] && verb != composa.VerbFree {
		return at("body."+b.Verb, "is missing, and the verb is %s", b.Verb)
	}
	for _, other := range []composa.Verb{composa.VerbCompose, composa.VerbFree, composa.VerbPlug, composa.VerbUnplug, composa.VerbReshape, composa.VerbMove} {
		if set[other] && other != verb {
			return at("body."+string(other), "may not stand here, since the verb is %s", b.Verb)
		}
	}
	return nil
}

type planInput struct {
	ID string `path:"id" maxLength:"63" example:"plan_k3v9q2xwabcdefgh" doc:"Id of the plan"`
}

type planOutput struct{ Body *api.Plan }

func (s *Server) plan(ctx context.Context, in *planInput) (*planOutput, error) {
	p, err := s.Store.Plan(ctx, callOf(ctx).who, composa.PlanID(in.ID))
	if err != nil {
		return nil, err
	}
	body, err := s.showPlan(ctx, p, nil)
	return &planOutput{Body: body}, err
}

func (s *Server) showPlan(ctx context.Context, p *composa.Plan, why []string) (*api.Plan, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	out := v.plan(p, why)
	out.Explanation = explanationToAPI(p.Explanation)
	if p.Target.Fabric == "" {
		return out, nil
	}
	var typical time.Duration
	var known bool
	if typical, known, err = s.Store.Typical(ctx, v.who, p.Verb, p.Target.Fabric); err == nil && known {
		out.Typical = typical.Seconds()
	}
	return out, err
}

type carryOutInput struct {
	ChangeInput
	Body api.CarryOut
}

// carryOut carries out a stored plan, exactly as it is.
func (s *Server) carryOut(ctx context.Context, in *carryOutInput) (*changeOutput, error) {
	r := composa.CarryOutRequest{Plan: composa.PlanID(in.Body.Plan), Message: in.Body.Message, Timeout: time.Duration(in.Body.Timeout) * time.Second}
	c := callOf(ctx)
	p, err := s.Store.Plan(ctx, c.who, r.Plan)
	if err != nil {
		return nil, err
	}
	if err := auth.Allow(c.who, verbOf[p.Verb], p.Project, p.Machine); err != nil {
		return nil, err
	}
	out, err := s.changed(ctx, in.ChangeInput, func(who composa.Who) (*composa.Outcome, error) {
		return s.Requests.CarryOut(ctx, who, r)
	})
	return out, s.whoMoved(ctx, err)
}

// verbOf is what who carries a plan out must be allowed: what the plan does.
var verbOf = map[composa.Verb]auth.Verb{
	composa.VerbCompose: auth.MachineCompose, composa.VerbFree: auth.MachineFree, composa.VerbPlug: auth.MachinePlug,
	composa.VerbUnplug: auth.MachineUnplug, composa.VerbReshape: auth.MachineReshape, composa.VerbMove: auth.MachineMove,
}

// whoMoved tells, with the names of those who did it, what of a plan is not any
// more as it was. Such a call need not be repeated: another plan is needed.
func (s *Server) whoMoved(ctx context.Context, err error) error {
	var e *composa.Error
	if !errors.As(err, &e) || len(e.Moved) == 0 {
		return err
	}
	n, unread := s.names(ctx)
	if unread != nil {
		return unread
	}
	p := problemOf(err, "")
	p.Retryable = false
	for _, m := range e.Moved {
		told := api.Moved{What: m.What, Subject: m.Subject, Text: m.Text, Operation: string(m.Operation)}
		if m.By != "" {
			told.By = n.principal(m.By)
		}
		p.Moved = append(p.Moved, told)
	}
	return p
}

// plan is a plan as it is shown.
func (v *view) plan(p *composa.Plan, why []string) *api.Plan {
	machine := p.Machine
	out := &api.Plan{
		ID: string(p.ID), Verb: string(p.Verb), Project: v.project(p.Project), Machine: machine,
		Fabric: string(p.Target.Fabric), Emulated: v.emulated(p.Target.Fabric),
		Devices: []api.MachineDevice{}, Steps: []api.Step{}, Disturbs: texts(p.Disturbs()), Why: why,
		Machines: []api.PlanMachine{}, Operation: string(p.Operation), CreatedAt: p.CreatedAt.UTC(), ExpiresAt: p.ExpiresAt.UTC(),
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
		m := api.PlanMachine{ID: string(g.Machine.ID), Name: g.Machine.Name, Exists: g.Exists, Devices: v.goalDevices(p.Target.Fabric, g)}
		if m.Name == machine {
			out.Devices = m.Devices
		}
		out.Machines = append(out.Machines, m)
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
