package store

import (
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

const claimColumns = `id, device, machine, heir, purpose, entry, operation, taken_at, released_at, closed_at, evidence`

func scanClaim(r row) (composa.Claim, error) {
	var c composa.Claim
	err := r.Scan(&c.ID, &c.Device, &c.Machine, &c.Heir, &c.Purpose, &c.Entry, &c.Operation,
		moment{&c.TakenAt}, moment{&c.ReleasedAt}, moment{&c.ClosedAt}, &c.Evidence)
	return c, err
}

func (t *tx) claims(where string, args ...any) ([]composa.Claim, error) {
	var out []composa.Claim
	err := t.each(func(r row) error {
		c, err := scanClaim(r)
		out = append(out, c)
		return err
	}, `SELECT `+claimColumns+` FROM claim WHERE `+where, args...)
	return out, err
}

// openClaims opens claims, all or none: a device that has an open claim answers
// moved. They are opened in order of device, so that two transactions that want
// the same devices wait for each other instead of crossing.
func (t *tx) openClaims(claims []composa.Claim, op *composa.Operation) error {
	if len(claims) == 0 {
		return nil
	}
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b composa.Claim) int { return strings.Compare(string(a.Device), string(b.Device)) })
	rows := make([][]any, len(claims))
	devices := make([]composa.DeviceID, len(claims))
	for i := range claims {
		c := &claims[i]
		c.TakenAt, c.Operation = t.now, op.ID
		devices[i] = c.Device
		rows[i] = []any{string(c.ID), string(c.Device), string(c.Machine), string(c.Heir), string(c.Purpose), c.Entry, string(c.Operation), micros(c.TakenAt)}
	}
	opened, err := t.insert("claim", "id, device, machine, heir, purpose, entry, operation, taken_at", "ON CONFLICT DO NOTHING", rows)
	if err != nil {
		return err
	}
	if int(opened) < len(claims) {
		return t.whyTaken(devices, op.ID)
	}
	for i := range claims {
		if err := t.tellClaim("claim.opened", &claims[i]); err != nil {
			return err
		}
	}
	return nil
}

// whyTaken names the first of the devices that another operation claimed.
func (t *tx) whyTaken(devices []composa.DeviceID, op composa.OperationID) error {
	place := "one of its devices"
	which, args := in("c.device", devices, []any{string(op)})
	_, err := t.get([]any{&place}, `SELECT d.fabric || '/' || d.native FROM claim c JOIN device d ON d.id = c.device
		WHERE c.closed_at IS NULL AND c.operation <> $1 AND `+which+` ORDER BY d.id LIMIT 1`, args...)
	return firstError(err, composa.Errorf(composa.CodeMoved, "cannot claim %s: it was claimed meanwhile", place).WithNext("choose again"))
}

// changeClaim writes the new state of an open claim. What the change leaves
// empty (machine, purpose, entry) stays as it is; an empty heir is none.
func (t *tx) changeClaim(change composa.ClaimChange, op composa.OperationID) error {
	found, err := t.claims(`id = $1`+t.s.engine.hold, string(change.Claim))
	if err != nil {
		return err
	}
	if len(found) == 0 || !found[0].Open() {
		return composa.Errorf(composa.CodeMoved, "cannot change claim %s: it is not open any more", change.Claim)
	}
	before := found[0]
	c := before
	if change.Machine != "" {
		c.Machine = change.Machine
	}
	if change.Purpose != "" {
		c.Purpose = change.Purpose
	}
	if change.Entry != "" {
		c.Entry = change.Entry
	}
	c.Heir = change.Heir
	if op != "" {
		c.Operation = op
	}
	switch {
	case change.Released:
		c.ReleasedAt = t.now
	case c.Purpose == composa.PurposeMachine:
		c.ReleasedAt = before.ClosedAt // zero: the machine holds it (again)
	}
	if change.Closed {
		c.ClosedAt, c.Evidence = t.now, change.Evidence
	}
	if change.Used {
		if err := t.markUsed(&c); err != nil {
			return err
		}
	}
	if c == before {
		return nil
	}
	if _, err := t.execRow(string(c.ID), `UPDATE claim SET machine = $1, heir = $2, purpose = $3, entry = $4, operation = $5, released_at = $6, closed_at = $7, evidence = $8 WHERE id = $9`,
		string(c.Machine), string(c.Heir), string(c.Purpose), c.Entry, string(c.Operation), micros(c.ReleasedAt), micros(c.ClosedAt), c.Evidence, string(c.ID)); err != nil {
		return err
	}
	switch {
	case change.Closed:
		return t.tellClaim("claim.closed", &c)
	case change.Released:
		return t.tellClaim("claim.released", &c)
	}
	return t.tellClaim("claim.changed", &c)
}

// markUsed records that a keeping device may hold data of the project of the
// machine that holds it, also one that is gone: it may come back. A device that
// was used stays kept for who used it.
func (t *tx) markUsed(c *composa.Claim) error {
	found, err := t.devices(`id = $1`+t.s.engine.hold, string(c.Device))
	if err != nil || len(found) == 0 {
		return err
	}
	d := &found[0]
	if !d.Kind.Keeping() || d.Hygiene == composa.HygieneUsed {
		return nil
	}
	var project composa.ProjectID
	if _, err := t.get([]any{&project}, `SELECT project FROM machine WHERE id = $1`, string(c.Machine)); err != nil {
		return err
	}
	d.Hygiene, d.KeptFor = composa.HygieneUsed, project
	if err := t.changeDevice(d); err != nil {
		return err
	}
	if err := t.touchParts(d.Fabric); err != nil {
		return err
	}
	return t.tellDevice("device.used", d, string(c.Operation))
}

func (t *tx) tellClaim(typ composa.EventType, c *composa.Claim) error {
	var project composa.ProjectID
	if _, err := t.get([]any{&project}, `SELECT project FROM machine WHERE id = $1`, string(c.Machine)); err != nil {
		return err
	}
	return t.tell(composa.Event{Type: typ, Project: project, Subject: string(c.ID), Cause: string(c.Operation)}, c)
}
