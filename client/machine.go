package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa/api"
)

// Result is what came of a changing call: the machine where it is done (or was
// so already), else the operation that goes on.
type Result struct {
	Machine   *api.Machine   // nil while it is not done
	Operation *api.Operation // nil once it is done; Machine.Operation names it
	Made      bool           // this call made the machine
}

// MachineFilter says which machines are wanted; the zero value: all living ones.
type MachineFilter struct {
	Project string
	State   string
	Labels  map[string]string
	Fabric  string
	Freed   bool // freed ones in place of the living
}

func (f MachineFilter) query() url.Values {
	q := values("project", f.Project, "state", f.State, "fabric", f.Fabric)
	for _, k := range sortedKeys(f.Labels) {
		q.Add("label", k+"="+f.Labels[k])
	}
	if f.Freed {
		q.Set("freed", "true")
	}
	return q
}

// Machines iterates over all pages of machines, in natural order of name.
func (c *Client) Machines(ctx context.Context, f MachineFilter) iter.Seq2[api.Machine, error] {
	return pages[api.Machine](ctx, c, "/v1/machines", f.query())
}

// Machine returns the living machine of a name.
func (c *Client) Machine(ctx context.Context, project, name string) (*api.Machine, error) {
	return get[api.Machine](ctx, c, join("/v1/machines", project, name), nil)
}

// MachineByID returns a machine by id, also one that was freed.
func (c *Client) MachineByID(ctx context.Context, id string) (*api.Machine, error) {
	return get[api.Machine](ctx, c, join("/v1/machines", id), nil)
}

// PutMachine asks for a machine of a name: made if there is none, found if the
// same principal made it with the same wish. It may be repeated.
func (c *Client) PutMachine(ctx context.Context, project, name string, r api.PutMachine, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPut, join("/v1/machines", project, name), r, wait)
}

// NewMachine makes a machine that must not exist yet.
func (c *Client) NewMachine(ctx context.Context, r api.NewMachine, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, "/v1/machines", r, wait)
}

// Plug adds devices to a machine.
func (c *Client) Plug(ctx context.Context, project, name string, r api.Plug, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, join("/v1/machines", project, name, "plug"), r, wait)
}

// Unplug takes devices from a machine.
func (c *Client) Unplug(ctx context.Context, project, name string, r api.Unplug, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, join("/v1/machines", project, name, "unplug"), r, wait)
}

// Reshape sets how many devices of some kinds a machine has.
func (c *Client) Reshape(ctx context.Context, project, name string, r api.Reshape, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, join("/v1/machines", project, name, "reshape"), r, wait)
}

// Move takes devices from the machine and gives them to another one.
func (c *Client) Move(ctx context.Context, project, name string, r api.Move, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, join("/v1/machines", project, name, "move"), r, wait)
}

// Free gives a machine back. Once done the result is the freed machine.
func (c *Client) Free(ctx context.Context, project, name string, r api.FreeMachine, wait time.Duration) (*Result, error) {
	return c.change(ctx, http.MethodPost, join("/v1/machines", project, name, "free"), r, wait)
}

// Plan asks what a request would do and changes nothing. The plan is kept for
// an hour.
func (c *Client) Plan(ctx context.Context, r api.NewPlan) (*api.Plan, error) {
	return answer[api.Plan](ctx, c, call{method: http.MethodPost, path: "/v1/plans", body: r})
}

// StoredPlan returns a plan that was asked for before.
func (c *Client) StoredPlan(ctx context.Context, id string) (*api.Plan, error) {
	return get[api.Plan](ctx, c, join("/v1/plans", id), nil)
}

// change makes a changing call of which a machine or an operation comes.
func (c *Client) change(ctx context.Context, method, path string, body any, wait time.Duration) (*Result, error) {
	k := call{method: method, path: path, body: body, query: waitQuery(wait)}
	var raw json.RawMessage
	status, err := c.do(ctx, k, &raw)
	if err != nil {
		return nil, err
	}
	return k.result(c.base, status, raw)
}

// result reads a successful answer: the machine or the operation, by its id.
func (k call) result(base *url.URL, status int, body json.RawMessage) (*Result, error) {
	if status == http.StatusAccepted {
		var op api.Operation
		if err := json.Unmarshal(body, &op); err != nil {
			return nil, k.fail(base, "internal", "the answer is not an operation: %v", err)
		}
		if op.ID == "" {
			return nil, k.fail(base, "internal", "the answer is not an operation: it has no id")
		}
		return &Result{Operation: &op}, nil
	}
	var m api.Machine
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, k.fail(base, "internal", "the answer is not a machine: %v", err)
	}
	if m.ID == "" {
		return nil, k.fail(base, "internal", "the answer is not a machine: it has no id")
	}
	return &Result{Machine: &m, Made: status == http.StatusCreated}, nil
}

// waitQuery says how long the server waits: whole seconds, up to [MaxWait].
func waitQuery(d time.Duration) url.Values {
	seconds := int64((min(d, MaxWait) + time.Second - 1) / time.Second)
	if seconds <= 0 {
		return url.Values{}
	}
	return url.Values{"wait": {strconv.FormatInt(seconds, 10)}}
}

// join makes a path of segments; each is escaped.
func join(base string, segments ...string) string {
	var b strings.Builder
	b.WriteString(base)
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String()
}
