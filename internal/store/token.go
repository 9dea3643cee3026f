package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/composa-dev/composa"
)

// AddToken lets whoever shows a token of this hash (SHA-256) act as the owner
// of k. Id and times but the end are given here. Only the owner and who
// administers the site may say so, and with a token that ends none is made that
// ends later.
func (s *Store) AddToken(ctx context.Context, who composa.Who, k composa.Token, hash []byte) (*composa.Token, error) {
	const what = "create a token"
	if err := onlyAdminsOr(who, k.Owner, what); err != nil {
		return nil, err
	}
	if err := composa.CheckNote(k.Note); err != nil {
		return nil, err
	}
	err := s.write(ctx, who, what, func(t *tx) error {
		k.ID, k.CreatedAt, k.CreatedBy, k.ExpiresAt = composa.TokenID(composa.NewID(composa.PrefixToken)), t.now, who.Principal.ID, stored(k.ExpiresAt)
		if !k.ExpiresAt.IsZero() {
			if err := composa.CheckTokenLife(k.ExpiresAt.Sub(t.now)); err != nil {
				return err
			}
		}
		if ends := who.Expires; !ends.IsZero() && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(ends)) {
			return composa.Errorf(composa.CodeRefused, "cannot %s: it would outlive the one that it is made with, which ends at %s", what, ends.UTC().Format(time.RFC3339)).
				WithNext("let it end no later (--expires), or make it with a token that does not end")
		}
		if err := t.roomForToken(what, k.Owner); err != nil {
			return err
		}
		added, err := t.exec(`INSERT INTO token (hash, id, principal, note, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
			hash, string(k.ID), string(k.Owner), k.Note, micros(k.CreatedAt), string(k.CreatedBy), micros(k.ExpiresAt))
		if err == nil && added == 0 {
			err = composa.Errorf(composa.CodeExists, "cannot %s: it was given out before", what).WithNext("make a new one")
		}
		if err != nil {
			return err
		}
		if err := t.keepResult(string(k.ID), true); err != nil {
			return err
		}
		return t.tellToken("token.created", &k)
	})
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// maxEndedTokens is how many ended tokens of one user are remembered, the newest.
const maxEndedTokens = 1000

// roomForToken holds the row of the owner, which owns the sum of its tokens,
// forgets those that ended long ago, and refuses one more where there are as
// many as may be. What the server was given from outside is never forgotten, so
// that it does not let anybody in again after it was removed; and it always
// finds room, as it is how an administrator gets in.
func (t *tx) roomForToken(what string, owner composa.PrincipalID) error {
	held, err := t.exec(`UPDATE principal SET updated_at = updated_at WHERE id = $1 AND deleted_at IS NULL`, string(owner))
	if err != nil {
		return err
	}
	if held == 0 {
		return composa.Errorf(composa.CodeNotFound, "cannot %s: there is no user %q", what, composa.Abridge(string(owner), composa.MaxName))
	}
	if _, err := t.exec(`DELETE FROM token WHERE principal = $1 AND created_by <> $2 AND (deleted_at <= $3 OR expires_at <= $3)`,
		string(owner), string(composa.SystemPrincipal), micros(t.now.Add(-composa.TokenMemory))); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM token WHERE id IN (SELECT id FROM token WHERE principal = $1 AND created_by <> $2 AND (deleted_at IS NOT NULL OR expires_at <= $3)
		ORDER BY created_at DESC, id LIMIT $4 OFFSET $5)`, string(owner), string(composa.SystemPrincipal), micros(t.now), int64(math.MaxInt32), maxEndedTokens); err != nil {
		return err
	}
	var n int
	if _, err := t.get([]any{&n}, `SELECT count(*) FROM token WHERE principal = $1 AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
		string(owner), micros(t.now)); err != nil {
		return err
	}
	if n >= composa.MaxTokensEach && t.who.Principal.Kind != composa.PrincipalSystem {
		return composa.Errorf(composa.CodeRefused, "cannot %s: the user has %d, which is the most", what, n).
			WithNext("remove one that nobody needs; composa token ls shows them")
	}
	return nil
}

// tokens reads those tokens that let somebody in, that who asks may read, and
// that meet a condition over token.
func (t *tx) tokens(where string, args ...any) ([]composa.Token, error) {
	args = append(args, micros(t.now))
	cond := fmt.Sprintf(`%s AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $%d)`, where, len(args))
	if !t.who.Administers() {
		args = append(args, string(t.who.Principal.ID))
		cond += fmt.Sprintf(` AND principal = $%d`, len(args))
	}
	var out []composa.Token
	err := t.each(func(r row) error {
		var k composa.Token
		err := r.Scan(&k.ID, &k.Owner, &k.Note, moment{&k.CreatedAt}, &k.CreatedBy, moment{&k.ExpiresAt})
		out = append(out, k)
		return err
	}, `SELECT id, principal, note, created_at, created_by, expires_at FROM token WHERE `+cond+` ORDER BY created_at, id`, args...)
	return out, err
}

// Tokens returns the tokens that let somebody in: those of who asks, and all
// for who administers the site, the oldest first.
func (s *Store) Tokens(ctx context.Context, who composa.Who) ([]composa.Token, error) {
	var out []composa.Token
	err := s.read(ctx, who, "list tokens", func(t *tx) (err error) {
		out, err = t.tokens(`1 = 1`)
		return err
	})
	return out, err
}

// Token returns a token that lets somebody in.
func (s *Store) Token(ctx context.Context, who composa.Who, id composa.TokenID) (*composa.Token, error) {
	var found []composa.Token
	err := s.read(ctx, who, "find a token", func(t *tx) (err error) {
		found, err = t.tokens(`id = $1`, string(id))
		return err
	})
	if err == nil && len(found) == 0 {
		err = noToken("find", id)
	}
	if err != nil {
		return nil, err
	}
	return &found[0], nil
}

// DeleteToken ends a token: from then on it lets nobody in. Only its owner and
// who administers the site may; for others there is none.
func (s *Store) DeleteToken(ctx context.Context, who composa.Who, id composa.TokenID) error {
	return s.write(ctx, who, "remove a token", func(t *tx) error {
		found, err := t.tokens(`id = $1`, string(id))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return noToken("remove", id)
		}
		ended, err := t.exec(`UPDATE token SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL`, micros(t.now), string(id))
		if err != nil {
			return err
		}
		if ended == 0 {
			return noToken("remove", id)
		}
		if err := t.keepResult(string(id), false); err != nil {
			return err
		}
		return t.tellToken(composa.TokenDeleted, &found[0])
	})
}

// tellToken tells of a token to its owner and to who administers the site
// ([composa.Who.SeesEvent]).
func (t *tx) tellToken(typ composa.EventType, k *composa.Token) error {
	e := composa.Event{Type: typ, Subject: string(k.ID)}
	if k.Owner != t.who.Principal.ID {
		e.OnBehalf = k.Owner
	}
	return t.tell(e, k)
}

func noToken(verb string, id composa.TokenID) error {
	return composa.Errorf(composa.CodeNotFound, "cannot %s token %q: there is none of that id, or it has ended", verb, composa.Abridge(string(id), composa.MaxName)).
		WithNext("composa token ls shows yours")
}

// TokenOwner says on whose behalf a call with a token of this hash is made;
// unauthenticated when it is nobody's, or has ended, and then when. Only the
// system may ask.
func (s *Store) TokenOwner(ctx context.Context, who composa.Who, hash []byte) (composa.Who, error) {
	if err := onlySystem(who, "look up a token"); err != nil {
		return composa.Who{}, err
	}
	var owner composa.Who
	err := s.read(ctx, who, "look up a token", func(t *tx) error {
		p := &owner.Principal
		var removed time.Time
		found, err := t.get([]any{&p.ID, &p.Kind, &p.Name, &owner.Token, moment{&owner.Expires}, moment{&removed}},
			`SELECT p.id, p.kind, p.name, k.id, k.expires_at, k.deleted_at FROM token k JOIN principal p ON p.id = k.principal
			WHERE k.hash = $1 AND p.deleted_at IS NULL`, hash)
		if err != nil {
			return err
		}
		if err := lapsed(found, owner.Expires, removed, t.now); err != nil {
			return err
		}
		owner.Projects = []composa.ProjectID{}
		return t.each(func(r row) error {
			var id composa.ProjectID
			var name string
			var role composa.Role
			err := r.Scan(&id, &name, &role)
			owner.Projects = append(owner.Projects, id)
			owner.Admin = owner.Admin || name == composa.DefaultProject && role == composa.RoleAdmin
			return err
		}, `SELECT m.project, p.name, m.role FROM member m JOIN project p ON p.id = m.project WHERE m.principal = $1 AND p.deleted_at IS NULL ORDER BY p.name`, string(p.ID))
	})
	if err != nil {
		return composa.Who{}, err
	}
	return owner, nil
}

// lapsed refuses a token that lets nobody in at a time. Who shows one that ended
// had it, so that they may know when it did.
func lapsed(found bool, expires, removed, now time.Time) error {
	const next = "sign in with another one, or ask an administrator of the site for one"
	switch {
	case !found:
		return composa.Errorf(composa.CodeUnauthenticated, "cannot sign in: nobody has this token").WithNext("sign in again, or ask for a new token")
	case !removed.IsZero():
		return composa.Errorf(composa.CodeUnauthenticated, "cannot sign in: this token was removed at %s", removed.Format(time.RFC3339)).WithNext(next)
	case !expires.IsZero() && !expires.After(now):
		return composa.Errorf(composa.CodeUnauthenticated, "cannot sign in: this token ended at %s", expires.Format(time.RFC3339)).WithNext(next)
	}
	return nil
}

// AdminCanSignIn says whether an administrator of the site has a token that lets
// them in. Only the system may ask.
func (s *Store) AdminCanSignIn(ctx context.Context, who composa.Who) (bool, error) {
	if err := onlySystem(who, "count tokens"); err != nil {
		return false, err
	}
	var n int64
	err := s.read(ctx, who, "count tokens", func(t *tx) error {
		_, err := t.get([]any{&n}, `SELECT count(*) FROM token k JOIN member m ON m.principal = k.principal JOIN project p ON p.id = m.project JOIN principal o ON o.id = k.principal
			WHERE k.deleted_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1) AND m.role = $2 AND p.name = $3 AND p.deleted_at IS NULL AND o.deleted_at IS NULL`,
			micros(t.now), string(composa.RoleAdmin), composa.DefaultProject)
		return err
	})
	return n > 0, err
}

func onlySystem(who composa.Who, what string) error {
	if err := known(who, what); err != nil {
		return err
	}
	if who.Principal.Kind != composa.PrincipalSystem {
		return composa.Errorf(composa.CodeNotAllowed, "cannot %s: %s may not", what, who.Principal.Name)
	}
	return nil
}

// onlyAdminsOr lets pass who acts for itself, and who administers the site.
func onlyAdminsOr(who composa.Who, principal composa.PrincipalID, what string) error {
	if who.Principal.ID != "" && who.Principal.ID == principal {
		return nil
	}
	return onlyAdmins(who, what+" of another user")
}
