package rest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/composa-dev/composa/api"
)

// securityName is how the description calls the token that a request carries.
const securityName = "token"

const aboutAPI = `Composa makes machines out of pooled hardware: processors, GPUs, drives and network cards that hang on a switched fabric.

A call that changes a machine answers 202 with the operation that carries it out, or, with wait=SECONDS, with the machine once it is done. A machine is named by project and name; putting the same one again finds it.

Every answer that is not a success is application/problem+json: "code" is stable and for programs, "detail" says what could not be done and why, "next" what to do about it, "retryable" whether the same call may succeed if it is just made again. Times are RFC 3339 in UTC, sizes bytes, speeds bits per second, durations seconds. Fields may be added, and are never taken away.`

// chapters are the tags of the routes, in the order in which they are shown.
var chapters = []*huma.Tag{
	{Name: "machines", Description: "Devices of one fabric, held together under a name."},
	{Name: "operations", Description: "What was asked for, being carried out."},
	{Name: "plans", Description: "What a request would do, without doing it."},
	{Name: "devices", Description: "The parts that fabrics can attach."},
	{Name: "fabrics", Description: "The composable systems."},
	{Name: "pools", Description: "Devices kept for a purpose."},
	{Name: "users", Description: "Who may sign in, and the tokens with which they do."},
	{Name: "events", Description: "What happened, as it happens."},
	{Name: "site", Description: "The server, and who asks."},
}

// newAPI makes the part of huma's that reads, checks and writes. It serves no
// pages of its own.
func newAPI(mux *http.ServeMux) huma.API {
	configure()
	return humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Composa", Version: "v1", Description: aboutAPI,
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/", Description: "The server that this description came from"}},
			Tags:    chapters,
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{securityName: {
					Type: "http", Scheme: "bearer", Description: "A token of a user, as composa token prints it.",
				}},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	})
}

func schemaOf(schemas huma.Registry, v any) *huma.Schema {
	return schemas.Schema(reflect.TypeOf(v), true, "")
}

func problemResponse(schemas huma.Registry) *huma.Response {
	r := &huma.Response{
		Description: "It did not work, and why.",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schemaOf(schemas, problem{})}},
	}
	header(r, "Retry-After", "Seconds after which it is worth to ask again; not with every problem")
	return r
}

// description is the OpenAPI document, as it is served; it does not differ from
// one server to another.
var description = sync.OnceValue(func() *documents {
	spec := New(Config{}).api.OpenAPI()
	schemas := spec.Components.Schemas
	for _, body := range eventBodies {
		schemaOf(schemas, body)
	}
	open(spec)
	var d documents
	if d.yaml, d.err = spec.YAML(); d.err != nil {
		return &d
	}
	d.yaml = append([]byte("# Written by go generate ./internal/rest. Change the routes there, or the types here.\n"), d.yaml...)
	if d.json, d.err = json.MarshalIndent(spec, "", "  "); d.err != nil {
		return &d
	}
	d.page, d.err = docsPage(spec)
	return &d
})

// eventBodies are the shapes that the body of an event can have beside those of
// the routes.
var eventBodies = []any{api.EventMachine{}, api.EventDevice{}, api.EventClaim{}, api.EventFabric{}, api.EventPool{}, api.EventUser{}}

// open lets answers have fields that the description does not know, because
// answers grow; what a request may say stays closed.
func open(spec *huma.OpenAPI) {
	schemas := spec.Components.Schemas
	asked := map[string]bool{}
	var mark func(s *huma.Schema)
	mark = func(s *huma.Schema) {
		if s == nil {
			return
		}
		if name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]; s.Ref != "" && !asked[name] {
			asked[name] = true
			mark(schemas.SchemaFromRef(s.Ref))
		}
		mark(s.Items)
		for _, p := range s.Properties {
			mark(p)
		}
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			mark(of)
		}
	}
	for _, item := range spec.Paths {
		for _, op := range []*huma.Operation{item.Put, item.Post, item.Patch} {
			if op != nil && op.RequestBody != nil {
				mark(op.RequestBody.Content[jsonType].Schema)
			}
		}
	}
	for name, s := range schemas.Map() {
		if closed, ok := s.AdditionalProperties.(bool); ok && !closed && !asked[name] {
			s.AdditionalProperties = nil
		}
	}
}

type documents struct {
	yaml, json, page []byte
	err              error
}

// OpenAPI returns the description of the API as YAML: what api/openapi.yaml
// holds.
func OpenAPI() ([]byte, error) {
	d := description()
	return d.yaml, d.err
}

func (s *Server) openapiYAML(w http.ResponseWriter, r *http.Request) {
	s.document(w, r, "application/yaml", description().yaml)
}

func (s *Server) openapiJSON(w http.ResponseWriter, r *http.Request) {
	s.document(w, r, "application/json", description().json)
}

func (s *Server) docs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	s.document(w, r, "text/html; charset=utf-8", description().page)
}

func (s *Server) document(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	if err := description().err; err != nil {
		s.answer(w, r, err)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body) // nobody is left to tell when the caller went away
}
