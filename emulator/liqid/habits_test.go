package liqid

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/internal/stomp"
)

// as is the same connection used by another program.
func (p *party) as(agent string) *party {
	other := *p
	other.header = p.header.Clone()
	other.header.Set("User-Agent", agent)
	return &other
}

// counted says how many rules were broken since the last time, and which last.
func (p *party) counted() (n int, last Rule) {
	v := p.d.Violations()
	p.d.journal.mu.Lock()
	p.d.journal.violations = nil
	p.d.journal.mu.Unlock()
	if len(v) > 0 {
		last = v[len(v)-1].Rule
	}
	return len(v), last
}

// inGroup lists the devices of group 1.
func (p *party) inGroup() string {
	for _, g := range p.d.Snapshot().Groups {
		if g.ID == 1 {
			return strings.Join(g.Devices, " ")
		}
	}
	return "no group"
}

func TestHabitSecondEdit(t *testing.T) {
	for _, tt := range []struct {
		habit  string
		taken  bool   // the second opening
		become string // the group, once the second client is done
	}{
		{"refused", false, "gpu0"},
		{"shared", true, "gpu0 gpu1"},
		{"takes-over", true, "gpu1"},
	} {
		t.Run(tt.habit, func(t *testing.T) {
			a := meet(t, Config{Habits: Habits{SecondEdit: tt.habit}})
			b := a.as("rival")
			ask[any](a, "POST", "group", groupBody(1, "g"))
			ask[any](a, "POST", "pool/edit", poolBody(1))
			ask[any](a, "POST", "predevice/gpu", memberBody("gpu0", 1))
			last, other := a, b
			if tt.taken {
				ask[any](b, "POST", "pool/edit", poolBody(1))
				ask[any](b, "POST", "predevice/gpu", memberBody("gpu1", 1))
				last, other = b, a
			} else {
				b.denied(400, "POST", "pool/edit", poolBody(1))
			}
			ask[any](last, "POST", "pool/done", poolBody(1))
			if got := a.inGroup(); got != tt.become {
				t.Errorf("the group has %q, want %q", got, tt.become)
			}
			if n, rule := a.counted(); n != 0 {
				t.Errorf("opening beside another counts: %s", rule)
			}
			// Whoever had it open cannot know that it was ended; who never had breaks a rule.
			other.denied(400, "POST", "pool/done", poolBody(1))
			other.denied(400, "POST", "predevice/gpu", memberBody("gpu2", 1))
			other.denied(400, "POST", "pool/cancel", poolBody(1))
			if n, rule := a.counted(); (n == 0) != tt.taken {
				t.Errorf("going on counts %d times: %s", n, rule)
			}
			ask[any](other, "POST", "pool/edit", poolBody(1))
			ask[any](other, "POST", "pool/cancel", poolBody(1))
			other.denied(400, "POST", "pool/cancel", poolBody(1))
			if n, rule := a.counted(); n != 1 || rule != RuleNothingOpen {
				t.Errorf("cancelling what it ended itself: %d, %s", n, rule)
			}
		})
	}
}

// TestSharedSessionsAreBounded: a session takes so many clients and no more.
func TestSharedSessionsAreBounded(t *testing.T) {
	p := meet(t, Config{Habits: Habits{SecondEdit: "shared"}})
	ask[any](p, "POST", "group", groupBody(1, "g"))
	for i := range maxOpeners {
		ask[any](p.as(fmt.Sprint("client", i)), "POST", "pool/edit", poolBody(1))
	}
	p.as("one more").denied(400, "POST", "pool/edit", poolBody(1))
	ask[any](p.as("client0"), "POST", "pool/edit", poolBody(1)) // who is in is in
	p.blameless()
}

