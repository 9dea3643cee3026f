package liqid

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// Limits of calls to one director. The zero value of a field is its default.
type Limits struct {
	Concurrent int           // calls side by side; 8, which is a look and what is asked beside it
	PerSecond  float64       // calls started a second, with one second's worth at once; 200, one after the other at 5 ms each
	Gap        time.Duration // pause between two changing calls; none
}

// Poll says how often something awaited is looked at: after the larger of Least
// and 5 % of the time waited so far, but after Most at the latest.
type Poll struct {
	Least time.Duration // 10 ms
	Most  time.Duration // 2 s
}

// Timeouts are the deadlines of single calls. A context's own deadline holds too.
type Timeouts struct {
	Read   time.Duration // a reading call; 15 s
	Change time.Duration // a call that queues, opens or cancels; 30 s
	Commit time.Duration // a call that the director answers when the hardware is done; 5 min
	Settle time.Duration // waiting for what is under way; 5 min
	// Silence is how long a wait goes on while no call is answered; 15 s.
	Silence time.Duration
	// Late is how long something that was sent may still take effect on a director
	// that does not list what is pending (design 3.6); 1 min.
	Late time.Duration
	// Power is how long a host may take to be seen off after the grace of its
	// step; 2 min.
	Power time.Duration
}

// Credentials are a user of the director and the password. Both are empty where
// the director asks for none.
type Credentials struct{ Username, Password string }

// String names the user. A password is never written down.
func (c Credentials) String() string { return fmt.Sprintf("user %q", clean(c.Username)) }

// GoString is String: %#v writes no password either.
func (c Credentials) GoString() string { return c.String() }

// maxCredential is how long a user's name and a password may be, in bytes.
const maxCredential = 256

// check refuses what HTTP cannot carry (RFC 7617 2).
func (c Credentials) check() error {
	switch {
	case (c.Username == "") != (c.Password == ""):
		return errors.New("its credentials need both a user and a password")
	case len(c.Username) > maxCredential || len(c.Password) > maxCredential:
		return fmt.Errorf("its user or password has more than %d bytes", maxCredential)
	case strings.Contains(c.Username, ":"):
		return errors.New("its user's name holds a colon")
	case clean(c.Username) != c.Username || clean(c.Password) != c.Password:
		return errors.New("its user or password holds control characters")
	}
	return nil
}

// Config says which director to drive, and how.
type Config struct {
	Name composa.FabricName
	// URL is where the director listens, such as http://192.0.2.1:8080, with or
	// without /liqid/api/v2.
	URL string
	// Era is the line of its software, such as "3.4". Empty means that the
	// director is asked. A line that this driver does not know is only observed,
	// unless the nearest one that it knows stands here. One of Eras, or empty.
	Era string
	// Credentials are needed where the director wants to know who calls
	// (liqid-api.md 2.14).
	Credentials Credentials
	// CA are the certificates, in PEM, that the director's own must lead to. Nil
	// means those of the system.
	CA       []byte
	Site     composa.SiteID // its mark names this site's group
	Access   composa.Access // empty means observe
	Limits   Limits
	Poll     Poll
	Timeouts Timeouts
	// Recheck is how long the details of a part are believed before a look reads
	// them again; 1 min.
	Recheck time.Duration
	HTTP    *http.Client     // nil means a client of its own
	Clock   func() time.Time // nil means time.Now
}

// Limits of what is believed.
const (
	maxReply   = 64 << 20 // bytes of one answer
	maxMessage = 300      // bytes of a director's words that are passed on
	maxRounds  = 8        // how often disagreeing readings are taken again
	maxRaces   = 5        // how often a number that somebody took is chosen again
	cancelTime = 10 * time.Second
)

// Fabric is one Liqid fabric behind its director. Its methods may be called at
// the same time. What it remembers are caches: the details of parts, what the
// director can do, and which numbers were just given out.
type Fabric struct {
	config Config
	mark   string // name of this site's group
	calls  *calls
	events []string      // addresses of the event socket
	edit   chan struct{} // held by the one who edits

	newest   atomic.Pointer[look] // that a step may begin with; nil: none yet
	queue    queue                // what our own edit sessions are about
	steps    steps                // that are being carried out
	ahead    ahead                // what is read for the next one
	observed observed             // how the director was seen to take what the notes leave open

	mu       sync.Mutex
	known    *knowledge
	asking   *asking           // under way; nil: nobody asks
	told     string            // the line of software that the director last said it is of
	details  map[string]detail // by name of the device
	widest   map[string]width  // by name of the device
	hosts    map[string]hostFacts
	ipmi     ipmiFacts
	reserved map[int]time.Time // machine numbers given out, and when
}

