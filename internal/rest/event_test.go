package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// open opens a stream of events.
func (w *world) open(ctx context.Context, path, accept string, headers ...string) *http.Response {
	w.t.Helper()
	req := must(http.NewRequestWithContext(ctx, "GET", w.http.URL+path, nil))
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Accept", accept)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	resp := must(w.http.Client().Do(req))
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		w.t.Fatalf("GET %s answers %d: %s", path, resp.StatusCode, text)
	}
	return resp
}

// page is all events that are recorded, by pages of n.
func (w *world) page(t *testing.T, query string, n int) []api.Event {
	t.Helper()
	var all []api.Event
	after := "0"
	for {
		a := w.ask("GET", fmt.Sprintf("/v1/events?after=%s&limit=%d%s", after, n, query), "")
		var p api.Events
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 {
			t.Fatalf("%d: %s", a.status, a.body)
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			return all
		}
		after = p.Next
	}
}

// recorded is all events that are recorded, asked without a connection.
func (w *world) recorded(t *testing.T) (all []api.Event) {
	t.Helper()
	for after := "0"; ; {
		var p api.Events
		a := w.direct("GET", "/v1/events?limit=1000&after="+after, "")
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 {
			t.Fatalf("%d: %s", a.status, a.body)
		}
		all = append(all, p.Items...)
		if after = p.Next; after == "" {
			return all
		}
	}
}

func idsOf(events []api.Event) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// Pages, ndjson and server-sent events give the same events in the same order.
func TestEventsAreTheSameInEveryForm(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	w.compose("train", 1)
	all := w.page(t, "", 1000)
	if len(all) < 30 {
		t.Fatalf("only %d events of a compose", len(all))
	}
	if diff := cmp.Diff(idsOf(all), idsOf(w.page(t, "", 7))); diff != "" {
		t.Errorf("pages of 7 differ:\n%s", diff)
	}

	lines := w.ask("GET", "/v1/events?after=0", "", "Accept: application/x-ndjson")
	var nd []string
	for line := range strings.Lines(lines.body) {
		var e api.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		nd = append(nd, e.ID)
	}
	if diff := cmp.Diff(idsOf(all), nd); diff != "" {
		t.Errorf("ndjson differs:\n%s", diff)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := w.open(ctx, "/v1/events?after=0", "text/event-stream")
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type is %q", got)
	}
	var sse []string
	in := bufio.NewScanner(resp.Body)
	for len(sse) < len(all) && in.Scan() {
		if id, ok := strings.CutPrefix(in.Text(), "id: "); ok {
			sse = append(sse, id)
			in.Scan()
			if want := "event: " + all[len(sse)-1].Type; in.Text() != want {
				t.Errorf("line %q, want %q", in.Text(), want)
			}
			in.Scan()
			var e api.Event
			data, ok := strings.CutPrefix(in.Text(), "data: ")
			if !ok || json.Unmarshal([]byte(data), &e) != nil || e.ID != id {
				t.Errorf("line %q is not the data of %s", in.Text(), id)
			}
		}
	}
	if diff := cmp.Diff(idsOf(all), sse); diff != "" {
		t.Errorf("server-sent events differ:\n%s", diff)
	}
}

