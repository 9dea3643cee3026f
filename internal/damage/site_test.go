package damage

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

func TestSiteLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s, err := Open(ctx, nil, emulator.Config{CommitLatency: emulator.Latency{Min: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if ok, err := s.Seen(ctx, time.Time{}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		began := time.Now()
		out, err := s.server.intake.Compose(ctx, s.who, composa.ComposeRequest{
			Asked: composa.Asked{Project: s.project, Machine: "train"},
			Spec:  composa.Spec{Entries: []composa.Entry{{Kind: composa.KindGPU, Count: 2}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ok, err := s.until(ctx, time.Hour, func(site *composa.Site) bool { return len(site.Operations) == 0 })
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		op, err := s.store.Operation(ctx, s.who, out.Operation.ID)
		t.Log(time.Since(began), op.Phase, err, s.racks[0].director.CallCount(), s.racks[0].director.Snapshot().Sockets)
		time.Sleep(time.Hour)
		t.Log(s.racks[0].director.CallCount())
	})
}
