package rest

import (
	"encoding/base64"
	"sort"
	"strings"

	"github.com/composa-dev/composa"
)

// PageInput is what every list takes. (It and its like are exported because huma
// fills in no other embedded struct.)
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Most items in the answer; 100 unless said"`
	Cursor string `query:"cursor" maxLength:"512" doc:"The next of the page before; none: the first page"`
}

func (p PageInput) limit() int {
	if p.Limit == 0 {
		return UsualList
	}
	return p.Limit
}

// cursorMark begins what a cursor holds, so that something else is recognised.
const cursorMark = "1:"

func cursorOf(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + key))
}

// key is where the page before ended; empty for the first page.
func (p PageInput) key() (string, error) {
	if p.Cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	key, ok := strings.CutPrefix(string(text), cursorMark)
	if err != nil || !ok {
		return "", at("query.cursor", "it is not the next of a page")
	}
	return key, nil
}

// cut returns the page of items that p asks for, and the cursor of the one
// after it. items must be in natural order of their keys, which must differ. A
// page begins behind the last key of the one before, so that what comes and
// goes in between neither repeats nor hides the rest.
func cut[T any](items []T, p PageInput, key func(*T) string) (page []T, next string, err error) {
	from, to, next, err := bounds(len(items), p, func(i int) string { return key(&items[i]) }, composa.NaturalCompare)
	if err != nil {
		return nil, "", err
	}
	return items[from:to], next, nil
}

// bounds is cut for n items of which only the keys are told, in the order that
// compare says.
func bounds(n int, p PageInput, key func(int) string, compare func(a, b string) int) (from, to int, next string, err error) {
	after, err := p.key()
	if err != nil {
		return 0, 0, "", err
	}
	if after != "" {
		from = sort.Search(n, func(i int) bool { return compare(key(i), after) > 0 })
	}
	to = min(n, from+p.limit())
	if to < n {
		next = cursorOf(key(to - 1))
	}
	return from, to, next, nil
}

// cutOrdered is cut for a short list in an order of its own: a page begins
// behind the item whose key ended the page before, or at the start where that
// has gone.
func cutOrdered[T any](items []T, p PageInput, key func(*T) string) (page []T, next string, err error) {
	after, err := p.key()
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		for i := range items {
			if key(&items[i]) == after {
				items = items[i+1:]
				break
			}
		}
	}
	if len(items) > p.limit() {
		items = items[:p.limit()]
		next = cursorOf(key(&items[len(items)-1]))
	}
	return items, next, nil
}
