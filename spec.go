package composa

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a request. MaxCount bounds the devices of one entry and of a whole
// machine, MaxEntries the entries of a spec, MaxLine the operations that wait in
// line for one machine, MaxWhere the characters of a where expression.
const (
	MaxCount   = 512
	MaxEntries = 64
	MaxLine    = 32
	MaxWhere   = 1024
)

// MaxOpen and MaxOpenEach bound the operations that are open at the same time,
// of the site and of one principal, where the configuration says nothing else.
const (
	MaxOpen     = 2000
	MaxOpenEach = 1000
)

// MaxPools and MaxPoolsEach bound the pools of the site and of one project.
// MaxPoolsCost and MaxPoolsCostEach bound what the conditions of all of them may
// cost together for one device, in the units of an expression's cost.
const (
	MaxPools         = 1000
	MaxPoolsEach     = 250
	MaxPoolsCost     = 2000
	MaxPoolsCostEach = 500
)

// PowerWish is what a spec says about power.
type PowerWish string

// On powers the machine on once it is made, where the fabric can; keep leaves
// power alone.
const (
	PowerWishOn   PowerWish = "on"
	PowerWishKeep PowerWish = "keep"
)

// Spec is what somebody wants of a machine. Requests change it, observation
// never.
type Spec struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	// Fabrics are the fabrics that will do, in no order; empty: any.
	Fabrics []FabricName `json:"fabrics,omitempty"`
	// Pool is the name of the pool to take from; empty: devices in no pool.
	Pool    string    `json:"pool,omitempty"`
	Entries []Entry   `json:"entries"`
	P2P     bool      `json:"p2p,omitempty"`
	Power   PowerWish `json:"power"`
}

// Entry is one line of a spec: some devices of one kind.
type Entry struct {
	// Key is stable over revisions: the kind, and from the second entry of a
	// kind on its number ("gpu", "gpu-2").
	Key   string `json:"key"`
	Kind  Kind   `json:"kind"`
	Count int    `json:"count"`
	// Model is any part of the model's name, in any case; empty: any model.
	Model string `json:"model,omitempty"`
	// Places name the devices; then Count is their number.
	Places []Place `json:"places,omitempty"`
	// IPMI is the address of a cpu device's management controller.
	IPMI string `json:"ipmi,omitempty"`
	// Min is the least that each device must have, by field: memory and size in
	// bytes, speed in bits per second, cores, threads and lanes as counts. What
	// the fabric does not tell is not met.
	Min map[string]int64 `json:"min,omitempty"`
	// Where is an expression over each device (internal/selector); empty: any.
	Where string `json:"where,omitempty"`
}

// Normalize gives the entries their keys, sorts what has no order, fills in one
// cpu where none is named, and the power wish. It does not check.
func (s Spec) Normalize() Spec {
	s.Fabrics = slices.Clone(s.Fabrics)
	slices.Sort(s.Fabrics)
	s.Fabrics = slices.Compact(s.Fabrics)
	if s.Power == "" {
		s.Power = PowerWishOn
	}
	entries := slices.Clone(s.Entries)
	if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Kind == KindCPU }) {
		entries = append([]Entry{{Kind: KindCPU, Count: 1}}, entries...)
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Count == 0 && len(e.Places) == 0 && e.Kind == KindCPU })
	for i := range entries {
		e := &entries[i]
		if len(e.Places) > 0 && e.Count == 0 {
			e.Count = len(e.Places)
		}
		e.Where = strings.TrimSpace(e.Where)
		if len(e.Min) == 0 {
			e.Min = nil
		}
	}
	s.Entries = keyed(entries)
	return s
}

// keyed gives entries without a key the next free one of their kind.
func keyed(entries []Entry) []Entry {
	taken := map[string]bool{}
	for _, e := range entries {
		taken[e.Key] = true
	}
	last := map[Kind]int{} // of each kind the highest number given: those below are taken
	for i := range entries {
		e := &entries[i]
		if e.Key != "" {
			continue
		}
		n := max(last[e.Kind], 1)
		for taken[numbered(e.Kind, n)] {
			n++
		}
		e.Key, last[e.Kind] = numbered(e.Kind, n), n
		taken[e.Key] = true
	}
	return entries
}

