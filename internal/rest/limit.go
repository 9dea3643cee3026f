package rest

import (
	"cmp"
	"math"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/selector"
)

// The limits of a request and of the server. GET /v1 tells them all by name.
const (
	MaxBody    = 1 << 20           // bytes of a request's body
	MaxDepth   = 32                // of JSON objects and lists within each other
	MaxItems   = 1000              // in one JSON list, fields in one JSON object
	MaxValues  = 20_000            // in a request's body
	MaxHeader  = 64 << 10          // bytes of a request's headers
	MaxPath    = 4 << 10           // bytes of a path
	MaxQuery   = 16 << 10          // bytes of a query
	MaxCursor  = 512               // characters of a cursor
	MaxEventID = 128               // characters of the id of an event
	MaxList    = 1000              // items in one page of a list
	UsualList  = 100               // items in a page where the caller does not say
	MaxWait    = 300 * time.Second // that one call waits for an operation
	MaxMessage = 500               // characters of a message for the record
	MaxTimeout = 604800            // seconds that a caller may wait for a silent fabric
	MaxGrace   = 86400             // seconds that a host may take to shut down
	maxFreed   = 1000              // freed machines that a list goes back to
)

const (
	// keepAlive is the pause after which a stream without events says something.
	keepAlive = 15 * time.Second
	// slowest bounds how long a caller may take to send a body, and to take the
	// events that are there at one time.
	slowest = 30 * time.Second
	// slowestHeader bounds how long a caller may take to send a request's
	// headers, slowestAnswer how long to take an answer.
	slowestHeader = 10 * time.Second
	slowestAnswer = 2 * time.Minute
	// longestIdle is how long a connection is kept on which nothing is asked.
	longestIdle = 2 * time.Minute
)

// Limits are those that whoever runs the server may set. A zero is the usual
// one, which [Limits.OrUsual] fills in.
type Limits struct {
	// Reads and Changes are how many calls a second one principal may make that
	// only read, and that change something; ChangesAtOnce how many of these may
	// come together after a pause.
	Reads, Changes, ChangesAtOnce int
	// Connections is how many are open at the same time.
	Connections int
	// Waits is how many calls wait for operations at the same time, WaitsEach how
	// many of one principal.
	Waits, WaitsEach int
	// Streams is how many follow events at the same time, StreamsEach how many
	// of one principal.
	Streams, StreamsEach int
	// Open is how many operations are open at the same time, OpenEach how many
	// of one principal. The store holds them to it.
	Open, OpenEach int
}

// OrUsual fills in what is not said. What is said lowers what it bounds: one
// principal may not have more than there is. Of waits and streams it has a
// quarter where nothing else is said, so that it leaves places to others.
func (l Limits) OrUsual() Limits {
	l.Reads, l.Changes = cmp.Or(l.Reads, 100_000), cmp.Or(l.Changes, 200)
	l.ChangesAtOnce = cmp.Or(l.ChangesAtOnce, max(1000, l.Changes))
	l.Connections = cmp.Or(l.Connections, 4096)
	l.Waits, l.Streams = cmp.Or(l.Waits, 2048), cmp.Or(l.Streams, 1024)
	l.WaitsEach = min(cmp.Or(l.WaitsEach, quarter(l.Waits)), l.Waits)
	l.StreamsEach = min(cmp.Or(l.StreamsEach, quarter(l.Streams)), l.Streams)
	l.Open = cmp.Or(l.Open, composa.MaxOpen)
	l.OpenEach = min(cmp.Or(l.OpenEach, composa.MaxOpenEach), l.Open)
	return l
}

// quarter is a quarter of a number, at least one.
func quarter(n int) int { return (n + 3) / 4 }

// limits names every limit.
func (s *Server) limits() map[string]int {
	return map[string]int{
		"bodyBytes":           MaxBody,
		"jsonDepth":           MaxDepth,
		"jsonItems":           MaxItems,
		"jsonValues":          MaxValues,
		"headerBytes":         MaxHeader,
		"pathBytes":           MaxPath,
		"queryBytes":          MaxQuery,
		"cursorLength":        MaxCursor,
		"eventIdLength":       MaxEventID,
		"listLimit":           MaxList,
		"listDefault":         UsualList,
		"freedMachines":       maxFreed,
		"expressionLength":    selector.MaxExpression,
		"expressionCost":      selector.MaxCost,
		"expressionListCost":  selector.MaxListCost,
		"expressionDepth":     selector.MaxDepth,
		"expressionLoops":     selector.MaxLoops,
		"expressionRegexp":    selector.MaxRegexp,
		"poolCost":            selector.MaxPoolCost,
		"poolsCost":           composa.MaxPoolsCost,
		"poolsCostPerProject": composa.MaxPoolsCostEach,
		"pools":               composa.MaxPools,
		"poolsPerProject":     composa.MaxPoolsEach,

		"headerSeconds":    seconds(slowestHeader),
		"bodySeconds":      seconds(slowest),
		"answerSeconds":    seconds(slowestAnswer),
		"streamSeconds":    seconds(slowest),
		"idleSeconds":      seconds(longestIdle),
		"keepAliveSeconds": seconds(keepAlive),
		"waitSeconds":      seconds(MaxWait),

		"readsPerSecond":             s.Limits.Reads,
		"changesPerSecond":           s.Limits.Changes,
		"changesAtOnce":              s.Limits.ChangesAtOnce,
		"connections":                s.Limits.Connections,
		"waits":                      s.Limits.Waits,
		"waitsPerPrincipal":          s.Limits.WaitsEach,
		"eventStreams":               s.Limits.Streams,
		"eventStreamsPerPrincipal":   s.Limits.StreamsEach,
		"openOperations":             s.Limits.Open,
		"openOperationsPerPrincipal": s.Limits.OpenEach,
		"operationsInLine":           composa.MaxLine,

		"keyLength":         composa.MaxKey,
		"keyHours":          int(composa.KeyLife / time.Hour),
		"keysPerPrincipal":  composa.MaxKeys,
		"plansPerPrincipal": composa.MaxPlans,
		"planSeconds":       seconds(composa.PlanLife),
		"messageLength":     MaxMessage,
		"timeoutSeconds":    MaxTimeout,
		"graceSeconds":      MaxGrace,
		"nameLength":        composa.MaxName,
		"labels":            composa.MaxLabels,
		"labelKeyLength":    composa.MaxLabelKey,
		"labelValueLength":  composa.MaxLabelValue,
		"users":             composa.MaxUsers,
		"tokensPerUser":     composa.MaxTokensEach,
		"tokenSeconds":      seconds(composa.MaxTokenLife),
		"tokenMemoryHours":  int(composa.TokenMemory / time.Hour),
		"noteLength":        composa.MaxNote,
		"machineDevices":    composa.MaxCount,
		"machineEntries":    composa.MaxEntries,
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// features are names that only grow (docs/compatibility.md).
var features = []string{"devices", "events", "explain", "fabrics", "idempotency", "machines", "machines-by-id", "made", "min", "move-to-by-id", "operations", "operations-by-plan", "plans", "pools", "pools-by-where", "pools-set", "probe", "projects", "tokens", "users", "wait", "wait-newer", "where"}

// places bounds how many do the same at the same time.
type places chan struct{}

// take takes a place; false where there is none.
func (p places) take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave gives a place back.
func (p places) leave() { <-p }
