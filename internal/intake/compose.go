package intake

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/placement"
)

// Compose asks for a machine. The same wish once more, by the same principal in
// the same project, gives the same machine, or joins the operation that makes
// it; the same name otherwise is exists.
func (in *Intake) Compose(ctx context.Context, who composa.Who, r composa.ComposeRequest) (*composa.Outcome, error) {
	r.Spec.Name = r.Machine
	if n := len(r.Spec.Entries); n > composa.MaxEntries { // before any work on them
		return nil, composa.Errorf(composa.CodeInvalid, "cannot compose %q: it has %d entries, %d are allowed",
			composa.Abridge(r.Machine, composa.MaxName), n, composa.MaxEntries)
	}
	r.Spec = r.Spec.Normalize()
	if err := r.Spec.Check("compose"); err != nil {
		return nil, err
	}
	if len(r.Spec.Entries) == 0 {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot compose %q: it would be made of nothing", r.Machine).
			WithNext("ask for at least one device, for example --gpu 1")
	}
	out, err := in.take(ctx, who, r.Asked, r, func(site *composa.Site, who composa.Who) (*proposal, error) {
		return compose(site, who, r, nil)
	})
	return out, in.sayWhose(ctx, who, r, err)
}

// whose is why a name cannot be had: somebody else has a machine of it.
type whose struct{ owner composa.PrincipalID }

func (w *whose) Error() string { return "the machine is " + string(w.owner) + "'s" }

// nameTaken refuses a name that somebody else's machine has.
func nameTaken(name, owner string) *composa.Error {
	return composa.Errorf(composa.CodeExists, "cannot compose %q: %s has a machine of that name", name, owner).WithNext("choose another name")
}

// sayWhose names who has the machine that is in the way, where who asks may read
// that name.
func (in *Intake) sayWhose(ctx context.Context, who composa.Who, r composa.ComposeRequest, err error) error {
	var taken *whose
	if !errors.As(err, &taken) {
		return err
	}
	people, readErr := in.store.Principals(ctx, who)
	if readErr != nil {
		return err // whose it is matters less than that it is
	}
	for _, p := range people {
		if p.ID == taken.owner {
			return nameTaken(r.Machine, p.Name)
		}
	}
	return err
}

func compose(site *composa.Site, who composa.Who, r composa.ComposeRequest, pin *composa.Target) (*proposal, error) {
	p := &proposal{verb: composa.VerbCompose, asked: r.Asked, pin: pin}
	m := site.MachineNamed(r.Project, r.Machine)
	if m != nil {
		return p, p.again(site, who, m, r)
	}
	if err := p.atRevision(nil); err != nil {
		return nil, err
	}
	choice, err := p.choose(site, placement.Request{
		Verb: composa.VerbCompose, Project: r.Project, Name: r.Machine, Fabrics: r.Spec.Fabrics,
		Pool: r.Spec.Pool, Entries: r.Spec.Entries, P2P: r.Spec.P2P,
	})
	if err != nil {
		return nil, err
	}
	id := composa.MachineID(composa.NewID(composa.PrefixMachine))
	if pin != nil {
		id = pin.Goals[0].Machine.ID
	}
	p.fresh = &composa.Machine{
		ID: id, Project: r.Project, Owner: who.Principal.ID, Name: r.Machine, Fabric: choice.Fabric,
		Label: composa.MachineLabel(r.Machine, id), Spec: r.Spec, SpecRevision: 1, CreatedAt: site.Now, UpdatedAt: site.Now,
	}
	goal := composa.Goal{
		Machine: p.fresh.Ref(), Exists: true, Devices: choice.Bound, Spec: r.Spec, SpecRevision: 1,
	}
	if r.Spec.P2P {
		goal.P2P = &r.Spec.P2P
	}
	if on := r.Spec.Power == composa.PowerWishOn; on {
		goal.Power = &on
	}
	p.fabric, p.why, p.explanation = choice.Fabric, choice.Why, &choice.Explanation
	p.target = composa.Target{Fabric: choice.Fabric, Goals: []composa.Goal{goal}}
	p.prior = composa.Target{Fabric: choice.Fabric, Goals: []composa.Goal{{Machine: p.fresh.Ref()}}, Hard: true}
	for _, b := range choice.Bound {
		p.claims = append(p.claims, claimFor(id, b))
	}
	return p, nil
}

