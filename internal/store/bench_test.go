package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/measure"
	"github.com/composa-dev/composa/internal/pgtest"
)

// holding is how many devices one request of the benchmark claims.
const holding = 4

// One request and its end is two transactions: Accept writes an operation, its
// machine, leg, step and four claims with seven events; Advance ends it and
// closes the claims with six.
//
// The raw transaction writes the same rows of the same tables, with the bodies
// of a request that the store wrote before: one statement a table, as many rows
// as there are, and the row of the event head, under whose lock numbers are
// dense and in order of commit: that is inherent, whoever writes. It checks
// nothing, decides nothing, decodes and encodes nothing, and chains no hash.
// SQLite waits for the disk with each commit; the PostgreSQL of the tests does
// not, so that there is no disk to hide behind. Pairs of batches are run in turn,
// by one caller and by eight at once.
func BenchmarkClaims(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, callers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", engine, callers), func(b *testing.B) {
				url := "sqlite:" + filepath.Join(b.TempDir(), "composa.db")
				if engine == "postgres" {
					url = pgtest.URL(b)
				}
				bed := openBed(b, url)
				devices := bed.addFabric("rack1", 1+2*callers*holding)
				c := claiming{bed: bed, raw: recorded(bed, devices[1])}
				each := 64 / callers // requests of each caller in one batch
				batch := func(one func(devices []composa.Device), first int) func() time.Duration {
					return func() time.Duration {
						began := time.Now()
						var all sync.WaitGroup
						for k := range callers {
							mine := devices[first+k*holding:][:holding]
							all.Go(func() {
								for range each {
									one(mine)
								}
							})
						}
						all.Wait()
						return time.Since(began)
					}
				}
				b.ResetTimer()
				for b.Loop() {
					got := measure.Pairs(0, batch(c.ours, 1), batch(c.bare, 1+callers*holding))
					n := float64(each * callers)
					b.ReportMetric(n/got.Ours.Seconds(), "claims/s")
					b.ReportMetric(n/got.Theirs.Seconds(), "raw/s")
					measure.AtLeast(b, 1/got.Ratio, 0.8, "ratio")
				}
			})
		}
	}
}

// claiming takes devices and gives them back, by way of the store and without.
type claiming struct {
	*bed
	n   atomic.Int64
	raw map[string][][]any
}

func (c *claiming) ours(devices []composa.Device) {
	accepted := c.compose(fmt.Sprintf("m%d", c.n.Add(1)), devices...)
	op := c.accept(accepted)
	a := composa.Advance{Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}}}
	for _, claim := range accepted.Claims {
		a.Claims = append(a.Claims, composa.ClaimChange{Claim: claim.ID, Closed: true})
	}
	c.advance(a)
}

// columns are those of the tables that a request writes.
var columns = map[string]string{
	"operation": `id, project, principal, verb, message, phase, direction, machines, fabric, request, prior, target, behind, deadline, reason, created_at, started_at, updated_at, updated_by, revision`,
	"machine":   `id, project, owner, name, fabric, label, native, native_since, spec, spec_revision, operation, labels, created_at, created_by, updated_at, updated_by, revision`,
	"leg":       `operation, fabric, state, epoch`,
	"step":      `operation, generation, ordinal, fabric, direction, act, body, disturbs, lock, state, attempt, began_at, ended_at, evidence`,
	"claim":     `id, device, machine, heir, purpose, entry, operation, taken_at`,
	"event":     `seq, at, type, project, subject, subject_revision, principal, on_behalf_of, cause, body, prev_hash, hash`,

	"machine_revision":  `machine, revision, spec, principal, operation, reason, at`,
	"operation_machine": `operation, machine`,
}

// recorded are the rows that one request wrote, by table.
func recorded(b *bed, device composa.Device) map[string][][]any {
	before := b.lastEvent()
	accepted := b.compose("recorded", device)
	op := b.accept(accepted)
	out := map[string][][]any{}
	for table, names := range columns {
		where, arg := "operation = $1", any(string(op.ID))
		switch table {
		case "operation":
			where = "id = $1"
		case "event":
			where, arg = "seq > $1", before
		}
		rows, err := b.engine.read.QueryContext(b.ctx(), `SELECT `+names+` FROM `+table+` WHERE `+where, arg)
		b.ok(err)
		for rows.Next() {
			values := make([]any, strings.Count(names, ",")+1)
			to := make([]any, len(values))
			for i := range values {
				to[i] = &values[i]
			}
			b.ok(rows.Scan(to...))
			out[table] = append(out[table], values)
		}
		b.ok(firstError(rows.Err(), rows.Close()))
	}
	b.advance(composa.Advance{
		Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}},
		Claims: []composa.ClaimChange{{Claim: accepted.Claims[0].ID, Closed: true}},
	})
	return out
}

