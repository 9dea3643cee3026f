package rest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/rest"
)

// Every route names a verb that auth knows, or is open on purpose; every verb
// has a route.
func TestEveryRouteHasAVerb(t *testing.T) {
	open := []string{"/healthz", "/readyz", "/openapi.yaml", "/openapi.json", "/docs"}
	used := map[auth.Verb]bool{}
	seen := map[string]bool{}
	for _, l := range rest.Lines() {
		key := l.Method + " " + l.Path
		if seen[key] {
			t.Errorf("%s stands twice", key)
		}
		seen[key] = true
		used[l.Verb], used[l.Also] = true, true
		switch {
		case l.Open != slices.Contains(open, l.Path):
			t.Errorf("%s: open is %t", key, l.Open)
		case l.Open && l.Verb != "":
			t.Errorf("%s is open and has a verb", key)
		case !l.Open && !slices.Contains(auth.Verbs(), l.Verb):
			t.Errorf("%s has verb %q, which auth does not know", key, l.Verb)
		case l.Method != http.MethodGet && strings.HasSuffix(string(l.Verb), ".read"):
			t.Errorf("%s changes something under verb %s", key, l.Verb)
		}
	}
	for _, v := range auth.Verbs() {
		if !used[v] {
			t.Errorf("no route has verb %s", v)
		}
	}
}

// The table and the description name the same routes, and each is described
// whole.
func TestDescriptionIsWhole(t *testing.T) {
	spec := rest.Spec()
	var table, described []string
	for _, l := range rest.Lines() {
		if l.Described {
			table = append(table, l.Method+" "+l.Path)
		}
	}
	for path, item := range spec.Paths {
		for method, op := range map[string]*huma.Operation{
			"GET": item.Get, "PUT": item.Put, "POST": item.Post, "PATCH": item.Patch, "DELETE": item.Delete,
			"HEAD": item.Head, "OPTIONS": item.Options, "TRACE": item.Trace,
		} {
			if op == nil {
				continue
			}
			described = append(described, method+" "+path)
			checkOperation(t, method+" "+path, op)
		}
	}
	slices.Sort(table)
	slices.Sort(described)
	if diff := cmp.Diff(table, described); diff != "" {
		t.Errorf("routes (-table +description):\n%s", diff)
	}
}

func checkOperation(t *testing.T, name string, op *huma.Operation) {
	t.Helper()
	if op.Summary == "" || strings.HasSuffix(op.Summary, ".") || op.OperationID == "" || len(op.Tags) != 1 || len(op.Security) != 1 {
		t.Errorf("%s: summary %q, id %q, tags %v, security %v", name, op.Summary, op.OperationID, op.Tags, op.Security)
	}
	if p := op.Responses["default"]; p == nil || p.Content["application/problem+json"] == nil {
		t.Errorf("%s does not say what it answers when it does not work", name)
	}
	params := map[string]bool{}
	for _, p := range op.Parameters {
		params[p.Name] = true
		if p.Description == "" {
			t.Errorf("%s: parameter %s has no description", name, p.Name)
		}
	}
	if strings.HasPrefix(op.OperationID, "list") && (!params["limit"] || !params["cursor"]) {
		t.Errorf("%s is a list without limit and cursor: %v", name, params)
	}
	for _, word := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(name, -1) {
		if !params[word[1]] {
			t.Errorf("%s does not describe %s", name, word[1])
		}
	}
	if op.RequestBody != nil && op.RequestBody.Content["application/json"].Example == nil {
		t.Errorf("%s has no example of its body", name)
	}
}

// api/openapi.yaml is what the routes say; go generate ./internal/rest writes it.
func TestOpenAPIIsUpToDate(t *testing.T) {
	want, err := rest.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("api/openapi.yaml is stale, run go generate ./internal/rest (-file +routes):\n%s", diff)
	}
}

