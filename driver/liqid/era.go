package liqid

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
)

// dialect is what differs from one line of director software to the next
// (liqid-api.md 4), as far as calls are made. Everything else is the same in all
// of them, or read leniently.
type dialect struct {
	era    string
	cancel []string // POST, end an edit session on a machine; the next where one is not there
	group  string   // what a group is called in a query (liqid-api.md 2.4)
	// perGroup: predevice is asked for each group, because it may be invalid to
	// ask for none (3.x, liqid-api.md 2.4).
	perGroup bool
	// lists: device/info/{class} lists all details of a class in the envelope;
	// otherwise system/device/info/{class}/{name} tells those of one device.
	lists bool
	// powerPut: power is PUT power/{verb}/{group}/{machine}; otherwise POST
	// power/{verb} with the machine (liqid-api.md 2.10).
	powerPut bool
}

var (
	cancels  = []string{"fabric/edit/cancel", "fabric/cancel"}
	cancels4 = []string{"fabric/cancel", "fabric/edit/cancel"}
)

// dialects are the lines that this driver speaks, oldest first.
var dialects = []*dialect{
	{era: "2.4", cancel: cancels4, group: "cid"},
	{era: "2.5", cancel: cancels, group: "grp_id"},
	{era: "3.2", cancel: cancels, group: "grp_id", perGroup: true, lists: true, powerPut: true},
	{era: "3.4", cancel: cancels, group: "grp_id", perGroup: true, lists: true, powerPut: true},
}

// Eras lists the lines of director software that are driven, oldest first: the
// values of Config.Era.
func Eras() []string {
	var names []string
	for _, d := range dialects {
		names = append(names, d.era)
	}
	return names
}

// line is the first number of the era: 2 or 3.
func (d *dialect) line() int { return int(d.era[0] - '0') }

// inGroup narrows predevice and machine calls to one group.
func (d *dialect) inGroup(id int) string {
	return "?" + url.Values{d.group: {strconv.Itoa(id)}}.Encode()
}

// power is the call that gives a machine's host a power verb.
func (d *dialect) power(verb string, m *machine) (method, path string, body any) {
	if d.powerPut {
		return "PUT", fmt.Sprintf("power/%s/%d/%d", verb, m.group, m.id), nil
	}
	return "POST", "power/" + verb, m.raw
}

// version is what a director says that it is.
type version struct {
	era      string // "2.5"; empty where there is no number
	emulated bool
}

var number2 = regexp.MustCompile(`^v?(\d{1,3})\.(\d{1,3})\b`)

// readVersion reads the answer of GET version: before 2.5 one element with a
// record of numbers for each daemon, later an element for each component
// (liqid-api.md 1.4). Where components differ most of them decide, then the newest.
func readVersion(data []json.RawMessage) (v version) {
	votes := map[string]int{}
	for _, raw := range data {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			continue
		}
		for name, value := range fields {
			var w struct{ Major, Minor number }
			if strings.HasSuffix(name, "-version") && json.Unmarshal(value, &w) == nil && w.Major.ok && w.Minor.ok {
				votes[fmt.Sprintf("%d.%d", w.Major.value, w.Minor.value)]++
			}
		}
		var w struct {
			Component text `json:"component"`
			Branch    text `json:"branch"`
			Version   text `json:"version"`
		}
		if json.Unmarshal(raw, &w) != nil {
			continue
		}
		if m := number2.FindStringSubmatch(w.Version.told()); m != nil {
			votes[m[1]+"."+m[2]]++
		}
		v.emulated = v.emulated || strings.EqualFold(string(w.Component), "emulator") || strings.EqualFold(string(w.Branch), "emulated")
	}
	for era, n := range votes {
		if best := votes[v.era]; n > best || n == best && composa.NaturalCompare(era, v.era) > 0 {
			v.era = era
		}
	}
	return v
}

// speech is how a director is spoken to, and, where it is not certain that it
// takes things so, why it is only observed.
type speech struct {
	*dialect
	told     string // the line that it says it is of; empty where it does not say
	readOnly string // why nothing is changed there; empty where it may be
	next     string // what to do about that
}

// choose finds the dialect of a director that says it is of the line told and
// whose calls are those of line 2 or 3; set is what the configuration says.
// Neither word is trusted alone: where they contradict each other, or the line
// is not known, the nearest dialect serves and nothing is changed until the
// configuration names it.
func choose(told string, line int, set string) speech {
	d := nearest(told, line)
	s := speech{dialect: d, told: told}
	switch {
	case set == d.era:
		return s
	case told == d.era && set == "":
		return s
	case told == d.era:
		s.readOnly = fmt.Sprintf("its configuration says era %s, and its director is of the line %s", composa.Abridge(set, 24), told)
		s.next = fmt.Sprintf("write era: %q for it into the server's configuration, or leave era out", d.era)
		return s
	case told == "":
		s.readOnly = fmt.Sprintf("its director does not say of which line its software is; it is served as %s, and only observed", d.era)
	case slices.ContainsFunc(dialects, func(k *dialect) bool { return k.era == told }):
		s.readOnly = fmt.Sprintf("its director says that it is of the line %s, and its calls are those of %d.x; it is served as %s, and only observed", told, line, d.era)
	default:
		s.readOnly = fmt.Sprintf("its director is of the line %s, which this driver does not know; it is served as %s, and only observed", told, d.era)
	}
	s.next = fmt.Sprintf("write era: %q for it into the server's configuration where you know that it takes calls as %s does", d.era, d.era)
	return s
}

// nearest is the dialect of a line whose number is nearest; of two the older.
func nearest(told string, line int) *dialect {
	var of []*dialect
	for _, d := range dialects {
		if d.line() == line {
			of = append(of, d)
		}
	}
	m := number2.FindStringSubmatch(told)
	if m == nil {
		return of[len(of)-1]
	}
	major, _ := strconv.Atoi(m[1]) // the expression lets only short numbers pass
	minor, _ := strconv.Atoi(m[2])
	distance := func(d *dialect) int {
		own, _ := strconv.Atoi(d.era[2:])
		return abs((major-d.line())*1000 + minor - own)
	}
	return slices.MinFunc(of, func(a, b *dialect) int { return cmp.Compare(distance(a), distance(b)) })
}

func abs(n int) int { return max(n, -n) }
