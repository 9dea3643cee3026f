package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/composa-dev/composa"
)

// A key is kept for its time: until then it is taken, and after that it is new.
func TestKeysAreKeptForTheirTime(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		who := b.admin
		who.Key = &composa.RequestKey{Key: "k", Hash: []byte("h")}
		began := b.clock.looks.Load()
		create := func(name string) error {
			_, err := b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: name})
			return err
		}
		b.ok(create("one"))
		b.clock.looks.Store(began + composa.KeyLife.Milliseconds() - 10)
		b.code(create("two"), composa.CodeExists)
		b.clock.looks.Store(began + composa.KeyLife.Milliseconds() + 10)
		b.ok(create("two"))
	})
}

// A principal has a most of keys; the oldest go.
func TestKeysOfOnePrincipalHaveAMost(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.ok(b.write(b.ctx(), b.admin, "fill", func(t *tx) error {
			var rows [][]any
			for i := range composa.MaxKeys + 5 {
				rows = append(rows, []any{string(b.admin.Principal.ID), fmt.Sprint("old", i), []byte("h"), "", micros(t.now.Add(time.Duration(i-composa.MaxKeys-5) * time.Millisecond))})
			}
			return t.insert("request", "principal, key, body_hash, result, at", "", rows, nil)
		}))
		b.clock.looks.Add(2 * sweepEvery.Milliseconds())
		who := b.admin
		who.Key = &composa.RequestKey{Key: "new", Hash: []byte("h")}
		_, err := b.CreatePool(b.ctx(), who, composa.PoolTerms{}, composa.Pool{Project: b.project, Name: "one"})
		b.ok(err)
		var n, oldest int64
		b.ok(b.read(b.ctx(), b.admin, "count", func(t *tx) error {
			_, err := t.get([]any{&n, &oldest}, `SELECT count(*), coalesce(sum(CASE WHEN key IN ('old0', 'old5') THEN 1 ELSE 0 END), 0) FROM request`)
			return err
		}))
		if n != composa.MaxKeys || oldest != 0 {
			t.Errorf("%d keys are kept, %d of them of the oldest", n, oldest)
		}
	})
}
