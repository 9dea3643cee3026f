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
	sinceLeft    = "left"
	sinceMoved   = "moved"
)

// since marks in the account of what an operation chose the devices that are not
// as they were chosen any more: in data, and in a line for people.
func (v *view) since(x *api.Explanation, op *composa.Operation) {
	if x == nil {
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
		{sinceLeft, "is not the machine's any more", "are not the machine's any more"},
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
// it is there, and the machine has it.
func (v *view) became(op *composa.Operation, place composa.Place) *api.Since {
	for i := range op.Target.Goals {
		g := &op.Target.Goals[i]
		for _, b := range g.Devices {
			if b.Device.Name != place.Name() || op.Target.Fabric != place.Fabric() {
				continue
			}
			d := v.site.Device(b.Device.ID)
			switch c := v.site.Claim(b.Device.ID); {
			case d == nil:
				return &api.Since{Place: string(place), What: sinceGone}
			case v.site.Machine(g.Machine.ID) != nil && (c == nil || c.Machine != g.Machine.ID && c.Heir != g.Machine.ID):
				return &api.Since{Place: string(place), What: sinceLeft}
			case v.site.HealthOf(d) == composa.HealthMissing:
				return &api.Since{Place: string(place), What: sinceMissing}
			case d.Place() != place:
				return &api.Since{Place: string(place), What: sinceMoved, Now: string(d.Place())}
			}
			return nil
		}
	}
	return nil
}
