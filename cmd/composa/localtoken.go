package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/cli"
	"github.com/composa-dev/composa/internal/store"
)

// localToken makes a token in a data folder: the way in for who has lost every
// other one. Who may write to the folder may read all that is in it, so that this
// gives nobody anything. A server that runs has the folder to itself. The site
// is told with it: where a site went to PostgreSQL, the folder may still have
// the one that it was.
func localToken(ctx context.Context, want cli.LocalToken) (made *api.Token, site string, err error) {
	made, site, err = addLocal(ctx, want)
	return made, site, problem(err)
}

func addLocal(ctx context.Context, want cli.LocalToken) (made *api.Token, site string, err error) {
	path := filepath.Join(want.Data, "composa.db")
	if err := checkLocal(path); err != nil {
		return nil, "", err
	}
	s, err := store.Open(ctx, store.Options{URL: "sqlite:" + path})
	if err != nil {
		var why *composa.Error
		if errors.As(err, &why) {
			return nil, "", composa.Errorf(why.Code, "cannot create a token: %w", err).WithNext("%s", why.Next)
		}
		return nil, "", err
	}
	identity, err := s.Identity(ctx, composa.System())
	if err == nil {
		made, err = addTo(ctx, s, want)
	}
	if closed := s.Close(); err == nil {
		err = closed
	}
	return made, string(identity.Site), err
}

// checkLocal refuses a folder without a site, and one of another user's: what
// SQLite writes beside the file would then be ours, and keep the server out.
func checkLocal(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return composa.Errorf(composa.CodeNotFound, "cannot create a token: there is no site in %s", filepath.Dir(path)).
			WithNext("name the server's data folder; a site in PostgreSQL is entered with COMPOSA_BOOTSTRAP_TOKEN")
	case err != nil:
		return composa.Errorf(composa.CodeUnavailable, "cannot create a token: %v", err)
	case !ours(info):
		return composa.Errorf(composa.CodeNotAllowed, "cannot create a token: %s belongs to another user", path).
			WithNext("do it as the user that the server runs as, for example with sudo -u")
	}
	return nil
}

func addTo(ctx context.Context, s *store.Store, want cli.LocalToken) (*api.Token, error) {
	system := composa.System()
	owner, err := s.EnsureAdmin(ctx, system)
	if err != nil {
		return nil, err
	}
	if want.User != "" {
		u, err := s.User(ctx, system, want.User)
		if err != nil {
			return nil, err
		}
		owner = u.Principal
	}
	k := composa.Token{Owner: owner.ID, Note: want.Note}
	if want.Expires != 0 {
		if err := composa.CheckTokenLife(want.Expires); err != nil {
			return nil, err
		}
		k.ExpiresAt = time.Now().Add(want.Expires)
	}
	text, hash := auth.NewToken()
	made, err := s.AddToken(ctx, system, k, hash)
	if err != nil {
		return nil, err
	}
	out := &api.Token{ID: string(made.ID), User: owner.Name, Note: made.Note, CreatedAt: made.CreatedAt, CreatedBy: string(made.CreatedBy), Token: text}
	if !made.ExpiresAt.IsZero() {
		out.ExpiresAt = &made.ExpiresAt
	}
	return out, nil
}
