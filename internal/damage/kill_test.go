package damage

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A server that is killed says nothing more: the session that it has open is
// open afterwards, and the next server ends it and the operation well.
func TestAKillLeavesSessionsOpen(t *testing.T) {
	for _, era := range emulator.Eras() {
		t.Run(era, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				s, err := Open(ctx, nil, emulator.Config{API: era, CallLatency: emulator.Latency{Min: 100 * time.Millisecond, Max: 100 * time.Millisecond}})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if ok, err := s.Seen(ctx, time.Time{}); !ok || err != nil {
					t.Fatalf("the rack is not seen: %v", err)
				}
				out, err := s.server.intake.Compose(ctx, s.who, composa.ComposeRequest{
					Asked: s.asked("train"), Spec: composa.Spec{Entries: []composa.Entry{{Kind: composa.KindGPU, Count: 2}}},
				})
				if err != nil {
					t.Fatal(err)
				}
				d := s.racks[0].director
				for open := 0; open == 0; open = len(d.Snapshot().Sessions) {
					time.Sleep(50 * time.Millisecond)
				}
				calls := d.CallCount()
				s.Kill()
				time.Sleep(time.Minute)
				if left := d.Snapshot().Sessions; len(left) != 1 || d.CallCount() > calls+8 {
					t.Errorf("%d calls after the kill, open: %+v", d.CallCount()-calls, left)
				}
				if err := s.Start(ctx); err != nil {
					t.Fatal(err)
				}
				if ok, err := s.rests(ctx, time.Hour); !ok || err != nil {
					t.Fatalf("it does not come to rest: %v", err)
				}
				op, err := s.store.Operation(ctx, s.who, out.Operation.ID)
				if err != nil || op.Phase != composa.PhaseDone {
					t.Errorf("operation %+v, %v; want it done", op, err)
				}
				if left := d.Snapshot().Sessions; len(left) > 0 {
					t.Errorf("open: %+v", left)
				}
			})
		})
	}
}
