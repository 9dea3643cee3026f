package liqid

import (
	"testing"
	"time"

	"github.com/composa-dev/composa"
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
