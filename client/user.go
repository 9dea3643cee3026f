package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/composa-dev/composa/api"
)

// Users iterates over the users of a project; project empty: over all whom who
// asks may read.
func (c *Client) Users(ctx context.Context, project string) iter.Seq2[api.User, error] {
	return pages[api.User](ctx, c, "/v1/users", values("project", project))
}

// User returns one user.
func (c *Client) User(ctx context.Context, name string) (*api.User, error) {
	return get[api.User](ctx, c, join("/v1/users", name), nil)
}

// CreateUser makes a user. Only who administers the site may.
func (c *Client) CreateUser(ctx context.Context, u api.NewUser) (*api.User, error) {
	return answer[api.User](ctx, c, call{method: http.MethodPost, path: "/v1/users", body: u})
}

// Tokens iterates over the tokens of a user that let somebody in; user empty:
// over all that who asks may read.
func (c *Client) Tokens(ctx context.Context, user string) iter.Seq2[api.Token, error] {
	return pages[api.Token](ctx, c, "/v1/tokens", values("user", user))
}

// CreateToken makes a token. Its text is in Token of the answer, and is never
// shown again. It is empty where the request was sent again, because its first
// answer was lost, or with a key that was used before: then Next says what to do.
func (c *Client) CreateToken(ctx context.Context, t api.NewToken) (*api.Token, error) {
	return answer[api.Token](ctx, c, call{method: http.MethodPost, path: "/v1/tokens", body: t})
}

// DeleteToken ends a token, with the event streams and waits that it opened.
func (c *Client) DeleteToken(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: join("/v1/tokens", id)}, nil)
	return err
}
