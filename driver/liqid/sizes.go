package liqid

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Sizes are what the part has. A vendor's "40 GB" of GPU memory or DRAM is
// 40 GiB (JEDEC JESD100B counts memory in powers of two; the cards report
// 40,960 MiB and a little less after ECC), of a drive it is 40 GB (IDEMA LBA1-03
// counts drives in powers of ten). A unit that is binary by its own name ("GiB")
// is taken at its word.
//
// Numbers without a unit: memory is in MiB, because a director counts two nodes
// of "512 GB" as total-dram 1048576 (liqid-api.md 1.4); drives are in MB, as the
// key "capacity(MB)" says (1.3); links are in Gb/s, as total-throughput is
// "100 Gb/s" in one record and "100" in another (1.4).

// mega is a drive's MB; mebi is memory's.
const (
	mega = 1_000_000
	mebi = 1 << 20
)

// memorySize reads the size of DRAM or GPU memory; 0 where it is not told.
func memorySize(s string) int64 { return size(s, 1024, mebi) }

// driveSize reads the size of a drive; 0 where it is not told.
func driveSize(s string) int64 { return size(s, 1000, mega) }

func size(s string, thousand, bare float64) int64 {
	value, unit, ok := quantity(s)
	if !ok {
		return 0
	}
	unit = strings.ToLower(unit)
	for _, tail := range []string{"s", "yte", "b"} { // "GB", "GBytes"
		unit = strings.TrimSuffix(unit, tail)
	}
	if rest, binary := strings.CutSuffix(unit, "i"); binary {
		unit, thousand = rest, 1024
	}
	if unit == "" {
		if strings.TrimRight(s, "0123456789.,_ \t") == "" {
			return whole(value * bare)
		}
		return whole(value) // "512 B"
	}
	power := strings.Index("kmgtp", unit)
	if power < 0 || len(unit) != 1 {
		return 0
	}
	return whole(value * math.Pow(thousand, float64(power+1)))
}

// linkSpeed reads bits per second; 0 where it is not told.
func linkSpeed(s string) int64 {
	value, unit, ok := quantity(s)
	if !ok {
		return 0
	}
	unit = strings.ToLower(strings.ReplaceAll(unit, " ", ""))
	for _, tail := range []string{"/s", "ps", "e", "it", "b"} { // "Gb/s", "Gbps", "GbE", "Gbit/s", "G"
		unit = strings.TrimSuffix(unit, tail)
	}
	switch unit {
	case "":
		if strings.TrimRight(s, "0123456789.,_ \t") != "" {
			return whole(value)
		}
		return whole(value * 1e9)
	case "k":
		return whole(value * 1e3)
	case "m":
		return whole(value * 1e6)
	case "g":
		return whole(value * 1e9)
	case "t":
		return whole(value * 1e12)
	}
	return 0
}

// written is a number and what follows it. A comma stands between thousands or
// it is none of ours: "3,84 TB" may be 3.84 TB, and is not told.
var written = regexp.MustCompile(`^\s*(\d{1,3}(?:[,_]\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)\s*([^\d.,_\s].*)?$`)

// quantity splits "3.84 TB" into number and unit.
func quantity(s string) (value float64, unit string, ok bool) {
	m := written.FindStringSubmatch(s)
	if m == nil {
		return 0, "", false
	}
	value, err := strconv.ParseFloat(strings.NewReplacer(",", "", "_", "").Replace(m[1]), 64)
	return value, strings.TrimSpace(m[2]), err == nil
}

// whole rounds to bytes; what no part can have counts as not told.
func whole(v float64) int64 {
	if v != v || v <= 0 || v > 1<<60 {
		return 0
	}
	return int64(math.Round(v))
}

func scaled(n, by int64) int64 { return whole(float64(n) * float64(by)) }
