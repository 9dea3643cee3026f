package composa

import (
	"fmt"
	"strings"
	"time"
)

// MaxToldLines bounds [Explanation.Lines].
const MaxToldLines = 120

// Lines tells an explanation for people, a line each: of a choice what was
// chosen and why, then of each other fabric what spoke against it, and of a
// refusal each fabric in turn, then what would fit. It is the only rendering:
// the API and the command line show these lines.
func (x *Explanation) Lines() []string {
	var out []string
	if x.Fabric != "" {
		out = append(out, x.Text)
		for _, c := range x.Chosen {
			out = append(out, c.line())
		}
	}
	for i := range x.Fabrics {
		out = append(out, x.Fabrics[i].lines(x.Fabric)...)
	}
	if x.MoreFabrics > 0 {
		out = append(out, fmt.Sprintf("and %d more fabrics", x.MoreFabrics))
	}
	var last []string
	if x.Cut {
		last = append(last, "more than this costs too much to tell")
	}
	if n := x.Nearest; n != nil && n.Write != "" {
		last = append(last, n.line())
	}
	if x.Earliest != nil {
		last = append(last, x.Earliest.line())
	}
	if over := len(out) + len(last) - MaxToldLines; over > 0 {
		out = append(out[:len(out)-over-1], fmt.Sprintf("and %d more lines", over+1))
	}
	return append(out, last...)
}

// line tells what one entry was given: "gpu: rack1/gpu0 to rack1/gpu3: …".
func (c *ChosenEntry) line() string {
	text := c.Entry + ": " + toldPlaces(c.Places)
	if len(c.Why) > 0 {
		text += ": " + strings.Join(c.Why, "; ")
	}
	return text
}

// toldPlaces names up to four places and counts the rest.
func toldPlaces(places []Place) string {
	const most = 4
	if len(places) <= most {
		return strings.ReplaceAll(joinAny(places), ",", ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.ReplaceAll(joinAny(places[:most-1]), ",", ", "), len(places)-most+1)
}

// lines tells what a request met on a fabric. Of the chosen one nothing is left
// to tell.
func (f *FabricAccount) lines(chosen FabricName) []string {
	switch {
	case f.Fabric == chosen:
		return nil
	case f.Reason != "":
		return []string{fmt.Sprintf("%s: %s", f.Fabric, f.Reason)}
	case f.Fits:
		return []string{fmt.Sprintf("%s: %s", f.Fabric, f.Against)}
	}
	var out []string
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Left >= e.Wanted {
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s", f.Fabric, e.line()))
		for _, l := range e.Lost {
			if l.Near != nil {
				out = append(out, fmt.Sprintf("%s: %s", f.Fabric, l.Near.Text))
			}
		}
	}
	if f.MoreEntries > 0 {
		out = append(out, fmt.Sprintf("%s: and %d more entries", f.Fabric, f.MoreEntries))
	}
	return out
}

func (e *EntryAccount) line() string {
	var lost []string
	for _, l := range e.Lost {
		lost = append(lost, fmt.Sprintf("%d %s", l.Count, l.Condition))
	}
	line := fmt.Sprintf("%d of %d %s left for %d wanted", e.Left, e.Had, e.Kind, e.Wanted)
	if len(lost) > 0 {
		line += " (" + strings.Join(lost, ", ") + ")"
	}
	return line
}

func (n *Nearest) line() string {
	var less []string
	for _, r := range n.Relaxed {
		less = append(less, r.String())
	}
	line := "fits now: " + n.Write
	if len(less) > 0 {
		line += " (" + strings.Join(less, ", ") + ")"
	}
	return line
}

// String tells what is asked less: "gpu: 8 instead of 9".
func (r Relaxed) String() string {
	what := r.What
	switch {
	case r.Entry != "" && r.What == "count":
		what = r.Entry
	case r.Entry != "":
		what = r.Entry + " " + r.What
	}
	if r.To == "" {
		return "without " + what
	}
	return fmt.Sprintf("%s: %s instead of %s", what, r.To, r.From)
}

func (e *Earliest) line() string {
	var after []string
	for _, id := range e.Operations {
		after = append(after, string(id))
	}
	if e.Others > 0 {
		after = append(after, fmt.Sprintf("%d of others", e.Others))
	}
	line := "fits on " + string(e.Fabric) + " once what is being given back there is free"
	if len(after) > 0 {
		line += ": after " + strings.Join(after, ", ")
	}
	if !e.At.IsZero() {
		line += ", at about " + e.At.UTC().Format(time.RFC3339)
	}
	return line
}
