package intake

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
	"github.com/composa-dev/composa/internal/store"
)

// Plug adds devices to a machine.
func (in *Intake) Plug(ctx context.Context, who composa.Who, r composa.PlugRequest) (*composa.Outcome, error) {
	begin := fmt.Sprintf("cannot plug %q", r.Machine)
	if len(r.Entries) == 0 {
		return nil, composa.Errorf(composa.CodeInvalid, "%s: nothing to plug is named", begin).
			WithNext("name devices (rack1/gpu3) or a kind (--gpu 1)")
	}
	if err := composa.CheckEntries(begin, r.Entries); err != nil {
		return nil, err
	}
	return in.take(ctx, who, r.Asked, r, func(site *composa.Site, _ composa.Who) (*proposal, error) {
		return plug(site, r, nil)
	})
}

func plug(site *composa.Site, r composa.PlugRequest, pin *composa.Target) (*proposal, error) {
	p := &proposal{verb: composa.VerbPlug, asked: r.Asked, pin: pin}
	m, err := p.subject(site, r.Machine, r.ID)
	if err != nil || p.behind != "" {
		return p, err
	}
	if held, err := alreadyIn(site, m, r.Entries); held || err != nil {
		p.already = m
		return p, err
	}
	return p, p.grow(site, m, m.Spec, r.Entries, nil)
}

// alreadyIn says whether every device that is asked for by place is in the
// machine already; entries by count always ask for more.
func alreadyIn(site *composa.Site, m *composa.Machine, entries []composa.Entry) (bool, error) {
	in, out := 0, 0
	for _, e := range entries {
		if len(e.Places) == 0 {
			return false, nil
		}
		for _, place := range e.Places {
			d := site.At(place)
			if d == nil {
				return false, nil // placement says what is wrong with it
			}
			if c := site.Claim(d.ID); c != nil && c.Machine == m.ID && c.Purpose == composa.PurposeMachine {
				in++
			} else {
				out++
			}
		}
	}
	if in > 0 && out > 0 {
		return false, composa.Errorf(composa.CodeInvalid, "cannot plug %q: %d of the devices are in it already and %d are not", m.Name, in, out).
			WithNext("name only those that are missing")
	}
	return in > 0, nil
}

// grow places entries beside what the machine has, but for what leaves it in
// the same operation. spec is the machine's without what leaves.
func (p *proposal) grow(site *composa.Site, m *composa.Machine, spec composa.Spec, entries []composa.Entry, leaving []composa.Bound) error {
	grown, fresh := spec.Add(entries...)
	if err := composa.CheckEntries(fmt.Sprintf("cannot %s %q", p.verb, m.Name), grown.Entries); err != nil {
		return err
	}
	choice, err := p.choose(site, placement.Request{
		Verb: p.verb, Project: m.Project, Name: m.Name, Pool: m.Spec.Pool, Entries: fresh, P2P: m.Spec.P2P,
		Machine: m, Leaving: leaving,
	})
	if err != nil {
		return err
	}
	p.why, p.explanation = append(p.why, choice.Why...), &choice.Explanation
	for _, b := range choice.Bound {
		p.claims = append(p.claims, claimFor(m.ID, b))
	}
	p.change(site, m, grown, slices.Concat(without(site.Binding(m.ID), leaving), choice.Bound))
	return nil
}

// Unplug takes devices from a machine.
func (in *Intake) Unplug(ctx context.Context, who composa.Who, r composa.UnplugRequest) (*composa.Outcome, error) {
	begin := fmt.Sprintf("cannot unplug from %q", r.Machine)
	if len(r.Places) == 0 && len(r.Counts) == 0 {
		return nil, composa.Errorf(composa.CodeInvalid, "%s: nothing to unplug is named", begin).
			WithNext("name devices (rack1/gpu3) or a kind (--gpu 1)")
	}
	if err := checkPlaces(begin, r.Places); err != nil {
		return nil, err
	}
	if err := checkCounts(begin, r.Counts, 1); err != nil {
		return nil, err
	}
	return in.take(ctx, who, r.Asked, r, func(site *composa.Site, _ composa.Who) (*proposal, error) {
		return unplug(site, r, nil)
	})
}

