package liqid

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Effect is what a fault does to the call it hits.
type Effect string

// The effects. A rule is written 'WHEN CALL EFFECT', for example
// '#3 POST relate/gpu status=500'.
const (
	EffectStatus     Effect = "status"      // status=500: answered with that status, nothing is done
	EffectDropBefore Effect = "drop-before" // the connection closes without a reply, nothing is done
	EffectDropAfter  Effect = "drop-after"  // the call is carried out, the connection closes without a reply
	EffectHang       Effect = "hang"        // no reply until the client leaves or the director closes; nothing is done
	EffectDelay      Effect = "delay"       // delay=2s: so much later
	EffectStale      Effect = "stale"       // the read is answered from before the last visible change
	EffectStealEdit  Effect = "steal-edit"  // somebody else opens (before an edit call) or cancels the session the call is about
	EffectGone       Effect = "gone"        // gone=gpu3: the device vanishes first
)

// FaultRule makes some calls of the API fail. Rules are looked at in order and
// each counts its own matches; the effects of all that fire come together,
// except that nothing follows one that ends the call. On the event socket
// (CALL 'GET /liqid/websocket/v2/event') only status, drop-before, hang and
// delay have an effect, on the opening of it.
type FaultRule struct {
	Nth   int // fires at the Nth matching call only; 0 is every one, or OneIn
	OneIn int // fires at one in so many matching calls, at random by the seed; 0 is every one

	Method string // GET, POST, PUT, DELETE or *
	Path   string // behind /liqid/api/v2/; * stands for any text

	Effect Effect
	Status int           // of EffectStatus, 400 to 599
	Delay  time.Duration // of EffectDelay, above 0
	Device string        // of EffectGone
}

const maxFaultDelay = time.Hour

// ParseFault reads a rule. WHEN is '#3' (the third matching call), '1/50' (one
// in fifty) or '*'; CALL is a method and a path, each with * for anything, or a
// single '*'; EFFECT is one of the constants above.
func ParseFault(s string) (FaultRule, error) {
	r, err := parseFault(s)
	if err != nil {
		return FaultRule{}, fmt.Errorf("cannot read fault %q: %w", s, err)
	}
	return r, nil
}

func parseFault(s string) (FaultRule, error) {
	fields := strings.Fields(s)
	if len(fields) == 3 && fields[1] == "*" {
		fields = []string{fields[0], "*", "*", fields[2]}
	}
	if len(fields) != 4 {
		return FaultRule{}, errors.New("want 'WHEN METHOD PATH EFFECT', for example '#3 POST relate/gpu status=500'")
	}
	when, effect := fields[0], fields[3]
	r := FaultRule{Method: fields[1], Path: strings.TrimPrefix(fields[2], "/liqid/api/v2/")}
	positive := func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil && n > 0 && text[0] != '+'
	}
	ok := true
	switch {
	case when == "*":
	case strings.HasPrefix(when, "#"):
		r.Nth, ok = positive(when[1:])
	case strings.HasPrefix(when, "1/"):
		r.OneIn, ok = positive(when[2:])
	default:
		ok = false
	}
	if !ok {
		return FaultRule{}, fmt.Errorf("when %q is not '*', '#3' (the third such call) or '1/50' (one in fifty)", when)
	}
	name, value, hasValue := strings.Cut(effect, "=")
	r.Effect = Effect(name)
	var err error
	switch r.Effect {
	case EffectStatus:
		r.Status, err = strconv.Atoi(value)
	case EffectDelay:
		r.Delay, err = time.ParseDuration(value)
	case EffectGone:
		r.Device = value
	default:
		if hasValue {
			err = fmt.Errorf("%s takes no value", name)
		}
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return FaultRule{}, fmt.Errorf("effect %q: %w", effect, err)
	}
	return r, nil
}

