package rest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type listTokensInput struct {
	User string `query:"user" maxLength:"63" doc:"Only those of this user"`
	PageInput
}

type listTokensOutput struct{ Body api.Tokens }

func (s *Server) listTokens(ctx context.Context, in *listTokensInput) (*listTokensOutput, error) {
	var only composa.PrincipalID
	if in.User != "" {
		owner, err := s.ownerNamed(ctx, in.User)
		if err != nil {
			return nil, err
		}
		only = owner.ID
	}
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.Tokens(ctx, callOf(ctx).who)
	if err != nil {
		return nil, err
	}
	if only != "" {
		all = slices.DeleteFunc(all, func(k composa.Token) bool { return k.Owner != only })
	}
	// Within a user they are in order of time; the id tells apart what was made
	// at the same moment.
	key := func(k *composa.Token) string {
		return fmt.Sprintf("%s/%d/%s", n.principal(k.Owner), k.CreatedAt.UnixMicro(), k.ID)
	}
	slices.SortFunc(all, func(a, b composa.Token) int { return composa.NaturalCompare(key(&a), key(&b)) })
	page, next, err := cut(all, in.PageInput, key)
	if err != nil {
		return nil, err
	}
	out := api.Tokens{Items: make([]api.Token, 0, len(page)), Page: api.Page{Next: next, AsOf: s.Clock().UTC()}}
	for i := range page {
		out.Items = append(out.Items, n.token(&page[i]))
	}
	return &listTokensOutput{Body: out}, nil
}

// token is a token as it is shown: without its text.
func (n names) token(k *composa.Token) api.Token {
	return api.Token{
		ID: string(k.ID), User: n.principal(k.Owner), Note: k.Note, CreatedAt: k.CreatedAt.UTC(), CreatedBy: n.principal(k.CreatedBy), ExpiresAt: moment(k.ExpiresAt),
	}
}

// ownerNamed is the user whose tokens are meant: who asks, where name is empty or
// theirs. For another one the caller must administer the site.
func (s *Server) ownerNamed(ctx context.Context, name string) (composa.Principal, error) {
	who := callOf(ctx).who
	if name == "" || name == who.Principal.Name {
		return who.Principal, nil
	}
	if err := auth.Allow(who, auth.TokenOfOthers, "", name); err != nil {
		return composa.Principal{}, err
	}
	u, err := s.Store.User(ctx, who, name)
	if err != nil {
		return composa.Principal{}, err
	}
	return u.Principal, nil
}

type createTokenInput struct{ Body api.NewToken }

type createTokenOutput struct{ Body api.Token }

func (s *Server) createToken(ctx context.Context, in *createTokenInput) (*createTokenOutput, error) {
	owner, err := s.ownerNamed(ctx, in.Body.User)
	if err != nil {
		return nil, err
	}
	if err := composa.CheckNote(in.Body.Note); err != nil {
		return nil, err
	}
	k := composa.Token{Owner: owner.ID, Note: in.Body.Note}
	if in.Body.Expires > 0 {
		k.ExpiresAt = s.Clock().Add(time.Duration(in.Body.Expires) * time.Second)
	}
	text, hash := auth.NewToken()
	c := callOf(ctx)
	made := &k
	if err := c.once(func(who composa.Who) (err error) {
		made, err = s.Store.AddToken(ctx, who, k, hash)
		return err
	}); err != nil {
		return nil, err
	}
	if c.kept != nil {
		if made, err = s.Store.Token(ctx, c.who, composa.TokenID(c.kept.Result)); err != nil {
			return nil, err
		}
	}
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	out := &createTokenOutput{Body: n.token(made)}
	if c.kept == nil {
		out.Body.Token = text
	} else {
		out.Body.Next = "its text was in the answer to the first request with this key, and is not kept; where that was lost remove the token, and make another with a new key"
	}
	return out, nil
}

// TokenPath names a token in a path.
type TokenPath struct {
	ID string `path:"id" maxLength:"128" example:"tok_k3v9q2xwabcdefgh" doc:"Id of the token"`
}

func (s *Server) deleteToken(ctx context.Context, in *TokenPath) (*struct{}, error) {
	if !api.IsTokenID(in.ID) { // it may be a token's text, and is not repeated
		return nil, composa.Errorf(composa.CodeInvalid, "cannot remove a token: what the path names is not the id of one").WithNext("composa token ls shows the ids")
	}
	return &struct{}{}, callOf(ctx).once(func(who composa.Who) error {
		return s.Store.DeleteToken(ctx, who, composa.TokenID(in.ID))
	})
}
