package placement

import (
	"slices"

	"github.com/composa-dev/composa"
)

// earliest says what must be given back first so that exactly the request fits;
// nil where what is under way gives back too little. When that will be nobody
// knows: how long a host takes to shut down is not ours to say.
func (q *query) earliest() *composa.Earliest {
	freeing := beingFreed(q.site)
	if len(freeing) == 0 || q.over() {
		return nil
	}
	again, err := q.again(q.request)
	if err != nil {
		return nil
	}
	again.freeing = freeing
	best := again.best()
	if best == nil {
		return nil
	}
	out := &composa.Earliest{Fabric: best.fabric.Name}
	var ids []composa.OperationID
	for _, devices := range best.pick.assigned {
		for _, d := range devices {
			if id := freeing[d.ID]; id != "" {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		op := q.site.Operation(id)
		if op == nil {
			continue
		}
		if op.Project != q.request.Project || len(out.Operations) == composa.MaxToldOperations {
			out.Others++
			continue
		}
		out.Operations = append(out.Operations, id)
	}
	return out
}

// beingFreed are the claimed devices that come free without anybody asking: what
// was given up already, and what operations under way give back; with the
// operation, empty where it ended.
func beingFreed(site *composa.Site) map[composa.DeviceID]composa.OperationID {
	leaving := map[composa.MachineID]*composa.Operation{}
	for i := range site.Operations {
		op := &site.Operations[i]
		if op.Phase == composa.PhaseHeld || op.Phase.Ended() || op.Phase == composa.PhaseQueued && op.Verb != composa.VerbFree {
			continue
		}
		for _, id := range op.Machines {
			leaving[id] = op
		}
	}
	out := map[composa.DeviceID]composa.OperationID{}
	for i := range site.Claims {
		c := &site.Claims[i]
		op := leaving[c.Machine]
		switch {
		case c.Heir != "" && c.Heir != c.Machine:
		case c.Purpose == composa.PurposeReleasing:
			out[c.Device] = ""
		case op == nil:
		case op.Phase == composa.PhaseQueued, !slices.ContainsFunc(op.Heading().Goals, func(g composa.Goal) bool { return g.Exists && g.Has(c.Device) }):
			out[c.Device] = op.ID
		}
	}
	return out
}
