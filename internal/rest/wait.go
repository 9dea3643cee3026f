package rest

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// WaitInput is what every call takes that can wait for an operation.
type WaitInput struct {
	Wait   int    `query:"wait" minimum:"0" maximum:"300" example:"30" doc:"Seconds to wait for the operation to end; 0: answer at once"`
	Prefer string `header:"Prefer" maxLength:"200" example:"wait=30" doc:"wait=SECONDS, as the query says it (RFC 7240)"`
}

// patience is how long the caller waits. The query comes before the header, and
// a preference that cannot be read is none (RFC 7240, section 2).
func (in WaitInput) patience() time.Duration {
	if in.Wait > 0 {
		return time.Duration(in.Wait) * time.Second
	}
	for _, part := range strings.FieldsFunc(in.Prefer, func(r rune) bool { return r == ',' || r == ';' }) {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if seconds, err := strconv.Atoi(strings.Trim(v, `"`)); err == nil && strings.EqualFold(k, "wait") && seconds > 0 {
			return min(time.Duration(seconds)*time.Second, MaxWait)
		}
	}
	return 0
}

// waiting takes a place among those who wait, where the caller waits. It is taken
// before anything is done, so that a call that finds none has changed nothing.
func (s *Server) waiting(ctx context.Context, in WaitInput) (patience time.Duration, leave func(), err error) {
	patience = in.patience()
	if patience == 0 {
		return 0, func() {}, nil
	}
	leave, err = s.waits.place(callOf(ctx).who, toWait)
	return patience, leave, err
}

// settled says whether nothing happens to an operation without a person.
func settled(op *composa.Operation) bool {
	return op.Phase.Ended() || op.Phase == composa.PhaseHeld
}

// awaited is what a caller waits for of an operation.
type awaited struct {
	enough func(*composa.Operation) bool
	// after are the types of the events that may bring it; nil: all of the operation.
	after []composa.EventType
}

// theEnd is that the operation is settled, which its own events tell; those of
// its steps need not be looked into.
var theEnd = awaited{enough: settled, after: []composa.EventType{"operation"}}

// newer is that it is settled or has a greater revision.
func newer(revision int64) awaited {
	return awaited{enough: func(op *composa.Operation) bool { return op.Revision > revision || settled(op) }}
}

// await returns an operation once the caller has enough of it, or as it is when
// the time has passed, the server stops, or nobody hears what happens. It fails when the caller went away, or
// when the token of the call ends.
func (s *Server) await(ctx context.Context, who composa.Who, id composa.OperationID, d time.Duration, until awaited) (*composa.Operation, error) {
	if d <= 0 {
		return s.Store.Operation(ctx, who, id)
	}
	within, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	held, done, err := s.holdSignedIn(within)
	if err != nil {
		return s.Store.Operation(ctx, who, id)
	}
	defer done()
	// The number is read before the operation, so that no change falls between.
	at, err := s.Store.LastEvent(ctx, who)
	if err != nil {
		return nil, err
	}
	for {
		op, err := s.Store.Operation(ctx, who, id)
		if err != nil || until.enough(op) {
			return op, err
		}
		_, at, err = s.feed.Next(held, who, at, 0, composa.EventFilter{Subject: string(id), Types: until.after})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(context.Cause(held), errTokenEnded):
			return nil, endedMeanwhile(id)
		case held.Err() != nil || errors.Is(err, errStopping) || composa.CodeOf(err) == composa.CodeUnavailable:
			return s.Store.Operation(ctx, who, id)
		default:
			return nil, err
		}
	}
}

// changeOutput is what a changing call answers: a machine, or the operation
// that goes on.
type changeOutput struct {
	Status   int
	Location string `header:"Location" doc:"202: the operation; 201: the machine"`
	ETag     string `header:"ETag" doc:"Revision of the machine"`
	Made     string `header:"Composa-Made" doc:"202: true where this request began to make the machine; absent where it joined the operation that does, or changes one"`
	Body     any
}

// done answers a changing call by what came of it within the caller's patience.
func (s *Server) done(ctx context.Context, out *composa.Outcome, patience time.Duration) (*changeOutput, error) {
	who := callOf(ctx).who
	if out.Operation == nil {
		return s.machineAnswer(ctx, http.StatusOK, out.Machine, "")
	}
	op := out.Operation
	if !settled(op) && patience > 0 {
		var err error
		if op, err = s.await(ctx, who, op.ID, patience, theEnd); err != nil {
			return nil, err
		}
	}
	switch {
	case op.Phase == composa.PhaseDone:
		return s.doneMachine(ctx, out, op)
	case settled(op):
		return nil, failed(op)
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	body, err := s.operationAnswer(ctx, v, op)
	if err != nil {
		return nil, err
	}
	answer := &changeOutput{Status: http.StatusAccepted, Location: "/v1/operations/" + string(op.ID), Body: body}
	if out.Made {
		answer.Made = "true"
	}
	return answer, nil
}

// doneMachine answers with the machine that an operation made or changed.
func (s *Server) doneMachine(ctx context.Context, out *composa.Outcome, op *composa.Operation) (*changeOutput, error) {
	var id composa.MachineID
	switch {
	case out.Machine != nil:
		id = out.Machine.ID
	case len(op.Machines) > 0:
		id = op.Machines[0]
	}
	m, err := s.Store.MachineByID(ctx, callOf(ctx).who, id)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if out.Made {
		status = http.StatusCreated
	}
	return s.machineAnswer(ctx, status, m, op.ID)
}

func (s *Server) machineAnswer(ctx context.Context, status int, m *composa.Machine, op composa.OperationID) (*changeOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	body := v.machine(m)
	if op != "" {
		body.Operation = string(op)
	}
	if !m.Living() { // it was freed since: it is shown, and there is nothing where it was
		status = http.StatusOK
	}
	answer := &changeOutput{Status: status, ETag: etag(m.Revision), Body: body}
	if status == http.StatusCreated {
		answer.Location = "/v1/machines/" + body.Project + "/" + body.Name
	}
	return answer, nil
}

// failed tells of an operation that ended otherwise than it was asked, or that a
// person must decide about. It is 409 whatever the code: the request was taken.
func failed(op *composa.Operation) error {
	code, text, next := composa.CodeFailed, op.Reason, ""
	if op.Result != nil {
		if op.Result.Code != "" {
			code = op.Result.Code
		}
		text, next = op.Result.Text, strings.Join(op.Result.Ways, "; or ")
	}
	switch {
	case op.Phase == composa.PhaseHeld:
		code = composa.CodeHeld
	case op.Phase == composa.PhaseCancelled:
		code = composa.CodeCancelled
	}
	if text == "" {
		text = "cannot " + string(op.Verb) + ": the operation is " + string(op.Phase)
	}
	p := problemOf(&composa.Error{Code: code, Text: text, Next: next, Operation: op.ID}, "")
	p.Status, p.Title = http.StatusConflict, http.StatusText(http.StatusConflict)
	p.header = http.Header{}
	return p
}

func (s *Server) operationAnswer(ctx context.Context, v *view, op *composa.Operation) (*api.Operation, error) {
	out := v.operation(op)
	if op.Fabric != "" {
		d, known, err := s.Store.Typical(ctx, v.who, op.Verb, op.Fabric)
		if err != nil {
			return nil, err
		}
		if known {
			out.Typical = d.Seconds()
		}
	}
	return &out, nil
}
