package memory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
)

func open(shape memory.Shape, change ...func(*memory.Config)) *memory.World {
	c := memory.Config{
		Name: "rack1", Shape: shape, Site: "site_abcdefgh12345678",
		Counts: map[composa.Kind]int{composa.KindCPU: 2, composa.KindGPU: 4, composa.KindSSD: 4},
	}
	for _, f := range change {
		f(&c)
	}
	return memory.New(c)
}

func refs(w *memory.World, names ...string) (out []composa.DeviceRef) {
	p := w.Truth()
	for _, n := range names {
		d := p.Device(n)
		out = append(out, composa.DeviceRef{Name: n, Kind: d.Kind, Fingerprint: d.Fingerprint})
	}
	return out
}

func step(w *memory.World, act composa.Act) composa.Step {
	return composa.Step{Act: act, Fabric: w.Name(), Machine: composa.MachineRef{Name: "train", Label: "trainabcd"}}
}

func enter(w *memory.World, names ...string) composa.Step {
	s := step(w, composa.ActEnter)
	s.Attach = refs(w, names...)
	return s
}

func spot(w *memory.World, name string) string { return w.Truth().Device(name).Spot.String() }

// once lets a fault strike the first call of a name.
func once(name string, f memory.Fault) func(memory.Call) memory.Fault {
	struck := false
	return func(c memory.Call) memory.Fault {
		if c.Name != name || struck {
			return memory.Fault{}
		}
		struck = true
		return f
	}
}

func TestFaultsDoWhatTheySay(t *testing.T) {
	for _, tt := range []struct {
		name    string
		call    string
		fault   memory.Fault
		want    composa.Code
		entered bool // at once
		settled bool // after Settle
		open    int  // sessions before Settle
	}{
		{"a refused commit leaves nothing open", "edit.commit", memory.Refuse(composa.CodeRefused), composa.CodeRefused, false, false, 0},
		{"a busy group leaves nothing open", "edit.open", memory.Refuse(composa.CodeBusy), composa.CodeBusy, false, false, 0},
		{"a lost answer of the commit", "edit.commit", memory.LoseAnswer(), composa.CodeUnknown, true, true, 0},
		{"a lost commit leaves the session open", "edit.commit", memory.LoseCall(), composa.CodeUnknown, false, false, 1},
		{"a lost answer of the opening leaves it open", "edit.open", memory.LoseAnswer(), composa.CodeUnknown, false, false, 1},
		{"a late commit is called off", "edit.commit", memory.Late(0), composa.CodeUnknown, false, false, 1},
		{"a late opening is called off", "edit.open", memory.Late(0), composa.CodeUnknown, false, false, 0},
		{"a late opening that comes meanwhile is ended", "edit.open", memory.Late(1), composa.CodeUnknown, false, false, 0},
		{"a crash before the commit", "edit.commit", memory.Fault{Crash: true}, composa.CodeUnknown, false, false, 1},
		{"a crash after the commit", "edit.commit", memory.Fault{Crash: true, Effect: memory.EffectDone}, composa.CodeUnknown, true, true, 0},
		{"a stale proof proves nothing", "read", memory.Fault{Stale: true}, composa.CodeUnknown, true, true, 0},
		{"an incomplete proof proves nothing", "read", memory.Fault{Incomplete: true}, composa.CodeUnknown, true, true, 0},
		{"no connection before anything", "groups", memory.Refuse(composa.CodeUnreachable), composa.CodeUnreachable, false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := open(memory.Grouped)
			s := enter(w, "gpu0")
			strike := once(tt.call, tt.fault)
			w.Fail(func(c memory.Call) memory.Fault {
				if c.Name == "read" && !c.Proof {
					return memory.Fault{}
				}
				return strike(c)
			})
			f := w.Fabric()
			_, err := f.Apply(t.Context(), s)
			if code := driver.CodeOf(err); code != tt.want {
				t.Errorf("%v (%s), want %s", err, code, tt.want)
			}
			if got := spot(w, "gpu0") == "this site's group"; got != tt.entered {
				t.Errorf("gpu0 is in %s", spot(w, "gpu0"))
			}
			if got := w.OpenSessions(); len(got) != tt.open {
				t.Errorf("open: %v, want %d", got, tt.open)
			}
			if tt.fault.Crash {
				if err := f.Settle(t.Context(), s); driver.CodeOf(err) != composa.CodeUnreachable {
					t.Errorf("a driver that crashed settles: %v", err)
				}
				f = w.Fabric()
			}
			if err := f.Settle(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if len(w.OpenSessions())+len(w.Pending()) > 0 {
				t.Errorf("after Settle: %v %v", w.OpenSessions(), w.Pending())
			}
			w.Advance()
			if got := spot(w, "gpu0") == "this site's group"; got != tt.settled {
				t.Errorf("after Settle gpu0 is in %s", spot(w, "gpu0"))
			}
			if _, err := f.Apply(t.Context(), s); err != nil || spot(w, "gpu0") != "this site's group" {
				t.Errorf("again: %v, and gpu0 is in %s", err, spot(w, "gpu0"))
			}
		})
	}
}

