package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// maxRuns is how often a writing transaction is run when others cross it.
const maxRuns = 20

// errAgain says that a transaction found the row it relied on changed by
// another one between reading and writing: nothing was done, run it again.
var errAgain = errors.New("another transaction was first")

// tx is one transaction: on whose behalf, at what time, and what is told and
// done once it is committed.
type tx struct {
	*sql.Tx // nil where statements are sent together
	// conn is the connection, where statements are sent together; pipeline those
	// that wait, and journeys how often some were sent.
	conn     *sql.Conn
	pipeline []queued
	journeys int
	memory   *memory // where one connection writes

	ctx  context.Context
	s    *Store
	who  composa.Who
	now  time.Time // read once, in microseconds UTC
	told []composa.Event
	// projects are those of machines that were read.
	projects map[composa.MachineID]composa.ProjectID
	// locked are the machines whose rows this transaction holds, as they are now.
	locked map[composa.MachineID]composa.Machine
	// legs are the rows of legs as this transaction knows them.
	legs  map[composa.OperationID]leg
	after []func() // run when it ended well: what the caches learn

	changed change // what was written
	// written are the operations that were written, as they are now, and runner is
	// the fabric whose runner wrote them; empty: it was somebody else.
	written []*composa.Operation
	runner  composa.FabricName
	number  int64 // of the change
}

// write runs f in one writing transaction, gives its events their numbers last,
// commits and signals. what says what could not be done: "compose".
func (s *Store) write(ctx context.Context, who composa.Who, what string, f func(t *tx) error) error {
	if err := known(who, what); err != nil {
		return err
	}
	for run := 1; ; run++ {
		err := s.writeOnce(ctx, who, f)
		again := errors.Is(err, errAgain) || postgresCollision(err)
		switch {
		case err == nil:
			return nil
		case again && run < maxRuns && ctx.Err() == nil:
			continue
		case again && ctx.Err() == nil:
			return composa.Errorf(composa.CodeUnavailable, "cannot %s: too many others change the same at once: %w", what, err).WithNext("try again")
		}
		return s.engine.translate(ctx, what, err)
	}
}

func (s *Store) writeOnce(ctx context.Context, who composa.Who, f func(t *tx) error) error {
	if s.engine.alone {
		return s.writeTogether(ctx, who, f)
	}
	return s.writeAlone(ctx, who, f)
}

// perform does all that a transaction does but its commit.
func (t *tx) perform(f func(t *tx) error) error {
	if err := t.takeKey(); err != nil {
		return err
	}
	if err := f(t); err != nil {
		return err
	}
	if err := t.tellWritten(); err != nil {
		return err
	}
	if err := t.finish(); err != nil {
		return err
	}
	return t.ctx.Err()
}

// committed takes in what transactions did that are on the disk now.
func (s *Store) committed(all ...*tx) {
	for _, t := range all {
		if t.memory != nil {
			t.memory.lose(&t.changed)
		}
		t.learn()
	}
	if s.changes.learn(all) {
		s.notify(all)
	}
}

// learn runs what was put off until the transaction ended well.
func (t *tx) learn() {
	for _, learn := range t.after {
		learn()
	}
}

// read runs f in one reading transaction: all that it sees is of one moment.
func (s *Store) read(ctx context.Context, who composa.Who, what string, f func(t *tx) error) error {
	if err := known(who, what); err != nil {
		return err
	}
	var raw *sql.Tx
	err := untilAlive(ctx, func() (err error) {
		raw, err = s.engine.read.BeginTx(ctx, s.engine.readOptions)
		return err
	})
	if err != nil {
		return s.engine.translate(ctx, what, err)
	}
	t := &tx{Tx: raw, ctx: ctx, s: s, who: who, now: s.now()}
	err = f(t)
	if err == nil {
		t.learn()
	}
	return s.engine.translate(ctx, what, firstError(err, rollback(raw)))
}

