package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/composa-dev/composa"
)

// A caller that goes away ends its transaction between two statements. That is
// nothing that went wrong in the store.
func TestACallerThatGoesAwayIsNoFailureOfTheStore(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		// gone waits until the transaction has ended by itself, or where it is one of
		// a group, until it takes no more statements.
		gone := func(t *tx) {
			if t.conn != nil {
				<-t.ctx.Done()
				return
			}
			for {
				_, err := t.Tx.ExecContext(context.Background(), "SELECT 1")
				if errors.Is(err, sql.ErrTxDone) || t.s.engine.alone && t.ctx.Err() != nil {
					return
				}
			}
		}
		ended := func() (context.Context, func()) { return context.WithCancel(t.Context()) }
		late := func() (context.Context, func()) {
			ctx := overdue{t.Context(), make(chan struct{})}
			return ctx, sync.OnceFunc(func() { close(ctx.over) })
		}
		for _, tt := range []struct {
			name string
			ctx  func() (context.Context, func())
			code composa.Code
		}{{"it goes away", ended, composa.CodeCancelled}, {"its time is over", late, composa.CodeTimeout}} {
			t.Run(tt.name, func(t *testing.T) {
				ctx, end := tt.ctx()
				err := b.read(ctx, b.admin, "read an operation", func(t *tx) error {
					end()
					gone(t)
					return nil
				})
				if err != nil {
					t.Errorf("all was read, and then: %v", err)
				}
				ctx, end = tt.ctx()
				err = b.read(ctx, b.admin, "read an operation", func(t *tx) error {
					end()
					gone(t)
					_, err := t.operations("1 = 1")
					return err
				})
				if composa.CodeOf(err) != tt.code {
					t.Errorf("reading says %v (%s)", err, composa.CodeOf(err))
				}
				ctx, end = tt.ctx()
				err = b.write(ctx, b.admin, "change a pool", func(t *tx) error {
					end()
					gone(t)
					return nil
				})
				if composa.CodeOf(err) != tt.code {
					t.Errorf("writing says %v (%s)", err, composa.CodeOf(err))
				}
			})
		}
	})
}

// overdue is a context whose time is over when the test says so.
type overdue struct {
	context.Context
	over chan struct{}
}

func (o overdue) Done() <-chan struct{} { return o.over }

func (o overdue) Err() error {
	select {
	case <-o.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
