package rest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsText string

//go:embed docs.css
var docsStyle string

// docsPolicy lets the page have its own style and nothing else.
var docsPolicy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	base64.StdEncoding.EncodeToString(sum([]byte(docsStyle))))

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// page is what the template shows.
type page struct {
	Title, About string
	Style        template.CSS
	Chapters     []chapter
	Shapes       []shape
}

type chapter struct {
	Name, About string
	Calls       []shownCall
}

type shownCall struct {
	ID, Method, Path, Summary, About string
	Open                             bool
	Params                           []param
	Body                             typeRef
	BodyNeeded                       bool
	Example                          string
	Answers                          []shownAnswer
}

type param struct{ Name, In, Type, About, Rule string }

type shownAnswer struct {
	Status, About string
	Body          typeRef
}

type shape struct {
	Name   string
	Fields []field
}

type field struct {
	Name        string
	Type        typeRef
	About, Rule string
	Needed      bool
}

// typeRef names a type, and the shape that it links to.
type typeRef struct{ Text, Shape string }

// docsPage renders the description as a page that loads nothing.
func docsPage(spec *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("docs").Parse(docsText)
	if err != nil {
		return nil, err
	}
	p := page{Title: spec.Info.Title + " API " + spec.Info.Version, About: spec.Info.Description, Style: template.CSS(docsStyle)}
	for _, tag := range spec.Tags {
		p.Chapters = append(p.Chapters, chapterOf(spec, tag))
	}
	schemas := spec.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		p.Shapes = append(p.Shapes, shapeOf(name, schemas[name]))
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

// chapterOf gathers the calls of a tag in the order of the table.
func chapterOf(spec *huma.OpenAPI, tag *huma.Tag) chapter {
	c := chapter{Name: tag.Name, About: tag.Description}
	for i := range routes {
		rt := &routes[i]
		item := spec.Paths[rt.path]
		if rt.tag != tag.Name || item == nil {
			continue
		}
		op := map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		}[rt.method]
		c.Calls = append(c.Calls, callShown(rt, op))
	}
	return c
}

func callShown(rt *route, op *huma.Operation) shownCall {
	c := shownCall{ID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, About: rt.about, Open: rt.open}
	for _, p := range op.Parameters {
		c.Params = append(c.Params, param{Name: p.Name, In: p.In, Type: typeOf(p.Schema).Text, About: p.Description, Rule: ruleOf(p.Schema)})
	}
	if op.RequestBody != nil {
		c.Body, c.BodyNeeded = typeOf(op.RequestBody.Content[jsonType].Schema), op.RequestBody.Required
	}
	if rt.example != nil {
		if text, err := json.MarshalIndent(rt.example, "", "  "); err == nil {
			c.Example = string(text)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		a := shownAnswer{Status: status, About: r.Description}
		for _, kind := range slices.Sorted(maps.Keys(r.Content)) {
			a.Body = typeOf(r.Content[kind].Schema)
		}
		c.Answers = append(c.Answers, a)
	}
	return c
}

func shapeOf(name string, s *huma.Schema) shape {
	out := shape{Name: name}
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		prop := s.Properties[key]
		out.Fields = append(out.Fields, field{
			Name: key, Type: typeOf(prop), About: prop.Description, Rule: ruleOf(prop), Needed: slices.Contains(s.Required, key),
		})
	}
	return out
}

func typeOf(s *huma.Schema) typeRef {
	switch {
	case s == nil:
		return typeRef{}
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return typeRef{Text: name, Shape: name}
	case s.Type == huma.TypeArray:
		of := typeOf(s.Items)
		return typeRef{Text: "list of " + of.Text, Shape: of.Shape}
	case s.Type == huma.TypeObject:
		if of, ok := s.AdditionalProperties.(*huma.Schema); ok {
			to := typeOf(of)
			return typeRef{Text: "map of " + to.Text, Shape: to.Shape}
		}
		return typeRef{Text: "object"}
	case s.Format == "date-time":
		return typeRef{Text: "moment"}
	case s.Type == "":
		return typeRef{Text: "any"}
	}
	return typeRef{Text: s.Type}
}

// ruleOf tells what a value must keep to.
func ruleOf(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	var words []string
	if len(s.Enum) > 0 {
		var list []string
		for _, e := range s.Enum {
			list = append(list, fmt.Sprint(e))
		}
		words = append(words, strings.Join(list, " | "))
	}
	if s.Minimum != nil {
		words = append(words, fmt.Sprintf("from %v", *s.Minimum))
	}
	if s.Maximum != nil {
		words = append(words, fmt.Sprintf("to %v", *s.Maximum))
	}
	if s.MaxLength != nil {
		words = append(words, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	return strings.Join(words, ", ")
}
