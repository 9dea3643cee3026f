package rest

import (
	"context"
	"time"

	"github.com/composa-dev/composa"
)

// names turns the ids of projects and principals into what people call them.
type names struct {
	all        []composa.Project // that the caller sees, in natural order of name
	projects   map[composa.ProjectID]string
	principals map[composa.PrincipalID]string
}

// readNames asks the store for them.
func (s *Server) readNames(ctx context.Context, who composa.Who) (names, error) {
	projects, err := s.Store.Projects(ctx, who)
	if err != nil {
		return names{}, err
	}
	principals, err := s.Store.Principals(ctx, who)
	if err != nil {
		return names{}, err
	}
	n := names{all: projects, projects: map[composa.ProjectID]string{}, principals: map[composa.PrincipalID]string{}}
	for _, p := range projects {
		n.projects[p.ID] = p.Name
	}
	for _, p := range principals {
		n.principals[p.ID] = p.Name
	}
	return n, nil
}

// project is the name of a project that the caller sees; empty for others.
func (n names) project(id composa.ProjectID) string { return n.projects[id] }

// principal is the name of who acted, or the id where it has none.
func (n names) principal(id composa.PrincipalID) string {
	if name := n.principals[id]; name != "" {
		return name
	}
	return string(id)
}

// view is the site as one caller sees it, read once for an answer.
type view struct {
	names
	who  composa.Who
	site *composa.Site
	// ours tells, for each fabric, which of its machines are ours, by handle.
	ours map[composa.FabricName]map[string]*composa.Machine
	// held are the claims of each machine, those it inherits too.
	held map[composa.MachineID][]*composa.Claim
}

func newView(n names, who composa.Who, site *composa.Site) *view {
	v := &view{
		names: n, who: who, site: site,
		ours: map[composa.FabricName]map[string]*composa.Machine{},
		held: map[composa.MachineID][]*composa.Claim{},
	}
	for i := range site.Machines {
		m := &site.Machines[i]
		if site.Pictures[m.Fabric].Ours(m.Ref()) == nil {
			continue
		}
		if v.ours[m.Fabric] == nil {
			v.ours[m.Fabric] = map[string]*composa.Machine{}
		}
		v.ours[m.Fabric][m.Native] = m
	}
	for i := range site.Claims {
		c := &site.Claims[i]
		v.held[c.Machine] = append(v.held[c.Machine], c)
		if c.Heir != "" && c.Heir != c.Machine {
			v.held[c.Heir] = append(v.held[c.Heir], c)
		}
	}
	return v
}

// whyNot says why a device could not be given now to a request of the caller
// that names pool; empty: it could. Beside the site's rule a fabric must answer,
// and be ours to change.
func (v *view) whyNot(d *composa.Device, pool composa.PoolID) string {
	if why := v.site.WhyNotFree(d, v.asking(d), pool); why != "" {
		return why
	}
	f := v.site.Fabric(d.Fabric)
	switch {
	case f == nil:
		return "its fabric is not in the configuration"
	case f.Reach.Silent():
		return "its fabric is silent"
	case f.ReadOnly() != nil:
		return "its fabric is only observed"
	}
	return ""
}

// asking is the project of the caller that has the best right to a device: the
// one whose data it may hold, else any.
func (v *view) asking(d *composa.Device) composa.ProjectID {
	if d.KeptFor != "" && v.who.Sees(d.KeptFor) {
		return d.KeptFor
	}
	if len(v.who.Projects) > 0 {
		return v.who.Projects[0]
	}
	return "none"
}

// emulated says whether a fabric is pretend hardware.
func (v *view) emulated(name composa.FabricName) bool {
	f := v.site.Fabric(name)
	return f != nil && f.Abilities != nil && f.Abilities.Emulated
}

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}

// texts turns a list of named strings into plain ones; never nil.
func texts[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}
