package store

import (
	"context"
	"crypto/sha256"

	"github.com/composa-dev/composa"
)

// plant writes what every site has from its first moment: its id, the project
// default, the system as a principal, and event number 0. Where it is there
// already nothing happens.
func (s *Store) plant(ctx context.Context) error {
	return s.write(ctx, composa.System(), "set up the site", func(t *tx) error {
		now, by := micros(t.now), string(t.who.Principal.ID)
		added, err := t.exec(`INSERT INTO site (one, id, incarnation, created_at) VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING`,
			composa.NewID(composa.PrefixSite), composa.NewID("inc"), now)
		if err != nil || added == 0 {
			return err
		}
		if _, err := t.exec(`INSERT INTO event_head (one, seq, hash) VALUES (1, 0, $1)`, make([]byte, sha256.Size)); err != nil {
			return err
		}
		system := composa.System().Principal
		if _, err := t.exec(`INSERT INTO principal (id, kind, name, created_at, created_by, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, string(system.ID), string(system.Kind), system.Name, now, by, now, by); err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO project (id, name, owner, created_at, created_by, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			composa.NewID(composa.PrefixProject), composa.DefaultProject, by, now, by, now, by)
		return err
	})
}

// Identity returns the id of the site and of this life of its store.
func (s *Store) Identity(ctx context.Context, who composa.Who) (composa.Identity, error) {
	var id composa.Identity
	err := s.read(ctx, who, "read the site", func(t *tx) error {
		_, err := t.get([]any{&id.Site, &id.Incarnation}, `SELECT id, incarnation FROM site WHERE one = 1`)
		return err
	})
	return id, err
}
