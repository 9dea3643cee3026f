package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/composa-dev/composa"
)

// change is what one committed transaction wrote, as far as the site is made
// of it.
type change struct {
	tables map[string]bool
	// rows are the ids that changed, by table, of those tables that are read row
	// by row. A table of which they are not known is in tables.
	rows map[string]map[string]bool
}

// byRow are the tables of which rows are read again one by one, with the table
// whose id their first column holds.
var byRow = map[string]string{"claim": "claim", "machine": "machine", "operation": "operation", "step": "operation", "device": "device"}

// add notes a table, or rows of it.
func (c *change) add(table string, ids ...string) {
	if c.tables == nil {
		c.tables, c.rows = map[string]bool{}, map[string]map[string]bool{}
	}
	of := byRow[table]
	if of == "" || len(ids) == 0 {
		c.tables[table] = true
		return
	}
	if c.rows[of] == nil {
		c.rows[of] = map[string]bool{}
	}
	for _, id := range ids {
		c.rows[of][id] = true
	}
}

// join adds what another transaction wrote.
func (c *change) join(d *change) {
	for table := range d.tables {
		c.add(table)
	}
	for table, ids := range d.rows {
		for id := range ids {
			c.add(table, id)
		}
	}
}

// wrote notes what a statement is about to write: rows where their ids are
// told, else the table. A statement that writes nothing is not noted.
func (t *tx) wrote(statement string, ids ...string) {
	words := strings.Fields(statement[:min(len(statement), 80)])
	switch {
	case len(words) > 1 && words[0] == "UPDATE":
		t.changed.add(words[1], ids...)
	case len(words) > 2 && (words[0] == "INSERT" || words[0] == "DELETE"):
		t.changed.add(words[2], ids...)
	}
}

// changes is what is known of the changes of the store since it was opened.
type changes struct {
	newest atomic.Int64 // number of the newest one that is known here

	mu    sync.Mutex
	since map[int64]change // what this store wrote, by number
}

// maxChanges bounds how many changes are remembered while nobody reads the
// site; who then reads it reads all of it.
const maxChanges = 1024

// learn takes in the changes that this store committed; false where there are
// none.
func (c *changes) learn(all []*tx) (any bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range all {
		if t.number == 0 {
			continue
		}
		if len(c.since) >= maxChanges {
			clear(c.since)
		}
		c.since[t.number] = t.changed
		c.newest.Store(max(c.newest.Load(), t.number))
		any = true
	}
	return any
}

// between is what was written after change from, up to and with change to; nil
// where that is not known, because another server wrote some of it.
func (c *changes) between(from, to int64) *change {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := new(change)
	for n := from + 1; n <= to; n++ {
		ch, known := c.since[n]
		if !known {
			return nil
		}
		out.join(&ch)
	}
	return out
}

// forget drops the changes up to a number.
func (c *changes) forget(upTo int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.since {
		if n <= upTo {
			delete(c.since, n)
		}
	}
}

// Version is the number of the newest change of anything in the store, and that
// of a site read now, or of a later one. It costs a memory access on SQLite and
// the reading of one row on PostgreSQL, where other servers write too.
func (s *Store) Version(ctx context.Context) (int64, error) {
	const what = "read the version of the site"
	if !s.engine.alone {
		var version int64
		err := untilAlive(ctx, func() (err error) {
			version, err = newestChange(ctx, s.engine.read)
			return err
		})
		return version, s.engine.translate(ctx, what, err)
	}
	err := ctx.Err()
	if err == nil && s.closed.Load() {
		err = sql.ErrConnDone
	}
	return s.changes.newest.Load(), s.engine.translate(ctx, what, err)
}

func newestChange(ctx context.Context, db *sql.DB) (version int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT changes FROM event_head WHERE one = 1`).Scan(&version)
	return version, err
}

// keptSite is the site as it was read last. It is never changed, so that
// readers share it.
type keptSite struct {
	composa.Site
	// listed are the devices as they are recorded: in Devices those that were put
	// into no pool are in the one whose condition they meet.
	listed []composa.Device
	// conditions are those of the pools that have one, and met, for each of
	// listed, the pools whose conditions it meets; both nil where none has one.
	conditions map[composa.PoolID]*condition
	met        [][]composa.PoolID
	parts      map[composa.FabricName]int64 // of each fabric's row, as of the site
}

type kept struct {
	site atomic.Pointer[keptSite]
	// reading is held by the one who brings it up to date.
	reading chan struct{}
}
