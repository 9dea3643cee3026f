package liqid

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// enter takes devices out of the system free pool into our group.
func (j *job) enter(ctx context.Context) error {
	todo, _ := j.step.Todo(j.pic)
	for _, d := range todo {
		if at := j.pic.Device(d.Name); at.Spot.Area != composa.AreaFree {
			return faultf(composa.CodeConflict, "%s is in %s and not free", d.Name, at.Spot)
		}
	}
	g, err := j.ourGroup(ctx)
	if err != nil {
		return err
	}
	return j.editPool(ctx, g, http.MethodPost, todo)
}

// leave gives devices of our group back to the system free pool. A group that
// carries our mark a second time is ours too.
func (j *job) leave(ctx context.Context) error {
	_, todo := j.step.Todo(j.pic)
	byGroup := map[int][]composa.DeviceRef{}
	for _, d := range todo {
		at := j.pic.Device(d.Name).Spot
		if at.Area != composa.AreaOurs {
			return faultf(composa.CodeConflict, "%s is still in %s", d.Name, at)
		}
		id := int(parseNumber(at.Group).value)
		byGroup[id] = append(byGroup[id], d)
	}
	for _, id := range slices.Sorted(maps.Keys(byGroup)) {
		if err := j.editPool(ctx, j.look.group(id), http.MethodDelete, byGroup[id]); err != nil {
			return err
		}
	}
	return nil
}

// groupPool names the pool of a group in edit, done and cancel (liqid-api.md
// 1.4). The coordinates are those of a device in 2.x, as the original sends them,
// and the director's own in 3.x (2.3).
type groupPool struct {
	Group       int             `json:"grp_id"`
	Fabric      int             `json:"fabr_id"`
	Coordinates json.RawMessage `json:"coordinates"`
}

// relator is the body of predevice calls: whole records, as they came.
type relator struct {
	Device json.RawMessage `json:"deviceStatus"`
	Group  json.RawMessage `json:"group"`
}

var poolCancel = []string{"pool/cancel"}

// editPool moves devices into (POST) or out of (DELETE) a group's pool, all in
// one session.
func (j *job) editPool(ctx context.Context, g *group, method string, devices []composa.DeviceRef) error {
	first := j.look.device(devices[0].Name)
	before := j.look.members
	moves := queueInto
	if method == http.MethodDelete {
		moves = queueOut
	}
	return j.run(ctx, session{
		open: "pool/edit", commit: "pool/done", cancel: poolCancel,
		body: j.poolOf(g, first), what: "group " + g.name, moves: []aspect{moves},
		queue: func(ctx context.Context) error {
			return j.queue(ctx, method, devices, func(d *device) (string, any) { return "predevice/" + d.class.path, relator{d.raw, g.raw} })
		},
		check: func(ctx context.Context) error {
			return j.unmovedPool(ctx, g, before, moves, devices)
		},
	})
}

func (j *job) poolOf(g *group, near *device) groupPool {
	at := json.RawMessage(`{"rack":0,"shelf":0,"node":1}`)
	if j.know.coordinates != nil {
		at = j.know.coordinates
	} else if near != nil {
		var w struct {
			Location json.RawMessage `json:"location"`
		}
		if json.Unmarshal(near.raw, &w) == nil && len(w.Location) > 0 {
			at = w.Location
		}
	}
	return groupPool{g.id, j.know.fabric, at}
}

// queue asks for one change a device, in the order of the step; of says with
// which path and body.
func (j *job) queue(ctx context.Context, method string, devices []composa.DeviceRef, of func(*device) (path string, body any)) error {
	for _, ref := range devices {
		d := j.look.device(ref.Name)
		if d == nil {
			return faultf(composa.CodeConflict, "%s is not there any more", ref.Name)
		}
		path, body := of(d)
		if err := j.calls.change(ctx, method, path, body); err != nil {
			return err
		}
	}
	return nil
}

// unmovedPool looks, before a pool is committed, whether the group is still the
// same one and holds or awaits nothing that neither was in it nor is of the step. Queued devices of
// the step may show or not (liqid-api.md 2.4).
func (j *job) unmovedPool(ctx context.Context, g *group, before map[string]member, moves aspect, queued []composa.DeviceRef) error {
	var groups []group
	var now map[string]member
	var commands []pending
	err := together(
		func() (err error) { groups, err = j.readGroups(ctx); return err },
		func() (err error) { now, _, err = j.readMembers(ctx, j.know, g, nil, j.look.machines); return err },
		func() (err error) { commands, err = j.pendingAt(ctx, target{group: g.id}); return err })
	if err != nil {
		return err
	}
	if is := findGroup(groups, g.id); is == nil || is.name != g.name {
		return faultf(composa.CodeConflict, "group %s was replaced by another one meanwhile", g.name)
	}
	if len(commands) > 0 {
		return faultf(composa.CodeBusy, "%s is at work on group %s (%s)", j.config.Name, g.name, commands[0].command)
	}
	in := func(m member) bool { return m.group == g.id }
	if err := j.strangers("group "+g.name, before, now, in); err != nil {
		return err
	}
	return j.ourQueue("group "+g.name, moves, queued, now, func(m member) bool { return in(m) == (moves == queueInto) })
}

