package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa"
)

// maxPutTold is how many devices the refusal to remove a pool names.
const maxPutTold = 20

// placesOf lists devices as commands take them, the first of many.
func placesOf(devices []composa.Device) string {
	var places []string
	for i := range devices {
		places = append(places, string(devices[i].Place()))
	}
	slices.SortFunc(places, composa.NaturalCompare)
	if n := len(places) - maxPutTold; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(places[:maxPutTold], ","), n)
	}
	return strings.Join(places, ",")
}

// DeletePool removes a pool into which no device was put; refused while one is.
// What was in it by its condition is then in the oldest other pool whose
// condition it meets, or in none. The answer is the pool as it was.
func (s *Store) DeletePool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string) (*composa.PoolChange, error) {
	what := fmt.Sprintf("delete pool %q", composa.Abridge(name, composa.MaxName))
	return s.tryPool(ctx, who, terms, what, func(t *tx) (*composa.PoolChange, error) {
		p, site, err := t.poolToChange(terms, project, name, what)
		if err != nil {
			return nil, err
		}
		put, err := t.devices("pool = $1 AND gone_at IS NULL", string(p.ID))
		if err != nil {
			return nil, err
		}
		if len(put) > 0 {
			return nil, composa.Errorf(composa.CodeRefused, "cannot %s: it holds what was put into it: %s", what, placesOf(put)).
				WithNext("remove that from it first")
		}
		if _, err := t.exec(`UPDATE device SET pool = '', revision = revision + 1 WHERE pool = $1`, string(p.ID)); err != nil {
			return nil, err
		}
		out := &composa.PoolChange{Pool: *p, Found: p.Revision, Moves: t.s.movesWithout(site, p)}
		p.Revision++
		if _, err := t.exec(`UPDATE pool SET deleted_at = $1, updated_at = $1, updated_by = $2, revision = $3 WHERE id = $4`,
			micros(t.now), string(t.who.Principal.ID), p.Revision, string(p.ID)); err != nil {
			return nil, err
		}
		return out, t.tellPool("pool.deleted", p)
	})
}
