package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/composa-dev/composa"
)

const fabricColumns = `name, driver, url, source, access, keep, every, abilities, epoch, silent_since, silent_reason, revision, parts`

// fabricRow is a fabric as its row holds it. Reach.Seen is of the picture.
type fabricRow struct {
	composa.Fabric
	parts int64 // grows whenever a device of the fabric changes
}

func scanFabric(r row) (fabricRow, error) {
	var f fabricRow
	var keep, every int64
	err := r.Scan(&f.Name, &f.Driver, &f.URL, &f.Source, &f.Access, &keep, &every, jsonText{&f.Abilities},
		&f.Epoch, moment{&f.Reach.SilentSince}, &f.Reach.Reason, &f.Revision, &f.parts)
	f.Keep, f.Every = keep != 0, time.Duration(every)
	return f, err
}

// fabrics returns the rows of all fabrics in natural order of name.
func (t *tx) fabrics() ([]fabricRow, error) {
	var rows []fabricRow
	err := t.each(func(r row) error {
		f, err := scanFabric(r)
		rows = append(rows, f)
		return err
	}, `SELECT `+fabricColumns+` FROM fabric WHERE deleted_at IS NULL`)
	slices.SortFunc(rows, func(a, b fabricRow) int { return composa.NaturalCompare(string(a.Name), string(b.Name)) })
	return rows, err
}

func (t *tx) fabric(name composa.FabricName) (*fabricRow, error) {
	var found *fabricRow
	err := t.each(func(r row) error {
		f, err := scanFabric(r)
		found = &f
		return err
	}, `SELECT `+fabricColumns+` FROM fabric WHERE name = $1 AND deleted_at IS NULL`, string(name))
	if err == nil && found == nil {
		err = composa.Errorf(composa.CodeNotFound, "cannot find fabric %q: the site has none of that name", composa.Abridge(string(name), 63))
	}
	return found, err
}

// tenure holds the row of a fabric for the rest of the transaction, and answers
// moved when epoch (0: any) is not the number of its present tenure.
func (t *tx) tenure(name composa.FabricName, epoch int64) error {
	var present int64
	found, err := t.get([]any{&present}, `SELECT epoch FROM fabric WHERE name = $1`+t.s.engine.hold, string(name))
	switch {
	case err != nil:
		return err
	case !found:
		_, err := t.fabric(name)
		return err
	case epoch == 0 || epoch == present:
		return nil
	}
	return composa.Errorf(composa.CodeMoved, "cannot write for fabric %s: tenure %d is over", name, epoch)
}

// tellFabric tells an event of a fabric with its state after the change.
func (t *tx) tellFabric(typ composa.EventType, name composa.FabricName) error {
	f, err := t.fabric(name)
	if err != nil {
		return err
	}
	return t.tell(composa.Event{Type: typ, Subject: string(name), Revision: f.Revision}, f.Fabric)
}

// TakeFabrics begins a server's work on a site, in one transaction: it adds or
// changes the fabrics of its configuration as [Store.PutFabric] does, marks those
// that came from a configuration and are not in this one as silent, because
// nobody looks at them any more, and makes server the owner of all. It returns
// the tenures of all, and the names of those that are not configured, in natural
// order. An error names the fabric that it is about; nothing is written then.
func (s *Store) TakeFabrics(ctx context.Context, who composa.Who, configured []composa.Fabric, server string) (tenures map[composa.FabricName]int64, absent []composa.FabricName, err error) {
	for _, f := range configured {
		if err := composa.CheckFabricName(string(f.Name)); err != nil {
			return nil, nil, err
		}
	}
	err = s.write(ctx, who, "take the fabrics of the configuration", func(t *tx) error {
		tenures, absent = map[composa.FabricName]int64{}, nil
		for i := range configured {
			f := &configured[i]
			err := t.putFabric(f)
			if err == nil {
				tenures[f.Name], err = t.takeTenure(f.Name, server)
			}
			if err != nil {
				return about(f.Name, err)
			}
		}
		known, err := t.fabrics()
		if err != nil {
			return err
		}
		for i := range known {
			f := &known[i].Fabric
			if _, taken := tenures[f.Name]; taken {
				continue
			}
			absent = append(absent, f.Name)
			err := t.notConfigured(f)
			if err == nil {
				tenures[f.Name], err = t.takeTenure(f.Name, server)
			}
			if err != nil {
				return about(f.Name, err)
			}
		}
		return nil
	})
	return tenures, absent, err
}

// about names the fabric that failed where several are written. What has a code
// names it already.
func about(fabric composa.FabricName, err error) error {
	var coded *composa.Error
	if errors.As(err, &coded) {
		return err
	}
	return fmt.Errorf("fabric %s: %w", fabric, err)
}

// TakeTenure makes server the owner of a fabric and returns the number of its
// tenure: writes under an earlier number are refused from now on.
func (s *Store) TakeTenure(ctx context.Context, who composa.Who, fabric composa.FabricName, server string) (epoch int64, err error) {
	err = s.write(ctx, who, "take fabric "+string(fabric), func(t *tx) (err error) {
		epoch, err = t.takeTenure(fabric, server)
		return err
	})
	return epoch, err
}

