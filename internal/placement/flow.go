package placement

import "math/bits"

// flow gives devices to entries, as many as find one. Devices that were given
// before move to other entries where that makes room; none loses its place, so
// that what was given stays as many whatever is added.
type flow struct {
	fit  *fit
	left []int   // by entry: how many more it takes
	by   [][]int // by class and entry: how many are given
	// spent are classes, and full entries, from which no more finds a place: what
	// could be reached from there is full for good.
	spent, full []bool
	// The search that is under way: by entry the class from which it was reached,
	// by class the entry.
	parent, via []int
	queue       []int
}

// notReached stands for an entry or a class that a search has not come to.
const notReached = -2

func (f *fit) flow() *flow {
	classes, entries := len(f.classes), len(f.want)
	w := &flow{
		fit: f, left: append([]int(nil), f.want...), by: make([][]int, classes),
		spent: make([]bool, classes), full: make([]bool, entries),
		parent: make([]int, entries), via: make([]int, classes),
	}
	cells := make([]int, classes*entries)
	for c := range w.by {
		w.by[c] = cells[c*entries : (c+1)*entries]
	}
	f.budget.spend(1 + classes*entries/16)
	return w
}

// add finds entries for up to count more devices of a class, and says for how
// many.
func (w *flow) add(class, count int) int {
	n := 0
	for n < count && !w.spent[class] && !w.fit.budget.over() {
		n += w.augment(class, count-n)
	}
	return n
}

// augment finds a way from a class to an entry that has room, and moves as many
// along it as it takes; 0: there is none.
func (w *flow) augment(from, count int) int {
	for e := range w.parent {
		w.parent[e] = notReached
	}
	for c := range w.via {
		w.via[c] = notReached
	}
	w.via[from] = -1
	w.queue = append(w.queue[:0], from)
	for at := 0; at < len(w.queue); at++ {
		c := w.queue[at]
		for mask := w.fit.classes[c]; mask != 0; mask &= mask - 1 {
			e := bits.TrailingZeros64(mask)
			if w.full[e] || w.parent[e] != notReached {
				continue
			}
			w.parent[e] = c
			if w.left[e] > 0 {
				w.fit.budget.spend(1 + at)
				return w.push(e, min(count, w.left[e]))
			}
			w.fit.budget.spend(len(w.by))
			for other := range w.by {
				if w.by[other][e] > 0 && w.via[other] == notReached {
					w.via[other] = e
					w.queue = append(w.queue, other)
				}
			}
		}
	}
	for _, c := range w.queue {
		w.spent[c] = true
	}
	for e := range w.parent {
		w.full[e] = w.full[e] || w.parent[e] != notReached
	}
	return 0
}

// push moves n devices, or as many as the way allows, along the way to entry e.
func (w *flow) push(e, n int) int {
	for at := e; w.via[w.parent[at]] >= 0; at = w.via[w.parent[at]] {
		n = min(n, w.by[w.parent[at]][w.via[w.parent[at]]])
	}
	w.left[e] -= n
	for at := e; ; {
		c := w.parent[at]
		w.by[c][at] += n
		if w.via[c] < 0 {
			return n
		}
		at = w.via[c]
		w.by[c][at] -= n
	}
}
