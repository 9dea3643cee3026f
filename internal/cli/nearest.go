package cli

// nearest is the one of words that is most like s, if any is like it: at most
// two letters added, left out, exchanged or swapped, fewer in short words.
func nearest(s string, words []string) string {
	best, bestDistance := "", 3
	if len(s) <= 4 {
		bestDistance = 2
	}
	for _, w := range words {
		if d := distance(s, w); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance is how many letters must be added, left out, exchanged or swapped
// with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
