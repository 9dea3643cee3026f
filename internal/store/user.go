package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// Users returns those whom who asks may read, in natural order of name: itself,
// and the members of its projects; all for who administers the site.
func (s *Store) Users(ctx context.Context, who composa.Who) ([]composa.User, error) {
	var out []composa.User
	err := s.read(ctx, who, "list users", func(t *tx) (err error) {
		out, err = t.users("", nil)
		return err
	})
	slices.SortFunc(out, func(a, b composa.User) int { return composa.NaturalCompare(a.Name, b.Name) })
	return out, err
}

// User returns the user of a name.
func (s *Store) User(ctx context.Context, who composa.Who, name string) (*composa.User, error) {
	var found []composa.User
	err := s.read(ctx, who, "find a user", func(t *tx) (err error) {
		found, err = t.users("name = $1", []any{name})
		return err
	})
	if err == nil && len(found) == 0 {
		err = composa.Errorf(composa.CodeNotFound, "cannot find user %q: there is none of that name", composa.Abridge(name, composa.MaxName)).
			WithNext("composa user ls shows who there is")
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

// users reads the users whom who asks may read and that meet a condition over
// principal.
func (t *tx) users(where string, args []any) ([]composa.User, error) {
	cond := `kind = '` + string(composa.PrincipalUser) + `' AND deleted_at IS NULL`
	if where != "" {
		cond += " AND " + where
	}
	if !t.who.Administers() {
		var seen string
		seen, args = t.visible("project", args)
		args = append(args, string(t.who.Principal.ID))
		cond += fmt.Sprintf(` AND (id IN (SELECT principal FROM member WHERE %s) OR id = $%d)`, seen, len(args))
	}
	var out []composa.User
	at := map[composa.PrincipalID]int{}
	if err := t.each(func(r row) error {
		u := composa.User{Role: composa.RoleMember}
		err := r.Scan(&u.ID, &u.Kind, &u.Name, moment{&u.CreatedAt}, &u.CreatedBy)
		at[u.ID] = len(out)
		out = append(out, u)
		return err
	}, `SELECT id, kind, name, created_at, created_by FROM principal WHERE `+cond, args...); err != nil {
		return nil, err
	}
	return out, t.each(func(r row) error {
		var user composa.PrincipalID
		var project composa.ProjectID
		var name string
		var role composa.Role
		if err := r.Scan(&user, &project, &name, &role); err != nil {
			return err
		}
		u := &out[at[user]]
		if t.who.Administers() || t.who.Sees(project) || user == t.who.Principal.ID {
			u.Projects = append(u.Projects, project)
		}
		if name == composa.DefaultProject {
			u.Role = role
		}
		return nil
	}, `SELECT m.principal, m.project, p.name, m.role FROM member m JOIN project p ON p.id = m.project
		WHERE p.deleted_at IS NULL AND m.principal IN (SELECT id FROM principal WHERE `+cond+`) ORDER BY p.name`, args...)
}

// CreateUser makes a user, a member of a project; exists when there is one of
// that name. Only who administers the site may.
func (s *Store) CreateUser(ctx context.Context, who composa.Who, name string, project composa.ProjectID) (*composa.User, error) {
	what := fmt.Sprintf("create user %q", composa.Abridge(name, composa.MaxName))
	if err := onlyAdmins(who, what); err != nil {
		return nil, err
	}
	if err := composa.CheckName("user", name); err != nil {
		return nil, err
	}
	u := composa.User{Principal: composa.Principal{Kind: composa.PrincipalUser, Name: name}, Role: composa.RoleMember}
	err := s.write(ctx, who, what, func(t *tx) error {
		if err := t.roomForUser(what); err != nil {
			return err
		}
		u.ID, u.Projects = composa.PrincipalID(composa.NewID(composa.PrefixUser)), []composa.ProjectID{project}
		u.CreatedAt, u.CreatedBy = t.now, who.Principal.ID
		now, by := micros(t.now), string(who.Principal.ID)
		added, err := t.exec(`INSERT INTO principal (id, kind, name, created_at, created_by, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, string(u.ID), string(u.Kind), name, now, by, now, by)
		if err == nil && added == 0 {
			err = composa.Errorf(composa.CodeExists, "cannot %s: there is a user of that name", what).WithNext("choose another name, or make a token for that user")
		}
		if err != nil {
			return err
		}
		added, err = t.exec(`INSERT INTO member (project, principal, role, created_at, created_by)
			SELECT id, $1, $2, $3, $4 FROM project WHERE id = $5 AND deleted_at IS NULL`, string(u.ID), string(u.Role), now, by, string(project))
		if err == nil && added == 0 {
			err = composa.Errorf(composa.CodeNotFound, "cannot %s: there is no project %q", what, project)
		}
		if err != nil {
			return err
		}
		if err := t.keepResult(string(u.ID), true); err != nil {
			return err
		}
		return t.tell(composa.Event{Type: "user.created", Project: project, Subject: string(u.ID)}, u.Principal)
	})
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// roomForUser refuses one more user where there are as many as may be. It holds
// the row of the site, which owns that sum.
func (t *tx) roomForUser(what string) error {
	if _, err := t.exec(`UPDATE site SET id = id WHERE one = 1`); err != nil {
		return err
	}
	var n int
	if _, err := t.get([]any{&n}, `SELECT count(*) FROM principal WHERE kind = $1 AND deleted_at IS NULL`, string(composa.PrincipalUser)); err != nil {
		return err
	}
	if n >= composa.MaxUsers {
		return composa.Errorf(composa.CodeRefused, "cannot %s: the site has %d users, which is the most", what, n)
	}
	return nil
}

func onlyAdmins(who composa.Who, what string) error {
	if err := known(who, what); err != nil {
		return err
	}
	if !who.Administers() {
		return composa.Errorf(composa.CodeNotAllowed, "cannot %s: user %q does not administer the site", what, who.Principal.Name).
			WithNext("ask an administrator of the site")
	}
	return nil
}
