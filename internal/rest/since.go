package rest

import (
	"fmt"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// What became of a device that was chosen.
const (
	sinceGone    = "gone"
	sinceMissing = "missing"
	sinceOther   = "exchanged"
	sinceLeft    = "left"
	sinceUnused  = "unused"
	sinceMoved   = "moved"
)

// since marks in the account of what an operation chose the devices that are not
// as they were chosen any more: in data, and in a line for people. What ended
// otherwise than done gave nothing; a line says so.
func (v *view) since(x *api.Explanation, op *composa.Operation) {
	if x == nil {
		return
	}
	if op.Phase.Ended() && op.Phase != composa.PhaseDone {
		x.Lines = append(x.Lines, fmt.Sprintf("the operation is %s: everything is as it was before", op.Phase))
		return
	}
	told := map[string][]string{}
	for _, c := range x.Chosen {
		for _, place := range c.Places {
			mark := v.became(op, composa.Place(place))
			if mark == nil {
				continue
			}
			x.Since = append(x.Since, *mark)
			text := place
			if mark.What == sinceMoved {
				text += " to " + mark.Now
			}
			told[mark.What] = append(told[mark.What], text)
		}
	}
	for _, kind := range []struct{ what, one, many string }{
		{sinceGone, "was taken out of " + x.Fabric, "were taken out of " + x.Fabric},
		{sinceMissing, "is missing: " + x.Fabric + " does not show it", "are missing: " + x.Fabric + " does not show them"},
		{sinceOther, "is another part now: the one that was chosen is not in " + x.Fabric, "are other parts now: those that were chosen are not in " + x.Fabric},
		{sinceLeft, "is not the machine's any more", "are not the machine's any more"},
		{sinceUnused, "was not used: the operation went on without it", "were not used: the operation went on without them"},
		{sinceMoved, "", ""},
	} {
		places := told[kind.what]
		switch {
		case len(places) == 0:
		case kind.what == sinceMoved:
			x.Lines = append(x.Lines, "since then moved: "+strings.Join(places, ", "))
		default:
			x.Lines = append(x.Lines, fmt.Sprintf("since then %s %s", some(places), oneOr(places, kind.one, kind.many)))
		}
	}
}

// became says what became of the device that an operation chose at a place; nil:
// it is there, and the machine has it, or may get it yet.
func (v *view) became(op *composa.Operation, place composa.Place) *api.Since {
	g, chosen := aimed(&op.Target, place)
	done := op.Phase == composa.PhaseDone
	switch {
	case g == nil && done:
		return &api.Since{Place: string(place), What: sinceUnused}
	case g == nil: // it may be chosen anew when the operation's turn comes
		return nil
	}
	d, now := v.site.Device(chosen), v.site.At(place)
	other := now != nil && now.ID != chosen && v.site.Seen(now) != nil
	switch {
	case d == nil && other:
		return &api.Since{Place: string(place), What: sinceOther}
	case d == nil:
		return &api.Since{Place: string(place), What: sinceGone}
	case done && v.site.Machine(g.Machine.ID) != nil && !v.has(g.Machine.ID, chosen):
		return &api.Since{Place: string(place), What: sinceLeft}
	case v.site.HealthOf(d) == composa.HealthMissing && other:
		return &api.Since{Place: string(place), What: sinceOther}
	case v.site.HealthOf(d) == composa.HealthMissing:
		return &api.Since{Place: string(place), What: sinceMissing}
	case d.Place() != place:
		return &api.Since{Place: string(place), What: sinceMoved, Now: string(d.Place())}
	}
	return nil
}

// aimed is the goal to which a target gives the device at a place, and that
// device; nil where it gives it to none.
func aimed(t *composa.Target, place composa.Place) (*composa.Goal, composa.DeviceID) {
	if t.Fabric != place.Fabric() {
		return nil, ""
	}
	for i := range t.Goals {
		for _, b := range t.Goals[i].Devices {
			if b.Device.Name == place.Name() {
				return &t.Goals[i], b.Device.ID
			}
		}
	}
	return nil, ""
}

// has says whether a machine has a device, or takes it over.
func (v *view) has(m composa.MachineID, d composa.DeviceID) bool {
	c := v.site.Claim(d)
	return c != nil && (c.Machine == m || c.Heir == m)
}
