package measure

import (
	"testing"
	"time"
)

func TestPairsTellTheMedianRatio(t *testing.T) {
	n := 0
	c := Pairs(3,
		func() time.Duration { n++; return 30 * time.Millisecond },
		func() time.Duration { return 20 * time.Millisecond })
	if c.Ratio != 1.5 || c.Ours != 30*time.Millisecond || c.Theirs != 20*time.Millisecond {
		t.Errorf("got %+v", c)
	}
	if n != Least+1 {
		t.Errorf("%d runs of ours, want %d: the least, and one that does not count", n, Least+1)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}
