package intake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// left tells what a resolve leaves: which machines stay and which are freed, what
// is in each, what their wishes become, and what is not held any more.
func left(site *composa.Site, p *composa.Picture, op *composa.Operation, a composa.Advance) *composa.Result {
	var ends, where []string
	for _, c := range a.Machines {
		m := site.Machine(c.Machine)
		if c.Freed {
			ends = append(ends, fmt.Sprintf("%q is freed: %s does not show it", m.Name, op.Fabric))
			continue
		}
		end := fmt.Sprintf("%q stays as %s shows it", m.Name, op.Fabric)
		if op.Verb == composa.VerbFree {
			end = fmt.Sprintf("%q is not freed: it stays as %s shows it", m.Name, op.Fabric)
		}
		ends = append(ends, end)
		where = append(where, stays(p.Ours(op.Ref(m)), m, c)...)
	}
	for _, id := range op.Scope().Devices {
		d, held := site.Device(id), site.Claim(id)
		if d == nil || d.Name == "" || held == nil {
			continue
		}
		at := slices.IndexFunc(a.Claims, func(c composa.ClaimChange) bool { return c.Claim == held.ID && c.Released })
		switch {
		case at < 0:
		case a.Claims[at].Closed:
			where = append(where, fmt.Sprintf("%s is not held any more", d.Place()))
		default:
			where = append(where, fmt.Sprintf("%s is held until %s shows it given back", d.Place(), op.Fabric))
		}
	}
	return &composa.Result{Text: "resolved: " + strings.Join(ends, "; "), Where: where}
}

// stays tells what is in a machine that stays, and what its wish becomes.
func stays(seen *composa.SeenMachine, m *composa.Machine, c composa.MachineChange) []string {
	on := fmt.Sprintf("%q is on %s as %s", m.Name, m.Fabric, seen.Native)
	if seen.Power == composa.PowerOn || seen.Power == composa.PowerOff {
		on += ", power " + string(seen.Power)
	}
	var own, strange []string
	for _, name := range slices.SortedFunc(slices.Values(seen.Devices), composa.NaturalCompare) {
		place := string(composa.PlaceOf(m.Fabric, name))
		if slices.ContainsFunc(c.Binding, func(b composa.Bound) bool { return b.Device.Name == name }) {
			own = append(own, place)
		} else {
			strange = append(strange, place)
		}
	}
	out := []string{on + ", with " + listed(own)}
	if len(strange) > 0 {
		out = append(out, fmt.Sprintf("%s is in %q too and is not its own: only the director's own tool takes it out", strings.Join(strange, ", "), m.Name))
	}
	before, now := wish(m.Spec.Entries), wish(c.Spec.Entries)
	if before != now {
		out = append(out, fmt.Sprintf("the wish of %q is now %s; it was %s", m.Name, now, before))
	}
	return out
}

func listed(names []string) string {
	if len(names) == 0 {
		return "no device of its own"
	}
	return strings.Join(names, ", ")
}

// wish writes entries as the command line does, or counts them where it cannot.
func wish(entries []composa.Entry) string {
	if len(entries) == 0 {
		return "no device"
	}
	if flags := composa.WishFlags(nil, "", entries); flags != "" {
		return flags
	}
	var counts []string
	for _, e := range entries {
		counts = append(counts, fmt.Sprintf("%d %s", e.Count, e.Kind))
	}
	return strings.Join(counts, ", ")
}
