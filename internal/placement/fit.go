package placement

import (
	"math/bits"
	"slices"
)

// MaxSearch is how many ways of combining units one question tries. Devices
// without a unit need none; a fabric whose units cannot be combined within it
// counts as one that does not fit.
const MaxSearch = 20_000

// fit answers whether items can fill entries exactly: every device of a chosen
// item serves one entry, and every entry has its count.
//
// Devices that can serve the same entries are one class; items with the same
// classes are one lot. Devices and entries are matched by flow, which is exact;
// lots of units are tried in every number, since a unit cannot be taken in part.
type fit struct {
	want    []int    // by entry
	classes []uint64 // which entries a device of the class can serve
	tries   int      // left of MaxSearch
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
	left := slices.Clone(f.want)
	by = make([][]int, len(f.classes))
	for c := range by {
		by[c] = make([]int, len(left))
	}
	for c, count := range devices {
		for count > 0 {
			got := f.augment(c, count, left, by)
			if got == 0 {
				break
			}
			count -= got
			n += got
		}
	}
	return n, by
}

// augment finds entries for up to count devices of a class, moving devices of
// other classes to other entries where that makes room.
func (f *fit) augment(from, count int, left []int, by [][]int) int {
	const unseen = -2
	parent := make([]int, len(left)) // class from which the entry was reached
	for e := range parent {
		parent[e] = unseen
	}
	via := make([]int, len(f.classes)) // entry from which the class was reached
	seen := make([]bool, len(f.classes))
	via[from], seen[from] = -1, true
	queue := []int{from}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		for mask := f.classes[c]; mask != 0; mask &= mask - 1 {
			e := bits.TrailingZeros64(mask)
			if parent[e] != unseen {
				continue
			}
			parent[e] = c
			if left[e] > 0 {
				return push(e, min(count, left[e]), left, by, parent, via)
			}
			for other := range by {
				if by[other][e] > 0 && !seen[other] {
					seen[other], via[other] = true, e
					queue = append(queue, other)
				}
			}
		}
	}
	return 0
}

// push moves n devices, or as many as the way allows, along the way to entry e.
func push(e, n int, left []int, by [][]int, parent, via []int) int {
	for at := e; via[parent[at]] >= 0; at = via[parent[at]] {
		n = min(n, by[parent[at]][via[parent[at]]])
	}
	left[e] -= n
	for at := e; ; {
		c := parent[at]
		by[c][at] += n
		if via[c] < 0 {
			return n
		}
		at = via[c]
		by[c][at] -= n
	}
}

// feasible says whether the devices of fixed, all of them, with any number of
// the items of the lots, fill the entries exactly.
func (f *fit) feasible(fixed []int, lots []lot) bool {
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
	f.tries = MaxSearch
	return f.search(slices.Clone(fixed), units, loose)
}

func (f *fit) search(fixed []int, units []lot, loose []int) bool {
	if f.tries--; f.tries < 0 {
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
	fixed := make([]int, len(f.classes))
	if !f.feasible(fixed, lots) {
		return nil
	}
	var chosen []int
	out := make([]bool, len(lots))
	for i := range items {
		if sum(fixed) == f.total() {
			break
		}
		s := &lots[of[i]]
		if s.count--; out[of[i]] {
			continue
		}
		with := slices.Clone(fixed)
		for c := range with {
			with[c] += s.devices[c]
		}
		if out[of[i]] = !f.feasible(with, lots); !out[of[i]] {
			fixed = with
			chosen = append(chosen, i)
		}
	}
	if sum(fixed) != f.total() { // the search gave up on the way
		return nil
	}
	return chosen
}
