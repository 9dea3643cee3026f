package runner_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/intake"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/store"
)

// lab is the real loops on a real store, in fake time.
type lab struct {
	t     *testing.T
	ctx   context.Context
	world *memory.World
	store *store.Store
	in    *intake.Intake
	who   composa.Who
}

func newLab(t *testing.T, delays memory.Delays) *lab {
	l := &lab{t: t, ctx: t.Context()}
	var err error
	if l.store, err = store.Open(l.ctx, store.Options{URL: "sqlite::memory:"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.store.Close() })
	id, err := l.store.Identity(l.ctx, composa.System())
	l.check(err)
	admin, err := l.store.EnsureAdmin(l.ctx, composa.System())
	l.check(err)
	projects, err := l.store.Projects(l.ctx, composa.System())
	l.check(err)
	l.who = composa.Who{Principal: admin, Projects: []composa.ProjectID{projects[0].ID}}
	l.world = memory.New(memory.Config{
		Name: "rack1", Site: id.Site, Delays: delays,
		Counts: map[composa.Kind]int{composa.KindCPU: 8, composa.KindGPU: 16},
	})
	l.check(l.store.PutFabric(l.ctx, composa.System(), composa.Fabric{Name: "rack1", Driver: "memory", Source: "config", Access: composa.AccessManage}))
	l.in = intake.New(l.store, slog.New(slog.DiscardHandler))
	return l
}

func (l *lab) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// serve runs the loops of one server until stop, which returns what the runner
// ended with.
func (l *lab) serve(f driver.Fabric, s runner.Store) (stop func() error) {
	epoch, err := l.store.TakeTenure(l.ctx, composa.System(), "rack1", "server")
	l.check(err)
	ctx, cancel := context.WithCancel(l.ctx)
	inv := inventory.New(inventory.Config{Fabric: "rack1", Driver: f, Store: l.store, Epoch: epoch})
	run := runner.New(runner.Config{Fabric: "rack1", Driver: f, Store: s, Epoch: epoch, Nudge: inv.Nudge})
	var wg sync.WaitGroup
	ended := make(chan error, 1)
	wg.Go(func() { _ = inv.Run(ctx) })
	wg.Go(func() { _ = l.in.Run(ctx) })
	wg.Go(func() { ended <- run.Run(ctx) })
	return func() error {
		cancel()
		wg.Wait()
		return <-ended
	}
}

func (l *lab) compose(name string, gpus int) composa.OperationID {
	l.t.Helper()
	out, err := l.in.Compose(l.ctx, l.who, composa.ComposeRequest{
		Asked: composa.Asked{Project: l.who.Projects[0], Machine: name},
		Spec:  composa.Spec{Entries: []composa.Entry{{Kind: composa.KindGPU, Count: gpus}}},
	})
	l.check(err)
	return out.Operation.ID
}

// await waits until operations ended, and tells how.
func (l *lab) await(ids ...composa.OperationID) []composa.Phase {
	l.t.Helper()
	changed, cancel := l.store.Notify()
	defer cancel()
	late := time.After(2 * time.Hour)
	for {
		var phases []composa.Phase
		for _, id := range ids {
			op, err := l.store.Operation(l.ctx, composa.System(), id)
			l.check(err)
			if op.Phase.Ended() || op.Phase == composa.PhaseHeld {
				phases = append(phases, op.Phase)
			}
		}
		if len(phases) == len(ids) {
			return phases
		}
		select {
		case <-changed:
		case <-late:
			l.t.Fatalf("only %v of %d operations ended", phases, len(ids))
		}
	}
}

func (l *lab) machineHolds(name string, devices int) {
	l.t.Helper()
	m, err := l.store.Machine(l.ctx, l.who, l.who.Projects[0], name)
	l.check(err)
	seen := l.world.Truth().Ours(m.Ref())
	if seen == nil || len(seen.Devices) != devices {
		l.t.Errorf("machine %q is %+v, want %d devices", name, seen, devices)
	}
}

func TestRunCarriesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Read: 20 * time.Millisecond, Change: time.Second})
		stop := l.serve(l.world.Fabric(), l.store)
		time.Sleep(time.Second) // the first look
		var ids []composa.OperationID
		for i := range 3 {
			ids = append(ids, l.compose(fmt.Sprintf("train-%d", i), 2))
		}
		if got := l.await(ids...); slices.ContainsFunc(got, func(p composa.Phase) bool { return p != composa.PhaseDone }) {
			t.Errorf("operations ended %v", got)
		}
		for i := range 3 {
			l.machineHolds(fmt.Sprintf("train-%d", i), 3)
		}
		if err := stop(); err != nil {
			t.Errorf("a runner that is stopped says %v", err)
		}
	})
}

