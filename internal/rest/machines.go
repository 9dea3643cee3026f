package rest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

// MachinePath names a machine in a path.
type MachinePath struct {
	Project string `path:"project" example:"default" doc:"Name of its project"`
	Name    string `path:"name" example:"train" doc:"Name of the machine; of a change of one that exists also its id, which means it and no other that has its name by now"`
}

type machineOutput struct {
	ETag string `header:"ETag" doc:"Its revision"`
	Body *api.Machine
}

type listMachinesInput struct {
	Project string   `query:"project" maxLength:"63" doc:"Only those of this project"`
	State   string   `query:"state" enum:"queued,composing,ready,changing,freeing,held,degraded,lost,stale" doc:"Only those in this state"`
	Label   []string `query:"label,explode" maxItems:"64" example:"[\"team=vision\"]" doc:"KEY=VALUE; only those that carry it; given more than once: all of them"`
	Fabric  string   `query:"fabric" maxLength:"63" doc:"Only those of this fabric"`
	Freed   bool     `query:"freed" doc:"Freed machines in place of the living"`
	PageInput
}

type listMachinesOutput struct{ Body api.Machines }

func (s *Server) listMachines(ctx context.Context, in *listMachinesInput) (*listMachinesOutput, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	want, err := s.machineFilter(ctx, v, in)
	if err != nil {
		return nil, err
	}
	source, key := v.site.Machines, func(m *composa.Machine) string { return v.project(m.Project) + "/" + m.Name }
	if in.Freed {
		if source, err = s.freed(ctx, v); err != nil {
			return nil, err
		}
		// The last one first: its key is the smallest.
		key = func(m *composa.Machine) string { return fmt.Sprint(math.MaxInt64-m.FreedAt.UnixMicro(), "/", m.ID) }
	}
	var found []composa.Machine
	for i := range source {
		if want(&source[i]) {
			found = append(found, source[i])
		}
	}
	slices.SortFunc(found, func(a, b composa.Machine) int { return composa.NaturalCompare(key(&a), key(&b)) })
	page, next, err := cut(found, in.PageInput, key)
	if err != nil {
		return nil, err
	}
	out := api.Machines{Items: []api.Machine{}, Page: api.Page{Next: next, AsOf: v.site.Now.UTC()}}
	for i := range page {
		out.Items = append(out.Items, *v.machine(&page[i]))
	}
	return &listMachinesOutput{Body: out}, nil
}

// machineFilter says whether a machine is wanted and may be seen.
func (s *Server) machineFilter(ctx context.Context, v *view, in *listMachinesInput) (func(*composa.Machine) bool, error) {
	var project composa.ProjectID
	if in.Project != "" {
		p, err := s.Store.Project(ctx, v.who, in.Project)
		if err != nil {
			return nil, err
		}
		project = p.ID
	}
	labels := map[string]string{}
	for i, l := range in.Label {
		k, val, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return nil, at(fmt.Sprintf("query.label[%d]", i), "%q is not KEY=VALUE", composa.Abridge(l, 40))
		}
		labels[k] = val
	}
	return func(m *composa.Machine) bool {
		for k, val := range labels {
			if have, ok := m.Spec.Labels[k]; !ok || have != val {
				return false
			}
		}
		return v.who.Sees(m.Project) &&
			(project == "" || m.Project == project) &&
			(in.Fabric == "" || string(m.Fabric) == in.Fabric) &&
			(in.State == "" || in.Freed || string(v.site.State(m)) == in.State)
	}, nil
}

