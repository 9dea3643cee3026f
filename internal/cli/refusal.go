package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
)

// refusalLines tells a refusal fabric by fabric: which condition removed how
// many devices, and what would fit.
func refusalLines(r *api.Refusal) []string {
	if r == nil {
		return nil
	}
	var lines []string
	nodes := false
	for _, f := range r.Fabrics {
		if f.Reason != "" {
			lines = append(lines, f.Fabric+": "+f.Reason)
			continue
		}
		for _, e := range f.Entries {
			if e.Left >= e.Wanted {
				continue
			}
			nodes = nodes || e.Kind == "cpu" && e.Wanted > 1
			lines = append(lines, f.Fabric+": "+entryLine(e))
		}
	}
	if nodes {
		lines = append(lines, "--cpu counts compute nodes, not cores")
	}
	if flags := nearestFlags(r); flags != "" {
		lines = append(lines, "fits now: "+flags)
	}
	return lines
}

// nearestFlags is the nearest request that fits, as compose takes it; empty
// where it lacks one of the kinds that were wanted.
func nearestFlags(r *api.Refusal) string {
	if r == nil || r.Nearest == nil {
		return ""
	}
	for _, f := range r.Fabrics {
		for _, e := range f.Entries {
			if r.Nearest.Counts[e.Kind] == 0 && e.Wanted > 0 {
				return ""
			}
		}
	}
	return "--fabric " + r.Nearest.Fabric + countFlags(r.Nearest.Counts)
}

func entryLine(e api.EntryRefusal) string {
	line := fmt.Sprintf("%d of %d %s left for %d wanted", e.Left, e.Had, e.Kind, e.Wanted)
	var lost []string
	for _, l := range e.Lost {
		lost = append(lost, fmt.Sprintf("%d %s", l.Count, l.Condition))
	}
	if len(lost) > 0 {
		line += " (" + strings.Join(lost, ", ") + ")"
	}
	return line
}

// countFlags writes counts as compose takes them: " --cpu 1 --gpu 4".
func countFlags(counts map[string]int) string {
	var b strings.Builder
	for _, k := range sortedKinds(counts) {
		fmt.Fprintf(&b, " --%s %d", k, counts[k])
	}
	return b.String()
}

// sortedKinds gives the kinds of counts in table order.
func sortedKinds(counts map[string]int) []string {
	var kinds []string
	for k := range counts {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, compareKinds)
	return kinds
}

// compareKinds orders kinds as tables show them, and unknown ones behind.
func compareKinds(a, b string) int {
	if c := kindRank(a) - kindRank(b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func kindRank(kind string) int {
	if i := slices.Index(kinds, kind); i >= 0 {
		return i
	}
	return len(kinds)
}
