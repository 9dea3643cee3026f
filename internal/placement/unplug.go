package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// Unplug chooses the devices that leave a machine: exactly those named, and
// besides them so many of each kind, the highest places first. A keeping device
// that may hold data leaves only by name.
//
// Errors are [*composa.Error] values: invalid for what cannot be meant, not_found
// for a device that is not in the machine, read_only where its fabric is only
// observed, unsupported where it cannot change a machine, and refused, with its
// Refusal set, where fewer can leave than asked.
func Unplug(site *composa.Site, m *composa.Machine, places []composa.Place, counts map[composa.Kind]int) ([]composa.Bound, error) {
	u := &unplugging{site: site, machine: m, begin: fmt.Sprintf("cannot unplug from %q", m.Name)}
	for _, check := range []func() error{u.checkFabric, u.read, func() error { return u.name(places) }, func() error { return u.count(counts) }} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(u.leaving, func(a, b composa.Bound) int { return composa.NaturalCompare(a.Device.Name, b.Device.Name) })
	return u.leaving, nil
}

type unplugging struct {
	site    *composa.Site
	machine *composa.Machine
	begin   string
	hosted  bool
	binding []composa.Bound
	units   map[composa.DeviceID]string // of the binding; no entry: alone
	holding map[composa.DeviceID]bool   // those that may hold data
	leaving []composa.Bound
}

func (u *unplugging) checkFabric() error {
	f := u.site.Fabric(u.machine.Fabric)
	switch {
	case f == nil:
		return composa.Errorf(composa.CodeNotFound, "%s: there is no fabric %q", u.begin, u.machine.Fabric)
	case f.ReadOnly() != nil:
		return composa.Errorf(composa.CodeReadOnly, "%s: %s", u.begin, f.ReadOnly().Of(f.Name)).WithNext("%s", f.ReadOnly().Next)
	}
	able := f.Abilities
	if p := u.site.Pictures[f.Name]; able == nil && p != nil {
		able = p.Abilities
	}
	if able != nil && able.Reshape == composa.ReshapeNever {
		return composa.Errorf(composa.CodeUnsupported, "%s: %s cannot change the devices of a machine", u.begin, f.Name)
	}
	u.hosted = able != nil && able.Make == composa.MakeHosted
	return nil
}

func (u *unplugging) read() error {
	u.binding = u.site.Binding(u.machine.ID)
	u.units, u.holding = map[composa.DeviceID]string{}, map[composa.DeviceID]bool{}
	for _, b := range u.binding {
		d := u.site.Device(b.Device.ID)
		if d.Unit != "" {
			u.units[d.ID] = d.Unit
		}
		u.holding[d.ID] = d.Kind.Keeping() && d.Hygiene == composa.HygieneUsed
	}
	return nil
}

// name takes the devices that were named.
func (u *unplugging) name(places []composa.Place) error {
	for i, p := range places {
		at := slices.IndexFunc(u.binding, func(b composa.Bound) bool { return composa.PlaceOf(u.machine.Fabric, b.Device.Name) == p })
		switch {
		case slices.Contains(places[:i], p):
			return composa.Errorf(composa.CodeInvalid, "%s: %s is named twice", u.begin, composa.Abridge(string(p), 80))
		case at < 0:
			return u.notIn(p)
		case u.isHost(u.binding[at]):
			return composa.Errorf(composa.CodeUnsupported, "%s: %s is the host that the machine is", u.begin, p).
				WithNext("to give it back: composa free %s", u.machine.Name)
		}
		u.leaving = append(u.leaving, u.binding[at])
	}
	for _, b := range u.leaving {
		for _, mate := range u.binding {
			if unit := u.units[b.Device.ID]; unit != "" && u.units[mate.Device.ID] == unit && !u.leaves(mate) {
				return composa.Errorf(composa.CodeInvalid, "%s: %s moves together with %s", u.begin, u.place(b), u.place(mate)).WithNext("name both")
			}
		}
	}
	return nil
}

// notIn guesses at no other device: what is taken away must be meant. What the
// fabric shows in the machine without being of it is nobody's to take.
func (u *unplugging) notIn(p composa.Place) error {
	if d := u.site.At(p); d != nil {
		switch m, lacks := u.site.Extra(d); {
		case m == nil || m.ID != u.machine.ID:
		case lacks:
			return composa.Errorf(composa.CodeConflict, "%s: %s is another part now than the one that was put there", u.begin, p).
				WithNext("somebody exchanged it: take it out of the machine with the director's own tool, or put the former part back, then try again")
		default:
			return composa.Errorf(composa.CodeConflict, "%s: %s is in it, and nobody here put it there", u.begin, p).
				WithNext("take it out with the tool that put it in")
		}
	}
	return composa.Errorf(composa.CodeNotFound, "%s: %s is not in it", u.begin, composa.Abridge(string(p), 80)).
		WithNext("composa machine show %s lists its devices", u.machine.Name)
}

