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

func askedOf(p *composa.Project, machine string, a api.Ask) composa.Asked {
	return composa.Asked{Project: p.ID, Machine: machine, Message: a.Message, Timeout: time.Duration(a.Timeout) * time.Second}
}

func specOf(name string, w api.Wish) composa.Spec {
	s := composa.Spec{Name: name, Labels: w.Labels, Pool: w.Pool, Entries: entriesOf(w.Devices), P2P: w.P2P, Power: composa.PowerWish(w.Power)}
	for _, f := range w.Fabrics {
		s.Fabrics = append(s.Fabrics, composa.FabricName(f))
	}
	return s
}

func entriesOf(wants []api.Want) []composa.Entry {
	out := make([]composa.Entry, 0, len(wants))
	for _, w := range wants {
		out = append(out, composa.Entry{Kind: composa.Kind(w.Kind), Count: w.Count, Model: w.Model, Places: placesOf(w.IDs), IPMI: w.IPMI})
	}
	return out
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

func composeOf(p *composa.Project, name string, w api.Wish, a api.Ask, isNew bool) composa.ComposeRequest {
	return composa.ComposeRequest{Asked: askedOf(p, name, a), Spec: specOf(name, w), New: isNew}
}

func freeOf(p *composa.Project, name string, r api.FreeMachine) composa.FreeRequest {
	grace := usualGrace
	if r.Grace != nil {
		grace = time.Duration(*r.Grace) * time.Second
	}
	return composa.FreeRequest{Asked: askedOf(p, name, r.Ask), Grace: grace}
}

func plugOf(p *composa.Project, name string, r api.Plug) composa.PlugRequest {
	return composa.PlugRequest{Asked: askedOf(p, name, r.Ask), Entries: entriesOf(r.Devices)}
}

func unplugOf(p *composa.Project, name string, r api.Unplug, location string) (composa.UnplugRequest, error) {
	counts, err := countsOf(location+".counts", r.Counts)
	return composa.UnplugRequest{Asked: askedOf(p, name, r.Ask), Places: placesOf(r.IDs), Counts: counts}, err
}

func reshapeOf(p *composa.Project, name string, r api.Reshape, location string) (composa.ReshapeRequest, error) {
	totals, err := countsOf(location+".totals", r.Totals)
	return composa.ReshapeRequest{Asked: askedOf(p, name, r.Ask), Totals: totals}, err
}

func moveOf(p *composa.Project, name string, r api.Move) composa.MoveRequest {
	return composa.MoveRequest{Asked: askedOf(p, name, r.Ask), Places: placesOf(r.IDs), To: r.To}
}
