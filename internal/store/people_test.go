package store

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
)

func TestPeople(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		again, err := b.EnsureAdmin(b.ctx(), system)
		b.ok(err)
		if again != b.admin.Principal || again.Name != "admin" || again.Kind != composa.PrincipalUser {
			t.Errorf("admin = %+v, first %+v", again, b.admin.Principal)
		}
		if can, err := b.AdminCanSignIn(b.ctx(), system); err != nil || can {
			t.Errorf("an administrator can sign in = %t, %v before the first token", can, err)
		}
		hash := sha256.Sum256([]byte("secret"))
		made, err := b.AddToken(b.ctx(), system, composa.Token{Owner: again.ID, Note: "demo"}, hash[:])
		b.ok(err)
		_, err = b.AddToken(b.ctx(), system, composa.Token{Owner: again.ID, Note: "demo"}, hash[:])
		b.code(err, composa.CodeExists)
		other := sha256.Sum256([]byte("other"))
		_, err = b.AddToken(b.ctx(), system, composa.Token{Owner: "user_none"}, other[:])
		b.code(err, composa.CodeNotFound)
		who, err := b.TokenOwner(b.ctx(), system, hash[:])
		b.ok(err)
		if diff := cmp.Diff(composa.Who{Principal: again, Projects: []composa.ProjectID{b.project}, Admin: true, Token: made.ID}, who); diff != "" {
			t.Errorf("owner (-want +got):\n%s", diff)
		}
		_, err = b.TokenOwner(b.ctx(), system, other[:])
		b.code(err, composa.CodeUnauthenticated)
		_, err = b.TokenOwner(b.ctx(), b.admin, hash[:])
		b.code(err, composa.CodeNotAllowed)
		if can, err := b.AdminCanSignIn(b.ctx(), system); err != nil || !can {
			t.Errorf("an administrator can sign in = %t, %v after the first token", can, err)
		}
		projects, err := b.Projects(b.ctx(), b.admin)
		b.ok(err)
		if len(projects) != 1 || projects[0].Name != composa.DefaultProject || projects[0].Revision != 1 {
			t.Errorf("projects = %+v", projects)
		}
		_, err = b.Project(b.ctx(), b.admin, "vision")
		b.code(err, composa.CodeNotFound)
		people, err := b.Principals(b.ctx(), system)
		b.ok(err)
		if diff := cmp.Diff([]composa.Principal{again, system.Principal}, people); diff != "" {
			t.Errorf("principals (-want +got):\n%s", diff)
		}
	})
}

// A token whose time is over is nobody's, also where it was somebody's before.
func TestATokenEndsWithItsTime(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		hash := sha256.Sum256([]byte("secret"))
		ends := b.clock.now().Add(time.Hour).Truncate(time.Microsecond)
		_, err := b.AddToken(b.ctx(), system, composa.Token{Owner: b.admin.Principal.ID, Note: "demo", ExpiresAt: ends}, hash[:])
		b.ok(err)
		who, err := b.TokenOwner(b.ctx(), system, hash[:])
		b.ok(err)
		if !who.Expires.Equal(ends) {
			t.Errorf("it ends at %v, want %v", who.Expires, ends)
		}
		b.clock.looks.Add(time.Hour.Milliseconds())
		_, err = b.TokenOwner(b.ctx(), system, hash[:])
		b.code(err, composa.CodeUnauthenticated)
	})
}
