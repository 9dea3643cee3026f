package rest_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/rest"
)

// usual are the limits of a server that was told none.
var usual = rest.Limits{}.OrUsual()

// unending is a site of two fabrics with one operation, which does not end.
type unending struct{ quiet }

func (unending) Project(context.Context, composa.Who, string) (*composa.Project, error) {
	return &composa.Project{ID: "proj_a", Name: "default"}, nil
}

func (unending) Site(context.Context, composa.Who) (*composa.Site, error) {
	s := &composa.Site{Fabrics: []composa.Fabric{{Name: "rack1"}, {Name: "rack2"}}}
	return s.Index(), nil
}

func (unending) Operation(_ context.Context, _ composa.Who, id composa.OperationID) (*composa.Operation, error) {
	return &composa.Operation{ID: id, Phase: composa.PhaseRunning}, nil
}

// never is an intake to which nothing may come.
type never struct {
	rest.Requests
	t *testing.T
}

func (n never) Compose(context.Context, composa.Who, composa.ComposeRequest) (*composa.Outcome, error) {
	n.t.Error("the request was handed on")
	return nil, composa.Errorf(composa.CodeInternal, "cannot compose")
}

func call(ctx context.Context, srv *rest.Server, method, path, body string) *httptest.ResponseRecorder {
	req := asking(httptest.NewRequest(method, path, strings.NewReader(body)).WithContext(ctx))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	to := httptest.NewRecorder()
	srv.ServeHTTP(to, req)
	return to
}

// There is a most of calls that wait; who comes then is told to come back before
// anything is done, may ask without waiting, and finds a place when a wait ends.
func TestWaitsHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: unending{}, Requests: never{t: t}})
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan int, usual.Waits)
		for i := range usual.Waits {
			wait := "300"
			if i == 0 {
				wait = "10"
			}
			who := by(ctx, string("abcd"[i%4]))
			go func() { answered <- call(who, srv, "GET", "/v1/operations/op_a?wait="+wait, "").Code }()
		}
		synctest.Wait()
		ctx = by(ctx, "e")
		over := call(ctx, srv, "PUT", "/v1/machines/default/train?wait=30", `{"devices": [{"kind": "gpu", "count": 1}]}`)
		if over.Code != 503 || over.Header().Get("Retry-After") == "" || !strings.Contains(over.Body.String(), "2048 calls wait") {
			t.Errorf("one too many answers %d: %s", over.Code, over.Body)
		}
		if over := call(ctx, srv, "GET", "/v1/operations/op_a?wait=1", ""); over.Code != 503 {
			t.Errorf("one too many to wait for an operation answers %d: %s", over.Code, over.Body)
		}
		if got := call(ctx, srv, "GET", "/v1/operations/op_a", ""); got.Code != 200 {
			t.Errorf("without a wait the answer is %d: %s", got.Code, got.Body)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := len(answered); n != 1 || <-answered != 200 {
			t.Errorf("%d waits ended after 10 s", n)
		}
		if got := call(ctx, srv, "GET", "/v1/operations/op_a?wait=1", ""); got.Code != 200 {
			t.Errorf("after one ended the answer is %d: %s", got.Code, got.Body)
		}
		cancel()
		synctest.Wait()
	})
}

// One principal has a most of waits of its own, is told so before anything is
// done, and leaves room for others.
func TestWaitsOfOnePrincipalHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := rest.New(rest.Config{Store: unending{}, Requests: never{t: t}})
		defer srv.Close()
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan int, usual.WaitsEach)
		for i := range usual.WaitsEach {
			wait := "300"
			if i == 0 {
				wait = "10"
			}
			go func() { answered <- call(ctx, srv, "GET", "/v1/operations/op_a?wait="+wait, "").Code }()
		}
		synctest.Wait()
		over := call(ctx, srv, "PUT", "/v1/machines/default/train?wait=30", `{"devices": [{"kind": "gpu", "count": 1}]}`)
		if over.Code != 429 || over.Header().Get("Retry-After") == "" || !strings.Contains(over.Body.String(), "512 calls of a wait") {
			t.Errorf("one too many answers %d: %s", over.Code, over.Body)
		}
		for who, path := range map[context.Context]string{by(ctx, "b"): "/v1/operations/op_a?wait=1", ctx: "/v1/operations/op_a"} {
			if got := call(who, srv, "GET", path, ""); got.Code != 200 {
				t.Errorf("%s is answered %d: %s", path, got.Code, got.Body)
			}
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := len(answered); n != 1 || <-answered != 200 {
			t.Errorf("%d waits ended after 10 s", n)
		}
		if got := call(ctx, srv, "GET", "/v1/operations/op_a?wait=1", ""); got.Code != 200 {
			t.Errorf("after one ended the answer is %d: %s", got.Code, got.Body)
		}
		cancel()
		synctest.Wait()
	})
}
