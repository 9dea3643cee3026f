package damage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// How long a case may take.
const (
	thiefTime = 3 * time.Minute  // after which somebody who took a session ends it
	patience  = 40 * time.Minute // after which what has not ended never will
	afterTime = 70 * time.Second // what may still come late
)

// tracedCalls is how many calls of a case are told of, at most.
const tracedCalls = 600

// Play carries out a case, in a bubble of virtual time. An error is one of the
// rehearsal itself.
func Play(ctx context.Context, c Case) (*Outcome, error) {
	v, err := VerbNamed(c.Verb)
	if err != nil {
		return nil, err
	}
	s, err := Open(ctx, nil, c.director())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	p := &play{Site: s, verb: v, out: &Outcome{Case: c}}
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	return p.out, p.run(ctx)
}

// play is a case being carried out.
type play struct {
	*Site
	verb   Verb
	out    *Outcome
	before []untouched
	first  int // number of the last call before the verb
	calls  []emulator.Call
}

// prepare puts the stranger's machine and ours in place.
func (p *play) prepare(ctx context.Context) error {
	d := p.racks[0].director
	if _, err := d.Rival().MakeMachine("stranger", strangers...); err != nil {
		return err
	}
	if ok, err := p.Seen(ctx, time.Now()); !ok {
		return fmt.Errorf("the rack is not seen: %w", err)
	}
	for _, m := range p.verb.stands {
		out, err := p.compose(ctx, m)
		if err != nil {
			return err
		}
		if ok, err := p.rests(ctx, patience); !ok {
			return fmt.Errorf("machine %s is not made: %w", m.name, err)
		}
		if op, err := p.store.Operation(ctx, p.who, out.Operation.ID); err != nil || op.Phase != composa.PhaseDone {
			return fmt.Errorf("machine %s is not made: %+v, %w", m.name, op, err)
		}
	}
	if p.verb.device != "" && strings.HasPrefix(p.out.Effect, "return=") {
		if err := d.Gone(p.verb.device); err != nil {
			return err
		}
	}
	p.before = []untouched{p.others(p.racks[0])}
	p.first = d.CallCount()
	if p.out.Effect == "" {
		return nil
	}
	r, err := emulator.ParseFault(rule(p.out.Point, p.out.Effect))
	if err != nil {
		return err
	}
	return d.SetFaults(r)
}

// run asks for the verb, waits until all is at rest and looks for damage; then a
// person ends what is held, and gives everything back.
func (p *play) run(ctx context.Context) error {
	began := time.Now()
	d := p.racks[0].director
	out, err := p.verb.ask(ctx, p.Site)
	if err != nil {
		p.out.Result, p.out.Reason = Refused, err.Error()
		return nil
	}
	if err := p.comeToRest(ctx); err != nil {
		return err
	}
	op, err := p.store.Operation(ctx, p.who, out.Operation.ID)
	if err != nil {
		return err
	}
	p.out.Took = op.EndedAt.Sub(began)
	p.out.Points = points(d.Calls(p.first), op.EndedAt)
	if p.calls = d.Calls(p.first); len(p.calls) > tracedCalls {
		p.calls = p.calls[:tracedCalls]
	}
	for _, f := range d.Faults() {
		p.out.Met = p.out.Met || f.Fired > 0
	}
	if err := d.SetFaults(); err != nil {
		return err
	}
	p.out.Reason = op.Reason
	switch op.Phase {
	case composa.PhaseDone:
		p.out.Result = Clean
	case composa.PhaseHeld:
		p.out.Result = Held
	default:
		p.out.Result = Undone
	}
	if err := p.check(ctx, "at rest"); err != nil {
		return err
	}
	if p.out.Result == Held {
		if err := p.decide(ctx, op.ID); err != nil {
			return err
		}
	}
	if err := p.giveBack(ctx); err != nil {
		return err
	}
	if len(p.out.Damage) > 0 {
		p.out.Trace, err = p.trace(ctx, out.Operation.ID)
	}
	return err
}

// wait lets so much time pass, unless ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// points are the calls of a verb.
func points(calls []emulator.Call, until time.Time) []Point {
	var out []Point
	seen := map[[2]string]int{}
	for _, c := range calls {
		if c.Time.After(until) || strings.HasSuffix(c.Path, "/event") {
			continue
		}
		key := [2]string{c.Method, c.Path}
		seen[key]++
		out = append(out, Point{c.Method, c.Path, seen[key], c.Route})
	}
	return out
}

// rests waits until no operation goes on and no claim is being released.
func (s *Site) rests(ctx context.Context, patience time.Duration) (bool, error) {
	return s.until(ctx, patience, func(site *composa.Site) bool {
		for _, op := range site.Operations {
			if op.Phase != composa.PhaseHeld && !(op.Phase == composa.PhaseQueued && behindHeld(site, op.Behind)) {
				return false
			}
		}
		return !slices.ContainsFunc(site.Claims, func(c composa.Claim) bool {
			d := site.Device(c.Device)
			return c.Purpose == composa.PurposeReleasing && d != nil && site.Seen(d) != nil
		})
	})
}

// comeToRest waits for the end of everything, also of what comes late. Who took
// a session away gives it up after a while.
func (p *play) comeToRest(ctx context.Context) error {
	for _, patience := range []time.Duration{thiefTime, patience} {
		ok, err := p.rests(ctx, patience)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		p.endForeign()
	}
	if err := wait(ctx, afterTime); err != nil {
		return err
	}
	p.endForeign()
	if _, err := p.rests(ctx, patience); err != nil {
		return err
	}
	_, err := p.Seen(ctx, time.Now())
	return err
}