// What is recorded in the vocabulary's own shape goes out in the wire's.
func TestEventBodiesAreOfTheWire(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	m := w.compose("train", 1)
	seen := map[string]int{}
	for _, e := range w.page(t, "", 1000) {
		family, _, _ := strings.Cut(e.Type, ".")
		var into any
		switch family {
		case "operation":
			into = &api.Operation{}
		case "step":
			into = &api.Step{}
		case "machine":
			into = &api.EventMachine{}
		case "device":
			into = &api.EventDevice{}
		case "claim":
			into = &api.EventClaim{}
		case "fabric":
			into = &api.EventFabric{}
		case "pool":
			into = &api.EventPool{}
		default:
			if len(e.Body) > 0 {
				t.Errorf("%s has a body that nobody knows: %s", e.Type, e.Body)
			}
			continue
		}
		seen[family]++
		dec := json.NewDecoder(strings.NewReader(string(e.Body)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			t.Errorf("%s: %v in %s", e.Type, err, e.Body)
		}
		if em, ok := into.(*api.EventMachine); ok && (em.ID != m.ID || em.Name != "train" || em.Project != "default" || em.Owner != "admin") {
			t.Errorf("%s has body %s", e.Type, e.Body)
		}
	}
	for _, family := range []string{"operation", "step", "machine", "device", "claim", "fabric"} {
		if seen[family] == 0 {
			t.Errorf("no event of %s among %v", family, seen)
		}
	}
}

func TestEventsByTypeAndSubject(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	m := w.compose("train", 1)
	for _, e := range w.page(t, "&type=machine", 1000) {
		if !strings.HasPrefix(e.Type, "machine.") {
			t.Errorf("type=machine gives %s", e.Type)
		}
	}
	about := w.page(t, "&subject="+m.Operation+"&type=operation.done", 1000)
	if len(about) != 1 || about[0].Subject != m.Operation || about[0].Type != "operation.done" {
		t.Errorf("events = %+v", about)
	}
}

// The Go client follows events over broken connections and misses none.
func TestClientGoesOnAfterABreak(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	var streams atomic.Int32
	flaky := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/events" {
			w.rest.ServeHTTP(rw, r)
			return
		}
		if streams.Add(1) < 4 { // the first connections break off in the middle
			rw = &breaker{ResponseWriter: rw, left: 3000}
		}
		w.rest.ServeHTTP(rw, r)
	}))
	defer flaky.Close()
	defer flaky.CloseClientConnections()
	c := must(client.New(client.Config{URL: flaky.URL, Token: w.token, HTTP: flaky.Client()}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	go func() { _, _ = w.client.PutMachine(ctx, "default", "train", wish(1), 30*time.Second) }()
	for e, err := range c.Events(ctx, "0", client.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.ID)
		if e.Type == "operation.done" {
			break
		}
	}
	all := idsOf(w.page(t, "", 1000))
	if diff := cmp.Diff(all[:min(len(got), len(all))], got); diff != "" {
		t.Errorf("events (-recorded +followed):\n%s", diff)
	}
	if n := streams.Load(); n < 4 {
		t.Errorf("%d connections; the test wanted some to break", n)
	}
}

// breaker breaks a connection off after so many bytes.
type breaker struct {
	http.ResponseWriter
	left  int
	broke func() // nil: nobody counts
}

func (b *breaker) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *breaker) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		if b.broke != nil {
			b.broke()
		}
		panic(http.ErrAbortHandler)
	}
	return b.ResponseWriter.Write(p)
}

// Who comes with an id of another incarnation is told so, and stands at the end.
func TestResetForAnotherIncarnation(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	now := must(w.client.Site(t.Context()))
	for _, id := range []string{"other-7", now.Incarnation + "-999999"} {
		ctx, cancel := context.WithCancel(t.Context())
		resp := w.open(ctx, "/v1/events?after="+id, "text/event-stream")
		in := bufio.NewScanner(resp.Body)
		for in.Scan() && !strings.HasPrefix(in.Text(), "event: ") {
			continue
		}
		if in.Text() != "event: reset" {
			t.Errorf("after=%s gives %q first, want a reset", id, in.Text())
		}
		cancel()
		resp.Body.Close()
		var p api.Events
		if a := w.ask("GET", "/v1/events?after="+id, ""); json.Unmarshal([]byte(a.body), &p) != nil || len(p.Items) != 1 || p.Items[0].Type != "reset" {
			t.Errorf("a page after %s is %s", id, a.body)
		}
	}
}