func TestLateEffectsComeWhenTheyAreDue(t *testing.T) {
	made := func(w *memory.World) int { return len(w.Truth().Machines) }
	begin := func(n int) (*memory.World, driver.Fabric, composa.Step) {
		w := open(memory.Whole)
		s := step(w, composa.ActMake)
		s.Attach = refs(w, "cpu0", "gpu0")
		w.Fail(once("machine.create", memory.Late(n)))
		f := w.Fabric()
		if _, err := f.Apply(t.Context(), s); driver.CodeOf(err) != composa.CodeUnknown || made(w) != 0 {
			t.Fatalf("%v, %d machines", err, made(w))
		}
		return w, f, s
	}
	w, f, _ := begin(2)
	for n, want := range []int{0, 0, 1} {
		if _, err := f.Observe(t.Context(), composa.Scope{}); err != nil || made(w) != want {
			t.Errorf("after call %d: %v, %d machines, want %d", n+1, err, made(w), want)
		}
	}
	w, _, _ = begin(0)
	if w.Advance(); made(w) != 1 || len(w.Pending()) != 0 {
		t.Errorf("advanced: %d machines, pending %v", made(w), w.Pending())
	}
	w, f, s := begin(0)
	if err := f.Settle(t.Context(), s); err != nil || made(w) != 1 {
		t.Errorf("settled: %v, %d machines", err, made(w))
	}
	w, f, s = begin(0)
	other := s
	other.Attach = refs(w, "cpu1", "gpu1")
	if err := f.Settle(t.Context(), other); err != nil || made(w) != 0 {
		t.Errorf("settled another step: %v, %d machines", err, made(w))
	}
	w, f, _ = begin(0) // what the world refuses by the time that it comes does not happen
	if _, err := w.Foreign().Take("gpu0"); err != nil {
		t.Fatal(err)
	}
	w.Advance()
	if _, err := f.Observe(t.Context(), composa.Scope{}); err != nil || made(w) != 1 {
		t.Errorf("after a rival took a device: %v, %d machines", err, made(w))
	}
}

// One of several operations whose devices entered in one step settles that step
// whole: what was sent late for all of them can take effect no more.
func TestSettlingAPartSettlesTheWhole(t *testing.T) {
	w := open(memory.Grouped)
	f := w.Fabric()
	whole := enter(w, "gpu0", "gpu1")
	whole.Machine = composa.MachineRef{}
	w.Fail(once("edit.open", memory.Late(0)))
	if _, err := f.Apply(t.Context(), whole); driver.CodeOf(err) != composa.CodeUnknown || len(w.Pending()) != 1 {
		t.Fatalf("%v, pending %v", err, w.Pending())
	}
	if err := f.Settle(t.Context(), enter(w, "gpu1")); err != nil || len(w.OpenSessions())+len(w.Pending()) > 0 {
		t.Errorf("%v, open %v, pending %v", err, w.OpenSessions(), w.Pending())
	}
}

