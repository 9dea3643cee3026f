package rest

import (
	"context"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type listOperationsInput struct {
	Machine string `query:"machine" maxLength:"63" doc:"Only those that change the machine of this id"`
	Open    bool   `query:"open" doc:"Only those that have not ended"`
	Verb    string `query:"verb" enum:"compose,free,plug,unplug,reshape,move" doc:"Only those of this verb"`
	PageInput
}

type listOperationsOutput struct{ Body api.Operations }

func (s *Server) listOperations(ctx context.Context, in *listOperationsInput) (*listOperationsOutput, error) {
	after, err := in.key()
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	found, next, err := s.Store.Operations(ctx, v.who,
		composa.OperationFilter{Machine: composa.MachineID(in.Machine), Verb: composa.Verb(in.Verb), Open: in.Open},
		composa.Page{After: after, Limit: in.limit()})
	if err != nil {
		return nil, err
	}
	out := api.Operations{Items: []api.Operation{}, Page: api.Page{AsOf: v.site.Now.UTC()}}
	if next != "" {
		out.Next = cursorOf(next)
	}
	for i := range found {
		out.Items = append(out.Items, v.operation(&found[i]))
	}
	return &listOperationsOutput{Body: out}, nil
}

// OperationPath names an operation in a path.
type OperationPath struct {
	ID string `path:"id" maxLength:"63" example:"op_k3v9q2xwabcdefgh" doc:"Id of the operation"`
}

type operationInput struct {
	OperationPath
	ChangeInput
}

type operationOutput struct {
	ETag string `header:"ETag" doc:"Its revision"`
	Body *api.Operation
}

func (s *Server) operation(ctx context.Context, in *operationInput) (*operationOutput, error) {
	patience, leave, err := s.waiting(in.WaitInput)
	if err != nil {
		return nil, err
	}
	defer leave()
	op, err := s.await(ctx, callOf(ctx).who, composa.OperationID(in.ID), patience)
	out, err := s.showOperation(ctx, op, err)
	if err != nil || !in.Explain {
		return out, err
	}
	why, err := s.Store.Explanation(ctx, callOf(ctx).who, op.ID)
	out.Body.Explanation = explanationToAPI(why)
	return out, err
}

func (s *Server) showOperation(ctx context.Context, op *composa.Operation, err error) (*operationOutput, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	body, err := s.operationAnswer(ctx, v, op)
	if err != nil {
		return nil, err
	}
	return &operationOutput{ETag: etag(op.Revision), Body: body}, nil
}

func (s *Server) cancel(ctx context.Context, in *OperationPath) (*operationOutput, error) {
	return s.decide(ctx, in, s.Requests.Cancel)
}

func (s *Server) retry(ctx context.Context, in *OperationPath) (*operationOutput, error) {
	return s.decide(ctx, in, s.Requests.Retry)
}

func (s *Server) undo(ctx context.Context, in *OperationPath) (*operationOutput, error) {
	return s.decide(ctx, in, s.Requests.Undo)
}

func (s *Server) resolve(ctx context.Context, in *OperationPath) (*operationOutput, error) {
	return s.decide(ctx, in, s.Requests.Resolve)
}

func (s *Server) decide(ctx context.Context, in *OperationPath, word func(context.Context, composa.Who, composa.OperationID) (*composa.Operation, error)) (*operationOutput, error) {
	who, id := callOf(ctx).who, composa.OperationID(in.ID)
	op, err := s.Store.Operation(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := auth.Allow(who.Principal, auth.OperationDecide, op.Project, in.ID); err != nil {
		return nil, err
	}
	err = callOf(ctx).once(func(who composa.Who) (err error) {
		op, err = word(ctx, who, id)
		return err
	})
	return s.showOperation(ctx, op, err)
}

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
	plan, err := s.showPlan(ctx, out.Plan, in.Body.Machine, out.Why)
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
	m := subject{project: p, machine: b.Machine, location: "body." + b.Verb, dryRun: true}
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
	machine := ""
	if len(p.Target.Goals) > 0 {
		machine = p.Target.Goals[0].Machine.Name
	}
	body, err := s.showPlan(ctx, p, machine, nil)
	return &planOutput{Body: body}, err
}

func (s *Server) showPlan(ctx context.Context, p *composa.Plan, machine string, why []string) (*api.Plan, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	out := v.plan(p, machine, why)
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
