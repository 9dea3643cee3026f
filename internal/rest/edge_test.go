package rest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/rest"
)

// edge tries a limit of a size at its edge and one past it.
type edge func(t *testing.T, w *world, most int)

// edges are the limits that GET /v1 tells, each with what tries it.
var edges = map[string]edge{
	"bodyBytes": sized("its body is larger than 1048576 bytes", func(w *world, n int) answer {
		return w.direct("PATCH", "/v1/devices/rack1/gpu5", "{}"+strings.Repeat(" ", n-2))
	}),
	"jsonDepth": sized("nested more than 32 deep", func(w *world, n int) answer {
		return w.direct("PATCH", "/v1/devices/rack1/gpu5", strings.Repeat("[", n)+strings.Repeat("]", n))
	}),
	"jsonItems": both(
		sized("has more than 1000 items", func(w *world, n int) answer {
			return w.direct("POST", "/v1/pools/default/p/add", `{"ids": [`+strings.TrimSuffix(strings.Repeat(`"rack1/gpu1",`, n), ",")+"]}")
		}),
		sized("has more than 1000 fields", func(w *world, n int) answer {
			return w.direct("PATCH", "/v1/devices/rack1/gpu5", `{"labels": {`+listed(n, `"k%d": "v"`)+"}}")
		})),
	"jsonValues": sized("holds more than 20000 values", func(w *world, n int) answer {
		return w.direct("PATCH", "/v1/devices/rack1/gpu5", values(n))
	}),
	"headerBytes": sized("its headers are longer than 65536 bytes", func(w *world, n int) answer {
		have := len("Host: example.com\r\nAuthorization: Bearer \r\nX-Fill: \r\n") + len(w.token)
		return w.direct("GET", "/v1", "", "X-Fill: "+strings.Repeat("x", n-have))
	}),
	"pathBytes": sized("its path is longer than 4096 bytes", func(w *world, n int) answer {
		return w.direct("GET", "/"+strings.Repeat("a", n-1), "")
	}),
	"queryBytes": sized("its query is longer than 16384 bytes", func(w *world, n int) answer {
		return w.direct("GET", "/v1/devices?model="+strings.Repeat("a", n-len("model=")), "")
	}),
	"cursorLength": sized("longer than 512 characters", func(w *world, n int) answer {
		return w.direct("GET", "/v1/devices?cursor="+strings.Repeat("a", n), "")
	}),
	"eventIdLength": both(
		sized("longer than 128 characters", func(w *world, n int) answer {
			return w.direct("GET", "/v1/events?after="+strings.Repeat("a", n), "")
		}),
		sized("longer than 128 characters", func(w *world, n int) answer {
			return w.direct("GET", "/v1/events", "", "Last-Event-ID: "+strings.Repeat("a", n))
		})),
	"listLimit": sized("<= 1000", func(w *world, n int) answer {
		return w.direct("GET", fmt.Sprint("/v1/devices?limit=", n), "")
	}),
	"listDefault":   listDefault,
	"freedMachines": freedMachines,
	"expressionLength": sized("1025 characters, 1024 are allowed", func(w *world, n int) answer {
		return w.direct("GET", "/v1/devices?where=device.free"+strings.Repeat("%20", n-len("device.free")), "")
	}),
	"expressionCost": func(t *testing.T, w *world, most int) {
		where := "/v1/devices?where=device.labels.exists(k,device.labels.exists(j,j==k))"
		past(t, w.direct("GET", where, ""), fmt.Sprint(most, " are allowed"))
	},
	"expressionListCost":  elsewhere("../selector/selector_test.go", "TestARunOverManyDevicesIsBounded"),
	"expressionDepth":     elsewhere("../selector/selector_test.go", "TestLimits"),
	"expressionLoops":     elsewhere("../selector/selector_test.go", "TestLimits"),
	"expressionRegexp":    elsewhere("../selector/selector_test.go", "TestLimits"),
	"poolCost":            elsewhere("../selector/selector_test.go", "TestPool"),
	"poolsCost":           elsewhere("../store/condition_test.go", "TestConditionsOfAllPoolsAreLimited"),
	"poolsCostPerProject": elsewhere("../store/condition_test.go", "TestConditionsOfAllPoolsAreLimited"),
	"pools":               elsewhere("../store/condition_test.go", "TestPoolsAreLimited"),
	"poolsPerProject":     elsewhere("../store/condition_test.go", "TestPoolsAreLimited"),

	"headerSeconds":    elsewhere("slow_test.go", "TestSlowHeaders"),
	"bodySeconds":      elsewhere("slow_test.go", "TestSlowBodies"),
	"answerSeconds":    elsewhere("slow_test.go", "TestSlowReaders"),
	"streamSeconds":    elsewhere("slow_test.go", "TestAReaderOfOneByteASecondIsLetGo"),
	"idleSeconds":      elsewhere("slow_test.go", "TestIdleConnections"),
	"keepAliveSeconds": elsewhere("stream_test.go", "TestKeepAlive"),
	"waitSeconds": sized("<= 300", func(w *world, n int) answer {
		return w.direct("GET", fmt.Sprint("/v1/operations/op_aaaaaaaaaaaaaaaa?wait=", n), "")
	}),

	"readsPerSecond":             reads,
	"changesPerSecond":           changes,
	"changesAtOnce":              changes,
	"connections":                manyConnections,
	"waits":                      elsewhere("limit_test.go", "TestWaitsHaveALimit"),
	"waitsPerPrincipal":          elsewhere("limit_test.go", "TestWaitsOfOnePrincipalHaveALimit"),
	"eventStreams":               elsewhere("stream_test.go", "TestStreamsHaveALimit"),
	"eventStreamsPerPrincipal":   elsewhere("stream_test.go", "TestStreamsOfOnePrincipalHaveALimit"),
	"openOperations":             open(2, 0),
	"openOperationsPerPrincipal": open(0, 2),
	"operationsInLine":           elsewhere("../intake/intake_test.go", "TestTheLineOfOneMachineIsBounded"),

	"keyLength": sized("129 characters, 128 are allowed", func(w *world, n int) answer {
		return w.direct("POST", "/v1/plans", `{}`, "Idempotency-Key: "+strings.Repeat("k", n))
	}),
	"keyHours":          elsewhere("../store/keylimit_test.go", "TestKeysAreKeptForTheirTime"),
	"keysPerPrincipal":  elsewhere("../store/keylimit_test.go", "TestKeysOfOnePrincipalHaveAMost"),
	"plansPerPrincipal": elsewhere("../store/request_test.go", "TestPlansOfOnePrincipalHaveAMost"),
	"planSeconds":       elsewhere("../store/request_test.go", "TestAPlanThatExpiredIsToldSo"),
	"messageLength": sized("longer than 500 characters", func(w *world, n int) answer {
		return w.planned(`"devices": [{"kind": "gpu", "count": 1}], "message": "` + strings.Repeat("m", n) + `"`)
	}),
	"timeoutSeconds": sized("604800", func(w *world, n int) answer {
		return w.planned(fmt.Sprint(`"devices": [{"kind": "gpu", "count": 1}], "timeout": `, n))
	}),
	"graceSeconds": sized("86400", func(w *world, n int) answer {
		return w.direct("POST", "/v1/machines/default/nobody/free", fmt.Sprintf(`{"grace": %d}`, n))
	}),
	"nameLength": sized("64 characters, 63 are allowed", func(w *world, n int) answer {
		return w.direct("POST", "/v1/pools", `{"name": "`+strings.Repeat("n", n)+`"}`)
	}),
	"labels": sized("64 are allowed", func(w *world, n int) answer {
		return w.planned(`"devices": [{"kind": "gpu", "count": 1}], "labels": {` + listed(n, `"k%d": "v"`) + "}")
	}),
	"labelKeyLength": sized("63 are allowed", func(w *world, n int) answer {
		return w.planned(`"devices": [{"kind": "gpu", "count": 1}], "labels": {"` + strings.Repeat("k", n) + `": "v"}`)
	}),
	"labelValueLength": sized("255 are allowed", func(w *world, n int) answer {
		return w.planned(`"devices": [{"kind": "gpu", "count": 1}], "labels": {"k": "` + strings.Repeat("v", n) + `"}`)
	}),
	"users":            elsewhere("../store/user_test.go", "TestUsersHaveAMost"),
	"tokensPerUser":    elsewhere("../store/token_test.go", "TestTokensOfOneUserHaveAMost"),
	"tokenMemoryHours": elsewhere("../store/token_test.go", "TestAnEndedTokenIsRememberedForAWhile"),
	"tokenSeconds": sized("<= 31536000", func(w *world, n int) answer {
		return w.direct("POST", "/v1/tokens", fmt.Sprintf(`{"expires": %d}`, n))
	}),
	"noteLength": sized("200 are allowed", func(w *world, n int) answer {
		return w.direct("POST", "/v1/tokens", `{"note": "`+strings.Repeat("n", n)+`"}`)
	}),
	"machineDevices": sized("512 allowed", func(w *world, n int) answer {
		return w.planned(fmt.Sprintf(`"devices": [{"kind": "gpu", "count": %d}]`, n))
	}),
	"machineEntries": sized("64 are allowed", func(w *world, n int) answer {
		return w.planned(`"devices": [{"kind": "cpu", "count": 1}, ` + listed(n-1, `{"kind": "gpu", "count": 1, "model": "m%d"}`) + "]")
	}),
}

