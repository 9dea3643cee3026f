package liqid

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// linked is what counts of an answer 202 (liqid-api.md 2.13).
type linked struct {
	GrpID  int `json:"grp_id"`
	MachID int `json:"mach_id"`
	Links  []struct {
		Href string `json:"href"`
	} `json:"links"`
}

// later makes a call that is answered 202 and returns where its link leads,
// below the prefix, and the record beside it.
func (w *wire) later(method, path, body string) (string, linked) {
	w.t.Helper()
	got := w.want(http.StatusAccepted, method, path, body)
	var e struct {
		Response struct{ Data []linked }
	}
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || len(e.Response.Data) != 1 || len(e.Response.Data[0].Links) != 1 {
		w.t.Fatalf("%s %s: %s (%v)", method, path, got.body, err)
	}
	rest, absolute := strings.CutPrefix(e.Response.Data[0].Links[0].Href, "http://director"+prefix)
	if !absolute {
		w.t.Fatalf("the link is %s, not an absolute URL of this director", e.Response.Data[0].Links[0].Href)
	}
	return rest, e.Response.Data[0]
}

// stands asks for the state behind a link; empty is 404.
func (w *wire) stands(path string) string {
	w.t.Helper()
	got := w.call("GET", path, "")
	if got.status == http.StatusNotFound {
		return ""
	}
	var e struct {
		Response struct{ Data []asyncStatus }
	}
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || got.status != 200 || len(e.Response.Data) != 1 {
		w.t.Fatalf("GET %s: %d %s (%v)", path, got.status, got.body, err)
	}
	return e.Response.Data[0].State
}

var slowly = Latency{10 * time.Second, 10 * time.Second}

// TestLinks walks 2.13: 202 with the record and a link, Pending while it works,
// then SUCCESS or FAILURE, later 404; the deletion of a machine has no link.
func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{API: "3.4", CommitLatency: slowly})
		// ends holds how a link goes on, and that the effect comes at its end.
		ends := func(link, how string, effect func() bool) {
			t.Helper()
			if effect() || w.stands(link) != workPending {
				t.Errorf("%s: %s at once, effect %t", link, w.stands(link), effect())
			}
			w.d.working.Wait()
			synctest.Wait()
			if got := w.stands(link); got != how || effect() != (how == workSuccess) {
				t.Errorf("%s: %q, want %s; effect %t", link, got, how, effect())
			}
			time.Sleep(workKept) // the bubble's clock
			if got := w.stands(link); got != how {
				t.Errorf("%s after %v: %q", link, workKept, got)
			}
			time.Sleep(time.Second)
			if got := w.stands(link); got != "" {
				t.Errorf("%s is remembered too long: %s", link, got)
			}
		}
		w.want(201, "POST", "group", groupBody(1, "g"))
		w.want(200, "POST", "pool/edit", poolBody(1))
		for _, v := range []string{"pcpu0", "gpu0"} {
			w.want(200, "POST", "predevice/"+classOf(v), memberBody(v, 1))
		}
		link, beside := w.later("POST", "pool/done", poolBody(1))
		if beside.GrpID != 1 {
			t.Errorf("beside the link: %+v", beside)
		}
		grouped := func() bool { v, _ := w.d.Snapshot().Device("gpu0"); return v.Group == 1 }
		ends(link, workSuccess, grouped)

		w.want(201, "POST", "machine", machineBody(1, 1, "m"))
		attach := func() string {
			w.want(200, "POST", "fabric/edit", machineBody(1, 1, "m"))
			for _, v := range []string{"pcpu0", "gpu0"} {
				w.want(200, "POST", "relate/"+classOf(v), relateBody(v, 1, 1))
			}
			link, beside := w.later("POST", "fabric/reprogram", machineBody(1, 1, "m"))
			if beside.MachID != 1 {
				t.Errorf("beside the link: %+v", beside)
			}
			return link
		}
		attached := func() bool { v, _ := w.d.Snapshot().Device("gpu0"); return v.Machine == 1 }
		link = attach()
		if err := w.d.Gone("gpu0"); err != nil {
			t.Fatal(err)
		}
		ends(link, workFailure, attached)
		if err := w.d.Return("gpu0"); err != nil {
			t.Fatal(err)
		}
		w.want(200, "POST", "fabric/edit/cancel", machineBody(1, 1, "m")) // a commit that fails leaves its session open
		ends(attach(), workSuccess, attached)

		link, _ = w.later("POST", "machine/p2p", `{"mach_id":1,"p2p":"on"}`)
		ends(link, workSuccess, func() bool { return w.d.Snapshot().Machines[0].P2P })

		began := time.Now()
		w.want(200, "DELETE", "machine/1", "")
		if took := time.Since(began); took != 10*time.Second || len(w.d.Snapshot().Machines) != 0 {
			t.Errorf("the deletion took %v", took)
		}
		if v := w.d.Violations(); len(v) != 0 {
			t.Errorf("violations: %+v", v)
		}
	})
}