// numbered is the key of the nth entry of a kind.
func numbered(k Kind, n int) string {
	if n == 1 {
		return string(k)
	}
	return fmt.Sprintf("%s-%d", k, n)
}

// Plus returns the spec with entries added, as [Spec.Add] does.
func (s Spec) Plus(more ...Entry) Spec {
	grown, _ := s.Add(more...)
	return grown
}

// Add returns the spec with entries added (plug): to the entry that asks for the
// same, where there is one, so that plugging twice makes no two entries. added
// are the entries as they were given, with the keys of those that they went to.
func (s Spec) Add(more ...Entry) (grown Spec, added []Entry) {
	grown, added = s, slices.Clone(more)
	grown.Entries = slices.Clone(s.Entries)
	at := make([]int, len(added))
	for i, e := range added {
		at[i] = slices.IndexFunc(grown.Entries, e.alike)
		if at[i] >= 0 {
			grown.Entries[at[i]].Count += e.Count
			continue
		}
		at[i] = len(grown.Entries)
		grown.Entries = append(grown.Entries, e)
	}
	grown.Entries = keyed(grown.Entries)
	for i := range added {
		added[i].Key = grown.Entries[at[i]].Key
	}
	return grown, added
}

// alike says whether two entries ask for the same but for how many.
func (e Entry) alike(o Entry) bool {
	counted := len(e.Places)+len(o.Places) == 0 && e.IPMI == "" && o.IPMI == ""
	return counted && e.Kind == o.Kind && e.Model == o.Model && maps.Equal(e.Min, o.Min) && e.Where == o.Where
}

// Check refuses what cannot be meant. what begins the messages: "compose", say.
func (s Spec) Check(what string) error {
	if err := CheckName("machine", s.Name); err != nil {
		return err
	}
	if err := CheckLabels(s.Labels); err != nil {
		return err
	}
	if s.Power != "" && s.Power != PowerWishOn && s.Power != PowerWishKeep {
		return Errorf(CodeInvalid, "cannot %s %q: power %q is neither on nor keep", what, s.Name, Abridge(string(s.Power), 24))
	}
	return CheckEntries(fmt.Sprintf("cannot %s %q", what, s.Name), s.Entries)
}

// CheckEntries refuses entries that cannot be meant: unknown kinds, counts that
// are not positive or absurd, a device named twice, devices of two fabrics.
// begin starts the messages: `cannot plug "train"`.
func CheckEntries(begin string, entries []Entry) error {
	if len(entries) > MaxEntries {
		return Errorf(CodeInvalid, "%s: it has %d entries, %d are allowed", begin, len(entries), MaxEntries)
	}
	seen := map[Place]bool{}
	var first Place
	total := 0
	for _, e := range entries {
		if !slices.Contains(Kinds(), e.Kind) {
			_, err := ParseKind(string(e.Kind))
			return Errorf(CodeInvalid, "%s: %v", begin, err)
		}
		if err := e.check(begin); err != nil {
			return err
		}
		total += e.Count
		for _, p := range e.Places {
			if seen[p] {
				return Errorf(CodeInvalid, "%s: %s is named twice", begin, p)
			}
			seen[p] = true
			if first == "" {
				first = p
			}
			if p.Fabric() != first.Fabric() {
				return Errorf(CodeInvalid, "%s: %s and %s lie in two fabrics", begin, first, p).
					WithNext("a machine is made of devices of one fabric; name devices of one")
			}
		}
	}
	if total > MaxCount {
		return Errorf(CodeInvalid, "%s: it wants %d devices, %d are allowed in one machine", begin, total, MaxCount)
	}
	return nil
}

