package cli

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/token"
)

// yamlOf is JSON as YAML that means the same: fields stay in their order, the
// last counts of those with one name, numbers keep all their digits, and every
// text is in quotes that a reader could take for something else, or that holds
// anything odd.
//
// It is written here because the library that reads YAML writes texts such as
// "? x" without quotes, and the names of fields with what is odd in them.
func yamlOf(data []byte) ([]byte, error) {
	var w yamlWriter
	if err := w.value(data, alone, 0); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}

type yamlWriter struct{ bytes.Buffer }

// yamlPlace is what stands before a value in its line.
type yamlPlace int

const (
	alone     yamlPlace = iota // nothing
	behindKey                  // the name of a field
	behindBar                  // the "-" of an element
)

// value writes a value; indent is that of the line it begins in.
func (w *yamlWriter) value(data []byte, at yamlPlace, indent int) error {
	data = bytes.TrimSpace(data)
	switch {
	case bytes.HasPrefix(data, []byte("{")):
		names, fields, err := fieldsOf(data)
		if err != nil {
			return err
		}
		if at != alone {
			indent += 2
		}
		return w.elements("{}", len(names), at, indent, func(i int) error {
			w.WriteString(yamlText(names[i]) + ":")
			return w.value(fields[names[i]], behindKey, indent)
		})
	case bytes.HasPrefix(data, []byte("[")):
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		if at == behindBar {
			indent += 2
		}
		return w.elements("[]", len(list), at, indent, func(i int) error {
			w.WriteByte('-')
			return w.value(list[i], behindBar, indent)
		})
	case bytes.HasPrefix(data, []byte(`"`)):
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		w.scalar(yamlText(text), at)
	case bytes.ContainsAny(data, "0123456789"):
		w.scalar(yamlNumber(string(data)), at)
	default: // true, false or null
		w.scalar(string(data), at)
	}
	return nil
}

func (w *yamlWriter) scalar(text string, at yamlPlace) {
	if at != alone {
		w.WriteByte(' ')
	}
	w.WriteString(text + "\n")
}

// elements writes count elements, each in lines of its own; none stand as empty.
func (w *yamlWriter) elements(empty string, count int, at yamlPlace, indent int, write func(int) error) error {
	switch {
	case count == 0:
		w.scalar(empty, at)
	case at == behindKey:
		w.WriteByte('\n')
	}
	for i := range count {
		if i == 0 && at == behindBar {
			w.WriteByte(' ')
		} else {
			w.WriteString(strings.Repeat(" ", indent))
		}
		if err := write(i); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf reads an object: its fields by name, and the names in their order.
func fieldsOf(object []byte) (names []string, fields map[string]json.RawMessage, err error) {
	fields = map[string]json.RawMessage{}
	from := json.NewDecoder(bytes.NewReader(object))
	if _, err := from.Token(); err != nil {
		return nil, nil, err
	}
	for from.More() {
		name, err := from.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := from.Decode(&value); err != nil {
			return nil, nil, err
		}
		if _, twice := fields[name.(string)]; !twice {
			names = append(names, name.(string))
		}
		fields[name.(string)] = value
	}
	return names, fields, nil
}

// yamlNumber writes the exponent of a number as every reader takes it: behind a
// fraction, with its sign.
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
