package composa

import (
	"slices"
	"strings"
)

// MaxName is the longest name of a machine, pool, project or fabric, in bytes:
// a DNS label.
const MaxName = 63

// MaxLabelKey and MaxLabelValue bound a label, in bytes; MaxLabels bounds how
// many labels one thing carries.
const (
	MaxLabelKey   = 63
	MaxLabelValue = 255
	MaxLabels     = 64
)

var reservedNames = []string{"all", "any", "default", "free", "me", "new", "none", "self", "system"}

// CheckName refuses what is not a DNS label, and names that commands use as
// words. noun says what is being named and stands in the message.
func CheckName(noun, name string) error {
	if err := checkLabel(noun, name); err != nil {
		return err
	}
	if slices.Contains(reservedNames, name) || strings.HasPrefix(name, "composa") {
		return Errorf(CodeInvalid, "cannot name a %s %q: the name is reserved", noun, name).
			WithNext("choose another; reserved are %s and what begins with composa", strings.Join(reservedNames, ", "))
	}
	return nil
}

// CheckFabricName refuses what cannot name a fabric: a DNS label.
func CheckFabricName(name string) error { return checkLabel("fabric", name) }

func checkLabel(noun, name string) error {
	const rule = "use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit"
	switch {
	case name == "":
		return Errorf(CodeInvalid, "cannot name a %s: the name is empty", noun).WithNext(rule)
	case len(name) > MaxName:
		return Errorf(CodeInvalid, "cannot name a %s %q: the name has %d characters, %d are allowed", noun, Abridge(name, 24), len(name), MaxName).WithNext(rule)
	}
	for i, c := range name {
		inner := c == '-' && i > 0 && i < len(name)-1
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !inner {
			return Errorf(CodeInvalid, "cannot name a %s %q: %q may not stand at position %d", noun, name, string(c), i+1).WithNext(rule)
		}
	}
	return nil
}

// CheckLabels refuses labels whose keys or values are too long, empty, or hold
// control characters.
func CheckLabels(labels map[string]string) error {
	if len(labels) > MaxLabels {
		return Errorf(CodeInvalid, "cannot set %d labels: %d are allowed", len(labels), MaxLabels)
	}
	for k, v := range labels {
		switch {
		case k == "":
			return Errorf(CodeInvalid, "cannot set a label: its key is empty").WithNext("write KEY=VALUE")
		case len(k) > MaxLabelKey:
			return Errorf(CodeInvalid, "cannot set label %q: the key has %d characters, %d are allowed", Abridge(k, 24), len(k), MaxLabelKey)
		case len(v) > MaxLabelValue:
			return Errorf(CodeInvalid, "cannot set label %q: the value has %d characters, %d are allowed", k, len(v), MaxLabelValue)
		case strings.ContainsFunc(k+v, isControl):
			return Errorf(CodeInvalid, "cannot set label %q: it holds control characters", k)
		}
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// Abridge cuts s for a message: at most n bytes, an ellipsis where it was cut.
func Abridge(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// MachineLabel is the name that a machine carries on a fabric: up to fourteen
// letters and digits of its name, then eight of its id. It is unique, fits the
// 22 characters that Liqid allows, and is how we know our own.
func MachineLabel(name string, id MachineID) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c != '-' && b.Len() < 14 {
			b.WriteByte(c)
		}
	}
	return b.String() + Short(string(id))
}

// GroupMark is the name of the one group that a site keeps on a fabric which
// has groups: unique to the site, letters and digits only.
func GroupMark(site SiteID) string { return "composa" + Short(string(site)) }

// NaturalLess orders names as people do: gpu2 before gpu10, rack1/gpu9 before
// rack2/gpu1.
func NaturalLess(a, b string) bool { return NaturalCompare(a, b) < 0 }

// NaturalCompare is the three-way form of [NaturalLess].
func NaturalCompare(a, b string) int {
	origA, origB := a, b
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			na, restA := digits(a)
			nb, restB := digits(b)
			if c := compareNumbers(na, nb); c != 0 {
				return c
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			if a[0] < b[0] {
				return -1
			}
			return 1
		}
		a, b = a[1:], b[1:]
	}
	switch {
	case a != "":
		return 1
	case b != "":
		return -1
	}
	return strings.Compare(origA, origB) // gpu01 and gpu1: equal numbers, still two names
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func digits(s string) (number, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		if len(a) < len(b) {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}
