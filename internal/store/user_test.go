package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

// boss is the admin as one who signed in: an administrator of the site.
func (b *bed) boss() composa.Who {
	who := b.admin
	who.Admin = true
	return who
}

// person makes a user and returns it as one who asks.
func (b *bed) person(name string) composa.Who {
	b.t.Helper()
	u, err := b.CreateUser(b.ctx(), b.boss(), name, b.project)
	b.ok(err)
	return composa.Who{Principal: u.Principal, Projects: u.Projects, Request: "req_" + name}
}

func userNames(all []composa.User) []string {
	var out []string
	for _, u := range all {
		out = append(out, u.Name)
	}
	return out
}

func TestUsers(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		at := b.lastEvent()
		made, err := b.CreateUser(b.ctx(), b.boss(), "ada", b.project)
		b.ok(err)
		if diff := cmp.Diff([]composa.EventType{"user.created"}, b.events(at)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		got, err := b.User(b.ctx(), b.boss(), "ada")
		b.ok(err)
		if diff := cmp.Diff(made, got); diff != "" {
			t.Errorf("read again (-made +read):\n%s", diff)
		}
		if got.Role != composa.RoleMember || got.CreatedBy != b.admin.Principal.ID || !slices.Equal(got.Projects, []composa.ProjectID{b.project}) {
			t.Errorf("ada = %+v", got)
		}
		ada := composa.Who{Principal: made.Principal, Projects: made.Projects}
		for who, want := range map[string][]string{"ada": {"ada", "admin"}, "boss": {"ada", "admin"}} {
			asks := ada
			if who == "boss" {
				asks = b.boss()
			}
			all, err := b.Users(b.ctx(), asks)
			b.ok(err)
			if diff := cmp.Diff(want, userNames(all)); diff != "" {
				t.Errorf("%s reads (-want +got):\n%s", who, diff)
			}
			if all[1].Role != composa.RoleAdmin {
				t.Errorf("%s reads the role of admin as %s", who, all[1].Role)
			}
		}
		_, err = b.CreateUser(b.ctx(), b.boss(), "ada", b.project)
		b.code(err, composa.CodeExists)
		_, err = b.CreateUser(b.ctx(), b.boss(), "Ada", b.project)
		b.code(err, composa.CodeInvalid)
		_, err = b.CreateUser(b.ctx(), b.boss(), "eve", "proj_none")
		b.code(err, composa.CodeNotFound)
		_, err = b.CreateUser(b.ctx(), ada, "eve", b.project)
		b.code(err, composa.CodeNotAllowed)
		_, err = b.User(b.ctx(), b.boss(), "eve") // nothing of her is left
		b.code(err, composa.CodeNotFound)
	})
}

// Somebody of no project is seen by themselves and by who administers the site.
func TestUsersOfOtherProjectsAreNotShown(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		ada := b.person("ada")
		b.ok(b.write(b.ctx(), system, "take ada out of her project", func(t *tx) error {
			_, err := t.exec(`DELETE FROM member WHERE principal = $1`, string(ada.Principal.ID))
			return err
		}))
		ada.Projects = nil
		bob := b.person("bob")
		for _, c := range []struct {
			who  composa.Who
			want []string
		}{{ada, []string{"ada"}}, {bob, []string{"admin", "bob"}}, {b.boss(), []string{"ada", "admin", "bob"}}} {
			all, err := b.Users(b.ctx(), c.who)
			b.ok(err)
			if diff := cmp.Diff(c.want, userNames(all)); diff != "" {
				t.Errorf("%s reads (-want +got):\n%s", c.who.Principal.Name, diff)
			}
		}
		_, err := b.User(b.ctx(), bob, "ada")
		b.code(err, composa.CodeNotFound)
	})
}

func TestUsersHaveAMost(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.ok(b.write(b.ctx(), system, "fill the site", func(t *tx) error {
			var rows [][]any
			for i := range composa.MaxUsers - 2 { // admin is one
				rows = append(rows, []any{fmt.Sprint("user_", i), "user", fmt.Sprint("u", i), 1, "system", 1, "system"})
			}
			return t.insert("principal", "id, kind, name, created_at, created_by, updated_at, updated_by", "", rows, nil)
		}))
		b.person("last")
		_, err := b.CreateUser(b.ctx(), b.boss(), "late", b.project)
		b.code(err, composa.CodeRefused)
		if !strings.Contains(err.Error(), "10000 users") {
			t.Errorf("it says: %v", err)
		}
	})
}
