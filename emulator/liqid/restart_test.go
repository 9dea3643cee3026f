package liqid

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa/internal/stomp"
)

// TestRestartForgets: what becomes of sessions and queues is a habit, with a
// data folder and without.
func TestRestartForgets(t *testing.T) {
	for habit, want := range map[string]string{
		"keeps": "group 1 [gpu1], machine 1 [gpu2]", "forgets-queues": "group 1 [], machine 1 []", "forgets-sessions": "",
	} {
		for _, dir := range []string{"", t.TempDir()} {
			t.Run(fmt.Sprintf("%s,data=%t", habit, dir != ""), func(t *testing.T) {
				d := start(t, Config{DataDir: dir, Habits: Habits{Restart: habit}})
				compose(t, d, "pcpu0", "gpu0", "ssd0")
				for _, c := range [][3]string{
					{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu2", 1)}, {"POST", "pool/done", poolBody(1)},
					{"POST", "pool/edit", poolBody(1)}, {"POST", "predevice/gpu", memberBody("gpu1", 1)},
					{"POST", "fabric/edit", `{"mach_id":1}`}, {"POST", "relate/gpu", relateBody("gpu2", 1, 1)},
				} {
					must[any](t, d, c[0], c[1], c[2])
				}
				for _, err := range []error{d.Use("gpu0", true), d.Gone("gpu7"), d.Narrow("gpu6"), d.Replace("gpu5"), d.Restart(0)} {
					if err != nil {
						t.Fatal(err)
					}
				}
				s := d.Snapshot()
				var open []string
				for _, v := range s.Sessions {
					if v.Machine != 0 {
						open = append(open, fmt.Sprintf("machine %d %v", v.Machine, v.Add))
					} else {
						open = append(open, fmt.Sprintf("group %d %v", v.Group, v.Add))
					}
				}
				if got := strings.Join(open, ", "); got != want {
					t.Errorf("sessions: %s, want %s", got, want)
				}
				if m := s.Machines; len(m) != 1 || strings.Join(m[0].Devices, " ") != "pcpu0 gpu0 ssd0" {
					t.Errorf("machines = %+v", m)
				}
				gpu0, _ := s.Device("gpu0")
				gpu5, _ := s.Device("gpu5")
				gpu6, _ := s.Device("gpu6")
				gpu7, _ := s.Device("gpu7")
				if gpu0.InUse || gpu5.Replaced != 1 || !gpu6.Narrow || !gpu7.Gone {
					t.Errorf("devices: %+v %+v %+v %+v", gpu0, gpu5, gpu6, gpu7)
				}
				if v := d.Violations(); len(v) != 0 {
					t.Errorf("violations: %v", v)
				}
			})
		}
	}
}

// TestRestartAmidACommit: it is finished, or never carried out, by habit; its
// client hears nothing either way, nor does anybody while the director is down.
func TestRestartAmidACommit(t *testing.T) {
	for habit, want := range map[string]string{"keeps": "grouped", "forgets-queues": "grouped", "forgets-sessions": "free"} {
		for _, how := range []string{"by fault", "by hand", "with a data folder"} {
			t.Run(habit+", "+how, func(t *testing.T) {
				c := Config{CommitLatency: Latency{Min: 10 * time.Second}, Habits: Habits{Restart: habit}}
				if how == "with a data folder" {
					c.DataDir = t.TempDir()
				}
				synctest.Test(t, func(t *testing.T) {
					w := onWire(t, c)
					must[any](t, w.d, "POST", "group", groupBody(1, "g"))
					must[any](t, w.d, "POST", "pool/edit", poolBody(1))
					must[any](t, w.d, "POST", "predevice/gpu", memberBody("gpu1", 1))
					began := time.Now()
					if how == "by fault" {
						fault(t, w.d, "* POST pool/done restart=2s")
						w.want(0, "POST", "pool/done", poolBody(1))
					} else {
						done := make(chan heard)
						go func() { done <- w.call("POST", "pool/done", poolBody(1)) }()
						synctest.Wait()
						if err := w.d.Restart(2 * time.Second); err != nil {
							t.Fatal(err)
						}
						if got := <-done; got.err == nil {
							t.Errorf("answered %d %s", got.status, got.body)
						}
					}
					if took := time.Since(began); took != 0 {
						t.Errorf("the connection was cut after %v", took)
					}
					w.want(0, "GET", "fabric/id", "")
					time.Sleep(2*time.Second - 1)
					w.want(0, "GET", "fabric/id", "")
					time.Sleep(time.Nanosecond)
					w.want(200, "GET", "fabric/id", "")
					if at := whereIs(w.d.Snapshot(), "gpu1"); at != "free" {
						t.Errorf("while the commit is under way, gpu1 is %s", at)
					}
					time.Sleep(8 * time.Second)
					synctest.Wait()
					if s := w.d.Snapshot(); whereIs(s, "gpu1") != want || len(s.Sessions) != 0 || len(s.Pending)+s.Late != 0 {
						t.Errorf("gpu1 is %s, want %s; sessions %v, pending %v, %d late", whereIs(s, "gpu1"), want, s.Sessions, s.Pending, s.Late)
					}
				})
			})
		}
	}
}

// TestRestartFault: a call that commits nothing comes too late, unless another
// fault lets it be carried out first.
func TestRestartFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{})
		fault(t, w.d, "#1 POST group restart", "#2 POST group drop-after", "#2 POST group restart=1s")
		w.want(0, "POST", "group", groupBody(1, "a"))
		if g := w.d.Snapshot().Groups; len(g) != 0 {
			t.Errorf("groups = %v", g)
		}
		w.want(0, "POST", "group", groupBody(1, "a"))
		if g := w.d.Snapshot().Groups; len(g) != 1 {
			t.Errorf("groups = %v", g)
		}
		w.want(0, "GET", "group", "")
		time.Sleep(time.Second)
		w.want(200, "GET", "group", "")
	})
}

