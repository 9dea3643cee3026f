package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/token"
)

// yamlOf is JSON as YAML that means the same: fields stay in their order, numbers
// keep all their digits, and every text is in quotes that a reader could take for
// something else, or that holds anything odd.
//
// It is written here because the library that reads YAML writes texts such as
// "? x" without quotes, and the names of fields with what is odd in them.
func yamlOf(data []byte) ([]byte, error) {
	w := yamlWriter{from: json.NewDecoder(bytes.NewReader(data))}
	w.from.UseNumber()
	if err := w.value(alone, 0); err != nil {
		return nil, err
	}
	return w.to.Bytes(), nil
}

type yamlWriter struct {
	from *json.Decoder
	to   bytes.Buffer
}

// yamlPlace is what stands before a value in its line.
type yamlPlace int

const (
	alone     yamlPlace = iota // nothing
	behindKey                  // the name of a field
	behindBar                  // the "-" of an element
)

// value writes the next value; indent is that of the line it begins in.
func (w *yamlWriter) value(at yamlPlace, indent int) error {
	next, err := w.from.Token()
	if err != nil {
		return err
	}
	switch v := next.(type) {
	case json.Delim:
		return w.elements(v, at, indent)
	case string:
		w.scalar(at, yamlText(v))
	case nil:
		w.scalar(at, "null")
	case json.Number:
		w.scalar(at, yamlNumber(string(v)))
	default:
		w.scalar(at, fmt.Sprint(v))
	}
	return nil
}

func (w *yamlWriter) scalar(at yamlPlace, text string) {
	if at != alone {
		w.to.WriteByte(' ')
	}
	w.to.WriteString(text + "\n")
}

// elements writes an object or a list up to its end.
func (w *yamlWriter) elements(open json.Delim, at yamlPlace, indent int) error {
	object := open == '{'
	if !w.from.More() {
		w.scalar(at, map[bool]string{true: "{}", false: "[]"}[object])
		_, err := w.from.Token()
		return err
	}
	if at == behindKey {
		w.to.WriteByte('\n')
	}
	if at == behindBar || at == behindKey && object {
		indent += 2
	}
	for first := true; w.from.More(); first = false {
		if first && at == behindBar {
			w.to.WriteByte(' ')
		} else {
			w.to.WriteString(strings.Repeat(" ", indent))
		}
		before := behindBar
		if object {
			name, err := w.from.Token()
			if err != nil {
				return err
			}
			before = behindKey
			w.to.WriteString(yamlText(name.(string)) + ":")
		} else {
			w.to.WriteByte('-')
		}
		if err := w.value(before, indent); err != nil {
			return err
		}
	}
	_, err := w.from.Token()
	return err
}

// yamlNumber writes an exponent as every reader takes it: behind a fraction, with
// its sign.
func yamlNumber(s string) string {
	digits, exponent, ok := strings.Cut(strings.ToLower(s), "e")
	if !ok {
		return s
	}
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	if exponent[0] != '-' && exponent[0] != '+' {
		exponent = "+" + exponent
	}
	return digits + "e" + exponent
}

// yamlText writes a text without quotes where every reader takes it for itself.
func yamlText(s string) string {
	plain := s != "" && !token.IsNeedQuoted(s) && !strings.ContainsFunc(s, func(r rune) bool { return odd(r) || !unicode.IsPrint(r) })
	if plain {
		first := []rune(s)[0]
		switch {
		case unicode.IsDigit(first):
			_, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
			plain = err != nil && !strings.Contains(s, ":") // 12:30 is a number of YAML 1.1
		default:
			plain = unicode.IsLetter(first) || first == '/' || first == '(' || first == '_'
		}
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}
