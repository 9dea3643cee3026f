package liqid

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// replaced deletes our machine and makes a stranger's under its number, in a
// group of his, with a host that is as it was.
func (s *scene) replaced(host string) {
	s.Helper()
	s.rack.provoked = true
	err := s.rack.do(
		[3]string{"DELETE", "machine/" + s.ref.Native, ""},
		[3]string{"POST", "group", `{"grp_id":77,"group_name":"theirs","fabr_id":1,"pod_id":-1}`},
		[3]string{"POST", "machine", `{"mach_id":` + s.ref.Native + `,"grp_id":77,"mach_name":"stranger","fabr_id":1}`})
	if err == nil {
		err = s.AddTo(s.ref.Native, host)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// Acts that no check in a session precedes are addressed by numbers that can
// mean another machine by now. A look that a step with a session may begin with
// is too old for them.
func TestWhatHasNoCheckIsNotDoneToAStranger(t *testing.T) {
	for _, era := range []string{"2.5", "3.4"} {
		for _, tt := range []struct {
			name string
			at   int // steps of a life that are done before
			step func(s *scene) composa.Step
			want composa.Code
		}{
			{"off", 5, func(s *scene) composa.Step { return s.switched(composa.ActPower, false) }, ""},
			{"on", 3, func(s *scene) composa.Step { return s.switched(composa.ActPower, true) }, composa.CodeConflict},
			{"p2p", 5, func(s *scene) composa.Step { return s.switched(composa.ActP2P, false) }, composa.CodeConflict},
		} {
			t.Run(era+" "+tt.name, func(t *testing.T) {
				s := newScene(t, emulator.Config{API: era, Counts: emulator.Counts{CPUs: 2, GPUs: 2, SSDs: 1}})
				for _, next := range s.life()[:tt.at] {
					s.do(next())
				}
				s.observe()
				s.replaced("pcpu1")
				s.ahead.Add(int64(young / 2))
				before := s.director.CallCount()
				_, err := s.f.Apply(t.Context(), tt.step(s))
				if code := driver.CodeOf(err); code != tt.want {
					t.Errorf("%v (%s), want %q", err, code, tt.want)
				}
				for _, c := range s.director.Calls(before) {
					if c.Changing {
						t.Errorf("sent to the stranger: %s %s", c.Method, c.Path)
					}
				}
			})
		}
	}
}

// Nor is anything put into it: the check in the session sees the group.
func TestNothingIsPutIntoAStrangersGroup(t *testing.T) {
	s := newScene(t, emulator.Config{API: "2.5", Counts: small})
	s.do(s.enter("gpu0"))
	s.do(s.leave("gpu0")) // the group is there
	step := s.enter("gpu0")
	ours := s.director.Snapshot().Groups[0]
	s.regrouped(ours.ID)
	if _, err := s.f.Apply(t.Context(), step); driver.CodeOf(err) != composa.CodeConflict {
		t.Errorf("%v, want conflict", err)
	}
	if d, _ := s.director.Snapshot().Device("gpu0"); d.Group != 0 {
		t.Error("gpu0 is in the stranger's group")
	}
	s.clean("at the end")
}

// regrouped deletes our group and makes a stranger's under its number.
func (s *scene) regrouped(id int) {
	s.Helper()
	s.rack.provoked = true
	number := strconv.Itoa(id)
	if err := s.rack.do([3]string{"DELETE", "group/" + number, ""},
		[3]string{"POST", "group", `{"grp_id":` + number + `,"group_name":"theirs","fabr_id":1,"pod_id":-1}`}); err != nil {
		s.Fatal(err)
	}
}

// A machine is not made in a group that somebody made anew under the number of
// ours.
func TestAMachineIsNotMadeInAStrangersGroup(t *testing.T) {
	s := newScene(t, emulator.Config{API: "2.5", Counts: small})
	s.do(s.enter("gpu0"))
	s.do(s.leave("gpu0")) // the group is there
	s.observe()
	ours := s.director.Snapshot().Groups[0]
	s.regrouped(ours.ID)
	s.ahead.Add(int64(young / 2))
	if _, err := s.f.Apply(t.Context(), s.step(composa.ActMake)); err != nil {
		t.Error(err)
	}
	for _, m := range s.director.Snapshot().Machines {
		if m.Group == ours.ID {
			t.Errorf("%s was made in the stranger's group", m.Name)
		}
	}
}

// A host that is asked a second time is that of our machine: it is looked at
// right before. The stranger has the same host here, so that its power tells
// nothing.
func TestAStrangersHostIsNotAskedASecondTime(t *testing.T) {
	s := newScene(t, emulator.Config{API: "2.5", Counts: small})
	for _, next := range s.life()[:5] {
		s.do(next())
	}
	told, seen, theirs := 0, 0, false
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		switch {
		case strings.HasSuffix(q.URL.Path, "/power/shutdown"):
			if told++; theirs {
				t.Error("the stranger's host was asked")
			}
			io.WriteString(w, `{"response":{"data":[],"errors":null,"code":0}}`)
			return true
		case strings.HasSuffix(q.URL.Path, "/node/status") && told == 1:
			if seen++; seen == 3 && !theirs { // the first is beside a look at everything
				theirs = true
				s.replaced("pcpu0")
				if err := s.rack.do([3]string{"POST", "power/start", `{"mach_id":` + s.ref.Native + `}`}); err != nil {
					t.Error(err)
				}
			}
		}
		return false
	})
	step := s.switched(composa.ActPower, false)
	step.Grace = 300 * time.Millisecond
	if _, err := s.f.Apply(t.Context(), step); err != nil || told != 1 || !theirs {
		t.Errorf("%v, asked %d times, replaced: %t", err, told, theirs)
	}
}

// Where several calls tell who is where, a device that moves from the one's
// answer to the other's is in none. The proof that a host is off does not show it
// as free.
func TestTheProofOfAHostThatIsOffShowsNothingAsFreeThatMoves(t *testing.T) {
	s := newScene(t, emulator.Config{API: "3.4", Counts: emulator.Counts{CPUs: 1, GPUs: 7, SSDs: 1}})
	for _, next := range s.life()[:5] {
		s.do(next())
	}
	if _, err := s.MakeMachine("theirs", "gpu6"); err != nil {
		t.Fatal(err)
	}
	s.observe() // it knows his group, and asks for all groups at once
	d, _ := s.director.Snapshot().Device("gpu6")
	var off, moves atomic.Bool // the director answers several calls at once
	s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
		switch {
		case strings.Contains(q.URL.Path, "/power/shutdown"):
			off.Store(true)
		case off.Load() && !moves.Load() && strings.HasSuffix(q.URL.Path, "/predevice") && q.URL.Query().Get("grp_id") == strconv.Itoa(d.Group):
			moves.Store(true)
			io.WriteString(w, `{"response":{"data":[],"errors":null,"code":0}}`)
			return true
		}
		return false
	})
	step := s.switched(composa.ActPower, false)
	step.Show = composa.Scope{Devices: []string{"gpu6"}}
	p := s.do(step)
	if seen := p.Device("gpu6"); !moves.Load() || !p.Complete || seen == nil || seen.Spot.Area == composa.AreaFree {
		t.Errorf("%+v, complete %t, moved: %t", seen, p.Complete, moves.Load())
	}
}
