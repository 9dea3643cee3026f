package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/driver/memory"
	"github.com/composa-dev/composa/internal/rest"
)

// Without a wait the answer is the operation, with where to find it.
func TestNoWaitAnswersTheOperation(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	got := w.ask("PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 1}]}`)
	var op api.Operation
	if err := json.Unmarshal([]byte(got.body), &op); err != nil || got.status != 202 {
		t.Fatalf("%d: %s", got.status, got.body)
	}
	if op.Verb != "compose" || op.Phase != "running" || len(op.Steps) == 0 || op.Principal != "admin" || op.Machines[0].Name != "train" {
		t.Errorf("operation = %+v", op)
	}
	if want := "/v1/operations/" + op.ID; got.header.Get("Location") != want {
		t.Errorf("Location is %q, want %q", got.header.Get("Location"), want)
	}
	done := must(w.client.Wait(t.Context(), op.ID))
	if done.Phase != "done" || done.Result == nil || done.EndedAt == nil {
		t.Errorf("operation = %+v", done)
	}
}

// The preference of RFC 7240 is the same as the query.
func TestPreferWaits(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	got := w.ask("PUT", "/v1/machines/default/train", `{"devices": [{"kind": "gpu", "count": 1}]}`, "Prefer: respond-async, wait=30")
	if got.status != 201 || got.header.Get("Location") != "/v1/machines/default/train" || got.header.Get("ETag") == "" {
		t.Errorf("%d, Location %q, ETag %q: %s", got.status, got.header.Get("Location"), got.header.Get("ETag"), got.body)
	}
}

// A wait that is too short answers the operation, which goes on; another call
// for the same joins it.
func TestWaitPasses(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	r := must(w.client.PutMachine(t.Context(), "default", "train", wish(1), time.Second))
	if r.Operation == nil || r.Machine != nil || r.Operation.Phase != "running" {
		t.Fatalf("result = %+v", r)
	}
	again := must(w.client.PutMachine(t.Context(), "default", "train", wish(1), 0))
	if again.Operation == nil || again.Operation.ID != r.Operation.ID {
		t.Errorf("the same again gives %+v, want to join %s", again, r.Operation.ID)
	}
	m := must(w.client.Machine(t.Context(), "default", "train"))
	if m.State != "composing" || m.Operation != r.Operation.ID || kinds(m, "claimed")["gpu"] != 1 {
		t.Errorf("machine = %+v", m)
	}
}

// A caller who goes away ends the waiting, not the operation.
func TestDisconnectEndsTheWait(t *testing.T) {
	ended := make(chan struct{})
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	w.http.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.rest.ServeHTTP(rw, r)
		if r.Method == http.MethodPut {
			close(ended)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	changed, forget := w.store.Notify()
	defer forget()
	failed := make(chan error, 1)
	go func() {
		_, err := w.client.PutMachine(ctx, "default", "train", wish(1), 5*time.Minute)
		failed <- err
	}()
	for len(must(client.All(w.client.Operations(t.Context(), client.OperationFilter{})))) == 0 {
		w.change(changed)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ends with %v", err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the server still waits")
	}
	if ops := must(client.All(w.client.Operations(t.Context(), client.OperationFilter{Open: true}))); len(ops) != 1 {
		t.Errorf("open operations = %+v", ops)
	}
}

// A server that stops answers who waits with the operation as it is.
func TestCloseEndsWaits(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	changed, forget := w.store.Notify()
	defer forget()
	answered := make(chan *client.Result, 1)
	go func() {
		r, _ := w.client.PutMachine(t.Context(), "default", "train", wish(1), 5*time.Minute)
		answered <- r
	}()
	for len(must(client.All(w.client.Operations(t.Context(), client.OperationFilter{})))) == 0 {
		w.change(changed)
	}
	w.rest.Close()
	if r := <-answered; r == nil || r.Operation == nil || r.Operation.Phase != "running" {
		t.Errorf("result = %+v", r)
	}
}

// An operation that could not be done is a problem that names it.
func TestFailedOperationIsAProblem(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	w.racks["rack1"].Fail(func(c memory.Call) memory.Fault {
		if c.Changing {
			return memory.Fault{Code: composa.CodeFailed}
		}
		return memory.Fault{}
	})
	got := w.ask("PUT", "/v1/machines/default/train?wait=60", `{"devices": [{"kind": "gpu", "count": 1}]}`)
	p := got.problem(t)
	if got.status != 409 || p.Operation == "" || p.Code == "" || p.Code == "internal" || !strings.HasPrefix(p.Detail, "cannot ") {
		t.Fatalf("%d: %s", got.status, got.body)
	}
	op := must(w.client.Operation(t.Context(), p.Operation, 0))
	if op.Phase != "undone" && op.Phase != "held" {
		t.Errorf("the operation is %s", op.Phase)
	}
	_, err := w.client.PutMachine(t.Context(), "default", "other", wish(1), time.Minute)
	var e *client.Error
	if !errors.As(err, &e) || e.Operation() == "" || e.Code() != p.Code {
		t.Errorf("the client tells %v", err)
	}
}

// Cancelling ends an operation; who waits for it is told.
func TestCancelTellsWhoWaits(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, idle: true})
	first := must(w.client.PutMachine(t.Context(), "default", "train", wish(1), 0)).Operation
	queued := must(w.client.Plug(t.Context(), "default", "train", api.Plug{Devices: []api.Want{{Kind: "gpu", Count: 1}}}, 0)).Operation
	if queued.Phase != "queued" || queued.Behind != first.ID {
		t.Fatalf("the second operation is %+v", queued)
	}
	waited := make(chan *api.Operation, 1)
	go func() {
		op, _ := w.client.Operation(t.Context(), queued.ID, time.Minute)
		waited <- op
	}()
	if op := must(w.client.Cancel(t.Context(), queued.ID)); op.Phase != "cancelled" {
		t.Errorf("after cancel it is %s", op.Phase)
	}
	if op := <-waited; op == nil || op.Phase != "cancelled" {
		t.Errorf("who waits is told %+v", op)
	}
	if op := must(w.client.Cancel(t.Context(), first.ID)); !op.CancelRequested {
		t.Errorf("a running operation after cancel: %+v", op)
	}
}

