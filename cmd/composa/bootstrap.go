package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/cli"
	"github.com/composa-dev/composa/internal/store"
)

// bootstrap is the first administrator's token, where it was made now.
type bootstrap struct {
	path    string // file that holds it; empty when there was no need for one
	ignored string // why the one that is given from outside lets no administrator in; empty: it does, or there is none
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
		if made.ignored, err = takeGiven(ctx, s, admin.ID, given); err != nil {
			return bootstrap{}, err
		}
	}
	can, err := s.AdminCanSignIn(ctx, composa.System())
	if err != nil || can {
		return made, err
	}
	// The file comes first, and is on the disk: a token that only the store knows
	// is of no use to anybody, one that only the file knows is replaced at the next
	// start.
	text, hash := auth.NewToken()
	path := tokenFile(data)
	if err := cli.WriteWhole(path, []byte(text+"\n")); err != nil {
		return bootstrap{}, composa.Errorf(composa.CodeInternal, "cannot write the first token: %v", err)
	}
	if _, err := s.AddToken(ctx, composa.System(), composa.Token{Owner: admin.ID, Note: "bootstrap"}, hash); err != nil {
		return bootstrap{}, err
	}
	made.path = path
	return made, nil
}

// takeGiven lets the token from outside in as the administrator, unless it is
// known. ignored says why it does not let an administrator in.
func takeGiven(ctx context.Context, s *store.Store, admin composa.PrincipalID, given string) (ignored string, err error) {
	if err := auth.CheckToken(given); err != nil {
		return "", composa.Errorf(composa.CodeInvalid, "cannot start with COMPOSA_BOOTSTRAP_TOKEN: %w", err).
			WithNext("give it %d to %d letters and digits that nobody can guess, such as `openssl rand -hex 20` writes", auth.MinToken, auth.MaxToken)
	}
	owner, err := s.TokenOwner(ctx, composa.System(), auth.Hash(given))
	switch composa.CodeOf(err) {
	case "":
		if !owner.Admin {
			ignored = fmt.Sprintf("it is a token of %s, who is no administrator", owner.Principal.Name)
		}
		return ignored, nil
	case composa.CodeUnauthenticated:
	default:
		return "", err
	}
	_, err = s.AddToken(ctx, composa.System(), composa.Token{Owner: admin, Note: "COMPOSA_BOOTSTRAP_TOKEN"}, auth.Hash(given))
	if composa.CodeOf(err) == composa.CodeExists {
		return "that token was removed, or has ended", nil
	}
	return "", err
}
