package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/composa-dev/composa"
)

// maxEvents is the most events that one call returns.
const maxEvents = 1000

// tell notes an event; it gets its number when the transaction ends. state is
// what the subject is after the change.
func (t *tx) tell(e composa.Event, state any) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	e.At, e.Principal, e.Body = t.now, t.who.Principal.ID, text
	if e.Cause == "" {
		e.Cause = t.who.Request
	}
	t.told = append(t.told, e)
	return nil
}

// head is the newest event's number and hash, and the number of the newest
// change.
type head struct {
	seq     int64
	hash    []byte
	changes int64
}

// finish gives the transaction its number as a change, gives its events theirs
// and writes them. It comes last: from here to the commit the head row is
// locked, so numbers are dense and in order of commit, and who read number n
// never meets n-1 later.
func (t *tx) finish() error {
	if len(t.told) == 0 && t.changed.tables == nil {
		return t.flush()
	}
	for {
		before, err := t.head()
		if err != nil {
			return err
		}
		after, rows, err := t.numbered(before)
		if err != nil {
			return err
		}
		moved, err := t.moveHead(before, after)
		if err != nil {
			return err
		}
		if moved {
			return t.insert("event", "seq, at, type, project, subject, subject_revision, principal, on_behalf_of, cause, body, prev_hash, hash", "", rows, nil)
		}
	}
}

// head is the row of the head, held for the rest of the transaction. Where one
// connection writes it is remembered.
func (t *tx) head() (head, error) {
	if t.memory != nil && t.memory.head != nil {
		return *t.memory.head, nil
	}
	var h head
	found, err := t.get([]any{&h.seq, &h.hash, &h.changes}, `SELECT seq, hash, changes FROM event_head WHERE one = 1`+t.s.engine.hold)
	if err == nil && !found {
		err = composa.Errorf(composa.CodeInternal, "cannot number what changed: the store is damaged, its row of event_head is gone").WithNext("restore the store from a backup")
	}
	if h.hash == nil { // an empty one is read so, and is no NULL
		h.hash = []byte{}
	}
	return h, err
}

// moveHead writes the row of the head; false where it was not as it was
// remembered.
func (t *tx) moveHead(before, after head) (moved bool, err error) {
	q := queued{
		query: `UPDATE event_head SET seq = $1, hash = $2, changes = $3 WHERE one = 1 AND seq = $4 AND changes = $5`,
		args:  []any{after.seq, after.hash, after.changes, before.seq, before.changes},
	}
	if t.memory == nil { // its row is held
		return true, t.later(q)
	}
	n, err := t.runNow(q.query, q.args...)
	t.memory.head = nil
	if n == 1 && err == nil {
		t.memory.head = &after
	}
	return n == 1, err
}

// numbered numbers the change and the events of the transaction after a head, and
// returns the head after them and the rows of the events.
func (t *tx) numbered(before head) (after head, rows [][]any, err error) {
	t.number = before.changes + 1
	after = head{seq: before.seq, hash: before.hash, changes: before.changes + 1}
	rows = make([][]any, len(t.told))
	for i := range t.told {
		e := &t.told[i]
		after.seq++
		e.Seq = after.seq
		hash, err := eventHash(after.hash, e)
		if err != nil {
			return after, nil, err
		}
		rows[i] = []any{
			e.Seq, micros(e.At), string(e.Type), string(e.Project), e.Subject, e.Revision,
			string(e.Principal), string(e.OnBehalf), e.Cause, string(e.Body), after.hash, hash,
		}
		after.hash = hash
	}
	return after, rows, nil
}

// eventHash chains an event to the one before it: SHA-256 of that hash and the
// JSON of the event. Its body is that of [tx.tell], which is encoded and need not
// be read once more.
func eventHash(prev []byte, e *composa.Event) ([]byte, error) {
	bare := *e
	bare.Body = nil
	text, err := json.Marshal(&bare)
	if err != nil {
		return nil, err
	}
	if len(e.Body) > 0 { // the last of its fields
		text = append(append(append(text[:len(text)-1], `,"body":`...), e.Body...), '}')
	}
	sum := sha256.New()
	sum.Write(prev)
	sum.Write(text)
	return sum.Sum(nil), nil
}

// Events returns up to limit events after number after, in order; at most
// 1,000, also when limit is 0. Events that who may not see are left out, so that
// the reader's numbers can have gaps.
func (s *Store) Events(ctx context.Context, who composa.Who, after int64, limit int, f composa.EventFilter) ([]composa.Event, error) {
	if limit <= 0 || limit > maxEvents {
		limit = maxEvents
	}
	var out []composa.Event
	err := s.read(ctx, who, "read events", func(t *tx) error {
		where, args := []string{"seq > $1"}, []any{after}
		if seen, more := t.visible("project", args); seen != "" {
			where, args = append(where, "(project = '' OR "+seen+")"), more
		}
		if !who.Administers() { // as composa.Who.SeesEvent
			args = append(args, string(who.Principal.ID))
			where = append(where, fmt.Sprintf("(substr(type, 1, 6) <> 'token.' OR principal = $%d OR on_behalf_of = $%[1]d)", len(args)))
		}
		equal := func(column, value string) {
			if value != "" {
				args = append(args, value)
				where = append(where, fmt.Sprintf("%s = $%d", column, len(args)))
			}
		}
		equal("subject", f.Subject)
		equal("cause", f.Cause)
		if len(f.Types) > 0 {
			var any string
			any, args = typeCondition(f.Types, args)
			where = append(where, any)
		}
		args = append(args, limit)
		return t.each(func(r row) error {
			e, err := scanEvent(r)
			out = append(out, e)
			return err
		}, fmt.Sprintf(`SELECT seq, at, type, project, subject, subject_revision, principal, on_behalf_of, cause, body
			FROM event WHERE %s ORDER BY seq LIMIT $%d`, strings.Join(where, " AND "), len(args)), args...)
	})
	return out, err
}

// typeCondition matches exact types, and families by what stands before the dot.
func typeCondition(types []composa.EventType, args []any) (string, []any) {
	var any []string
	for _, typ := range types {
		if strings.Contains(string(typ), ".") {
			args = append(args, string(typ))
			any = append(any, fmt.Sprintf("type = $%d", len(args)))
			continue
		}
		family := string(typ) + "."
		args = append(args, family, len(family))
		any = append(any, fmt.Sprintf("substr(type, 1, $%d) = $%d", len(args), len(args)-1))
	}
	return "(" + strings.Join(any, " OR ") + ")", args
}

func scanEvent(r row) (composa.Event, error) {
	var e composa.Event
	var text string
	err := r.Scan(&e.Seq, moment{&e.At}, &e.Type, &e.Project, &e.Subject, &e.Revision, &e.Principal, &e.OnBehalf, &e.Cause, &text)
	e.Body = json.RawMessage(text)
	return e, err
}

// LastEvent returns the number of the newest event, whoever may see it.
func (s *Store) LastEvent(ctx context.Context, who composa.Who) (int64, error) {
	var seq int64
	err := s.read(ctx, who, "read events", func(t *tx) error {
		_, err := t.get([]any{&seq}, `SELECT seq FROM event_head WHERE one = 1`)
		return err
	})
	return seq, err
}
