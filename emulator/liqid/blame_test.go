package liqid

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestQueuedAndTakenMeanwhile: what held when it was queued and does not at the
// commit breaks no rule of whoever commits.
func TestQueuedAndTakenMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name              string
		queue, done, away [][3]string
	}{
		{"to leave the group, and attached by another",
			[][3]string{{"POST", "pool/edit", poolBody(1)}, {"DELETE", "predevice/gpu", memberBody("gpu1", 1)}},
			[][3]string{{"POST", "pool/done", poolBody(1)}},
			[][3]string{{"POST", "fabric/edit", `{"mach_id":1}`}, {"POST", "relate/gpu", relateBody("gpu1", 1, 1)}, {"POST", "fabric/reprogram", `{"mach_id":1}`}}},
		{"to be attached, and taken out of the group by another",
			[][3]string{{"POST", "fabric/edit", `{"mach_id":1}`}, {"POST", "relate/gpu", relateBody("gpu1", 1, 1)}},
			[][3]string{{"POST", "fabric/reprogram", `{"mach_id":1}`}},
			[][3]string{{"POST", "pool/edit", poolBody(1)}, {"DELETE", "predevice/gpu", memberBody("gpu1", 1)}, {"POST", "pool/done", poolBody(1)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := meet(t, Config{})
			compose(t, a.d, "pcpu0", "gpu0")
			b := a.as("another")
			for _, c := range [][3]string{{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu1", 1)}, {"POST", "pool/done", poolBody(1)}} {
				ask[any](a, c[0], c[1], c[2])
			}
			for _, c := range tt.queue {
				ask[any](a, c[0], c[1], c[2])
			}
			for _, c := range tt.away {
				ask[any](b, c[0], c[1], c[2])
			}
			for _, c := range tt.done {
				a.denied(400, c[0], c[1], c[2])
			}
			a.blameless()
		})
	}
}

// TestCoordinatesOfAnother: who did not point them elsewhere cannot know.
func TestCoordinatesOfAnother(t *testing.T) {
	a := meet(t, Config{})
	b := a.as("another")
	ask[any](a, "POST", "coordinates", `{"rack":0,"shelf":0,"node":5}`)
	b.denied(400, "POST", "group", groupBody(1, "g"))
	if n, rule := a.counted(); n != 0 {
		t.Errorf("of another client: %q", rule)
	}
	a.denied(400, "POST", "group", groupBody(1, "g"))
	if n, rule := a.counted(); n != 1 || rule != RuleCoordinates {
		t.Errorf("of its own: %d, %q", n, rule)
	}
}

// TestTakenLatelyWhateverTheClock: how long ago somebody took a device does not
// hang on the clock that the director shows.
func TestTakenLatelyWhateverTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{})
		must[any](t, d, "POST", "group", groupBody(1, "mine"))
		must[any](t, d, "POST", "pool/edit", poolBody(1))
		if _, err := d.Rival().Take("gpu0"); err != nil {
			t.Fatal(err)
		}
		if err := d.SetClock(time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := d.Restart(0); err != nil {
			t.Fatal(err)
		}
		refused(t, d, "POST", "predevice/gpu", memberBody("gpu0", 1), 400)
		if v := d.Violations(); len(v) != 0 {
			t.Errorf("taken a moment ago: %+v", v)
		}
		time.Sleep(outrun) // the bubble's clock
		refused(t, d, "POST", "predevice/gpu", memberBody("gpu0", 1), 400)
		if v := d.Violations(); len(v) != 1 || v[0].Rule != RuleSystemFree {
			t.Errorf("taken long ago: %+v", v)
		}
	})
}