// Every limit that is told is tried one past its edge.
func TestEveryLimitHasAnEdge(t *testing.T) {
	w := newWorld(t, setting{idle: true})
	must(w.client.CreatePool(t.Context(), api.NewPool{Name: "p"}))
	told := must(w.client.Site(t.Context())).Limits
	for name, most := range told {
		try := edges[name]
		if try == nil {
			t.Errorf("nothing tries %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) { try(t, w, most) })
	}
	for name := range edges {
		if _, ok := told[name]; !ok {
			t.Errorf("%s is tried and not told", name)
		}
	}
}

// sized tries a limit of how large something may be: what is past it is refused
// in these words, and what is not is not.
func sized(words string, ask func(w *world, n int) answer) edge {
	return func(t *testing.T, w *world, most int) {
		if got := ask(w, most); strings.Contains(got.body, words) {
			t.Errorf("at the edge the answer is %d: %s", got.status, composa.Abridge(got.body, 400))
		}
		past(t, ask(w, most+1), words)
	}
}

// past checks the answer to what is past an edge.
func past(t *testing.T, got answer, words string) {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status < 400 || got.status >= 500 || p.Code == "" || p.Request == "" {
		t.Errorf("past the edge the answer is %d: %s", got.status, composa.Abridge(got.body, 400))
	}
	if !strings.Contains(got.body, words) {
		t.Errorf("past the edge the answer does not say %q: %s", words, composa.Abridge(got.body, 400))
	}
	if (got.status == 429) != (got.header.Get("Retry-After") != "") || (p.Code == "too_many") != (got.status == 429) {
		t.Errorf("past the edge the answer is %d, code %s, Retry-After %q", got.status, p.Code, got.header.Get("Retry-After"))
	}
}

func both(a, b edge) edge {
	return func(t *testing.T, w *world, most int) { a(t, w, most); b(t, w, most) }
}

// elsewhere says which test tries a limit: one in a file.
func elsewhere(file, test string) edge {
	return func(t *testing.T, _ *world, _ int) {
		text := must(os.ReadFile(file))
		if !bytes.Contains(text, []byte("\nfunc "+test+"(")) {
			t.Errorf("there is no %s in %s", test, file)
		}
	}
}

// direct asks without a connection, so that what arrives is what is written
// here; headers are KEY: VALUE.
func (w *world) direct(method, path, body string, headers ...string) answer {
	return ask(w.rest, w.token, method, path, body, headers...)
}

func ask(srv http.Handler, token, method, path, body string, headers ...string) answer {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	to := httptest.NewRecorder()
	srv.ServeHTTP(to, req)
	return answer{to.Code, to.Header(), to.Body.String()}
}

// planned asks what composing a machine with these fields would do.
func (w *world) planned(fields string) answer {
	return w.direct("POST", "/v1/plans", `{"verb": "compose", "machine": "train", "compose": {`+fields+`}}`)
}

// listed is n texts with commas between them.
func listed(n int, format string) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, i))
	}
	return strings.Join(out, ",")
}