func unplug(site *composa.Site, r composa.UnplugRequest, pin *composa.Target) (*proposal, error) {
	p := &proposal{verb: composa.VerbUnplug, asked: r.Asked, pin: pin}
	m, err := p.subject(site, r.Machine, r.ID)
	if err != nil || p.behind != "" {
		return p, err
	}
	leaving, err := p.leaving(site, m, r.Places, r.Counts)
	if err != nil {
		return nil, err
	}
	if err := keepsCPU(site, m, leaving); err != nil {
		return nil, err
	}
	rest := without(site.Binding(m.ID), leaving)
	p.change(site, m, lowered(m.Spec, leaving), rest)
	return p, nil
}

// keepsCPU refuses to take the last cpu: what is left would be no machine.
func keepsCPU(site *composa.Site, m *composa.Machine, leaving []composa.Bound) error {
	isCPU := func(b composa.Bound) bool { return b.Device.Kind == composa.KindCPU }
	if !slices.ContainsFunc(leaving, isCPU) || slices.ContainsFunc(without(site.Binding(m.ID), leaving), isCPU) {
		return nil
	}
	return composa.Errorf(composa.CodeInvalid, "cannot take the last cpu of %q: without one it is no machine", m.Name).
		WithNext("free it with: composa free %s", m.Name)
}

// hasCPU refuses to give up the last cpu of a machine as lost, unless another one
// is wanted instead, which placement refuses where a host is the machine.
func hasCPU(site *composa.Site, m *composa.Machine, more []composa.Entry) error {
	bound := slices.ContainsFunc(site.Binding(m.ID), func(b composa.Bound) bool { return b.Device.Kind == composa.KindCPU })
	wished := slices.ContainsFunc(m.Spec.Entries, func(e composa.Entry) bool { return e.Kind == composa.KindCPU })
	wanted := slices.ContainsFunc(more, func(e composa.Entry) bool { return e.Kind == composa.KindCPU })
	if bound || wanted || !wished || len(site.Lost(m.ID)) == 0 {
		return nil
	}
	err := composa.Errorf(composa.CodeConflict, "cannot reshape %q: its cpu was taken out of %s, and without one it is no machine", m.Name, m.Fabric)
	if f := site.Fabric(m.Fabric); f != nil && f.Abilities != nil && f.Abilities.Make == composa.MakeHosted {
		return err.WithNext("put it back, or free the machine with: composa free %s", m.Name)
	}
	return err.WithNext("put it back, name another one with --cpu 1, or free the machine with: composa free %s", m.Name)
}

// Reshape sets totals of kinds.
func (in *Intake) Reshape(ctx context.Context, who composa.Who, r composa.ReshapeRequest) (*composa.Outcome, error) {
	begin := fmt.Sprintf("cannot reshape %q", r.Machine)
	if len(r.Totals) == 0 {
		return nil, composa.Errorf(composa.CodeInvalid, "%s: no total is named", begin).WithNext("for example --gpu 4")
	}
	if err := checkCounts(begin, r.Totals, 0); err != nil {
		return nil, err
	}
	return in.take(ctx, who, r.Asked, r, func(site *composa.Site, _ composa.Who) (*proposal, error) {
		return reshape(site, r, nil)
	})
}

func reshape(site *composa.Site, r composa.ReshapeRequest, pin *composa.Target) (*proposal, error) {
	p := &proposal{verb: composa.VerbReshape, asked: r.Asked, pin: pin}
	m, err := p.subject(site, r.Machine, r.ID)
	if err != nil || p.behind != "" {
		return p, err
	}
	more, fewer := difference(m.Spec, site.Binding(m.ID), r.Totals)
	if len(more)+len(fewer) == 0 {
		p.already = m
		return p, nil
	}
	if err := hasCPU(site, m, more); err != nil {
		return nil, err
	}
	spec := p.withoutLost(site, m)
	var leaving []composa.Bound
	if len(fewer) > 0 {
		if leaving, err = p.leaving(site, m, nil, fewer); err != nil {
			return nil, err
		}
		if err := keepsCPU(site, m, leaving); err != nil {
			return nil, err
		}
		spec = lowered(spec, leaving)
	}
	if len(more) == 0 {
		p.change(site, m, spec, without(site.Binding(m.ID), leaving))
		return p, nil
	}
	return p, p.grow(site, m, spec, more, leaving)
}

