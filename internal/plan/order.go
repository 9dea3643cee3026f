package plan

import (
	"slices"

	"github.com/composa-dev/composa"
)

// arrange decides which machines take and give in one step, and the order in
// which machines are filled.
//
// A device must have left one machine before another takes it. Machines that
// only lose are emptied first. One that loses and gains does both in one step,
// after those that it takes from; where machines take from one another in a
// circle, all of them are emptied first and filled afterwards.
func (p *planner) arrange() {
	var both []*machine
	for _, m := range p.machines {
		if m.seen != nil && m.goal.Exists && len(m.loses) > 0 && len(m.gains) > 0 && !p.givesToNewWhole(m) {
			both = append(both, m)
		}
	}
	for len(both) > 0 {
		i := slices.IndexFunc(both, func(m *machine) bool {
			return !slices.ContainsFunc(m.gains, func(d *part) bool { return d.at != nil && d.at != m && slices.Contains(both, d.at) })
		})
		if i < 0 {
			break
		}
		both[i].merged = true
		p.order = append(p.order, both[i])
		both = slices.Delete(both, i, i+1)
	}
	for _, m := range p.machines {
		// One that does not exist and is made whole takes its devices as it is made.
		if len(m.gains) > 0 && !m.merged && (m.seen != nil || p.able.Make != composa.MakeWhole) {
			p.order = append(p.order, m)
		}
	}
}

// givesToNewWhole says whether a machine that is made with all its devices, and
// so before any other is filled, takes one of m.
func (p *planner) givesToNewWhole(m *machine) bool {
	return p.able.Make == composa.MakeWhole &&
		slices.ContainsFunc(m.loses, func(d *part) bool { return d.to != nil && d.to.seen == nil })
}

// pending are the devices that m still has to take.
func (m *machine) pending() []*part {
	var out []*part
	for _, d := range m.gains {
		if d.at != m {
			out = append(out, d)
		}
	}
	return out
}
