package liqid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// scene is a rack with a driver and the steps of one machine.
type scene struct {
	*testing.T
	*rack
	f   *Fabric
	ref composa.MachineRef
}

func newScene(t *testing.T, c emulator.Config, change ...func(*Config)) *scene {
	t.Helper()
	r := newRack(t, c)
	change = append([]func(*Config){func(c *Config) { c.Recheck = time.Hour }}, change...)
	return &scene{T: t, rack: r, f: r.open(t, change...), ref: composa.MachineRef{ID: "mach_k3v9q2xw22222222", Name: "train", Label: "traink3v9q2xw", Native: "1"}}
}

func (s *scene) refs(names ...string) (out []composa.DeviceRef) {
	s.Helper()
	p := s.observe()
	for _, n := range names {
		d := p.Device(n)
		if d == nil {
			s.Fatalf("there is no %s", n)
		}
		out = append(out, composa.DeviceRef{ID: composa.DeviceID("dev_" + n), Name: n, Kind: d.Kind, Fingerprint: d.Fingerprint})
	}
	return out
}

func (s *scene) observe() *composa.Picture {
	s.Helper()
	p, err := s.f.Observe(s.Context(), composa.Scope{})
	if err != nil || !p.Complete {
		s.Fatalf("Observe: %v", err)
	}
	return p
}

func (s *scene) step(act composa.Act) composa.Step {
	return composa.Step{Act: act, Fabric: rackName, Machine: s.ref, Lock: composa.LockEdit}
}

func (s *scene) do(step composa.Step) *composa.Picture {
	s.Helper()
	p, err := s.f.Apply(s.Context(), step)
	if err != nil {
		s.Fatalf("%v (%s)", err, driver.CodeOf(err))
	}
	if standing, why := step.Judge(p); standing != composa.Holds {
		s.Fatalf("%s: the proof says %s %s", &step, standing, why)
	}
	return p
}

func (s *scene) enter(names ...string) composa.Step {
	s.Helper()
	step := s.step(composa.ActEnter)
	step.Attach = s.refs(names...)
	return step
}

func (s *scene) leave(names ...string) composa.Step {
	s.Helper()
	step := s.step(composa.ActLeave)
	step.Detach = s.refs(names...)
	return step
}

func (s *scene) reshape(in, out []string) composa.Step {
	s.Helper()
	step := s.step(composa.ActReshape)
	step.Attach, step.Detach = s.refs(in...), s.refs(out...)
	step.Expect.Holds = []string{"pcpu0", "gpu0", "ssd0"}
	return step
}

func (s *scene) switched(act composa.Act, on bool) composa.Step {
	step := s.step(act)
	step.On, step.Lock = on, composa.LockMachine
	return step
}

// life are the steps of a whole life in order; each is made when its turn comes.
func (s *scene) life() []func() composa.Step {
	return []func() composa.Step{
		func() composa.Step { return s.enter("pcpu0", "gpu0", "gpu1", "ssd0") },
		func() composa.Step { return s.step(composa.ActMake) },
		func() composa.Step { return s.reshape([]string{"pcpu0", "gpu0", "ssd0"}, nil) },
		func() composa.Step { return s.switched(composa.ActP2P, true) },
		func() composa.Step { return s.switched(composa.ActPower, true) },
		func() composa.Step { return s.reshape([]string{"gpu1"}, []string{"gpu0"}) },
		func() composa.Step { return s.switched(composa.ActPower, false) },
		func() composa.Step {
			step := s.reshape(nil, []string{"pcpu0", "gpu1", "ssd0"})
			step.Expect.Holds = []string{"pcpu0", "gpu1", "ssd0"}
			return step
		},
		func() composa.Step { return s.step(composa.ActRemove) },
		func() composa.Step { return s.leave("pcpu0", "gpu0", "gpu1", "ssd0") },
	}
}

// small is as much as one life needs.
var small = emulator.Counts{CPUs: 1, GPUs: 2, SSDs: 1}

// stride is how much lies between two that a test picks of many: it picks every
// one where it is proven.
func stride(small int) int {
	if proven() {
		return 1
	}
	return small
}

// atCalls are the numbers of the calls at which the i-th of several scenes is
// disturbed: all of most where it is proven, else one of the first few, another
// in each scene.
func atCalls(i, few, most int) []int {
	if !proven() {
		return []int{1 + 7*i%few}
	}
	all := make([]int, most)
	for n := range all {
		all[n] = n + 1
	}
	return all
}

