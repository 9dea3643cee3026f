package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/store"
)

// bootstrap is the first administrator's token, where it was made now.
type bootstrap struct {
	path    string // file that holds it; empty when there was no need for one
	ignored bool   // the one that was given from outside was removed before
}

// tokenFile is where the first token lies in the data folder.
func tokenFile(data string) string { return filepath.Join(data, "bootstrap-token") }

// ensureAdmin sees to it that there is somebody who can sign in. The first start
// makes a token and writes it to DATA/bootstrap-token, readable by its owner
// only, and so does a later one where no administrator has a token that still
// lets them in. COMPOSA_BOOTSTRAP_TOKEN gives it from outside, and then nothing
// is written; one that was removed since is not taken again.
func ensureAdmin(ctx context.Context, s *store.Store, data string, getenv func(string) string) (made bootstrap, err error) {
	admin, err := s.EnsureAdmin(ctx, composa.System())
	if err != nil {
		return bootstrap{}, err
	}
	if given := getenv("COMPOSA_BOOTSTRAP_TOKEN"); given != "" {
		if _, err := s.TokenOwner(ctx, composa.System(), auth.Hash(given)); err == nil {
			return bootstrap{}, nil
		}
		_, err := s.AddToken(ctx, composa.System(), composa.Token{Owner: admin.ID, Note: "COMPOSA_BOOTSTRAP_TOKEN"}, auth.Hash(given))
		if composa.CodeOf(err) != composa.CodeExists {
			return bootstrap{}, err
		}
		made.ignored = true
	}
	can, err := s.AdminCanSignIn(ctx, composa.System())
	if err != nil || can {
		return made, err
	}
	// The file comes first: a token that only the store knows is of no use to
	// anybody, one that only the file knows is replaced at the next start.
	text, hash := auth.NewToken()
	path := tokenFile(data)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		return bootstrap{}, composa.Errorf(composa.CodeInternal, "cannot write the first token: %v", err)
	}
	if _, err := s.AddToken(ctx, composa.System(), composa.Token{Owner: admin.ID, Note: "bootstrap"}, hash); err != nil {
		return bootstrap{}, err
	}
	made.path = path
	return made, nil
}
