package liqid

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// What makes a look that was taken no longer the one that a step may begin with.
func TestAStepBeginsOnlyWithAYoungLook(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(s *scene)
		act   composa.Act // enter where none is named
		want  bool
	}{
		{name: "nothing happened", want: true},
		{name: "nor to its hosts", act: composa.ActPower, want: true, spoil: func(s *scene) { s.began(0) }},
		{name: "it is not fresh, and a session sees that", act: composa.ActReshape, want: true, spoil: func(s *scene) { s.began(2 * fresh) }},
		{name: "it is not fresh, for power", act: composa.ActPower, spoil: func(s *scene) { s.began(2 * fresh) }},
		{name: "it is not fresh, for a machine to make", act: composa.ActMake, spoil: func(s *scene) { s.began(2 * fresh) }},
		{name: "it is not fresh, for peer-to-peer", act: composa.ActP2P, spoil: func(s *scene) { s.began(2 * fresh) }},
		{name: "it is old", spoil: func(s *scene) { s.ahead.Add(int64(young + time.Millisecond)) }},
		{name: "it began long before it ended", spoil: func(s *scene) { s.began(time.Minute) }},
		{name: "the clock was set back", spoil: func(s *scene) { s.ahead.Add(-int64(time.Hour)) }},
		{name: "something was sent", spoil: func(s *scene) { s.f.calls.sent.begin(); s.f.calls.sent.end(nil, 0) }},
		{name: "something is on its way", spoil: func(s *scene) { s.f.calls.sent.begin() }},
		{name: "an answer was lost", spoil: func(s *scene) {
			s.f.calls.sent.begin()
			s.f.calls.sent.end(&fault{code: composa.CodeUnknown}, time.Hour)
			s.observe()
		}},
		{name: "something was refused before it was taken", want: true, spoil: func(s *scene) {
			s.f.calls.sent.begin()
			s.f.calls.sent.end(&fault{code: composa.CodeRefused}, time.Hour)
			s.observe()
		}},
		{name: "the director may be another one", spoil: func(s *scene) {
			s.f.forget()
			if _, err := s.f.know(s.Context()); err != nil {
				s.Fatal(err)
			}
		}},
		{name: "the director did not say of which line it is", spoil: func(s *scene) {
			s.f.newest.Store(nil)
			s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
				if !strings.HasSuffix(q.URL.Path, "/version") {
					return false
				}
				w.WriteHeader(http.StatusInternalServerError)
				io.WriteString(w, `{"response":{"data":[],"errors":[{"message":"not now"}],"code":500}}`)
				return true
			})
			_, _ = s.f.Observe(s.Context(), composa.Scope{}) // what it shows is not the matter here
		}},
		{name: "it tells no power, and that is asked", act: composa.ActPower, spoil: func(s *scene) {
			s.f.newest.Store(nil)
			s.do(s.step(composa.ActMake))
		}},
		{name: "it tells no power, and that is not asked", want: true, spoil: func(s *scene) {
			s.f.newest.Store(nil)
			s.do(s.step(composa.ActMake))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, emulator.Config{Counts: small})
			s.observe()
			if tt.spoil != nil {
				tt.spoil(s)
			}
			k, err := s.f.know(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			act := tt.act
			if act == "" {
				act = composa.ActEnter
			}
			if got := s.f.lately(k, act) != nil; got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}

// began makes the newest look one that began so long ago, and has ended just now.
func (s *scene) began(ago time.Duration) {
	l := *s.f.newest.Load()
	l.ended = s.f.config.Clock()
	l.began = l.ended.Add(-ago)
	s.f.newest.Store(&l)
}

// The look that proved a step is that of the next one: nothing is read between
// them. One reading proves it.
func TestTheProofOfAStepIsTheLookOfTheNext(t *testing.T) {
	for _, era := range emulator.Eras() {
		s := newScene(t, emulator.Config{API: era, Counts: small})
		enter := s.enter("pcpu0", "gpu0", "ssd0")
		s.do(enter)
		s.do(s.step(composa.ActMake))
		attach := s.step(composa.ActReshape)
		attach.Attach = enter.Attach
		before := s.director.CallCount()
		s.do(attach)
		calls := s.director.Calls(before)
		first := slices.IndexFunc(calls, func(c emulator.Call) bool { return c.Path == "fabric/edit" })
		if first != 0 {
			t.Errorf("%s: before the session was opened: %+v", era, calls[:max(first, 0)])
		}
	}
}

// Somebody acts after the proof of a step, and nobody has looked since. What he
// did is seen before anything is committed: it stays, and the step moves nothing.
func TestWhatSomebodyDidSinceTheProofIsSeenBeforeTheCommit(t *testing.T) {
	for _, era := range []string{"2.5", "3.4"} {
		for _, tt := range []struct {
			name   string
			at     int // steps of a life that are done before
			theirs func(s *scene) error
			left   string // where the rival's device is afterwards
		}{
			{"a stranger in the machine that is filled", 2, func(s *scene) error { return s.AddTo(s.ref.Native, "gpu6") }, "gpu6"},
			{"a stranger in the machine that is reshaped", 5, func(s *scene) error { return s.AddTo(s.ref.Native, "gpu6") }, "gpu6"},
			{"a stranger in the machine that is removed", 8, func(s *scene) error { return s.AddTo(s.ref.Native, "gpu6") }, "gpu6"},
		} {
			t.Run(era+" "+tt.name, func(t *testing.T) {
				s := newScene(t, emulator.Config{API: era, Counts: emulator.Counts{CPUs: 1, GPUs: 7, SSDs: 1}})
				steps := s.life()
				for _, next := range steps[:tt.at] {
					s.do(next())
				}
				step := steps[tt.at]() // it looks, to name its devices
				if k, err := s.f.know(t.Context()); err != nil || s.f.lately(k, composa.ActReshape) == nil {
					t.Fatalf("no look to begin with: %v", err)
				}
				s.rack.provoked = true
				if err := tt.theirs(s); err != nil {
					t.Fatal(err)
				}
				before := s.director.Snapshot()
				_, err := s.f.Apply(t.Context(), step)
				if code := driver.CodeOf(err); code != composa.CodeConflict {
					t.Errorf("%v (%s), want conflict", err, code)
				}
				after := s.director.Snapshot()
				if !slices.EqualFunc(before.Devices, after.Devices, func(a, b emulator.DeviceState) bool {
					return a.Name == b.Name && a.Group == b.Group && a.Machine == b.Machine
				}) {
					t.Errorf("something moved:\n%+v\n%+v", before.Devices, after.Devices)
				}
				s.clean(tt.name)
			})
		}
	}
}
