package client

import (
	"context"
	"net/url"

	"github.com/composa-dev/composa/api"
)

// Explanation is why an operation chose the fabric and the devices that it
// chose; nil where it chose nothing (free, unplug, move).
func (c *Client) Explanation(ctx context.Context, operation string) (*api.Explanation, error) {
	op, err := get[api.Operation](ctx, c, join("/v1/operations", operation), url.Values{"explain": {"true"}})
	if err != nil {
		return nil, err
	}
	return op.Explanation, nil
}
