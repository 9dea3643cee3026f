package intake

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
	"github.com/composa-dev/composa/internal/store"
)

const (
	// placingTime bounds how long a request is placed again and again because others
	// took what it had chosen. Each time another request was served, so that it
	// passes only where several servers are crowded all the time.
	placingTime = 30 * time.Second
	// firstPause and longestPause bound the time between two placings of one
	// request, which doubles.
	firstPause   = time.Millisecond
	longestPause = 100 * time.Millisecond
)

// Store is what intake needs of the store.
type Store interface {
	Site(ctx context.Context, who composa.Who) (*composa.Site, error)
	Operation(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Operations(ctx context.Context, who composa.Who, f composa.OperationFilter, p composa.Page) ([]composa.Operation, string, error)
	Identity(ctx context.Context, who composa.Who) (composa.Identity, error)
	Principals(ctx context.Context, who composa.Who) ([]composa.Principal, error)
	Accept(ctx context.Context, who composa.Who, a store.Acceptance) (*composa.Operation, error)
	Advance(ctx context.Context, who composa.Who, a composa.Advance) (*composa.Operation, error)
	RequestCancel(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Decide(ctx context.Context, who composa.Who, id composa.OperationID, decision string) (*composa.Operation, error)
	SavePlan(ctx context.Context, who composa.Who, p composa.Plan) error
	Plan(ctx context.Context, who composa.Who, id composa.PlanID) (*composa.Plan, error)
	KeepRequest(ctx context.Context, who composa.Who, result string) error
	// NotifyLine signals after each commit by which an operation came to wait in
	// line, or one ended.
	NotifyLine() (changed <-chan struct{}, cancel func())
}

// Intake takes requests. Its methods may be called at the same time.
type Intake struct {
	store Store
	log   *slog.Logger
	// placing has a place for one, who holds it from reading the site to the
	// commit.
	placing chan struct{}
}

// New returns an intake over a store.
func New(s Store, log *slog.Logger) *Intake {
	return &Intake{store: s, log: log, placing: make(chan struct{}, 1)}
}

// alone waits until nobody else places anything, until leave is called. It fails
// when ctx ends first, so that who went away is in nobody's way.
func (in *Intake) alone(ctx context.Context) (leave func(), err error) {
	select {
	case in.placing <- struct{}{}:
		return func() { <-in.placing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// proposal is a request that was decided on one reading of the site: what to
// commit.
type proposal struct {
	verb  composa.Verb
	asked composa.Asked
	// pin is the target of a stored plan that is carried out: its devices and
	// no others. Nil: placement chooses.
	pin *composa.Target
	// plan is the stored plan that is carried out; nil: none.
	plan *composa.Plan

	fabric  composa.FabricName
	prior   composa.Target
	target  composa.Target
	fresh   *composa.Machine // a machine that is new
	changes []store.MachineAccept
	claims  []composa.Claim
	heirs   []composa.ClaimChange
	why     []string
	// explanation is the account of what was chosen; nil where nothing was.
	explanation *composa.Explanation

	// already is set where there is nothing to do; join where an operation
	// under way does it; behind where the machine is being changed.
	already *composa.Machine
	join    composa.OperationID
	behind  composa.OperationID
	line    []composa.MachineID // the machines that it changes
	// cancels is an operation that the request ends (free of what is being made).
	cancels composa.OperationID
}

// decide makes a proposal of a reading of the site. It changes nothing.
type decide func(site *composa.Site, who composa.Who) (*proposal, error)

// take decides and commits. request is what was asked, for the operation's row.
func (in *Intake) take(ctx context.Context, who composa.Who, asked composa.Asked, request any, d decide) (*composa.Outcome, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInternal, "cannot write down the request about %q: %w", asked.Machine, err)
	}
	if asked.DryRun {
		return in.dryRun(ctx, who, asked, body, d)
	}
	site, p, op, err := in.place(ctx, who, body, d)
	switch {
	case err != nil:
		return nil, err
	case p.already != nil:
		return &composa.Outcome{Machine: p.already, Why: p.why}, in.store.KeepRequest(ctx, who, string(p.already.ID))
	case p.join != "":
		return in.joined(ctx, who, site, p)
	}
	return &composa.Outcome{Machine: p.machine(site), Operation: op, Why: p.why, Explanation: p.explanation, Made: p.fresh != nil}, nil
}

// place decides on a reading of the site and commits what came of it, again when
// the world moved in between. Only here requests wait for each other.
func (in *Intake) place(ctx context.Context, who composa.Who, request json.RawMessage, d decide) (*composa.Site, *proposal, *composa.Operation, error) {
	limited, cancel := context.WithTimeoutCause(ctx, placingTime, errCrowded)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		site, p, op, err := in.placeOnce(ctx, limited, who, request, d)
		if p == nil || composa.CodeOf(err) != composa.CodeMoved {
			return site, p, op, err
		}
		// Others are served meanwhile; at once the site might be the one that moved.
		select {
		case <-time.After(pause):
		case <-limited.Done():
			return nil, nil, nil, context.Cause(limited)
		}
	}
}

// placeOnce decides on one reading of the site and commits what came of it. Its
// proposal is nil where nothing was decided. limited bounds the waiting for
// others.
func (in *Intake) placeOnce(ctx, limited context.Context, who composa.Who, request json.RawMessage, d decide) (*composa.Site, *proposal, *composa.Operation, error) {
	leave, err := in.alone(limited)
	if err != nil {
		return nil, nil, nil, context.Cause(limited)
	}
	defer leave()
	site, err := in.store.Site(ctx, who)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := d(site, who)
	if err != nil {
		return nil, nil, nil, err
	}
	if p.already != nil || p.join != "" {
		return site, p, nil, nil
	}
	op, err := in.commit(ctx, who, site, p, request, nil)
	return site, p, op, err
}

var errCrowded error = composa.Errorf(composa.CodeUnavailable, "cannot place the request: for %v others were quicker each time", placingTime).
	WithNext("try again")

// joined answers with the operation that already does what was asked.
func (in *Intake) joined(ctx context.Context, who composa.Who, site *composa.Site, p *proposal) (*composa.Outcome, error) {
	op, err := in.store.Operation(ctx, who, p.join)
	if err != nil {
		return nil, err
	}
	out := &composa.Outcome{Operation: op}
	if len(op.Machines) > 0 {
		out.Machine = site.Machine(op.Machines[0])
	}
	return out, in.store.KeepRequest(ctx, who, string(op.ID))
}

// machine is the machine that the proposal is about.
func (p *proposal) machine(site *composa.Site) *composa.Machine {
	if p.fresh != nil {
		return p.fresh
	}
	return site.MachineNamed(p.asked.Project, p.asked.Machine)
}

// commit accepts a proposal. queued is the operation whose turn has come; nil
// for a new request.
func (in *Intake) commit(ctx context.Context, who composa.Who, site *composa.Site, p *proposal, request json.RawMessage, queued *composa.Operation) (*composa.Operation, error) {
	op, err := p.operation(site, who, request, queued)
	if err != nil {
		return nil, err
	}
	for i := range p.claims {
		p.claims[i].ID = composa.ClaimID(composa.NewID(composa.PrefixClaim))
		p.claims[i].Operation = op.ID
	}
	a := store.Acceptance{
		Operation: *op, NewMachine: p.fresh, Machines: p.changes, Claims: p.claims, Heirs: p.heirs, Cancels: p.cancels,
		Explanation: p.explanation,
	}
	if p.plan != nil {
		a.Plan, a.Explanation = p.plan.ID, p.plan.Explanation
	}
	return in.store.Accept(ctx, who, a)
}

// operation makes the row of a proposal: running with its first steps, or
// queued behind another operation.
func (p *proposal) operation(site *composa.Site, who composa.Who, request json.RawMessage, queued *composa.Operation) (*composa.Operation, error) {
	op := &composa.Operation{
		ID: composa.OperationID(composa.NewID(composa.PrefixOperation)), Project: p.asked.Project,
		Principal: who.Principal.ID, Verb: p.verb, Message: p.asked.Message, Request: request, CreatedAt: site.Now,
	}
	if queued != nil {
		waiting := *queued // that one is the site's, which others read
		waiting.Target.Goals = slices.Clone(waiting.Target.Goals)
		op = &waiting
	} else if p.asked.Timeout > 0 {
		op.Deadline = site.Now.Add(p.asked.Timeout)
	}
	op.Direction = composa.Forward
	if p.behind != "" {
		op.Phase, op.Behind, op.Machines = composa.PhaseQueued, p.behind, p.line
		for _, id := range p.line { // whose names it carries, also once they are freed
			op.Target.Goals = append(op.Target.Goals, composa.Goal{Machine: site.Machine(id).Ref()})
		}
		return op, nil
	}
	pl, err := p.steps(site)
	if err != nil {
		return nil, err
	}
	op.Phase, op.Behind, op.Fabric, op.Prior, op.Target = composa.PhaseRunning, "", p.fabric, p.prior, p.target
	op.Machines = nil
	for _, g := range p.target.Goals {
		op.Machines = append(op.Machines, g.Machine.ID)
	}
	op.Steps = nil
	for i, s := range pl.Steps {
		op.Steps = append(op.Steps, composa.StepRecord{
			Generation: 1, Ordinal: i + 1, Direction: composa.Forward,
			Step: s.Step, Disturbs: s.Disturbs, State: composa.StepPlanned,
		})
	}
	return op, nil
}

// steps is the plan of a proposal: the stored one, where that is carried out.
func (p *proposal) steps(site *composa.Site) (*composa.Plan, error) {
	if p.plan != nil {
		return p.plan, nil
	}
	return plan.For(site, p.verb, p.asked.Project, p.target)
}
