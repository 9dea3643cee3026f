package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/rest"
)

// as is the header with which somebody signs in.
func as(token string) string { return "Authorization: Bearer " + token }

// person makes a user with a token that ends after some seconds; 0: it does not.
func (w *world) person(name string, expires int) api.Token {
	w.t.Helper()
	if got := w.ask("POST", "/v1/users", fmt.Sprintf(`{"name": %q}`, name)); got.status != 201 {
		w.t.Fatalf("no user %s: %s", name, got.body)
	}
	return w.another(name, expires)
}

// another makes one more token of a user.
func (w *world) another(name string, expires int) api.Token {
	w.t.Helper()
	return *must(w.client.CreateToken(w.t.Context(), api.NewToken{User: name, Expires: int64(expires)}))
}

// opened are a stream and a wait that were opened with a token.
type opened struct {
	stream, wait <-chan answer
	lines        <-chan string // of the stream, as they come
	operation    string
}

// holds opens an event stream and a wait for an operation that does not end, and
// returns when both stand.
func (w *world) holds(token, machine string) opened {
	w.t.Helper()
	stream, wait, lines := make(chan answer, 1), make(chan answer, 1), make(chan string, 1000)
	req := must(http.NewRequestWithContext(w.t.Context(), "GET", w.http.URL+"/v1/events?follow=true", nil))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/x-ndjson")
	resp := must(w.http.Client().Do(req)) // with its headers it stands
	go func() {
		defer resp.Body.Close()
		var text strings.Builder
		for all := bufio.NewScanner(resp.Body); all.Scan(); { // where it breaks off, it ends
			fmt.Fprintln(&text, all.Text())
			lines <- all.Text()
		}
		stream <- answer{status: resp.StatusCode, body: text.String()}
	}()
	changed, forget := w.store.Notify()
	defer forget()
	go func() {
		wait <- w.ask("PUT", "/v1/machines/default/"+machine+"?wait=300", `{"devices": [{"kind": "gpu", "count": 1}]}`, as(token))
	}()
	for {
		m, err := w.store.Machine(w.t.Context(), composa.System(), w.admin.Projects[0], machine)
		if err == nil {
			return opened{stream, wait, lines, string(m.Operation)}
		}
		w.change(changed)
	}
}

// goesOn checks that what a token opened has not ended: the stream tells what
// happens now, and the wait how its operation ends.
func (o opened) goesOn(t *testing.T, w *world) {
	t.Helper()
	must(w.client.CreatePool(t.Context(), api.NewPool{Name: "after"}))
	for told := false; !told; {
		select {
		case line := <-o.lines:
			told = strings.Contains(line, `"pool.created"`)
		case got := <-o.stream:
			t.Fatalf("the stream ended: %s", got.body)
		}
	}
	op := must(w.store.Operation(t.Context(), composa.System(), composa.OperationID(o.operation)))
	must(w.store.Advance(t.Context(), composa.System(), composa.Advance{
		Operation: op.ID, Revision: op.Revision, Phase: composa.PhaseUndone, Machines: []composa.MachineChange{{Machine: op.Machines[0], Freed: true}},
	}))
	if got := <-o.wait; got.status != 409 || got.problem(t).Operation != o.operation {
		t.Errorf("the wait is answered %d: %s", got.status, got.body)
	}
}

// ends checks that what a token opened has ended, and how.
func (o opened) ends(t *testing.T, token api.Token) {
	t.Helper()
	got := <-o.wait
	if p := got.problem(t); got.status != 401 || p.Code != "unauthenticated" || p.Operation != o.operation || !strings.Contains(p.Detail, "the operation goes on") {
		t.Errorf("the wait is answered %d: %s", got.status, got.body)
	}
	if got := <-o.stream; got.status != 200 || strings.Contains(got.body, token.ID) {
		t.Errorf("the stream was %d: %s", got.status, got.body)
	}
}