func (t *tx) takeTenure(fabric composa.FabricName, server string) (epoch int64, err error) {
	found, err := t.get([]any{&epoch}, `UPDATE fabric SET epoch = epoch + 1, owner_server = $1, revision = revision + 1,
		updated_at = $2, updated_by = $3 WHERE name = $4 AND deleted_at IS NULL RETURNING epoch`,
		server, micros(t.now), string(t.who.Principal.ID), string(fabric))
	if err == nil && !found {
		_, err = t.fabric(fabric)
	}
	return epoch, err
}

// BeginProbe tells that who is about to let a fabric try what only trying tells,
// and refuses that with moved where epoch is not the number of its tenure. It
// leaves the key of who asks: a probe is made anew with each request, and one
// request tells its beginning and its end.
func (s *Store) BeginProbe(ctx context.Context, who composa.Who, fabric composa.FabricName, epoch int64) error {
	who.Key = nil
	return s.write(ctx, who, "probe fabric "+string(fabric), func(t *tx) error {
		if err := t.tenure(fabric, epoch); err != nil {
			return err
		}
		return t.tellFabric("fabric.probing", fabric)
	})
}

// EndProbe tells that it was tried, under whatever tenure. It leaves the key, as
// [Store.BeginProbe] does.
func (s *Store) EndProbe(ctx context.Context, who composa.Who, fabric composa.FabricName) error {
	who.Key = nil
	return s.write(ctx, who, "end the probe of fabric "+string(fabric), func(t *tx) error {
		return t.tellFabric("fabric.probed", fabric)
	})
}

// Why a fabric is silent that nothing looks at.
const (
	notConfigured = "not in the configuration any more"
	notSeenYet    = "not seen yet since it is back in the configuration"
)

// PutFabric adds a fabric, or changes what the configuration owns of it: driver,
// URL, source, access, keep and pause. What observation found out stays.
func (s *Store) PutFabric(ctx context.Context, who composa.Who, f composa.Fabric) error {
	if err := composa.CheckFabricName(string(f.Name)); err != nil {
		return err
	}
	return s.write(ctx, who, "add fabric "+string(f.Name), func(t *tx) error { return t.putFabric(&f) })
}

func (t *tx) putFabric(f *composa.Fabric) error {
	now, by := micros(t.now), string(t.who.Principal.ID)
	added, err := t.exec(`INSERT INTO fabric (name, id, driver, url, source, access, keep, every, created_at, created_by, updated_at, updated_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
		string(f.Name), composa.NewID("fabric"), f.Driver, f.URL, f.Source, string(f.Access), bit(f.Keep), int64(f.Every), now, by, now, by)
	if err != nil {
		return err
	}
	if added == 1 {
		return t.tellFabric("fabric.added", f.Name)
	}
	changed, err := t.exec(`UPDATE fabric SET driver = $1, url = $2, source = $3, access = $4, keep = $5, every = $6,
		silent_reason = CASE WHEN silent_reason = $7 THEN $8 ELSE silent_reason END,
		revision = revision + 1, updated_at = $9, updated_by = $10
		WHERE name = $11 AND (driver <> $1 OR url <> $2 OR source <> $3 OR access <> $4 OR keep <> $5 OR every <> $6 OR silent_reason = $7)`,
		f.Driver, f.URL, f.Source, string(f.Access), bit(f.Keep), int64(f.Every), notConfigured, notSeenYet, now, by, string(f.Name))
	if err != nil || changed == 0 {
		return err
	}
	return t.tellFabric("fabric.changed", f.Name)
}

// notConfigured marks a fabric that came from a configuration that does not have
// it any more as silent.
func (t *tx) notConfigured(f *composa.Fabric) error {
	if f.Source != "config" || f.Reach.Reason == notConfigured {
		return nil
	}
	return t.silent(f.Name, notConfigured)
}

// silent records that a fabric does not answer, and why; the same reason again
// changes nothing.
func (t *tx) silent(name composa.FabricName, reason string) error {
	changed, err := t.exec(`UPDATE fabric SET silent_since = COALESCE(silent_since, $1), silent_reason = $2,
		revision = revision + 1, updated_at = $1, updated_by = $3 WHERE name = $4 AND (silent_since IS NULL OR silent_reason <> $2)`,
		micros(t.now), reason, string(t.who.Principal.ID), string(name))
	if err != nil || changed == 0 {
		return err
	}
	return t.tellFabric("fabric.silent", name)
}

// answers records that a fabric answers, and with which abilities.
func (t *tx) answers(name composa.FabricName, abilities *composa.Abilities) error {
	text := ""
	if abilities != nil {
		var err error
		if text, err = body(abilities); err != nil {
			return err
		}
	}
	now, by := micros(t.now), string(t.who.Principal.ID)
	changed, err := t.exec(`UPDATE fabric SET silent_since = NULL, silent_reason = '', revision = revision + 1, updated_at = $1, updated_by = $2
		WHERE name = $3 AND silent_since IS NOT NULL`, now, by, string(name))
	if err != nil {
		return err
	}
	if changed == 1 {
		if err := t.tellFabric("fabric.answered", name); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	changed, err = t.exec(`UPDATE fabric SET abilities = $1, revision = revision + 1, updated_at = $2, updated_by = $3
		WHERE name = $4 AND abilities <> $1`, text, now, by, string(name))
	if err != nil || changed == 0 {
		return err
	}
	return t.tellFabric("fabric.changed", name)
}
