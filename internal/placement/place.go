package placement

import (
	"cmp"
	"slices"

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
// Errors are [*composa.Error] values: invalid for what cannot be meant and for
// what is not found within [MaxConditionCost] and [MaxSteps], not_found
// for an unknown fabric, pool or device, read_only where only observed fabrics
// remain, and refused, with its Refusal set, where nothing fits now.
func Place(site *composa.Site, r Request) (*Choice, error) {
	return place(site, r, newBudget(MaxConditionCost, MaxSteps))
}

func place(site *composa.Site, r Request, b *budget) (*Choice, error) {
	q, err := newQuery(site, r, newShared(site, b))
	if err != nil {
		return nil, err
	}
	best := q.best()
	switch {
	case q.over():
		next := ""
		if len(q.trials) > 1 {
			next = ", or ask for one fabric"
		}
		return nil, q.refused(q.begin, next)
	case best == nil:
		return nil, q.refuse()
	}
	return q.choice(best), nil
}

// best tries the fabrics and chooses devices on the best one; nil: nothing fits.
func (q *query) best() *trial {
	var fit []*trial
	for _, t := range q.trials {
		if t.reason != "" || q.offer && !t.mayFit() {
			continue
		}
		t.examine()
		if t.fits = t.feasible(); t.fits && q.p2p() { // how many switches decides between fabrics
			t.choose()
			t.fits = t.pick != nil
		}
		if t.fits {
			fit = append(fit, t)
		}
	}
	if len(fit) > 1 {
		for _, t := range fit {
			t.waiting = q.site.Waiting(t.fabric.Name)
		}
		q.rankKinds()
		slices.SortStableFunc(fit, q.compare)
	}
	for _, t := range fit {
		if t.pick == nil {
			t.choose()
		}
		if t.pick != nil {
			return t
		}
		t.fits = false
	}
	return nil
}

// query is a request that can be meant, and what is tried for it.
type query struct {
	site    *composa.Site
	request Request
	*shared
	begin   string // `cannot compose "train"`
	pool    composa.PoolID
	entries []composa.Entry
	trials  []*trial // the fabrics that were asked for, in natural order
	// conditions are those of each entry, and ofKind the entries of each kind.
	conditions [][]condition
	ofKind     map[composa.Kind][]int
	// offer is set where only what fits is asked for, and no account.
	offer bool
	// freeing are the devices that operations under way give back, where the
	// question is what comes once they have; else nil.
	freeing map[composa.DeviceID]composa.OperationID
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
		if t.fits {
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

// compare orders fabrics that fit, the better one first: for peer-to-peer the
// one with fewer switches, then the one with the least waiting work, then the one
// with the fewest free devices of the scarcest kinds, so that big blocks stay
// whole. Equal ones go by name.
func (q *query) compare(a, b *trial) int {
	switches := 0
	if q.p2p() {
		switches = cmp.Compare(len(a.pick.switches), len(b.pick.switches))
	}
	if c := cmp.Or(switches, cmp.Compare(a.waiting, b.waiting)); c != 0 {
		return c
	}
	for _, k := range q.scarce {
		if a.free[k] != b.free[k] {
			return cmp.Compare(a.free[k], b.free[k])
		}
	}
	return 0
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
