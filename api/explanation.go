package api

import "time"

// Explanation is the account of a choice of devices, or of a refusal.
type Explanation struct {
	Text string `json:"text" doc:"The shortest true reason"`
	// Lines are the same for people: the command line prints them.
	Lines       []string        `json:"lines" doc:"All of it for people, a line each"`
	Fabric      string          `json:"fabric,omitempty" doc:"The fabric that was chosen; absent in a refusal"`
	Chosen      []ChosenEntry   `json:"chosen,omitempty" doc:"Of a choice: what each line of the wish was given, and why"`
	Fabrics     []FabricAccount `json:"fabrics" doc:"What the request met on each fabric"`
	MoreFabrics int             `json:"moreFabrics,omitempty" doc:"How many fabrics are not told one by one"`
	Cut         bool            `json:"cut,omitempty" doc:"That not all was found out, since it cost too much to tell"`
	Nearest     *Nearest        `json:"nearest,omitempty" doc:"Of a refusal: the nearest request that fits now"`
	Earliest    *Earliest       `json:"earliest,omitempty" doc:"Of a refusal: what must happen first so that exactly this fits; absent where it is not known"`
	Since       []Since         `json:"since,omitempty" doc:"Of an operation: chosen devices that are not as they were chosen any more"`
}

// Since is what became of a device that was chosen.
type Since struct {
	Place string `json:"place" example:"rack1/gpu3" doc:"Where it was chosen"`
	What  string `json:"what" example:"gone" doc:"gone: it was taken out of its fabric; missing: the fabric does not show it; exchanged: another part is in its place; left: the machine has it no more; unused: the operation went on without it; moved: it sits at another place"`
	Now   string `json:"now,omitempty" doc:"Of one that moved: its place now"`
}

// ChosenEntry is what one line of a wish was given.
type ChosenEntry struct {
	Entry  string   `json:"entry" example:"gpu"`
	Kind   string   `json:"kind" example:"gpu"`
	Places []string `json:"places" example:"[\"rack1/gpu3\"]"`
	Why    []string `json:"why,omitempty" doc:"The rules that decided"`
}

// FabricAccount is what a request met on one fabric.
type FabricAccount struct {
	Fabric      string         `json:"fabric"`
	Reason      string         `json:"reason,omitempty" doc:"Set where the fabric as a whole is out"`
	Fits        bool           `json:"fits,omitempty" doc:"It could serve the request"`
	Against     string         `json:"against,omitempty" doc:"What spoke against a fabric that could serve too"`
	Entries     []EntryAccount `json:"entries,omitempty"`
	MoreEntries int            `json:"moreEntries,omitempty" doc:"How many lines of the wish are not told one by one"`
}

// EntryAccount follows one line of the wish through the conditions.
type EntryAccount struct {
	Entry  string    `json:"entry"`
	Kind   string    `json:"kind"`
	Wanted int       `json:"wanted"`
	Had    int       `json:"had" doc:"Devices of the kind on the fabric"`
	Left   int       `json:"left"`
	Lost   []Removed `json:"lost" doc:"In the order in which conditions apply"`
}

// Removed is how many devices one condition removed.
type Removed struct {
	Condition string    `json:"condition" example:"claimed"`
	Count     int       `json:"count"`
	Near      *NearMiss `json:"near,omitempty" doc:"Every device that would have served but for this missed it by less than a tenth"`
}

// NearMiss is how closely a condition on a size was missed.
type NearMiss struct {
	Kind     string `json:"kind" example:"gpu"`
	Field    string `json:"field" example:"memory"`
	Operator string `json:"operator" example:">=" doc:"How the field was to stand to want: >=, >, <= or <"`
	Want     int64  `json:"want" doc:"Bytes, bits per second, or a count"`
	Least    int64  `json:"least" doc:"What the farthest of the devices has"`
	Most     int64  `json:"most" doc:"What the nearest of the devices has"`
	Text     string `json:"text"`
}

// Nearest is the nearest request that fits now.
type Nearest struct {
	Fabric  string         `json:"fabric"`
	Counts  map[string]int `json:"counts"`
	Devices []Want         `json:"devices" doc:"The lines of a wish that fits"`
	Pool    string         `json:"pool,omitempty"`
	Relaxed []Relaxed      `json:"relaxed" doc:"How it differs from what was asked"`
	Text    string         `json:"text" doc:"The same in a sentence, which a problem says next"`
	Write   string         `json:"write,omitempty" example:"--fabric rack2 --cpu 1 --gpu A100:8" doc:"What to write on the command line"`
}

// Relaxed is one way in which a counter-offer asks for less.
type Relaxed struct {
	Entry string `json:"entry,omitempty" doc:"Line of the wish; absent for fabric and pool"`
	What  string `json:"what" example:"count" doc:"count, model, where, fabric, pool, or min and a field"`
	From  string `json:"from"`
	To    string `json:"to,omitempty" doc:"Absent: not asked any more"`
}

// Earliest is what must happen first so that exactly a request fits.
type Earliest struct {
	Fabric     string     `json:"fabric"`
	Operations []string   `json:"operations,omitempty" doc:"Those of your projects that give back what is needed"`
	Others     int        `json:"others,omitempty" doc:"How many more operations do"`
	At         *time.Time `json:"at,omitempty" doc:"Absent where it is not known"`
}