// TestOwnSecondEdit holds that the client that has a session open can know.
func TestOwnSecondEdit(t *testing.T) {
	for habit, broken := range map[string]int{"refused": 2, "shared": 0, "takes-over": 0} {
		p := meet(t, Config{Habits: Habits{SecondEdit: habit}})
		compose(t, p.d, "pcpu0")
		for _, c := range [][2]string{{"pool/edit", poolBody(1)}, {"fabric/edit", machineBody(1, 1, "m")}} {
			ask[any](p, "POST", c[0], c[1])
			if a := p.do("POST", c[0], c[1]); (a.status == 400) != (broken > 0) {
				t.Errorf("%s: %s again: %d", habit, c[0], a.status)
			}
		}
		if n, _ := p.counted(); n != broken {
			t.Errorf("%s: %d rules broken, want %d", habit, n, broken)
		}
	}
}

// TestDeletedUnderTheEditor: who edits a machine that somebody else deletes
// cannot know; who never edited it can.
func TestDeletedUnderTheEditor(t *testing.T) {
	p := meet(t, Config{})
	compose(t, p.d, "pcpu0", "gpu0")
	ask[any](p, "POST", "fabric/edit", machineBody(1, 1, "m"))
	other := p.as("other")
	ask[any](other, "DELETE", "machine/1", nil)
	for _, c := range [][3]string{
		{"DELETE", "relate/gpu", relateBody("gpu0", 1, 1)},
		{"POST", "fabric/reprogram", machineBody(1, 1, "m")},
		{"POST", "fabric/edit/cancel", machineBody(1, 1, "m")},
	} {
		p.denied(400, c[0], c[1], c[2])
		if n, rule := p.counted(); n != 0 {
			t.Errorf("%s of its editor counts: %s", c[1], rule)
		}
		other.denied(400, c[0], c[1], c[2])
		if n, rule := p.counted(); n != 1 || rule != RuleUnknownID {
			t.Errorf("%s of who deleted it: %d, %q", c[1], n, rule)
		}
	}
}

// TestWhoContends holds whom a director takes for the same client.
func TestWhoContends(t *testing.T) {
	a := meet(t, Config{Users: map[string]string{"ann": "one", "bob": "two"}})
	a.user, a.pass = "ann", "one"
	bob := *a
	bob.user, bob.pass = "bob", "two"
	ask[any](a, "POST", "group", groupBody(1, "g"))
	ask[any](a, "POST", "pool/edit", poolBody(1))
	for _, tt := range []struct {
		name  string
		p     *party
		count int
	}{{"the same", a, 1}, {"another program", a.as("other"), 0}, {"another user", &bob, 0}} {
		tt.p.denied(400, "POST", "pool/edit", poolBody(1))
		tt.p.denied(400, "DELETE", "group/1", nil)
		if n, rule := a.counted(); n != 2*tt.count {
			t.Errorf("%s: %d rules broken (%s), want %d", tt.name, n, rule, 2*tt.count)
		}
	}
	if open := a.d.now.pools[1]; open.others(client{"ann", "Go-http-client/1.1", "127.0.0.1"}) || !open.others(client{"ann", "Go-http-client/1.1", "192.0.2.7"}) {
		t.Errorf("opened by %+v", open.Openers)
	}
}

func TestHabitEditing(t *testing.T) {
	for _, api := range Eras() {
		t.Run(api, func(t *testing.T) {
			p := meet(t, Config{API: api, Habits: Habits{Commit: "done"}})
			compose(t, p.d, "pcpu0")
			ask[any](p, "POST", "group", groupBody(2, "other"))
			one := api >= "3"
			ask[any](p, "POST", "pool/edit", poolBody(2))
			for _, c := range [][2]string{{"pool/edit", poolBody(1)}, {"fabric/edit", machineBody(1, 1, "m")}} {
				if a := p.do("POST", c[0], c[1]); (a.status == 400) != one {
					t.Errorf("%s beside another session: %d %s", c[0], a.status, a.body)
				}
			}
			n, rule := p.counted()
			if one && (n != 2 || rule != RuleOneEdit) || !one && n != 0 {
				t.Errorf("%d rules broken, the last %q", n, rule)
			}
			if one {
				p.as("other").denied(400, "POST", "fabric/edit", machineBody(1, 1, "m"))
				if n, rule := p.counted(); n != 0 {
					t.Errorf("another client's session counts: %s", rule)
				}
				ask[any](p, "POST", "pool/done", poolBody(2))
				ask[any](p, "POST", "fabric/edit", machineBody(1, 1, "m"))
			}
		})
	}
}