// check refuses a rule that could never do what it says.
func (r FaultRule) check() error {
	if r.Nth < 0 || r.OneIn < 0 || (r.Nth > 0 && r.OneIn > 0) {
		return errors.New("it fires at the Nth call or at one in so many, counted from 1")
	}
	switch r.Method {
	case "*", http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		return fmt.Errorf("method %q is not GET, POST, PUT, DELETE or *", r.Method)
	}
	if r.Path == "" || strings.ContainsAny(r.Path, " \t\r\n?") || strings.Contains(r.Path, "//") {
		return fmt.Errorf("path %q is not a path without a query", r.Path)
	}
	switch r.Effect {
	case EffectStatus:
		if r.Status < 400 || r.Status > 599 {
			return fmt.Errorf("status %d is not from 400 to 599", r.Status)
		}
	case EffectDelay:
		if r.Delay <= 0 || r.Delay > maxFaultDelay {
			return fmt.Errorf("delay %v is not above 0 and at most %v", r.Delay, maxFaultDelay)
		}
	case EffectStale:
		if r.Method != http.MethodGet && r.Method != "*" {
			return errors.New("only a GET can be stale")
		}
	case EffectStealEdit:
		if r.Method == http.MethodGet || r.Method == http.MethodPut {
			return fmt.Errorf("no %s is about an edit session", r.Method)
		}
	case EffectGone:
		if r.Device == "" {
			return errors.New("want the name of the device, as in gone=gpu3")
		}
	case EffectDropBefore, EffectDropAfter, EffectHang:
	default:
		return errors.New("there are status=500, drop-before, drop-after, hang, delay=2s, stale, steal-edit and gone=gpu3")
	}
	return nil
}

// String is the form that [ParseFault] reads.
func (r FaultRule) String() string {
	when, effect := "*", string(r.Effect)
	switch {
	case r.Nth > 0:
		when = fmt.Sprintf("#%d", r.Nth)
	case r.OneIn > 0:
		when = fmt.Sprintf("1/%d", r.OneIn)
	}
	switch r.Effect {
	case EffectStatus:
		effect += fmt.Sprintf("=%d", r.Status)
	case EffectDelay:
		effect += "=" + r.Delay.String()
	case EffectGone:
		effect += "=" + r.Device
	}
	return fmt.Sprintf("%s %s %s %s", when, r.Method, r.Path, effect)
}

// MarshalText writes the rule as [FaultRule.String] does.
func (r FaultRule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the rule as [ParseFault] does.
func (r *FaultRule) UnmarshalText(text []byte) (err error) {
	*r, err = ParseFault(string(text))
	return err
}

func (r FaultRule) matches(method, path string) bool {
	return (r.Method == "*" || r.Method == method) && wild(r.Path, path)
}

// wild tells whether text is pattern, in which * stands for any text.
func wild(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, last)
}

// faults holds the rules in force and how often each matched and fired.
type faults struct {
	mu    sync.Mutex
	rng   *rand.Rand
	rules []ruleCount
}

type ruleCount struct {
	FaultRule
	matched, fired int
}

func (f *faults) set(rules []FaultRule) {
	counted := make([]ruleCount, len(rules))
	for i, r := range rules {
		counted[i].FaultRule = r
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = counted
}

// hit counts a call and returns the rules that fire for it.
func (f *faults) hit(method, path string) []FaultRule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var fire []FaultRule
	for i := range f.rules {
		r := &f.rules[i]
		if !r.matches(method, path) {
			continue
		}
		r.matched++
		if (r.Nth > 0 && r.matched != r.Nth) || (r.OneIn > 0 && f.rng.IntN(r.OneIn) != 0) {
			continue
		}
		r.fired++
		fire = append(fire, r.FaultRule)
	}
	return fire
}

// FaultCount is a rule in force with how many calls it matched and at how many it fired.
type FaultCount struct {
	Rule    FaultRule `json:"rule"`
	Matched int       `json:"matched"`
	Fired   int       `json:"fired"`
}

func (f *faults) counts() []FaultCount {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []FaultCount{}
	for _, r := range f.rules {
		out = append(out, FaultCount{r.FaultRule, r.matched, r.fired})
	}
	return out
}
