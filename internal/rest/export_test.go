package rest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
)

// Line is a route of the table, for tests.
type Line struct {
	Method, Path, ID, Tag, Summary string
	Verb, Also                     auth.Verb
	Open, Described                bool
	Example                        any
}

// Lines are all routes of the table.
func Lines() []Line {
	var out []Line
	for _, rt := range routes {
		out = append(out, Line{rt.method, rt.path, rt.id, rt.tag, rt.summary, rt.verb, rt.also, rt.open, rt.id != "", rt.example})
	}
	return out
}

// Spec is the description of the API.
func Spec() *huma.OpenAPI { return New(Config{}).api.OpenAPI() }

// Cut is cut for tests over names.
func Cut(names []string, limit int, cursor string) ([]string, string, error) {
	return cut(names, PageInput{Limit: limit, Cursor: cursor}, func(s *string) string { return *s })
}

// CheckBody is checkBody for tests.
func CheckBody(body []byte) error { return checkBody(body, true) }

// Bare is a handler behind what stands before every route, with the bytes of
// body for an answer.
func (s *Server) Bare(body func(uri string) []byte) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, r *http.Request) {
		if err := s.identify(r, auth.DeviceRead); err != nil {
			s.answer(w, r, err)
			return
		}
		text := body(r.RequestURI)
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}
	mux.HandleFunc("GET /v1/devices", answer)
	mux.HandleFunc("GET /v1/devices/{fabric}/{name}", answer)
	return s.number(s.find(mux))
}

// MinOf and MinToAPI read and show a least.
var (
	MinOf    = minOf
	MinToAPI = minToAPI
)

// StatusOf is how a code is answered.
func StatusOf(code composa.Code) int { return status[code].http }

// Codes are all codes that are answered.
func Codes() []composa.Code { return slices.Sorted(maps.Keys(status)) }
