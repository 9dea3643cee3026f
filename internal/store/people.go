package store

import (
	"context"
	"slices"

	"github.com/composa-dev/composa"
)

// The names that a site begins with.
const (
	adminName = "admin"
	adminRole = "admin"
)

// EnsureAdmin returns the user admin, a member of the project default; the
// first call makes it.
func (s *Store) EnsureAdmin(ctx context.Context, who composa.Who) (composa.Principal, error) {
	admin := composa.Principal{Kind: composa.PrincipalUser, Name: adminName}
	err := s.write(ctx, who, "make the user admin", func(t *tx) error {
		now, by := micros(t.now), string(who.Principal.ID)
		added, err := t.exec(`INSERT INTO principal (id, kind, name, created_at, created_by, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			composa.NewID(composa.PrefixUser), string(admin.Kind), admin.Name, now, by, now, by)
		if err != nil {
			return err
		}
		if _, err := t.get([]any{&admin.ID}, `SELECT id FROM principal WHERE kind = $1 AND name = $2 AND deleted_at IS NULL`, string(admin.Kind), admin.Name); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO member (project, principal, role, created_at, created_by)
			SELECT id, $1, $2, $3, $4 FROM project WHERE name = $5 AND deleted_at IS NULL ON CONFLICT DO NOTHING`,
			string(admin.ID), adminRole, now, by, composa.DefaultProject); err != nil || added == 0 {
			return err
		}
		return t.tell(composa.Event{Type: "user.created", Subject: string(admin.ID)}, admin)
	})
	return admin, err
}

// AddToken lets whoever shows a token of this hash (SHA-256) act as a
// principal. Only the system and the principal itself may say so.
func (s *Store) AddToken(ctx context.Context, who composa.Who, principal composa.PrincipalID, hash []byte, note string) error {
	if err := onlySystemOr(who, principal, "add a token"); err != nil {
		return err
	}
	return s.write(ctx, who, "add a token", func(t *tx) error {
		added, err := t.exec(`INSERT INTO token (hash, principal, note, created_at, created_by) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			hash, string(principal), note, micros(t.now), string(who.Principal.ID))
		if err == nil && added == 0 {
			err = composa.Errorf(composa.CodeExists, "cannot add a token: it was given out before").WithNext("make a new one")
		}
		if err != nil {
			return err
		}
		return t.tell(composa.Event{Type: "token.created", Subject: string(principal)}, struct {
			Principal composa.PrincipalID `json:"principal"`
			Note      string              `json:"note,omitempty"`
		}{principal, note})
	})
}

// TokenOwner says on whose behalf a call with a token of this hash is made;
// unauthenticated when nobody has it. Only the system may ask.
func (s *Store) TokenOwner(ctx context.Context, who composa.Who, hash []byte) (composa.Who, error) {
	if err := onlySystemOr(who, composa.SystemPrincipal, "look up a token"); err != nil {
		return composa.Who{}, err
	}
	var owner composa.Who
	err := s.read(ctx, who, "look up a token", func(t *tx) error {
		p := &owner.Principal
		found, err := t.get([]any{&p.ID, &p.Kind, &p.Name, moment{&owner.Expires}}, `SELECT p.id, p.kind, p.name, k.expires_at FROM token k JOIN principal p ON p.id = k.principal
			WHERE k.hash = $1 AND k.deleted_at IS NULL AND p.deleted_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)`, hash, micros(t.now))
		if err != nil {
			return err
		}
		if !found {
			return composa.Errorf(composa.CodeUnauthenticated, "cannot sign in: nobody has this token").WithNext("sign in again, or ask for a new token")
		}
		owner.Projects = []composa.ProjectID{}
		return t.each(func(r row) error {
			var id composa.ProjectID
			err := r.Scan(&id)
			owner.Projects = append(owner.Projects, id)
			return err
		}, `SELECT m.project FROM member m JOIN project p ON p.id = m.project WHERE m.principal = $1 AND p.deleted_at IS NULL ORDER BY p.name`, string(p.ID))
	})
	if err != nil {
		return composa.Who{}, err
	}
	return owner, nil
}

// HasTokens says whether any token was given out. Only the system may ask.
func (s *Store) HasTokens(ctx context.Context, who composa.Who) (bool, error) {
	if err := onlySystemOr(who, composa.SystemPrincipal, "count tokens"); err != nil {
		return false, err
	}
	var n int64
	err := s.read(ctx, who, "count tokens", func(t *tx) error {
		_, err := t.get([]any{&n}, `SELECT count(*) FROM token WHERE deleted_at IS NULL`)
		return err
	})
	return n > 0, err
}

func onlySystemOr(who composa.Who, principal composa.PrincipalID, what string) error {
	if err := known(who, what); err != nil {
		return err
	}
	if who.Principal.Kind != composa.PrincipalSystem && who.Principal.ID != principal {
		return composa.Errorf(composa.CodeNotAllowed, "cannot %s: %s may not", what, who.Principal.Name)
	}
	return nil
}

// Projects returns the projects of who asks, in natural order of name.
func (s *Store) Projects(ctx context.Context, who composa.Who) ([]composa.Project, error) {
	var out []composa.Project
	err := s.read(ctx, who, "list projects", func(t *tx) error {
		where, args := t.visible("id", nil)
		if where != "" {
			where = " AND " + where
		}
		return t.each(func(r row) error {
			var p composa.Project
			err := r.Scan(&p.ID, &p.Name, &p.Revision)
			out = append(out, p)
			return err
		}, `SELECT id, name, revision FROM project WHERE deleted_at IS NULL`+where, args...)
	})
	slices.SortFunc(out, func(a, b composa.Project) int { return composa.NaturalCompare(a.Name, b.Name) })
	return out, err
}

// Project returns the project of a name.
func (s *Store) Project(ctx context.Context, who composa.Who, name string) (*composa.Project, error) {
	all, err := s.Projects(ctx, who)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, composa.Errorf(composa.CodeNotFound, "cannot find project %q: there is none of that name", composa.Abridge(name, composa.MaxName))
}