// clean fails for anything left open and for broken rules.
func (s *scene) clean(when string) {
	s.Helper()
	if left := s.director.Snapshot(); len(left.Sessions)+len(left.Pending) > 0 {
		s.Errorf("%s, left open: %+v, under way: %+v", when, left.Sessions, left.Pending)
	}
}

// Every changing call of a whole life fails once in every way. Whatever Apply
// then says, settling, looking and doing again brings the step to its end, and
// nothing stays open; a commit whose answer is lost is proven by looking.
func TestEveryChangingCallFailsInEveryWay(t *testing.T) {
	for how := range failures {
		t.Run(fmt.Sprintf("way %d", how), func(t *testing.T) {
			s := newScene(t, emulator.Config{Seed: uint64(how), Counts: small, CommitLatency: emulator.Latency{Min: time.Millisecond, Max: 3 * time.Millisecond}})
			for _, n := range atCalls(how, 20, 60) {
				s.rack.fail(n, how)
				for _, next := range s.life() {
					s.toItsEnd(next())
				}
				if !s.rack.failed() {
					s.rack.fail(0, 0)
					if n <= 20 {
						t.Errorf("a whole life takes only %d changing calls", n-1)
					}
					break
				}
			}
			if p := s.observe(); slices.ContainsFunc(p.Devices, func(d composa.SeenDevice) bool { return d.Spot.Area != composa.AreaFree }) || len(p.Machines) > 0 {
				t.Errorf("not everything is free at the end: %+v", p.Machines)
			}
			s.Check(t)
		})
	}
}

// toItsEnd is what the runner does with one step.
func (s *scene) toItsEnd(step composa.Step) {
	s.Helper()
	for range 10 {
		p, err := s.f.Apply(s.Context(), step)
		code := driver.CodeOf(err)
		if err == nil {
			if standing, why := step.Judge(p); standing != composa.Holds {
				s.Fatalf("%s: the proof says %s %s", &step, standing, why)
			}
			s.clean(step.String())
			return
		}
		switch code {
		case composa.CodeUnknown, composa.CodeBusy, composa.CodeRefused, composa.CodeUnreachable:
		default:
			s.Fatalf("%s: %v (%s)", &step, err, code)
		}
		if code != composa.CodeUnknown {
			s.clean(err.Error())
		}
		if err := s.f.Settle(s.Context(), step); err != nil {
			s.Fatalf("Settle: %v", err)
		}
		s.clean("settled after " + err.Error())
	}
	s.Fatalf("%s does not come to its end", &step)
}

func TestALostAnswerToACommitIsProvenByLooking(t *testing.T) {
	s := newScene(t, emulator.Config{CommitLatency: emulator.Latency{Min: 5 * time.Millisecond, Max: 5 * time.Millisecond}})
	for _, next := range s.life() {
		step := next()
		lost := false
		s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
			commit := q.Method == http.MethodDelete && strings.Contains(q.URL.Path, "/machine/") ||
				slices.ContainsFunc([]string{"/pool/done", "/fabric/reprogram", "/machine/p2p", "/machine", "/power/start", "/power/shutdown"},
					func(end string) bool { return q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, end) })
			if !commit || lost {
				return false
			}
			lost = true
			s.takeEffectLate(q) // for those that take time, the answer is lost while they are carried out
			panic(http.ErrAbortHandler)
		})
		s.do(step)
		if !lost {
			t.Errorf("%s made no committing call", &step)
		}
		s.clean(step.String())
	}
}

// Somebody cancels our session, or opens one before us, at every call.
func TestStolenSessionsEndWell(t *testing.T) {
	for i, call := range []string{"POST pool/*", "POST fabric/*", "* predevice/*", "* relate/*"} {
		for _, n := range atCalls(i, 4, 12) {
			fault, err := emulator.ParseFault(fmt.Sprintf("#%d %s steal-edit", n, call))
			if err != nil {
				t.Fatal(err)
			}
			s := newScene(t, emulator.Config{Counts: small})
			if err := s.director.SetFaults(fault); err != nil {
				t.Fatal(err)
			}
			for _, next := range s.life() {
				step := next()
				for try := 0; ; try++ {
					_, err := s.f.Apply(s.Context(), step)
					if err == nil {
						break
					}
					if code := driver.CodeOf(err); code != composa.CodeBusy && code != composa.CodeRefused || try == 5 {
						t.Fatalf("%s: %v (%s)", fault, err, code)
					}
					if left := s.director.Snapshot().Sessions; slices.ContainsFunc(left, func(o emulator.SessionState) bool { return !o.Foreign }) {
						t.Errorf("%s: left open %+v", fault, left)
					}
					if err := s.director.CancelSessions(); err != nil { // whoever opened it is done
						t.Fatal(err)
					}
				}
			}
		}
	}
}

