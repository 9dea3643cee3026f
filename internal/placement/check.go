package placement

import (
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// again reads another request of the same project on the same site, of which
// only what fits is asked for.
func (q *query) again(r Request) (*query, error) {
	other, err := newQuery(q.site, r, q.shared)
	if err == nil {
		other.offer = true
	}
	return other, err
}

// newQuery reads a request: what it names must exist and can be meant.
func newQuery(site *composa.Site, r Request, s *shared) (*query, error) {
	q := &query{site: site, request: r, shared: s, begin: fmt.Sprintf("cannot %s %q", r.Verb, r.Name)}
	q.entries = slices.Clone(r.Entries)
	for i := range q.entries {
		if e := &q.entries[i]; e.Count == 0 {
			e.Count = len(e.Places)
		}
	}
	if len(q.entries) == 0 {
		return nil, composa.Errorf(composa.CodeInvalid, "%s: no device is asked for", q.begin)
	}
	if err := composa.CheckEntries(q.begin, q.entries); err != nil {
		return nil, err
	}
	if r.Pool != "" {
		pool := site.PoolNamed(r.Project, r.Pool)
		if pool == nil {
			return nil, q.unknown("pool", r.Pool, poolNames(site, r.Project), "composa pool ls")
		}
		q.pool = pool.ID
	}
	if err := q.prepare(); err != nil {
		return nil, err
	}
	names, err := q.fabrics()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f := site.Fabric(name)
		if f == nil {
			return nil, q.unknown("fabric", string(name), fabricNames(site), "composa fabric ls")
		}
		t := &trial{query: q, fabric: f}
		t.reason = t.out()
		q.trials = append(q.trials, t)
	}
	return q, q.checkAccess()
}

// fabrics are the names of the fabrics that may serve, in natural order: those
// asked for, the machine's, or the one in which the named devices lie.
func (q *query) fabrics() ([]composa.FabricName, error) {
	names := slices.Clone(q.request.Fabrics)
	if len(names) == 0 {
		for i := range q.site.Fabrics {
			names = append(names, q.site.Fabrics[i].Name)
		}
	}
	for _, name := range names {
		if q.site.Fabric(name) == nil {
			return nil, q.unknown("fabric", string(name), fabricNames(q.site), "composa fabric ls")
		}
	}
	limit := "the request asks for another fabric"
	if m := q.request.Machine; m != nil {
		names, limit = []composa.FabricName{m.Fabric}, fmt.Sprintf("%q is on %s", m.Name, m.Fabric)
	}
	for _, e := range q.entries {
		for _, p := range e.Places {
			if err := q.checkPlace(e.Kind, p); err != nil {
				return nil, err
			}
			if !slices.Contains(names, p.Fabric()) {
				return nil, composa.Errorf(composa.CodeInvalid, "%s: %s cannot be had: %s", q.begin, p, limit).
					WithNext("a machine is made of devices of one fabric")
			}
			names = []composa.FabricName{p.Fabric()}
		}
	}
	slices.SortFunc(names, func(a, b composa.FabricName) int { return composa.NaturalCompare(string(a), string(b)) })
	return slices.Compact(names), nil
}

// checkPlace refuses a place where no device is, or one of another kind.
func (q *query) checkPlace(kind composa.Kind, p composa.Place) error {
	if q.site.Fabric(p.Fabric()) == nil {
		return q.unknown("fabric", string(p.Fabric()), fabricNames(q.site), "composa fabric ls")
	}
	d := q.site.At(p)
	if d == nil {
		return q.unknown("device", string(p), placeNames(q.site, p.Fabric()), "composa device ls")
	}
	if d.Kind != kind {
		return composa.Errorf(composa.CodeInvalid, "%s: %s is of kind %s, and %s is asked for", q.begin, p, d.Kind, kind).
			WithNext("name it under --%s", d.Kind)
	}
	return nil
}

// checkAccess refuses where only fabrics remain that are only observed.
func (q *query) checkAccess() error {
	for _, t := range q.trials {
		if t.fabric.ReadOnly() == nil {
			return nil
		}
	}
	switch len(q.trials) {
	case 0:
		return nil
	case 1:
		f := q.trials[0].fabric
		return composa.Errorf(composa.CodeReadOnly, "%s: %s", q.begin, f.ReadOnly().Of(f.Name)).WithNext("%s", f.ReadOnly().Next)
	}
	return composa.Errorf(composa.CodeReadOnly, "%s: all %d fabrics are only observed", q.begin, len(q.trials)).
		WithNext("set access: manage for one in the server's configuration")
}

// unknown is the answer to a name of nothing; list is the command that lists
// what there is.
func (q *query) unknown(noun, name string, have []string, list string) error {
	e := composa.Errorf(composa.CodeNotFound, "%s: there is no %s %q", q.begin, noun, composa.Abridge(name, 80))
	if near := composa.Nearly(name, have); near != "" {
		return e.WithNext("did you mean %q? %s shows what there is", near, list)
	}
	return e.WithNext("%s shows what there is", list)
}

func fabricNames(site *composa.Site) []string {
	var out []string
	for i := range site.Fabrics {
		out = append(out, string(site.Fabrics[i].Name))
	}
	return out
}

func poolNames(site *composa.Site, project composa.ProjectID) []string {
	var out []string
	for i := range site.Pools {
		if site.Pools[i].Project == project {
			out = append(out, site.Pools[i].Name)
		}
	}
	return out
}

func placeNames(site *composa.Site, fabric composa.FabricName) []string {
	var out []string
	for i := range site.Devices {
		if d := &site.Devices[i]; d.Fabric == fabric {
			out = append(out, string(d.Place()))
		}
	}
	return out
}