// rollback ends a transaction that has nothing to keep. One that has ended by
// itself, because its context did, is as good.
func rollback(raw *sql.Tx) error {
	if err := raw.Rollback(); !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// known refuses a call on behalf of nobody.
func known(who composa.Who, what string) error {
	if who.Principal.ID == "" {
		return composa.Errorf(composa.CodeUnauthenticated, "cannot %s: nobody is named on whose behalf", what)
	}
	return nil
}

func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// translate gives an error of the database a code and a sentence. Errors that
// have a code pass as they are. Once ctx, the caller's, has ended, the words of
// the database only tell where that met it.
func (e *engine) translate(ctx context.Context, what string, err error) error {
	var coded *composa.Error
	if err == nil || errors.As(err, &coded) {
		return err
	}
	ended := ctx.Err()
	switch {
	case errors.Is(ended, context.DeadlineExceeded), ended == nil && errors.Is(err, context.DeadlineExceeded):
		return composa.Errorf(composa.CodeTimeout, "cannot %s: the time for it passed: %w", what, err)
	case ended != nil, errors.Is(err, context.Canceled):
		return composa.Errorf(composa.CodeCancelled, "cannot %s: the caller went away: %w", what, err)
	case errors.Is(err, sql.ErrConnDone), strings.Contains(err.Error(), "database is closed"):
		return composa.Errorf(composa.CodeUnavailable, "cannot %s: the store is closed: %w", what, err)
	}
	if known := sqliteError(what, err); known != nil {
		return known
	}
	if known := postgresError(what, err); known != nil {
		return known
	}
	return composa.Errorf(composa.CodeInternal, "cannot %s: the store failed: %w", what, err)
}

func missingReference(what string, err error) error {
	return composa.Errorf(composa.CodeNotFound, "cannot %s: it names a fabric, device, machine or operation that the site does not have: %w", what, err)
}

// exec runs a statement and says how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	n, err := t.run(query, args...)
	if n > 0 {
		t.wrote(query)
	}
	return n, err
}

// execRow is exec of a statement that changes the one row of an id.
func (t *tx) execRow(id, query string, args ...any) error {
	t.wrote(query, id)
	return t.later(queued{query: query, args: args})
}

// execStill is execRow of a row that must be as it was when that was decided.
func (t *tx) execStill(id, query string, args ...any) error {
	t.wrote(query, id)
	return t.later(queued{query: query, args: args, check: still(1)})
}

func (t *tx) run(query string, args ...any) (changed int64, err error) {
	if t.conn == nil {
		return t.runNow(query, args...)
	}
	err = t.send(queued{query: query, args: args, check: func(n int64) error { changed = n; return nil }})
	return changed, err
}

func (t *tx) runNow(query string, args ...any) (int64, error) {
	r, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, wrapped(err, query)
	}
	return r.RowsAffected()
}

// get reads one row into dest; found is false where there is none.
func (t *tx) get(dest []any, query string, args ...any) (found bool, err error) {
	if t.conn != nil {
		err = t.send(queued{query: query, args: args, dest: dest, found: &found})
	} else {
		err = wrapped(t.QueryRowContext(t.ctx, query, args...).Scan(dest...), query)
		if found = err == nil; errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
	}
	if found && err == nil {
		t.wrote(query)
	}
	return found, err
}

// each reads all rows, handing each to take.
func (t *tx) each(take func(row) error, query string, args ...any) error {
	if t.conn != nil {
		return t.send(queued{query: query, args: args, take: take})
	}
	rows, err := t.QueryContext(t.ctx, query, args...)
	if err != nil {
		return wrapped(err, query)
	}
	for rows.Next() {
		if err := take(rows); err != nil {
			return firstError(err, rows.Close())
		}
	}
	return firstError(rows.Err(), rows.Close())
}

// row is one row of an answer.
type row interface{ Scan(dest ...any) error }

// maxParameters bounds the values of one statement: SQLite looks for each $n
// among all of them, so that large statements cost more than several.
const maxParameters = 500

