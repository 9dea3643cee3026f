package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/selector"
)

// entriesOf reads what is wanted; location is where it stands in the request.
func entriesOf(location string, wants []api.Want) ([]composa.Entry, error) {
	if n := len(wants); n > composa.MaxEntries { // before any work on them
		return nil, at(location, "it has %d entries, %d are allowed", n, composa.MaxEntries)
	}
	out := make([]composa.Entry, 0, len(wants))
	for i, w := range wants {
		here := fmt.Sprintf("%s[%d]", location, i)
		least, err := minOf(here+".min", composa.Kind(w.Kind), w.Min)
		if err != nil {
			return nil, err
		}
		if w.Where != "" {
			if _, err := selector.Compile(w.Where); err != nil {
				return nil, atCause(here+".where", err)
			}
		}
		out = append(out, composa.Entry{
			Kind: composa.Kind(w.Kind), Count: w.Count, Model: w.Model, Places: placesOf(w.IDs), IPMI: w.IPMI,
			Min: least, Where: strings.TrimSpace(w.Where),
		})
	}
	return out, nil
}

// minOf reads the least that each device of a kind must have.
func minOf(location string, kind composa.Kind, min map[string]any) (map[string]int64, error) {
	if len(min) == 0 {
		return nil, nil
	}
	out := make(map[string]int64, len(min))
	for _, field := range slices.Sorted(maps.Keys(min)) {
		n, err := amount(min[field])
		if err == nil {
			err = composa.CheckMin(kind, field, n)
		}
		if err != nil {
			return nil, atCause(location+"."+composa.Abridge(field, 40), err)
		}
		out[field] = n
	}
	return out, nil
}

// mostExact is where the whole numbers begin that a JSON number need not carry
// exactly: a reader may take its neighbour.
const mostExact = 1 << 53

// amount is a quantity as text, or a whole number that JSON carries exactly.
func amount(v any) (int64, error) {
	switch v := v.(type) {
	case string:
		return composa.ParseQuantity(v)
	case json.Number:
		return composa.ParseQuantity(v.String())
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < mostExact {
			return int64(v), nil
		}
		return 0, errors.New("it is no whole number, or one too large for JSON; write it as text: \"1.5TB\"")
	}
	return 0, errors.New("it is neither a quantity such as \"40GB\" nor a number")
}

// minToAPI shows a least as numbers, and as text where a number would not be
// exact.
func minToAPI(min map[string]int64) map[string]any {
	if len(min) == 0 {
		return nil
	}
	out := make(map[string]any, len(min))
	for field, n := range min {
		if out[field] = n; n >= mostExact {
			out[field] = strconv.FormatInt(n, 10)
		}
	}
	return out
}

// atCause is an invalid request with the place of what is wrong in it, in the
// words of err.
func atCause(location string, err error) error {
	var e *composa.Error
	if !errors.As(err, &e) {
		return at(location, "%v", err)
	}
	p := at(location, "%s", e.Text)
	p.Next = e.Next
	var place *selector.Problem
	if errors.As(err, &place) {
		p.Errors[0].Line, p.Errors[0].Column = place.Line, place.Column
	}
	return p
}