func TestHabitQueue(t *testing.T) {
	for _, habit := range HabitValues("queue") {
		p := meet(t, Config{Habits: Habits{Queue: habit}})
		shows := func(when string, want string) {
			t.Helper()
			var got []string
			for _, r := range ask[predeviceRecord](p, "GET", "predevice", nil) {
				got = append(got, r.Name+"@"+r.MachID)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s, %s: predevice shows %v, want %s", habit, when, got, want)
			}
		}
		compose(t, p.d, "pcpu0", "gpu0")
		ask[any](p, "POST", "pool/edit", poolBody(1))
		ask[any](p, "POST", "predevice/gpu", memberBody("gpu1", 1))
		ask[any](p, "POST", "fabric/edit", machineBody(1, 1, "m"))
		ask[any](p, "DELETE", "relate/gpu", relateBody("gpu0", 1, 1))
		if habit == "shown" {
			shows("queued", "pcpu0@1 gpu0@n/a gpu1@n/a")
		} else {
			shows("queued", "pcpu0@1 gpu0@1")
		}
		ask[any](p, "POST", "pool/cancel", poolBody(1))
		ask[any](p, "POST", "fabric/edit/cancel", machineBody(1, 1, "m"))
		shows("cancelled", "pcpu0@1 gpu0@1")
		if free := ask[statusRecord](p, "GET", "status/gpu", nil); len(free) != 7 {
			t.Errorf("%s: %d gpus are free", habit, len(free))
		}
	}
}

