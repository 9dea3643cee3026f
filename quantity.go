package composa

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// MaxQuantity is the longest text of a quantity, in bytes.
const MaxQuantity = 32

// units are the units of a quantity: bytes in powers of 1000 (KB) and of 1024
// (KiB, or Ki as Kubernetes writes it), bits in powers of 1000 (Gb, Gbit).
var units = map[string]int64{
	"": 1, "B": 1, "b": 1,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
	"K": 1e3, "k": 1e3, "kB": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
	"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50,
	"Kb": 1e3, "Mb": 1e6, "Gb": 1e9, "Tb": 1e12,
	"Kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9, "Tbit": 1e12,
}

// unitsShown are the units that an error names.
var unitsShown = []string{"KB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "PiB", "Kb", "Mb", "Gb", "Tb"}

// ParseQuantity reads "40GB" (bytes, powers of 1000), "40GiB" or "40Gi" (powers
// of 1024), "100Gb" (bits per second), "8" or "1.5TB". It is exact: what is no
// whole number, is negative or does not fit in 63 bits is refused.
func ParseQuantity(s string) (int64, error) {
	refuse := func(why string, args ...any) *Error {
		return Errorf(CodeInvalid, "cannot read quantity %q: "+why, append([]any{Abridge(s, MaxQuantity)}, args...)...)
	}
	example := "write a number and perhaps a unit: 8, 40GB, 40GiB, 1.5TB, 100Gb"
	text := strings.TrimSpace(s)
	switch {
	case len(s) > MaxQuantity:
		return 0, refuse("it has %d characters, %d are allowed", len(s), MaxQuantity).WithNext("%s", example)
	case text == "":
		return 0, refuse("it is empty").WithNext("%s", example)
	case text[0] == '-':
		return 0, refuse("it is negative").WithNext("%s", example)
	}
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	if end == 0 {
		return 0, refuse("it does not begin with a number").WithNext("%s", example)
	}
	number, unit := text[:end], strings.TrimSpace(text[end:])
	factor, known := units[unit]
	if !known {
		if meant := unitMeant(unit); meant != "" {
			return 0, refuse("%q is no unit: did you mean %s?", unit, meant)
		}
		return 0, refuse("%q is no unit", unit).WithNext("use one of %s", strings.Join(unitsShown, ", "))
	}
	exact, ok := new(big.Rat).SetString(number)
	if !ok || strings.HasPrefix(number, ".") || strings.HasSuffix(number, ".") {
		return 0, refuse("%q is no number", number).WithNext("%s", example)
	}
	exact.Mul(exact, new(big.Rat).SetInt64(factor))
	switch {
	case !exact.IsInt():
		return 0, refuse("it is no whole number of bytes or bits").WithNext("%s", example)
	case !exact.Num().IsInt64():
		return 0, refuse("it is more than %d", int64(math.MaxInt64))
	}
	return exact.Num().Int64(), nil
}

// unitMeant is the unit that word differs from only in its case, the byte unit
// first, or one that is nearly the same; empty where none is.
func unitMeant(word string) string {
	for _, u := range unitsShown {
		if strings.EqualFold(u, word) {
			return u
		}
	}
	return Nearly(word, unitsShown)
}

// Quantity is a number of bytes.
type Quantity int64

// String is the quantity in the shortest exact way: "40GiB", "1500GB", "7".
func (q Quantity) String() string {
	return shortest(int64(q), "PB", "TB", "GB", "MB", "KB", "PiB", "TiB", "GiB", "MiB", "KiB")
}

// Bits is the text of a quantity of bits per second: "100Gb".
func (q Quantity) Bits() string { return shortest(int64(q), "Tb", "Gb", "Mb", "Kb") }

// Of is the text of a quantity of a field of a device: bytes, bits per second,
// or how many.
func (q Quantity) Of(field string) string {
	switch field {
	case "memory", "size":
		return q.String()
	case "speed":
		return q.Bits()
	}
	return strconv.FormatInt(int64(q), 10)
}

// shortest is the shortest of the exact ways to write n with a unit or none;
// the first of those that are as short.
func shortest(n int64, names ...string) string {
	best := strconv.FormatInt(n, 10)
	for _, u := range names {
		if f := units[u]; n != 0 && n%f == 0 {
			if s := strconv.FormatInt(n/f, 10) + u; len(s) < len(best) {
				best = s
			}
		}
	}
	return best
}
