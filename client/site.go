package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/composa-dev/composa/api"
)

// Site returns what the server says of itself and of who asks.
func (c *Client) Site(ctx context.Context) (*api.Site, error) {
	return get[api.Site](ctx, c, "/v1", nil)
}

// Healthy asks whether the server runs; no token is needed.
func (c *Client) Healthy(ctx context.Context) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/healthz"}, nil)
	return err
}

// Ready asks whether the server can serve; no token is needed.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/readyz"}, nil)
	return err
}

// Projects iterates over the projects of who asks.
func (c *Client) Projects(ctx context.Context) iter.Seq2[api.Project, error] {
	return pages[api.Project](ctx, c, "/v1/projects", nil)
}

// DeviceFilter says which devices are wanted; the zero value: all.
type DeviceFilter struct {
	Kind   string
	Fabric string
	Free   *bool // nil: free or not
	Pool   string
	Use    string
	Model  string // any part of the model's name, in any case
	Where  string // a condition over device, in CEL
}

func (f DeviceFilter) query() url.Values {
	q := values("kind", f.Kind, "fabric", f.Fabric, "pool", f.Pool, "use", f.Use, "model", f.Model, "where", f.Where)
	if f.Free != nil {
		q.Set("free", strconv.FormatBool(*f.Free))
	}
	return q
}

// Devices iterates over all pages of devices, in natural order of place.
func (c *Client) Devices(ctx context.Context, f DeviceFilter) iter.Seq2[api.Device, error] {
	return pages[api.Device](ctx, c, "/v1/devices", f.query())
}

// Device returns the device at a place.
func (c *Client) Device(ctx context.Context, fabric, name string) (*api.Device, error) {
	return get[api.Device](ctx, c, join("/v1/devices", fabric, name), nil)
}

// DeviceByID returns a device by id, wherever it sits.
func (c *Client) DeviceByID(ctx context.Context, id string) (*api.Device, error) {
	return get[api.Device](ctx, c, join("/v1/devices", id), nil)
}

// EditDevice changes what people say about the device at a place. revision is
// the one that the change was decided on; 0: any.
func (c *Client) EditDevice(ctx context.Context, fabric, name string, revision int64, e api.EditDevice) (*api.Device, error) {
	return answer[api.Device](ctx, c, call{method: http.MethodPatch, path: join("/v1/devices", fabric, name), body: e, match: revision})
}

// Available iterates over what can be had now, by kind and model; kind empty:
// every kind.
func (c *Client) Available(ctx context.Context, kind string) iter.Seq2[api.Available, error] {
	return pages[api.Available](ctx, c, "/v1/available", values("kind", kind))
}

// Fabrics iterates over the fabrics of the site.
func (c *Client) Fabrics(ctx context.Context) iter.Seq2[api.Fabric, error] {
	return pages[api.Fabric](ctx, c, "/v1/fabrics", nil)
}

// Fabric returns one fabric.
func (c *Client) Fabric(ctx context.Context, name string) (*api.Fabric, error) {
	return get[api.Fabric](ctx, c, join("/v1/fabrics", name), nil)
}

// CheckFabric asks a fabric right now whether it answers, what it can do, and
// how it took things so far.
func (c *Client) CheckFabric(ctx context.Context, name string) (*api.FabricCheck, error) {
	return answer[api.FabricCheck](ctx, c, call{method: http.MethodPost, path: join("/v1/fabrics", name, "check")})
}

// ProbeFabric does as [Client.CheckFabric], and also lets the fabric try what
// only trying tells, on a machine of its own that holds no device and is removed.
// It takes some commits of the fabric: seconds to minutes.
func (c *Client) ProbeFabric(ctx context.Context, name string) (*api.FabricCheck, error) {
	return answer[api.FabricCheck](ctx, c, call{method: http.MethodPost, path: join("/v1/fabrics", name, "check"), query: values("probe", "true")})
}

// Inventory looks at a fabric right now and returns everything that it shows.
func (c *Client) Inventory(ctx context.Context, name string) (*api.Inventory, error) {
	return get[api.Inventory](ctx, c, join("/v1/fabrics", name, "inventory"), nil)
}

// Pools iterates over the pools of a project; project empty: of all of yours.
func (c *Client) Pools(ctx context.Context, project string) iter.Seq2[api.Pool, error] {
	return pages[api.Pool](ctx, c, "/v1/pools", values("project", project))
}

// Pool returns one pool.
func (c *Client) Pool(ctx context.Context, project, name string) (*api.Pool, error) {
	return get[api.Pool](ctx, c, join("/v1/pools", project, name), nil)
}

// PoolTerms are under which terms a pool is changed; the zero value: now, and
// whatever it is.
type PoolTerms struct {
	Revision int64 // the one that the change was decided on; 0: any
	DryRun   bool  // only tell what the change would do, or why it would be refused
}

func (t PoolTerms) query() url.Values {
	if t.DryRun {
		return values("dryRun", "true")
	}
	return nil
}

// CreatePool makes a pool. The answer tells what that does to the pools of
// devices.
func (c *Client) CreatePool(ctx context.Context, p api.NewPool) (*api.Pool, error) {
	return answer[api.Pool](ctx, c, call{method: http.MethodPost, path: "/v1/pools", body: p})
}

// TryPool makes no pool, and answers what [Client.CreatePool] would make, or
// would be refused for.
func (c *Client) TryPool(ctx context.Context, p api.NewPool) (*api.Pool, error) {
	return answer[api.Pool](ctx, c, call{method: http.MethodPost, path: "/v1/pools", query: PoolTerms{DryRun: true}.query(), body: p})
}

// EditPool changes what a pool is: its condition, how many devices it may hold,
// its labels.
func (c *Client) EditPool(ctx context.Context, project, name string, e api.EditPool, terms PoolTerms) (*api.Pool, error) {
	return answer[api.Pool](ctx, c, call{method: http.MethodPatch, path: join("/v1/pools", project, name), query: terms.query(), body: e, match: terms.Revision})
}

// DeletePool removes a pool that holds no devices. revision is the one that
// this was decided on; 0: any.
func (c *Client) DeletePool(ctx context.Context, project, name string, revision int64) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: join("/v1/pools", project, name), match: revision}, nil)
	return err
}

// TryDeletePool removes no pool, and answers the pool that [Client.DeletePool]
// would remove, with what becomes of its devices, or why it would be refused.
func (c *Client) TryDeletePool(ctx context.Context, project, name string, revision int64) (*api.Pool, error) {
	return answer[api.Pool](ctx, c, call{method: http.MethodDelete, path: join("/v1/pools", project, name), query: PoolTerms{DryRun: true}.query(), match: revision})
}

// AddToPool puts devices into a pool: all or none.
func (c *Client) AddToPool(ctx context.Context, project, name string, ids []string, terms PoolTerms) (*api.Pool, error) {
	return answer[api.Pool](ctx, c, call{method: http.MethodPost, path: join("/v1/pools", project, name, "add"), query: terms.query(), body: api.PoolDevices{IDs: ids}, match: terms.Revision})
}

// RemoveFromPool takes devices out of a pool: all or none.
func (c *Client) RemoveFromPool(ctx context.Context, project, name string, ids []string, terms PoolTerms) (*api.Pool, error) {
	return answer[api.Pool](ctx, c, call{method: http.MethodPost, path: join("/v1/pools", project, name, "remove"), query: terms.query(), body: api.PoolDevices{IDs: ids}, match: terms.Revision})
}