// A removed token ends what it opened at once; what others opened goes on.
func TestARemovedTokenEndsWhatItOpened(t *testing.T) {
	onEach(t, setting{racks: []string{"rack1"}, idle: true}, func(t *testing.T, w *world) {
		first := w.person("ada", 0)
		second := w.another("ada", 0)
		one, other := w.holds(first.Token, "one"), w.holds(second.Token, "other")
		if got := w.ask("DELETE", "/v1/tokens/"+first.ID, "", as(second.Token)); got.status != 204 {
			t.Fatalf("it is not removed: %d %s", got.status, got.body)
		}
		one.ends(t, first)
		if got := w.ask("GET", "/v1", "", as(first.Token)); got.status != 401 || !strings.Contains(got.body, "was removed at") {
			t.Errorf("the removed token is answered %d: %s", got.status, got.body)
		}
		other.goesOn(t, w)
		again := w.holds(second.Token, "again")
		if got := w.ask("DELETE", "/v1/tokens/"+second.ID, ""); got.status != 204 { // by the administrator
			t.Fatalf("it is not removed: %d %s", got.status, got.body)
		}
		again.ends(t, second)
		if got := <-other.stream; got.status != 200 {
			t.Errorf("the first stream was %d: %s", got.status, got.body)
		}
	})
}

// late is a store that cannot say at first where its events end, so that nobody
// hears what happens; meanwhile a token is removed.
type late struct {
	unending
	mu      *sync.Mutex
	version *int64
	answers *bool
}

func (l late) LastEvent(ctx context.Context, who composa.Who) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if who.Principal.ID == composa.SystemPrincipal && !*l.answers {
		return 0, composa.Errorf(composa.CodeUnavailable, "cannot read events: the store is away")
	}
	return l.unending.LastEvent(ctx, who)
}

func (l late) Version(context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *l.version, nil
}

func (l late) TokenOwner(ctx context.Context, who composa.Who, hash []byte) (composa.Who, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *l.version > 1 {
		return composa.Who{}, composa.Errorf(composa.CodeUnauthenticated, "cannot sign in: this token was removed")
	}
	return l.unending.TokenOwner(ctx, who, hash)
}

// A token that is removed while nobody can hear of it yet ends what it opened
// as soon as somebody does.
func TestATokenRemovedBeforeAnythingIsHeardEndsWhatItOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := late{mu: new(sync.Mutex), version: new(int64(1)), answers: new(bool)}
		srv := rest.New(rest.Config{Store: store})
		defer srv.Close()
		answered, ended := make(chan int, 1), make(chan struct{})
		go func() { answered <- call(t.Context(), srv, "GET", "/v1/operations/op_a?wait=300", "").Code }()
		go func() {
			defer close(ended)
			follow(t.Context(), srv, newSink(), "text/event-stream")
		}()
		synctest.Wait()
		store.mu.Lock()
		*store.version, *store.answers = 2, true
		store.mu.Unlock()
		began := time.Now()
		if code := <-answered; code != 401 {
			t.Errorf("the wait is answered %d", code)
		}
		<-ended
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("they end after %s", took)
		}
	})
}

// While nobody can hear what happens, who would follow is told so soon, and who
// waits is answered as it is.
func TestWhoFollowsWhileNothingIsHeardIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := late{mu: new(sync.Mutex), version: new(int64(1)), answers: new(bool)}
		srv := rest.New(rest.Config{Store: store, Limits: rest.Limits{StreamsEach: 1, WaitsEach: 1}})
		defer srv.Close()
		for range 2 { // the place is free again
			began, to := time.Now(), httptest.NewRecorder()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			follow(ctx, srv, to, "text/event-stream")
			if to.Code != 503 || to.Header().Get("Retry-After") == "" || !strings.Contains(to.Body.String(), "cannot follow events") {
				t.Errorf("who follows is answered %d: %s", to.Code, to.Body)
			}
			if got := call(ctx, srv, "GET", "/v1/operations/op_a?wait=300", ""); got.Code != 200 {
				t.Errorf("who waits is answered %d: %s", got.Code, got.Body)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("they are answered after %s", took)
			}
			cancel()
		}
		ctx, cancel := context.WithCancel(t.Context())
		store.mu.Lock()
		*store.answers = true
		store.mu.Unlock()
		to := newSink()
		go follow(ctx, srv, to, "text/event-stream")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if to.status != 200 {
			t.Errorf("once they are heard who follows is answered %d", to.status)
		}
		cancel()
		synctest.Wait()
	})
}

// So does one whose time is over.
func TestATokenThatEndsEndsWhatItOpened(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	token := w.person("ada", 3)
	w.holds(token.Token, "one").ends(t, token)
	if got := w.ask("GET", "/v1", "", as(token.Token)); got.status != 401 || !strings.Contains(got.body, "this token ended at "+token.ExpiresAt.Format("2006-01-02T15:04")) {
		t.Errorf("the token is answered %d: %s", got.status, got.body)
	}
}

