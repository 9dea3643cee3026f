package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/rest"
)

const wishOfOne = `{"devices": [{"kind": "gpu", "count": 1}]}`

// operationOf is the operation of an answer: of a machine's or its own.
func operationOf(t *testing.T, a answer) string {
	t.Helper()
	var body struct{ ID, Operation string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	if strings.HasPrefix(body.ID, "op_") {
		return body.ID
	}
	return body.Operation
}

func (w *world) operations(t *testing.T) int {
	t.Helper()
	all, _, err := w.store.Operations(t.Context(), composa.System(), composa.OperationFilter{}, composa.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// Every changing call is made once, however often it is sent with one key, and
// each repetition is answered as the first.
func TestAKeyMakesEveryChangingCallSafeToRepeat(t *testing.T) {
	w := newWorld(t, setting{})
	w.compose("train", 2)
	w.compose("render", 1)
	for _, tt := range []struct{ name, method, path, body string }{
		{"put", "PUT", "/v1/machines/default/new1?wait=30", wishOfOne},
		{"new", "POST", "/v1/machines?wait=30", `{"name": "new2", "devices": [{"kind": "gpu", "count": 1}]}`},
		{"plug", "POST", "/v1/machines/default/train/plug?wait=30", wishOfOne},
		{"unplug", "POST", "/v1/machines/default/train/unplug?wait=30", `{"counts": {"gpu": 1}}`},
		{"reshape", "POST", "/v1/machines/default/train/reshape?wait=30", `{"totals": {"gpu": 1}}`},
		{"reshape again, so already", "POST", "/v1/machines/default/train/reshape?wait=30", `{"totals": {"gpu": 1}, "message": "again"}`},
		{"plan", "POST", "/v1/plans", `{"verb": "plug", "machine": "train", "plug": {"devices": [{"kind": "gpu", "count": 1}]}}`},
		{"edit", "PATCH", "/v1/devices/rack2/gpu5", `{"cordon": "bad fan"}`},
		{"pool", "POST", "/v1/pools", `{"name": "vision", "ids": ["rack2/gpu4"]}`},
		{"pool set", "PATCH", "/v1/pools/default/vision", `{"most": 7, "where": "device.labels.team == 'vision'"}`},
		{"pool dry run", "PATCH", "/v1/pools/default/vision?dryRun=true", `{"most": 8}`},
		{"pool dry run of a new one", "POST", "/v1/pools?dryRun=true", `{"name": "lab"}`},
		{"pool add", "POST", "/v1/pools/default/vision/add", `{"ids": ["rack2/gpu3"]}`},
		{"pool remove", "POST", "/v1/pools/default/vision/remove", `{"ids": ["rack2/gpu3", "rack2/gpu4"]}`},
		{"pool delete", "DELETE", "/v1/pools/default/vision", ""},
		{"check", "POST", "/v1/fabrics/rack1/check", ""},
		{"free", "POST", "/v1/machines/default/render/free?wait=30", `{"grace": 0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := "Idempotency-Key: key-of-" + strings.ReplaceAll(tt.name, " ", "-")
			first := w.ask(tt.method, tt.path, tt.body, key)
			if first.status >= 300 {
				t.Fatalf("first: %d %s", first.status, first.body)
			}
			if first.header.Get("Idempotency-Replayed") != "" {
				t.Error("the first answer says that it is a repetition")
			}
			before, events := w.outline(t), must(w.store.LastEvent(t.Context(), composa.System()))
			second := w.ask(tt.method, tt.path, tt.body, key)
			if second.status != first.status {
				t.Fatalf("second: %d %s, the first was %d", second.status, second.body, first.status)
			}
			if got := second.header.Get("Idempotency-Replayed"); got != "true" && tt.name != "check" && !strings.Contains(tt.path, "dryRun") {
				t.Errorf("Idempotency-Replayed is %q", got)
			}
			if second.header.Get("Location") != first.header.Get("Location") {
				t.Errorf("Location is %q, was %q", second.header.Get("Location"), first.header.Get("Location"))
			}
			if diff := cmp.Diff(before, w.outline(t)); diff != "" {
				t.Errorf("the second changed something:\n%s", diff)
			}
			for _, e := range must(w.store.Events(t.Context(), composa.System(), events, 0, composa.EventFilter{})) {
				if e.Principal == w.admin.Principal.ID {
					t.Errorf("the second told %s of %s", e.Type, e.Subject)
				}
			}
			if second.status != http.StatusNoContent && tt.name != "check" {
				var a, b struct{ ID, Operation string }
				if json.Unmarshal([]byte(first.body), &a) != nil || json.Unmarshal([]byte(second.body), &b) != nil || a != b {
					t.Errorf("the second is about %+v, the first about %+v", b, a)
				}
			}
		})
	}
}

func TestAKeyOfAnotherRequestIsRefused(t *testing.T) {
	w := newWorld(t, setting{})
	first := w.ask("PUT", "/v1/machines/default/train?wait=30", wishOfOne, "Idempotency-Key: k1")
	op := operationOf(t, first)
	for _, tt := range []struct{ name, method, path, body string }{
		{"another body", "PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 2}]}`},
		{"another machine", "PUT", "/v1/machines/default/render", wishOfOne},
		{"another method", "POST", "/v1/machines/default/train/plug", wishOfOne},
		{"no body", "POST", "/v1/machines/default/train/free", ""},
	} {
		got := w.ask(tt.method, tt.path, tt.body, "Idempotency-Key: k1")
		p := got.problem(t)
		if got.status != http.StatusUnprocessableEntity || p.Code != "key_reused" || p.Operation != op || p.Retryable ||
			!strings.Contains(p.Detail, `its key "k1" was given at `) || !strings.Contains(p.Detail, op) || p.Next == "" {
			t.Errorf("%s: %d %+v", tt.name, got.status, p)
		}
	}
	for name, body := range map[string]string{
		"spaces":   "{\n\"devices\" : [ {\"count\":1, \"kind\" : \"gpu\"} ] }",
		"escapes":  `{"devices": [{"kind": "g\u0070u", "count": 1}]}`,
		"patience": wishOfOne,
	} {
		path := "/v1/machines/default/train"
		if name == "patience" {
			path += "?wait=3&explain=true"
		}
		if got := w.ask("PUT", path, body, "Idempotency-Key: k1"); got.header.Get("Idempotency-Replayed") != "true" || operationOf(t, got) != op {
			t.Errorf("the same with other %s: %d %s", name, got.status, got.body)
		}
	}
	if n := w.operations(t); n != 1 {
		t.Errorf("%d operations, want 1", n)
	}
}

func TestARefusalLeavesNoKey(t *testing.T) {
	w := newWorld(t, setting{})
	for _, body := range []string{`{"devices": [{"kind": "gpu", "count": 9}]}`, `{"devices": [{"kind": "tpu"}]}`, `{"devices":`} {
		if got := w.ask("PUT", "/v1/machines/default/train", body, "Idempotency-Key: k1"); got.status < 400 {
			t.Fatalf("%s: %d", body, got.status)
		}
	}
	if got := w.ask("PUT", "/v1/machines/default/train?wait=30", wishOfOne, "Idempotency-Key: k1"); got.status != http.StatusCreated || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the key of refused requests: %d %s", got.status, got.body)
	}
}

// A machine that was freed since is shown as that, and not as one that is there.
func TestTheKeyOfAMachineThatWasFreedTellsThat(t *testing.T) {
	w := newWorld(t, setting{})
	first := w.ask("PUT", "/v1/machines/default/train?wait=30", wishOfOne, "Idempotency-Key: k1")
	if first.status != http.StatusCreated {
		t.Fatalf("%d %s", first.status, first.body)
	}
	if a := w.ask("POST", "/v1/machines/default/train/free?wait=30", `{"grace": 0}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := w.ask("PUT", "/v1/machines/default/train?wait=30", wishOfOne, "Idempotency-Key: k1")
	var m api.Machine
	if json.Unmarshal([]byte(again.body), &m) != nil || again.status != http.StatusOK || again.header.Get("Location") != "" || m.FreedAt == nil {
		t.Errorf("again: %d at %q: %s", again.status, again.header.Get("Location"), again.body)
	}
}

// The key of a pool tells of that pool: not of another one that has its name
// now, and wherever its parts are.
func TestTheKeyOfAPoolTellsOfThatPool(t *testing.T) {
	w := newWorld(t, setting{})
	create := func(key string) answer {
		return w.ask("POST", "/v1/pools", `{"name": "vision", "ids": ["rack1/gpu5"]}`, "Idempotency-Key: "+key)
	}
	add := func() answer {
		return w.ask("POST", "/v1/pools/default/vision/add", `{"ids": ["rack1/gpu4"]}`, "Idempotency-Key: add")
	}
	if a := create("first"); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := add(); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	must(w.client.RemoveFromPool(t.Context(), "default", "vision", []string{"rack1/gpu4", "rack1/gpu5"}, client.PoolTerms{}))
	if err := w.client.DeletePool(t.Context(), "default", "vision", 0); err != nil {
		t.Fatal(err)
	}
	if a := create("second"); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for name, again := range map[string]answer{"create": create("first"), "add": add()} {
		if p := again.problem(t); again.status != http.StatusNotFound || p.Code != "not_found" || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %d %s", name, again.status, again.body)
		}
	}
}

// A dry run of a pool keeps nothing, not even its key: the change itself may have
// the same.
func TestADryRunKeepsNoKey(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	for i, tt := range []struct{ method, path, body string }{
		{"POST", "/v1/pools", `{"name": "vision", "ids": ["rack1/gpu5"]}`},
		{"PATCH", "/v1/pools/default/vision", `{"most": 7}`},
		{"POST", "/v1/pools/default/vision/add", `{"ids": ["rack1/gpu4"]}`},
		{"POST", "/v1/pools/default/vision/remove", `{"ids": ["rack1/gpu4", "rack1/gpu5"]}`},
		{"DELETE", "/v1/pools/default/vision", ""},
	} {
		key := fmt.Sprintf("k%d", i)
		for _, dry := range []string{"true", "1", "T"} {
			if a := w.ask(tt.method, tt.path+"?dryRun="+dry, tt.body, "Idempotency-Key: "+key); a.status != http.StatusOK {
				t.Fatalf("dry run of %s %s: %d %s", tt.method, tt.path, a.status, a.body)
			}
		}
		who := w.admin
		who.Key = &composa.RequestKey{Key: key}
		if kept := must(w.store.Request(t.Context(), who)); kept != nil {
			t.Errorf("the dry run of %s %s left %+v", tt.method, tt.path, kept)
		}
		if a := w.ask(tt.method, tt.path+"?dryRun=false", tt.body, "Idempotency-Key: "+key); a.status >= 300 {
			t.Errorf("%s %s after its dry run: %d %s", tt.method, tt.path, a.status, a.body)
		}
		if kept := must(w.store.Request(t.Context(), who)); kept == nil {
			t.Errorf("%s %s left no key", tt.method, tt.path)
		}
	}
	// Nor does it look at one that another request has.
	if a := w.ask("POST", "/v1/pools?dryRun=true", `{"name": "lab"}`, "Idempotency-Key: k0"); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// An operation that was undone is what the key tells, until another key is
// given.
func TestTheKeyOfWhatWasUndoneTellsThat(t *testing.T) {
	w := newWorld(t, setting{idle: true})
	first := w.ask("PUT", "/v1/machines/default/train", wishOfOne, "Idempotency-Key: k1")
	op := operationOf(t, first)
	row := must(w.store.Operation(t.Context(), composa.System(), composa.OperationID(op)))
	must(w.store.Advance(t.Context(), composa.System(), composa.Advance{
		Operation: row.ID, Revision: row.Revision, Phase: composa.PhaseUndone, Direction: composa.Undo,
		Result:   &composa.Result{Code: composa.CodeFailed, Text: "cannot compose \"train\": rack1 broke"},
		Machines: []composa.MachineChange{{Machine: row.Machines[0], Freed: true, Idle: true}},
	}))
	again := w.ask("PUT", "/v1/machines/default/train", wishOfOne, "Idempotency-Key: k1")
	if p := again.problem(t); again.status != http.StatusConflict || p.Code != "failed" || p.Operation != op || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	if fresh := w.ask("PUT", "/v1/machines/default/train", wishOfOne, "Idempotency-Key: k2"); fresh.status != http.StatusAccepted || operationOf(t, fresh) == op {
		t.Errorf("another key: %d %s", fresh.status, fresh.body)
	}
}

// broken is the store of a server that dies after a commit, before its answer.
type broken struct {
	rest.Requests
	once sync.Once
}

func (b *broken) Compose(ctx context.Context, who composa.Who, r composa.ComposeRequest) (*composa.Outcome, error) {
	out, err := b.Requests.Compose(ctx, who, r)
	b.once.Do(func() { out, err = nil, errors.New("killed") })
	return out, err
}

// What was committed and not answered is answered when it is sent again.
func TestACommitWithoutAnAnswerIsFoundByItsKey(t *testing.T) {
	w := newWorld(t, setting{wrap: func(c rest.Config) rest.Config {
		c.Requests = &broken{Requests: c.Requests}
		return c
	}})
	body := `{"name": "train", "devices": [{"kind": "gpu", "count": 1}]}`
	first := w.ask("POST", "/v1/machines?wait=30", body, "Idempotency-Key: k1")
	second := w.ask("POST", "/v1/machines?wait=30", body, "Idempotency-Key: k1")
	for i, a := range []answer{first, second} {
		if a.status != http.StatusCreated || a.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("answer %d: %d %s", i+1, a.status, a.body)
		}
	}
	if n := w.operations(t); n != 1 {
		t.Errorf("%d operations, want 1", n)
	}
}

// crowd sends requests at once and returns the answers.
func (w *world) crowd(n int, request func(i int) *http.Request) []answer {
	w.t.Helper()
	answers, errs := make([]answer, n), make([]error, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		req := request(i)
		req.Header.Set("Authorization", "Bearer "+w.token)
		req.Header.Set("Content-Type", "application/json")
		all.Go(func() {
			<-start
			resp, err := w.http.Client().Do(req)
			if err != nil {
				errs[i] = err
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			answers[i], errs[i] = answer{resp.StatusCode, resp.Header, string(text)}, err
		})
	}
	close(start)
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
	return answers
}

func (w *world) put(name, body, key string) *http.Request {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "PUT", w.http.URL+"/v1/machines/default/"+name, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	return req
}

// A hundred callers with the same wish get one machine of one operation; with
// the same key too; and a hundred names get an answer each, none "try again".
func TestAHundredCallersAtOnce(t *testing.T) {
	const callers = 100
	onEach(t, setting{}, func(t *testing.T, w *world) {
		for _, tt := range []struct{ name, key string }{{"wish", ""}, {"keyed", "one-key"}} {
			seen := map[string]int{}
			for _, a := range w.crowd(callers, func(int) *http.Request { return w.put(tt.name, wishOfOne, tt.key) }) {
				if a.status >= 300 {
					t.Fatalf("%s: %d %s", tt.name, a.status, a.body)
				}
				if op := operationOf(t, a); op != "" {
					seen[op]++
				}
			}
			if len(seen) != 1 {
				t.Errorf("%s: %d operations: %v", tt.name, len(seen), seen)
			}
		}
		if n := w.operations(t); n != 2 {
			t.Errorf("%d operations, want 2", n)
		}
		served, refused := 0, 0
		for _, a := range w.crowd(callers, func(i int) *http.Request { return w.put(fmt.Sprint("many", i), wishOfOne, fmt.Sprint("key-", i)) }) {
			switch a.status {
			case http.StatusAccepted:
				served++
			case http.StatusConflict:
				if p := a.problem(t); p.Code != "refused" || p.Retryable {
					t.Errorf("told %s (retryable %v): %s", p.Code, p.Retryable, p.Detail)
				}
				refused++
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if served != 4 || refused != callers-4 { // 3 cpu in each of 2 racks, 2 in use
			t.Errorf("%d served and %d refused, want 4 and %d", served, refused, callers-4)
		}
		holders := map[composa.DeviceID]composa.MachineID{}
		for _, c := range must(w.store.Site(t.Context(), composa.System())).Claims {
			if other, twice := holders[c.Device]; twice {
				t.Errorf("%s is claimed by %s and %s", c.Device, other, c.Machine)
			}
			holders[c.Device] = c.Machine
		}
	})
}

// Preconditions are told with both revisions, and nothing is done.
func TestPreconditionsOfAMachine(t *testing.T) {
	w := newWorld(t, setting{})
	m := w.compose("train", 1)
	is := fmt.Sprintf("%q", fmt.Sprint(m.Revision))
	for _, tt := range []struct {
		name, method, path, body, header string
		status                           int
		code, detail                     string
	}{
		{"only make, and it is there", "PUT", "/v1/machines/default/train", wishOfOne, "If-None-Match: *", 412, "exists", "you have a machine of that name"},
		{"only make, of an etag", "PUT", "/v1/machines/default/train", wishOfOne, `If-None-Match: "3"`, 400, "invalid", "is not *"},
		{"another revision", "PUT", "/v1/machines/default/train", wishOfOne, `If-Match: "999"`, 412, "revision_differs", fmt.Sprintf("it is at revision %d, not 999", m.Revision)},
		{"this revision", "PUT", "/v1/machines/default/train", wishOfOne, "If-Match: " + is, 200, "", ""},
		{"any revision", "PUT", "/v1/machines/default/train", wishOfOne, "If-Match: *", 200, "", ""},
		{"any revision of nothing", "PUT", "/v1/machines/default/new1", wishOfOne, "If-Match: *", 412, "revision_differs", "there is no machine of that name"},
		{"plug another revision", "POST", "/v1/machines/default/train/plug", wishOfOne, `If-Match: "999"`, 412, "revision_differs", "not 999"},
		{"only make", "PUT", "/v1/machines/default/new1?wait=30", wishOfOne, "If-None-Match: *", 201, "", ""},
		{"plug this revision", "POST", "/v1/machines/default/train/plug?wait=30", wishOfOne, "If-Match: " + is, 200, "", ""},
	} {
		got := w.ask(tt.method, tt.path, tt.body, tt.header)
		if got.status != tt.status {
			t.Errorf("%s: %d, want %d: %s", tt.name, got.status, tt.status, got.body)
			continue
		}
		if tt.code == "" {
			continue
		}
		if p := got.problem(t); p.Code != tt.code || !strings.Contains(p.Detail, tt.detail) || p.Status != tt.status {
			t.Errorf("%s: %+v, want %s with %q", tt.name, p, tt.code, tt.detail)
		}
	}
}
