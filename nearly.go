package composa

// Nearly returns the name that word was probably meant to be: the closest one
// within a third of its length in edits; empty where none is.
func Nearly(word string, names []string) string {
	best, most := "", len(word)/3+1
	for _, n := range names {
		if len(n) > MaxName || len(word) > MaxName {
			continue
		}
		if d := edits(word, n); d <= most && (best == "" || d < edits(word, best)) {
			best = n
		}
	}
	return best
}

// edits is the Levenshtein distance of two short words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