// insert adds rows of one table in as few statements as the engines take. tail
// ends each statement, for example "ON CONFLICT DO NOTHING"; check hears then
// how many rows each added, of how many (nil: it does not matter). The first
// column is the row's id where rows of the table are read again one by one.
func (t *tx) insert(table, columns, tail string, rows [][]any, check func(added, of int64) error) error {
	for len(rows) > 0 {
		n := min(len(rows), max(1, maxParameters/len(rows[0])))
		args := make([]any, 0, n*len(rows[0]))
		for _, values := range rows[:n] {
			args = append(args, values...)
			t.changed.add(table, keyOf(values[0]))
		}
		one := queued{args: args, query: textOf(shape{"INSERT", table, columns, tail, n}, func() string {
			return "INSERT INTO " + table + " (" + columns + ") VALUES " + rowsOf(n, len(rows[0]), func(int) (before, after string) { return "", "" }) + " " + tail
		})}
		if check != nil {
			one.check = func(added int64) error { return check(added, int64(n)) }
		}
		if err := t.later(one); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// shape is all that the text of a statement depends on.
type shape struct {
	verb, table, columns, tail string
	rows                       int
}

// keptRows is how many rows a statement has at most whose text is kept.
const keptRows = 16

// texts are the texts of statements by their shape: there are some dozens, and
// each transaction would write some of them anew.
var texts sync.Map

// textOf is the text of a statement, made where it is not kept.
func textOf(s shape, make func() string) string {
	if s.rows > keptRows {
		return make()
	}
	if text, is := texts.Load(s); is {
		return text.(string)
	}
	text := make()
	texts.Store(s, text)
	return text
}

// rowsOf writes places for the values of n rows: "($1,$2), ($3,$4)"; around says
// what stands before and after the place in a column.
func rowsOf(n, columns int, around func(column int) (before, after string)) string {
	var q strings.Builder
	for i := range n {
		if i > 0 {
			q.WriteString(", ")
		}
		q.WriteByte('(')
		for j := range columns {
			if j > 0 {
				q.WriteByte(',')
			}
			before, after := around(j)
			q.WriteString(before + "$" + strconv.Itoa(i*columns+j+1) + after)
		}
		q.WriteByte(')')
	}
	return q.String()
}

// keyOf is the first value of a row as text.
func keyOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return fmt.Sprint(value)
}

// update brings rows that exist to new values, in as few statements as the
// engines take. The first of the text columns is the id; the values of a row are
// those of texts and then those of integers, as the columns are. Each of them
// must still meet where.
func (t *tx) update(table, texts, integers, where string, rows [][]any) error {
	columns := strings.Split(texts, ", ")
	firstInteger := len(columns)
	columns = append(columns, strings.Split(integers, ", ")...)
	for chunk := range slices.Chunk(rows, maxParameters/len(columns)) {
		args := make([]any, 0, len(chunk)*len(columns))
		for _, row := range chunk {
			args = append(args, row...)
			t.changed.add(table, keyOf(row[0]))
		}
		query := textOf(shape{"UPDATE", table, texts + "; " + integers, where, len(chunk)}, func() string {
			var set []string
			for i, column := range columns[1:] {
				set = append(set, fmt.Sprintf("%s = v.column%d", column, i+2))
			}
			values := rowsOf(len(chunk), len(columns), func(column int) (before, after string) {
				if column >= firstInteger {
					return "CAST(", " AS BIGINT)"
				}
				return "CAST(", " AS TEXT)"
			})
			return fmt.Sprintf(`UPDATE %s SET %s FROM (VALUES %s) AS v WHERE %s.%s = v.column1 AND %s`, table, strings.Join(set, ", "), values, table, columns[0], where)
		})
		if err := t.later(queued{args: args, check: still(len(chunk)), query: query}); err != nil {
			return err
		}
	}
	return nil
}

// in writes a condition "column IN ($n, …)" for a list and returns the
// arguments with it appended. An empty list matches nothing.
func in[T ~string](column string, list []T, args []any) (string, []any) {
	if len(list) == 0 {
		return "1 = 0", args
	}
	marks := make([]string, len(list))
	for i, v := range list {
		args = append(args, string(v))
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	return column + " IN (" + strings.Join(marks, ", ") + ")", args
}

// visible is the condition that keeps rows of other projects out; empty where
// who asks sees everything.
func (t *tx) visible(column string, args []any) (string, []any) {
	if t.who.Principal.Kind == composa.PrincipalSystem {
		return "", args
	}
	return in(column, t.who.Projects, args)
}