// However it was removed: here by another server over the same store.
func TestATokenRemovedElsewhereEndsWhatItOpened(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	token := w.person("ada", 0)
	open := w.holds(token.Token, "one")
	other := rest.New(rest.Config{Store: w.store})
	defer other.Close()
	if got := ask(other, token.Token, "DELETE", "/v1/tokens/"+token.ID, ""); got.status != 204 {
		t.Fatalf("it is not removed: %d %s", got.status, got.body)
	}
	open.ends(t, token)
}

// An administrator makes users and everybody's tokens; others only their own.
func TestWhoMayDoWhatWithTokens(t *testing.T) {
	w := newWorld(t, setting{racks: []string{}})
	ada, bob := w.person("ada", 0), w.person("bob", 3600)
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		code, says              string
	}{
		{ada.Token, "POST", "/v1/users", `{"name": "eve"}`, 403, "not_allowed", "ask an administrator"},
		{ada.Token, "POST", "/v1/tokens", `{"user": "bob"}`, 403, "not_allowed", "ask an administrator"},
		{ada.Token, "POST", "/v1/tokens", `{"user": "nobody"}`, 403, "not_allowed", ""},
		{ada.Token, "GET", "/v1/tokens?user=bob", "", 403, "not_allowed", ""},
		{ada.Token, "DELETE", "/v1/tokens/" + bob.ID, "", 404, "not_found", "composa token ls"},
		{ada.Token, "GET", "/v1/users/bob", "", 200, "", `"role":"member"`},
		{ada.Token, "GET", "/v1/users/admin", "", 200, "", `"role":"admin"`},
		{ada.Token, "GET", "/v1", "", 200, "", `"principal":"ada","role":"member","token":{"id":"` + ada.ID + `"}`},
		{bob.Token, "GET", "/v1", "", 200, "", `"expiresAt":"` + bob.ExpiresAt.Format("2006-01-02T")},
		{ada.Token, "POST", "/v1/tokens", `{"user": "ada", "note": "more"}`, 201, "", `"token":"composa_`},
		{ada.Token, "POST", "/v1/tokens", `{"note": "more"}`, 201, "", `"user":"ada"`},
		{w.token, "POST", "/v1/tokens", `{"user": "nobody"}`, 404, "not_found", "composa user ls"},
		{w.token, "GET", "/v1/tokens?user=nobody", "", 404, "not_found", ""},
		{w.token, "POST", "/v1/users", `{"name": "ada"}`, 409, "exists", "ada"},
		{w.token, "POST", "/v1/users", `{"name": "Ada L"}`, 400, "invalid", "lower-case"},
		{w.token, "POST", "/v1/users", `{"name": "eve", "project": "vision"}`, 404, "not_found", "vision"},
		{w.token, "POST", "/v1/users", `{}`, 400, "invalid", "body.name"},
		{w.token, "POST", "/v1/tokens", `{"expires": -1}`, 400, "invalid", "body.expires"},
		{w.token, "POST", "/v1/tokens", `{"expires": 1.5}`, 400, "invalid", "body.expires"},
		{w.token, "POST", "/v1/tokens", `{"note": "a\u0007b"}`, 400, "invalid", "control characters"},
		{w.token, "POST", "/v1/tokens", `{"note": "\u202ex"}`, 400, "invalid", "control characters"},
		{bob.Token, "POST", "/v1/tokens", `{}`, 409, "refused", "outlive"},
		{bob.Token, "POST", "/v1/tokens", `{"expires": 7200}`, 409, "refused", "outlive"},
		{bob.Token, "POST", "/v1/tokens", `{"expires": 60}`, 201, "", `"token":"composa_`},
	} {
		got := w.ask(c.method, c.path, c.body, as(c.who))
		if got.status != c.status || !strings.Contains(got.body, c.says) || c.code != "" && got.problem(t).Code != c.code {
			t.Errorf("%s %s %s answers %d, want %d %s with %q: %s", c.method, c.path, c.body, got.status, c.status, c.code, c.says, got.body)
		}
	}
}