// bare writes what a request and its end write.
func (c *claiming) bare(devices []composa.Device) {
	operation, machine := composa.NewID(composa.PrefixOperation), composa.NewID(composa.PrefixMachine)
	rows := map[string][][]any{}
	for table, like := range c.raw {
		for _, row := range like {
			rows[table] = append(rows[table], slices.Clone(row))
		}
		rows[table][0][0] = operation
	}
	rows["machine"][0][0], rows["machine_revision"][0][0], rows["machine"][0][3] = machine, machine, machine
	rows["operation_machine"][0][1] = machine
	claim := rows["claim"][0]
	rows["claim"] = nil
	for _, d := range devices {
		row := slices.Clone(claim)
		row[0], row[1], row[2], row[6] = composa.NewID(composa.PrefixClaim), string(d.ID), machine, operation
		rows["claim"] = append(rows["claim"], row)
	}
	for len(rows["event"]) < 3+len(devices) {
		rows["event"] = append(rows["event"], slices.Clone(rows["event"][2]))
	}
	c.transaction(func(t *tx) {
		for _, table := range []string{"operation", "operation_machine", "leg", "machine", "machine_revision", "step", "claim"} {
			c.ok(t.insert(table, columns[table], "", rows[table], nil))
		}
	}, rows["event"])
	c.transaction(func(t *tx) {
		for _, s := range []struct {
			query string
			args  []any
		}{
			{`UPDATE operation SET phase = 'undone', ended_at = $1, updated_at = $1, revision = revision + 1 WHERE id = $2`, []any{1, operation}},
			{`UPDATE leg SET state = 'undone' WHERE operation = $1`, []any{operation}},
			{`UPDATE claim SET closed_at = $1, operation = $2 WHERE machine = $3`, []any{1, operation, machine}},
			{`UPDATE machine SET deleted_at = $1, updated_at = $1, operation = '', revision = revision + 1 WHERE id = $2`, []any{1, machine}},
		} {
			_, err := t.ExecContext(c.ctx(), s.query, s.args...)
			c.ok(err)
		}
	}, rows["event"][1:])
}

// transaction is a bare one: what f writes, then its events.
func (c *claiming) transaction(f func(t *tx), events [][]any) {
	raw, err := c.engine.write.BeginTx(c.ctx(), nil)
	c.ok(err)
	t := &tx{Tx: raw, ctx: c.ctx(), s: c.Store}
	f(t)
	var last int64
	c.ok(raw.QueryRowContext(c.ctx(), `UPDATE event_head SET seq = seq + $1, changes = changes + 1 WHERE one = 1 RETURNING seq`, len(events)).Scan(&last))
	for i := range events {
		events[i][0] = last - int64(len(events)-1-i)
	}
	c.ok(t.insert("event", columns["event"], "", events, nil))
	c.ok(raw.Commit())
}

// A site of ten thousand devices on sixteen fabrics, with sixty machines of ten
// devices each: when nothing changed, and after one request was accepted.
func BenchmarkSite(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := "sqlite:" + filepath.Join(b.TempDir(), "composa.db")
			if engine == "postgres" {
				url = pgtest.URL(b)
			}
			bed := openBed(b, url)
			var devices []composa.Device
			for f := range 16 {
				devices = bed.addFabric(composa.FabricName(fmt.Sprintf("rack%d", f)), 625)
				for m := range 4 {
					bed.ready(fmt.Sprintf("m%d-%d", f, m), devices[m*10:m*10+10]...)
				}
			}
			timed := func() time.Duration {
				began := time.Now()
				if n := len(bed.site().Devices); n != 10000 {
					b.Fatalf("%d devices", n)
				}
				return time.Since(began)
			}
			timed()
			var same, changed []time.Duration
			for b.Loop() {
				for i := range 100 {
					d := devices[100+i%500]
					accepted := bed.compose(fmt.Sprintf("n%d", i), d)
					op := bed.accept(accepted)
					changed = append(changed, timed())
					same = append(same, timed())
					bed.advance(composa.Advance{
						Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}},
						Claims: []composa.ClaimChange{{Claim: accepted.Claims[0].ID, Closed: true}},
					})
				}
			}
			ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
			most := 0.1
			if engine == "postgres" {
				most = 0.5 // one row is read: another server may have written
			}
			measure.AtMost(b, ms(measure.Median(same)), most, "ms-same")
			measure.AtMost(b, ms(measure.Median(changed)), 10, "ms-changed")
		})
	}
}
