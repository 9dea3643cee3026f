package liqid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// Answers that are not what they should be. The call is carried out; what is
// spoiled is only what the client gets to read.

// page is what stands before a director that does not answer itself.
const page = `<!DOCTYPE html>
<html><head><title>Emulated fault</title></head>
<body><h1>This is not the director's API</h1><p>Sign in to go on.</p></body></html>
`

// kept is an answer that is held back until it is spoiled.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }
func (k *kept) WriteHeader(status int)      { k.status = status }

// spoil sends the answer as the effects leave it, and returns its status.
func (k *kept) spoil(w http.ResponseWriter, effects []Effect) int {
	body := k.body.Bytes()
	for _, e := range effects {
		switch e {
		case EffectHTML:
			body = []byte(page)
			k.header.Set("Content-Type", "text/html;charset=UTF-8")
		case EffectHalf:
			body = body[:len(body)/2]
		case EffectTypes:
			body = mistype(body)
		case EffectEmpty:
			body, k.status = nil, http.StatusOK
		}
	}
	if len(body) > 0 && k.status == http.StatusNoContent {
		k.status = http.StatusOK // 204 cannot carry a body
	}
	for name, values := range k.header {
		w.Header()[name] = values
	}
	if k.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(k.status)
	w.Write(body)
	return k.status
}

// mistype gives every value another type, so that no field is what it should
// be; lists and objects that hold something keep their shape, so that readers
// get as far as the fields. Keys come out sorted. What is no JSON stays.
func mistype(body []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return body
	}
	out, err := encode(otherType(v))
	if err != nil {
		return body
	}
	return out
}

func otherType(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			return []any{}
		}
		for key := range v {
			v[key] = otherType(v[key])
		}
		return v
	case []any:
		if len(v) == 0 {
			return map[string]any{}
		}
		for i := range v {
			v[i] = otherType(v[i])
		}
		return v
	case string:
		return []any{v}
	case json.Number:
		return "number " + v.String() // not a number as text either, which clients read
	case bool:
		return fmt.Sprint(v)
	}
	return 0 // for null
}

// spoils tells whether an effect is one on the answer.
func spoils(e Effect) bool {
	return slices.Contains([]Effect{EffectHTML, EffectHalf, EffectTypes, EffectEmpty}, e)
}
