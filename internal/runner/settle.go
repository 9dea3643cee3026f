package runner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
)

// finish ends an operation whose steps are all done, when the pictures show
// every machine as its goal says; else it fails for the world having moved.
func (d *decision) finish(op *composa.Operation, l *leg) {
	if d.site == nil {
		d.effects.NeedSite = true
		return
	}
	site := d.sitePlus(l.survey, nil)
	d.end(op, l, site, filled(op.Heading(), op, site), composa.Advance{Picture: l.survey})
}

// last writes that the last step is done. Where its proof shows that everything
// is as it should be the operation ends with it; else it is looked at, once that
// is written.
func (d *decision) last(op *composa.Operation, l *leg, a composa.Advance) {
	if d.site == nil {
		d.effects.NeedSite = true
		return
	}
	delete(d.holders, op.ID)
	site := d.sitePlus(l.proof, a.Machines)
	target := filled(op.Heading(), op, site)
	claims, certain, why := d.verdict(op, site, &target)
	whole := l.proof.Complete && l.proof.Scope.Covers(scopeOf(op))
	if why != "" || !certain && !whole {
		d.write(op, a)
		return
	}
	d.ends(op, site, &target, claims, a)
}

// end writes the end. Where what was seen so far does not show it, it looks
// once more, at everything that the operation could have touched.
func (d *decision) end(op *composa.Operation, l *leg, site *composa.Site, target composa.Target, a composa.Advance) {
	claims, certain, why := d.verdict(op, site, &target)
	switch {
	case (why != "" || !certain) && l.survey == nil:
		d.survey(op, l)
	case why != "":
		l.fails(op, fault{code: composa.CodeConflict, text: why})
		d.fail(op, l, current(op))
	default:
		d.ends(op, site, &target, claims, a)
	}
}

// verdict says what the claims are at the end, whether that is certain, and why
// it is not the end yet; empty: the picture shows what was wanted.
func (d *decision) verdict(op *composa.Operation, site *composa.Site, target *composa.Target) (claims []composa.ClaimChange, certain bool, why string) {
	for i := range target.Goals {
		why = cmp.Or(why, unlike(&target.Goals[i], site.Pictures[d.state.Fabric]))
	}
	claims, certain = settle(op, target, site)
	return claims, certain, cmp.Or(why, stuck(claims, site))
}

func (d *decision) ends(op *composa.Operation, site *composa.Site, target *composa.Target, claims []composa.ClaimChange, a composa.Advance) {
	a.Claims = claims
	a.Machines = endings(op, target, site, a.Machines)
	a.Phase, a.Result, a.Reason = outcome(op)
	d.write(op, a)
	d.effects.Nudge = true
}

// outcome is how an operation that reached where it went has ended.
func outcome(op *composa.Operation) (composa.Phase, *composa.Result, string) {
	if op.Direction == composa.Forward {
		return composa.PhaseDone, &composa.Result{Text: "done"}, ""
	}
	res := op.Result
	if res == nil {
		res = &composa.Result{Code: composa.CodeHeld, Text: "undone, as a person decided"}
		if op.CancelRequested {
			res = &composa.Result{Code: composa.CodeCancelled, Text: cancelled(op)}
		}
	}
	if res.Code == composa.CodeCancelled {
		return composa.PhaseCancelled, res, res.Text
	}
	return composa.PhaseUndone, res, res.Text
}

// cancelled is what a cancelled operation ends with. Who asked for it is told by
// the events.
func cancelled(op *composa.Operation) string {
	var names []string
	for _, g := range op.Target.Goals {
		names = append(names, strconv.Quote(g.Machine.Name))
	}
	return fmt.Sprintf("cannot %s %s: cancelled on request", op.Verb, strings.Join(names, " and "))
}