// claimFor is the claim that a machine opens on a device.
func claimFor(machine composa.MachineID, b composa.Bound) composa.Claim {
	return composa.Claim{Device: b.Device.ID, Machine: machine, Purpose: composa.PurposeMachine, Entry: b.Entry}
}

// again is the rule for a name that a living machine has.
func (p *proposal) again(site *composa.Site, who composa.Who, m *composa.Machine, r composa.ComposeRequest) error {
	op := site.Operation(m.Operation)
	begin := fmt.Sprintf("cannot compose %q", r.Machine)
	switch differences := m.Spec.Differences(r.Spec); {
	case m.Owner != who.Principal.ID:
		e := nameTaken(r.Machine, "somebody else")
		e.Err = &whose{m.Owner}
		return e
	case r.New:
		return composa.Errorf(composa.CodeExists, "%s: you have a machine of that name", begin).
			WithNext("see it with: composa machine show %s", r.Machine)
	case p.atRevision(m) != nil:
		return p.atRevision(m)
	case op != nil && op.Phase == composa.PhaseHeld:
		return held(begin, op)
	case op != nil && op.Verb == composa.VerbFree:
		e := composa.Errorf(composa.CodeExists, "%s: the machine of that name is being freed", begin).
			WithNext("wait for it with composa operation wait %s, then compose again", op.ID)
		e.Operation = op.ID
		return e
	case op != nil && !m.Made && (op.CancelRequested || op.Direction == composa.Undo):
		e := composa.Errorf(composa.CodeExists, "%s: the making of the machine of that name is being undone", begin).
			WithNext("wait for it with composa operation wait %s, then compose again", op.ID)
		e.Operation = op.ID
		return e
	case len(differences) > 0:
		return composa.Errorf(composa.CodeExists, "%s: you have a machine of that name with another wish (%s)", begin, strings.Join(differences, "; ")).
			WithNext("change it with %s, or choose another name", changeCommand(r.Machine, m.Spec, r.Spec))
	case op != nil && !m.Made:
		p.join = op.ID
	default:
		p.already = m
	}
	return nil
}

// changeCommand is the command that comes nearest to turning a machine of one
// spec into one of another. Where more than counts differ there is none: a total
// says nothing of models and conditions, and could take what is wanted.
func changeCommand(name string, is, want composa.Spec) string {
	anew := "composa free " + name + " and compose it anew"
	if !onlyCounts(is, want) {
		return anew
	}
	var totals, byName, commands []string
	for _, k := range composa.Kinds() {
		switch have, wanted := countOf(is, k), countOf(want, k); {
		case have > wanted && k.Keeping(): // what may hold data leaves only by name
			byName = append(byName, "FABRIC/"+strings.ToUpper(string(k)))
		case have != wanted:
			totals = append(totals, fmt.Sprintf("--%s %d", k, wanted))
		}
	}
	if len(totals) > 0 {
		commands = append(commands, "composa reshape "+name+" "+strings.Join(totals, " "))
	}
	if len(byName) > 0 {
		commands = append(commands, "composa unplug "+name+" "+strings.Join(byName, ","))
	}
	if len(commands) == 0 {
		return anew
	}
	return strings.Join(commands, " and ")
}

// onlyCounts says whether all entries of each kind, of both specs, ask for the
// same but for how many; of a kind that one spec does not have, for any device.
func onlyCounts(is, want composa.Spec) bool {
	for _, k := range composa.Kinds() {
		of := func(s composa.Spec) []composa.Entry {
			return slices.DeleteFunc(slices.Clone(s.Entries), func(e composa.Entry) bool { return e.Kind != k })
		}
		a, b := of(is), of(want)
		both := slices.Concat(a, b)
		if len(both) == 0 {
			continue
		}
		first := both[0]
		if len(a) == 0 || len(b) == 0 {
			first = composa.Entry{Kind: k}
		}
		for _, e := range both {
			e.Key, e.Count = first.Key, first.Count
			if !reflect.DeepEqual(e, first) || len(e.Places) > 0 || e.IPMI != "" {
				return false
			}
		}
	}
	return true
}

func countOf(s composa.Spec, k composa.Kind) int {
	n := 0
	for _, e := range s.Entries {
		if e.Kind == k {
			n += e.Count
		}
	}
	return n
}