// The description is served as it is checked in, and the page loads nothing.
func TestDocuments(t *testing.T) {
	w := newWorld(t, setting{racks: []string{}})
	yaml := w.ask("GET", "/openapi.yaml", "", "Authorization:")
	if want := must(rest.OpenAPI()); yaml.status != 200 || yaml.body != string(want) {
		t.Errorf("/openapi.yaml answers %d, not what is checked in", yaml.status)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	if a := w.ask("GET", "/openapi.json", "", "Authorization:"); json.Unmarshal([]byte(a.body), &doc) != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Paths["/v1"] == nil {
		t.Errorf("/openapi.json is %d: %+v", a.status, doc)
	}
	docs := w.ask("GET", "/docs", "", "Authorization:")
	if docs.status != 200 || !strings.Contains(docs.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("/docs is %d with policy %q", docs.status, docs.header.Get("Content-Security-Policy"))
	}
	for _, bad := range []string{"<script", "<link", "<img", "@import", "url(", "http://", "https://", " on"} {
		if i := strings.Index(docs.body, bad); i >= 0 && bad != " on" {
			t.Errorf("the page holds %q: …%s…", bad, docs.body[max(i-40, 0):min(i+60, len(docs.body))])
		}
	}
	for _, l := range rest.Lines() {
		if l.Described && !strings.Contains(docs.body, `id="`+l.ID+`"`) {
			t.Errorf("the page does not show %s", l.ID)
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(docs.body, -1) {
		if !strings.Contains(docs.body, `id="`+link[1]+`"`) {
			t.Errorf("the page links to #%s, which is not there", link[1])
		}
	}
}

// fill gives a path's words values, so that it can be called.
func fill(path string) string {
	return strings.NewReplacer("{project}", "default", "{name}", "train", "{fabric}", "rack1", "{id}", "op_aaaaaaaaaaaaaaaa").Replace(path)
}

// Nothing but what is open answers a caller who does not say who they are.
func TestEveryRouteWantsAToken(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	for _, l := range rest.Lines() {
		got := w.ask(l.Method, fill(l.Path), "{}", "Authorization:")
		switch {
		case l.Open && got.status != 200:
			t.Errorf("%s %s answers %d without a token, and is open", l.Method, l.Path, got.status)
		case !l.Open && (got.status != 401 || got.problem(t).Code != "unauthenticated" || got.header.Get("WWW-Authenticate") != "Bearer"):
			t.Errorf("%s %s answers %d without a token: %s", l.Method, l.Path, got.status, got.body)
		}
	}
}

// outsider is a store in which one token is that of a user without projects,
// and another that of a fabric.
type outsider struct{ rest.Store }

const (
	outsiderToken = "outsider-without-projects"
	fabricToken   = "fabric-that-talks-to-us"
)

func (o outsider) TokenOwner(ctx context.Context, who composa.Who, hash []byte) (composa.Who, error) {
	switch string(hash) {
	case string(auth.Hash(outsiderToken)):
		return composa.Who{Principal: composa.Principal{ID: "user_outsider", Kind: composa.PrincipalUser, Name: "outsider"}, Projects: []composa.ProjectID{}}, nil
	case string(auth.Hash(fabricToken)):
		return composa.Who{Principal: composa.Principal{ID: "fabric_rack1", Kind: composa.PrincipalFabric, Name: "rack1"}, Projects: []composa.ProjectID{}}, nil
	}
	return o.Store.TokenOwner(ctx, who, hash)
}

func withOutsider(c rest.Config) rest.Config {
	c.Store = outsider{c.Store}
	return c
}

// A user without projects sees nothing of what is in one, on any route.
func TestAUserWithoutProjectsSeesNothing(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, wrap: withOutsider})
	m := w.compose("secret-name", 1)
	op := m.Operation
	must(w.client.CreatePool(t.Context(), poolOf("hidden-pool", "rack1/gpu5")))
	for _, l := range rest.Lines() {
		if l.Open {
			continue
		}
		paths := []string{strings.ReplaceAll(fill(l.Path), "train", "secret-name")}
		if strings.Contains(l.Path, "{id}") {
			for _, id := range []string{m.ID, op} {
				paths = append(paths, strings.ReplaceAll(l.Path, "{id}", id))
			}
		}
		for _, path := range paths {
			body := ""
			if l.Example != nil {
				body = string(must(json.Marshal(l.Example)))
			}
			if strings.Contains(l.Path, "/check") || strings.Contains(l.Path, "/inventory") {
				path = strings.ReplaceAll(path, "secret-name", "rack1")
			}
			got := w.ask(l.Method, path, body, "Authorization: Bearer "+outsiderToken)
			if got.status >= 500 {
				t.Errorf("%s %s answers %d: %s", l.Method, path, got.status, got.body)
			}
			for _, secret := range []string{m.ID, op, `"admin"`, `"secret-name"`, `"hidden-pool"`, string(w.admin.Projects[0])} {
				asked := strings.Contains(path, strings.Trim(secret, `"`))
				if strings.Contains(got.body, secret) && !asked {
					t.Errorf("%s %s tells %s: %s", l.Method, path, secret, got.body)
				}
			}
			if l.Method != http.MethodGet && got.status < 300 && l.Path != "/v1/devices/{fabric}/{name}" && !strings.HasSuffix(l.Path, "/check") {
				t.Errorf("%s %s answers %d", l.Method, path, got.status)
			}
		}
	}
	if now := must(w.client.Machine(t.Context(), "default", "secret-name")); now.Revision != m.Revision {
		t.Errorf("the machine is at revision %d, it was at %d", now.Revision, m.Revision)
	}
}

// A principal that has no role gets nothing at all.
func TestAFabricMayDoNothing(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, wrap: withOutsider})
	for _, l := range rest.Lines() {
		if l.Open {
			continue
		}
		got := w.ask(l.Method, fill(l.Path), "{}", "Authorization: Bearer "+fabricToken)
		if got.status != 403 && (got.status != 404 || !strings.Contains(l.Path, "{project}")) {
			t.Errorf("%s %s answers %d: %s", l.Method, l.Path, got.status, got.body)
		}
	}
}

// What the description gives as an example is taken.
func TestExamplesFitTheSchema(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	for _, l := range rest.Lines() {
		if l.Example == nil {
			continue
		}
		got := w.ask(l.Method, fill(l.Path), string(must(json.Marshal(l.Example))))
		if got.status >= 400 && len(got.problem(t).Errors) > 0 {
			t.Errorf("%s %s refuses its example: %s", l.Method, l.Path, got.body)
		}
	}
}
