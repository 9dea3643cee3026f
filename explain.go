package composa

import "time"

// Limits of what an explanation tells, so that it stays readable and small
// whatever the site and the request are. What is cut is counted.
const (
	MaxToldFabrics    = 32 // fabrics, in natural order; the chosen one always
	MaxToldEntries    = 16 // entries of one fabric; those that are short first
	MaxToldConditions = 12 // conditions of one entry, in order of application
	MaxToldOperations = 8  // operations that will give something back
)

// Explanation is the account of a placement as data, for a choice and for a
// refusal alike: what each condition removed, fabric by fabric and entry by
// entry; of a choice, why these devices and this fabric and not the others; of
// a refusal, the nearest request that fits. The same site and the same request
// give the same explanation. It names nothing of other projects.
type Explanation struct {
	// Text is the shortest true reason: of a refusal "no fabric has 9 free gpu
	// devices; the most is 8, in rack2", of a choice why this fabric.
	Text string `json:"text"`
	// Fabric is the one that was chosen; empty for a refusal.
	Fabric FabricName `json:"fabric,omitempty"`
	// Chosen says entry by entry what was chosen and why.
	Chosen []ChosenEntry `json:"chosen,omitempty"`
	// Fabrics are those that were looked at, in natural order.
	Fabrics []FabricAccount `json:"fabrics"`
	// MoreFabrics is how many fabrics are not told of one by one.
	MoreFabrics int `json:"moreFabrics,omitempty"`
	// Cut says that not all of it was found out: it cost too much to tell.
	Cut bool `json:"cut,omitempty"`
	// Nearest is the nearest request that fits now; nil for a choice, and where
	// none does.
	Nearest *Nearest `json:"nearest,omitempty"`
	// Earliest says what would let exactly this request fit; nil for a choice,
	// and where it is not known.
	Earliest *Earliest `json:"earliest,omitempty"`
}

// ChosenEntry is what one entry of a request was given.
type ChosenEntry struct {
	Entry  string  `json:"entry"`
	Kind   Kind    `json:"kind"`
	Places []Place `json:"places"` // natural order
	// Why are the rules that decided, the one that came first first: "all under
	// s1, the smallest block that has 4", "clean before used".
	Why []string `json:"why,omitempty"`
}

// FabricAccount is what a request met on one fabric.
type FabricAccount struct {
	Fabric FabricName `json:"fabric"`
	// Reason is set where the fabric as a whole is out: "silent since …".
	Reason string `json:"reason,omitempty"`
	// Fits says that the fabric could serve the request.
	Fits bool `json:"fits,omitempty"`
	// Against is what spoke against a fabric that could serve too: "8 free gpu:
	// rack2 has 4 and is used up first".
	Against string         `json:"against,omitempty"`
	Entries []EntryAccount `json:"entries,omitempty"`
	// MoreEntries is how many entries are not told of one by one.
	MoreEntries int `json:"moreEntries,omitempty"`
}

// EntryAccount follows one entry through the conditions: had - lost = left.
type EntryAccount struct {
	Entry  string    `json:"entry"`
	Kind   Kind      `json:"kind"`
	Wanted int       `json:"wanted"`
	Had    int       `json:"had"` // devices of the kind on the fabric
	Left   int       `json:"left"`
	Lost   []Removed `json:"lost,omitempty"` // in the order in which conditions apply
}

// Removed is how many devices one condition removed.
type Removed struct {
	Condition string `json:"condition"` // "claimed", "in pool vision", "model is not like A100", …
	Count     int    `json:"count"`
	// Near is set where every device that would have served but for this
	// condition missed it by less than a tenth.
	Near *NearMiss `json:"near,omitempty"`
}

// NearMiss is how closely a condition on a size was missed.
type NearMiss struct {
	Kind  Kind   `json:"kind"`
	Field string `json:"field"` // "memory", "size", "speed", "cores", …
	// Operator is how the field was to stand to Want: ">=", ">", "<=", "<".
	Operator string `json:"operator"`
	Want     int64  `json:"want"`  // bytes, bits per second, or a count
	Least    int64  `json:"least"` // what the devices have: the farthest
	Most     int64  `json:"most"`  // and the nearest
	// Text tells it for people: "every gpu has 39.5 GB, 40 GB is asked: 1.3 %
	// short".
	Text string `json:"text"`
}

// Nearest is a counter-offer: a request that fits on one fabric now.
type Nearest struct {
	Fabric FabricName   `json:"fabric"`
	Counts map[Kind]int `json:"counts"`
	// Entries are the whole of it, and Pool the pool that it takes from.
	Entries []Entry `json:"entries"`
	Pool    string  `json:"pool,omitempty"`
	// Relaxed is how it differs from what was asked.
	Relaxed []Relaxed `json:"relaxed"`
	// Text tells it in a sentence, which is also what the error says next.
	Text string `json:"text"`
	// Write is what to write, as compose and plug take it: "--fabric rack2
	// --gpu A100:8". Empty for a verb that cannot say it.
	Write string `json:"write,omitempty"`
}

// Relaxed is one way in which a counter-offer asks for less.
type Relaxed struct {
	Entry string `json:"entry,omitempty"` // empty for fabric and pool
	// What is "count", "model", "where", "fabric", "pool", or "min " and a
	// field.
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to,omitempty"` // empty: not asked any more
}

// Earliest is what must happen first so that exactly the request fits.
type Earliest struct {
	Fabric FabricName `json:"fabric"`
	// Operations are those that give back what is needed, as far as they are of
	// the project; Others is how many more there are.
	Operations []OperationID `json:"operations,omitempty"`
	Others     int           `json:"others,omitempty"`
	// At is when that will be; zero where it is not known.
	At time.Time `json:"at"`
}
