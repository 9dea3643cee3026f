package cli

import (
	"slices"
	"strings"
)

// naturalCompare orders names as people do: gpu2 before gpu10.
func naturalCompare(a, b string) int {
	wholeA, wholeB := a, b
	for a != "" && b != "" {
		na, restA := leadingNumber(a)
		nb, restB := leadingNumber(b)
		if na != "" && nb != "" {
			if c := compareNumbers(na, nb); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if c := strings.Compare(a[:1], b[:1]); c != 0 {
			return c
		}
		a, b = a[1:], b[1:]
	}
	if c := len(a) - len(b); c != 0 {
		return c
	}
	return strings.Compare(wholeA, wholeB) // gpu01 and gpu1: equal numbers, still two names
}

// leadingNumber cuts the digits that s begins with.
func leadingNumber(s string) (number, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// sortNaturally sorts items by a name of theirs, in place; equals keep their
// order.
func sortNaturally[T any](items []T, name func(T) string) {
	slices.SortStableFunc(items, func(x, y T) int { return naturalCompare(name(x), name(y)) })
}
