package liqid

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// bodyExcerpt is how many bytes of a request body a [Call] keeps.
const bodyExcerpt = 512

// Call is one request to the director's API, as far as it has come.
type Call struct {
	Number   int           `json:"number"` // from 1, in the order of arrival
	Time     time.Time     `json:"time"`
	Method   string        `json:"method"`
	Path     string        `json:"path"`            // behind /liqid/api/v2/; whole for what lies elsewhere
	Query    string        `json:"query,omitempty"` // as sent
	Route    string        `json:"route"`           // the pattern it met, empty for an unknown route
	Changing bool          `json:"changing"`        // it is no GET
	Status   int           `json:"status"`          // 0: not answered yet, or never
	Duration time.Duration `json:"duration"`        // nanoseconds until it was answered or given up
	Body     string        `json:"body,omitempty"`  // the first 512 bytes
	Faults   []FaultRule   `json:"faults,omitempty"`
}

// Violation is a request that was refused because it broke a rule of the
// protocol. What only another client stood in the way of is refused too, but is
// none.
type Violation struct {
	Call   int       `json:"call"` // its number in the log
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Rule   Rule      `json:"rule"`
	Reason string    `json:"reason"` // what the client was told
	// Faults are those that hit this very call. A late effect makes a blameless
	// client break rules, here and in the calls that follow; what other clients do
	// to its edit sessions does not count against it.
	Faults []FaultRule `json:"faults,omitempty"`
}

// RouteCount says how often a route was called.
type RouteCount struct {
	Method   string `json:"method"`
	Route    string `json:"route"` // empty for unknown routes
	Changing bool   `json:"changing"`
	Calls    int    `json:"calls"`
}

// journal remembers calls and violations, the newest of each up to a limit, and
// counts all.
type journal struct {
	mu         sync.Mutex
	limit      int
	last       int
	calls      []Call // the last ones, at number modulo limit
	violations []Violation
	violated   int
	counts     map[[2]string]*RouteCount
}

func newJournal(limit int) *journal {
	return &journal{limit: limit, counts: map[[2]string]*RouteCount{}}
}

func (j *journal) begin(c Call) Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	c.Number = j.last
	if len(c.Body) > bodyExcerpt {
		c.Body = c.Body[:bodyExcerpt]
	}
	if len(j.calls) < j.limit {
		j.calls = append(j.calls, c)
	} else {
		j.calls[(c.Number-1)%j.limit] = c
	}
	key := [2]string{c.Method, c.Route}
	if c.Route == "" {
		key[0] = "" // unknown routes count together, or a client could grow the table
	}
	if j.counts[key] == nil {
		j.counts[key] = &RouteCount{Method: key[0], Route: c.Route, Changing: c.Changing}
	}
	j.counts[key].Calls++
	return c
}

func (j *journal) end(number, status int, took time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c := &j.calls[(number-1)%j.limit]; c.Number == number {
		c.Status, c.Duration = status, took
	}
}

func (j *journal) violation(v Violation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.violated++
	j.violations = append(j.violations, v)
	if len(j.violations) > j.limit {
		j.violations = slices.Delete(j.violations, 0, len(j.violations)-j.limit)
	}
}

// Calls returns the remembered calls with numbers above after, oldest first.
func (d *Director) Calls(after int) []Call {
	j := d.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	out := []Call{}
	for _, c := range j.calls {
		if c.Number > after {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Call) int { return a.Number - b.Number })
	return out
}

// CallCount is how many calls have come so far; it is the number of the last.
func (d *Director) CallCount() int {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	return d.journal.last
}

// Violations returns the remembered violations, oldest first. A well-behaved
// client leaves none.
func (d *Director) Violations() []Violation {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	return append([]Violation{}, d.journal.violations...)
}

// Counts returns how often each route was called, by route and method.
func (d *Director) Counts() []RouteCount {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	out := []RouteCount{}
	for _, c := range d.journal.counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b RouteCount) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	})
	return out
}