func TestAWorldWithASettleTimeKeepsLateEffects(t *testing.T) {
	now := time.Unix(1000, 0)
	w := open(memory.Grouped, func(c *memory.Config) {
		c.SettleTime = time.Minute
		c.Clock = func() time.Time { return now }
	})
	f, s := w.Fabric(), enter(w, "gpu0", "gpu1")
	w.Fail(once("edit.commit", memory.Late(0)))
	if _, err := f.Apply(t.Context(), s); driver.CodeOf(err) != composa.CodeUnknown {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context(), s); err != nil || len(w.Pending()) != 1 || len(w.OpenSessions()) != 0 {
		t.Fatalf("%v, pending %v, open %v", err, w.Pending(), w.OpenSessions())
	}
	now = now.Add(time.Minute) // the commit of the session that was ended comes to nothing
	if _, err := f.Observe(t.Context(), composa.Scope{}); err != nil || spot(w, "gpu0") != "the free devices" || len(w.Pending()) != 0 {
		t.Errorf("%v, gpu0 is in %s, pending %v", err, spot(w, "gpu0"), w.Pending())
	}
	made := step(w, composa.ActMake)
	made.Machine.Native = "1"
	w.Fail(once("machine.create", memory.Late(0)))
	if _, err := f.Apply(t.Context(), made); driver.CodeOf(err) != composa.CodeUnknown {
		t.Fatal(err)
	}
	if err := f.Settle(t.Context(), made); err != nil || len(w.Truth().Machines) != 0 {
		t.Fatalf("%v, %d machines", err, len(w.Truth().Machines))
	}
	now = now.Add(time.Minute)
	if p, err := f.Observe(t.Context(), composa.Scope{}); err != nil || len(p.Machines) != 1 {
		t.Errorf("a minute later: %v, %+v", err, p)
	}
	if able, err := f.Abilities(t.Context()); err != nil || able.SettleTime != time.Minute {
		t.Errorf("%v, settle time %v", err, able.SettleTime)
	}
}

func TestDelaysTakeTimeAndEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(memory.Grouped)
		w.SetDelays(memory.Delays{Read: time.Second, Change: 10 * time.Second})
		f, s := w.Fabric(), enter(w, "gpu0")
		began := time.Now()
		p, err := f.Apply(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		// read, groups, group.create, edit.open, edit.commit, read
		if took := time.Since(began); took != 33*time.Second {
			t.Errorf("took %v, want 33s", took)
		}
		if got := p.Began.Sub(began); got != 32*time.Second || p.Ended.Sub(p.Began) != time.Second {
			t.Errorf("the proof began after %v and took %v", got, p.Ended.Sub(p.Began))
		}

		ctx, stop := context.WithTimeout(t.Context(), 15*time.Second)
		defer stop()
		next := enter(w, "gpu1") // ends in the middle of the commit
		_, err = f.Apply(ctx, next)
		if driver.CodeOf(err) != composa.CodeUnknown || len(w.Pending()) != 1 {
			t.Errorf("%v, pending %v", err, w.Pending())
		}
		if err := f.Settle(t.Context(), next); err != nil || len(w.OpenSessions())+len(w.Pending()) > 0 {
			t.Errorf("%v, open %v, pending %v", err, w.OpenSessions(), w.Pending())
		}

		w.Fail(once("edit.open", memory.Fault{Hang: true}))
		hung, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began = time.Now()
		_, err = f.Apply(hung, enter(w, "gpu2"))
		if driver.CodeOf(err) != composa.CodeUnknown || time.Since(began) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestHangWithoutAnEndOfTheContextReturns(t *testing.T) {
	w := open(memory.Grouped)
	w.Fail(once("read", memory.Fault{Hang: true}))
	if _, err := w.Fabric().Observe(context.Background(), composa.Scope{}); driver.CodeOf(err) != composa.CodeUnreachable {
		t.Error(err)
	}
}

func TestWholeKeepsUnitsAndDomains(t *testing.T) {
	for _, tt := range []struct {
		devices string
		want    composa.Code
		why     string
	}{
		{"cpu0 gpu0 ssd0 ssd1", "", ""},
		{"cpu0 gpu0 ssd0", composa.CodeRefused, "moves only together with ssd1"},
		{"cpu0 gpu0 gpu3", composa.CodeRefused, "no domain in common"},
	} {
		w := open(memory.Whole, func(c *memory.Config) {
			c.Counts = map[composa.Kind]int{composa.KindCPU: 4, composa.KindGPU: 4, composa.KindSSD: 4}
		})
		s := step(w, composa.ActMake)
		s.Attach = refs(w, strings.Fields(tt.devices)...)
		_, err := w.Fabric().Apply(t.Context(), s)
		if driver.CodeOf(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %s", tt.devices, err, tt.want)
		}
		if made := len(w.Truth().Machines) == 1; made != (tt.want == "") {
			t.Errorf("%s: %d machines", tt.devices, len(w.Truth().Machines))
		}
	}
}

func TestWholeIsChangedOnlyWhileItIsOff(t *testing.T) {
	w := open(memory.Whole)
	f, s := w.Fabric(), step(w, composa.ActMake)
	s.Attach = refs(w, "cpu0", "gpu0")
	p, err := f.Apply(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	m := s.Made(p)
	add := step(w, composa.ActReshape)
	add.Machine.Native = m.Native
	add.Expect.Holds = m.Devices
	add.Attach = refs(w, "gpu1")
	if err := w.Foreign().Power(m.Native, true); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Apply(t.Context(), add); driver.CodeOf(err) != composa.CodeRefused || !strings.Contains(err.Error(), "powered on") {
		t.Errorf("powered on: %v", err)
	}
	off := step(w, composa.ActPower)
	off.Machine.Native = m.Native
	for _, s := range []composa.Step{off, add} {
		if _, err := f.Apply(t.Context(), s); err != nil {
			t.Errorf("%s: %v", &s, err)
		}
	}
}

func TestAMachineHoldsNoMoreThanItCan(t *testing.T) {
	w := open(memory.Hosted, func(c *memory.Config) { c.MaxDevices = 2 })
	s := step(w, composa.ActReshape)
	s.Machine.Native = "host-cpu0"
	s.Expect.Holds = []string{"cpu0"}
	s.Attach = refs(w, "gpu0", "gpu1")
	_, err := w.Fabric().Apply(t.Context(), s) // the first one fits
	if driver.CodeOf(err) != composa.CodeUnknown || !strings.Contains(err.Error(), "2 devices at most") {
		t.Error(err)
	}
	if _, err := w.Fabric().Apply(t.Context(), s); driver.CodeOf(err) != composa.CodeRefused {
		t.Errorf("again: %v, want refused: nothing of it happened this time", err)
	}
}

func TestAnotherSiteIsForeign(t *testing.T) {
	w := open(memory.Grouped)
	ours, theirs := w.Fabric(), w.FabricFor("site_zzzzzzzz12345678", composa.AccessManage)
	if _, err := theirs.Apply(t.Context(), enter(w, "gpu0")); err != nil {
		t.Fatal(err)
	}
	if at := w.Truth().Device("gpu0").Spot.Area; at != composa.AreaForeign {
		t.Errorf("gpu0 of another site is in %s", at)
	}
	if _, err := ours.Apply(t.Context(), enter(w, "gpu0")); driver.CodeOf(err) != composa.CodeConflict {
		t.Errorf("to take it: %v", err)
	}
}

func TestASessionOfOthersIsBusyAndIsLeftOpen(t *testing.T) {
	w := open(memory.Grouped)
	f, s := w.Fabric(), step(w, composa.ActMake)
	s.Machine.Native = "1"
	if _, err := f.Apply(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	all := enter(w, "gpu0")
	if _, err := f.Apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	w.Foreign().OpenSession("1")
	add := s
	add.Act, add.Attach = composa.ActReshape, refs(w, "gpu0")
	if _, err := f.Apply(t.Context(), add); driver.CodeOf(err) != composa.CodeBusy {
		t.Errorf("while others edit it: %v", err)
	}
	if err := f.Settle(t.Context(), add); err != nil || len(w.OpenSessions()) != 1 {
		t.Errorf("%v, open %v, want theirs", err, w.OpenSessions())
	}
	w.Foreign().CloseSessions()
	if _, err := f.Apply(t.Context(), add); err != nil {
		t.Errorf("after they ended it: %v", err)
	}
}

// A driver that looked before somebody else made the machine his own is held
// back by the world, which counts it.
func TestAChangeOfOthersIsCountedAsAViolation(t *testing.T) {
	w := open(memory.Grouped)
	f, s := w.Fabric(), step(w, composa.ActMake)
	s.Machine.Native = "1"
	p, err := f.Apply(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.Machine.NativeSince = s.Made(p).Created
	// Between the look and the change the machine becomes somebody else's.
	w.Fail(func(c memory.Call) memory.Fault {
		if c.Name == "machine.remove" {
			if err := w.Foreign().RemoveMachine("1"); err != nil {
				t.Error(err)
			}
			w.Fail(nil)
			other := w.FabricFor("site_zzzzzzzz12345678", composa.AccessManage)
			theirs := s
			theirs.Act, theirs.Machine = composa.ActMake, composa.MachineRef{Label: "theirs", Native: "1"}
			if _, err := other.Apply(t.Context(), theirs); err != nil {
				t.Error(err)
			}
		}
		return memory.Fault{}
	})
	s.Act = composa.ActRemove
	if _, err := f.Apply(t.Context(), s); driver.CodeOf(err) != composa.CodeConflict {
		t.Errorf("%v, want conflict", err)
	}
	if v := w.Violations(); len(v) != 1 || !strings.Contains(v[0], "somebody else") {
		t.Errorf("violations: %q", v)
	}
	if m := w.Truth().Machine("1"); m == nil || m.Label != "theirs" {
		t.Errorf("machine 1 is %+v", m)
	}
}

func TestRivalErrorsNameWhatIsNotThere(t *testing.T) {
	w := open(memory.Grouped)
	r := w.Foreign()
	_, take := r.Take("gpu99")
	for _, err := range []error{take, r.AddTo("7", "gpu0"), r.Enter("gpu99"), r.Vanish("gpu99"), r.Return("gpu99"), r.Replace("gpu99", "x"), r.RemoveMachine("7"), r.Release("gpu99"), r.Hold("gpu99", true), r.SetHealth("gpu99", composa.HealthFailed), r.Power("7", true)} {
		if composa.CodeOf(err) != composa.CodeNotFound {
			t.Errorf("%v, want not_found", err)
		}
	}
	if len(w.Truth().Machines) != 0 {
		t.Error("a machine was made for a device that is not there")
	}
	if _, err := open(memory.Hosted).Foreign().MakeMachine("x"); composa.CodeOf(err) != composa.CodeUnsupported {
		t.Errorf("hosted: %v", err)
	}
	if err := open(memory.Whole).Foreign().Enter("gpu0"); composa.CodeOf(err) != composa.CodeUnsupported {
		t.Errorf("whole: %v", err)
	}
}

func TestHealthAndPartsAreShown(t *testing.T) {
	w := open(memory.Grouped, func(c *memory.Config) {
		c.Parts = []memory.Part{
			{Name: "g10", Kind: composa.KindGPU, Fingerprint: composa.Fingerprint{Serial: "x"}},
			{Name: "g9", Kind: composa.KindGPU, Fingerprint: composa.Fingerprint{Serial: "y"}, Health: composa.HealthDegraded},
			{Name: "c0", Kind: composa.KindCPU, Fingerprint: composa.Fingerprint{Serial: "z"}, Host: &composa.Host{Address: "192.0.2.7", Source: "fabric"}},
		}
	})
	if err := w.Foreign().SetHealth("g10", composa.HealthFailed); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range w.Truth().Devices {
		got = append(got, fmt.Sprint(d.Name, " ", d.Health))
	}
	if want := []string{"c0 ok", "g9 degraded", "g10 failed"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if h := w.Truth().Device("c0").Host; h == nil || h.Address != "192.0.2.7" {
		t.Errorf("host %+v", h)
	}
}

// A seed repeats what happened, call by call.
func TestASeedRepeatsARun(t *testing.T) {
	run := func(seed uint64) (log []string) {
		now := time.Unix(0, 0)
		w := open(memory.Grouped, func(c *memory.Config) { c.Clock = func() time.Time { now = now.Add(time.Second); return now } })
		random := memory.Random(rand.New(rand.NewPCG(seed, 0)), 3)
		w.Fail(func(c memory.Call) memory.Fault {
			f := random(c)
			log = append(log, fmt.Sprintf("%s %+v", c, f))
			return f
		})
		f := w.Fabric()
		for _, name := range []string{"gpu0", "gpu1", "ssd0"} {
			s := enter(w, name)
			for range 20 {
				_, err := f.Apply(t.Context(), s)
				log = append(log, string(driver.CodeOf(err)))
				if err == nil {
					break
				}
				_ = f.Settle(t.Context(), s) // may fail too: the next round sees
			}
		}
		return log
	}
	first := run(7)
	if !slices.Equal(first, run(7)) {
		t.Error("the same seed gave two runs")
	}
	if slices.Equal(first, run(8)) {
		t.Error("two seeds gave one run")
	}
}

// Random faults are of every kind, so that the suite meets each of them.
func TestRandomFaultsAreOfEveryKind(t *testing.T) {
	random := memory.Random(rand.New(rand.NewPCG(1, 1)), 2)
	kinds := map[string]int{}
	for n := range 2000 {
		f := random(memory.Call{Name: "x", Changing: n%2 == 0, Proof: n%4 == 1})
		kinds[fmt.Sprintf("%s %s stale=%v incomplete=%v", f.Code, f.Effect, f.Stale, f.Incomplete)]++
	}
	for _, want := range []string{
		"  stale=false incomplete=false", "refused  stale=false incomplete=false", "busy  stale=false incomplete=false",
		"unreachable  stale=false incomplete=false", "unknown  stale=false incomplete=false", "unknown done stale=false incomplete=false",
		"unknown late stale=false incomplete=false", "  stale=true incomplete=false", "  stale=false incomplete=true",
	} {
		if kinds[want] == 0 {
			t.Errorf("never %q in %v", want, kinds)
		}
	}
}

func TestAStepOfAnotherFabricIsRefused(t *testing.T) {
	w := open(memory.Grouped)
	s := enter(w, "gpu0")
	s.Fabric = "rack2"
	if _, err := w.Fabric().Apply(t.Context(), s); driver.CodeOf(err) != composa.CodeRefused {
		t.Error(err)
	}
	if calls, _ := w.Calls(); calls != 0 {
		t.Errorf("%d calls", calls)
	}
}

// A stranger who comes between the look and the commit is seen by the commit.
func TestACommitSeesAStranger(t *testing.T) {
	w := open(memory.Grouped)
	f, s := w.Fabric(), step(w, composa.ActMake)
	s.Machine.Native = "1"
	for _, s := range []composa.Step{enter(w, "gpu0"), s} {
		if _, err := f.Apply(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	w.Fail(func(c memory.Call) memory.Fault {
		if c.Name == "edit.commit" {
			if err := w.Foreign().AddTo("1", "gpu1"); err != nil {
				t.Error(err)
			}
		}
		return memory.Fault{}
	})
	s.Act, s.Attach = composa.ActReshape, refs(w, "gpu0")
	if _, err := f.Apply(t.Context(), s); driver.CodeOf(err) != composa.CodeConflict {
		t.Errorf("%v, want conflict", err)
	}
	if got := w.Truth().Machine("1").Devices; !slices.Equal(got, []string{"gpu1"}) || len(w.OpenSessions()) != 0 {
		t.Errorf("machine 1 holds %v, open %v", got, w.OpenSessions())
	}
}

func TestAHostThatLeavesItsMachineIsOff(t *testing.T) {
	w := open(memory.Grouped)
	r := w.Foreign()
	power := func(native string) composa.PowerState { return w.Truth().Machine(native).Power }
	first, err := r.MakeMachine("first", "cpu0")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Power(first, true); err != nil || power(first) != composa.PowerOn {
		t.Errorf("%v, and it is %s", err, power(first))
	}
	next, err := r.MakeMachine("next", "cpu0")
	if err != nil || power(first) != composa.PowerOff || power(next) != composa.PowerOff {
		t.Errorf("%v: the machine without its host is %s, the next one %s", err, power(first), power(next))
	}
}
