package runner

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
)

// fail decides what becomes of an operation that cannot go on as planned: once
// more on a new plan, back to what was before, or a person's decision.
func (d *decision) fail(op *composa.Operation, l *leg, r *composa.StepRecord) {
	f := *l.failed
	onward := op.Direction == composa.Undo || op.Verb.OnlyForward()
	switch {
	case f.hold:
		d.hold(op, l, r, f)
	case inVain(op, r, f):
		l.failed, l.replaced, l.vain = nil, op.Generation()+1, &f
		d.renew(op, l, r)
	case onward:
		d.onward(op, l, r, f)
	case f.code == composa.CodeConflict && l.replans < maxReplans:
		l.replans++
		l.failed, l.replaced = nil, op.Generation()+1
		d.renew(op, l, r)
	default:
		d.turn(op, l, r, f)
	}
}

// onward goes on after a fault, a little later and on a new plan, until a person
// has to decide.
func (d *decision) onward(op *composa.Operation, l *leg, r *composa.StepRecord, f fault) {
	if l.plans >= renewals(r, f) {
		d.hold(op, l, r, f)
		return
	}
	l.plans++
	l.failed, l.survey, l.replaced = nil, nil, op.Generation()+1
	l.wait(d.now, f.text)
	l.wake = d.now.Add(time.Duration(l.plans) * time.Second)
	d.wait(op, l)
}

// renewals is how many plans an operation that goes on gets after a fault.
func renewals(r *composa.StepRecord, f fault) int {
	if r != nil && r.Step.Act == composa.ActPower && f.code == composa.CodeFailed {
		return maxPowers
	}
	return maxRenewals
}

// turn begins the way back. The result that the operation will have is written
// with it. A step of which nobody knows stays running until it was settled.
func (d *decision) turn(op *composa.Operation, l *leg, r *composa.StepRecord, why fault) {
	l.rest()
	a := composa.Advance{
		Direction: composa.Undo, Phase: composa.PhaseUndoing, Reason: why.text,
		Result: &composa.Result{Code: why.code, Text: why.text},
	}
	if r != nil && r.State == composa.StepRunning && l.surely(r) {
		a.Steps = []composa.StepRecord{d.ended(*r, composa.StepFailed, why.text)}
	}
	d.write(op, a)
}

func (d *decision) ended(row composa.StepRecord, state composa.StepState, evidence string) composa.StepRecord {
	row.State, row.EndedAt, row.Evidence = state, d.now, evidence
	return row
}

// renew makes a new plan for where the operation goes: after settling what may
// still be under way, on a picture that began afterwards.
func (d *decision) renew(op *composa.Operation, l *leg, r *composa.StepRecord) {
	if r != nil && !l.surely(r) {
		l.unsure = true
		if l.settled.IsZero() || l.overdue {
			d.settle(op, l, r)
			return
		}
	}
	if l.survey == nil {
		d.survey(op, l)
		return
	}
	if d.site == nil {
		d.effects.NeedSite = true
		return
	}
	if f := l.vain; f != nil {
		l.vain = nil
		if !d.leave(op, l, r, d.sitePlus(l.survey, nil), *f) {
			d.onward(op, l, r, *f)
		}
		return
	}
	rows, machines := d.closeGeneration(op, r, l.survey)
	site := d.sitePlus(l.survey, machines)
	target := filled(op.Heading(), op, site)
	if why := nameless(r, l, machines, site); why != "" {
		d.hold(op, l, r, fault{code: composa.CodeConflict, text: why})
		return
	}
	steps, err := d.plan(op, site, target)
	switch {
	case err != nil:
		d.planless(op, l, r, site, target, err)
	case len(steps) == 0:
		d.end(op, l, site, target, composa.Advance{Steps: rows, Machines: machines, Picture: l.survey})
	default:
		d.write(op, composa.Advance{Steps: append(rows, steps...), Machines: machines, Picture: l.survey})
	}
}

// survey looks at all that the operation may touch.
func (d *decision) survey(op *composa.Operation, l *leg) {
	d.call(op, l, Call{Kind: CallObserve, look: lookSurvey, Scope: scopeOf(op)})
}

