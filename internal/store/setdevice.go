package store

import (
	"context"

	"github.com/composa-dev/composa"
)

// SetDevice changes what people own of a device. revision is the one that was
// looked at (0: any); another one is answered with revision_differs.
func (s *Store) SetDevice(ctx context.Context, who composa.Who, id composa.DeviceID, revision int64, u composa.DeviceUpdate) (*composa.Device, error) {
	var out *composa.Device
	err := s.write(ctx, who, "set device "+string(id), func(t *tx) error {
		d, err := t.lockDevice(id)
		if err != nil {
			return err
		}
		if revision != 0 && revision != d.Revision {
			return composa.Errorf(composa.CodeMismatch, "cannot set %s: it has revision %d, not %d", d.Place(), d.Revision, revision).
				WithNext("look at it again")
		}
		out = d
		typ, err := update(&u, d, t)
		if err != nil {
			return err
		}
		if err := t.changeDevice(d); err != nil {
			return err
		}
		if err := t.touchParts(d.Fabric); err != nil {
			return err
		}
		if err := t.keepResult(string(d.ID), false); err != nil {
			return err
		}
		return t.tellDevice(typ, d, "")
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// update changes a device as a person asked, and says which event tells of it.
func update(u *composa.DeviceUpdate, d *composa.Device, t *tx) (composa.EventType, error) {
	typ := composa.EventType("device.changed")
	if u.Cordon != nil && u.Uncordon {
		return "", composa.Errorf(composa.CodeInvalid, "cannot set %s: it is to be cordoned and not cordoned", d.Place())
	}
	if (u.Address != nil || u.Login != nil) && d.Kind != composa.KindCPU {
		return "", composa.Errorf(composa.CodeInvalid, "cannot set %s: a %s has no host", d.Place(), d.Kind).
			WithNext("give the address to the cpu device of the machine")
	}
	if u.Address != nil || u.Login != nil {
		hosts, err := t.hosts()
		if err != nil {
			return "", err
		}
		d.Host = updateHost(u, d.Host, t)
		applyHosts(d, hosts, t.now)
	}
	switch {
	case u.Cordon != nil:
		d.Cordon, typ = &composa.Cordon{Reason: *u.Cordon, By: t.who.Principal.ID, At: t.now}, "device.cordoned"
	case u.Uncordon:
		d.Cordon, typ = nil, "device.uncordoned"
	}
	if len(u.Labels) > 0 {
		labels := relabelled(d.Labels, u.Labels)
		if err := composa.CheckLabels(labels); err != nil {
			return "", err
		}
		d.Labels = labels
	}
	return typ, nil
}

// updateHost is a host with what a person says of it. Who forgets address and
// login leaves them to the configuration again.
func updateHost(u *composa.DeviceUpdate, was *composa.Host, t *tx) *composa.Host {
	var h composa.Host
	if was != nil {
		h = *was
	}
	if u.Address != nil {
		h.Address = *u.Address
	}
	if u.Login != nil {
		h.Login = *u.Login
	}
	h.Source, h.At = string(t.who.Principal.ID), t.now
	if h.Address == "" && h.Login == "" {
		h.Source = hostFromFabric
	}
	return &h
}
