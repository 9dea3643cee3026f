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
		t.rememberClaim(*c)
		rows[i] = []any{string(c.ID), string(c.Device), string(c.Machine), string(c.Heir), string(c.Purpose), c.Entry, string(c.Operation), micros(c.TakenAt)}
	}
	err := t.insert("claim", "id, device, machine, heir, purpose, entry, operation, taken_at", "ON CONFLICT DO NOTHING", rows, func(opened, of int64) error {
		if opened < of {
			return t.whyTaken(devices, op.ID)
		}
		return nil
	})
	if err != nil {
		return err
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

// changeClaims writes the new states of open claims, read and written together.
// What a change leaves empty (machine, purpose, entry) stays as it is; an empty
// heir is none. Two changes of one claim follow each other.
func (t *tx) changeClaims(changes []composa.ClaimChange, op composa.OperationID) error {
	if len(changes) == 0 {
		return nil
	}
	open := make(map[composa.ClaimID]composa.Claim, len(changes))
	var ids []composa.ClaimID
	for i := range changes {
		id := changes[i].Claim
		if t.remembers("claim", string(id)) {
			if c, known := t.memory.claims[id]; known {
				open[id] = c
				continue
			}
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for chunk := range slices.Chunk(slices.Compact(ids), maxParameters) {
		which, args := in("id", chunk, nil)
		found, err := t.claims(which+` ORDER BY id`+t.s.engine.hold, args...)
		if err != nil {
			return err
		}
		for _, c := range found {
			open[c.ID] = c
		}
	}
	var rows [][]any
	at := map[composa.ClaimID]int{} // where the row of a claim is
	for _, change := range changes {
		before, known := open[change.Claim]
		if !known || !before.Open() {
			return composa.Errorf(composa.CodeMoved, "cannot change claim %s: it is not open any more", change.Claim)
		}
		c := t.changedClaim(before, change, op)
		if change.Used {
			if err := t.markUsed(&c); err != nil {
				return err
			}
		}
		if c == before {
			continue
		}
		open[c.ID] = c
		t.rememberClaim(c)
		if _, twice := at[c.ID]; !twice {
			at[c.ID] = len(rows)
			rows = append(rows, nil)
		}
		rows[at[c.ID]] = []any{
			string(c.ID), string(c.Machine), string(c.Heir), string(c.Purpose), c.Entry, string(c.Operation), c.Evidence, micros(c.ReleasedAt), micros(c.ClosedAt),
		}
		if err := t.tellClaim(claimEvent(change), &c); err != nil {
			return err
		}
	}
	return t.update("claim", "id, machine, heir, purpose, entry, operation, evidence", "released_at, closed_at", "claim.closed_at IS NULL", rows)
}

// changedClaim is an open claim after a change.
func (t *tx) changedClaim(before composa.Claim, change composa.ClaimChange, op composa.OperationID) composa.Claim {
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
	return c
}

func claimEvent(change composa.ClaimChange) composa.EventType {
	switch {
	case change.Closed:
		return "claim.closed"
	case change.Released:
		return "claim.released"
	}
	return "claim.changed"
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
	project, err := t.projectOf(c.Machine)
	if err != nil {
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
	project, err := t.projectOf(c.Machine)
	if err != nil {
		return err
	}
	return t.tell(composa.Event{Type: typ, Project: project, Subject: string(c.ID), Cause: string(c.Operation)}, c)
}

// projectOf is the project of a machine, which never changes.
func (t *tx) projectOf(id composa.MachineID) (composa.ProjectID, error) {
	if project, known := t.projects[id]; known {
		return project, nil
	}
	var project composa.ProjectID
	if _, err := t.get([]any{&project}, `SELECT project FROM machine WHERE id = $1`, string(id)); err != nil {
		return "", err
	}
	t.knowProject(id, project)
	return project, nil
}

func (t *tx) knowProject(id composa.MachineID, project composa.ProjectID) {
	if t.projects == nil {
		t.projects = map[composa.MachineID]composa.ProjectID{}
	}
	t.projects[id] = project
}