// scopeOf is what must be looked at to see all that an operation may touch.
func scopeOf(op *composa.Operation) composa.Scope {
	var sc composa.Scope
	for _, t := range []*composa.Target{&op.Prior, &op.Target} {
		for _, g := range t.Goals {
			sc.Labels = append(sc.Labels, g.Machine.Label)
			sc.Machines = append(sc.Machines, g.Machine.Native)
			for _, b := range g.Devices {
				sc.Devices = append(sc.Devices, b.Device.Name)
			}
		}
	}
	for _, r := range op.Steps {
		sc.Machines = append(sc.Machines, r.Step.Machine.Native)
	}
	return composa.Scope{Devices: sorted(sc.Devices), Machines: sorted(sc.Machines), Labels: sorted(sc.Labels)}
}

func sorted(names []string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	slices.SortFunc(names, composa.NaturalCompare)
	return slices.Compact(names)
}

// sitePlus is the site with a newer look laid over its picture, and with the
// handles of machines that are about to be written.
func (d *decision) sitePlus(p *composa.Picture, handles []composa.MachineChange) *composa.Site {
	site := *d.site
	site.Machines = slices.Clone(site.Machines)
	site.Pictures = maps.Clone(site.Pictures)
	if site.Pictures == nil {
		site.Pictures = map[composa.FabricName]*composa.Picture{}
	}
	if p != nil {
		site.Pictures[d.state.Fabric] = site.Pictures[d.state.Fabric].Overlay(p)
	}
	for _, c := range handles {
		if m := site.Machine(c.Machine); m != nil {
			m.Native, m.NativeSince = c.Native, c.NativeSince
		}
	}
	return site.IndexAfter(d.site)
}

// closeGeneration ends the rows of the plan that is replaced. What a make step
// made is noted, so that the new plan knows it as ours.
func (d *decision) closeGeneration(op *composa.Operation, r *composa.StepRecord, p *composa.Picture) (rows []composa.StepRecord, machines []composa.MachineChange) {
	if r == nil {
		return nil, nil
	}
	for row := r; row != nil; row = next(op, row) {
		state, evidence := composa.StepFailed, "another plan took its place"
		if row.Attempt == 0 {
			evidence = "not begun: " + notBegun(op, row)
		}
		if row.State == composa.StepRunning {
			if standing, _ := row.Step.Judge(p); standing == composa.Holds {
				state, evidence = composa.StepDone, "shown when another plan took its place"
			}
			if made := d.made(row, p); made != nil {
				machines = append(machines, composa.MachineChange{Machine: row.Step.Machine.ID, Native: made.Native, NativeSince: made.Created})
			}
		}
		if row.State != composa.StepFailed && row.State != composa.StepDone {
			rows = append(rows, d.ended(*row, state, evidence))
		}
	}
	return rows, machines
}

// notBegun says why a step of the plan that is replaced never began.
func notBegun(op *composa.Operation, row *composa.StepRecord) string {
	switch {
	case op.Direction != composa.Undo || row.Direction == composa.Undo:
		return "another plan took its place"
	case op.Result != nil && op.Result.Code == composa.CodeCancelled:
		return "cancelled"
	}
	return "everything goes back to what was before"
}

// nameless says why nobody can tell whether a machine is the one that a make
// step may have made: it has no handle of our choice, its fate was not known,
// and devices of it are in a machine that is not plainly it. Empty: it is plain.
func nameless(r *composa.StepRecord, l *leg, made []composa.MachineChange, site *composa.Site) string {
	if r == nil || r.State != composa.StepRunning || r.Step.Act != composa.ActMake || r.Step.Machine.Native != "" || !l.unsure || len(made) > 0 {
		return ""
	}
	p := site.Pictures[r.Step.Fabric]
	for _, ref := range r.Step.Attach {
		seen := p.Device(ref.Name)
		if seen == nil || seen.Spot.Area != composa.AreaMachine || !seen.Fingerprint.Same(ref.Fingerprint) {
			continue
		}
		if m := p.Machine(seen.Spot.Machine); m != nil && !ours(site, r.Step.Fabric, p, m) {
			return fmt.Sprintf("machine %s holds %s: it may be the one that was being made, or somebody else's", m.Native, composa.PlaceOf(r.Step.Fabric, ref.Name))
		}
	}
	return ""
}

