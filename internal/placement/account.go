package placement

import (
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// accounts tells what the request met on each fabric; best is the chosen one,
// nil for a refusal. It is bounded: what is cut is counted.
func (q *query) accounts(best *trial) (told []composa.FabricAccount, more int) {
	for _, t := range q.trials {
		left := composa.MaxToldFabrics - len(told)
		if best != nil && t != best && !slices.ContainsFunc(told, func(f composa.FabricAccount) bool { return f.Fabric == best.fabric.Name }) {
			left-- // the chosen one is told always
		}
		if left <= 0 && t != best {
			more++
			continue
		}
		told = append(told, t.account(best))
	}
	return told, more
}

// account is the trial as data.
func (t *trial) account(best *trial) composa.FabricAccount {
	if t.entries != nil && !t.fits {
		t.follow()
	}
	t.settle()
	out := composa.FabricAccount{Fabric: t.fabric.Name, Reason: t.reason, Fits: t.fits}
	if t.untold {
		out.Reason = "why not all of it together costs too much to tell"
	}
	switch {
	case out.Reason != "":
		return out
	case t.fits && best != nil && t != best:
		out.Against = t.query.against(t, best)
	}
	for _, i := range t.shortFirst() {
		if len(out.Entries) == composa.MaxToldEntries {
			out.MoreEntries++
			continue
		}
		e, f := &t.query.entries[i], &t.entries[i]
		out.Entries = append(out.Entries, composa.EntryAccount{
			Entry: e.Key, Kind: e.Kind, Wanted: e.Count, Had: f.had, Left: f.left, Lost: f.told(),
		})
	}
	return out
}

// shortFirst are the entries in their order; where not all can be told, those
// that are short before the others.
func (t *trial) shortFirst() []int {
	order := make([]int, len(t.entries))
	for i := range order {
		order[i] = i
	}
	if len(order) > composa.MaxToldEntries {
		short := func(i int) bool { return t.entries[i].left < t.query.entries[i].Count }
		slices.SortStableFunc(order, func(a, b int) int { return compareBool(!short(a), !short(b)) })
	}
	return order
}

// told are the conditions that removed something, in order of application; those
// that are too many are counted as one.
func (f *follow) told() []composa.Removed {
	var out []composa.Removed
	for i, l := range f.lost {
		if i >= composa.MaxToldConditions-1 && len(f.lost) > composa.MaxToldConditions {
			last := composa.Removed{Condition: fmt.Sprintf("for %d other reasons", len(f.lost)-i)}
			for _, r := range f.lost[i:] {
				last.Count += r.count
			}
			return append(out, last)
		}
		out = append(out, composa.Removed{Condition: l.condition, Count: l.count, Near: l.near})
	}
	return out
}

// follow follows the entries through what concerns them all together: what is
// needed for another entry, lies in another domain or moves in units.
func (t *trial) follow() {
	if t.followed {
		return
	}
	t.followed = true
	if total := t.query.total(); total > t.room {
		t.reason = fmt.Sprintf("it allows %d devices in one machine, %d are wanted", t.room+len(t.have), total+len(t.have))
		return
	}
	for i := range t.entries {
		if t.entries[i].left < t.query.entries[i].Count {
			return // this one is short by itself, which is told
		}
	}
	got, why := t.most(false), t.together()
	if t.untold = t.query.over(); t.untold {
		return
	}
	for i := range t.entries {
		f := &t.entries[i]
		if want := t.query.entries[i].Count; f.left >= want && got[i] < want {
			f.lose(stageTogether, why, f.left-got[i])
			f.left = got[i]
		}
	}
}

// together names the condition on all devices together that nothing met.
func (t *trial) together() string {
	f := &fit{want: t.want(), budget: t.query.budget}
	switch {
	case f.fits(t.items):
		return "in another domain than the rest"
	case slices.ContainsFunc(t.items, func(it item) bool { return len(it.devices) > 1 }):
		return "in units that do not add up to what is asked for"
	}
	return "needed for the other entries"
}

// most is how many devices of each entry can be had together: of the first
// entry as many as there are, then of the next. With whole, entries that name
// their devices are had whole or not at all.
func (t *trial) most(whole bool) []int {
	best := make([]int, len(t.query.entries))
	for _, domain := range t.domains() {
		if got := t.mostWithin(t.within(domain), whole); sum(got) > sum(best) {
			best = got
		}
	}
	return best
}

func (t *trial) mostWithin(items []item, whole bool) []int {
	f := &fit{want: make([]int, len(t.query.entries)), budget: t.query.budget}
	_, lots := f.lots(items)
	none := make([]int, len(f.classes))
	units := slices.ContainsFunc(lots, func(l lot) bool { return l.size > 1 })
	for i, e := range t.query.entries {
		if f.budget.over() {
			break
		}
		least := 1
		if whole && (len(e.Places) > 0 || e.IPMI != "") {
			least = e.Count
		}
		most := min(e.Count, t.room-f.total(), f.supply(i, lots))
		can := func(n int) bool {
			f.want[i] = n
			return f.feasible(none, lots)
		}
		f.want[i] = greatest(least, most, units, can)
	}
	return f.want
}

// greatest is the greatest n from least to most that can be had; 0: none can.
// What can be had in part is searched by halves; units cannot.
func greatest(least, most int, units bool, can func(int) bool) int {
	if most < least {
		return 0
	}
	if can(most) {
		return most
	}
	if units {
		for n := most - 1; n >= least; n-- {
			if can(n) {
				return n
			}
		}
		return 0
	}
	n, cannot := least-1, most
	for cannot-n > 1 {
		if half := (n + cannot) / 2; can(half) {
			n = half
		} else {
			cannot = half
		}
	}
	if n < least {
		return 0
	}
	return n
}

// lostAt is how many devices a stage removed.
func (f *follow) lostAt(stage int) int {
	n := 0
	for _, l := range f.lost {
		if l.stage == stage {
			n += l.count
		}
	}
	return n
}
