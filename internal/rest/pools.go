package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
	"github.com/composa-dev/composa/internal/selector"
)

type listPoolsInput struct {
	Project string `query:"project" maxLength:"63" doc:"Only those of this project"`
	PageInput
}

type listPoolsOutput struct{ Body api.Pools }

func (s *Server) listPools(ctx context.Context, in *listPoolsInput) (*listPoolsOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	var found []*composa.Pool
	for i := range v.site.Pools {
		p := &v.site.Pools[i]
		if v.who.Sees(p.Project) && (in.Project == "" || v.project(p.Project) == in.Project) {
			found = append(found, p)
		}
	}
	key := func(p **composa.Pool) string { return v.project((*p).Project) + "/" + (*p).Name }
	slices.SortFunc(found, func(a, b *composa.Pool) int { return composa.NaturalCompare(key(&a), key(&b)) })
	page, next, err := cut(found, in.PageInput, key)
	if err != nil {
		return nil, err
	}
	out := api.Pools{Items: []api.Pool{}, Page: api.Page{Next: next, AsOf: v.site.Now.UTC()}}
	for _, p := range page {
		out.Items = append(out.Items, *v.pool(p))
	}
	return &listPoolsOutput{Body: out}, nil
}

// PoolPath names a pool in a path.
type PoolPath struct {
	Project string `path:"project" example:"default" doc:"Name of its project"`
	Name    string `path:"name" example:"vision" doc:"Name of the pool"`
}

type poolOutput struct {
	ETag string `header:"ETag" doc:"Its revision"`
	Body *api.Pool
}

func (s *Server) pool(ctx context.Context, in *PoolPath) (*poolOutput, error) {
	return s.showPool(ctx, callOf(ctx).project.ID, in.Name)
}

func (s *Server) showPool(ctx context.Context, project composa.ProjectID, name string) (*poolOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	p := v.site.PoolNamed(project, name)
	if kept := callOf(ctx).kept; kept != nil { // the pool that was meant then, and no other of its name
		p = v.site.Pool(composa.PoolID(kept.Result))
	}
	if p == nil {
		return nil, noPool("show", name)
	}
	return &poolOutput{ETag: etag(p.Revision), Body: v.pool(p)}, nil
}

func noPool(begin, name string) error {
	return composa.Errorf(composa.CodeNotFound, "cannot %s pool %q: there is none of that name", begin, composa.Abridge(name, 40)).
		WithNext("composa pool ls shows what there is")
}

// DryRunInput is what a call takes that can also only tell what it would do.
type DryRunInput struct {
	DryRun bool `query:"dryRun" doc:"Change nothing: answer what the change would do, or why it would be refused"`
}

type createPoolInput struct {
	DryRunInput
	Body api.NewPool
}

type createPoolOutput struct {
	Status   int
	Location string `header:"Location" doc:"Where the pool is"`
	ETag     string `header:"ETag" doc:"Its revision"`
	Body     *api.Pool
}

func (s *Server) createPool(ctx context.Context, in *createPoolInput) (*createPoolOutput, error) {
	b := in.Body
	p, err := s.projectOf(ctx, auth.PoolCreate, b.Project, b.Name)
	if err != nil {
		return nil, err
	}
	if err := checkPool(b); err != nil {
		return nil, err
	}
	out, err := s.changePool(ctx, p.ID, b.Name, in.DryRun, func(who composa.Who) (*composa.PoolChange, error) {
		devices, err := s.devicesOf(ctx, fmt.Sprintf("cannot create pool %q", b.Name), b.IDs)
		if err != nil {
			return nil, err
		}
		wanted := composa.Pool{Project: p.ID, Name: b.Name, Most: b.Most, Labels: b.Labels, Where: strings.TrimSpace(b.Where)}
		return s.Store.CreatePool(ctx, who, composa.PoolTerms{DryRun: in.DryRun}, wanted, devices...)
	})
	if err != nil {
		return nil, err
	}
	if in.DryRun { // it is nowhere yet
		out.Body.ID = ""
		return &createPoolOutput{Status: http.StatusOK, Body: out.Body}, nil
	}
	return &createPoolOutput{Status: http.StatusCreated, Location: "/v1/pools/" + out.Body.Project + "/" + out.Body.Name, ETag: out.ETag, Body: out.Body}, nil
}

func checkPool(b api.NewPool) error {
	if err := composa.CheckName("pool", b.Name); err != nil {
		return err
	}
	if err := checkPoolWhere(b.Where); err != nil {
		return err
	}
	return composa.CheckLabels(b.Labels)
}

func checkPoolWhere(where string) error {
	if where == "" {
		return nil
	}
	if _, _, err := selector.Pool(where); err != nil {
		return atCause("body.where", err)
	}
	return nil
}

type editPoolInput struct {
	PoolPath
	MatchInput
	DryRunInput
	Body api.EditPool
}

