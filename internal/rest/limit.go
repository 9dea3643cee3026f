package rest

import (
	"time"

	"github.com/composa-dev/composa"
)

// The limits of a request and of the server. GET /v1 tells them all by name.
const (
	MaxBody    = 1 << 20           // bytes of a request's body
	MaxDepth   = 32                // of JSON objects and lists within each other
	MaxList    = 1000              // items in one page of a list
	UsualList  = 100               // items in a page where the caller does not say
	MaxWait    = 300 * time.Second // that one call waits for an operation
	MaxWaits   = 1024              // calls that wait for an operation at the same time
	MaxStreams = 256               // event streams at the same time
	MaxMessage = 500               // characters of a message for the record
	MaxTimeout = 604800            // seconds that a caller may wait for a silent fabric
	MaxGrace   = 86400             // seconds that a host may take to shut down
	maxFreed   = 1000              // freed machines that a list goes back to
	maxQuery   = 16 << 10          // bytes of a query
)

// keepAlive is the pause after which a stream without events says something.
const keepAlive = 15 * time.Second

// slowest bounds one write to a caller who follows events, and the reading of a
// request's body.
const slowest = 30 * time.Second

// limits names every limit.
func limits() map[string]int {
	return map[string]int{
		"bodyBytes":        MaxBody,
		"jsonDepth":        MaxDepth,
		"queryBytes":       maxQuery,
		"listLimit":        MaxList,
		"listDefault":      UsualList,
		"freedMachines":    maxFreed,
		"waitSeconds":      int(MaxWait / time.Second),
		"waits":            MaxWaits,
		"eventStreams":     MaxStreams,
		"keepAliveSeconds": int(keepAlive / time.Second),
		"messageLength":    MaxMessage,
		"timeoutSeconds":   MaxTimeout,
		"graceSeconds":     MaxGrace,
		"nameLength":       composa.MaxName,
		"labels":           composa.MaxLabels,
		"labelKeyLength":   composa.MaxLabelKey,
		"labelValueLength": composa.MaxLabelValue,
		"machineDevices":   composa.MaxCount,
		"machineEntries":   composa.MaxEntries,
	}
}

// features are names that only grow (docs/compatibility.md).
var features = []string{"devices", "events", "fabrics", "machines", "operations", "plans", "pools", "probe", "projects", "wait"}

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
