package intake

import (
	"context"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/store"
)

// Free gives a machine back. Free of a machine that is being made cancels the
// making, and waits in line behind it: where the cancel came too late, the
// machine is freed as any other. Free of one that is being freed joins that.
func (in *Intake) Free(ctx context.Context, who composa.Who, r composa.FreeRequest) (*composa.Outcome, error) {
	if r.Grace < 0 {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot free %q: a grace of %s is in the past", r.Machine, r.Grace)
	}
	return in.take(ctx, who, r.Asked, r, func(site *composa.Site, _ composa.Who) (*proposal, error) {
		return free(site, r, nil)
	})
}

func free(site *composa.Site, r composa.FreeRequest, pin *composa.Target) (*proposal, error) {
	p := &proposal{verb: composa.VerbFree, asked: r.Asked, pin: pin}
	m, err := p.subject(site, r.Machine, r.ID)
	if err != nil {
		return nil, err
	}
	if last := site.Operation(p.behind); last != nil && last.Verb == composa.VerbFree {
		p.join = last.ID
		return p, nil
	}
	if p.behind != "" {
		if making := site.Operation(m.Operation); making != nil && !m.Made {
			p.cancels = making.ID
		}
		return p, nil
	}
	p.fabric = m.Fabric
	p.prior = composa.Target{Fabric: m.Fabric, Goals: []composa.Goal{{
		Machine: m.Ref(), Exists: true, Devices: site.Binding(m.ID), Spec: m.Spec, SpecRevision: m.SpecRevision,
	}}}
	p.target = composa.Target{
		Fabric: m.Fabric, Goals: []composa.Goal{{Machine: m.Ref()}}, Grace: r.Grace, Hard: r.Grace == 0,
	}
	p.changes = []store.MachineAccept{{Machine: m.ID, Revision: m.Revision, Fabric: m.Fabric}}
	return p, nil
}