// freed are the freed machines of the caller's projects.
func (s *Server) freed(ctx context.Context, v *view) ([]composa.Machine, error) {
	var all []composa.Machine
	for _, p := range v.who.Projects {
		some, err := s.Store.Freed(ctx, v.who, p, "", maxFreed)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b composa.Machine) int {
		return cmp.Or(b.FreedAt.Compare(a.FreedAt), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(len(all), maxFreed)], nil
}

func (s *Server) machine(ctx context.Context, in *MachinePath) (*machineOutput, error) {
	c := callOf(ctx)
	m, err := s.Store.Machine(ctx, c.who, c.project.ID, in.Name)
	return s.showMachine(ctx, m, err)
}

type machineIDInput struct {
	ID string `path:"id" maxLength:"63" example:"mach_k3v9q2xwabcdefgh" doc:"Id of the machine"`
}

func (s *Server) machineByID(ctx context.Context, in *machineIDInput) (*machineOutput, error) {
	m, err := s.Store.MachineByID(ctx, callOf(ctx).who, composa.MachineID(in.ID))
	return s.showMachine(ctx, m, err)
}

func (s *Server) showMachine(ctx context.Context, m *composa.Machine, err error) (*machineOutput, error) {
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	return &machineOutput{ETag: etag(m.Revision), Body: v.machine(m)}, nil
}

type newMachineInput struct {
	ChangeInput
	Body api.NewMachine
}

func (s *Server) newMachine(ctx context.Context, in *newMachineInput) (*changeOutput, error) {
	p, err := s.projectOf(ctx, auth.MachineCompose, in.Body.Project, in.Body.Name)
	if err != nil {
		return nil, err
	}
	r, err := composeOf(subject{project: p, machine: in.Body.Name, location: "body"}, in.Body.Wish, in.Body.Ask, true)
	if err != nil {
		return nil, err
	}
	return s.changed(ctx, in.ChangeInput, func(who composa.Who) (*composa.Outcome, error) { return s.Requests.Compose(ctx, who, r) })
}

type putMachineInput struct {
	MachinePath
	ChangeInput
	MatchInput
	IfNoneMatch string `header:"If-None-Match" maxLength:"64" example:"*" doc:"*: only make the machine; where there is one of the name, also of the same wish, the answer is 412, exists"`
	Body        api.PutMachine
}

func (s *Server) putMachine(ctx context.Context, in *putMachineInput) (*changeOutput, error) {
	onlyMake, err := in.onlyMake()
	if err != nil {
		return nil, err
	}
	revision, err := in.machine()
	if err != nil {
		return nil, err
	}
	m := subject{project: callOf(ctx).project, machine: in.Name, location: "body", revision: revision}
	r, err := composeOf(m, in.Body.Wish, in.Body.Ask, onlyMake)
	if err != nil {
		return nil, err
	}
	out, err := s.changed(ctx, in.ChangeInput, func(who composa.Who) (*composa.Outcome, error) { return s.Requests.Compose(ctx, who, r) })
	if onlyMake && composa.CodeOf(err) == composa.CodeExists {
		p := problemOf(err, "")
		p.Status, p.Title = http.StatusPreconditionFailed, http.StatusText(http.StatusPreconditionFailed)
		return nil, p
	}
	return out, err
}

// onlyMake says whether the caller wants no machine that exists.
func (in *putMachineInput) onlyMake() (bool, error) {
	switch {
	case in.IfNoneMatch == "":
		return false, nil
	case in.IfNoneMatch != "*":
		return false, at("header.If-None-Match", "%q is not *, which is all that is taken here", composa.Abridge(in.IfNoneMatch, 40))
	case in.IfMatch != "":
		return false, at("header.If-None-Match", "the machine cannot be asked to exist (If-Match) and not to exist")
	}
	return true, nil
}

// changeInput asks for a change of the machine of the path.
type changeInput[Body any] struct {
	MachinePath
	ChangeInput
	MatchInput
	Body Body
}

// change makes the handler of a verb: read reads the body, ask hands what it
// says to intake.
func change[Body, Request any](read reader[Body, Request], ask asker[Request]) func(*Server, context.Context, *changeInput[Body]) (*changeOutput, error) {
	return func(s *Server, ctx context.Context, in *changeInput[Body]) (*changeOutput, error) {
		revision, err := in.machine()
		if err != nil {
			return nil, err
		}
		return s.changed(ctx, in.ChangeInput, func(who composa.Who) (*composa.Outcome, error) {
			m, err := s.subject(ctx, callOf(ctx).project, in.Name)
			if err != nil {
				return nil, err
			}
			m.location, m.revision = "body", revision
			return submit(ctx, s.Requests, who, m, in.Body, read, ask)
		})
	}
}

// subject is the machine that a change is about: that of a name, or exactly that
// of an id.
func (s *Server) subject(ctx context.Context, p *composa.Project, word string) (subject, error) {
	other := func(word string) (subject, error) { return s.subject(ctx, p, word) }
	if !strings.HasPrefix(word, composa.PrefixMachine+"_") {
		return subject{project: p, machine: word, other: other}, nil
	}
	m, err := s.Store.MachineByID(ctx, callOf(ctx).who, composa.MachineID(word))
	switch {
	case err != nil:
		return subject{}, err
	case m.Project != p.ID:
		return subject{}, composa.Errorf(composa.CodeNotFound, "cannot change machine %s: it is not in project %q", m.ID, p.Name)
	case !m.Living():
		return subject{}, composa.Errorf(composa.CodeNotFound, "cannot change %q: it was freed at %s", m.Name, m.FreedAt.UTC().Format(time.RFC3339)).
			WithNext("compose it anew")
	}
	return subject{project: p, machine: m.Name, id: m.ID, other: other}, nil
}

// reader reads the body of a request about a machine.
type reader[Body, Request any] func(subject, Body) (Request, error)

// asker is how intake takes a request.
type asker[Request any] func(Requests, context.Context, composa.Who, Request) (*composa.Outcome, error)

// submit reads a request and hands it to intake.
func submit[Body, Request any](ctx context.Context, to Requests, who composa.Who, m subject, body Body, read reader[Body, Request], ask asker[Request]) (*composa.Outcome, error) {
	r, err := read(m, body)
	if err != nil {
		return nil, err
	}
	return ask(to, ctx, who, r)
}

// changed answers a changing call by what came of it within the caller's
// patience.
func (s *Server) changed(ctx context.Context, in ChangeInput, ask func(composa.Who) (*composa.Outcome, error)) (*changeOutput, error) {
	patience, leave, err := s.waiting(ctx, in.WaitInput)
	if err != nil {
		return nil, err
	}
	defer leave()
	c := callOf(ctx)
	var out *composa.Outcome
	err = c.once(func(who composa.Who) (err error) {
		out, err = ask(who)
		return err
	})
	if err == nil && out == nil { // it was asked before
		out, err = s.outcome(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	answer, err := s.done(ctx, out, patience)
	if err == nil && in.Explain {
		answer.explain(out.Explanation)
	}
	return answer, err
}

// projectOf returns the project that a body names, the default one where it
// names none, and asks whether the caller may do there what they want.
func (s *Server) projectOf(ctx context.Context, verb auth.Verb, name, object string) (*composa.Project, error) {
	if name == "" {
		name = composa.DefaultProject
	}
	who := callOf(ctx).who
	p, err := s.Store.Project(ctx, who, name)
	if err != nil {
		return nil, err
	}
	return p, auth.Allow(who, verb, p.ID, object)
}
