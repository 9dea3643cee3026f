package rest

import (
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// usualGrace is how long a host may take to shut down where nobody says.
const usualGrace = 2 * time.Minute

// subject is what a request is about, and how it is asked.
type subject struct {
	project  *composa.Project
	machine  string            // its name
	id       composa.MachineID // that it must have; empty: any
	location string            // where the request's body stands in what was sent
	revision int64             // that the machine must have; 0: any
	dryRun   bool
	// other finds another machine of the project, named as one in a path is.
	other func(word string) (subject, error)
}

func askedOf(m subject, a api.Ask) composa.Asked {
	return composa.Asked{
		Project: m.project.ID, Machine: m.machine, ID: m.id, Message: a.Message,
		Timeout: time.Duration(a.Timeout) * time.Second, DryRun: m.dryRun, Revision: m.revision,
	}
}

func specOf(m subject, w api.Wish) (composa.Spec, error) {
	entries, err := entriesOf(m.location+".devices", w.Devices)
	s := composa.Spec{Name: m.machine, Labels: w.Labels, Pool: w.Pool, Entries: entries, P2P: w.P2P, Power: composa.PowerWish(w.Power)}
	for _, f := range w.Fabrics {
		s.Fabrics = append(s.Fabrics, composa.FabricName(f))
	}
	return s, err
}

func placesOf(ids []string) []composa.Place {
	var out []composa.Place
	for _, id := range ids {
		out = append(out, composa.Place(id))
	}
	return out
}

// countsOf reads counts by kind; location is where they stand in the request.
func countsOf(location string, counts map[string]int) (map[composa.Kind]int, error) {
	out := map[composa.Kind]int{}
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		kind, err := composa.ParseKind(word)
		if err != nil {
			return nil, at(location+"."+composa.Abridge(word, 40), "%v", err)
		}
		if _, twice := out[kind]; twice {
			return nil, at(location+"."+word, "the kind stands twice")
		}
		out[kind] = counts[word]
	}
	return out, nil
}

func composeOf(m subject, w api.Wish, a api.Ask, isNew bool) (composa.ComposeRequest, error) {
	spec, err := specOf(m, w)
	return composa.ComposeRequest{Asked: askedOf(m, a), Spec: spec, New: isNew}, err
}

// freeOf reads a body that may be missing: it has nothing that must be said.
func freeOf(m subject, r *api.FreeMachine) (composa.FreeRequest, error) {
	if r == nil {
		r = &api.FreeMachine{}
	}
	grace := usualGrace
	if r.Grace != nil {
		grace = time.Duration(*r.Grace) * time.Second
	}
	return composa.FreeRequest{Asked: askedOf(m, r.Ask), Grace: grace}, nil
}

func plugOf(m subject, r api.Plug) (composa.PlugRequest, error) {
	entries, err := entriesOf(m.location+".devices", r.Devices)
	return composa.PlugRequest{Asked: askedOf(m, r.Ask), Entries: entries}, err
}

func unplugOf(m subject, r api.Unplug) (composa.UnplugRequest, error) {
	counts, err := countsOf(m.location+".counts", r.Counts)
	return composa.UnplugRequest{Asked: askedOf(m, r.Ask), Places: placesOf(r.IDs), Counts: counts}, err
}

func reshapeOf(m subject, r api.Reshape) (composa.ReshapeRequest, error) {
	totals, err := countsOf(m.location+".totals", r.Totals)
	return composa.ReshapeRequest{Asked: askedOf(m, r.Ask), Totals: totals}, err
}

func moveOf(m subject, r api.Move) (composa.MoveRequest, error) {
	to, err := m.other(r.To)
	return composa.MoveRequest{Asked: askedOf(m, r.Ask), Places: placesOf(r.IDs), To: to.machine, ToID: to.id}, err
}