// Lists of users and tokens come in pages, and no answer but the first tells a
// token's text.
func TestListsOfUsersAndTokens(t *testing.T) {
	w := newWorld(t, setting{racks: []string{}})
	secrets := []string{w.person("u10", 0).Token, w.person("u9", 0).Token}
	for range 3 {
		secrets = append(secrets, w.another("u9", 60).Token)
	}
	names := func(path, token string) (out []string) {
		for cursor := ""; ; {
			got := w.ask("GET", path+"&limit=2&cursor="+cursor, "", as(token))
			for _, secret := range secrets {
				if strings.Contains(got.body, secret) || strings.Contains(got.body, `"token"`) {
					t.Fatalf("%s shows the text of a token: %s", path, got.body)
				}
			}
			var page struct {
				Items []struct{ Name, User string }
				Next  string
			}
			if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 || len(page.Items) > 2 {
				t.Fatalf("%s answers %d: %s", path, got.status, got.body)
			}
			for _, i := range page.Items {
				out = append(out, i.Name+i.User)
			}
			if cursor = page.Next; cursor == "" {
				return out
			}
		}
	}
	for _, c := range []struct{ path, token, want string }{
		{"/v1/users?project=default", w.token, "admin u9 u10"},
		{"/v1/users?project=vision", w.token, ""},
		{"/v1/tokens?user=u9", w.token, "u9 u9 u9 u9"},
		{"/v1/tokens?user=", w.token, "admin u9 u9 u9 u9 u10"},
		{"/v1/tokens?user=", secrets[0], "u10"},
		{"/v1/tokens?user=u10", secrets[0], "u10"},
	} {
		if got := strings.Join(names(c.path, c.token), " "); got != c.want {
			t.Errorf("%s lists %q, want %q", c.path, got, c.want)
		}
	}
}

// Making a token again with the same key makes no second one, and says that the
// text is not to be had; so is a user made once, and a token removed once.
func TestRepeatedRequestsAboutUsersAndTokens(t *testing.T) {
	w := newWorld(t, setting{racks: []string{}})
	const key = "Idempotency-Key: "
	for _, body := range []string{`{"name": "ada"}`, `{"name": "ada", "project": "default"}`} {
		user := w.ask("POST", "/v1/users", body, key+"u"+fmt.Sprint(len(body)))
		again := w.ask("POST", "/v1/users", body, key+"u"+fmt.Sprint(len(body)))
		if user.status == 201 && (again.status != 201 || again.body != user.body || again.header.Get("Idempotency-Replayed") != "true" || user.header.Get("Location") != "/v1/users/ada") {
			t.Errorf("the user is %s, again %s", user.body, again.body)
		}
		if user.status != 201 && (user.status != 409 || again.status != 409) {
			t.Errorf("the user is %s, again %s", user.body, again.body)
		}
	}
	var first, again api.Token
	for i, to := range []*api.Token{&first, &again} {
		got := w.ask("POST", "/v1/tokens", `{"note": "x"}`, key+"t")
		if err := json.Unmarshal([]byte(got.body), to); err != nil || got.status != 201 || (got.header.Get("Idempotency-Replayed") == "true") != (i == 1) {
			t.Fatalf("request %d is answered %d: %s", i, got.status, got.body)
		}
	}
	if first.Token == "" || first.Next != "" || again.ID != first.ID || again.Token != "" || !strings.Contains(again.Next, "make another with a new key") {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if n := strings.Count(w.ask("GET", "/v1/tokens", "").body, `"id"`); n != 2 {
		t.Errorf("there are %d tokens, want that of the test and one", n)
	}
	if got := w.ask("POST", "/v1/tokens", `{"note": "y"}`, key+"t"); got.status != 422 {
		t.Errorf("the key for another token is answered %d: %s", got.status, got.body)
	}
	for range 2 {
		if got := w.ask("DELETE", "/v1/tokens/"+first.ID, "", key+"d"); got.status != 204 {
			t.Errorf("removing is answered %d: %s", got.status, got.body)
		}
	}
	if got := w.ask("DELETE", "/v1/tokens/"+first.ID, ""); got.status != 404 {
		t.Errorf("removing what is removed is answered %d: %s", got.status, got.body)
	}
	if got := w.ask("POST", "/v1/tokens", `{"note": "x"}`, key+"t"); got.status != 404 {
		t.Errorf("the request of a token that was removed since is answered %d: %s", got.status, got.body)
	}
}
