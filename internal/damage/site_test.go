package damage

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// A site lives in virtual time: store, loops, driver and director, HTTP and the
// event socket. Minutes of it take no minutes, and the death of the server in the
// middle of an operation is survived.
func TestASiteLivesInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s, err := Open(ctx, nil, emulator.Config{CommitLatency: emulator.Latency{Min: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if ok, err := s.Seen(ctx, time.Time{}); !ok || err != nil {
			t.Fatalf("the rack is not seen: %v", err)
		}
		d := s.racks[0].director
		if got := d.Snapshot().Sockets; got != 1 {
			t.Errorf("%d event sockets are open, want 1", got)
		}
		out, err := s.server.intake.Compose(ctx, s.who, composa.ComposeRequest{
			Asked: s.asked("train"), Spec: composa.Spec{Entries: []composa.Entry{{Kind: composa.KindGPU, Count: 2}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond) // in the first commit
		s.Kill()
		if op, err := s.store.Operation(ctx, s.who, out.Operation.ID); err != nil || op.Phase != composa.PhaseRunning {
			t.Fatalf("operation %+v, %v; want it running", op, err)
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
		calls := d.CallCount()
		time.Sleep(10 * time.Minute)
		if d.CallCount() == calls {
			t.Error("nobody looked for ten minutes")
		}
	})
}
