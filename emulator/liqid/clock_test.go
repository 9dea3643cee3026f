package liqid

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestClockOff: what the director shows follows its own clock, what it waits for
// does not.
func TestClockOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{ClockOff: -time.Hour, BootLatency: Latency{Min: time.Second}})
		compose(t, d, "pcpu0")
		if m := d.Snapshot().Machines[0]; !m.Created.Equal(time.Now().Add(-time.Hour)) {
			t.Errorf("created %v by a clock that is an hour behind %v", m.Created, time.Now())
		}
		must[any](t, d, "POST", "power/start", `{"mach_id":1}`)
		time.Sleep(time.Second)
		if run := d.Snapshot().Machines[0].Run; run != "up" {
			t.Errorf("a second after start with a boot of a second: %s", run)
		}
		if err := d.SetClock(48 * time.Hour); err != nil {
			t.Fatal(err)
		}
		must[any](t, d, "POST", "group", groupBody(2, "g"))
		must[any](t, d, "POST", "machine", machineBody(2, 2, "m"))
		if m := d.Snapshot().Machines[1]; !m.Created.Equal(time.Now().Add(48 * time.Hour)) {
			t.Errorf("created %v by a clock two days ahead of %v", m.Created, time.Now())
		}
	})
}

func TestClockOffIsLimited(t *testing.T) {
	_, err := New(Config{ClockOff: MaxClockOff + 1})
	if err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("New: %v", err)
	}
	d := start(t, Config{})
	if err := d.SetClock(-MaxClockOff - 1); err == nil {
		t.Error("a clock that is off by more than the limit was taken")
	}
}

// TestBootTakesItsTime whatever the director's clock shows meanwhile.
func TestBootTakesItsTime(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			d := start(t, Config{BootLatency: Latency{Min: time.Minute}})
			compose(t, d, "pcpu0")
			must[any](t, d, "POST", "power/start", `{"mach_id":1}`)
			if err := d.SetClock(off); err != nil {
				t.Fatal(err)
			}
			for _, run := range []string{"on", "up"} {
				node := must[nodeRecord](t, d, "GET", "node/status", "")[0]
				if m := d.Snapshot().Machines[0]; m.Run != run || node.Run != run {
					t.Errorf("clock off by %v: run is %s and %s, want %s", off, m.Run, node.Run, run)
				}
				if run == "up" && node.Uptime != "0 minutes" {
					t.Errorf("clock off by %v: up for %s", off, node.Uptime)
				}
				time.Sleep(time.Minute) // the bubble's clock
			}
		})
	}
}