// filled is a target with the handles that its machines have by now.
func filled(t *composa.Target, op *composa.Operation, site *composa.Site) composa.Target {
	out := *t
	out.Goals = slices.Clone(t.Goals)
	for i := range out.Goals {
		ref := &out.Goals[i].Machine
		if m := site.Machine(ref.ID); m != nil && m.Native != "" {
			ref.Native, ref.NativeSince = m.Native, m.NativeSince
		}
		for _, r := range op.Steps {
			if s := r.Step.Machine; ref.Native == "" && r.Step.Act != composa.ActMake && s.ID == ref.ID && s.Native != "" {
				ref.Native, ref.NativeSince = s.Native, s.NativeSince
			}
		}
	}
	return out
}

// plan makes the steps of a new generation. A plan that would leave the scope
// of the operation is a conflict.
func (d *decision) plan(op *composa.Operation, site *composa.Site, target composa.Target) ([]composa.StepRecord, error) {
	p, err := plan.For(site, op.Verb, op.Project, target)
	if err != nil {
		return nil, err
	}
	scope := op.Scope()
	for _, s := range p.Steps {
		for _, ref := range s.Step.Devices() {
			if !slices.Contains(scope.Devices, ref.ID) {
				return nil, composa.Errorf(composa.CodeConflict, "cannot %s: it would need %s, which was not in the plan", op.Verb, composa.PlaceOf(d.state.Fabric, ref.Name))
			}
		}
	}
	return d.generation(op, p.Steps), nil
}

func (d *decision) generation(op *composa.Operation, steps []composa.PlannedStep) []composa.StepRecord {
	rows := make([]composa.StepRecord, 0, len(steps))
	for i, s := range steps {
		rows = append(rows, composa.StepRecord{
			Generation: op.Generation() + 1, Ordinal: i + 1, Direction: op.Direction,
			Step: s.Step, Disturbs: s.Disturbs, State: composa.StepPlanned,
		})
	}
	return rows
}

// planless goes on where no plan leads to where the operation goes.
func (d *decision) planless(op *composa.Operation, l *leg, r *composa.StepRecord, site *composa.Site, target composa.Target, err error) {
	f := faultOf(err)
	if op.Direction == composa.Forward && !op.Verb.OnlyForward() {
		d.turn(op, l, r, f)
		return
	}
	if rows := d.aside(op, site, target); len(rows) > 0 {
		old, machines := d.closeGeneration(op, r, l.survey)
		d.write(op, composa.Advance{Steps: append(old, rows...), Machines: machines, Picture: l.survey})
		return
	}
	if l.plans >= maxRenewals {
		d.hold(op, l, r, f)
		return
	}
	l.plans++
	l.survey = nil
	l.wait(d.now, f.text)
	l.wake = d.now.Add(time.Duration(l.plans) * time.Second)
	d.wait(op, l)
}