// withoutLost gives up the claims of parts that were taken out of their fabric
// while the machine had them, and returns the spec that asks for as many fewer:
// whoever sets a total says what there is to be instead.
func (p *proposal) withoutLost(site *composa.Site, m *composa.Machine) composa.Spec {
	var lost []composa.Bound
	for _, c := range site.Lost(m.ID) {
		lost = append(lost, composa.Bound{Device: composa.DeviceRef{ID: c.Device}, Entry: c.Entry})
		p.heirs = append(p.heirs, composa.ClaimChange{
			Claim: c.ID, Machine: c.Machine, Entry: c.Entry, Purpose: composa.PurposeReleasing, Released: true,
		})
	}
	return lowered(m.Spec, lost)
}

// difference is what a binding lacks and has too much of, against totals. What it
// lacks is asked for as the machine's spec asks for that kind.
func difference(spec composa.Spec, binding []composa.Bound, totals map[composa.Kind]int) (more []composa.Entry, fewer map[composa.Kind]int) {
	fewer = map[composa.Kind]int{}
	for _, k := range composa.Kinds() {
		total, named := totals[k]
		if !named {
			continue
		}
		have := 0
		for _, b := range binding {
			if b.Device.Kind == k {
				have++
			}
		}
		switch {
		case total > have:
			e := alike(spec, k)
			e.Count = total - have
			more = append(more, e)
		case total < have:
			fewer[k] = have - total
		}
	}
	return more, fewer
}

// alike asks for devices of a kind as the first entry does that counts them: of
// its model, with its least and its condition. Without one any will do.
func alike(spec composa.Spec, k composa.Kind) composa.Entry {
	for _, e := range spec.Entries {
		if e.Kind == k && len(e.Places) == 0 && e.IPMI == "" {
			return composa.Entry{Kind: k, Model: e.Model, Min: e.Min, Where: e.Where}
		}
	}
	return composa.Entry{Kind: k}
}

// change records that a machine is to have another binding and spec.
func (p *proposal) change(site *composa.Site, m *composa.Machine, spec composa.Spec, devices []composa.Bound) {
	p.fabric, p.prior.Fabric, p.target.Fabric = m.Fabric, m.Fabric, m.Fabric
	p.prior.Goals = append(p.prior.Goals, composa.Goal{
		Machine: m.Ref(), Exists: true, Devices: site.Binding(m.ID), Spec: m.Spec, SpecRevision: m.SpecRevision,
	})
	p.target.Goals = append(p.target.Goals, composa.Goal{
		Machine: m.Ref(), Exists: true, Devices: devices, Spec: spec, SpecRevision: m.SpecRevision + 1,
	})
	p.changes = append(p.changes, store.MachineAccept{Machine: m.ID, Revision: m.Revision, Fabric: m.Fabric, Spec: &spec})
}

// subject finds the machine that a change is about, and whether it must wait in
// line.
func (p *proposal) subject(site *composa.Site, name string, id composa.MachineID) (*composa.Machine, error) {
	m := site.MachineNamed(p.asked.Project, name)
	if m == nil || id != "" && m.ID != id {
		return nil, noMachine(site, p.asked.Project, p.verb, name)
	}
	if err := p.atRevision(m); err != nil {
		return nil, err
	}
	if f := site.Fabric(m.Fabric); f != nil && f.ReadOnly() != nil {
		return nil, composa.Errorf(composa.CodeReadOnly, "cannot %s %q: %s", p.verb, name, f.ReadOnly().Of(f.Name)).WithNext("%s", f.ReadOnly().Next)
	}
	if op := site.Operation(m.Operation); op != nil && op.Phase == composa.PhaseHeld {
		return nil, held(fmt.Sprintf("cannot %s %q", p.verb, name), op)
	}
	p.line = append(p.line, m.ID)
	if p.behind == "" {
		p.behind = lastInLine(site, m)
	}
	if n := inLine(site, m); n >= composa.MaxLine {
		return nil, composa.Errorf(composa.CodeBusy, "cannot %s %q: %d operations wait in line for it already", p.verb, name, n).
			WithNext("wait for some of them, or cancel some: composa operation ls")
	}
	return m, nil
}

