package placement

import "slices"

// fit answers whether items can fill entries exactly: every device of a chosen
// item serves one entry, and every entry has its count.
//
// Devices that can serve the same entries are one class; items with the same
// classes are one lot. Devices and entries are matched by flow (flow.go), which
// is exact; lots of units are tried in every number, since a unit cannot be taken
// in part. Where the budget runs out, nothing is found.
type fit struct {
	want    []int    // by entry
	classes []uint64 // which entries a device of the class can serve
	budget  *budget
}

// lot is items that are alike: how many devices of each class one has, and how
// many such items there are.
type lot struct {
	devices []int
	size    int
	count   int
}

func (f *fit) total() int {
	n := 0
	for _, w := range f.want {
		n += w
	}
	return n
}

// matched is how many of the devices, so many of each class, find an entry; by
// is how many of each class serve each entry.
func (f *fit) matched(devices []int) (n int, by [][]int) {
	w := f.flow()
	for c, count := range devices {
		n += w.add(c, count)
	}
	return n, w.by
}

// feasible says whether the devices of fixed, all of them, with any number of
// the items of the lots, fill the entries exactly.
func (f *fit) feasible(fixed []int, lots []lot) bool {
	f.budget.spend(len(lots) * len(f.classes) / 8)
	if f.budget.over() {
		return false
	}
	loose := make([]int, len(f.classes))
	var units []lot
	for _, s := range lots {
		if s.size > 1 {
			units = append(units, s)
			continue
		}
		for c, n := range s.devices {
			loose[c] += n * s.count
		}
	}
	return f.search(slices.Clone(fixed), units, loose)
}

func (f *fit) search(fixed []int, units []lot, loose []int) bool {
	if f.budget.over() {
		return false
	}
	if n, _ := f.matched(fixed); n < sum(fixed) {
		return false
	}
	all := slices.Clone(loose)
	for c := range all {
		all[c] += fixed[c]
		for _, u := range units {
			all[c] += u.devices[c] * u.count
		}
	}
	if n, _ := f.matched(all); n < f.total() {
		return false
	}
	if len(units) == 0 {
		return true
	}
	u, rest := units[0], units[1:]
	most := min(u.count, (f.total()-sum(fixed))/u.size)
	for n := most; n >= 0; n-- {
		with := slices.Clone(fixed)
		for c := range with {
			with[c] += n * u.devices[c]
		}
		if f.search(with, rest, loose) {
			return true
		}
	}
	return false
}

func sum(list []int) int {
	n := 0
	for _, v := range list {
		n += v
	}
	return n
}

// lots tells which lot each item is of.
func (f *fit) lots(items []item) (of []int, all []lot) {
	f.classes = nil
	class := map[uint64]int{}
	for _, it := range items {
		for _, c := range it.devices {
			if _, ok := class[c.serves]; !ok {
				class[c.serves] = len(f.classes)
				f.classes = append(f.classes, c.serves)
			}
		}
	}
	of = make([]int, len(items))
	single := make([]int, len(f.classes)) // of each class the lot of lone devices, from 1
	for i, it := range items {
		if len(it.devices) > 1 {
			of[i] = f.unitLot(it, class, &all)
		} else {
			c := class[it.devices[0].serves]
			if single[c] == 0 {
				all = append(all, lot{devices: make([]int, len(f.classes)), size: 1})
				all[len(all)-1].devices[c] = 1
				single[c] = len(all)
			}
			of[i] = single[c] - 1
		}
		all[of[i]].count++
	}
	return of, all
}

// unitLot finds the lot of a unit among all, or adds it.
func (f *fit) unitLot(it item, class map[uint64]int, all *[]lot) int {
	devices := make([]int, len(f.classes))
	for _, c := range it.devices {
		devices[class[c.serves]]++
	}
	i := slices.IndexFunc(*all, func(s lot) bool { return s.size > 1 && slices.Equal(s.devices, devices) })
	if i < 0 {
		i = len(*all)
		*all = append(*all, lot{devices: devices, size: len(it.devices)})
	}
	return i
}

// supply is how many devices of the lots can serve an entry.
func (f *fit) supply(entry int, lots []lot) int {
	n := 0
	for _, l := range lots {
		for c, count := range l.devices {
			if f.classes[c]&(1<<entry) != 0 {
				n += count * l.count
			}
		}
	}
	return n
}

// fits says whether some of the items fill the entries.
func (f *fit) fits(items []item) bool {
	_, lots := f.lots(items)
	return f.feasible(make([]int, len(f.classes)), lots)
}

// first returns the indexes of the items that fill the entries and come first:
// each item is taken if the rest can still be filled with it. nil: none do.
//
// An item that was passed over rules out its whole lot: a later one of that
// lot would do no better.
func (f *fit) first(items []item) []int {
	of, lots := f.lots(items)
	none := make([]int, len(f.classes))
	if !f.feasible(none, lots) {
		return nil
	}
	takes := f.takesUnits(none, lots)
	if !slices.ContainsFunc(lots, func(l lot) bool { return l.size > 1 }) {
		takes = f.takesLoose()
	}
	var chosen []int
	out, left := make([]bool, len(lots)), f.total()
	for i := range items {
		if left == 0 {
			return chosen
		}
		l := &lots[of[i]]
		if l.count--; out[of[i]] {
			continue
		}
		if out[of[i]] = !takes(l); !out[of[i]] {
			left -= l.size
			chosen = append(chosen, i)
		}
	}
	if left != 0 { // the budget ran out on the way
		return nil
	}
	return chosen
}

// takesLoose takes lone devices one by one. Those that find an entry together can
// always be filled up to a whole choice where there is one, so that nothing is
// looked for again.
func (f *fit) takesLoose() func(*lot) bool {
	w := f.flow()
	return func(l *lot) bool {
		return w.add(slices.Index(l.devices, 1), 1) == 1
	}
}

// takesUnits takes items with which the rest of the lots can still fill the
// entries.
func (f *fit) takesUnits(fixed []int, lots []lot) func(*lot) bool {
	return func(l *lot) bool {
		with := slices.Clone(fixed)
		for c := range with {
			with[c] += l.devices[c]
		}
		if !f.feasible(with, lots) {
			return false
		}
		fixed = with
		return true
	}
}