func (s *Server) editPool(ctx context.Context, in *editPoolInput) (*poolOutput, error) {
	revision, err := in.revision()
	if err != nil {
		return nil, err
	}
	if err := checkNoNull(callOf(ctx).body, "where", "most"); err != nil {
		return nil, err
	}
	u, err := poolUpdate(in)
	if err != nil {
		return nil, err
	}
	project := callOf(ctx).project.ID
	return s.changePool(ctx, project, in.Name, in.DryRun, func(who composa.Who) (*composa.PoolChange, error) {
		return s.Store.SetPool(ctx, who, composa.PoolTerms{Revision: revision, DryRun: in.DryRun}, project, in.Name, u)
	})
}

func poolUpdate(in *editPoolInput) (composa.PoolUpdate, error) {
	u := composa.PoolUpdate{Most: in.Body.Most, Labels: in.Body.Labels}
	if in.Body.Where == nil && u.Most == nil && len(u.Labels) == 0 {
		return u, composa.Errorf(composa.CodeInvalid, "cannot set pool %q: nothing is said of it", composa.Abridge(in.Name, composa.MaxName)).
			WithNext("say where, most or labels")
	}
	if in.Body.Where == nil {
		return u, nil
	}
	where := strings.TrimSpace(*in.Body.Where)
	u.Where = &where
	return u, checkPoolWhere(where)
}

// checkNoNull refuses null for fields of a body where it means nothing: the
// library takes it for a field that is absent.
func checkNoNull(body []byte, fields ...string) error {
	var said map[string]json.RawMessage
	if err := json.Unmarshal(body, &said); err != nil {
		return err
	}
	for _, name := range fields {
		if string(said[name]) == "null" {
			return at("body."+name, "null says nothing of it; leave it out, or write what it is to be")
		}
	}
	return nil
}

type deletePoolInput struct {
	PoolPath
	MatchInput
	DryRunInput
}

type deletePoolOutput struct {
	Status int
	Body   *api.Pool // of a dry run
}

func (s *Server) deletePool(ctx context.Context, in *deletePoolInput) (*deletePoolOutput, error) {
	revision, err := in.revision()
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	var done *composa.PoolChange
	err = c.once(func(who composa.Who) (err error) {
		done, err = s.Store.DeletePool(ctx, who, composa.PoolTerms{Revision: revision, DryRun: in.DryRun}, c.project.ID, in.Name)
		return err
	})
	if err != nil || !in.DryRun {
		return &deletePoolOutput{Status: http.StatusNoContent}, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	p := v.pool(&done.Pool)
	p.Change = v.poolChange(done, true)
	p.Change.Lines = append(p.Change.Lines, fmt.Sprintf("there is no pool %s then: requests that name it are refused", p.Name))
	return &deletePoolOutput{Status: http.StatusOK, Body: p}, nil
}

type poolDevicesInput struct {
	PoolPath
	MatchInput
	DryRunInput
	Body api.PoolDevices
}

func (s *Server) addToPool(ctx context.Context, in *poolDevicesInput) (*poolOutput, error) {
	return s.refillPool(ctx, "cannot add to pool %q", in, s.Store.AddToPool)
}

func (s *Server) removeFromPool(ctx context.Context, in *poolDevicesInput) (*poolOutput, error) {
	out, err := s.refillPool(ctx, "cannot remove from pool %q", in, s.Store.RemoveFromPool)
	if err != nil || out.Body.Change == nil {
		return out, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	var stay []string
	for _, word := range in.Body.IDs {
		if d := v.site.Device(composa.DeviceID(word)); d != nil {
			word = string(d.Place())
		}
		if slices.Contains(out.Body.Devices, word) {
			stay = append(stay, word)
		}
	}
	if len(stay) > 0 {
		line := fmt.Sprintf("%s %s in it by its condition, not by name any more", some(stay), oneOr(stay, "stays", "stay"))
		out.Body.Change.Lines = slices.Insert(out.Body.Change.Lines, 0, line)
	}
	return out, nil
}

func (s *Server) refillPool(ctx context.Context, begin string, in *poolDevicesInput,
	change func(context.Context, composa.Who, composa.PoolTerms, composa.ProjectID, string, []composa.DeviceID) (*composa.PoolChange, error),
) (*poolOutput, error) {
	revision, err := in.revision()
	if err != nil {
		return nil, err
	}
	if len(in.Body.IDs) == 0 {
		return nil, at("body.ids", "it names no device")
	}
	project := callOf(ctx).project.ID
	return s.changePool(ctx, project, in.Name, in.DryRun, func(who composa.Who) (*composa.PoolChange, error) {
		devices, err := s.devicesOf(ctx, fmt.Sprintf(begin, composa.Abridge(in.Name, composa.MaxName)), in.Body.IDs)
		if err != nil {
			return nil, err
		}
		return change(ctx, who, composa.PoolTerms{Revision: revision, DryRun: in.DryRun}, project, in.Name, devices)
	})
}

// devicesOf turns places and ids into ids; each device once.
func (s *Server) devicesOf(ctx context.Context, begin string, words []string) ([]composa.DeviceID, error) {
	if len(words) == 0 {
		return nil, nil
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	var out []composa.DeviceID
	for _, w := range words {
		d, err := v.find(begin, w)
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, d.ID) {
			return nil, composa.Errorf(composa.CodeInvalid, "%s: %s is named twice", begin, composa.Abridge(w, 80))
		}
		out = append(out, d.ID)
	}
	return out, nil
}
