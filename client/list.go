package client

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// pageSize is how many items one call of a list asks for: the server's most.
const pageSize = "1000"

// page is what every list answers.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// pages iterates over all items of a list, a page at a time. It ends after the
// first error.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := maps.Clone(query)
		if q == nil {
			q = url.Values{}
		}
		q.Set("limit", pageSize)
		for {
			p, err := get[page[T]](ctx, c, path, q)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			q.Set("cursor", p.Next)
		}
	}
}

// All collects what an iterator of this package gives, up to the first error.
// Nothing is an empty list, not nil.
func All[T any](seq iter.Seq2[T, error]) ([]T, error) {
	all := []T{}
	for item, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	return answer[T](ctx, c, call{method: http.MethodGet, path: path, query: query})
}

func answer[T any](ctx context.Context, c *Client, k call) (*T, error) {
	var out T
	if _, err := c.do(ctx, k, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// values makes a query of keys and values; empty values are left out.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
