package composa

import (
	"fmt"
	"strings"
)

// Refusal says why a request cannot be satisfied now, as data: which condition
// removed how many devices, fabric by fabric.
type Refusal struct {
	// Text is the shortest true reason: "no fabric has 9 free gpu devices; the
	// most is 8, in rack2".
	Text    string          `json:"text"`
	Fabrics []FabricRefusal `json:"fabrics"`
	// Nearest is the nearest request that fits now; nil where none does.
	Nearest *Nearest `json:"nearest,omitempty"`
}

// FabricRefusal is why one fabric cannot serve.
type FabricRefusal struct {
	Fabric FabricName `json:"fabric"`
	// Reason is set where the fabric as a whole is out: "silent since …".
	Reason  string         `json:"reason,omitempty"`
	Entries []EntryRefusal `json:"entries,omitempty"`
}

// EntryRefusal follows one entry through the conditions.
type EntryRefusal struct {
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
}

// Nearest is a counter-offer: the counts that fit on one fabric now.
type Nearest struct {
	Fabric FabricName   `json:"fabric"`
	Counts map[Kind]int `json:"counts"`
}

// Lines tells the refusal fabric by fabric, a line each, for people.
func (r *Refusal) Lines() []string {
	var out []string
	for _, f := range r.Fabrics {
		if f.Reason != "" {
			out = append(out, fmt.Sprintf("%s: %s", f.Fabric, f.Reason))
			continue
		}
		for _, e := range f.Entries {
			if e.Left >= e.Wanted {
				continue
			}
			var lost []string
			for _, l := range e.Lost {
				lost = append(lost, fmt.Sprintf("%d %s", l.Count, l.Condition))
			}
			line := fmt.Sprintf("%s: %d of %d %s left for %d wanted", f.Fabric, e.Left, e.Had, e.Kind, e.Wanted)
			if len(lost) > 0 {
				line += " (" + strings.Join(lost, ", ") + ")"
			}
			out = append(out, line)
		}
	}
	return out
}
