package intake

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
)

// dryRun stores the plan of a request and answers with it. It changes nothing, so
// that it waits for nobody.
func (in *Intake) dryRun(ctx context.Context, who composa.Who, asked composa.Asked, request json.RawMessage, d decide) (*composa.Outcome, error) {
	site, err := in.store.Site(ctx, who)
	if err != nil {
		return nil, err
	}
	// It tells what the request would do, also where it would have to wait.
	site = site.AtRest()
	p, err := d(site, who)
	if err != nil {
		return nil, err
	}
	pl := &composa.Plan{Target: p.target}
	if p.already == nil {
		if pl, err = plan.For(site, p.verb, asked.Project, p.target); err != nil {
			return nil, err
		}
	}
	pl.ID = composa.PlanID(composa.NewID(composa.PrefixPlan))
	pl.Project, pl.By, pl.Verb, pl.Machine, pl.Request = asked.Project, who.Principal.ID, p.verb, asked.Machine, request
	pl.Base, pl.Explanation = baseOf(site, p), p.explanation
	pl.CreatedAt, pl.ExpiresAt = site.Now, site.Now.Add(composa.PlanLife)
	if err := in.store.SavePlan(ctx, who, *pl); err != nil {
		return nil, err
	}
	m := p.already
	if m == nil {
		m = p.machine(site)
	}
	return &composa.Outcome{Machine: m, Plan: pl, Why: p.why, Explanation: p.explanation}, nil
}

// baseOf is what a plan is made on.
func baseOf(site *composa.Site, p *proposal) composa.PlanBase {
	base := composa.PlanBase{Machines: map[composa.MachineID]int64{}, Era: eraOf(site, p.fabric)}
	if p.already != nil {
		base.Machines[p.already.ID] = p.already.Revision
	}
	for _, g := range p.target.Goals {
		if m := site.Machine(g.Machine.ID); m != nil {
			base.Machines[m.ID] = m.Revision
		}
	}
	if m := p.machine(site); m != nil && m.Spec.Pool != "" {
		if pool := site.PoolNamed(p.asked.Project, m.Spec.Pool); pool != nil {
			base.Pool = pool.ID
		}
	}
	return base
}

// eraOf is the driver and the software line of a fabric; empty where nothing is
// known of it.
func eraOf(site *composa.Site, name composa.FabricName) string {
	able := (*composa.Abilities)(nil)
	if f := site.Fabric(name); f != nil {
		able = f.Abilities
	}
	if p := site.Pictures[name]; able == nil && p != nil {
		able = p.Abilities
	}
	if able == nil {
		return ""
	}
	return able.Driver + " " + able.Era
}

// CarryOut carries out a stored plan exactly as it is: the same devices, steps
// and disturbances. Where that cannot be any more it answers moved, with what is
// not as the plan found it. A plan is carried out once: asking again gives the
// operation that does it, or did.
func (in *Intake) CarryOut(ctx context.Context, who composa.Who, r composa.CarryOutRequest) (*composa.Outcome, error) {
	pl, err := in.store.Plan(ctx, who, r.Plan)
	if err != nil {
		return nil, err
	}
	if pl.By != who.Principal.ID {
		return nil, composa.Errorf(composa.CodeNotAllowed, "cannot carry out plan %s: somebody else made it", pl.ID).
			WithNext("make a plan of your own: the same command with --dry-run")
	}
	identity, err := in.store.Identity(ctx, who)
	if err != nil {
		return nil, err
	}
	asked := composa.Asked{Project: pl.Project, Machine: pl.Machine, Message: r.Message, Timeout: r.Timeout}
	out, err := in.take(ctx, who, asked, pl.Request, func(site *composa.Site, who composa.Who) (*proposal, error) {
		// Read again: another server may have begun to carry it out.
		now, err := in.store.Plan(ctx, who, pl.ID)
		if err != nil {
			return nil, err
		}
		if now.Operation != "" {
			return &proposal{join: now.Operation}, nil
		}
		p, err := carryOut(site, who, now, identity.Incarnation)
		if err == nil {
			p.asked.Message, p.asked.Timeout = cmp.Or(r.Message, p.asked.Message), cmp.Or(r.Timeout, p.asked.Timeout)
		}
		return p, err
	})
	return out, in.byWhom(ctx, who, err)
}