// TestRestartDropsWhatIsOnItsWay: a call that was not taken up yet never is.
func TestRestartDropsWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{})
		fault(t, w.d, "* POST group delay=1m", "* GET machine hang")
		done := make(chan heard, 2)
		go func() { done <- w.call("POST", "group", groupBody(1, "a")) }()
		go func() { done <- w.call("GET", "machine", "") }()
		synctest.Wait()
		if err := w.d.Restart(0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := <-done; got.err == nil {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if g := w.d.Snapshot().Groups; len(g) != 0 {
			t.Errorf("groups = %v", g)
		}
	})
}

// TestRestartBeforeACall: a call that arrived before a restart is not taken up
// after it, however little stands between them.
func TestRestartBeforeACall(t *testing.T) {
	var d *Director
	w := onWire(t, Config{Before: func(c Call) {
		if c.Number == 1 {
			if err := d.Restart(0); err != nil {
				t.Error(err)
			}
		}
	}})
	d = w.d
	w.want(0, "POST", "group", groupBody(1, "a"))
	if g := d.Snapshot().Groups; len(g) != 0 {
		t.Errorf("groups = %v", g)
	}
	w.want(201, "POST", "group", groupBody(1, "a"))
}

// TestRestartKeepsLateEffects as it keeps commits under way.
func TestRestartKeepsLateEffects(t *testing.T) {
	for habit, want := range map[string]string{"keeps": "grouped", "forgets-queues": "grouped", "forgets-sessions": "free"} {
		synctest.Test(t, func(t *testing.T) {
			w := onWire(t, Config{Habits: Habits{Restart: habit}})
			queueLate(t, w)
			if err := w.d.Restart(0); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if s := w.d.Snapshot(); whereIs(s, "gpu1") != want || s.Late != 0 {
				t.Errorf("%s: gpu1 is %s, want %s; %d late", habit, whereIs(s, "gpu1"), want, s.Late)
			}
		})
	}
}

func TestRestartCutsSockets(t *testing.T) {
	d := start(t, Config{})
	server := httptest.NewUnstartedServer(d.Handler())
	server.Config.ConnState = d.ConnState
	server.Start()
	t.Cleanup(func() { d.Close(); server.Close() })
	c, err := stomp.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+eventPath, []string{"/data/group"}, stomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	next(t, c, "/data/group", func(l []groupRecord) bool { return len(l) == 0 })
	if err := d.Restart(0); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Next(t.Context()); err == nil {
		t.Errorf("pushed %v after the restart", m)
	}
}

func TestRestartRefuses(t *testing.T) {
	d := start(t, Config{})
	for _, down := range []time.Duration{-1, maxFaultDelay + 1} {
		if err := d.Restart(down); err == nil {
			t.Errorf("down for %v was taken", down)
		}
	}
	d.Close()
	if err := d.Restart(0); err == nil {
		t.Error("a closed director restarted")
	}
}