// atRevision refuses a request that was decided on another revision of the
// machine that it is about. m is nil where there is no machine of its name.
func (p *proposal) atRevision(m *composa.Machine) error {
	want := p.asked.Revision
	switch {
	case want == 0 || m != nil && (m.Name != p.asked.Machine || want == composa.AnyRevision || want == m.Revision):
		return nil
	case m == nil:
		return composa.Errorf(composa.CodeMismatch, "cannot %s %q: it is to be at a revision, and there is no machine of that name", p.verb, p.asked.Machine).
			WithNext("ask without If-Match to make it")
	}
	return composa.Errorf(composa.CodeMismatch, "cannot %s %q: it is at revision %d, not %d", p.verb, m.Name, m.Revision, want).
		WithNext("look at it again: composa machine show %s", m.Name)
}

// held says that a person must first decide about an operation.
func held(begin string, op *composa.Operation) error {
	e := composa.Errorf(composa.CodeHeld, "%s: its operation %s is held: %s", begin, op.ID, op.Reason).
		WithNext("see composa operation show %s, then retry, undo or resolve it", op.ID)
	e.Operation = op.ID
	return e
}

// inLine is how many operations wait for a machine.
func inLine(site *composa.Site, m *composa.Machine) int {
	n := 0
	for _, op := range site.Operations {
		if op.Phase == composa.PhaseQueued && slices.Contains(op.Machines, m.ID) {
			n++
		}
	}
	return n
}

// lastInLine is the operation that a new one on the machine has to wait for:
// the newest that is queued for it, else the one that changes it now.
func lastInLine(site *composa.Site, m *composa.Machine) composa.OperationID {
	behind := m.Operation
	var newest *composa.Operation
	for i := range site.Operations {
		op := &site.Operations[i]
		if op.Phase == composa.PhaseQueued && slices.Contains(op.Machines, m.ID) &&
			(newest == nil || op.CreatedAt.After(newest.CreatedAt)) {
			newest, behind = op, op.ID
		}
	}
	return behind
}

func noMachine(site *composa.Site, project composa.ProjectID, verb composa.Verb, name string) error {
	e := composa.Errorf(composa.CodeNotFound, "cannot %s %q: there is no machine of that name", verb, composa.Abridge(name, 40))
	var names []string
	for _, m := range site.Machines {
		if m.Project == project {
			names = append(names, m.Name)
		}
	}
	if near := composa.Nearly(name, names); near != "" {
		return e.WithNext("did you mean %q? composa machine ls shows what there is", near)
	}
	return e.WithNext("composa machine ls shows what there is")
}

func checkPlaces(begin string, places []composa.Place) error {
	if len(places) == 0 {
		return nil
	}
	return composa.CheckEntries(begin, []composa.Entry{{Kind: composa.KindGPU, Places: places}})
}

func checkCounts(begin string, counts map[composa.Kind]int, least int) error {
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		if _, err := composa.ParseKind(string(k)); err != nil {
			return composa.Errorf(composa.CodeInvalid, "%s: %v", begin, err)
		}
		if n := counts[k]; n < least || n > composa.MaxCount {
			return composa.Errorf(composa.CodeInvalid, "%s: %d is not a count of %s devices", begin, n, k).
				WithNext("give %d to %d", least, composa.MaxCount)
		}
	}
	return nil
}

// without returns the devices that are not leaving.
func without(devices, leaving []composa.Bound) []composa.Bound {
	return slices.DeleteFunc(slices.Clone(devices), func(b composa.Bound) bool {
		return slices.ContainsFunc(leaving, func(l composa.Bound) bool { return l.Device.ID == b.Device.ID })
	})
}

// lowered is the spec after devices left: each entry asks for as many fewer as
// left of it, and an entry of which nothing is left is gone.
func lowered(spec composa.Spec, leaving []composa.Bound) composa.Spec {
	entries := slices.Clone(spec.Entries)
	for _, b := range leaving {
		i := slices.IndexFunc(entries, func(e composa.Entry) bool { return e.Key == b.Entry })
		if i < 0 {
			continue
		}
		entries[i].Count--
		entries[i].Places = slices.DeleteFunc(slices.Clone(entries[i].Places), func(p composa.Place) bool { return p.Name() == b.Device.Name })
		if len(entries[i].Places) == 0 {
			entries[i].Places = nil
		}
	}
	spec.Entries = slices.DeleteFunc(entries, func(e composa.Entry) bool { return e.Count <= 0 })
	return spec
}
