package damage

import (
	"fmt"
	"strings"
	"time"

	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// Point is one call of a verb: the Nth of its method and path since the verb
// was asked for.
type Point struct {
	Method, Path string
	Nth          int
	Route        string // the pattern that the path meets
}

func (p Point) String() string { return fmt.Sprintf("%s %s #%d", p.Method, p.Path, p.Nth) }

// Case is one line of the table: a verb on a director of an era, with one effect
// at one call. Without effect it is the undisturbed verb.
type Case struct {
	Era    string
	Verb   string
	Point  Point
	Effect string
}

func (c Case) String() string {
	return fmt.Sprintf("%s %s, %s, %s", c.Era, c.Verb, c.Point, c.Effect)
}

// effects are all that the emulator's grammar knows; %s is a device of the verb.
var effects = []string{
	"status=500", "status=400", "status=429", "drop-before", "drop-after", "hang", "delay=2s", "stale", "steal-edit",
	"gone=%s", "replace=%s", "narrow=%s", "return=%s",
	"html", "half", "types", "empty", "late=30s", "restart", "restart=2s",
}

// Effects are those that can hit a call.
func Effects(v Verb, p Point) []string {
	var out []string
	for _, e := range effects {
		if strings.Contains(e, "%s") {
			e = fmt.Sprintf(e, v.device)
		}
		if _, err := emulator.ParseFault(rule(p, e)); err == nil {
			out = append(out, e)
		}
	}
	return out
}

func rule(p Point, effect string) string {
	return fmt.Sprintf("#%d %s %s %s", p.Nth, p.Method, p.Path, effect)
}

// How a case came out.
type Result string

// The results.
const (
	Clean   Result = "clean"   // done, as if nothing had been
	Undone  Result = "undone"  // everything as before
	Held    Result = "held"    // a person decides
	Refused Result = "refused" // not accepted at all
)

// Outcome is what came of a case.
type Outcome struct {
	Case
	Result Result
	Reason string
	Met    bool          // the call that was to fail came
	Took   time.Duration // until it had ended or was held
	// Person is what ended a held operation, once nothing was in its way.
	Person string
	Damage []string
	Trace  []string
	Points []Point // the calls of the verb, in order
}

// director is the configuration of a case.
func (c Case) director() emulator.Config {
	return emulator.Config{
		API: c.Era, Counts: counts, Seed: 1,
		CallLatency:   emulator.Latency{Min: time.Millisecond},
		CommitLatency: emulator.Latency{Min: 60 * time.Millisecond},
	}
}
