package rest

import (
	"context"
	"fmt"
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

type createPoolInput struct{ Body api.NewPool }

type createPoolOutput struct {
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
	err = callOf(ctx).once(func(who composa.Who) error {
		devices, err := s.devicesOf(ctx, fmt.Sprintf("cannot create pool %q", b.Name), b.IDs)
		if err != nil {
			return err
		}
		_, err = s.Store.CreatePool(ctx, who, composa.Pool{Project: p.ID, Name: b.Name, Most: b.Most, Labels: b.Labels, Where: strings.TrimSpace(b.Where)}, devices...)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.showPool(ctx, p.ID, b.Name)
	if err != nil {
		return nil, err
	}
	return &createPoolOutput{Location: "/v1/pools/" + out.Body.Project + "/" + out.Body.Name, ETag: out.ETag, Body: out.Body}, nil
}

func checkPool(b api.NewPool) error {
	if err := composa.CheckName("pool", b.Name); err != nil {
		return err
	}
	if b.Where != "" {
		if _, _, err := selector.Pool(b.Where); err != nil {
			return atCause("body.where", err)
		}
	}
	return composa.CheckLabels(b.Labels)
}

type deletePoolInput struct {
	PoolPath
	MatchInput
}

func (s *Server) deletePool(ctx context.Context, in *deletePoolInput) (*struct{}, error) {
	revision, err := in.revision()
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	return &struct{}{}, c.once(func(who composa.Who) error {
		return s.Store.DeletePool(ctx, who, c.project.ID, in.Name, revision)
	})
}

type poolDevicesInput struct {
	PoolPath
	Body api.PoolDevices
}

func (s *Server) addToPool(ctx context.Context, in *poolDevicesInput) (*poolOutput, error) {
	return s.changePool(ctx, "cannot add to pool %q", in, s.Store.AddToPool)
}

func (s *Server) removeFromPool(ctx context.Context, in *poolDevicesInput) (*poolOutput, error) {
	return s.changePool(ctx, "cannot remove from pool %q", in, s.Store.RemoveFromPool)
}

func (s *Server) changePool(ctx context.Context, begin string, in *poolDevicesInput,
	change func(context.Context, composa.Who, composa.ProjectID, string, []composa.DeviceID) (*composa.Pool, error),
) (*poolOutput, error) {
	c := callOf(ctx)
	if len(in.Body.IDs) == 0 {
		return nil, at("body.ids", "it names no device")
	}
	err := c.once(func(who composa.Who) error {
		devices, err := s.devicesOf(ctx, fmt.Sprintf(begin, composa.Abridge(in.Name, composa.MaxName)), in.Body.IDs)
		if err != nil {
			return err
		}
		_, err = change(ctx, who, c.project.ID, in.Name, devices)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.showPool(ctx, c.project.ID, in.Name)
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