// ourQueue looks whether what was queued shows; done says so of a member. Where a
// director shows what is moved so and does not now, somebody else opened an edit
// on the same target, and it is his session that would be committed. Where some
// of it shows, somebody moved that himself: it tells nothing of the director.
func (j *job) ourQueue(place string, moves aspect, queued []composa.DeviceRef, now map[string]member, done func(member) bool) error {
	shown := 0
	for _, d := range queued {
		if done(now[d.Name]) { // what is in nothing is no member
			shown++
		}
	}
	switch known := j.observed.of(askQueue, moves); {
	case len(queued) == 0:
	case shown == len(queued):
		j.observed.sawOf(askQueue, moves, seenShown)
	case shown > 0:
		return faultf(composa.CodeBusy, "somebody else moves what was queued for %s", place)
	case known == seenShown:
		j.observed.missed(moves)
		return faultf(composa.CodeBusy, "what was queued for %s is not there any more: somebody else edits it", place)
	case known == "":
		j.observed.sawOf(askQueue, moves, seenHidden)
	}
	return nil
}

// strangers refuses where what is in a place now is not what was in it before,
// the devices of the step aside.
func (j *job) strangers(place string, before, now map[string]member, in func(member) bool) error {
	var came, went []string
	mine := func(name string) bool {
		return slices.ContainsFunc(j.step.Devices(), func(d composa.DeviceRef) bool { return d.Name == name })
	}
	for name, m := range now {
		if b, was := before[name]; in(m) && !(was && in(b)) && !mine(name) {
			came = append(came, name)
		}
	}
	for name, m := range before {
		if n, is := now[name]; in(m) && !(is && in(n)) && !mine(name) {
			went = append(went, name)
		}
	}
	slices.SortFunc(came, composa.NaturalCompare)
	slices.SortFunc(went, composa.NaturalCompare)
	switch {
	case len(came) > 0:
		return faultf(composa.CodeConflict, "somebody else put %s into %s meanwhile", strings.Join(came, ", "), place)
	case len(went) > 0:
		return faultf(composa.CodeConflict, "somebody else took %s out of %s meanwhile", strings.Join(went, ", "), place)
	}
	return nil
}

// newGroup is the record of a group to create (liqid-api.md 3.1).
type newGroup struct {
	Fabric int    `json:"fabr_id"`
	ID     int    `json:"grp_id"`
	Name   string `json:"group_name"`
	Pod    int    `json:"pod_id"`
}

// ourGroup returns this site's group, and creates it where there is none. Group
// numbers are chosen by clients, so another one may be quicker (liqid-api.md
// A6): then the next number is tried.
func (j *job) ourGroup(ctx context.Context) (*group, error) {
	if g := j.look.ours(j.mark); g != nil {
		return g, nil
	}
	var last error
	for range maxRaces {
		id, err := j.nextGroup(ctx)
		if err != nil {
			return nil, err
		}
		last = j.calls.change(ctx, http.MethodPost, "group", newGroup{j.know.fabric, id, j.mark, -1})
		if c := codeOf(last); c == composa.CodeUnreachable || c == composa.CodeUnsupported {
			return nil, last
		}
		groups, err := j.readGroups(ctx)
		if err != nil {
			if last != nil {
				return nil, last
			}
			return nil, as(composa.CodeUnknown, err)
		}
		l := *j.look
		l.groups = groups
		j.look = &l
		if g := j.look.ours(j.mark); g != nil {
			return g, nil
		}
		if codeOf(last) == composa.CodeUnknown {
			return nil, last
		}
	}
	if last == nil {
		return nil, faultf(composa.CodeFailed, "%s says that group %s is created and does not show it", j.config.Name, j.mark)
	}
	return nil, as(composa.CodeBusy, last)
}

func (j *job) nextGroup(ctx context.Context) (int, error) {
	return j.nextID(ctx, "group/nextid")
}

// nextID reads a number that is not in use: machine/nextid answers with text,
// group/nextid with a number (liqid-api.md A1).
func (f *Fabric) nextID(ctx context.Context, path string) (int, error) {
	a, err := f.calls.read(ctx, path)
	if err != nil {
		return 0, err
	}
	if len(a.data) > 0 {
		var n number
		_ = n.UnmarshalJSON(a.data[0]) // it never fails
		if n.ok && n.value > 0 {
			return int(n.value), nil
		}
	}
	return 0, f.calls.unreadable(path, "no number that is not in use")
}