// TestHabitQueuePushes holds that what is queued is pushed where it shows.
func TestHabitQueuePushes(t *testing.T) {
	d, url := serveSocket(t, Config{Habits: Habits{Queue: "shown"}})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	c, err := stomp.Dial(t.Context(), url, []string{"/data/predevice"}, stomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	must[any](t, d, "POST", "predevice/gpu", memberBody("gpu1", 1))
	next(t, c, "/data/predevice", func(l []predeviceRecord) bool { return len(l) == 1 })
	must[any](t, d, "POST", "pool/cancel", poolBody(1))
	next(t, c, "/data/predevice", func(l []predeviceRecord) bool { return len(l) == 0 })
}

func TestHabitMembers(t *testing.T) {
	for habit, want := range map[string]int{"all": 3, "unattached": 1} {
		p := meet(t, Config{Habits: Habits{Members: habit}})
		compose(t, p.d, "pcpu0", "gpu0")
		ask[any](p, "POST", "pool/edit", poolBody(1))
		ask[any](p, "POST", "predevice/gpu", memberBody("gpu1", 1))
		ask[any](p, "POST", "pool/done", poolBody(1))
		for query, want := range map[string]int{"": want, "?grp_id=1": want, "?grp_id=1&mach_id=1": 2, "?grp_id=1&mach_id=n%2Fa": 1} {
			if got := ask[predeviceRecord](p, "GET", "predevice"+query, nil); len(got) != want {
				t.Errorf("%s: predevice%s lists %d devices, want %d", habit, query, len(got), want)
			}
		}
	}
}

func TestHabitHistory(t *testing.T) {
	for _, habit := range HabitValues("history") {
		dir := t.TempDir()
		config := Config{Habits: Habits{History: habit}, DataDir: dir}
		p := meet(t, config)
		compose(t, p.d, "pcpu0", "gpu0", "gpu1")
		ask[any](p, "POST", "fabric/edit", machineBody(1, 1, "m"))
		ask[any](p, "DELETE", "relate/gpu", relateBody("gpu0", 1, 1))
		ask[any](p, "POST", "fabric/reprogram", machineBody(1, 1, "m"))
		p.d.Close()
		again := meet(t, config) // a restart keeps it
		var got []string
		for _, h := range askOne[machineRecord](again, "GET", "machine?mach_id=1", nil).History {
			got = append(got, fmt.Sprintf("%s detached=%t free=%t", h.Name, h.DTime >= h.ATime && h.DTime != 0, h.Free))
		}
		want := []string{"pcpu0 detached=false free=false", "gpu1 detached=false free=false"}
		if habit == "kept" {
			want = append(want, "gpu0 detached=true free=true")
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", habit, got, want)
		}
	}
}

// TestHistoryIsBounded: only the newest are kept.
func TestHistoryIsBounded(t *testing.T) {
	d := start(t, Config{})
	compose(t, d, "pcpu0", "gpu0")
	for range maxPast {
		for _, method := range []string{"DELETE", "POST"} {
			must[any](t, d, "POST", "fabric/edit", machineBody(1, 1, "m"))
			must[any](t, d, method, "relate/gpu", relateBody("gpu0", 1, 1))
			must[any](t, d, "POST", "fabric/reprogram", machineBody(1, 1, "m"))
		}
	}
	must[any](t, d, "POST", "fabric/edit", machineBody(1, 1, "m"))
	must[any](t, d, "DELETE", "relate/compute", relateBody("pcpu0", 1, 1))
	must[any](t, d, "POST", "fabric/reprogram", machineBody(1, 1, "m"))
	if had := d.now.machines[1].Past; len(had) != maxPast || had[maxPast-1].Name != "pcpu0" {
		t.Errorf("%d are remembered, the last %+v", len(had), had[len(had)-1])
	}
}

func TestHabitPending(t *testing.T) {
	for habit, want := range map[string]int{"lists": 1, "silent": 0} {
		synctest.Test(t, func(t *testing.T) {
			w := onWire(t, Config{Habits: Habits{Pending: habit, Commit: "early"}, CommitLatency: Latency{time.Minute, time.Minute}})
			w.want(201, "POST", "group", groupBody(1, "g"))
			w.want(200, "POST", "pool/edit", poolBody(1))
			w.want(200, "POST", "pool/done", poolBody(1))
			if got := strings.Count(w.want(200, "GET", "state/1/1", "").body, `"pool/done"`); got != want {
				t.Errorf("%s: %d are listed, want %d", habit, got, want)
			}
			w.d.working.Wait()
			if got := w.want(200, "GET", "state/1/1", "").body; strings.Contains(got, "pool/done") {
				t.Errorf("%s: listed when it is done: %s", habit, got)
			}
		})
	}
}

func TestHabitPush(t *testing.T) {
	destinations := []string{"/data/group", "/data/machine", "/data/predevice"}
	subs := func() (subs []*subscription) {
		for _, d := range destinations {
			subs = append(subs, &subscription{destination: d})
		}
		return subs
	}
	for habit, orders := range map[string]int{"subscribed": 1, "reversed": 1, "scattered": 6} {
		d := start(t, Config{Habits: Habits{Push: habit}})
		seen := map[string]bool{}
		for range 200 {
			pushed := subs()
			d.order(pushed)
			order := ""
			for _, s := range pushed {
				order += s.destination
			}
			seen[order] = true
		}
		if len(seen) != orders {
			t.Errorf("%s: %d orders, want %d", habit, len(seen), orders)
		}
		if backwards := "/data/predevice/data/machine/data/group"; seen[backwards] != (habit != "subscribed") {
			t.Errorf("%s: %v", habit, seen)
		}
	}
	// What a client hears of one change is that order.
	d, url := serveSocket(t, Config{Habits: Habits{Push: "reversed"}})
	r := openRaw(t, url)
	r.say("CONNECT\naccept-version:1.2\nheart-beat:0,0\n\n\x00")
	r.hear()
	compose(t, d, "pcpu0")
	for i, d := range destinations {
		r.say(fmt.Sprintf("SUBSCRIBE\nid:%d\ndestination:%s\n\n\x00", i, d))
		r.hear() // how it is
	}
	must[any](t, d, "DELETE", "group/1", "") // with its machine and its device
	for _, d := range []string{"/data/predevice", "/data/machine", "/data/group"} {
		if heard := r.hear(); !strings.Contains(heard, "destination:"+d+"\n") {
			t.Errorf("heard %q, want %s", heard, d)
		}
	}
}

func TestHabitMachineIDs(t *testing.T) {
	for habit, want := range map[string]string{"lowest": "2", "rising": "4"} {
		config := Config{Habits: Habits{MachineIDs: habit}, DataDir: t.TempDir()}
		p := meet(t, config)
		ask[any](p, "POST", "group", groupBody(1, "g"))
		for id := 1; id <= 3; id++ {
			if got := askOne[string](p, "GET", "machine/nextid", nil); got != fmt.Sprint(id) {
				t.Errorf("%s: the next id is %s, want %d", habit, got, id)
			}
			ask[any](p, "POST", "machine", machineBody(id, 1, "m"))
		}
		ask[any](p, "DELETE", "machine/3", nil)
		ask[any](p, "DELETE", "machine/2", nil)
		p.d.Close()
		if got := askOne[string](meet(t, config), "GET", "machine/nextid", nil); got != want {
			t.Errorf("%s: after a restart the next id is %s, want %s", habit, got, want)
		}
	}
	d := start(t, Config{Habits: Habits{MachineIDs: "rising"}})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	must[any](t, d, "POST", "machine", machineBody(MaxMachineID, 1, "m"))
	refused(t, d, "GET", "machine/nextid", "", 400)
}

func TestHabitSameP2P(t *testing.T) {
	for habit, broken := range map[string]int{"taken": 0, "refused": 1} {
		p := meet(t, Config{Habits: Habits{SameP2P: habit}})
		compose(t, p.d, "pcpu0")
		if a := p.do("POST", "machine/p2p", `{"mach_id":1,"p2p":"off"}`); (a.status == 400) != (broken == 1) {
			t.Errorf("%s: %d", habit, a.status)
		}
		if n, _ := p.counted(); n != broken {
			t.Errorf("%s: %d rules broken", habit, n)
		}
		ask[any](p, "POST", "machine/p2p", `{"mach_id":1,"p2p":"on"}`)
	}
}

func TestHabitRestart(t *testing.T) {
	for habit, want := range map[string]string{"keeps": "gpu0", "forgets-queues": "", "forgets-sessions": "refused"} {
		config := Config{Habits: Habits{Restart: habit}, DataDir: t.TempDir()}
		p := meet(t, config)
		ask[any](p, "POST", "group", groupBody(1, "g"))
		ask[any](p, "POST", "pool/edit", poolBody(1))
		ask[any](p, "POST", "predevice/gpu", memberBody("gpu0", 1))
		p.d.Close()
		again := meet(t, config)
		got := "refused"
		if a := again.do("POST", "pool/done", poolBody(1)); a.status == 200 {
			got = again.inGroup()
		}
		if got != want {
			t.Errorf("%s: the group has %q, want %q", habit, got, want)
		}
		again.blameless() // nobody told it
	}
}

// TestIDRace holds that two who were offered the same id race, and that who
// takes an id out of the blue does not.
func TestIDRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := start(t, Config{})
		must[any](t, d, "POST", "group", groupBody(1, "g"))
		p := &party{t: t, d: d}
		for _, tt := range []struct{ what, first, second string }{
			{"group", groupBody(2, "g"), groupBody(3, "g")},
			{"machine", machineBody(1, 1, "m"), machineBody(2, 1, "m")},
		} {
			must[any](t, d, "GET", tt.what+"/nextid", "")
			time.Sleep(offerKept) // the bubble's clock
			must[any](t, d, "POST", tt.what, tt.first)
			refused(t, d, "POST", tt.what, tt.first, 400)
			if n, rule := p.counted(); n != 0 {
				t.Errorf("%s: a race counts: %s", tt.what, rule)
			}
			must[any](t, d, "GET", tt.what+"/nextid", "")
			time.Sleep(offerKept + time.Second)
			must[any](t, d, "POST", tt.what, tt.second)
			refused(t, d, "POST", tt.what, tt.second, 400)
			if n, rule := p.counted(); n != 1 || rule != RuleIDFree {
				t.Errorf("%s: an id that nobody was offered lately: %d, %q", tt.what, n, rule)
			}
		}
	})
}