// carryOut decides on the request of a plan anew, with the plan's devices, and
// refuses what would be another plan.
func carryOut(site *composa.Site, who composa.Who, pl *composa.Plan, incarnation string) (*proposal, error) {
	if moved := whatMoved(site, who, pl, incarnation); len(moved) > 0 {
		return nil, movedFrom(pl, moved)
	}
	pin := &pl.Target
	if len(pin.Goals) == 0 { // there was nothing to do
		pin = nil
	}
	p, err := decideStored(site, who, stored{pl.Verb, pl.Request, pin})
	switch {
	case composa.CodeOf(err) == composa.CodeUnsupported:
		return nil, err
	case err != nil:
		return nil, movedFrom(pl, []composa.Moved{{What: "site", Subject: pl.Machine, Text: textOf(err)}})
	case p.behind != "" || p.join != "":
		return nil, movedFrom(pl, []composa.Moved{underChange(site, pl.Machine, max(p.behind, p.join))})
	case p.already != nil && len(pl.Steps) == 0:
		return p, nil
	case p.already != nil:
		return nil, movedFrom(pl, []composa.Moved{{What: "machine", Subject: pl.Machine, Text: fmt.Sprintf("%q is so already", pl.Machine)}})
	}
	again, err := plan.For(site, p.verb, pl.Project, p.target)
	if err != nil {
		return nil, movedFrom(pl, []composa.Moved{{What: "site", Subject: string(pl.Target.Fabric), Text: textOf(err)}})
	}
	if text := otherwise(pl, again); text != "" {
		return nil, movedFrom(pl, []composa.Moved{{What: "steps", Subject: string(pl.Target.Fabric), Text: text}})
	}
	p.plan = pl
	return p, nil
}

// movedFrom is the answer to a plan that cannot be carried out any more.
func movedFrom(pl *composa.Plan, moved []composa.Moved) error {
	text := moved[0].Text
	if more := len(moved) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	e := composa.Errorf(composa.CodeMoved, "cannot carry out plan %s: %s", pl.ID, text).
		WithNext("plan again: the same command with --dry-run")
	e.Moved = moved
	return e
}

// otherwise says how a plan that is made now differs from a stored one; empty:
// in nothing that is done.
func otherwise(was, is *composa.Plan) string {
	for _, part := range []struct{ what, was, is string }{
		{"what it aims at", bodyOf(was.Target), bodyOf(is.Target)},
		{"what it touches", bodyOf(was.Scope), bodyOf(is.Scope)},
		{"its steps", bodyOf(was.Steps), bodyOf(is.Steps)},
		{"the drives that it leaves to their owners", bodyOf(was.NeedsOwner), bodyOf(is.NeedsOwner)},
	} {
		if part.was == part.is {
			continue
		}
		text := fmt.Sprintf("%s shows something else now, so that %s would not be the same", was.Target.Fabric, part.what)
		return text + firstOther(was.Steps, is.Steps)
	}
	return ""
}

// firstOther tells the first step that is another one.
func firstOther(was, is []composa.PlannedStep) string {
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(is):
			return fmt.Sprintf(": step %d, %s, is not needed", i+1, was[i].Step.String())
		case i >= len(was):
			return fmt.Sprintf(": step %d, %s, comes in addition", i+1, is[i].Step.String())
		case bodyOf(was[i]) != bodyOf(is[i]):
			return fmt.Sprintf(": step %d was %s, and is %s", i+1, stepText(was[i]), stepText(is[i]))
		}
	}
	return ""
}

func stepText(s composa.PlannedStep) string {
	if len(s.Disturbs) == 0 {
		return s.Step.String() + " (disturbs nothing)"
	}
	return fmt.Sprintf("%s (disturbs %v)", s.Step.String(), s.Disturbs)
}

// bodyOf is a value as it is stored, so that two can be compared whatever was
// empty or missing in them.
func bodyOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil || bytes.Equal(text, []byte("null")) {
		return "[]"
	}
	return string(text)
}
