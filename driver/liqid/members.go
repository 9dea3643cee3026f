package liqid

import (
	"context"
	"fmt"
	"slices"
)

// memberQuery is one call of predevice; machine is the one that it asks for, 0
// for all of a group or of the fabric.
type memberQuery struct {
	query   string
	machine int
}

// memberQueries are the calls that together tell who is in groups, or in only
// one of them. Where it is not known that a director lists also what is attached
// to a machine it is asked for each machine too (liqid-api.md 2.4).
func (d *dialect) memberQueries(only *group, groups []group, machines []machine, all bool) []memberQuery {
	var out []memberQuery
	switch {
	case only != nil:
		out = append(out, memberQuery{query: d.inGroup(only.id)})
	case d.perGroup:
		for i := range groups {
			out = append(out, memberQuery{query: d.inGroup(groups[i].id)})
		}
	default:
		out = append(out, memberQuery{})
	}
	for i := range machines {
		if m := &machines[i]; !all && (only == nil || m.group == only.id) {
			out = append(out, memberQuery{fmt.Sprintf("%s&mach_id=%d", d.inGroup(m.group), m.id), m.id})
		}
	}
	return out
}

// readMembers reads what is in groups and machines, or in only one group and its
// machines.
func (f *Fabric) readMembers(ctx context.Context, k *knowledge, only *group, groups []group, machines []machine) (byName map[string]member, h heard, err error) {
	asked, err := answered(f.membersOf(ctx, k.speaks.memberQueries(only, groups, machines, true)))
	if err != nil {
		return nil, h, err
	}
	return f.restOfMembers(ctx, k, only, groups, machines, asked)
}

// restOfMembers adds to what was told for groups what machines tell of
// themselves. That counts more than what is told for their group; unlisted says
// that the one told of something that the other did not. Machines are asked
// about after groups, and not where groups are known to list also what is
// attached, unless the machines tell otherwise.
func (f *Fabric) restOfMembers(ctx context.Context, k *knowledge, only *group, groups []group, machines []machine, asked []askedMembers) (byName map[string]member, h heard, err error) {
	byName = map[string]member{}
	for _, a := range asked {
		for _, m := range a.members {
			if before, told := byName[m.name]; told && before != m {
				h.twice = true
			}
			byName[m.name] = m
			h.attached = h.attached || m.machine != 0
		}
	}
	if k.listsAll.Load() && !hidesHosts(only, machines, byName) {
		return byName, h, nil
	}
	rest := k.speaks.memberQueries(only, groups, machines, false)[len(asked):]
	h.further = len(rest) > 0
	first := len(rest)
	if h.attached && !hidesHosts(only, machines, byName) {
		first = doubtfulFirst(rest, byName)
	}
	for _, part := range [][]memberQuery{rest[:first], rest[first:]} {
		if asked, err = answered(f.membersOf(ctx, part)); err != nil {
			return nil, h, err
		}
		for _, a := range asked {
			for _, m := range a.members {
				if m.machine == a.machine {
					_, listed := byName[m.name]
					h.unlisted = h.unlisted || !listed
					byName[m.name] = m
				}
			}
		}
		if !h.unlisted {
			break
		}
	}
	h.machines = true
	return byName, h, nil
}

// sampled is how many machines are asked about where groups seem to list all.
const sampled = 8

// doubtfulFirst puts first the machines of which nothing was listed, and says how
// many are to be asked about: those, and some of the others.
func doubtfulFirst(queries []memberQuery, listed map[string]member) int {
	told := map[int]bool{}
	for _, m := range listed {
		told[m.machine] = true
	}
	slices.SortStableFunc(queries, func(a, b memberQuery) int {
		switch {
		case told[a.machine] == told[b.machine]:
			return 0
		case told[b.machine]:
			return -1
		}
		return 1
	})
	doubtful := 0
	for doubtful < len(queries) && !told[queries[doubtful].machine] {
		doubtful++
	}
	return min(doubtful+sampled, len(queries))
}

// heard is how members were told.
type heard struct {
	machines bool // machines were asked about, one by one
	attached bool // a group listed what is attached
	unlisted bool // members were told for their machine that were not for their group
	further  bool // groups did not tell enough, and more was asked after them
	twice    bool // two calls told of one device, and not the same
}

// hidesHosts says whether a machine, of one group or of any, names a host that is
// not among its members: the list is not whole.
func hidesHosts(only *group, machines []machine, members map[string]member) bool {
	return slices.ContainsFunc(machines, func(m machine) bool {
		return m.host != "" && members[m.host].machine != m.id && (only == nil || m.group == only.id)
	})
}

// askedMembers is what one call of predevice answered.
type askedMembers struct {
	memberQuery
	members []member
	err     error
}

// membersOf makes the calls of queries side by side.
func (f *Fabric) membersOf(ctx context.Context, queries []memberQuery) []askedMembers {
	answers := make([]askedMembers, len(queries))
	reads := make([]func() error, len(queries))
	for i, q := range queries {
		reads[i] = func() error {
			members, err := readAll(ctx, f.calls, "predevice"+q.query, readMember)
			answers[i] = askedMembers{q, members, err}
			return nil
		}
	}
	_ = together(reads...) // each answer has its own error
	return answers
}

// answered returns answers, or the first error among them.
func answered(answers []askedMembers) ([]askedMembers, error) {
	for _, a := range answers {
		if a.err != nil {
			return nil, a.err
		}
	}
	return answers, nil
}

// asOf picks from what was asked ahead what queries ask for, in their order, and
// the queries that nobody asked. What became of the others does not matter: a
// group that is gone may be an error to ask for.
func asOf(queries []memberQuery, ahead []askedMembers) (asked []askedMembers, left []memberQuery) {
	for _, q := range queries {
		i := slices.IndexFunc(ahead, func(a askedMembers) bool { return a.memberQuery == q })
		if i < 0 {
			left = append(left, q)
			continue
		}
		asked = append(asked, ahead[i])
	}
	return asked, left
}
