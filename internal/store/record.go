package store

import (
	"context"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

// Record writes an observation in one transaction. It answers moved, with
// nothing written, when the fabric is in another tenure, or a claim that is to
// change is not open any more. Observation can say that a part became used,
// never that it is clean again.
func (s *Store) Record(ctx context.Context, who composa.Who, o composa.Observation) error {
	return s.write(ctx, who, "record what "+string(o.Fabric)+" shows", func(t *tx) error {
		if o.Picture != nil && o.Picture.Fabric != o.Fabric {
			return composa.Errorf(composa.CodeInvalid, "cannot record what %s shows: the picture is of %s", o.Fabric, o.Picture.Fabric)
		}
		if err := t.tenure(o.Fabric, o.Epoch); err != nil {
			return err
		}
		switch {
		case o.Silent != "":
			if err := t.silent(o.Fabric, o.Silent); err != nil {
				return err
			}
		case o.Picture != nil:
			if err := t.answers(o.Fabric, o.Picture.Abilities); err != nil {
				return err
			}
		}
		if err := t.see(&o); err != nil {
			return err
		}
		return t.changeClaims(o.Claims, "")
	})
}

// see writes what an observation shows of a fabric and found out about its
// parts, and tells which machines are in another state for it.
func (t *tx) see(o *composa.Observation) error {
	var l laid
	if o.Picture != nil {
		var err error
		if l, err = t.overlay(o.Picture); err != nil {
			return err
		}
	} else {
		shown, err := t.picture(o.Fabric)
		if err != nil {
			return err
		}
		if shown != nil {
			l.was, l.is = shown.picture, shown.picture
		}
	}
	if !l.changed && len(o.Parts) == 0 {
		return nil
	}
	machines, err := t.idle(o.Fabric)
	if err != nil {
		return err
	}
	before := machines.states(l.was)
	if len(o.Parts) > 0 {
		if err := t.changeParts(o.Fabric, o.Parts); err != nil {
			return err
		}
		if machines, err = t.idle(o.Fabric); err != nil {
			return err
		}
	}
	return t.tellDrift(machines, before, l.is)
}

// changeParts writes what observation found out about parts.
func (t *tx) changeParts(fabric composa.FabricName, parts []composa.PartChange) error {
	if len(parts) == 0 {
		return nil
	}
	recorded, err := t.recorded(parts)
	if err != nil {
		return err
	}
	// Parts can swap places: all leave theirs before any takes another.
	for _, p := range parts {
		if was, ok := recorded[p.Device.ID]; ok && (p.Gone || was.Name != p.Device.Name) {
			if err := t.execRow(string(was.ID), `UPDATE device SET native = '' WHERE id = $1`, string(was.ID)); err != nil {
				return err
			}
		}
	}
	hosts, err := t.hosts()
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.Device.Fabric != fabric {
			return composa.Errorf(composa.CodeInvalid, "cannot record what %s shows: device %s is of %s", fabric, p.Device.ID, p.Device.Fabric)
		}
		if p.New {
			err = t.addPart(p.Device, hosts)
		} else {
			err = t.changePart(p, recorded, hosts)
		}
		if err != nil {
			return err
		}
	}
	return t.touchParts(fabric)
}

// recorded are the parts as they are recorded, also gone ones, their rows held
// for the rest of the transaction.
func (t *tx) recorded(parts []composa.PartChange) (map[composa.DeviceID]composa.Device, error) {
	var ids []composa.DeviceID
	for _, p := range parts {
		if !p.New {
			ids = append(ids, p.Device.ID)
		}
	}
	slices.Sort(ids)
	out := make(map[composa.DeviceID]composa.Device, len(ids))
	for chunk := range slices.Chunk(ids, 500) {
		which, args := in("id", chunk, nil)
		found, err := t.devices(which+` ORDER BY id`+t.s.engine.hold, args...)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			out[d.ID] = d
		}
	}
	return out, nil
}

func (t *tx) addPart(d composa.Device, hosts []composa.HostEntry) error {
	if d.FirstSeen.IsZero() {
		d.FirstSeen = t.now
	}
	if d.Hygiene == "" {
		d.Hygiene = composa.HygieneClean
	}
	d.Cordon, d.Pool, d.Labels = nil, "", nil
	applyHosts(&d, hosts, t.now)
	if err := t.addDevice(&d); err != nil {
		return err
	}
	return t.tellDevice("device.added", &d, "")
}

func (t *tx) changePart(p composa.PartChange, recorded map[composa.DeviceID]composa.Device, hosts []composa.HostEntry) error {
	was, ok := recorded[p.Device.ID]
	if !ok {
		return composa.Errorf(composa.CodeNotFound, "cannot record device %s: the site does not know it", p.Device.ID)
	}
	is := seen(was, p.Device)
	switch {
	case p.Gone:
		is.GoneAt = t.now
	case p.Back:
		is.GoneAt = time.Time{}
	}
	applyHosts(&is, hosts, t.now)
	if err := t.changeDevice(&is); err != nil {
		return err
	}
	return t.tellDevice(partEvent(p, &was, &is), &is, "")
}

// seen is a recorded part with what observation now says of it.
func seen(recorded, shown composa.Device) composa.Device {
	is := recorded
	is.Name, is.Kind, is.Fingerprint, is.Unit = shown.Name, shown.Kind, shown.Fingerprint, shown.Unit
	is.Domains, is.Facts, is.Health = shown.Domains, shown.Facts, shown.Health
	if recorded.Hygiene != composa.HygieneUsed && shown.Hygiene == composa.HygieneUsed {
		is.Hygiene, is.KeptFor = shown.Hygiene, shown.KeptFor
	}
	is.Host = seenHost(recorded.Host, shown.Host)
	return is
}

func partEvent(p composa.PartChange, was, is *composa.Device) composa.EventType {
	switch {
	case p.Gone:
		return "device.gone"
	case p.Back:
		return "device.returned"
	case was.Name != is.Name && is.Name == "":
		return "device.replaced"
	case was.Name != is.Name:
		return "device.moved"
	case was.Health != is.Health:
		return composa.EventType("device." + string(is.Health))
	}
	return "device.changed"
}