// unlike says how a machine differs from its goal in a picture; empty: it does
// not.
func unlike(g *composa.Goal, p *composa.Picture) string {
	if p == nil {
		return "the fabric was not seen yet"
	}
	m := p.Ours(hosted(g, p))
	switch {
	case !g.Exists && m == nil:
		return ""
	case !g.Exists && p.Abilities != nil && p.Abilities.Make == composa.MakeHosted:
		if left := slices.DeleteFunc(slices.Clone(m.Devices), func(name string) bool { return isHost(p, name) }); len(left) > 0 {
			return fmt.Sprintf("machine %q still holds %s", g.Machine.Name, strings.Join(left, ", "))
		}
		return ""
	case !g.Exists:
		return fmt.Sprintf("machine %q is still there", g.Machine.Name)
	case m == nil:
		return fmt.Sprintf("machine %q is not there", g.Machine.Name)
	}
	for _, b := range g.Devices {
		seen := p.Device(b.Device.Name)
		switch {
		case !slices.Contains(m.Devices, b.Device.Name):
			return fmt.Sprintf("machine %q does not hold %s", g.Machine.Name, composa.PlaceOf(p.Fabric, b.Device.Name))
		case seen != nil && !seen.Fingerprint.Same(b.Device.Fingerprint):
			return fmt.Sprintf("another part is at %s", composa.PlaceOf(p.Fabric, b.Device.Name))
		}
	}
	for _, name := range m.Devices {
		if !slices.ContainsFunc(g.Devices, func(b composa.Bound) bool { return b.Device.Name == name }) {
			return fmt.Sprintf("machine %q holds %s, which is not of it", g.Machine.Name, composa.PlaceOf(p.Fabric, name))
		}
	}
	if g.P2P != nil && m.P2P != *g.P2P && p.Abilities.Can(composa.ActP2P) {
		return fmt.Sprintf("peer-to-peer of machine %q is not as wanted", g.Machine.Name)
	}
	return unlikePower(g, m, p)
}

func unlikePower(g *composa.Goal, m *composa.SeenMachine, p *composa.Picture) string {
	if g.Power == nil || m.Power == composa.PowerUnknown || !p.Abilities.Can(composa.ActPower) {
		return ""
	}
	host := slices.ContainsFunc(m.Devices, func(name string) bool { return isHost(p, name) })
	if host && (m.Power == composa.PowerOn) != *g.Power {
		return fmt.Sprintf("power of machine %q is %s", g.Machine.Name, m.Power)
	}
	return ""
}

func isHost(p *composa.Picture, name string) bool {
	seen := p.Device(name)
	return seen != nil && seen.Kind == composa.KindCPU
}

// hosted names the machine of a goal by its compute node where the fabric has
// it so and the handle is not known yet.
func hosted(g *composa.Goal, p *composa.Picture) composa.MachineRef {
	ref := g.Machine
	if ref.Native != "" || p.Abilities == nil || p.Abilities.Make != composa.MakeHosted {
		return ref
	}
	for _, b := range g.Devices {
		if seen := p.Device(b.Device.Name); b.Device.Kind == composa.KindCPU && seen != nil {
			ref.Native = seen.Spot.Machine
		}
	}
	return ref
}

// settle says what the claims of the operation's machines are at its end. Those
// of devices in the outcome are their machine's. Others are closed where the
// picture shows that their device is free, or in somebody else's hands; where
// it does not show that yet they are releasing, and not everything is certain.
func settle(op *composa.Operation, outcome *composa.Target, site *composa.Site) (changes []composa.ClaimChange, certain bool) {
	certain = true
	for i := range site.Claims {
		c := &site.Claims[i]
		if c.Purpose != composa.PurposeMachine || !slices.Contains(op.Machines, c.Machine) && !slices.Contains(op.Machines, c.Heir) {
			continue
		}
		ch := composa.ClaimChange{Claim: c.ID, Machine: c.Machine, Entry: c.Entry, Purpose: c.Purpose}
		dev := site.Device(c.Device)
		ch.Used = attached(op, c.Device)
		if g, b := holder(outcome, c.Device); g != nil {
			ch.Machine, ch.Entry = g.Machine.ID, b.Entry
			if ch.Machine != c.Machine || ch.Entry != c.Entry || c.Heir != "" || ch.Used {
				changes = append(changes, ch)
			}
			continue
		}
		if ch.Evidence = released(op, c, dev, site); ch.Evidence != "" {
			ch.Closed = true
		} else {
			ch.Purpose, ch.Released, certain = composa.PurposeReleasing, true, false
		}
		changes = append(changes, ch)
	}
	return changes, certain
}

