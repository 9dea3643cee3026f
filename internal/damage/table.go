package damage

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// Table sums outcomes up: one line a verb and effect over all eras and calls,
// then what was held and why, then the damage.
func Table(outs []*Outcome) string {
	var b strings.Builder
	sums(&b, outs)
	reasons(&b, outs)
	for _, o := range outs {
		if len(o.Damage) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\nDAMAGE %s → %s %q\n", o.Case, o.Result, o.Reason)
		for _, line := range o.Damage {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	return b.String()
}

type sum struct {
	cases, notMet, damage int
	results               map[Result]int
}

func sums(b *strings.Builder, outs []*Outcome) {
	bySort := map[[2]string]*sum{}
	for _, o := range outs {
		key := [2]string{o.Verb, sort(o.Effect)}
		for _, k := range [][2]string{key, {"all", ""}} {
			if bySort[k] == nil {
				bySort[k] = &sum{results: map[Result]int{}}
			}
			bySort[k].add(o)
		}
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "verb\teffect\tcases\tnot met\tclean\tundone\theld\trefused\tdamage\t")
	keys := slices.SortedFunc(maps.Keys(bySort), func(x, y [2]string) int {
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	for _, k := range append(slices.DeleteFunc(keys, func(k [2]string) bool { return k[0] == "all" }), [2]string{"all", ""}) {
		s := bySort[k]
		if s == nil {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", k[0], k[1], s.cases, s.notMet,
			s.results[Clean], s.results[Undone], s.results[Held], s.results[Refused], s.damage)
	}
	w.Flush()
}

func (s *sum) add(o *Outcome) {
	s.cases++
	s.results[o.Result]++
	if !o.Met && o.Effect != "" {
		s.notMet++
	}
	if len(o.Damage) > 0 {
		s.damage++
	}
}

// sort is an effect without the device that it names.
func sort(effect string) string {
	for _, e := range effects {
		if name, named := strings.CutSuffix(e, "%s"); named && strings.HasPrefix(effect, name) {
			return strings.TrimSuffix(name, "=")
		}
	}
	return effect
}

// label is a machine of the table as directors know it: its name and part of its
// id.
var label = regexp.MustCompile(`machine ("(?:train|render))[a-z0-9]{8}`)

// reasons lists what was held, those of one reason together.
func reasons(b *strings.Builder, outs []*Outcome) {
	byReason := map[string][]*Outcome{}
	for _, o := range outs {
		if o.Result == Held {
			why := o.Verb + ": " + label.ReplaceAllString(o.Reason, "machine $1…")
			byReason[why] = append(byReason[why], o)
		}
	}
	if len(byReason) == 0 {
		return
	}
	fmt.Fprintln(b, "\nheld until a person decides:")
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		some := byReason[why]
		persons := map[string]int{}
		for _, o := range some {
			persons[o.Person]++
		}
		fmt.Fprintf(b, "    %s\n        %d, for example: %s; ended by %v\n", why, len(some), some[0].Case, persons)
	}
}
