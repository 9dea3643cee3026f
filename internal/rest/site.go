package rest

import (
	"context"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

type siteOutput struct{ Body api.Site }

func (s *Server) getSite(ctx context.Context, _ *struct{}) (*siteOutput, error) {
	c := callOf(ctx)
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	v := sh.view
	out := api.Site{
		Version: s.Version, Site: string(id.Site), Incarnation: id.Incarnation, Principal: c.who.Principal.Name,
		Role:     string(roleOf(c.who)),
		Projects: []string{}, Limits: s.limits(), Features: features, Now: s.Clock().UTC(),
	}
	if c.who.Token != "" {
		out.Token = &api.SignedIn{ID: string(c.who.Token), ExpiresAt: moment(c.who.Expires)}
	}
	for _, p := range v.all {
		out.Projects = append(out.Projects, p.Name)
	}
	for i := range v.site.Fabrics {
		out.Emulated = out.Emulated || v.emulated(v.site.Fabrics[i].Name)
	}
	return &siteOutput{Body: out}, nil
}

// roleOf is the role of who asks on the site.
func roleOf(who composa.Who) composa.Role {
	if who.Administers() {
		return composa.RoleAdmin
	}
	return composa.RoleMember
}

type listProjectsInput struct{ PageInput }

type listProjectsOutput struct{ Body api.Projects }

func (s *Server) listProjects(ctx context.Context, in *listProjectsInput) (*listProjectsOutput, error) {
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	page, next, err := cut(n.all, in.PageInput, func(p *composa.Project) string { return p.Name })
	if err != nil {
		return nil, err
	}
	out := api.Projects{Items: []api.Project{}, Page: api.Page{Next: next, AsOf: s.Clock().UTC()}}
	for _, p := range page {
		out.Items = append(out.Items, api.Project{ID: string(p.ID), Name: p.Name})
	}
	return &listProjectsOutput{Body: out}, nil
}

type healthOutput struct{ Body api.Health }

func (s *Server) healthy(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Body: api.Health{Status: "ok"}}, nil
}

func (s *Server) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	if _, err := s.Store.Identity(ctx, composa.System()); err != nil {
		e := composa.Errorf(composa.CodeUnavailable, "cannot serve: the store does not answer: %v", composa.CodeOf(err)).
			WithNext("look into the server's log")
		e.Err = err
		return nil, e
	}
	return &healthOutput{Body: api.Health{Status: "ok"}}, nil
}
