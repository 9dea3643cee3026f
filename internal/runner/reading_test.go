package runner_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/store"
)

// countingStore counts how often the site is read, and loses the answer of every
// write that lose names.
type countingStore struct {
	*store.Store
	sites, writes atomic.Int64
	lose          func(write int64) bool
}

func (s *countingStore) Site(ctx context.Context, who composa.Who) (*composa.Site, error) {
	s.sites.Add(1)
	return s.Store.Site(ctx, who)
}

func (s *countingStore) Advance(ctx context.Context, who composa.Who, a composa.Advance) (*composa.Operation, error) {
	op, err := s.Store.Advance(ctx, who, a)
	if n := s.writes.Add(1); err == nil && s.lose != nil && s.lose(n) {
		return nil, errors.New("the connection was lost")
	}
	return op, err
}

var _ runner.Store = (*countingStore)(nil)

// A runner reads the site when somebody else changed an operation of its fabric,
// not for what it writes itself nor for what happens elsewhere.
func TestRunReadsWhatOthersChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Read: 20 * time.Millisecond, Change: time.Second})
		s := &countingStore{Store: l.store}
		stop := l.serve(l.world.Fabric(), s)
		time.Sleep(time.Second) // the first look
		begun := s.sites.Load()
		for i := range 50 { // what is no business of the fabric's
			l.check(l.store.PutFabric(l.ctx, composa.System(), composa.Fabric{Name: composa.FabricName(fmt.Sprintf("rack%d", i+2)), Driver: "memory", Source: "config", Access: composa.AccessManage}))
			synctest.Wait()
		}
		if got := s.sites.Load() - begun; got != 0 {
			t.Errorf("the site was read %d times for what happened elsewhere", got)
		}
		id := l.compose("train", 2)
		if got := l.await(id); got[0] != composa.PhaseDone {
			t.Errorf("ended %s", got[0])
		}
		if got := s.sites.Load() - begun; got != 2 {
			t.Errorf("the site was read %d times for one request, want once to hear of it and once to end it", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Where the answer of a write was lost the runner looks what is so, and goes on.
func TestRunReadsAgainAfterALostWrite(t *testing.T) {
	for lost := range int64(6) {
		t.Run(fmt.Sprint(lost+1), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, memory.Delays{Change: time.Second})
				s := &countingStore{Store: l.store, lose: func(write int64) bool { return write == lost+1 }}
				stop := l.serve(l.world.Fabric(), s)
				time.Sleep(time.Second)
				began := time.Now()
				if got := l.await(l.compose("train", 2)); got[0] != composa.PhaseDone {
					t.Errorf("ended %s", got[0])
				}
				if took := time.Since(began); took > time.Minute {
					t.Errorf("it took %s", took)
				}
				l.machineHolds("train", 3)
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A request to cancel is heard in the middle of a step that was begun on what
// was read before.
func TestRunHearsACancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Change: time.Second})
		stop := l.serve(l.world.Fabric(), l.store)
		time.Sleep(time.Second)
		id := l.compose("train", 2)
		time.Sleep(1500 * time.Millisecond)
		_, err := l.in.Cancel(l.ctx, l.who, id)
		l.check(err)
		if got := l.await(id); got[0] != composa.PhaseCancelled {
			t.Errorf("ended %s", got[0])
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
