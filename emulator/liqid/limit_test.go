package liqid

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// TestPerSecond: a director takes so many calls a second, and says when to come back.
func TestPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{PerSecond: 2})
		fault(t, w.d, "#3 GET fabric/id status=500")
		for range 2 {
			w.want(200, "GET", "fabric/id", "")
		}
		for range 3 { // refusals cost nothing
			if got := w.want(429, "GET", "fabric/id", ""); got.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
		}
		time.Sleep(500 * time.Millisecond)
		w.want(500, "GET", "fabric/id", "") // the third that was taken up
		w.want(429, "GET", "fabric/id", "")

		if err := w.d.SetPerSecond(0.1); err != nil {
			t.Fatal(err)
		}
		w.want(200, "GET", "fabric/id", "")
		time.Sleep(3500 * time.Millisecond)
		if got := w.want(429, "GET", "fabric/id", ""); got.header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q 6.5 s before there is a place", got.header.Get("Retry-After"))
		}
		time.Sleep(7 * time.Second)
		w.want(200, "GET", "fabric/id", "")
		if err := w.d.SetPerSecond(0); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			w.want(200, "GET", "fabric/id", "")
		}
		if v := w.d.Violations(); len(v) != 0 {
			t.Errorf("violations: %v", v)
		}
	})
}

func TestPerSecondIsLimited(t *testing.T) {
	d := start(t, Config{})
	for _, n := range []float64{-1, 0.001, 1e7, math.NaN(), math.Inf(1)} {
		if err := d.SetPerSecond(n); err == nil {
			t.Errorf("%v calls a second were taken", n)
		}
		if _, err := New(Config{PerSecond: n}); err == nil {
			t.Errorf("New took %v calls a second", n)
		}
	}
}
