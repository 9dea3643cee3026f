// Package neighbour is somebody else's tool on a Liqid director: it makes groups
// and machines of its own, changes them, gives them back, and checks after every
// act that exactly its devices are where it put them.
//
// It was written from the description of the protocol alone (liqid-api.md) and
// shares no code with the driver, so that two readings of one protocol meet on
// one director. It takes only what is free, waits where something is being
// edited, and begins again where an id or a device was taken meanwhile.
package neighbour

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// Config says on which director a neighbour works, and as whom.
type Config struct {
	URL      string        // of the director: http://HOST:PORT
	User     string        // signs in where it is not empty
	Password string        //
	Prefix   string        // 1 to 10 letters and digits that its groups and machines begin with
	Seed     uint64        // decides its acts
	Machines int           // most machines at a time; 0: 3
	Patience time.Duration // longest wait for an editor, a commit or an id; 0: two minutes
	HTTP     *http.Client  // nil: one with a time limit of 60 s a call
}

// Report is what a neighbour did and met.
type Report struct {
	Era     string         // of the director, as it was found out
	Acts    map[string]int // acts that were done, by name
	NoRoom  int            // acts that found too few free devices and changed nothing
	Waited  int            // openings of a session that were refused at first
	IDTaken int            // ids that somebody else took between asking and using
	Lost    int            // devices that somebody else took between looking and committing
	Calls   int            // sent to the director
}

// Done is the number of acts that were done.
func (r Report) Done() int {
	n := 0
	for _, k := range r.Acts {
		n += k
	}
	return n
}

// Neighbour is one client of one director. It is used by one goroutine.
type Neighbour struct {
	config  Config
	base    *url.URL
	rng     *rand.Rand
	dialect dialect
	key     string // digest key, once there is one
	fabric  int
	at      coordinates
	noState bool // the director has no lists of pending commands
	noP2P   bool // the director has no p2p call

	group    *group // nil while it has none
	machines []*machine
	names    int // given so far
	report   Report
}

var legalPrefix = regexp.MustCompile(`^[A-Za-z0-9]{1,10}$`)

// New is a neighbour that has not yet called its director.
func New(c Config) (*Neighbour, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("cannot work on director %q: it is not a URL with a host", c.URL)
	}
	if !legalPrefix.MatchString(c.Prefix) {
		return nil, fmt.Errorf("cannot name things %q: a prefix has 1 to 10 letters and digits", c.Prefix)
	}
	if c.Machines == 0 {
		c.Machines = 3
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Minute
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 60 * time.Second}
	}
	return &Neighbour{config: c, base: base, rng: rand.New(rand.NewPCG(c.Seed, 0)), report: Report{Acts: map[string]int{}}}, nil
}

// Run finds out what the director speaks, acts as long as more says so, and
// gives everything back. It ends with the first act that goes wrong or leaves a
// device where it should not be; what it has is then left, to be looked at.
func (n *Neighbour) Run(ctx context.Context, more func(Report) bool) (Report, error) {
	if err := n.meet(ctx); err != nil {
		return n.report, fmt.Errorf("cannot find out what the director speaks: %w", err)
	}
	for more(n.report) {
		if err := n.act(ctx, choose(n.rng, n.owned())); err != nil {
			return n.report, err
		}
	}
	for len(n.machines) > 0 {
		if err := n.act(ctx, act{what: free, machine: n.machines[0]}); err != nil {
			return n.report, err
		}
	}
	return n.report, n.act(ctx, act{what: disband})
}

// act does one act and checks what it left. Too few free devices are no error.
func (n *Neighbour) act(ctx context.Context, a act) error {
	err := n.do(ctx, a)
	if errors.Is(err, errNoRoom) {
		n.report.NoRoom++
		err = nil
	} else if err == nil {
		n.report.Acts[string(a.what)]++
	}
	if err != nil {
		return fmt.Errorf("cannot %s: %w", a, err)
	}
	if err := n.check(ctx); err != nil {
		return fmt.Errorf("after %s: %w", a, err)
	}
	return nil
}

// name is a new one of its own: letters and digits, at most 22 of them
// (liqid-api.md 1.3).
func (n *Neighbour) name(role string) string {
	n.names++
	return fmt.Sprintf("%s%s%d", n.config.Prefix, role, n.names)
}