// A handler that panics is an internal error with the number of the request and
// nothing else; the log has the rest.
func TestPanic(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}, wrap: func(c rest.Config) rest.Config {
		c.Fabrics = explosive{}
		return c
	}})
	got := w.ask("GET", "/v1/fabrics/rack1/inventory", "", "X-Request-Id: abc-1")
	p := got.problem(t)
	if got.status != 500 || p.Code != "internal" || p.Request != "abc-1" || got.header.Get("X-Request-Id") != "abc-1" {
		t.Errorf("%d: %s", got.status, got.body)
	}
	if strings.Contains(got.body, "boom") || strings.Contains(got.body, "goroutine") {
		t.Errorf("the answer tells too much: %s", got.body)
	}
	if log := w.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "abc-1") {
		t.Errorf("the log does not tell what happened: %s", log)
	}
	if got := w.ask("POST", "/v1/fabrics/rack1/check", "", "X-Request-Id: bad id\"!"); got.status != 500 || !strings.HasPrefix(got.header.Get("X-Request-Id"), "req_") || strings.Contains(got.body, "secret cause") {
		t.Errorf("%d, id %q: %s", got.status, got.header.Get("X-Request-Id"), got.body)
	}
	if log := w.log.String(); !strings.Contains(log, "secret cause") {
		t.Errorf("the log does not tell the cause: %s", log)
	}
}

type explosive struct{ rest.Fabrics }

func (explosive) Look(context.Context, composa.FabricName) (*composa.Picture, error) { panic("boom") }

func (explosive) Check(context.Context, composa.FabricName) ([]composa.Check, error) {
	return nil, errors.New("secret cause")
}

// With newer each change of an operation is an answer of its own, and none
// comes twice; of one that ended the answer comes at once.
func TestWaitForNewer(t *testing.T) {
	w := newWorld(t, setting{racks: []string{"rack1"}})
	op := must(w.client.PutMachine(t.Context(), "default", "train", wish(1), 0)).Operation
	for op.Phase != "done" {
		next := must(w.client.Newer(t.Context(), op.ID, op.Revision, time.Minute))
		if next.Revision <= op.Revision {
			t.Fatalf("revision %d, %s, comes after %d, %s", next.Revision, next.Phase, op.Revision, op.Phase)
		}
		op = next
	}
	if again := must(w.client.Newer(t.Context(), op.ID, op.Revision, time.Minute)); again.Revision != op.Revision {
		t.Errorf("revision %d of an operation that ended at %d", again.Revision, op.Revision)
	}
}
