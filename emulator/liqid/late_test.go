package liqid

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLateEffects: each committing call is answered 500 and happens later,
// though whoever asked cleaned up in between.
func TestLateEffects(t *testing.T) {
	machine := `{"mach_id":1}`
	for _, tt := range []struct {
		name               string
		prepare            [][3]string
		method, path, body string
		cleanUp            [][3]string
		before, then       string // what is so of gpu1: group and machine
	}{
		{"pool/done", [][3]string{{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu1", 1)}},
			"POST", "pool/done", poolBody(1), [][3]string{{"POST", "pool/cancel", poolBody(1)}}, "free", "grouped"},
		{"pool/done takes out", [][3]string{{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu1", 1)}, {"POST", "pool/done", poolBody(1)},
			{"POST", "pool/edit", poolBody(1)}, {"DELETE", "predevice/gpu", memberBody("gpu1", 1)}},
			"POST", "pool/done", poolBody(1), [][3]string{{"POST", "pool/cancel", poolBody(1)}}, "grouped", "free"},
		{"reprogram", [][3]string{{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu1", 1)}, {"POST", "pool/done", poolBody(1)},
			{"POST", "fabric/edit", machine}, {"POST", "relate/gpu", relateBody("gpu1", 1, 1)}},
			"POST", "fabric/reprogram", machine, [][3]string{{"POST", "fabric/edit/cancel", machine}}, "grouped", "attached"},
		{"delete machine", [][3]string{{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu1", 1)}, {"POST", "pool/done", poolBody(1)},
			{"POST", "fabric/edit", machine}, {"POST", "relate/gpu", relateBody("gpu1", 1, 1)}, {"POST", "fabric/reprogram", machine}},
			"DELETE", "machine/1", "", nil, "attached", "grouped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := onWire(t, Config{CommitLatency: Latency{Min: time.Second}})
				compose(t, w.d, "pcpu0", "gpu0")
				for _, c := range tt.prepare {
					w.want(200, c[0], c[1], c[2])
				}
				fault(t, w.d, "#1 "+tt.method+" "+tt.path+" late=30s")
				began := time.Now()
				if got := w.want(500, tt.method, tt.path, tt.body); time.Since(began) != 0 || !strings.Contains(got.body, `"code":500`) {
					t.Errorf("answered after %v: %s", time.Since(began), got.body)
				}
				for _, c := range tt.cleanUp {
					w.want(200, c[0], c[1], c[2])
				}
				if got := w.want(200, "GET", "state/1", ""); strings.Count(got.body, "commandId") != 1 {
					t.Errorf("state/1 while it is under way: %s", got.body)
				}
				time.Sleep(30*time.Second - 1)
				synctest.Wait()
				if s := w.d.Snapshot(); s.Late != 1 || whereIs(s, "gpu1") != tt.before {
					t.Errorf("before its time: %d late, gpu1 is %s", s.Late, whereIs(s, "gpu1"))
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if s := w.d.Snapshot(); s.Late != 0 || whereIs(s, "gpu1") != tt.then || len(s.Sessions) != 0 {
					t.Errorf("at its time: %d late, gpu1 is %s, sessions %v", s.Late, whereIs(s, "gpu1"), s.Sessions)
				}
				if got := w.want(200, "GET", "state/1", ""); strings.Contains(got.body, "commandId") {
					t.Errorf("state/1 after it: %s", got.body)
				}
				if v := w.d.Violations(); len(v) != 0 {
					t.Errorf("violations: %v", v)
				}
			})
		})
	}
}

// whereIs says how far a device is from the system free pool.
func whereIs(s Snapshot, name string) string {
	switch d, _ := s.Device(name); {
	case d.Machine != 0:
		return "attached"
	case d.Group != 0:
		return "grouped"
	}
	return "free"
}

// TestLateP2P in every era and by every habit of answering.
func TestLateP2P(t *testing.T) {
	for _, api := range Eras() {
		for _, commit := range HabitValues("commit") {
			synctest.Test(t, func(t *testing.T) {
				w := onWire(t, Config{API: api, Habits: Habits{Commit: commit}})
				w.want(201, "POST", "group", groupBody(1, "g"))
				w.want(201, "POST", "machine", machineBody(1, 1, "m"))
				fault(t, w.d, "* POST machine/p2p late=30s")
				w.want(500, "POST", "machine/p2p", `{"mach_id":1,"p2p":"on"}`)
				if w.d.Snapshot().Machines[0].P2P {
					t.Errorf("%s, %s: p2p is on before its time", api, commit)
				}
				time.Sleep(30 * time.Second)
				synctest.Wait()
				if !w.d.Snapshot().Machines[0].P2P {
					t.Errorf("%s, %s: p2p is not on at its time", api, commit)
				}
			})
		}
	}
}

// TestLateDeletionOfAnotherMachine: a deletion that comes late means the machine
// that was there, not one that has its id by then.
func TestLateDeletionOfAnotherMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{})
		compose(t, w.d, "pcpu0")
		fault(t, w.d, "#1 DELETE machine/1 late=30s")
		w.want(500, "DELETE", "machine/1", "")
		w.want(200, "DELETE", "machine/1", "")
		w.want(201, "POST", "machine", machineBody(1, 1, "trainbox")) // of the same name, in the same second
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if s := w.d.Snapshot(); len(s.Machines) != 1 || s.Late != 0 {
			t.Errorf("machines = %+v, %d late", s.Machines, s.Late)
		}
	})
}

