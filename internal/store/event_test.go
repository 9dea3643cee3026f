package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// Eight writers at once, and one who follows by number: it sees every event
// once, in order, and no number is left out.
func TestAFollowerLosesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 9)
		from := b.lastEvent()
		const writers = 8
		rounds := count(6, 300)
		changed, cancel := b.Notify()
		defer cancel()
		done := make(chan struct{})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for r := range rounds {
					reason := fmt.Sprint(r)
					if _, err := b.SetDevice(b.ctx(), b.admin, devices[w].ID, 0, composa.DeviceUpdate{Cordon: &reason}); err != nil {
						t.Errorf("set: %v", err)
					}
				}
			}()
		}
		go func() {
			wg.Wait()
			close(done)
		}()
		next := from
		follow := func() {
			for {
				events, err := b.Events(b.ctx(), b.admin, next, 7, composa.EventFilter{})
				if err != nil {
					t.Errorf("events: %v", err)
					return
				}
				for _, e := range events {
					if e.Seq != next+1 {
						t.Errorf("event %d follows on %d", e.Seq, next)
					}
					next = e.Seq
				}
				if len(events) == 0 {
					return
				}
			}
		}
		for running := true; running; {
			select {
			case <-changed:
			case <-done:
				running = false
			}
			follow()
		}
		if got, want := next-from, int64(writers*rounds); got != want {
			t.Errorf("the follower saw %d events, %d were told", got, want)
		}
		b.checkChain()
	})
}

// checkChain fails unless every event is chained to the one before it.
func (b *bed) checkChain() {
	b.t.Helper()
	rows, err := b.engine.read.QueryContext(b.ctx(), `SELECT seq, at, type, project, subject, subject_revision, principal, on_behalf_of, cause, body, prev_hash, hash FROM event ORDER BY seq`)
	b.ok(err)
	defer rows.Close()
	prev, seq := make([]byte, 32), int64(0)
	for rows.Next() {
		var gotPrev, gotHash []byte
		e, err := scanEvent(tail{rows, []any{&gotPrev, &gotHash}})
		b.ok(err)
		text, err := json.Marshal(&e)
		b.ok(err)
		want := sha256.Sum256(slices.Concat(prev, text))
		if seq++; e.Seq != seq || !bytes.Equal(gotPrev, prev) || !bytes.Equal(gotHash, want[:]) {
			b.t.Errorf("event %d is not chained to event %d", e.Seq, seq-1)
		}
		prev = gotHash
	}
	b.ok(rows.Err())
	var head []byte
	b.ok(b.engine.read.QueryRowContext(b.ctx(), `SELECT hash FROM event_head`).Scan(&head))
	if !bytes.Equal(head, prev) {
		b.t.Error("the head is not the hash of the last event")
	}
}

// tail scans more columns than its user asks for.
type tail struct {
	row
	more []any
}

func (t tail) Scan(dest ...any) error { return t.row.Scan(append(dest, t.more...)...) }

func TestEventFilter(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		devices := b.addFabric("rack1", 2)
		at := b.lastEvent()
		op := b.made(b.accept(b.compose("train", devices[1])), "m")
		for name, tt := range map[string]struct {
			f    composa.EventFilter
			want []composa.EventType
		}{
			"a type":            {composa.EventFilter{Types: []composa.EventType{"machine.ready"}}, []composa.EventType{"machine.ready"}},
			"a family":          {composa.EventFilter{Types: []composa.EventType{"machine"}}, []composa.EventType{"machine.composing", "machine.ready"}},
			"two":               {composa.EventFilter{Types: []composa.EventType{"claim", "operation.done"}}, []composa.EventType{"claim.opened", "operation.done"}},
			"no wildcards":      {composa.EventFilter{Types: []composa.EventType{"machin_", "%"}}, nil},
			"a subject":         {composa.EventFilter{Subject: string(op.Machines[0])}, []composa.EventType{"machine.composing", "machine.ready"}},
			"a cause":           {composa.EventFilter{Cause: "req_1"}, []composa.EventType{"operation.running"}},
			"subject and cause": {composa.EventFilter{Subject: string(op.ID), Cause: string(op.ID)}, []composa.EventType{"step.planned", "operation.done"}},
		} {
			all, err := b.Events(b.ctx(), b.admin, at, 0, tt.f)
			b.ok(err)
			var got []composa.EventType
			for _, e := range all {
				got = append(got, e.Type)
				if !tt.f.Has(&e) {
					t.Errorf("%s: the store returns %s, the vocabulary's filter does not", name, e.Type)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		all, err := b.Events(b.ctx(), b.admin, at, 0, composa.EventFilter{Types: []composa.EventType{"operation.done"}})
		b.ok(err)
		if e := all[0]; e.Principal != composa.SystemPrincipal || e.OnBehalf != b.admin.Principal.ID || e.Project != b.project || e.Revision != op.Revision {
			t.Errorf("event = %+v", e)
		}
		if two, err := b.Events(b.ctx(), b.admin, at, 2, composa.EventFilter{}); err != nil || len(two) != 2 {
			t.Errorf("two events = %v, %v", two, err)
		}
	})
}
