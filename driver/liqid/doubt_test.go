package liqid

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A device that vanishes while it is taken out is not in the machine any more.
// That is no sign of the commit, which the director says has failed: the session
// is still open, and is ended.
func TestACommitThatFailedForADeviceThatVanishedLeavesNoSession(t *testing.T) {
	s := newScene(t, emulator.Config{API: "3.4", CommitLatency: emulator.Latency{Min: 20 * time.Millisecond}})
	for _, step := range []func() composa.Step{
		func() composa.Step { return s.enter("gpu0", "gpu1") },
		func() composa.Step { return s.step(composa.ActMake) },
		func() composa.Step { return s.reshape([]string{"gpu0", "gpu1"}, nil) },
	} {
		s.do(step())
	}
	detach := s.reshape(nil, []string{"gpu1"})
	fault, err := emulator.ParseFault("#2 GET async/* gone=gpu1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.director.SetFaults(fault); err != nil {
		t.Fatal(err)
	}
	_, err = s.f.Apply(t.Context(), detach)
	if s.director.Faults()[0].Fired != 1 {
		t.Fatalf("the device did not vanish: %v", err)
	}
	if open := s.director.Snapshot().Sessions; len(open) > 0 {
		t.Errorf("left open: %+v", open)
	}
}

// A cancel that is refused in words that nobody knows says nothing of a commit:
// it may still be at work. What shows of it meanwhile is not believed, whether
// the commit was answered or its answer was lost, and it is settled only when
// nothing can be late any more.
func TestACancelRefusedInUnknownWordsProvesNoCommit(t *testing.T) {
	const work, late = 200 * time.Millisecond, 600 * time.Millisecond
	for _, lost := range []bool{false, true} {
		name := "answered early"
		if lost {
			name = "the answer is lost"
		}
		t.Run(name, func(t *testing.T) {
			s := newScene(t, emulator.Config{
				API: "3.2", Habits: emulator.Habits{Queue: "shown", Commit: "early"}, Counts: small, CommitLatency: emulator.Latency{Min: work, Max: work},
			}, func(c *Config) { c.Timeouts.Late = late })
			step := s.enter("gpu0")
			s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
				switch {
				case lost && strings.HasSuffix(q.URL.Path, "/pool/done"):
					s.takeEffectLate(q)
					panic(http.ErrAbortHandler)
				case !strings.HasSuffix(q.URL.Path, "/pool/cancel"):
					return false
				}
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, `{"response":{"data":[],"errors":[{"message":"invalid state"}],"code":400}}`)
				return true
			})
			began := time.Now()
			_, err := s.f.Apply(t.Context(), step)
			d, _ := s.director.Snapshot().Device("gpu0")
			if err != nil || d.Group != 1 || time.Since(began) < late {
				t.Errorf("after %v: %v (%s), and gpu0 is in group %d", time.Since(began), err, driver.CodeOf(err), d.Group)
			}
			s.clean("done")
			began = time.Now()
			if err := s.f.Settle(t.Context(), step); err != nil || time.Since(began) < late {
				t.Errorf("settled after %v: %v", time.Since(began), err)
			}
		})
	}
}