// TestEarlyCommits holds that an early director says that it is done when it is
// not, that going on is refused meanwhile, and that nobody is blamed for it.
func TestEarlyCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{Habits: Habits{Commit: "early"}, CommitLatency: slowly})
		w.want(201, "POST", "group", groupBody(1, "g"))
		w.want(200, "POST", "pool/edit", poolBody(1))
		w.want(200, "POST", "predevice/compute", memberBody("pcpu0", 1))
		began := time.Now()
		w.want(200, "POST", "pool/done", poolBody(1))
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		if v, _ := w.d.Snapshot().Device("pcpu0"); v.Group != 0 {
			t.Error("it is done at once")
		}
		w.want(400, "POST", "pool/edit", poolBody(1))
		w.d.working.Wait()
		if v, _ := w.d.Snapshot().Device("pcpu0"); v.Group != 1 || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), v)
		}
		w.want(201, "POST", "machine", machineBody(1, 1, "m"))
		w.want(200, "DELETE", "machine/1", "")
		if len(w.d.Snapshot().Machines) != 1 {
			t.Error("the machine is gone at once")
		}
		w.want(400, "POST", "fabric/edit", machineBody(1, 1, "m"))
		w.d.working.Wait()
		if len(w.d.Snapshot().Machines) != 0 {
			t.Error("the machine is still there")
		}
		if v := w.d.Violations(); len(v) != 0 {
			t.Errorf("violations: %+v", v)
		}
	})
}

// TestWhoIsBlamedForACommitUnderWay: whoever began it and was told where to ask,
// and nobody else.
func TestWhoIsBlamedForACommitUnderWay(t *testing.T) {
	p := meet(t, Config{API: "3.4", CommitLatency: Latency{time.Hour, time.Hour}})
	ask[any](p, "POST", "group", groupBody(1, "g"))
	ask[any](p, "POST", "pool/edit", poolBody(1))
	ask[any](p, "POST", "pool/done", poolBody(1))
	p.as("other").denied(400, "POST", "pool/edit", poolBody(1))
	if n, rule := p.counted(); n != 0 {
		t.Errorf("another client broke %q", rule)
	}
	p.denied(400, "POST", "pool/edit", poolBody(1))
	if n, rule := p.counted(); n != 1 || rule != RuleCommitting {
		t.Errorf("%d, %q", n, rule)
	}
}

