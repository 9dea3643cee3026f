package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa/api"
)

// groupLines tells many fabrics in a few lines, those that are alike together:
// "20 fabrics: 19 ok", "1 silent: rack7 since 12:04 UTC".
func groupLines(fabrics []api.Fabric, now time.Time) []string {
	var well []string
	others := map[string][]string{} // names by what they have in common
	for _, f := range fabrics {
		switch {
		case f.State == "silent":
			since := ""
			if f.SilentSince != nil {
				since = " since " + clockText(*f.SilentSince, now)
			}
			others["silent"] = append(others["silent"], f.Name+since)
		case f.ReadOnly != "":
			others["read-only"] = append(others["read-only"], f.Name)
		case f.State == "ok":
			well = append(well, f.Name)
		default:
			others[f.State] = append(others[f.State], f.Name)
		}
	}
	head := plural(len(fabrics), "fabric") + ": "
	if len(well) == len(fabrics) {
		head += "all ok"
	} else {
		head += fmt.Sprintf("%d ok", len(well))
	}
	lines := []string{head}
	var states []string
	for s := range others {
		states = append(states, s)
	}
	slices.Sort(states)
	for _, s := range states {
		lines = append(lines, fmt.Sprintf("  %d %s: %s", len(others[s]), s, strings.Join(ranges(others[s]), ", ")))
	}
	return lines
}

// clockText is a moment of the same day as its hour, of another day whole; both
// in UTC.
func clockText(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04 UTC")
	}
	return t.Format("2006-01-02 15:04 UTC")
}

// ranges writes names with consecutive numbers as people do: rack1 to rack4 as
// "rack[1-4]". Names are in natural order.
func ranges(names []string) []string {
	var out []string
	for i := 0; i < len(names); {
		stem, first, ok := numbered(names[i])
		j := i
		for ok && j+1 < len(names) {
			s, n, more := numbered(names[j+1])
			if !more || s != stem || n != first+(j+1-i) {
				break
			}
			j++
		}
		if j-i >= 2 {
			out = append(out, fmt.Sprintf("%s[%d-%d]", stem, first, first+j-i))
		} else {
			out = append(out, names[i:j+1]...)
		}
		i = j + 1
	}
	return out
}

// numbered cuts the number that a name ends with.
func numbered(name string) (stem string, n int, ok bool) {
	stem = strings.TrimRight(name, "0123456789")
	n, err := parseOrdinal(name[len(stem):])
	return stem, n, err == nil
}

// allShares is what all fabrics have together, by kind.
func allShares(fabrics []api.Fabric) []api.Share {
	sum := map[string]api.Share{}
	present := map[string]int{}
	for _, f := range fabrics {
		for _, s := range f.Kinds {
			sum[s.Kind] = api.Share{Kind: s.Kind, Free: sum[s.Kind].Free + s.Free, All: sum[s.Kind].All + s.All}
			present[s.Kind]++
		}
	}
	var shares []api.Share
	for _, kind := range sortedKinds(present) {
		shares = append(shares, sum[kind])
	}
	return shares
}
