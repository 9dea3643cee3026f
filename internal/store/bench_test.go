package store

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/pgtest"
)

// One compose and its end, with four devices: accepted, done, given back.
func BenchmarkClaims(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := "sqlite:" + filepath.Join(b.TempDir(), "composa.db")
			if engine == "postgres" {
				url = pgtest.URL(b)
			}
			bed := openBed(b, url)
			devices := bed.addFabric("rack1", 5)
			i := 0
			for b.Loop() {
				i++
				op := bed.accept(bed.compose(fmt.Sprintf("m%d", i), devices[1:]...))
				a := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}}}
				claims, err := openClaimIDs(bed)
				bed.ok(err)
				for _, id := range claims {
					a.Claims = append(a.Claims, composa.ClaimChange{Claim: id, Closed: true})
				}
				bed.advance(a)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
		})
	}
}

func openClaimIDs(b *bed) (ids []composa.ClaimID, err error) {
	err = b.read(b.ctx(), system, "read claims", func(t *tx) error {
		claims, err := t.claims(`closed_at IS NULL`)
		for _, c := range claims {
			ids = append(ids, c.ID)
		}
		return err
	})
	return ids, err
}

// The least that the same work can cost: two bare transactions on the same
// file, as many rows, no events, nothing decided.
func BenchmarkRawTransactions(b *testing.B) {
	bed := openBed(b, "sqlite:"+filepath.Join(b.TempDir(), "composa.db"))
	run := func(statements ...string) {
		tx, err := bed.engine.write.BeginTx(bed.ctx(), nil)
		bed.ok(err)
		for _, s := range statements {
			_, err := tx.ExecContext(bed.ctx(), s)
			bed.ok(err)
		}
		bed.ok(tx.Commit())
	}
	run(`CREATE TABLE raw (id INTEGER PRIMARY KEY, holder TEXT)`, `INSERT INTO raw (id) VALUES (1), (2), (3), (4)`, `CREATE TABLE raw_operation (id INTEGER PRIMARY KEY, body TEXT)`)
	for b.Loop() {
		run(`UPDATE raw SET holder = 'm' WHERE id IN (1, 2, 3, 4)`, `INSERT INTO raw_operation (body) VALUES ('running')`)
		run(`UPDATE raw SET holder = NULL WHERE id IN (1, 2, 3, 4)`, `UPDATE raw_operation SET body = 'done' WHERE id = 1`)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "claims/s")
}

// Ten thousand devices on sixteen fabrics, a hundred machines with ten each.
func BenchmarkSite(b *testing.B) {
	bed := openBed(b, "sqlite:"+filepath.Join(b.TempDir(), "composa.db"))
	for f := range 16 {
		devices := bed.addFabric(composa.FabricName(fmt.Sprintf("rack%d", f)), 625)
		for m := range 6 {
			bed.ready(fmt.Sprintf("m%d-%d", f, m), devices[m*10:m*10+10]...)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		if n := len(bed.site().Devices); n != 10000 {
			b.Fatalf("%d devices", n)
		}
	}
}