// count takes so many of each kind, beside those that were named.
func (u *unplugging) count(counts map[composa.Kind]int) error {
	var kinds []composa.Kind
	f := &fit{budget: newBudget(MaxConditionCost, MaxSteps)}
	for _, k := range composa.Kinds() {
		if counts[k] < 0 {
			return composa.Errorf(composa.CodeInvalid, "%s: %d is not a count of %s devices", u.begin, counts[k], k)
		}
		if counts[k] > 0 {
			kinds, f.want = append(kinds, k), append(f.want, counts[k])
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	items := u.items(kinds)
	chosen := f.first(items)
	switch {
	case f.budget.over():
		return f.budget.refused(u.begin, ", or name the devices")
	case chosen == nil:
		return u.refuse(kinds, counts, items)
	}
	for _, i := range chosen {
		for _, c := range items[i].devices {
			at := slices.IndexFunc(u.binding, func(b composa.Bound) bool { return b.Device.ID == c.device.ID })
			u.leaving = append(u.leaving, u.binding[at])
		}
	}
	return nil
}

// items are what may leave without being named, the highest places first.
func (u *unplugging) items(kinds []composa.Kind) []item {
	var out []item
	byUnit := map[string]int{}
	stays := map[string]bool{} // units of which something may not leave
	for _, b := range u.binding {
		if u.leaves(b) {
			continue
		}
		k := slices.Index(kinds, b.Device.Kind)
		unit := u.units[b.Device.ID]
		if k < 0 || u.holding[b.Device.ID] || u.isHost(b) {
			stays[unit] = true
			continue
		}
		c := candidate{device: u.site.Device(b.Device.ID), serves: 1 << k}
		if i, ok := byUnit[unit]; ok && unit != "" {
			out[i].devices = append(out[i].devices, c)
			continue
		}
		byUnit[unit] = len(out)
		out = append(out, item{devices: []candidate{c}})
	}
	out = slices.DeleteFunc(out, func(it item) bool {
		unit := it.devices[0].device.Unit
		return unit != "" && stays[unit]
	})
	slices.SortStableFunc(out, func(a, b item) int {
		da, db := a.devices[0].device, b.devices[0].device
		return cmp.Or(
			cmp.Compare(slices.Index(kinds, da.Kind), slices.Index(kinds, db.Kind)),
			composa.NaturalCompare(db.Name, da.Name),
		)
	})
	return out
}

// refuse says why not so many can leave.
func (u *unplugging) refuse(kinds []composa.Kind, counts map[composa.Kind]int, items []item) error {
	r := &composa.Explanation{Fabrics: []composa.FabricAccount{{Fabric: u.machine.Fabric}}}
	next := ""
	for _, k := range kinds {
		er := composa.EntryAccount{Entry: string(k), Kind: k, Wanted: counts[k]}
		holding := 0
		for _, b := range u.binding {
			if b.Device.Kind != k || u.leaves(b) {
				continue
			}
			er.Had++
			if u.holding[b.Device.ID] {
				holding++
			}
		}
		for _, it := range items {
			for _, c := range it.devices {
				if c.device.Kind == k {
					er.Left++
				}
			}
		}
		if holding > 0 {
			er.Lost = append(er.Lost, composa.Removed{Condition: "may hold data and are not named", Count: holding})
		}
		if n := er.Had - er.Left - holding; n > 0 {
			er.Lost = append(er.Lost, composa.Removed{Condition: "move together with what stays", Count: n})
		}
		if r.Text == "" && er.Left < er.Wanted {
			r.Text = fmt.Sprintf("%d %s are to leave and it has %d", er.Wanted, k, er.Had)
			if er.Had >= er.Wanted {
				r.Text = fmt.Sprintf("%d %s are to leave and %d of its %d can", er.Wanted, k, er.Left, er.Had)
			}
			if holding > 0 && er.Had >= er.Wanted {
				r.Text += ": what may hold data leaves only by name"
				// Not the places themselves: whoever typed them all would give up all data.
				next = fmt.Sprintf("name the ones that may go: composa unplug %s FABRIC/%s; composa machine show %[1]s lists them",
					u.machine.Name, strings.ToUpper(string(k)))
			}
		}
		r.Fabrics[0].Entries = append(r.Fabrics[0].Entries, er)
	}
	if r.Text == "" {
		r.Text = "its devices move in units that do not add up to what is asked for"
	}
	e := composa.Errorf(composa.CodeRefused, "%s: %s", u.begin, r.Text)
	e.Refusal = r
	if next != "" {
		e = e.WithNext("%s", next)
	}
	return e
}

func (u *unplugging) isHost(b composa.Bound) bool {
	return u.hosted && b.Device.Kind == composa.KindCPU
}

func (u *unplugging) leaves(b composa.Bound) bool {
	return slices.ContainsFunc(u.leaving, func(l composa.Bound) bool { return l.Device.ID == b.Device.ID })
}

func (u *unplugging) place(b composa.Bound) composa.Place {
	return composa.PlaceOf(u.machine.Fabric, b.Device.Name)
}