// TestRestartAmidAnsweredCommits: what was answered 202, or too early, is
// finished or never carried out, like any commit; where it is not, the link
// leads nowhere any more.
func TestRestartAmidAnsweredCommits(t *testing.T) {
	for _, commit := range []string{"accepted", "early"} {
		for habit, want := range map[string]string{"keeps": "grouped", "forgets-queues": "grouped", "forgets-sessions": "free"} {
			t.Run(commit+", "+habit, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := onWire(t, Config{API: "3.4", CommitLatency: Latency{Min: 10 * time.Second}, Habits: Habits{Restart: habit, Commit: commit}})
					w.want(201, "POST", "group", groupBody(1, "g"))
					w.want(200, "POST", "pool/edit", poolBody(1))
					w.want(200, "POST", "predevice/gpu", memberBody("gpu1", 1))
					got := w.call("POST", "pool/done", poolBody(1))
					if err := w.d.Restart(2 * time.Second); err != nil {
						t.Fatal(err)
					}
					time.Sleep(10 * time.Second)
					synctest.Wait()
					if s := w.d.Snapshot(); whereIs(s, "gpu1") != want || len(s.Sessions) != 0 || len(s.Pending) != 0 {
						t.Errorf("gpu1 is %s, want %s; sessions %v, pending %v", whereIs(s, "gpu1"), want, s.Sessions, s.Pending)
					}
					_, link, linked := strings.Cut(got.body, prefix+linkPath)
					if linked != (commit == "accepted") {
						t.Fatalf("answered %d %s", got.status, got.body)
					}
					if linked {
						id, _, _ := strings.Cut(link, `"`)
						status := 200
						if habit == "forgets-sessions" {
							status = 404
						}
						w.want(status, "GET", linkPath+id, "")
					}
				})
			})
		}
	}
}

// TestRestartCutsStreams of server-sent events, which 2.x has.
func TestRestartCutsStreams(t *testing.T) {
	w := onWire(t, Config{})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://director"+prefix+"sse/group", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data:") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := w.d.Restart(0); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(lines); err == nil {
		t.Error("the stream ended as if it were whole")
	}
}

// TestRestartFaultIsARestart: a commit that the fault restart hits is under way
// like one that a restart by hand hits.
func TestRestartFaultIsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{CommitLatency: slowly})
		must[any](t, w.d, "POST", "group", groupBody(1, "g"))
		must[any](t, w.d, "POST", "pool/edit", poolBody(1))
		must[any](t, w.d, "POST", "predevice/gpu", memberBody("gpu1", 1))
		fault(t, w.d, "* POST pool/done restart")
		w.want(0, "POST", "pool/done", poolBody(1))
		if s := w.d.Snapshot(); len(s.Pending) != 1 || s.Late != 0 || len(s.Sessions) != 1 {
			t.Errorf("pending %v, %d late, sessions %v", s.Pending, s.Late, s.Sessions)
		}
		w.want(400, "POST", "pool/cancel", poolBody(1)) // it is at work
		if v := w.d.Violations(); len(v) != 0 {
			t.Errorf("who was told nothing is blamed: %+v", v)
		}
		w.d.working.Wait()
		if s := w.d.Snapshot(); whereIs(s, "gpu1") != "grouped" || len(s.Sessions)+len(s.Pending) != 0 {
			t.Errorf("gpu1 is %s, sessions %v, pending %v", whereIs(s, "gpu1"), s.Sessions, s.Pending)
		}
	})
}

// TestRestartAmidAnErase: it is finished, or never carried out and its status
// tells of nothing.
func TestRestartAmidAnErase(t *testing.T) {
	for habit, status := range map[string]string{"keeps": workPending, "forgets-sessions": ""} {
		synctest.Test(t, func(t *testing.T) {
			w := onWire(t, Config{API: "3.2", CommitLatency: slowly, Habits: Habits{Restart: habit}})
			w.want(200, "PUT", "device/0x00005000", "")
			if p := w.d.Snapshot().Pending; len(p) != 1 || p[0].Device != "ssd0" {
				t.Errorf("pending: %+v", p)
			}
			if err := w.d.Restart(0); err != nil {
				t.Fatal(err)
			}
			if got := w.stands("device/erase/0x00005000"); got != status {
				t.Errorf("%s: %q, want %q", habit, got, status)
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			if v, _ := w.d.Snapshot().Device("ssd0"); (v.Erased != nil) != (habit == "keeps") {
				t.Errorf("%s: erased %v", habit, v.Erased)
			}
		})
	}
}

// TestRestartThatFails changes nothing: what is under way goes on.
func TestRestartThatFails(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := onWire(t, Config{API: "3.4", DataDir: dir, CommitLatency: slowly, Habits: Habits{Restart: "forgets-sessions"}})
		w.want(201, "POST", "group", groupBody(1, "g"))
		w.want(200, "POST", "pool/edit", poolBody(1))
		link, _ := w.later("POST", "pool/done", poolBody(1))
		block := filepath.Join(dir, stateFile+".new", "full") // the state cannot be written
		if err := os.MkdirAll(block, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := w.d.Restart(0); err == nil {
			t.Error("it restarted and kept nothing")
		}
		if err := os.RemoveAll(filepath.Dir(block)); err != nil {
			t.Fatal(err)
		}
		if s := w.d.Snapshot(); len(s.Pending) != 1 || len(s.Sessions) != 1 || w.stands(link) != workPending {
			t.Errorf("pending %v, sessions %v, the link tells %q", s.Pending, s.Sessions, w.stands(link))
		}
		w.d.working.Wait()
		if got := w.stands(link); got != workSuccess {
			t.Errorf("the link tells %q", got)
		}
	})
}