func TestStaleReadsAreNotBelieved(t *testing.T) {
	for _, era := range []string{"2.5", "3.4"} {
		t.Run(era, func(t *testing.T) {
			newScene(t, emulator.Config{API: era, Seed: 3, Counts: small}).livesThroughStaleReads()
		})
	}
}

func (s *scene) livesThroughStaleReads() {
	t := s.T
	fault, err := emulator.ParseFault("1/20 GET * stale")
	if err != nil {
		t.Fatal(err)
	}
	for _, next := range s.life() {
		step := next()
		if err := s.director.SetFaults(fault); err != nil {
			t.Fatal(err)
		}
		for try := 0; ; try++ {
			_, err := s.f.Apply(s.Context(), step)
			if err == nil {
				break
			}
			if try == 20 {
				t.Fatalf("%s: %v", &step, err)
			}
		}
		if err := s.director.SetFaults(); err != nil {
			t.Fatal(err)
		}
		if standing, why := step.Judge(s.observe()); standing != composa.Holds {
			t.Errorf("%s was said to be done, and it stands %s %s", &step, standing, why)
		}
	}
	s.clean("at the end")
}

// Between any two calls of any step somebody acts on what the step is about. He
// keeps what he has, and the step ends in one of the ways it may.
func TestRivalsBetweenAnyTwoCallsLoseNothing(t *testing.T) {
	acts := map[string]func(s *scene) (kept func() error){
		"puts a device into our machine": func(s *scene) func() error {
			made := func(m emulator.MachineState) bool { return m.Name == s.ref.Label }
			if s.sessionOpen() || !slices.ContainsFunc(s.director.Snapshot().Machines, made) || s.AddTo(s.ref.Native, "gpu5") != nil {
				return nil
			}
			return func() error { return s.still("gpu5", s.ref.Native) }
		},
		"makes a machine of our label": func(s *scene) func() error {
			native, err := s.MakeMachine(s.ref.Label, "gpu6")
			if err != nil {
				s.Fatal(err)
			}
			return func() error { return s.still("gpu6", native) }
		},
		"takes a device of ours": func(s *scene) func() error {
			if s.sessionOpen() {
				return nil
			}
			native, err := s.Take("ssd0")
			if err != nil {
				s.Fatal(err)
			}
			return func() error { return s.still("ssd0", native) }
		},
	}
	for i, name := range slices.Sorted(maps.Keys(acts)) {
		act := acts[name]
		t.Run(name, func(t *testing.T) {
			for at := i % stride(3); at < len((&scene{}).life()); at += stride(3) {
				// Before the first call: after the look that the step begins with.
				for _, n := range slices.Compact(append([]int{1}, atCalls(at, 24, 80)...)) {
					s := newScene(t, emulator.Config{Counts: emulator.Counts{CPUs: 1, GPUs: 7, SSDs: 1}})
					steps := s.life()
					for _, before := range steps[:at] {
						s.do(before())
					}
					step := steps[at]()
					var kept func() error
					acted := false
					s.Before(n, func() { acted = true; kept = act(s) })
					_, err := s.f.Apply(s.Context(), step)
					s.Before(0, nil)
					if !acted {
						break
					}
					if kept != nil {
						if gone := kept(); gone != nil {
							t.Errorf("%s, before call %d: %v (Apply: %v)", &step, n, gone, err)
						}
					}
					switch code := driver.CodeOf(err); code {
					case "", composa.CodeConflict, composa.CodeBusy, composa.CodeRefused, composa.CodeFailed:
					case composa.CodeUnknown: // he came after the commit, before it was seen
						if err := s.f.Settle(s.Context(), step); err != nil {
							t.Errorf("%s, before call %d: settle: %v", &step, n, err)
						}
					default:
						t.Errorf("%s, before call %d: %v (%s)", &step, n, err, code)
					}
					s.clean(step.String())
				}
			}
		})
	}
}

