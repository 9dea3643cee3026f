// Package measure compares two ways of doing the same thing on a machine that is
// not quiet.
//
// Absolute times of such a machine say little, so a benchmark runs both ways in
// turn, in pairs, and tells the medians and the median of the ratios of each
// pair: what slows one of a pair slows the other too. A benchmark states what it
// promises with [AtMost] and [AtLeast]; command bench prints that beside the
// figures and writes it to bench.json.
package measure

import (
	"slices"
	"testing"
	"time"
)

// Least is the fewest pairs that a ratio is told from.
const Least = 15

// Compared is what pairs of runs tell.
type Compared struct {
	Ours, Theirs time.Duration // medians
	Ratio        float64       // median of ours/theirs of each pair
}

// Pairs runs ours and theirs in turn, n times and at least [Least] times, after
// one pair that does not count. Each returns how long the measured part took.
// Who goes first alternates.
func Pairs(n int, ours, theirs func() time.Duration) Compared {
	n = max(n, Least)
	var a, b []time.Duration
	var ratios []float64
	for i := range n + 1 {
		var x, y time.Duration
		if i%2 == 0 {
			x, y = ours(), theirs()
		} else {
			y = theirs()
			x = ours()
		}
		if i == 0 {
			continue
		}
		a, b = append(a, x), append(b, y)
		ratios = append(ratios, float64(x)/float64(max(y, 1)))
	}
	return Compared{Ours: Median(a), Theirs: Median(b), Ratio: Median(ratios)}
}

// Median is the middle one of values, the higher of the two middle ones where
// their number is even. It sorts values.
func Median[T time.Duration | float64](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// Quantile is the smallest of values that at least the share q of them does not
// exceed. It sorts values.
func Quantile[T time.Duration | float64](values []T, q float64) T {
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

// AtMost reports value, and that it is to be at most most.
func AtMost(b *testing.B, value, most float64, unit string) {
	b.ReportMetric(value, unit)
	b.ReportMetric(most, "most:"+unit)
}

// AtLeast reports value, and that it is to be at least least.
func AtLeast(b *testing.B, value, least float64, unit string) {
	b.ReportMetric(value, unit)
	b.ReportMetric(least, "least:"+unit)
}
