package store

import (
	"encoding/json"
	"fmt"
	"time"
)

// micros is a time as a column holds it: integer microseconds, NULL for none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// stored is a time as it is read again once it was written: in UTC and the
// store's precision.
func stored(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}

// moment reads a column that micros wrote.
type moment struct{ to *time.Time }

// Scan is database/sql's way in.
func (m moment) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m.to = time.Time{}
	case int64:
		*m.to = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// bit is a bool as a column holds it: 0 or 1, the same on both engines.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// body is a value as a column holds it: JSON text.
func body(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// bodies encodes several values and stops at the first error.
func bodies(values ...any) ([]string, error) {
	out := make([]string, len(values))
	for i, v := range values {
		text, err := body(v)
		if err != nil {
			return nil, err
		}
		out[i] = text
	}
	return out, nil
}

// jsonText reads a column that body wrote; an empty or NULL one leaves the zero
// value.
type jsonText struct{ to any }

// Scan is database/sql's way in.
func (j jsonText) Scan(v any) error {
	var text []byte
	switch v := v.(type) {
	case nil:
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("a body is stored as %T", v)
	}
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, j.to)
}
