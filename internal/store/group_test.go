package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

// grouped runs transactions in one group, in their order: they come while
// another one has the turn. It returns what each was answered.
func (b *bed) grouped(all ...func() error) []error {
	b.t.Helper()
	b.groups.turn <- struct{}{}
	answers := make([]error, len(all))
	var under sync.WaitGroup
	for i, one := range all {
		under.Go(func() { answers[i] = one() })
		b.waitFor(i + 1)
	}
	<-b.groups.turn
	under.Wait()
	return answers
}

// waitFor returns when n transactions wait for their turn.
func (b *bed) waitFor(n int) {
	for have := -1; have != n; {
		b.groups.mu.Lock()
		have = len(b.groups.waiting)
		b.groups.mu.Unlock()
	}
}

// whole fails unless the kept site is as the tables say, and the events after a
// number are dense and chained.
func (b *bed) whole(last int64) {
	b.t.Helper()
	if diff := sameSites(b.site(), b.fresh()); diff != "" {
		b.t.Errorf("the kept site differs (-tables +kept):\n%s", diff)
	}
	events, err := b.Events(b.ctx(), system, last, 0, composa.EventFilter{})
	b.ok(err)
	for i, e := range events {
		if e.Seq != last+int64(i)+1 {
			b.t.Errorf("the %d. event after %d has number %d", i+1, last, e.Seq)
		}
	}
	b.checkChain()
}

// Of those that are committed together each that fails is taken back, and
// nothing else is.
func TestAGroupFailsOneByOne(t *testing.T) {
	b := openBed(t, newFile(t, t.TempDir()))
	devices := b.addFabric("rack1", 2+count(30, 1000))
	contested, free := devices[1], devices[2:]
	taken := false
	rapid.Check(t, func(rt *rapid.T) {
		last := b.lastEvent()
		var all []func() error
		var want []composa.Code
		for range rapid.IntRange(1, 5).Draw(rt, "callers") {
			how := rapid.SampledFrom([]string{"well", "contested", "fails", "goes away", "ends the transaction"}).Draw(rt, "how")
			d := contested
			if how == "well" && len(free) > 0 {
				d, free = free[0], free[1:]
			}
			if d.ID == contested.ID && (how == "well" || how == "contested") {
				code := composa.Code("")
				if taken {
					code = composa.CodeMoved
				}
				want, taken = append(want, code), true
			} else {
				want = append(want, map[string]composa.Code{"fails": composa.CodeRefused, "goes away": composa.CodeCancelled, "ends the transaction": composa.CodeRefused}[how])
			}
			if how == "well" || how == "contested" {
				accepted := b.compose(fmt.Sprintf("m%d", len(devices)-len(free)), d)
				if d.ID == contested.ID {
					accepted.NewMachine.Name = string(accepted.NewMachine.ID[len(accepted.NewMachine.ID)-8:])
				}
				all = append(all, func() error {
					_, err := b.Accept(b.ctx(), b.admin, accepted)
					return err
				})
				continue
			}
			all = append(all, func() error { return b.failing(how) })
		}
		for i, err := range b.grouped(all...) {
			if got := composa.CodeOf(err); got != want[i] {
				rt.Fatalf("caller %d: %v (%q), want %q of %q", i+1, err, got, want[i], want)
			}
		}
		if b.site().Fabric("rack1").URL == "failed" {
			rt.Fatal("what failed was written")
		}
		b.whole(last)
	})
}

// failing writes, and then fails in one of several ways.
func (b *bed) failing(how string) error {
	ctx, cancel := context.WithCancel(b.ctx())
	defer cancel()
	return b.write(ctx, b.admin, "write and fail", func(t *tx) error {
		if err := t.tellFabric("fabric.changed", "rack1"); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE fabric SET url = 'failed' WHERE name = 'rack1'`); err != nil {
			return err
		}
		switch how {
		case "goes away":
			cancel()
			return nil
		case "ends the transaction": // as SQLite does when it has no memory or no disk
			if _, err := t.exec(`ROLLBACK`); err != nil {
				return err
			}
		}
		return composa.Errorf(composa.CodeRefused, "cannot go on")
	})
}

// While nothing can be written every caller of a group hears why, and who goes
// away before its turn leaves nothing behind.
func TestAGroupThatCannotBeWritten(t *testing.T) {
	for _, tt := range fileTroubles {
		t.Run(tt.name, func(t *testing.T) {
			b := openBed(t, newFile(t, t.TempDir()))
			devices := b.addFabric("rack1", 8)
			last := b.lastEvent()
			end := tt.begin(b)
			var all []func() error
			for i := range 4 {
				large := b.compose(fmt.Sprintf("m%d", i), devices[1+i])
				large.Operation.Message = strings.Repeat("why ", 20_000)
				all = append(all, func() error { _, err := b.Accept(b.ctx(), b.admin, large); return err })
			}
			for _, err := range b.grouped(all...) {
				b.code(err, composa.CodeUnavailable)
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%q does not say %q", err, tt.says)
				}
			}
			if b.lastEvent() != last {
				t.Error("something was written")
			}
			end()
			b.ok(errors.Join(b.grouped(all...)...))
			b.whole(last)
		})
	}
	b := openBed(t, "sqlite::memory:")
	b.addFabric("rack1", 2)
	ctx, cancel := context.WithCancel(b.ctx())
	b.groups.turn <- struct{}{}
	answer := make(chan error)
	go func() {
		answer <- b.write(ctx, b.admin, "write", func(*tx) error { return errors.New("it had its turn") })
	}()
	b.waitFor(1)
	cancel()
	b.code(<-answer, composa.CodeCancelled)
	b.waitFor(0)
	<-b.groups.turn
}
