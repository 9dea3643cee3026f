package liqid

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Effect is what a fault does to the call it hits.
type Effect string

// The effects. A rule is written 'WHEN CALL EFFECT', for example
// '#3 POST relate/gpu status=500'; [Effects] says what each does.
const (
	EffectStatus     Effect = "status"
	EffectDropBefore Effect = "drop-before"
	EffectDropAfter  Effect = "drop-after"
	EffectHang       Effect = "hang"
	EffectDelay      Effect = "delay"
	EffectLate       Effect = "late"
	EffectRestart    Effect = "restart"
	EffectStale      Effect = "stale"
	EffectStealEdit  Effect = "steal-edit"
	EffectGone       Effect = "gone"
	EffectReturn     Effect = "return"
	EffectReplace    Effect = "replace"
	EffectNarrow     Effect = "narrow"
	EffectHTML       Effect = "html"
	EffectHalf       Effect = "half"
	EffectTypes      Effect = "types"
	EffectEmpty      Effect = "empty"
)

// EffectForm is how an effect is written, and what it does.
type EffectForm struct{ Form, Does string }

// Effects lists what can be done to calls.
func Effects() []EffectForm {
	var out []EffectForm
	for _, e := range effectForms {
		out = append(out, EffectForm{string(e.effect) + e.value, e.does})
	}
	return out
}

// effectForms holds the effects with an example of the value they take, if any;
// one in brackets may be left out.
var effectForms = []struct {
	effect      Effect
	value, does string
}{
	{EffectStatus, "=500", "answered with that status, nothing is done; 429 and 503 carry Retry-After: 1"},
	{EffectDropBefore, "", "the connection closes without an answer, nothing is done"},
	{EffectDropAfter, "", "carried out, then the connection closes without an answer"},
	{EffectHang, "", "no answer until the client leaves, nothing is done"},
	{EffectDelay, "=2s", "taken up so much later"},
	{EffectLate, "=30s", "a commit is answered 500 at once and carried out so much later, also if its session was cancelled"},
	{EffectRestart, "[=2s]", "the director restarts before it answers: every connection is cut, and for so long every call dropped"},
	{EffectStale, "", "a GET is answered from before the last change"},
	{EffectStealEdit, "", "somebody else opens the session first, or cancels the one that is open"},
	{EffectGone, "=gpu3", "the device vanishes first"},
	{EffectReturn, "=gpu3", "the device comes back first, with its whole link"},
	{EffectReplace, "=gpu3", "another part is put in the device's place first"},
	{EffectNarrow, "=gpu3", "the device's link falls to half its lanes first"},
	{EffectHTML, "", "carried out, answered with a page of HTML"},
	{EffectHalf, "", "carried out, answered with the first half of the answer"},
	{EffectTypes, "", "carried out, answered in JSON in which every value is of a wrong type"},
	{EffectEmpty, "", "carried out, answered 200 without a body"},
}

// FaultRule makes some calls of the API fail. Rules are looked at in order and
// each counts its own matches; the effects of all that fire come together,
// except that nothing follows one that ends the call. On the event socket
// (CALL 'GET /liqid/websocket/v2/event') only status, drop-before, hang, delay
// and what happens to devices have an effect, on the opening of it.
type FaultRule struct {
	Nth   int // fires at the Nth matching call only; 0 is every one, or OneIn
	OneIn int // fires at one in so many matching calls, at random by the seed; 0 is every one

	Method string // GET, POST, PUT, DELETE or *
	Path   string // behind /liqid/api/v2/; * stands for any text

	Effect Effect
	Status int           // of EffectStatus, 400 to 599
	Delay  time.Duration // of EffectDelay and EffectLate, above 0; of EffectRestart, how long it is down
	Device string        // of EffectGone, EffectReturn, EffectReplace and EffectNarrow
}

const maxFaultDelay = time.Hour