// A stream says where it begins before anything happens, and browsers resume by
// header.
func TestStreamBeginsAtOnce(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp := w.open(ctx, "/v1/events", "text/event-stream")
	defer resp.Body.Close()
	start := resp.Header.Get("Last-Event-Id")
	all := idsOf(w.page(t, "", 1000))
	if start == "" || !slices.Contains(all, start) {
		t.Errorf("the stream begins at %q, which is no event", start)
	}
	second := w.open(ctx, "/v1/events", "text/event-stream", "Last-Event-Id: "+all[0])
	defer second.Body.Close()
	in := bufio.NewScanner(second.Body)
	if !in.Scan() || in.Text() != "id: "+all[1] {
		t.Errorf("after Last-Event-Id %s comes %q, want %s", all[0], in.Text(), all[1])
	}
}

// A browser that reconnects asks the same address again, with the id of the last
// event that it got: it goes on there, and not where the address begins.
func TestAReconnectGoesOn(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	all := idsOf(w.page(t, "", 1000))
	resp := w.open(t.Context(), "/v1/events?after="+all[0], "text/event-stream", "Last-Event-Id: "+all[2])
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	if !in.Scan() || in.Text() != "id: "+all[3] {
		t.Errorf("after Last-Event-Id %s comes %q, want %s", all[2], in.Text(), all[3])
	}
}

// The pages of the events after one go on from page to page, and end.
func TestPastEventsAfterOneGoOn(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	all := idsOf(w.page(t, "", 1000))
	var paged []string
	cursor := ""
	for range all { // more pages than there are would be a circle
		var p api.Events
		a := w.ask("GET", "/v1/events?limit=5&after="+all[0]+cursor, "")
		if json.Unmarshal([]byte(a.body), &p) != nil || a.status != 200 {
			t.Fatalf("%d: %s", a.status, a.body)
		}
		paged = append(paged, idsOf(p.Items)...)
		if p.Next == "" {
			break
		}
		cursor = "&cursor=" + p.Next
	}
	if diff := cmp.Diff(all[1:], paged); diff != "" {
		t.Errorf("pages (-all +paged):\n%s", diff)
	}

	// The client's pages are the largest there are.
	how := setting{racks: []string{"rack1"}, counts: map[composa.Kind]int{composa.KindCPU: 2, composa.KindGPU: 1100}, idle: true}
	large := newWorld(t, how)
	first, n := "", 0
	for e, err := range large.client.PastEvents(t.Context(), "", client.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; first == "" {
			first = e.ID
		}
	}
	if n <= 1000 {
		t.Fatalf("only %d events", n)
	}
	again := map[string]bool{first: true}
	for e, err := range large.client.PastEvents(t.Context(), first, client.EventFilter{}) {
		if err != nil || again[e.ID] {
			t.Fatalf("%s comes again, or %v", e.ID, err)
		}
		again[e.ID] = true
	}
	if len(again) < n {
		t.Errorf("%d events after the first of %d", len(again)-1, n)
	}
}

// What a stream cannot hold to is refused.
func TestAStreamHasNoPages(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	got := w.ask("GET", "/v1/events?after=0&limit=2", "", "Accept: application/x-ndjson")
	if p := got.problem(t); got.status != 400 || !strings.Contains(p.Detail, "query.limit: a stream has no pages") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A server that stops ends its streams; the listener's shutdown is not held up.
func TestCloseEndsStreams(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	resp := w.open(t.Context(), "/v1/events", "application/x-ndjson", "X-Test: 1")
	defer resp.Body.Close()
	follow := w.open(t.Context(), "/v1/events?follow=true", "application/x-ndjson")
	defer follow.Body.Close()
	w.rest.Close()
	if _, err := io.ReadAll(follow.Body); err != nil {
		t.Errorf("the stream does not end well: %v", err)
	}
	got := w.ask("GET", "/v1", "")
	if got.status != 503 || got.header.Get("Retry-After") == "" || got.problem(t).Code != "unavailable" || !got.problem(t).Retryable {
		t.Errorf("a stopped server answers %d: %s", got.status, got.body)
	}
}