// The runner costs nothing of its own: an operation takes as long as the calls.
func TestRunAddsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Change: time.Second})
		stop := l.serve(l.world.Fabric(), l.store)
		time.Sleep(time.Second)
		_, before := l.world.Calls()
		began := time.Now()
		l.await(l.compose("train", 4))
		_, after := l.world.Calls()
		if took, calls := time.Since(began), time.Duration(after-before)*time.Second; took > calls+calls/20 {
			t.Errorf("took %s for %s of calls", took, calls)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Stopped at any moment, the next server finishes what it finds.
func TestRunStoppedAnywhere(t *testing.T) {
	for _, after := range []time.Duration{0, 1500 * time.Millisecond, 4 * time.Second, 5500 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, memory.Delays{Change: time.Second})
				stop := l.serve(l.world.Fabric(), l.store)
				time.Sleep(time.Second)
				id := l.compose("train", 4)
				time.Sleep(after)
				if err := stop(); err != nil {
					t.Error(err)
				}
				stop = l.serve(l.world.Fabric(), l.store)
				if got := l.await(id); got[0] != composa.PhaseDone {
					t.Errorf("ended %s", got[0])
				}
				l.machineHolds("train", 5)
				if open := l.world.OpenSessions(); len(open) > 0 {
					t.Errorf("open sessions: %v", open)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A call that is never answered ends by its deadline, and what became of it is
// found out.
func TestRunDeadlineOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{})
		hung := false
		l.world.Fail(func(c memory.Call) memory.Fault {
			if c.Name == "machine.create" && !hung {
				hung = true
				return memory.Fault{Hang: true}
			}
			return memory.Fault{}
		})
		stop := l.serve(l.world.Fabric(), l.store)
		time.Sleep(time.Second)
		began := time.Now()
		if got := l.await(l.compose("train", 1)); got[0] != composa.PhaseDone {
			t.Errorf("ended %s", got[0])
		}
		if took := time.Since(began); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("took %s, want the deadline of the call", took)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// When somebody else has the fabric, the runner stops acting on it.
func TestRunLosesTenure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Change: time.Second})
		stop := l.serve(l.world.Fabric(), l.store)
		time.Sleep(time.Second)
		id := l.compose("train", 2)
		time.Sleep(1500 * time.Millisecond)
		second := l.serve(l.world.Fabric(), l.store)
		if got := l.await(id); got[0] != composa.PhaseDone {
			t.Errorf("ended %s", got[0])
		}
		if err := stop(); composa.CodeOf(err) != composa.CodeMoved {
			t.Errorf("the first runner ended with %v, want moved", err)
		}
		if err := second(); err != nil {
			t.Error(err)
		}
	})
}

// failingStore fails every third write, half of them after it was done.
type failingStore struct {
	*store.Store
	n atomic.Int64
}

func (s *failingStore) Advance(ctx context.Context, who composa.Who, a composa.Advance) (*composa.Operation, error) {
	switch s.n.Add(1) % 6 {
	case 2:
		return nil, errors.New("the disk is full")
	case 5:
		_, _ = s.Store.Advance(ctx, who, a)
		return nil, errors.New("the connection was lost")
	}
	return s.Store.Advance(ctx, who, a)
}

func (s *failingStore) Site(ctx context.Context, who composa.Who) (*composa.Site, error) {
	if s.n.Add(1)%7 == 3 {
		return nil, errors.New("the disk is slow")
	}
	return s.Store.Site(ctx, who)
}

func TestRunOutlivesTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, memory.Delays{Read: 10 * time.Millisecond, Change: 100 * time.Millisecond})
		stop := l.serve(l.world.Fabric(), &failingStore{Store: l.store})
		time.Sleep(time.Second)
		ids := []composa.OperationID{l.compose("train", 2), l.compose("render", 2)}
		for _, p := range l.await(ids...) {
			if p != composa.PhaseDone {
				t.Errorf("ended %s", p)
			}
		}
		l.machineHolds("train", 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
