package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// Who follows an operation hears of each of its revisions, also of one that
// brings nothing but another reason.
func TestEachRevisionOfAnOperationIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 1)
		op := b.accept(b.compose("train", devices[0]))
		for _, change := range []struct {
			advance composa.Advance
			want    []composa.EventType
		}{
			{composa.Advance{Reason: "nothing came back for a while"}, []composa.EventType{"operation.changed"}},
			{composa.Advance{Phase: composa.PhaseWaiting, Reason: "one"}, []composa.EventType{"operation.waiting"}},
			{composa.Advance{Phase: composa.PhaseWaiting, Reason: "another"}, []composa.EventType{"operation.changed"}},
		} {
			at := b.lastEvent()
			change.advance.Operation, change.advance.Revision = op.ID, op.Revision
			op = b.advance(change.advance)
			if diff := cmp.Diff(change.want, b.events(at)); diff != "" {
				t.Errorf("revision %d, %q, tells (-want +got):\n%s", op.Revision, op.Reason, diff)
			}
			b.toldOf(string(op.ID), op.Revision)
		}
	})
}

// toldOf checks that the newest event of a subject is of its revision.
func (b *bed) toldOf(subject string, revision int64) {
	b.t.Helper()
	all, err := b.Events(b.ctx(), system, 0, 0, composa.EventFilter{Subject: subject})
	b.ok(err)
	if len(all) == 0 || all[len(all)-1].Revision != revision {
		b.t.Fatalf("%s is at revision %d, and told is %+v", subject, revision, all)
	}
}

// toldOfAll is toldOf for all operations and machines.
func (b *bed) toldOfAll() {
	b.t.Helper()
	rows, err := b.engine.write.QueryContext(b.ctx(), `SELECT c.id, c.revision, (SELECT coalesce(max(e.subject_revision), 0) FROM event e WHERE e.subject = c.id)
		FROM (SELECT id, revision FROM operation UNION ALL SELECT id, revision FROM machine) c`)
	b.ok(err)
	defer rows.Close()
	for rows.Next() {
		var id string
		var revision, told int64
		b.ok(rows.Scan(&id, &revision, &told))
		if revision != told {
			b.t.Fatalf("%s is at revision %d, and the newest event of it tells of %d", id, revision, told)
		}
	}
	b.ok(rows.Err())
}
