package rest

import (
	"context"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type listOperationsInput struct {
	Machine string `query:"machine" maxLength:"63" doc:"Only those that change the machine of this id"`
	Open    bool   `query:"open" doc:"Only those that have not ended"`
	Verb    string `query:"verb" enum:"compose,free,plug,unplug,reshape,move" doc:"Only those of this verb"`
	Phase   string `query:"phase" enum:"queued,running,waiting,undoing,done,undone,cancelled,held" doc:"Only those in this phase"`
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
	filter := composa.OperationFilter{Machine: composa.MachineID(in.Machine), Verb: composa.Verb(in.Verb), Open: in.Open}
	if in.Phase != "" {
		filter.Phases = []composa.Phase{composa.Phase(in.Phase)}
	}
	found, next, err := s.Store.Operations(ctx, v.who, filter,
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
	Newer int64 `query:"newer" minimum:"0" example:"3" doc:"With wait: answer already once its revision is greater than this, so that each step can be followed; 0: only once it ended or is held"`
}

type operationOutput struct {
	ETag string `header:"ETag" doc:"Its revision"`
	Body *api.Operation
}

func (s *Server) operation(ctx context.Context, in *operationInput) (*operationOutput, error) {
	patience, leave, err := s.waiting(ctx, in.WaitInput)
	if err != nil {
		return nil, err
	}
	defer leave()
	until := theEnd
	if in.Newer > 0 {
		until = newer(in.Newer)
	}
	op, err := s.await(ctx, callOf(ctx).who, composa.OperationID(in.ID), patience, until)
	out, err := s.showOperation(ctx, op, err)
	if err != nil || !in.Explain {
		return out, err
	}
	why, err := s.Store.Explanation(ctx, callOf(ctx).who, op.ID)
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	out.Body.Explanation = explanationToAPI(why)
	v.since(out.Body.Explanation, op)
	return out, nil
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
	if err := auth.Allow(who, auth.OperationDecide, op.Project, in.ID); err != nil {
		return nil, err
	}
	err = callOf(ctx).once(func(who composa.Who) (err error) {
		op, err = word(ctx, who, id)
		return err
	})
	return s.showOperation(ctx, op, err)
}
