package store

import (
	"errors"
	"testing"

	"github.com/composa-dev/composa"
)

// A transaction that has no event to tell sends its statements all the same, and
// hears what became of them.
func TestWhatIsSentLaterIsSent(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		err := b.write(b.ctx(), system, "try", func(t *tx) error {
			return t.later(queued{query: `INSERT INTO leg (operation, fabric, state, epoch) VALUES ($1, $2, $3, $4)`, args: []any{"op_none", "none", "running", 1}})
		})
		if err == nil {
			t.Error("a row that names no operation was taken")
		}
	})
}

// Of statements of which a later one failed, a check that asks the database
// cannot hear anything: the failure is told, and not that.
func TestTheFailureOfALaterStatementIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 1)
		err := b.write(b.ctx(), system, "try", func(t *tx) error {
			asks := func(int64) error {
				_, err := t.get([]any{new(int64)}, `SELECT revision FROM device WHERE id = $1`, string(devices[0].ID))
				return err
			}
			return firstError(
				t.later(queued{query: `UPDATE device SET revision = revision WHERE id = $1`, args: []any{string(devices[0].ID)}, check: asks}),
				t.later(queued{query: `INSERT INTO leg (operation, fabric, state, epoch) VALUES ($1, $2, $3, $4)`, args: []any{"op_none", "none", "running", 1}}),
			)
		})
		coded, ok := errors.AsType[*composa.Error](err)
		if !ok || coded.Code != composa.CodeNotFound {
			t.Errorf("got %v, want what the second statement broke", err)
		}
	})
}
