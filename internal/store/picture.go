package store

import (
	"slices"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// observed is a fabric's picture as its row holds it. The body is written only
// when what it shows changed, so its times can be older than those of the row.
type observed struct {
	picture  *composa.Picture // never changed once it is here
	revision int64
}

// decoded keeps the pictures and the operations that were read or written last,
// each of one revision.
type decoded struct {
	guard      sync.Mutex
	pictures   map[composa.FabricName]*observed
	operations map[composa.OperationID]*keptOperation
}

func (k *decoded) keptPicture(fabric composa.FabricName, revision int64) *observed {
	k.guard.Lock()
	defer k.guard.Unlock()
	if o := k.pictures[fabric]; o != nil && o.revision == revision {
		return o
	}
	return nil
}

func (k *decoded) keepPicture(fabric composa.FabricName, o *observed) {
	k.guard.Lock()
	defer k.guard.Unlock()
	if have := k.pictures[fabric]; have == nil || have.revision < o.revision {
		k.pictures[fabric] = o
	}
}

// keepPicture keeps a picture once the transaction ended well: until then it may
// be one that is never committed.
func (t *tx) keepPicture(fabric composa.FabricName, o *observed) {
	t.after = append(t.after, func() { t.s.decoded.keepPicture(fabric, o) })
}

// picture returns the stored picture of a fabric, nil where there is none. What
// was decoded before is not decoded again.
func (t *tx) picture(fabric composa.FabricName) (*observed, error) {
	var o observed
	found, err := t.get([]any{&o.revision}, `SELECT revision FROM observed WHERE fabric = $1`, string(fabric))
	if err != nil || !found {
		return nil, err
	}
	if kept := t.s.decoded.keptPicture(fabric, o.revision); kept != nil {
		return kept, nil
	}
	var began, ended time.Time
	var complete int64
	p := new(composa.Picture)
	if _, err := t.get([]any{moment{&began}, moment{&ended}, &complete, jsonText{p}},
		`SELECT began, ended, complete, body FROM observed WHERE fabric = $1`, string(fabric)); err != nil {
		return nil, err
	}
	p.Complete = complete != 0
	if !p.Began.Equal(began) {
		p = seenAgain(p, began, ended)
	}
	o.picture = p
	t.keepPicture(fabric, &o)
	return &o, nil
}

// pictures returns the stored pictures of all fabrics.
func (t *tx) pictures() (map[composa.FabricName]*observed, error) {
	out := map[composa.FabricName]*observed{}
	err := t.each(func(r row) error {
		var name composa.FabricName
		var revision int64
		err := r.Scan(&name, &revision)
		out[name] = t.s.decoded.keptPicture(name, revision)
		return err
	}, `SELECT fabric, revision FROM observed`)
	if err != nil {
		return nil, err
	}
	for name, o := range out {
		if o == nil {
			if out[name], err = t.picture(name); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// seenAgain is p after a whole and complete look, begun at began, that showed
// the same. Narrow looks before it say nothing any more.
func seenAgain(p *composa.Picture, began, ended time.Time) *composa.Picture {
	out := *p
	out.Began, out.Ended = began, ended
	out.Looks = nil
	for _, l := range p.Looks {
		if l.Began.After(began) {
			out.Looks = append(out.Looks, l)
		}
	}
	out.Devices, out.Machines = slices.Clone(p.Devices), slices.Clone(p.Machines)
	for i := range out.Devices {
		out.Devices[i].Seen = later(out.Devices[i].Seen, began)
	}
	for i := range out.Machines {
		out.Machines[i].Seen = later(out.Machines[i].Seen, began)
	}
	return &out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// overlay lays a look over the stored picture of its fabric. A look at a part
// of a fabric of which nothing is stored yet is left out: a picture begins with
// a look at everything.
func (t *tx) overlay(newer *composa.Picture) (laid, error) {
	newer = tidy(newer)
	was, err := t.picture(newer.Fabric)
	if err != nil || (was == nil && !newer.Scope.Everything()) {
		return laid{}, err
	}
	o := observed{picture: newer, revision: 1}
	l := laid{}
	if was != nil {
		o.picture, o.revision = was.picture.Overlay(newer), was.revision+1
		l.was = was.picture
	}
	l.is = o.picture
	l.changed = was == nil || !composa.SameShown(was.picture, o.picture)
	whole := newer.Scope.Everything() && newer.Complete
	if whole && !l.changed {
		err = t.writeTimes(&o)
	} else {
		err = t.writePicture(was, &o)
	}
	if err == nil {
		t.keepPicture(newer.Fabric, &o)
	}
	return l, err
}

// tidy is a look with its entries in natural order, times in the store's
// precision, and each entry dated.
func tidy(p *composa.Picture) *composa.Picture {
	out := *p
	out.Began, out.Ended = stored(p.Began), stored(p.Ended)
	dated := func(at time.Time) time.Time {
		if at.IsZero() {
			return out.Began
		}
		return stored(at)
	}
	out.Devices, out.Machines = slices.Clone(p.Devices), slices.Clone(p.Machines)
	for i := range out.Devices {
		out.Devices[i].Seen = dated(out.Devices[i].Seen)
	}
	for i := range out.Machines {
		out.Machines[i].Seen = dated(out.Machines[i].Seen)
	}
	slices.SortStableFunc(out.Devices, func(a, b composa.SeenDevice) int { return composa.NaturalCompare(a.Name, b.Name) })
	slices.SortStableFunc(out.Machines, func(a, b composa.SeenMachine) int { return composa.NaturalCompare(a.Native, b.Native) })
	return &out
}

func (t *tx) writeTimes(o *observed) error {
	p := o.picture
	_, err := t.exec(`UPDATE observed SET began = $1, ended = $2, revision = $3 WHERE fabric = $4`,
		p.Began.UnixMicro(), p.Ended.UnixMicro(), o.revision, string(p.Fabric))
	return err
}

func (t *tx) writePicture(was, o *observed) error {
	p := o.picture
	text, err := body(p)
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO observed (fabric, began, ended, complete, body, revision) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (fabric) DO UPDATE SET began = excluded.began, ended = excluded.ended, complete = excluded.complete,
			body = excluded.body, revision = excluded.revision`,
		string(p.Fabric), p.Began.UnixMicro(), p.Ended.UnixMicro(), bit(p.Complete), text, o.revision); err != nil {
		return err
	}
	var before []composa.SeenMachine
	if was != nil {
		before = was.picture.Machines
	}
	return t.writeSeenMachines(p, before)
}

// writeSeenMachines brings the rows of the machines on a fabric from what was
// seen before to what p shows.
func (t *tx) writeSeenMachines(p *composa.Picture, before []composa.SeenMachine) error {
	ours, err := t.machines(`fabric = $1 AND native <> '' AND deleted_at IS NULL`, string(p.Fabric))
	if err != nil {
		return err
	}
	shown := map[string]bool{}
	var rows [][]any
	for i := range p.Machines {
		m := &p.Machines[i]
		shown[m.Native] = true
		origin := "foreign"
		if slices.ContainsFunc(ours, func(o composa.Machine) bool { return o.Ref().Means(m) }) {
			origin = "ours"
		}
		text, err := body(m)
		if err != nil {
			return err
		}
		rows = append(rows, []any{string(p.Fabric), m.Native, m.Label, origin, text})
	}
	if err := t.insert("observed_machine", "fabric, native, label, origin, body",
		"ON CONFLICT (fabric, native) DO UPDATE SET label = excluded.label, origin = excluded.origin, body = excluded.body", rows, nil); err != nil {
		return err
	}
	for _, m := range before {
		if shown[m.Native] {
			continue
		}
		if _, err := t.exec(`DELETE FROM observed_machine WHERE fabric = $1 AND native = $2`, string(p.Fabric), m.Native); err != nil {
			return err
		}
	}
	return nil
}