func (e Entry) check(begin string) error {
	switch {
	case len(e.Places) > 0 && e.Count != len(e.Places) && e.Count != 0:
		return Errorf(CodeInvalid, "%s: %d %s are wanted and %d are named", begin, e.Count, e.Kind, len(e.Places))
	case len(e.Places) == 0 && e.Count < 1:
		return Errorf(CodeInvalid, "%s: %d is not a count of %s devices", begin, e.Count, e.Kind).WithNext("ask for 1 or more, or leave %s out", e.Kind)
	case e.Count > MaxCount:
		return Errorf(CodeInvalid, "%s: %d %s devices are more than the %d allowed in one machine", begin, e.Count, e.Kind, MaxCount)
	case len(e.Model) > MaxName:
		return Errorf(CodeInvalid, "%s: model %q has %d characters, %d are allowed", begin, Abridge(e.Model, 24), len(e.Model), MaxName)
	case e.IPMI != "" && e.Kind != KindCPU:
		return Errorf(CodeInvalid, "%s: ipmi chooses a cpu, not a %s", begin, e.Kind)
	}
	for _, field := range slices.Sorted(maps.Keys(e.Min)) {
		if err := CheckMin(e.Kind, field, e.Min[field]); err != nil {
			return Errorf(CodeInvalid, "%s: %v", begin, err)
		}
	}
	if n := utf8.RuneCountInString(e.Where); n > MaxWhere {
		return Errorf(CodeInvalid, "%s: where has %d characters, %d are allowed", begin, n, MaxWhere)
	}
	for _, p := range e.Places {
		if p.Fabric() == "" || p.Name() == "" || strings.Count(string(p), "/") != 1 {
			return Errorf(CodeInvalid, "%s: %q does not name a device", begin, Abridge(string(p), 40)).WithNext("write FABRIC/DEVICE, for example rack1/gpu3")
		}
	}
	return nil
}

// Same says whether two specs wish the same: the rule "again" compares with it.
// Both must be normalized.
func (s Spec) Same(t Spec) bool { return len(s.Differences(t)) == 0 }

// Differences tells in short phrases what t wishes otherwise than s:
// "gpu: 4 instead of 2".
func (s Spec) Differences(t Spec) []string {
	var out []string
	differ := func(what, a, b string) {
		if a != b {
			out = append(out, fmt.Sprintf("%s: %s instead of %s", what, orNone(b), orNone(a)))
		}
	}
	differ("fabric", joinAny(s.Fabrics), joinAny(t.Fabrics))
	differ("pool", s.Pool, t.Pool)
	differ("p2p", fmt.Sprint(s.P2P), fmt.Sprint(t.P2P))
	differ("power", string(s.Power), string(t.Power))
	differ("labels", labelText(s.Labels), labelText(t.Labels))
	for _, k := range Kinds() {
		differ(string(k), wishText(s.Entries, k), wishText(t.Entries, k))
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func joinAny[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ",")
}

func labelText(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for k, v := range labels {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// wishText tells what is wanted of one kind, independent of the order in which
// it was asked, and of whether it was asked at once.
func wishText(entries []Entry, k Kind) string {
	of := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.Kind != k })
	var words []string
	for _, e := range (Spec{}).Plus(of...).Entries {
		words = append(words, e.Text())
	}
	slices.Sort(words)
	return strings.Join(words, "+")
}

// Text is the entry as the command line writes it: "4", "A100:4",
// "rack1/gpu3,rack1/gpu4", "ipmi=192.0.2.12", "4 memory>=40GB", "4 where
// device.speed >= 100*Gb".
func (e Entry) Text() string {
	words := []string{e.what()}
	for _, field := range slices.Sorted(maps.Keys(e.Min)) {
		words = append(words, field+">="+Quantity(e.Min[field]).Of(field))
	}
	if e.Where != "" {
		words = append(words, "where "+e.Where)
	}
	return strings.Join(words, " ")
}

// what is how many devices of which model, or which devices.
func (e Entry) what() string {
	switch {
	case len(e.Places) > 0:
		places := slices.Clone(e.Places)
		slices.SortFunc(places, func(a, b Place) int { return NaturalCompare(string(a), string(b)) })
		return joinAny(places)
	case e.IPMI != "":
		return "ipmi=" + e.IPMI
	case e.Model != "":
		return fmt.Sprintf("%s:%d", e.Model, e.Count)
	}
	return fmt.Sprint(e.Count)
}
