package cli

import (
	"slices"
	"strings"
)

// sortedKinds gives the kinds of counts in table order.
func sortedKinds(counts map[string]int) []string {
	var kinds []string
	for k := range counts {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, compareKinds)
	return kinds
}

// compareKinds orders kinds as tables show them, and unknown ones behind.
func compareKinds(a, b string) int {
	if c := kindRank(a) - kindRank(b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func kindRank(kind string) int {
	if i := slices.Index(kinds, kind); i >= 0 {
		return i
	}
	return len(kinds)
}