// aside takes our devices out of machines of ours that hold strangers. The
// machine stays with the stranger, which is for a person to decide.
func (d *decision) aside(op *composa.Operation, site *composa.Site, target composa.Target) []composa.StepRecord {
	p, fabric := site.Pictures[d.state.Fabric], site.Fabric(d.state.Fabric)
	if op.Direction != composa.Undo || fabric == nil || p == nil {
		return nil
	}
	able := p.Abilities
	if able == nil || !able.Can(composa.ActReshape) || able.Reshape != composa.ReshapeOn {
		return nil
	}
	refs := devicesOf(op)
	var steps []composa.PlannedStep
	var all []composa.DeviceRef
	for _, g := range target.Goals {
		m := p.Ours(g.Machine)
		if m == nil {
			continue
		}
		var out []composa.DeviceRef
		strange := false
		spots := map[string][]composa.Spot{}
		for _, name := range m.Devices {
			ref, ours := refs[name]
			seen := p.Device(name)
			ours = ours && seen != nil && seen.Fingerprint.Same(ref.Fingerprint)
			switch {
			case !ours:
				strange = true
			case able.Make == composa.MakeHosted && ref.Kind == composa.KindCPU:
			case !g.Has(ref.ID):
				out = append(out, ref)
				spots[name] = []composa.Spot{{Area: composa.AreaMachine, Machine: m.Native}}
			}
		}
		if !strange || len(out) == 0 {
			continue
		}
		all = append(all, out...)
		steps = append(steps, composa.PlannedStep{Disturbs: []composa.Disturbance{composa.DisturbsHost}, Step: composa.Step{
			Act: composa.ActReshape, Fabric: d.state.Fabric, Machine: g.Machine, Detach: out,
			Expect: composa.Expect{Spots: spots, Holds: slices.Clone(m.Devices)}, Lock: composa.LockEdit,
		}})
	}
	if len(all) > 0 && able.Groups == composa.NeedRequired && !fabric.Keep {
		spots := map[string][]composa.Spot{}
		for _, ref := range all {
			spots[ref.Name] = []composa.Spot{{Area: composa.AreaOurs}}
		}
		steps = append(steps, composa.PlannedStep{Step: composa.Step{
			Act: composa.ActLeave, Fabric: d.state.Fabric, Detach: all, Expect: composa.Expect{Spots: spots}, Lock: composa.LockEdit,
		}})
	}
	return d.generation(op, steps)
}

// devicesOf are the devices that an operation may touch, by name.
func devicesOf(op *composa.Operation) map[string]composa.DeviceRef {
	out := map[string]composa.DeviceRef{}
	for _, t := range []*composa.Target{&op.Prior, &op.Target} {
		for _, g := range t.Goals {
			for _, b := range g.Devices {
				out[b.Device.Name] = b.Device
			}
		}
	}
	return out
}

// hold leaves the operation where it stands until a person decides, and says
// what is where.
func (d *decision) hold(op *composa.Operation, l *leg, r *composa.StepRecord, why fault) {
	if d.site == nil {
		d.effects.NeedSite = true
		return
	}
	site := d.sitePlus(l.survey, nil)
	ways := []string{"retry"}
	if op.Direction == composa.Forward && !op.Verb.OnlyForward() {
		ways = append(ways, "undo")
	}
	ways = append(ways, "resolve")
	a := composa.Advance{
		Phase: composa.PhaseHeld, Reason: why.text, Picture: l.survey,
		Result: &composa.Result{Code: why.code, Text: why.text, Where: d.where(op, site), Ways: ways},
	}
	if r != nil && r.State == composa.StepRunning && l.surely(r) {
		a.Steps = []composa.StepRecord{d.ended(*r, composa.StepFailed, why.text)}
	}
	d.write(op, a)
	d.effects.Nudge = true
}

// where tells a person what is where.
func (d *decision) where(op *composa.Operation, site *composa.Site) []string {
	p := site.Pictures[d.state.Fabric]
	var out []string
	for _, g := range filled(op.Heading(), op, site).Goals {
		ref := g.Machine
		if known := site.Machine(ref.ID); known != nil {
			ref = op.Ref(known)
		}
		m := p.Ours(ref)
		if m == nil {
			out = append(out, fmt.Sprintf("machine %q is not on %s", g.Machine.Name, d.state.Fabric))
			continue
		}
		out = append(out, fmt.Sprintf("machine %q is on %s as %s and holds %d devices", g.Machine.Name, d.state.Fabric, m.Native, len(m.Devices)))
	}
	names := slices.SortedFunc(maps.Keys(devicesOf(op)), composa.NaturalCompare)
	for _, name := range names {
		place := composa.PlaceOf(d.state.Fabric, name)
		if seen := p.Device(name); seen != nil {
			out = append(out, fmt.Sprintf("%s is in %s", place, seen.Spot))
		} else {
			out = append(out, fmt.Sprintf("%s is not shown", place))
		}
	}
	return out
}