var (
	_ driver.Fabric   = (*Fabric)(nil)
	_ driver.Reserver = (*Fabric)(nil)
	_ driver.Preparer = (*Fabric)(nil)
	_ driver.Watcher  = (*Fabric)(nil)
	_ driver.Checker  = (*Fabric)(nil)
)

// New makes a driver from c. It calls nobody.
func New(c Config) (*Fabric, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	base, events, err := addresses(c.URL)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot drive %s: %v", c.Name, err).
			WithNext("write the director's address as http://HOST:8080")
	}
	calls, err := newCalls(c, base)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot drive %s: %v", c.Name, err)
	}
	c.Credentials = Credentials{} // the calls have them
	f := &Fabric{
		config: c, mark: composa.GroupMark(c.Site), calls: calls, events: events,
		edit: make(chan struct{}, 1), details: map[string]detail{}, widest: map[string]width{}, hosts: map[string]hostFacts{}, reserved: map[int]time.Time{},
	}
	calls.silent = f.forget
	return f, nil
}

// complete fills in the defaults and refuses what makes no sense.
func (c *Config) complete() error {
	refuse := func(format string, args ...any) error {
		return composa.Errorf(composa.CodeInvalid, "cannot drive %s: %s", c.Name, fmt.Sprintf(format, args...))
	}
	if err := composa.CheckFabricName(string(c.Name)); err != nil {
		return err
	}
	if c.Site == "" {
		return refuse("the site has no id")
	}
	if err := c.Credentials.check(); err != nil {
		return refuse("%v", err)
	}
	if c.Era != "" && !slices.Contains(Eras(), c.Era) {
		return composa.Errorf(composa.CodeInvalid, "cannot drive %s: its era %q is not one that this driver speaks", c.Name, composa.Abridge(c.Era, 24)).
			WithNext("write one of %s for it, or leave era out", strings.Join(Eras(), ", "))
	}
	switch c.Access {
	case "":
		c.Access = composa.AccessObserve
	case composa.AccessManage, composa.AccessObserve:
	default:
		return refuse("access %q is neither manage nor observe", composa.Abridge(string(c.Access), 24))
	}
	for _, d := range []struct {
		what     string
		value    *time.Duration
		standard time.Duration
	}{
		{"gap", &c.Limits.Gap, 0}, {"poll.least", &c.Poll.Least, 10 * time.Millisecond}, {"poll.most", &c.Poll.Most, 2 * time.Second},
		{"timeouts.read", &c.Timeouts.Read, 15 * time.Second}, {"timeouts.change", &c.Timeouts.Change, 30 * time.Second},
		{"recheck", &c.Recheck, time.Minute},
		{"timeouts.commit", &c.Timeouts.Commit, 5 * time.Minute}, {"timeouts.settle", &c.Timeouts.Settle, 5 * time.Minute},
		{"timeouts.silence", &c.Timeouts.Silence, 15 * time.Second},
		{"timeouts.power", &c.Timeouts.Power, 2 * time.Minute},
		{"timeouts.late", &c.Timeouts.Late, settleTime},
	} {
		if *d.value < 0 {
			return refuse("%s %v is negative", d.what, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	c.Poll.Most = max(c.Poll.Most, c.Poll.Least)
	switch {
	case c.Limits.Concurrent < 0 || c.Limits.PerSecond < 0:
		return refuse("a limit of calls is negative")
	case c.Limits.Concurrent == 0:
		c.Limits.Concurrent = 8
	}
	if c.Limits.PerSecond == 0 {
		c.Limits.PerSecond = 200
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return nil
}

const prefix = "/liqid/api/v2"

// addresses are where the director's calls and its event sockets are
// (liqid-api.md 0.2): the newer socket first.
func addresses(text string) (base string, events []string, err error) {
	if strings.Contains(text, "@") { // what stands before it may be a password: nothing of it is shown
		return "", nil, errors.New("its address holds an @; a user and a password do not stand there")
	}
	u, err := url.Parse(text)
	if said, ok := errors.AsType[*url.Error](err); ok {
		err = said.Err // without the address
	}
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("its address cannot be read: %v", err)
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "", nil, fmt.Errorf("its address %q is not of the form http://HOST:PORT", composa.Abridge(u.Redacted(), 80))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", nil, fmt.Errorf("its address %q holds more than scheme, host and path", composa.Abridge(u.Redacted(), 80))
	}
	root := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), prefix)
	at := func(scheme, path string) string {
		return (&url.URL{Scheme: scheme, Host: u.Host, Path: root + path}).String()
	}
	ws := strings.Replace(u.Scheme, "http", "ws", 1)
	return at(u.Scheme, prefix+"/"), []string{at(ws, "/liqid/websocket/v2/event"), at(ws, "/liqid/event")}, nil
}