// values is a list that with all that is in it is n values.
func values(n int) string {
	var lists []string
	for n--; n > 0; {
		size := min(n, 1000)
		lists = append(lists, "["+strings.TrimSuffix(strings.Repeat("1,", size-1), ",")+"]")
		n -= size
	}
	return "[" + strings.Join(lists, ",") + "]"
}

// Where the caller does not say how many, a page has the usual number.
func listDefault(t *testing.T, _ *world, most int) {
	srv := rest.New(rest.Config{Store: large{site: largeSite()}})
	defer srv.Close()
	var p api.Devices
	if err := json.Unmarshal([]byte(ask(srv, strings.Repeat("t", 20), "GET", "/v1/devices", "").body), &p); err != nil || len(p.Items) != most || p.Next == "" {
		t.Errorf("a page has %d items, %v", len(p.Items), err)
	}
}

// manyFreed is a site of more freed machines than are listed.
type manyFreed struct{ large }

func (manyFreed) Freed(_ context.Context, _ composa.Who, project composa.ProjectID, _ string, limit int) ([]composa.Machine, error) {
	var out []composa.Machine
	for i := range limit + 1 {
		out = append(out, composa.Machine{ID: composa.MachineID(fmt.Sprint("mach_", i)), Project: project, Name: fmt.Sprint("m", i), FreedAt: time.Unix(int64(i+1), 0)})
	}
	return out, nil
}

func freedMachines(t *testing.T, _ *world, most int) {
	srv := rest.New(rest.Config{Store: manyFreed{large{site: largeSite()}}})
	defer srv.Close()
	var p api.Machines
	if err := json.Unmarshal([]byte(ask(srv, strings.Repeat("t", 20), "GET", "/v1/machines?freed=true&limit=1000", "").body), &p); err != nil || len(p.Items) != most || p.Next != "" {
		t.Errorf("%d freed machines are listed, then %q, %v", len(p.Items), p.Next, err)
	}
}