// holder is the goal whose machine has a device.
func holder(t *composa.Target, id composa.DeviceID) (*composa.Goal, *composa.Bound) {
	for i := range t.Goals {
		g := &t.Goals[i]
		for j := range g.Devices {
			if g.Devices[j].Device.ID == id && g.Exists {
				return g, &g.Devices[j]
			}
		}
	}
	return nil, nil
}

// attached says whether an operation may have put a keeping device into a
// machine, also one that is gone since.
func attached(op *composa.Operation, id composa.DeviceID) bool {
	return slices.ContainsFunc(op.Steps, func(r composa.StepRecord) bool {
		return r.Attempt > 0 && (r.Step.Act == composa.ActReshape || r.Step.Act == composa.ActMake) &&
			slices.ContainsFunc(r.Step.Attach, func(ref composa.DeviceRef) bool { return ref.ID == id && ref.Kind.Keeping() })
	})
}

// released says why a claim can be closed; empty: it cannot yet.
func released(op *composa.Operation, c *composa.Claim, dev *composa.Device, site *composa.Site) string {
	if dev == nil {
		return "the part is gone"
	}
	var last composa.StepRecord
	for _, r := range op.Steps {
		if r.Attempt > 0 && r.BeganAt.After(last.BeganAt) && slices.ContainsFunc(r.Step.Devices(), func(ref composa.DeviceRef) bool { return ref.ID == dev.ID }) {
			last = r
		}
	}
	if site.Seen(dev) == nil && last.Attempt == 0 && c.Operation == op.ID {
		return "it was never touched"
	}
	return site.Released(dev, last.BeganAt)
}

// stuck says which device that should have left is still in this site's group
// or in a machine of ours; empty: none. A new plan would move it.
func stuck(changes []composa.ClaimChange, site *composa.Site) string {
	for _, ch := range changes {
		if ch.Closed || ch.Purpose != composa.PurposeReleasing {
			continue
		}
		for i := range site.Claims {
			dev := site.Device(site.Claims[i].Device)
			if site.Claims[i].ID != ch.Claim || dev == nil {
				continue
			}
			if seen := site.Seen(dev); seen != nil {
				return fmt.Sprintf("%s is still in %s", dev.Place(), seen.Spot)
			}
		}
	}
	return ""
}

// ours says whether a machine of a picture is one of the site's living ones.
func ours(site *composa.Site, fabric composa.FabricName, p *composa.Picture, m *composa.SeenMachine) bool {
	return slices.ContainsFunc(site.Machines, func(known composa.Machine) bool {
		return known.Fabric == fabric && p.Ours(known.Ref()) == m
	})
}

// endings says what the operation's machines are at its end. changes are those
// that the same transaction already has.
func endings(op *composa.Operation, outcome *composa.Target, site *composa.Site, changes []composa.MachineChange) []composa.MachineChange {
	at := func(id composa.MachineID) *composa.MachineChange {
		i := slices.IndexFunc(changes, func(c composa.MachineChange) bool { return c.Machine == id })
		if i < 0 {
			changes = append(changes, composa.MachineChange{Machine: id})
			i = len(changes) - 1
		}
		return &changes[i]
	}
	for _, id := range op.Machines {
		m := site.Machine(id)
		if m == nil {
			continue
		}
		ch := at(id)
		ch.Idle = true
		g := outcome.Goal(id)
		switch {
		case g == nil:
		case !g.Exists:
			ch.Freed = true
		default:
			ch.Made = true
			if ref := hosted(g, site.Pictures[outcome.Fabric]); m.Native == "" && ch.Native == "" {
				ch.Native = ref.Native
			}
			if op.Direction == composa.Undo && m.SpecRevision != g.SpecRevision {
				spec := g.Spec
				ch.Spec, ch.SpecRevision, ch.Binding = &spec, m.SpecRevision+1, g.Devices
			}
		}
	}
	return changes
}
