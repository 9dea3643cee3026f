package store

import (
	"context"
	"slices"

	"github.com/composa-dev/composa"
)

// adminName is the user that a site begins with.
const adminName = "admin"

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
			string(admin.ID), string(composa.RoleAdmin), now, by, composa.DefaultProject); err != nil || added == 0 {
			return err
		}
		return t.tell(composa.Event{Type: "user.created", Subject: string(admin.ID)}, admin)
	})
	return admin, err
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
