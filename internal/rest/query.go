package rest

import (
	"maps"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/composa-dev/composa"
)

// plainQuery refuses a query that cannot be read, and one that says two things
// of what can be said once: huma would take one of them in silence.
func (s *Server) plainQuery(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	said, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.answer(w, r, at("query", "%q is not NAME=VALUE&…, with %% and two hexadecimal digits for what is no letter", composa.Abridge(r.URL.RawQuery, 80)))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if n := len(said[name]); n > 1 && !isList(ctx.Operation(), name) {
			s.answer(w, r, at("query."+composa.Abridge(name, 40), "is given %d times; it is taken once", n))
			return
		}
	}
	next(ctx)
}

// isList says whether a parameter may be given more than once.
func isList(op *huma.Operation, name string) bool {
	return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool {
		return p.In == "query" && p.Name == name && p.Explode != nil && *p.Explode
	})
}