// queueLate queues gpu1 and gpu2 for group 1, and lets the commit come late.
func queueLate(t *testing.T, w *wire) {
	t.Helper()
	must[any](t, w.d, "POST", "group", groupBody(1, "g"))
	must[any](t, w.d, "POST", "pool/edit", poolBody(1))
	must[any](t, w.d, "POST", "predevice/gpu", memberBody("gpu1", 1))
	must[any](t, w.d, "POST", "predevice/gpu", memberBody("gpu2", 1))
	fault(t, w.d, "#1 POST pool/done late=30s")
	w.want(500, "POST", "pool/done", poolBody(1))
}

// TestLateEffectsKeepTheRules: what cannot be any more does not happen, no half of it.
func TestLateEffectsKeepTheRules(t *testing.T) {
	for name, meanwhile := range map[string]func(*testing.T, *wire){
		"a device is elsewhere": func(t *testing.T, w *wire) {
			if _, err := w.d.Rival().Take("gpu2"); err != nil {
				t.Fatal(err)
			}
		},
		"a device has vanished": func(t *testing.T, w *wire) {
			if err := w.d.Gone("gpu2"); err != nil {
				t.Fatal(err)
			}
		},
		"the group is gone": func(t *testing.T, w *wire) {
			w.want(200, "POST", "pool/cancel", poolBody(1))
			w.want(200, "DELETE", "group/1", "")
		},
		"the group is another": func(t *testing.T, w *wire) {
			w.want(200, "POST", "pool/cancel", poolBody(1))
			w.want(200, "DELETE", "group/1", "")
			w.want(201, "POST", "group", groupBody(1, "g"))
		},
		"the director is closed": func(t *testing.T, w *wire) {
			w.d.Close()
			if n := w.d.Snapshot().Late; n != 0 {
				t.Errorf("%d late effects of a closed director", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := onWire(t, Config{})
				queueLate(t, w)
				meanwhile(t, w)
				time.Sleep(31 * time.Second)
				synctest.Wait()
				s := w.d.Snapshot()
				if s.Late != 0 || whereIs(s, "gpu1") != "free" {
					t.Errorf("%d late, gpu1 is %s", s.Late, whereIs(s, "gpu1"))
				}
			})
		})
	}
}

// TestLateEffectOfAnOpenSession: it ends the session it came out of, and no other.
func TestLateEffectOfAnOpenSession(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := onWire(t, Config{})
			queueLate(t, w)
			if again {
				w.want(200, "POST", "pool/cancel", poolBody(1))
				w.want(200, "POST", "pool/edit", poolBody(1))
			}
			time.Sleep(30 * time.Second)
			synctest.Wait()
			s := w.d.Snapshot()
			if open := len(s.Sessions) == 1; whereIs(s, "gpu1") != "grouped" || open != again {
				t.Errorf("opened again: %t; gpu1 is %s, sessions %v", again, whereIs(s, "gpu1"), s.Sessions)
			}
		})
	}
}

// TestLateRefusals: what is refused now is refused as ever, and nothing comes later.
func TestLateRefusals(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0")
	fault(t, d, "* * late=1h")
	refused(t, d, "POST", "pool/done", poolBody(1), 400)
	refused(t, d, "POST", "fabric/reprogram", `{"mach_id":1}`, 400)
	refused(t, d, "DELETE", "machine/7", "", 400)
	must[any](t, d, "GET", "machine", "")
	if n := d.Snapshot().Late; n != 0 {
		t.Errorf("%d late effects", n)
	}
}

// TestLateEffectsAreSilentByHabit: where state/{fabric} lists nothing, not this either.
func TestLateEffectsAreSilentByHabit(t *testing.T) {
	d := start(t, Config{Habits: Habits{Pending: "silent"}})
	compose(t, d, "pcpu0")
	fault(t, d, "* DELETE machine/1 late=1h")
	refused(t, d, "DELETE", "machine/1", "", 500)
	if p := must[pendingRecord](t, d, "GET", "state/1", ""); len(p) != 0 || d.Snapshot().Late != 1 {
		t.Errorf("state/1 = %+v, %d late", p, d.Snapshot().Late)
	}
}

// TestLateEffectsAreBounded: one too many is refused and does not come.
func TestLateEffectsAreBounded(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0")
	fault(t, d, "* POST machine/p2p late=1h")
	for range maxLate {
		refused(t, d, "POST", "machine/p2p", `{"mach_id":1,"p2p":"on"}`, 500)
	}
	refused(t, d, "POST", "machine/p2p", `{"mach_id":1,"p2p":"on"}`, 503)
	if n := d.Snapshot().Late; n != maxLate {
		t.Errorf("%d late effects", n)
	}
}
