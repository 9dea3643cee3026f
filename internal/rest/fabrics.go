package rest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

type listFabricsInput struct{ PageInput }

type listFabricsOutput struct{ Body api.Fabrics }

func (s *Server) listFabrics(ctx context.Context, in *listFabricsInput) (*listFabricsOutput, error) {
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	all, err := sh.fabrics()
	if err != nil {
		return nil, err
	}
	page, next, err := cut(all, in.PageInput, func(f *api.Fabric) string { return f.Name })
	if err != nil {
		return nil, err
	}
	now := s.Clock().UTC()
	page = slices.Clone(page) // the others are shown to everybody
	for i := range page {
		age(&page[i], now)
	}
	return &listFabricsOutput{Body: api.Fabrics{Items: page, Page: api.Page{Next: next, AsOf: now}}}, nil
}

// age tells how old what is shown of a fabric is.
func age(f *api.Fabric, now time.Time) {
	if f.Seen != nil {
		f.Age = max(now.Sub(*f.Seen).Seconds(), 0)
	}
}

// FabricPath is the path of what is asked of one fabric; exported because huma reads
// embedded fields of exported types only.
type FabricPath struct {
	Name string `path:"name" maxLength:"63" example:"rack1" doc:"Name of the fabric"`
}

type fabricOutput struct{ Body *api.Fabric }

func (s *Server) fabric(ctx context.Context, in *FabricPath) (*fabricOutput, error) {
	sh, f, err := s.findFabric(ctx, "show", in.Name)
	if err != nil {
		return nil, err
	}
	body, err := sh.fabric(f)
	if err != nil {
		return nil, err
	}
	age(body, s.Clock())
	return &fabricOutput{Body: body}, nil
}

func (s *Server) findFabric(ctx context.Context, begin, name string) (*shown, *composa.Fabric, error) {
	sh, err := s.shown(ctx)
	if err != nil {
		return nil, nil, err
	}
	f := sh.view.site.Fabric(composa.FabricName(name))
	if f == nil {
		return nil, nil, composa.Errorf(composa.CodeNotFound, "cannot %s fabric %q: there is none of that name", begin, composa.Abridge(name, 40)).
			WithNext("composa fabric ls shows what there is")
	}
	return sh, f, nil
}

type inventoryOutput struct{ Body *api.Inventory }

func (s *Server) inventory(ctx context.Context, in *FabricPath) (*inventoryOutput, error) {
	_, f, err := s.findFabric(ctx, "look at", in.Name)
	if err != nil {
		return nil, err
	}
	p, err := asked(ctx, s, s.looks, f.Name, Fabrics.Look)
	if err != nil {
		return nil, err
	}
	// The site is read after the look, so that it knows what the look shows.
	site, err := s.Store.Site(ctx, callOf(ctx).who)
	if err != nil {
		return nil, err
	}
	with := *site
	with.Pictures = maps.Clone(site.Pictures)
	if with.Pictures == nil {
		with.Pictures = map[composa.FabricName]*composa.Picture{}
	}
	with.Pictures[f.Name] = p
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	return &inventoryOutput{Body: newView(n, callOf(ctx).who, with.IndexAfter(site)).inventory(p)}, nil
}

type checkOutput struct{ Body *api.FabricCheck }

type checkInput struct {
	FabricPath
	Probe bool `query:"probe" doc:"Also try what only trying tells: a group and an empty machine of the site's own are made, changed and removed"`
}

func (s *Server) checkFabric(ctx context.Context, in *checkInput) (*checkOutput, error) {
	_, f, err := s.findFabric(ctx, "check", in.Name)
	if err != nil {
		return nil, err
	}
	with, ask := s.checks, Fabrics.Check
	if in.Probe {
		// Who shares a probe that another caller began changes nothing.
		who := callOf(ctx).who
		with, ask = s.probes, func(fs Fabrics, ctx context.Context, name composa.FabricName) ([]composa.Check, error) {
			return fs.Probe(ctx, who, name)
		}
		if err := auth.Allow(who, auth.FabricProbe, "", in.Name); err != nil {
			return nil, err
		}
		if only := f.ReadOnly(); only != nil {
			return nil, composa.Errorf(composa.CodeReadOnly, "cannot probe %s: it makes and removes an empty machine, and %s", f.Name, only.Of(f.Name)).
				WithNext("check it without the probe, or %s", only.Next)
		}
	}
	checks, err := asked(ctx, s, with, f.Name, ask)
	if err != nil {
		return nil, err
	}
	out := &api.FabricCheck{Fabric: string(f.Name), OK: true, Checks: []api.CheckLine{}}
	for _, c := range checks {
		out.OK = out.OK && c.OK
		out.Checks = append(out.Checks, api.CheckLine{Name: c.Name, OK: c.OK, Text: c.Text, Seconds: c.Took.Seconds()})
	}
	return &checkOutput{Body: out}, nil
}

// asked asks a fabric, together with those who ask the same now. It goes on when
// the caller goes away, for the others, and ends when the server stops.
func asked[T any](ctx context.Context, s *Server, with *shared[T], name composa.FabricName, ask func(Fabrics, context.Context, composa.FabricName) (T, error)) (T, error) {
	return with.ask(ctx, name, func() (T, error) {
		held, done, ok := s.hold(context.WithoutCancel(ctx))
		if !ok {
			var none T
			return none, stopping()
		}
		defer done()
		return ask(s.Fabrics, held, name)
	})
}
