package runner_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
)

// preparing is a fabric that reads for ever what a step begins with.
type preparing struct {
	driver.Fabric
	driver.Reserver
	mu    sync.Mutex
	ahead []composa.Act
}

func (p *preparing) Prepare(ctx context.Context, s composa.Step) {
	p.mu.Lock()
	p.ahead = append(p.ahead, s.Act)
	p.mu.Unlock()
	<-ctx.Done()
}

// What the first step of an operation begins with is read once, the runner does
// not wait for it, and it ends with the runner. A step takes longer than
// reserving a handle beside it, so that the second one begins where the first ends.
func TestRunReadsAheadAndDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Change: time.Second})
		f := &preparing{Fabric: l.world.Fabric()}
		f.Reserver = f.Fabric.(driver.Reserver)
		stop := l.serve(f, l.store)
		time.Sleep(time.Second) // the first look
		if got := l.await(l.compose("train", 2)); got[0] != composa.PhaseDone {
			t.Errorf("ended %s", got[0])
		}
		l.machineHolds("train", 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if len(f.ahead) != 1 || f.ahead[0] != composa.ActEnter {
			t.Errorf("read ahead for %v, want the first step alone", f.ahead)
		}
	})
}