// ParseFault reads a rule. WHEN is '#3' (the third matching call), '1/50' (one
// in fifty) or '*'; CALL is a method and a path, each with * for anything, or a
// single '*'; EFFECT is one of [Effects].
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
	r := FaultRule{Method: fields[1], Path: strings.TrimPrefix(fields[2], "/liqid/api/v2/")}
	if err := r.parseWhen(fields[0]); err != nil {
		return FaultRule{}, err
	}
	err := r.parseEffect(fields[3])
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return FaultRule{}, fmt.Errorf("effect %q: %w", fields[3], err)
	}
	return r, nil
}

func (r *FaultRule) parseWhen(when string) error {
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
		return fmt.Errorf("when %q is not '*', '#3' (the third such call) or '1/50' (one in fifty)", when)
	}
	return nil
}

func (r *FaultRule) parseEffect(effect string) (err error) {
	name, value, hasValue := strings.Cut(effect, "=")
	r.Effect = Effect(name)
	switch r.Effect {
	case EffectStatus:
		r.Status, err = strconv.Atoi(value)
	case EffectDelay, EffectLate:
		r.Delay, err = time.ParseDuration(value)
	case EffectRestart:
		if hasValue {
			r.Delay, err = time.ParseDuration(value)
		}
	case EffectGone, EffectReturn, EffectReplace, EffectNarrow:
		r.Device = value
	default:
		if hasValue {
			err = fmt.Errorf("%s takes no value", name)
		}
	}
	return err
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
	if r.Path == "" || strings.ContainsFunc(r.Path, unicode.IsSpace) || strings.ContainsAny(r.Path, "?") || strings.Contains(r.Path, "//") {
		return fmt.Errorf("path %q is not a path without a query", r.Path)
	}
	switch r.Effect {
	case EffectStatus:
		if r.Status < 400 || r.Status > 599 {
			return fmt.Errorf("status %d is not from 400 to 599", r.Status)
		}
	case EffectDelay, EffectLate:
		if r.Delay <= 0 || r.Delay > maxFaultDelay {
			return fmt.Errorf("%s %v is not above 0 and at most %v", r.Effect, r.Delay, maxFaultDelay)
		}
		if r.Effect == EffectLate && !r.canCommit() {
			return fmt.Errorf("only POST %s and DELETE machine/ID take effect late", strings.Join(committingPosts, ", "))
		}
	case EffectRestart:
		if r.Delay < 0 || r.Delay > maxFaultDelay {
			return fmt.Errorf("a restart that takes %v is not from 0 to %v", r.Delay, maxFaultDelay)
		}
	case EffectStale:
		if r.Method != http.MethodGet && r.Method != "*" {
			return errors.New("only a GET can be stale")
		}
	case EffectStealEdit:
		if r.Method == http.MethodGet || r.Method == http.MethodPut {
			return fmt.Errorf("no %s is about an edit session", r.Method)
		}
	case EffectGone, EffectReturn, EffectReplace, EffectNarrow:
		if r.Device == "" || strings.ContainsFunc(r.Device, unicode.IsSpace) {
			return fmt.Errorf("want the name of the device, as in %s=gpu3", r.Effect)
		}
	case EffectDropBefore, EffectDropAfter, EffectHang, EffectHTML, EffectHalf, EffectTypes, EffectEmpty:
	default:
		var forms []string
		for _, e := range Effects() {
			forms = append(forms, e.Form)
		}
		return fmt.Errorf("there are %s", strings.Join(forms, ", "))
	}
	return nil
}

// canCommit tells whether the rule can match a committing call.
func (r FaultRule) canCommit() bool {
	if slices.ContainsFunc(committingPosts, func(path string) bool { return r.matches(http.MethodPost, path) }) {
		return true
	}
	for id := 1; id <= MaxMachineID; id++ {
		if r.matches(http.MethodDelete, "machine/"+strconv.Itoa(id)) {
			return true
		}
	}
	return false
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
	case EffectDelay, EffectLate:
		effect += "=" + r.Delay.String()
	case EffectRestart:
		if r.Delay != 0 {
			effect += "=" + r.Delay.String()
		}
	case EffectGone, EffectReturn, EffectReplace, EffectNarrow:
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
