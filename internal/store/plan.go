package store

import (
	"context"

	"github.com/composa-dev/composa"
)

// SavePlan stores a plan until it expires. Plans that have expired go.
func (s *Store) SavePlan(ctx context.Context, who composa.Who, p composa.Plan) error {
	if !who.Sees(p.Project) {
		return firstError(known(who, "save a plan"), composa.Errorf(composa.CodeNotFound, "cannot save a plan: there is no project %q", p.Project))
	}
	return s.write(ctx, who, "save a plan", func(t *tx) error {
		if _, err := t.exec(`DELETE FROM plan WHERE expires_at <= $1`, micros(t.now)); err != nil {
			return err
		}
		return t.addPlan(&p)
	})
}

func (t *tx) addPlan(p *composa.Plan) error {
	base := map[composa.MachineID]int64{}
	for _, id := range p.Scope.Machines {
		var revision int64
		found, err := t.get([]any{&revision}, `SELECT revision FROM machine WHERE id = $1`, string(id))
		if err != nil {
			return err
		}
		if found {
			base[id] = revision
		}
	}
	texts, err := bodies(p.Scope, base, p.Target, p.Steps, p.NeedsOwner)
	if err != nil {
		return err
	}
	by := p.By
	if by == "" {
		by = t.who.Principal.ID
	}
	_, err = t.exec(`INSERT INTO plan (id, project, principal, verb, scope, base_revisions, target, steps, needs_owner, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		string(p.ID), string(p.Project), string(by), string(p.Verb), texts[0], texts[1], texts[2], texts[3], texts[4], micros(t.now), p.ExpiresAt.UnixMicro())
	return err
}

// Plan returns a stored plan that has not expired.
func (s *Store) Plan(ctx context.Context, who composa.Who, id composa.PlanID) (*composa.Plan, error) {
	p := composa.Plan{ID: id}
	err := s.read(ctx, who, "read a plan", func(t *tx) error {
		found, err := t.get([]any{&p.Project, &p.By, &p.Verb, jsonText{&p.Scope}, jsonText{&p.Target}, jsonText{&p.Steps}, jsonText{&p.NeedsOwner}, moment{&p.CreatedAt}, moment{&p.ExpiresAt}},
			`SELECT project, principal, verb, scope, target, steps, needs_owner, created_at, expires_at FROM plan WHERE id = $1 AND expires_at > $2`, string(id), micros(t.now))
		if err == nil && (!found || !who.Sees(p.Project)) {
			err = composa.Errorf(composa.CodeNotFound, "cannot find plan %q: there is none, or it has expired", composa.Abridge(string(id), 40)).WithNext("plan again")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}
