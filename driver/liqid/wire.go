package liqid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/composa-dev/composa"
)

// Records as a director writes them (liqid-api.md 1.4), as far as they are
// read. Fields that nobody reads are not named; numbers may come as text and
// text as numbers, names only as text. What a director writes is shown to
// people, so it is cleaned where it is read. Records that are sent back are sent
// as they came (raw).

// maxText is how much of one text of a director is believed, in bytes.
const maxText = 1024

// clean replaces what cannot be shown (control characters, invalid UTF-8, what
// turns the direction of writing) by U+FFFD, and cuts off what is beyond maxText.
func clean(s string) string {
	return composa.Abridge(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, s), maxText)
}

// label reads a name: a string or null, and nothing else.
type label string

func (l *label) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*l = label(clean(s))
	return nil
}

func (l label) told() string { return text(l).told() }

// text reads a string that may come as a number, a bool or null.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch b = bytes.TrimSpace(b); {
	case len(b) == 0 || b[0] == '{' || b[0] == '[' || string(b) == "null":
	case json.Unmarshal(b, &s) == nil:
	default:
		s = string(b)
	}
	*t = text(clean(s))
	return nil
}

// told is the value, empty where the director says that there is none
// (liqid-api.md 1.3: "n/a").
func (t text) told() string {
	s := strings.TrimSpace(string(t))
	switch strings.ToLower(s) {
	case "n/a", "na", "null":
		return ""
	}
	return s
}

// number reads an integer that may come as text, decimal or 0x…; ok is false
// for everything else.
type number struct {
	value int64
	ok    bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	var t text
	_ = t.UnmarshalJSON(b) // it never fails
	*n = parseNumber(t.told())
	return nil
}

// small is the number where it can be an id, else 0.
func (n number) small() int {
	if n.value < 0 || n.value > maxID {
		return 0
	}
	return int(n.value)
}

func parseNumber(s string) number {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{v, true}
	}
	if hex, is := strings.CutPrefix(strings.ToLower(s), "0x"); is {
		v, err := strconv.ParseInt(hex, 16, 64)
		return number{v, err == nil}
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v == v && v > -1e15 && v < 1e15 {
		return number{int64(v), true}
	}
	return number{}
}

// maxID is the greatest id of a group, and of whatever else has one.
const maxID = math.MaxInt32

// idOf reads an id of a record that what names, from least to maxID.
func idOf(what, field string, said text, least int64) (int, error) {
	n := parseNumber(said.told())
	switch {
	case said.told() == "":
		return 0, fmt.Errorf("%s without %s", what, field)
	case !n.ok:
		return 0, fmt.Errorf("%s with %s %q, which is not an id", what, field, composa.Abridge(said.told(), 24))
	case n.value < least || n.value > maxID:
		return 0, fmt.Errorf("%s with %s %s, which is not from %d to %d", what, field, composa.Abridge(said.told(), 24), least, maxID)
	}
	return int(n.value), nil
}

// named names a record in an error.
func named(what string, name label) string {
	if name.told() == "" {
		return "a " + what
	}
	return what + " " + strconv.Quote(composa.Abridge(name.told(), 40))
}

// list reads an array; anything else is an empty one or a single element.
type list []json.RawMessage

func (l *list) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	var elements []json.RawMessage
	switch {
	case len(b) == 0 || string(b) == "null":
	case json.Unmarshal(b, &elements) == nil:
	default:
		elements = []json.RawMessage{bytes.Clone(b)}
	}
	*l = elements
	return nil
}

// envelope is around every answer but a few (liqid-api.md 2.0). What says whether
// a call succeeded is of its own type or it is no envelope: an answer in which
// that is spoiled says nothing.
type envelope struct {
	data    []json.RawMessage
	refused bool
	words   string // what the errors say
}

func readEnvelope(b []byte) (e envelope, ok bool) {
	var wire struct {
		Response *struct {
			Data   list              `json:"data"`
			Errors []json.RawMessage `json:"errors"`
			Code   float64           `json:"code"`
		} `json:"response"`
	}
	if json.Unmarshal(b, &wire) != nil || wire.Response == nil {
		return e, false
	}
	e.data = wire.Response.Data
	e.refused = wire.Response.Code != 0 || len(wire.Response.Errors) > 0
	var words []string
	for _, raw := range wire.Response.Errors {
		var entry struct{ Message text }
		if json.Unmarshal(raw, &entry) != nil || entry.Message == "" {
			var plain text
			_ = plain.UnmarshalJSON(raw) // it never fails
			entry.Message = plain
		}
		if entry.Message != "" {
			words = append(words, string(entry.Message))
		}
	}
	e.words = strings.Join(words, "; ")
	return e, true
}