// limited is a server over the same store with other limits, at one moment.
func (w *world) limited(t *testing.T, l rest.Limits) *rest.Server {
	t.Helper()
	now := time.Now()
	srv := rest.New(rest.Config{Store: w.store, Limits: l, Clock: func() time.Time { return now }})
	t.Cleanup(srv.Close)
	return srv
}

// One principal that reads too fast is told, and no other.
func reads(t *testing.T, w *world, _ int) {
	srv := w.limited(t, rest.Limits{Reads: 5})
	for i := range 5 {
		if got := ask(srv, w.token, "GET", "/v1", ""); got.status != 200 {
			t.Fatalf("call %d: %d %s", i+1, got.status, got.body)
		}
	}
	past(t, ask(srv, w.token, "GET", "/v1", ""), "more than 5 times a second")
	if got := ask(srv, w.token, "PATCH", "/v1/devices/rack1/gpu5", `{}`); got.status != 200 {
		t.Errorf("a change is answered %d: %s", got.status, got.body)
	}
	if got := ask(srv, w.other(t), "GET", "/v1", ""); got.status != 200 {
		t.Errorf("another principal is answered %d: %s", got.status, got.body)
	}
}

func changes(t *testing.T, w *world, _ int) {
	srv := w.limited(t, rest.Limits{Changes: 1, ChangesAtOnce: 3})
	for i := range 3 {
		if got := ask(srv, w.token, "PATCH", "/v1/devices/rack1/gpu5", `{}`); got.status != 200 {
			t.Fatalf("call %d: %d %s", i+1, got.status, got.body)
		}
	}
	past(t, ask(srv, w.token, "PATCH", "/v1/devices/rack1/gpu5", `{}`), "more than 3 changing calls at once, or more than 1 a second")
	if got := ask(srv, w.token, "GET", "/v1", ""); got.status != 200 {
		t.Errorf("a reading call is answered %d: %s", got.status, got.body)
	}
}

// other is a token of another principal: the system.
func (w *world) other(t *testing.T) string {
	t.Helper()
	text, hash := auth.NewToken()
	if _, err := w.store.AddToken(t.Context(), composa.System(), composa.Token{Owner: composa.SystemPrincipal, Note: "test"}, hash); err != nil {
		t.Fatal(err)
	}
	return text
}

// open tries how many operations may be open, of the site and of one principal.
func open(all, each int) edge {
	return func(t *testing.T, _ *world, _ int) {
		w := newWorld(t, setting{idle: true, open: all, openEach: each})
		body := func(i int) string {
			return fmt.Sprintf(`{"devices": [{"kind": "gpu", "count": 1, "ids": ["rack1/gpu%d"]}]}`, i)
		}
		for i := range 2 {
			if got := w.direct("PUT", fmt.Sprint("/v1/machines/default/m", i), body(i)); got.status != 202 {
				t.Fatalf("machine %d: %d %s", i, got.status, got.body)
			}
		}
		past(t, w.direct("PUT", "/v1/machines/default/m2", body(2)), "which is the most")
	}
}

// One connection too many is told so, and finds a place when one ends.
func manyConnections(t *testing.T, w *world, _ int) {
	srv := w.limited(t, rest.Limits{Connections: 3})
	on := srv.Bound(must(net.Listen("tcp", "127.0.0.1:0")))
	hs := srv.HTTP()
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(on) }()
	defer func() { hs.Close(); <-ended }()
	var open []net.Conn
	for range 3 {
		conn := must(net.Dial("tcp", on.Addr().String()))
		defer conn.Close()
		open = append(open, conn)
		if got := w.over(t, conn); got.StatusCode != 200 {
			t.Errorf("the answer is %s", got.Status)
		}
	}
	conn := must(net.Dial("tcp", on.Addr().String()))
	defer conn.Close()
	got := w.over(t, conn)
	text := must(io.ReadAll(got.Body))
	if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(string(text), "3 connections are open") {
		t.Errorf("one too many is answered %s: %s", got.Status, text)
	}
	open[0].Close()
	for deadline := time.Now().Add(10 * time.Second); ; { // the server notices when it notices
		conn := must(net.Dial("tcp", on.Addr().String()))
		got := w.over(t, conn)
		conn.Close()
		if got.StatusCode == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after one ended the answer is %s", got.Status)
		}
	}
}

// over asks GET /v1 over a connection.
func (w *world) over(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	req := must(http.NewRequest("GET", "http://server/v1", nil))
	req.Header.Set("Authorization", "Bearer "+w.token)
	if err := req.Write(conn); err != nil {
		t.Fatal(err)
	}
	return must(http.ReadResponse(bufio.NewReader(conn), req))
}
