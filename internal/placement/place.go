package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// Request is what is to be placed.
type Request struct {
	Verb    composa.Verb
	Project composa.ProjectID
	Name    string               // of the machine, for messages
	Fabrics []composa.FabricName // empty: any
	Pool    string               // name; empty: devices in no pool
	// Entries are only what is to be added: all of them for compose, the new
	// one for plug, one with the difference for a reshape.
	Entries []composa.Entry
	P2P     bool
	// Machine is nil for a new machine. Else only its fabric serves, and the
	// devices must go together with what it has.
	Machine *composa.Machine
	// Leaving are devices of Machine that leave it in the same operation: they
	// count no more.
	Leaving []composa.Bound
}

// Choice is what was chosen.
type Choice struct {
	Fabric composa.FabricName
	Bound  []composa.Bound // by entry, then in natural order of name
	Why    []string        // short sentences: why this fabric, why these devices
	// Explanation is the whole account, with what spoke against the others.
	Explanation composa.Explanation
}

// Place chooses devices for a request.
//
// Errors are [*composa.Error] values: invalid for what cannot be meant, not_found
// for an unknown fabric, pool or device, read_only where only observed fabrics
// remain, and refused, with its Refusal set, where nothing fits now.
func Place(site *composa.Site, r Request) (*Choice, error) {
	q, err := newQuery(site, r)
	if err != nil {
		return nil, err
	}
	var best *trial
	for _, t := range q.trials {
		if t.reason == "" {
			t.examine()
			t.choose()
		}
	}
	q.rankKinds()
	for _, t := range q.trials {
		if t.pick != nil && (best == nil || q.better(t, best)) {
			best = t
		}
	}
	if best == nil {
		return nil, q.refuse()
	}
	return &Choice{Fabric: best.fabric.Name, Bound: best.bound(), Why: q.why(best)}, nil
}

// query is a request that can be meant, and what is tried for it.
type query struct {
	site    *composa.Site
	request Request
	begin   string // `cannot compose "train"`
	pool    composa.PoolID
	entries []composa.Entry
	trials  []*trial // the fabrics that were asked for, in natural order
	// scarce are the asked kinds, the scarcest first.
	scarce []composa.Kind
}

// kinds are the kinds that are asked for and how many of each, in table order.
func (q *query) kinds() (order []composa.Kind, wanted map[composa.Kind]int) {
	wanted = map[composa.Kind]int{}
	for _, e := range q.entries {
		wanted[e.Kind] += e.Count
	}
	for _, k := range composa.Kinds() {
		if wanted[k] > 0 {
			order = append(order, k)
		}
	}
	return order, wanted
}

// p2p says whether the devices are to reach each other directly.
func (q *query) p2p() bool {
	m := q.request.Machine
	return q.request.P2P || m != nil && m.Spec.P2P
}

func (q *query) total() int {
	n := 0
	for _, e := range q.entries {
		n += e.Count
	}
	return n
}

// rankKinds orders the asked kinds by how many requests like this one the
// fabrics that fit could serve with theirs.
func (q *query) rankKinds() {
	order, wanted := q.kinds()
	free := map[composa.Kind]int{}
	for _, t := range q.trials {
		if t.pick != nil {
			for _, k := range order {
				free[k] += t.free[k]
			}
		}
	}
	slices.SortStableFunc(order, func(a, b composa.Kind) int {
		return cmp.Compare(free[a]*wanted[b], free[b]*wanted[a])
	})
	q.scarce = order
}

// better says whether a fits better than b: for peer-to-peer under fewer
// switches, then with the fewest free devices of the scarcest kinds, so that
// big blocks stay whole. Equal ones go by name: a comes after b.
func (q *query) better(a, b *trial) bool {
	if q.p2p() && len(a.pick.switches) != len(b.pick.switches) {
		return len(a.pick.switches) < len(b.pick.switches)
	}
	for _, k := range q.scarce {
		if a.free[k] != b.free[k] {
			return a.free[k] < b.free[k]
		}
	}
	return false
}

// why tells why this fabric and why these devices.
func (q *query) why(t *trial) []string {
	var out []string
	name := t.fabric.Name
	fitting := 0
	for _, o := range q.trials {
		if o.pick != nil {
			fitting++
		}
	}
	switch {
	case q.request.Machine != nil:
		out = append(out, fmt.Sprintf("%q is on %s", q.request.Name, name))
	case len(q.trials) == 1 && len(q.site.Fabrics) > 1:
		out = append(out, fmt.Sprintf("%s was asked for", name))
	case len(q.trials) == 1:
		out = append(out, fmt.Sprintf("%s is the only fabric", name))
	case fitting == 1:
		out = append(out, fmt.Sprintf("%s is the only fabric of %d that fits now", name, len(q.trials)))
	default:
		k := q.scarce[0]
		out = append(out, fmt.Sprintf("%s fits best of %d: with %d free %s it keeps more whole elsewhere", name, fitting, t.free[k], k))
	}
	switch n := len(t.pick.switches); {
	case !q.p2p() || n == 0:
	case n == 1 && t.pick.switches[0] != "":
		out = append(out, fmt.Sprintf("for peer-to-peer all gpu devices are under %s", t.pick.switches[0]))
	case n == 1:
		out = append(out, fmt.Sprintf("%s does not tell under which switch its gpu devices are", name))
	default:
		out = append(out, fmt.Sprintf("no one switch has the gpu devices for peer-to-peer: they are under %s", strings.Join(t.pick.switches, ", ")))
	}
	if n := t.pick.used; n > 0 {
		out = append(out, fmt.Sprintf("%d of the drives may still hold data of this project", n))
	}
	return out
}

// bound assigns the chosen devices to entries.
func (t *trial) bound() []composa.Bound {
	var out []composa.Bound
	for e, devices := range t.pick.assigned {
		for _, d := range devices {
			out = append(out, composa.Bound{Device: d.Ref(), Entry: t.query.entries[e].Key})
		}
	}
	return out
}
