package intake

import (
	"context"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// Move takes devices from one machine to another of the same fabric and
// project.
func (in *Intake) Move(ctx context.Context, who composa.Who, r composa.MoveRequest) (*composa.Outcome, error) {
	begin := fmt.Sprintf("cannot move from %q to %q", r.Machine, r.To)
	switch {
	case len(r.Places) == 0:
		return nil, composa.Errorf(composa.CodeInvalid, "%s: no device is named", begin).WithNext("name devices, for example rack1/gpu3")
	case r.Machine == r.To:
		return nil, composa.Errorf(composa.CodeInvalid, "%s: that is one machine", begin)
	}
	if err := checkPlaces(begin, r.Places); err != nil {
		return nil, err
	}
	return in.take(ctx, who, r.Asked, r, func(site *composa.Site, _ composa.Who) (*proposal, error) {
		return move(site, r, nil)
	})
}

func move(site *composa.Site, r composa.MoveRequest, pin *composa.Target) (*proposal, error) {
	p := &proposal{verb: composa.VerbMove, asked: r.Asked, pin: pin}
	begin := fmt.Sprintf("cannot move from %q to %q", r.Machine, r.To)
	from, err := p.subject(site, r.Machine, r.ID)
	if err != nil {
		return nil, err
	}
	to, err := p.subject(site, r.To, r.ToID)
	if err != nil || p.behind != "" {
		return p, err
	}
	if from.Fabric != to.Fabric {
		return nil, composa.Errorf(composa.CodeInvalid, "%s: they are in %s and %s, and a device cannot leave its fabric", begin, from.Fabric, to.Fabric)
	}
	moving, arrived, err := choose(site, begin, from, to, r.Places)
	if err != nil {
		return nil, err
	}
	if len(moving) == 0 && arrived > 0 {
		p.already = from
		return p, nil
	}
	if err := keepsCPU(site, from, moving); err != nil {
		return nil, err
	}
	if err := goTogether(site, begin, to, moving); err != nil {
		return nil, err
	}
	grown, added := to.Spec.Add(asEntries(from.Fabric, moving)...)
	landing := landed(added, moving)
	p.change(site, from, lowered(from.Spec, moving), without(site.Binding(from.ID), moving))
	p.change(site, to, grown, slices.Concat(site.Binding(to.ID), landing))
	for _, b := range moving {
		c := site.Claim(b.Device.ID)
		p.heirs = append(p.heirs, composa.ClaimChange{Claim: c.ID, Machine: from.ID, Heir: to.ID, Entry: c.Entry, Purpose: c.Purpose})
	}
	return p, nil
}

// choose finds the bound devices behind places; arrived counts those that are
// in the other machine already.
func choose(site *composa.Site, begin string, from, to *composa.Machine, places []composa.Place) (moving []composa.Bound, arrived int, err error) {
	binding := site.Binding(from.ID)
	there := site.Binding(to.ID)
	for _, place := range places {
		has := func(b composa.Bound) bool { return composa.PlaceOf(from.Fabric, b.Device.Name) == place }
		if i := slices.IndexFunc(binding, has); i >= 0 {
			moving = append(moving, binding[i])
			continue
		}
		if slices.ContainsFunc(there, has) {
			arrived++
			continue
		}
		return nil, 0, composa.Errorf(composa.CodeNotFound, "%s: %s is not a device of %q", begin, place, from.Name).
			WithNext("composa machine show %s lists its devices", from.Name)
	}
	if arrived > 0 && len(moving) > 0 {
		return nil, 0, composa.Errorf(composa.CodeInvalid, "%s: %d of the devices are in %q already", begin, arrived, to.Name).
			WithNext("name only those that are not")
	}
	return moving, arrived, nil
}

// goTogether refuses devices whose unit would be torn, or that share no domain
// with what the machine has.
func goTogether(site *composa.Site, begin string, to *composa.Machine, moving []composa.Bound) error {
	named := map[composa.DeviceID]bool{}
	for _, b := range moving {
		named[b.Device.ID] = true
	}
	for _, b := range moving {
		d := site.Device(b.Device.ID)
		for i := range site.Devices {
			if other := &site.Devices[i]; d.Unit != "" && other.Fabric == d.Fabric && other.Unit == d.Unit && !named[other.ID] {
				return composa.Errorf(composa.CodeInvalid, "%s: %s moves together with %s", begin, d.Place(), other.Place()).
					WithNext("name both")
			}
		}
		for _, have := range site.Binding(to.ID) {
			if h := site.Device(have.Device.ID); h != nil && !shareDomain(d, h) {
				return composa.Errorf(composa.CodeRefused, "%s: %s cannot go together with %s", begin, d.Place(), h.Place())
			}
		}
	}
	return nil
}

func shareDomain(a, b *composa.Device) bool {
	if len(a.Domains) == 0 || len(b.Domains) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Domains, func(d string) bool { return slices.Contains(b.Domains, d) })
}

// asEntries makes one entry a kind of devices that arrive.
func asEntries(fabric composa.FabricName, moving []composa.Bound) []composa.Entry {
	var out []composa.Entry
	for _, k := range composa.Kinds() {
		e := composa.Entry{Kind: k}
		for _, b := range moving {
			if b.Device.Kind == k {
				e.Places = append(e.Places, composa.PlaceOf(fabric, b.Device.Name))
			}
		}
		if e.Count = len(e.Places); e.Count > 0 {
			out = append(out, e)
		}
	}
	return out
}

// landed binds moving devices to the entries that were made for them.
func landed(entries []composa.Entry, moving []composa.Bound) []composa.Bound {
	out := slices.Clone(moving)
	for i := range out {
		for _, e := range entries {
			if e.Kind == out[i].Device.Kind {
				out[i].Entry = e.Key
			}
		}
	}
	return out
}