// TestErase3 walks 2.9 in 3.x: an answer at once, then Pending under the dev_id,
// and the data gone at the end; FAILURE when the drive is not to be had by then.
func TestErase3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{API: "3.2", CommitLatency: slowly})
		compose(t, w.d, "pcpu0", "ssd0")
		must[any](t, w.d, "PUT", "power/start/1/1", "")
		must[any](t, w.d, "DELETE", "machine/1", "")
		data := func() bool { v, _ := w.d.Snapshot().Device("ssd0"); return v.HoldsData }
		erase := func() {
			t.Helper()
			info := must[asyncInfo](t, w.d, "PUT", "device/0x00005000", "")
			if info[0] != (asyncInfo{"0x00005000", "0x00005000"}) || !data() {
				t.Errorf("%+v, data %t", info, data())
			}
			if got := w.stands("device/erase//0x00005000"); got != workPending {
				t.Errorf("at once: %s", got)
			}
		}
		erase()
		refused(t, w.d, "PUT", "device/0x00005000", "", 400) // once at a time
		if err := w.d.Gone("ssd0"); err != nil {
			t.Fatal(err)
		}
		w.d.working.Wait()
		synctest.Wait()
		if got := w.stands("device/erase//0x00005000"); got != workFailure || !data() {
			t.Errorf("of a drive that vanished: %s, data %t", got, data())
		}
		if err := w.d.Return("ssd0"); err != nil {
			t.Fatal(err)
		}
		erase()
		w.d.working.Wait()
		synctest.Wait()
		if got := w.stands("device/erase//0x00005000"); got != workSuccess || data() {
			t.Errorf("at the end: %s, data %t", got, data())
		}
		time.Sleep(workKept + time.Second)
		if got := w.stands("device/erase//0x00005000"); got != "" {
			t.Errorf("long after: %s", got)
		}
	})
}

// TestWorkIsBounded: what ended first is forgotten first, and what goes on never.
func TestWorkIsBounded(t *testing.T) {
	var w work
	begin := func() error { _, err := w.begin("", unset, time.Now()); return err }
	for range maxWork {
		if err := begin(); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(); err == nil || !strings.Contains(err.Error(), "1000") {
		t.Errorf("one too many: %v", err)
	}
	w.end("2", nil)
	if err := begin(); err != nil {
		t.Error(err)
	}
	if _, there := w.find("2"); there {
		t.Error("what ended is remembered")
	}
	if first, there := w.find("1"); !there || first.state != workPending {
		t.Errorf("what goes on is forgotten: %+v", first)
	}
}

// TestCloseEndsWork: nothing goes on behind a director that is closed, and what
// was not done by then is not done.
func TestCloseEndsWork(t *testing.T) {
	d := start(t, Config{API: "3.4", CommitLatency: Latency{time.Hour, time.Hour}})
	must[any](t, d, "POST", "group", groupBody(1, "g"))
	must[any](t, d, "POST", "pool/edit", poolBody(1))
	must[any](t, d, "POST", "predevice/gpu", memberBody("gpu0", 1))
	must[any](t, d, "POST", "pool/done", poolBody(1))
	must[any](t, d, "PUT", "device/0x00005000", "")
	d.Close()
	if s := d.Snapshot(); len(s.Pending) != 0 || len(s.Groups[0].Devices) != 0 {
		t.Errorf("after Close: %+v", s.Pending)
	}
}

// TestEarlyCommitsWithOneEdit: who was told that it is done goes on to the next
// edit, and breaks no rule by that.
func TestEarlyCommitsWithOneEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{API: "3.2", Habits: Habits{Commit: "early"}, CommitLatency: slowly})
		w.want(201, "POST", "group", groupBody(1, "g"))
		w.want(201, "POST", "machine", machineBody(1, 1, "m"))
		w.want(200, "POST", "pool/edit", poolBody(1))
		w.want(200, "POST", "pool/done", poolBody(1))
		w.want(400, "POST", "fabric/edit", machineBody(1, 1, "m"))
		w.want(400, "DELETE", "group/1", "")
		if v := w.d.Violations(); len(v) != 0 {
			t.Errorf("violations: %+v", v)
		}
		w.d.working.Wait()
		w.want(200, "POST", "fabric/edit", machineBody(1, 1, "m"))
		w.want(400, "POST", "pool/edit", poolBody(1))
		if v := w.d.Violations(); len(v) != 1 || v[0].Rule != RuleOneEdit {
			t.Errorf("violations: %+v", v)
		}
	})
}
