package rest

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// eventID is what resumes after an event: the incarnation of the site and the
// number. Clients keep it and look at nothing in it.
func eventID(incarnation string, seq int64) string {
	return incarnation + "-" + strconv.FormatInt(seq, 10)
}

// seqOf reads an event id. ok is false for what was never one; same says
// whether it is of this incarnation.
func seqOf(incarnation, id string) (seq int64, same, ok bool) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return 0, false, false
	}
	seq, err := strconv.ParseInt(id[i+1:], 10, 64)
	if err != nil || seq < 0 || i == 0 {
		return 0, false, false
	}
	return seq, id[:i] == incarnation, true
}

func (n names) event(incarnation string, e *composa.Event) api.Event {
	out := api.Event{
		ID: eventID(incarnation, e.Seq), At: e.At.UTC(), Type: string(e.Type), Project: n.project(e.Project), Subject: e.Subject,
		Revision: e.Revision, Principal: n.principal(e.Principal), Cause: e.Cause,
	}
	if body := n.eventBody(e); body != nil {
		if text, err := json.Marshal(body); err == nil {
			out.Body = text
		}
	}
	return out
}

// eventBody turns the recorded state of an event's subject into a shape of
// package api; nil where it has none. What is recorded is the vocabulary's own
// shape, which may change and may say more than the caller should see.
func (n names) eventBody(e *composa.Event) any {
	family, _, _ := strings.Cut(string(e.Type), ".")
	switch family {
	case "operation":
		if op, ok := decode[composa.Operation](e.Body); ok {
			return n.operation(op)
		}
	case "step":
		if s, ok := decode[composa.StepRecord](e.Body); ok {
			return stepToAPI(s)
		}
	case "machine":
		if m, ok := decode[composa.Machine](e.Body); ok {
			return n.eventMachine(m)
		}
	case "device":
		if d, ok := decode[composa.Device](e.Body); ok {
			return n.eventDevice(d)
		}
	case "claim":
		if c, ok := decode[composa.Claim](e.Body); ok {
			return api.EventClaim{
				ID: string(c.ID), Device: string(c.Device), Machine: string(c.Machine), Heir: string(c.Heir),
				Entry: c.Entry, Purpose: string(c.Purpose), Evidence: c.Evidence,
			}
		}
	case "fabric":
		if f, ok := decode[composa.Fabric](e.Body); ok {
			return api.EventFabric{
				Name: string(f.Name), Driver: f.Driver, Access: string(f.Access),
				SilentSince: moment(f.Reach.SilentSince), Reason: f.Reach.Reason, Revision: f.Revision,
			}
		}
	case "pool":
		if p, ok := decode[composa.Pool](e.Body); ok {
			return api.EventPool{ID: string(p.ID), Project: n.project(p.Project), Name: p.Name, Most: p.Most, Labels: p.Labels, Revision: p.Revision}
		}
	case "user": // of a token nothing is told: its note is its owner's affair
		if u, ok := decode[composa.Principal](e.Body); ok && e.Project != "" {
			return api.EventUser{ID: string(u.ID), Name: u.Name}
		}
	}
	return nil
}

func decode[T any](body json.RawMessage) (*T, bool) {
	var v T
	if len(body) == 0 || json.Unmarshal(body, &v) != nil {
		return nil, false
	}
	return &v, true
}

func (n names) eventMachine(m *composa.Machine) api.EventMachine {
	return api.EventMachine{
		ID: string(m.ID), Project: n.project(m.Project), Name: m.Name, Owner: n.principal(m.Owner), Fabric: string(m.Fabric),
		Label: m.Label, Native: m.Native, Wish: wishToAPI(m.Spec), Operation: string(m.Operation), FreedAt: moment(m.FreedAt), Revision: m.Revision,
	}
}

func (n names) eventDevice(d *composa.Device) api.EventDevice {
	return api.EventDevice{
		ID: string(d.ID), Place: string(d.Place()), Fabric: string(d.Fabric), Kind: string(d.Kind), Vendor: d.Facts.Vendor, Model: d.Facts.Model,
		Serial: d.Fingerprint.Serial, Health: string(d.Health), Hygiene: string(d.Hygiene), Cordon: n.cordon(d.Cordon), Labels: d.Labels,
		GoneAt: moment(d.GoneAt), Revision: d.Revision,
	}
}
