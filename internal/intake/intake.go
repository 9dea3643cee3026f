package intake

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
	"github.com/composa-dev/composa/internal/store"
)

// placings is how often a request is placed again when somebody else took what
// it had chosen; after that the caller is told to ask again.
const placings = 8

// planLife is how long a plan of a dry run is kept.
const planLife = time.Hour

// Store is what intake needs of the store.
type Store interface {
	Site(ctx context.Context, who composa.Who) (*composa.Site, error)
	Operation(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Accept(ctx context.Context, who composa.Who, a store.Acceptance) (*composa.Operation, error)
	Advance(ctx context.Context, who composa.Who, a composa.Advance) (*composa.Operation, error)
	RequestCancel(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Decide(ctx context.Context, who composa.Who, id composa.OperationID, decision string) (*composa.Operation, error)
	SavePlan(ctx context.Context, who composa.Who, p composa.Plan) error
	Notify() (changed <-chan struct{}, cancel func())
}

// Intake takes requests. Its methods may be called at the same time.
type Intake struct {
	store Store
	log   *slog.Logger
	// placing is held from reading the site to the commit.
	placing sync.Mutex
}

// New returns an intake over a store.
func New(s Store, log *slog.Logger) *Intake { return &Intake{store: s, log: log} }

// proposal is a request that was decided on one reading of the site: what to
// commit.
type proposal struct {
	verb    composa.Verb
	asked   composa.Asked
	request any // for the operation's row

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

// take decides and commits, again when the world moved in between.
func (in *Intake) take(ctx context.Context, who composa.Who, asked composa.Asked, d decide) (*composa.Outcome, error) {
	in.placing.Lock()
	defer in.placing.Unlock()
	var err error
	for range placings {
		var out *composa.Outcome
		if out, err = in.takeOnce(ctx, who, asked, d); composa.CodeOf(err) != composa.CodeMoved {
			return out, err
		}
	}
	return nil, err
}

func (in *Intake) takeOnce(ctx context.Context, who composa.Who, asked composa.Asked, d decide) (*composa.Outcome, error) {
	site, err := in.store.Site(ctx, who)
	if err != nil {
		return nil, err
	}
	if asked.DryRun {
		// A dry run tells what the request would do, also where it would have to wait.
		site = site.AtRest()
	}
	p, err := d(site, who)
	switch {
	case err != nil:
		return nil, err
	case asked.DryRun:
		return in.dryRun(ctx, who, site, p)
	case p.already != nil:
		return &composa.Outcome{Machine: p.already, Why: p.why}, nil
	case p.join != "":
		return in.joined(ctx, who, site, p)
	}
	out, err := in.commit(ctx, who, site, p, nil)
	if err == nil && p.cancels != "" {
		_, err = in.store.RequestCancel(ctx, who, p.cancels)
	}
	return out, err
}

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
	return out, nil
}

// dryRun stores the plan of a proposal and answers with it.
func (in *Intake) dryRun(ctx context.Context, who composa.Who, site *composa.Site, p *proposal) (*composa.Outcome, error) {
	pl := &composa.Plan{Verb: p.verb, Target: p.target}
	if p.already == nil {
		var err error
		if pl, err = plan.For(site, p.verb, p.asked.Project, p.target); err != nil {
			return nil, err
		}
	}
	pl.ID = composa.PlanID(composa.NewID(composa.PrefixPlan))
	pl.Project, pl.By, pl.Verb = p.asked.Project, who.Principal.ID, p.verb
	pl.CreatedAt, pl.ExpiresAt = site.Now, site.Now.Add(planLife)
	if err := in.store.SavePlan(ctx, who, *pl); err != nil {
		return nil, err
	}
	m := p.already
	if m == nil {
		m = p.machine(site)
	}
	return &composa.Outcome{Machine: m, Plan: pl, Why: p.why, Explanation: p.explanation}, nil
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
func (in *Intake) commit(ctx context.Context, who composa.Who, site *composa.Site, p *proposal, queued *composa.Operation) (*composa.Outcome, error) {
	op, err := p.operation(site, who, queued)
	if err != nil {
		return nil, err
	}
	for i := range p.claims {
		p.claims[i].ID = composa.ClaimID(composa.NewID(composa.PrefixClaim))
		p.claims[i].Operation = op.ID
	}
	accepted, err := in.store.Accept(ctx, who, store.Acceptance{
		Operation: *op, NewMachine: p.fresh, Machines: p.changes, Claims: p.claims, Heirs: p.heirs,
	})
	if err != nil {
		return nil, err
	}
	return &composa.Outcome{Machine: p.machine(site), Operation: accepted, Why: p.why, Explanation: p.explanation, Made: p.fresh != nil}, nil
}

// operation makes the row of a proposal: running with its first steps, or
// queued behind another operation.
func (p *proposal) operation(site *composa.Site, who composa.Who, queued *composa.Operation) (*composa.Operation, error) {
	op := &composa.Operation{
		ID: composa.OperationID(composa.NewID(composa.PrefixOperation)), Project: p.asked.Project,
		Principal: who.Principal.ID, Verb: p.verb, Message: p.asked.Message, CreatedAt: site.Now,
	}
	if queued != nil {
		op = queued
	} else if p.asked.Timeout > 0 {
		op.Deadline = site.Now.Add(p.asked.Timeout)
	}
	op.Direction = composa.Forward
	request, err := json.Marshal(p.request)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInternal, "cannot write down the request to %s %q: %w", p.verb, p.asked.Machine, err)
	}
	op.Request = request
	if p.behind != "" {
		op.Phase, op.Behind, op.Machines = composa.PhaseQueued, p.behind, p.line
		for _, id := range p.line { // whose names it carries, also once they are freed
			op.Target.Goals = append(op.Target.Goals, composa.Goal{Machine: site.Machine(id).Ref()})
		}
		return op, nil
	}
	pl, err := plan.For(site, p.verb, p.asked.Project, p.target)
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
