package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
)

// What a request may hold. The server checks the same (and has the last word);
// the words are the same too, and a test compares them.
const (
	maxName    = 63
	maxCount   = 512
	maxEntries = 64
	maxMessage = 500
	maxLabels  = 64
	maxKey     = 64
)

// kinds lists every kind in table order.
var kinds = []string{"cpu", "gpu", "ssd", "scm", "nic", "fpga", "memory"}

// kindFlags is what the flags of the kinds say of themselves.
var kindFlags = map[string]string{
	"cpu":    "`WANT` of compute nodes (1 unless said)",
	"gpu":    "`WANT` of GPUs",
	"ssd":    "`WANT` of NVMe drives",
	"scm":    "`WANT` of storage-class memory",
	"nic":    "`WANT` of network cards",
	"fpga":   "`WANT` of FPGAs",
	"memory": "`WANT` of memory devices",
}

var reservedNames = []string{"all", "any", "default", "free", "me", "new", "none", "self", "system"}

// parseKind reads a kind; plurals are accepted.
func parseKind(s string) (string, error) {
	low := strings.ToLower(s)
	for _, try := range []string{low, strings.TrimSuffix(low, "s")} {
		if slices.Contains(kinds, try) {
			return try, nil
		}
	}
	f := wrong("cannot read kind %q: there is no such kind", abridge(s, 40)).next("use one of %s", strings.Join(kinds, ", "))
	if near := nearest(low, kinds); near != "" {
		f = f.next("did you mean %s? the kinds are %s", near, strings.Join(kinds, ", "))
	}
	return "", f
}

// checkName refuses what cannot name a new machine or pool.
func checkName(noun, name string) error {
	if err := checkDNSLabel(noun, name); err != nil {
		return err
	}
	if slices.Contains(reservedNames, name) || strings.HasPrefix(name, "composa") {
		return wrong("cannot name a %s %q: the name is reserved", noun, name).
			next("choose another; reserved are %s and what begins with composa", strings.Join(reservedNames, ", "))
	}
	return nil
}

// checkDNSLabel refuses what is not a DNS label.
func checkDNSLabel(noun, name string) error {
	const rule = "use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit"
	switch {
	case name == "":
		return wrong("cannot name a %s: the name is empty", noun).next(rule)
	case len(name) > maxName:
		return wrong("cannot name a %s %q: the name has %d characters, %d are allowed", noun, abridge(name, 24), len(name), maxName).next(rule)
	}
	for i, c := range name {
		inner := c == '-' && i > 0 && i < len(name)-1
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !inner {
			return wrong("cannot name a %s %q: %q may not stand at position %d", noun, name, string(c), i+1).next(rule)
		}
	}
	return nil
}

// checkWants refuses wants that cannot be meant. begin starts the messages:
// `cannot plug "train"`.
func checkWants(begin string, wants []api.Want) error {
	if len(wants) > maxEntries {
		return wrong("%s: it has %d entries, %d are allowed", begin, len(wants), maxEntries)
	}
	total := 0
	var ids []string
	for _, w := range wants {
		if err := checkWant(begin, w); err != nil {
			return err
		}
		total += w.Count
		ids = append(ids, w.IDs...)
	}
	if err := checkPlaces(begin, ids); err != nil {
		return err
	}
	if total > maxCount {
		return wrong("%s: it wants %d devices, %d are allowed in one machine", begin, total, maxCount)
	}
	return nil
}

func checkWant(begin string, w api.Want) error {
	switch {
	case w.Kind == "cpu" && w.Count == 0 && len(w.IDs) == 0:
		return nil // a machine without a compute node
	case w.Count < 1:
		return wrong("%s: %d is not a count of %s devices", begin, w.Count, w.Kind).next("ask for 1 or more, or leave %s out", w.Kind)
	case w.Count > maxCount:
		return wrong("%s: %d %s devices are more than the %d allowed in one machine", begin, w.Count, w.Kind, maxCount)
	case len(w.Model) > maxName:
		return wrong("%s: model %q has %d characters, %d are allowed", begin, abridge(w.Model, 24), len(w.Model), maxName)
	}
	return nil
}

// checkDoubled refuses devices that are named twice.
func checkDoubled(begin string, ids []string) error {
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			return wrong("%s: %s is named twice", begin, id)
		}
		seen[id] = true
	}
	return nil
}

// checkPlaces refuses devices that are named twice or lie in two fabrics.
func checkPlaces(begin string, ids []string) error {
	if err := checkDoubled(begin, ids); err != nil {
		return err
	}
	for _, id := range ids {
		first, _, _ := strings.Cut(ids[0], "/")
		if f, _, _ := strings.Cut(id, "/"); f != first {
			return wrong("%s: %s and %s lie in two fabrics", begin, ids[0], id).
				next("a machine is made of devices of one fabric; name devices of one")
		}
	}
	return nil
}

// checkKey refuses a key that the server would not take, with room behind it for
// what tells several machines apart.
func checkKey(key string) error {
	switch {
	case len(key) > maxKey:
		return wrong("cannot use --key %q: it has %d characters, %d are allowed", abridge(key, 24), len(key), maxKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return wrong("cannot use --key %q: it holds what is no visible character of ASCII", abridge(clean(key), 24))
	}
	return nil
}

// checkMessage refuses a message that the server would not keep.
func checkMessage(message string) error {
	if len(message) > maxMessage {
		return wrong("cannot use --message: it has %d characters, %d are allowed", len(message), maxMessage)
	}
	return nil
}

// parseLabels reads KEY=VALUE words.
func parseLabels(words []string) (map[string]string, error) {
	if len(words) == 0 {
		return nil, nil
	}
	if len(words) > maxLabels {
		return nil, wrong("cannot set %d labels: %d are allowed", len(words), maxLabels)
	}
	labels := map[string]string{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		switch _, doubled := labels[key]; {
		case !ok:
			return nil, wrong("cannot read --label %q: there is no \"=\"", abridge(w, 40)).next("write KEY=VALUE")
		case key == "":
			return nil, wrong("cannot set a label: its key is empty").next("write KEY=VALUE")
		case doubled:
			return nil, wrong("cannot set label %q: it is given twice", abridge(key, 24))
		}
		labels[key] = value
	}
	return labels, nil
}

// abridge cuts s for a message: at most n bytes, an ellipsis where it was cut.
func abridge(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// plural writes a count with its noun: "1 gpu", "4 gpus".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
