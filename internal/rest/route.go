package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/composa-dev/composa/internal/auth"
)

// route is one line of the table: what is asked how, what auth.Allow is asked
// about, and who answers.
type route struct {
	method, path string
	verb         auth.Verb // what the caller must be allowed
	also         auth.Verb // what some of it needs besides: its handler asks
	open         bool      // in place of verb: needs no token
	id           string    // name of the operation in the description
	tag          string    // chapter of the description
	summary      string
	about        string
	answers      []success
	example      any // of the request's body
	on           binding
}

// success is one way in which a route answers when all is well.
type success struct {
	status int
	about  string
	body   any // an example of the type; nil: no body
	types  []string
	tag    string // what its ETag is, where its handler writes the answer itself
}

// binding ties a route to the function that answers it.
type binding func(s *Server, rt *route, mux *http.ServeMux)

func (rt *route) register(s *Server, mux *http.ServeMux) { rt.on(s, rt, mux) }

// reply ties a route to a handler that huma calls with what it read and checked.
func reply[I, O any](handler func(*Server, context.Context, *I) (*O, error)) binding {
	return func(s *Server, rt *route, _ *http.ServeMux) {
		op := rt.describe(s.api.OpenAPI().Components.Schemas)
		if rt.verb != "" {
			op.Middlewares = append(op.Middlewares, s.admit(rt.verb))
		}
		op.Middlewares = append(op.Middlewares, s.plainQuery, s.sound, s.keyed)
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := answered(ctx, s, func() (*O, error) { return handler(s, ctx, in) })
			if err != nil {
				c := callOf(ctx)
				c.cause = err
				return nil, problemOf(unlessGone(ctx, err), c.id)
			}
			return out, nil
		})
		if body := s.api.OpenAPI().Paths[rt.path]; body != nil {
			rt.exemplify(body)
		}
	}
}

// plain ties a route that is not part of the described API to a function.
func plain(handler func(*Server, http.ResponseWriter, *http.Request)) binding {
	return func(s *Server, rt *route, mux *http.ServeMux) {
		mux.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) { handler(s, w, r) })
	}
}

// describe is the route as the description of the API tells it.
func (rt *route) describe(schemas huma.Registry) huma.Operation {
	op := huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: rt.id, Tags: []string{rt.tag}, Summary: rt.summary, Description: rt.about,
		// The body was read and bounded before; huma reads what is in memory.
		MaxBodyBytes: MaxBody + 1, BodyReadTimeout: -1,
		DefaultStatus: http.StatusOK, RejectUnknownQueryParameters: true,
		Security:  []map[string][]string{{securityName: {}}},
		Responses: map[string]*huma.Response{"default": problemResponse(schemas)},
	}
	if rt.method != http.MethodGet {
		op.Parameters = append(op.Parameters, keyParameter)
	}
	if rt.open {
		op.Security = []map[string][]string{{}}
	}
	for i, a := range rt.answers {
		if i == 0 {
			op.DefaultStatus = a.status
		}
		answer := a.describe(schemas)
		if rt.method != http.MethodGet {
			header(answer, replayedHeader, "true: it is answered by what came of an earlier request with the key")
		}
		op.Responses[strconv.Itoa(a.status)] = answer
	}
	return op
}

func (a success) describe(schemas huma.Registry) *huma.Response {
	r := &huma.Response{Description: a.about}
	if a.tag != "" {
		header(r, "ETag", a.tag)
	}
	if a.body == nil {
		return r
	}
	r.Content = map[string]*huma.MediaType{}
	types := a.types
	if types == nil {
		types = []string{"application/json"}
	}
	for _, t := range types {
		r.Content[t] = &huma.MediaType{Schema: schemaOf(schemas, a.body)}
	}
	return r
}

// header describes a header of an answer.
func header(r *huma.Response, name, about string) {
	if r.Headers == nil {
		r.Headers = map[string]*huma.Param{}
	}
	r.Headers[name] = &huma.Param{Schema: &huma.Schema{Type: huma.TypeString, Description: about}}
}

// exemplify puts the example into the description of the request's body.
func (rt *route) exemplify(item *huma.PathItem) {
	for method, op := range map[string]*huma.Operation{
		http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodPatch: item.Patch,
	} {
		if method == rt.method && op != nil && op.RequestBody != nil && rt.example != nil {
			op.RequestBody.Content["application/json"].Example = rt.example
		}
	}
}