// sessionOpen says whether a session is open; the rivals here respect it.
func (s *scene) sessionOpen() bool { return len(s.director.Snapshot().Sessions) > 0 }

// still says what is wrong where a device is not in a machine.
func (s *scene) still(device, native string) error {
	d, _ := s.director.Snapshot().Device(device)
	if fmt.Sprint(d.Machine) != native {
		return fmt.Errorf("the rival's %s is in machine %d, and he put it into %s", device, d.Machine, native)
	}
	return nil
}

func TestTheGroupIsMadeUnderAnotherNumberWhereOneIsTaken(t *testing.T) {
	s := newScene(t, emulator.Config{})
	step := s.enter("gpu0")
	taken := false
	s.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
		if q.Method == http.MethodPost && strings.HasSuffix(q.URL.Path, "/group") && !taken {
			taken = true
			if err := s.rack.do([3]string{"POST", "group", `{"grp_id":1,"group_name":"quicker","fabr_id":1,"pod_id":-1}`}); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	p := s.do(step)
	if !taken || p.Device("gpu0").Spot != (composa.Spot{Area: composa.AreaOurs, Group: "2"}) {
		t.Errorf("gpu0 is in %+v", p.Device("gpu0").Spot)
	}
	if g := s.director.Snapshot().Groups; len(g) != 2 || g[1].Name != composa.GroupMark(rackSite) || len(g[0].Devices) != 0 {
		t.Errorf("groups: %+v", g)
	}
}

func TestAMachineIsDeletedWithoutASessionWhereTheDirectorWantsThat(t *testing.T) {
	s := newScene(t, emulator.Config{})
	s.do(s.step(composa.ActMake))
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if q.Method != http.MethodDelete || !s.sessionOpen() {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"response":{"data":[],"errors":[{"message":"not while it is changed"}],"code":400}}`)
		return true
	})
	s.do(s.step(composa.ActRemove))
	s.clean("removed")
	if len(s.director.Snapshot().Machines) != 0 {
		t.Error("the machine is still there")
	}
}

// A device that a program on the host has open stays where it is, whichever call
// the director refuses for it, and with whichever status.
func TestADeviceInUseOnItsHostIsNotTaken(t *testing.T) {
	const words = "gpu0 is in use on the host of machine 1"
	for _, tt := range []struct {
		name, end string
		status    int
	}{
		{name: "the emulated director"},
		{"a conflict at the commit", "/fabric/reprogram", http.StatusConflict},
		{"locked at the commit", "/fabric/reprogram", http.StatusLocked},
		{"refused when it is asked for", "/relate/gpu", http.StatusBadRequest},
		{"a conflict when it is asked for", "/relate/gpu", http.StatusConflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, emulator.Config{Counts: small})
			for _, next := range s.life()[:5] {
				s.do(next())
			}
			if tt.end == "" {
				if err := s.director.Use("gpu0", true); err != nil {
					t.Fatal(err)
				}
			}
			s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
				if tt.end == "" || q.Method == http.MethodGet || !strings.HasSuffix(q.URL.Path, tt.end) {
					return false
				}
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `{"response":{"data":[],"errors":[{"message":%q}],"code":%d}}`, words, tt.status)
				return true
			})
			_, err := s.f.Apply(t.Context(), s.reshape([]string{"gpu1"}, []string{"gpu0"}))
			e, _ := errors.AsType[*composa.Error](err)
			if e == nil || e.Code != composa.CodeRefused || !strings.Contains(e.Text, words) || e.Next != "stop what uses it on the host, then ask again" {
				t.Errorf("%v (%s)", err, driver.CodeOf(err))
			}
			s.clean("refused")
			if err := s.still("gpu0", s.ref.Native); err != nil {
				t.Error(err)
			}
			if d, _ := s.director.Snapshot().Device("gpu1"); d.Machine != 0 {
				t.Errorf("gpu1 is in machine %d", d.Machine)
			}
		})
	}
}

// A director that refuses to be told what is so already, because somebody was
// quicker: the step is done.
func TestP2PThatSomebodySwitchedMeanwhileIsDone(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small, Habits: emulator.Habits{SameP2P: "refused"}})
	s.do(s.step(composa.ActMake))
	switched := false
	s.atCommit("/machine/p2p", func() {
		switched = true
		if err := s.rack.do([3]string{"POST", "machine/p2p", `{"mach_id":1,"grp_id":1,"fabr_id":1,"p2p":"on"}`}); err != nil {
			t.Error(err)
		}
	})
	s.do(s.switched(composa.ActP2P, true))
	if !switched {
		t.Error("nobody was quicker")
	}
	s.clean("switched")
}

// In 3.x the pool of a group is named with the director's own coordinates, which
// are asked for once; in 2.x with those of a device.
func TestCoordinatesOfAPool(t *testing.T) {
	for era, want := range map[string]string{"2.5": `{"rack":0,"shelf":1,"node":1}`, "3.2": `{"node":7,"rack":0,"shelf":0}`} {
		s := newScene(t, emulator.Config{API: era, Counts: small})
		asked, named := 0, 0
		s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
			switch {
			case strings.HasSuffix(q.URL.Path, "/v2/coordinates"):
				asked++
				io.WriteString(w, `{"response":{"data":[{"node":7,"rack":0,"shelf":0}],"errors":null,"code":0}}`)
				return true
			case strings.Contains(q.URL.Path, "/pool/"):
				named++
				body, err := io.ReadAll(q.Body)
				if err != nil || !strings.Contains(string(body), `"coordinates":`+want) {
					t.Errorf("%s: %s names %s (%v)", era, q.URL.Path, body, err)
				}
				q.Body = io.NopCloser(bytes.NewReader(body))
			}
			return false
		})
		s.do(s.enter("gpu0"))
		s.do(s.leave("gpu0"))
		if named < 4 || asked != strings.Count(era, "3.2") {
			t.Errorf("%s: coordinates were asked for %d times, and pools named %d times", era, asked, named)
		}
	}
}

func TestAMachineThatHoldsSomethingIsNotDeleted(t *testing.T) {
	s := newScene(t, emulator.Config{})
	for _, next := range s.life()[:3] {
		s.do(next())
	}
	step := s.step(composa.ActRemove)
	step.Expect.Holds = []string{"pcpu0", "gpu0", "ssd0"} // also where the step knows them
	before := s.Changes()
	if _, err := s.f.Apply(t.Context(), step); driver.CodeOf(err) != composa.CodeConflict || s.Changes() != before {
		t.Errorf("%v, after %d changing calls", err, s.Changes()-before)
	}
}

func TestACommitThatDoesNothingIsFailed(t *testing.T) {
	s := newScene(t, emulator.Config{})
	step := s.enter("gpu0")
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, "/pool/done") {
			return false
		}
		if err := s.director.CancelSessions(); err != nil {
			t.Error(err)
		}
		io.WriteString(w, `{"response":{"data":[],"errors":null,"code":0}}`)
		return true
	})
	_, err := s.f.Apply(t.Context(), step)
	want := "cannot take rack1/gpu0 into the site's group: rack1 says that it is done, and it is not so: gpu0 is in the free devices"
	if driver.CodeOf(err) != composa.CodeFailed || err.Error() != want {
		t.Errorf("%v (%s)", err, driver.CodeOf(err))
	}
}

func TestACommitThatIsNotSeenInTimeIsUnknown(t *testing.T) {
	s := newScene(t, emulator.Config{}, func(c *Config) { c.Timeouts.Late = time.Minute })
	step := s.enter("gpu0")
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		switch {
		case strings.HasSuffix(q.URL.Path, "/pool/done"):
			if err := s.director.CancelSessions(); err != nil {
				t.Error(err)
			}
			io.WriteString(w, `{"response":{"data":[],"errors":null,"code":0}}`)
		case strings.Contains(q.URL.Path, "/state/"): // this one does not tell what is pending
			w.WriteHeader(http.StatusNotFound)
		default:
			return false
		}
		return true
	})
	s.f.forget()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.f.Apply(ctx, step); driver.CodeOf(err) != composa.CodeUnknown {
		t.Errorf("%v (%s)", err, driver.CodeOf(err))
	}
	if a, err := s.f.Abilities(t.Context()); err != nil || a.SettleTime != time.Minute {
		t.Errorf("%+v %v", a, err)
	}
}

// A host that stays on, or of which nothing is told, is a failure that says what
// to do, well before the caller's time is over.
func TestAHostThatDoesNotGoOff(t *testing.T) {
	const done = `{"response":{"data":[],"errors":null,"code":0}}`
	for _, tt := range []struct {
		name  string
		grace time.Duration
		hard  bool
		quiet bool // the director tells the power of nothing
		told  int
		want  string
	}{
		{
			name: "it stays on", grace: 50 * time.Millisecond, told: 2,
			want: `cannot power train off: machine "traink3v9q2xw" is still on (time) after its host was asked to shut down; director software 2.5 can only ask, it cannot cut the power; switch the host off by its management controller, then try again`,
		},
		{
			name: "it stays on and is to go at once", hard: true, told: 2,
			want: `cannot power train off: machine "traink3v9q2xw" is still on (time) after its host was asked to shut down; director software 2.5 can only ask, it cannot cut the power; switch the host off by its management controller, then try again`,
		},
		{
			name: "its power is not told", grace: 50 * time.Millisecond, quiet: true, told: 2,
			want: `cannot power train off: its host was asked to shut down, and after (time) rack1 still does not tell whether machine "traink3v9q2xw" is on; see why the director tells no state of its node, and switch the host off by its management controller where it is on; then try again`,
		},
		{
			name: "its power is not told and it is to go at once", hard: true, quiet: true, told: 2,
			want: `cannot power train off: its host was asked to shut down, and after (time) rack1 still does not tell whether machine "traink3v9q2xw" is on; see why the director tells no state of its node, and switch the host off by its management controller where it is on; then try again`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, emulator.Config{}, func(c *Config) { c.Timeouts.Power = 150 * time.Millisecond })
			for _, next := range s.life()[:5] {
				s.do(next())
			}
			told := 0
			s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
				switch {
				case strings.HasSuffix(q.URL.Path, "/power/shutdown"):
					told++
				case !tt.quiet || !strings.HasSuffix(q.URL.Path, "/node/status"):
					return false
				}
				io.WriteString(w, done)
				return true
			})
			step := s.switched(composa.ActPower, false)
			step.Grace, step.Hard = tt.grace, tt.hard
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			_, err := s.f.Apply(ctx, step)
			if err == nil {
				t.Fatal("it counts as off")
			}
			said := regexp.MustCompile(`\d+(\.\d+)?m?s`).ReplaceAllString(err.Error(), "(time)")
			if driver.CodeOf(err) != composa.CodeFailed || said != tt.want || told != tt.told || ctx.Err() != nil {
				t.Errorf("%s (%s), told %d times", said, driver.CodeOf(err), told)
			}
		})
	}
}

// A director that tells the power late is waited for.
func TestAPowerThatIsToldLateIsWaitedFor(t *testing.T) {
	s := newScene(t, emulator.Config{})
	for _, next := range s.life()[:5] {
		s.do(next())
	}
	asked := 0
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, "/node/status") {
			return false
		}
		if asked++; asked > 6 {
			return false
		}
		io.WriteString(w, `{"response":{"data":[],"errors":null,"code":0}}`)
		return true
	})
	p, err := s.f.Apply(t.Context(), s.switched(composa.ActPower, false))
	if err != nil {
		t.Fatal(err)
	}
	if m := p.Ours(s.ref); m == nil || m.Power != composa.PowerOff || asked <= 6 {
		t.Errorf("%+v after %d readings", m, asked)
	}
}

func TestSettleLeavesTheSessionsOfOthersOpen(t *testing.T) {
	s := newScene(t, emulator.Config{})
	s.do(s.enter("gpu0"))
	native, err := s.MakeMachine("other", "gpu3")
	if err != nil {
		t.Fatal(err)
	}
	err = s.rack.do(
		[3]string{"POST", "pool/edit", `{"grp_id":2,"coordinates":{"rack":0,"shelf":0,"node":1}}`},
		[3]string{"POST", "fabric/edit", `{"mach_id":` + native + `}`})
	if err != nil {
		t.Fatal(err)
	}
	s.ref.Native = native // a record that names somebody else's machine
	for _, act := range []composa.Act{composa.ActEnter, composa.ActLeave, composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActP2P, composa.ActPower} {
		if err := s.f.Settle(t.Context(), s.step(act)); err != nil {
			t.Errorf("%s: %v", act, err)
		}
	}
	if left := s.director.Snapshot().Sessions; len(left) != 2 {
		t.Errorf("open: %+v", left)
	}
}

func TestSettleEndsWhatAKilledDriverLeftOpen(t *testing.T) {
	s := newScene(t, emulator.Config{})
	s.do(s.enter("gpu0", "pcpu0"))
	s.do(s.step(composa.ActMake))
	err := s.rack.do(
		[3]string{"POST", "pool/edit", `{"grp_id":1,"coordinates":{"rack":0,"shelf":0,"node":1}}`},
		[3]string{"POST", "fabric/edit", `{"mach_id":1}`})
	if err != nil {
		t.Fatal(err)
	}
	s.f = s.open(t)
	for _, act := range []composa.Act{composa.ActLeave, composa.ActReshape} {
		if err := s.f.Settle(t.Context(), s.step(act)); err != nil {
			t.Errorf("%s: %v", act, err)
		}
	}
	s.clean("settled")
	if v := s.director.Violations(); len(v) > 0 {
		t.Errorf("violations: %+v", v)
	}
}

func TestReservedNumbersAreGivenOutOnce(t *testing.T) {
	s := newScene(t, emulator.Config{})
	if _, err := s.MakeMachine("other"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 3 {
		native, err := s.f.Reserve(t.Context(), s.step(composa.ActMake))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, native)
	}
	if !slices.Equal(got, []string{"2", "3", "4"}) {
		t.Errorf("%v", got)
	}
}

// A director that counts on past the last machine number has lower ones free.
func TestReservedNumbersStayWithinTheirBounds(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small})
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		if !strings.HasSuffix(q.URL.Path, "/machine/nextid") {
			return false
		}
		fmt.Fprintf(w, `{"response":{"data":["%d"],"errors":null,"code":0}}`, maxMachine+1)
		return true
	})
	for _, want := range []string{"1", "2"} {
		if native, err := s.f.Reserve(t.Context(), s.step(composa.ActMake)); err != nil || native != want {
			t.Errorf("number %q, %v; want %s", native, err, want)
		}
	}
}

func TestStepsThatADirectorCannotDo(t *testing.T) {
	s := newScene(t, emulator.Config{})
	whole := s.step(composa.ActMake)
	whole.Attach = s.refs("gpu0")
	before := s.Changes()
	for _, step := range []composa.Step{whole, s.step("boot"), s.step("")} {
		if _, err := s.f.Apply(t.Context(), step); driver.CodeOf(err) != composa.CodeUnsupported {
			t.Errorf("%s: %v", &step, err)
		}
	}
	long := s.step(composa.ActMake)
	long.Machine.Label = "averylongnamethatnobodyallows"
	number := s.step(composa.ActMake)
	number.Machine.Native = "16384"
	for _, step := range []composa.Step{long, number} {
		if _, err := s.f.Apply(t.Context(), step); driver.CodeOf(err) != composa.CodeRefused {
			t.Errorf("%s: %v", &step, err)
		}
	}
	if s.Changes() != before {
		t.Errorf("%d changing calls", s.Changes()-before)
	}
}

func TestAWholeLifeBreaksNoRule(t *testing.T) {
	s := newScene(t, emulator.Config{})
	for _, next := range s.life() {
		s.do(next())
	}
	s.clean("at the end")
	if v := s.director.Violations(); len(v) > 0 {
		t.Errorf("violations: %+v", v)
	}
}

// What a step left open stays open where nothing may be changed any more: to
// settle it is not called done.
func TestSettleSaysThatNothingMayBeChanged(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"only observed": func(c *Config) { c.Access = composa.AccessObserve },
		"another era":   func(c *Config) { c.Era = "2.4" },
	} {
		s := newScene(t, emulator.Config{Counts: small})
		s.do(s.enter("gpu0"))
		if err := s.rack.do([3]string{"POST", "pool/edit", `{"grp_id":1,"coordinates":{"rack":0,"shelf":0,"node":1}}`}); err != nil {
			t.Fatal(err)
		}
		step := s.leave("gpu0")
		err := s.open(t, change).Settle(t.Context(), step)
		e, _ := errors.AsType[*composa.Error](err)
		if e == nil || e.Code != composa.CodeReadOnly || e.Next == "" || !strings.Contains(e.Text, "may have left an edit session open") {
			t.Errorf("%s: %v (%s)", name, err, driver.CodeOf(err))
		}
		if err := s.f.Settle(t.Context(), step); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.clean(name)
	}
}
