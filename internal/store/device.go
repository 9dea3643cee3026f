package store

import (
	"fmt"
	"strings"

	"github.com/composa-dev/composa"
)

const deviceColumns = `id, fabric, native, kind, unit, domains, fingerprint, facts, health, hygiene, kept_for, cordon, host, pool, labels,
	first_seen, gone_at, revision`

func scanDevice(r row) (composa.Device, error) {
	var d composa.Device
	err := r.Scan(&d.ID, &d.Fabric, &d.Name, &d.Kind, &d.Unit, jsonText{&d.Domains}, jsonText{&d.Fingerprint}, jsonText{&d.Facts},
		&d.Health, &d.Hygiene, &d.KeptFor, jsonText{&d.Cordon}, jsonText{&d.Host}, &d.Pool, jsonText{&d.Labels},
		moment{&d.FirstSeen}, moment{&d.GoneAt}, &d.Revision)
	if len(d.Labels) == 0 {
		d.Labels = nil
	}
	return d, err
}

func (t *tx) devices(where string, args ...any) ([]composa.Device, error) {
	var out []composa.Device
	err := t.each(func(r row) error {
		d, err := scanDevice(r)
		out = append(out, d)
		return err
	}, `SELECT `+deviceColumns+` FROM device WHERE `+where, args...)
	return out, err
}

// lockDevice holds the row of a part that is there for the rest of the
// transaction and reads it; not_found when it is gone or never was.
func (t *tx) lockDevice(id composa.DeviceID) (*composa.Device, error) {
	found, err := t.devices(`id = $1 AND gone_at IS NULL`+t.s.engine.hold, string(id))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, composa.Errorf(composa.CodeNotFound, "cannot find device %q: the site has none of that id", composa.Abridge(string(id), 40))
	}
	return &found[0], nil
}

// deviceValues are the values of what can change of a part, in the order of
// deviceChange.
func deviceValues(d *composa.Device) ([]any, error) {
	texts, err := bodies(d.Domains, d.Fingerprint, d.Facts, d.Cordon, d.Host, d.Labels)
	if err != nil {
		return nil, err
	}
	for i := range texts {
		if texts[i] == "null" { // none of it
			texts[i] = ""
		}
	}
	return []any{
		d.Name, string(d.Kind), d.Unit, texts[0], texts[1], texts[2], string(d.Health), string(d.Hygiene), string(d.KeptFor),
		texts[3], texts[4], string(d.Pool), texts[5], micros(d.GoneAt),
	}, nil
}

const deviceChange = `native, kind, unit, domains, fingerprint, facts, health, hygiene, kept_for, cordon, host, pool, labels, gone_at`

// addDevice inserts a part.
func (t *tx) addDevice(d *composa.Device) error {
	values, err := deviceValues(d)
	if err != nil {
		return err
	}
	d.Revision = 1
	values = append([]any{string(d.ID), string(d.Fabric), micros(d.FirstSeen), micros(t.now), string(t.who.Principal.ID), d.Revision}, values...)
	return t.insert("device", "id, fabric, first_seen, updated_at, updated_by, revision, "+deviceChange, "", [][]any{values}, nil)
}

// changeDevice writes a part whose row this transaction holds.
func (t *tx) changeDevice(d *composa.Device) error {
	values, err := deviceValues(d)
	if err != nil {
		return err
	}
	var set strings.Builder
	columns := strings.Split(deviceChange, ", ")
	for i, column := range columns {
		fmt.Fprintf(&set, "%s = $%d, ", column, i+1)
	}
	n := len(columns)
	d.Revision++
	values = append(values, micros(t.now), string(t.who.Principal.ID), d.Revision, string(d.ID))
	err = t.execRow(string(d.ID), fmt.Sprintf(`UPDATE device SET %supdated_at = $%d, updated_by = $%d, revision = $%d WHERE id = $%d`,
		set.String(), n+1, n+2, n+3, n+4), values...)
	return err
}

// touchParts says that devices of a fabric changed, for whoever keeps them
// decoded. It must follow in every transaction that writes a device.
func (t *tx) touchParts(fabric composa.FabricName) error {
	_, err := t.exec(`UPDATE fabric SET parts = parts + 1 WHERE name = $1`, string(fabric))
	return err
}

// tellDevice tells an event of a part with its state after the change.
func (t *tx) tellDevice(typ composa.EventType, d *composa.Device, cause string) error {
	return t.tell(composa.Event{Type: typ, Subject: string(d.ID), Revision: d.Revision, Cause: cause}, d)
}