// endForeign ends the sessions of the fault steal-edit, as their owner would.
func (p *play) endForeign() {
	for _, r := range p.racks {
		for _, s := range r.director.Snapshot().Sessions {
			if s.Foreign {
				p.cancel(r, s)
			}
		}
	}
}

// cancel ends a session of somebody else; the path differs between eras.
func (p *play) cancel(r *rack, s emulator.SessionState) {
	if s.Machine == 0 {
		p.log.Debug("cancelled", "err", r.director.Rival().Do("POST", "pool/cancel", fmt.Sprintf(`{"grp_id":%d,"coordinates":{"rack":0,"shelf":0,"node":1}}`, s.Group)))
		return
	}
	path := "fabric/edit/cancel"
	if r.era == "2.4" {
		path = "fabric/cancel"
	}
	p.log.Debug("cancelled", "err", r.director.Rival().Do("POST", path, fmt.Sprintf(`{"mach_id":%d,"grp_id":%d}`, s.Machine, s.Group)))
}

func (p *play) check(ctx context.Context, when string) error {
	site, err := p.now(ctx)
	if err != nil {
		return err
	}
	for _, line := range p.Site.Damage(site, p.before) {
		p.out.Damage = append(p.out.Damage, when+": "+line)
	}
	return nil
}

// decide is a person: what vanished is put back, then the operation is tried
// again, and where that does not end it, what is there is taken as the result.
func (p *play) decide(ctx context.Context, id composa.OperationID) error {
	d := p.racks[0].director
	for _, v := range d.Snapshot().Devices {
		if v.Gone {
			if err := d.Return(v.Name); err != nil {
				return err
			}
		}
	}
	if err := wait(ctx, time.Minute); err != nil {
		return err
	}
	in := p.server.intake
	for _, way := range []struct {
		name string
		do   func(context.Context, composa.Who, composa.OperationID) (*composa.Operation, error)
	}{{"retry", in.Retry}, {"resolve", in.Resolve}} {
		if _, err := way.do(ctx, p.who, id); err != nil {
			p.out.Damage = append(p.out.Damage, fmt.Sprintf("a person cannot %s: %v", way.name, err))
		}
		if err := p.comeToRest(ctx); err != nil {
			return err
		}
		op, err := p.store.Operation(ctx, p.who, id)
		if err != nil {
			return err
		}
		if op.Phase.Ended() {
			p.out.Person = way.name
			return p.check(ctx, "after "+way.name)
		}
	}
	p.out.Damage = append(p.out.Damage, "it stays held")
	return nil
}

// takeOut is a person with the vendor's tool, who takes a part out of a machine
// of ours that was put in another's place there.
func (p *play) takeOut(site *composa.Site) error {
	for i := range site.Machines {
		m := &site.Machines[i]
		for _, d := range site.Drift(m) {
			at := slices.IndexFunc(p.racks, func(r *rack) bool { return r.name == m.Fabric })
			if d.Sort != composa.DriftExtra || at < 0 {
				continue
			}
			if err := p.racks[at].director.Rival().Release(d.Device.Name()); err != nil {
				return fmt.Errorf("%s cannot be taken out: %w", d.Device, err)
			}
		}
	}
	return nil
}

// giveBack frees every machine: then nothing of ours may be left.
func (p *play) giveBack(ctx context.Context) error {
	site, err := p.now(ctx)
	if err != nil {
		return err
	}
	if err := p.takeOut(site); err != nil {
		return err
	}
	if _, err := p.Seen(ctx, time.Now()); err != nil {
		return err
	}
	for _, m := range site.Machines {
		if _, err := p.server.intake.Free(ctx, p.who, composa.FreeRequest{Asked: p.asked(m.Name)}); err != nil {
			p.out.Damage = append(p.out.Damage, fmt.Sprintf("machine %q cannot be freed: %v", m.Name, err))
		}
	}
	if err := p.comeToRest(ctx); err != nil {
		return err
	}
	if err := p.check(ctx, "given back"); err != nil {
		return err
	}
	if site, err = p.now(ctx); err != nil {
		return err
	}
	for _, m := range site.Machines {
		p.out.Damage = append(p.out.Damage, fmt.Sprintf("given back: machine %q is still there", m.Name))
	}
	for _, c := range site.Claims {
		p.out.Damage = append(p.out.Damage, fmt.Sprintf("given back: device %s is still claimed", c.Device))
	}
	return nil
}

// trace tells what happened, for whoever looks for the reason.
func (p *play) trace(ctx context.Context, id composa.OperationID) ([]string, error) {
	op, err := p.store.Operation(ctx, p.who, id)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range op.Steps {
		out = append(out, fmt.Sprintf("step %d.%d %s %s: %s, attempt %d, %s to %s, %s", r.Generation, r.Ordinal, r.Direction, r.Step.String(), r.State, r.Attempt,
			r.BeganAt.Format("15:04:05.000"), r.EndedAt.Format("15:04:05.000"), r.Evidence))
	}
	for _, c := range p.calls {
		if c.Changing || c.Status >= 300 || len(c.Faults) > 0 {
			out = append(out, fmt.Sprintf("%s call %d %s %s: %d after %s, faults %v, %s", c.Time.Format("15:04:05.000"), c.Number, c.Method, c.Path, c.Status, c.Duration, c.Faults, c.Body[:min(len(c.Body), 160)]))
		}
	}
	return out, nil
}
