package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/composa-dev/composa"
)

// Principals returns those whose names who asks may read, in natural order of
// name: itself, and everybody who is a member of one of its projects.
func (s *Store) Principals(ctx context.Context, who composa.Who) ([]composa.Principal, error) {
	var out []composa.Principal
	err := s.read(ctx, who, "list principals", func(t *tx) error {
		where, args := t.visible("project", nil)
		if where != "" {
			args = append(args, string(who.Principal.ID))
			where = fmt.Sprintf(` AND (id IN (SELECT principal FROM member WHERE %s) OR id = $%d)`, where, len(args))
		}
		return t.each(func(r row) error {
			var p composa.Principal
			err := r.Scan(&p.ID, &p.Kind, &p.Name)
			out = append(out, p)
			return err
		}, `SELECT id, kind, name FROM principal WHERE deleted_at IS NULL`+where, args...)
	})
	slices.SortFunc(out, func(a, b composa.Principal) int { return composa.NaturalCompare(a.Name, b.Name) })
	return out, err
}
