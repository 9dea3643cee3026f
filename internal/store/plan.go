package store

import (
	"cmp"
	"context"
	"time"

	"github.com/composa-dev/composa"
)

// planMemory is how long a plan that expired is remembered, so that who comes
// too late is told so, and who repeats its carrying out finds the operation.
const planMemory = 24 * time.Hour

// SavePlan stores a plan until it expires, on the present incarnation of the
// site. Plans that expired a day ago go, and of those of its principal that
// nobody carried out all but the newest [composa.MaxPlans].
func (s *Store) SavePlan(ctx context.Context, who composa.Who, p composa.Plan) error {
	if !who.Sees(p.Project) {
		return firstError(known(who, "save a plan"), composa.Errorf(composa.CodeNotFound, "cannot save a plan: there is no project %q", p.Project))
	}
	return s.write(ctx, who, "save a plan", func(t *tx) error {
		if _, err := t.exec(`DELETE FROM plan WHERE expires_at <= $1`, micros(t.now.Add(-planMemory))); err != nil {
			return err
		}
		if err := t.keepResult(string(p.ID), true); err != nil {
			return err
		}
		if err := t.addPlan(&p); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM plan WHERE principal = $1 AND operation = '' AND created_at <
			(SELECT created_at FROM plan WHERE principal = $1 AND operation = '' ORDER BY created_at DESC LIMIT 1 OFFSET $2)`, string(p.By), composa.MaxPlans-1)
		return err
	})
}

func (t *tx) addPlan(p *composa.Plan) error {
	if _, err := t.get([]any{&p.Base.Incarnation}, `SELECT incarnation FROM site WHERE one = 1`); err != nil {
		return err
	}
	texts, err := bodies(p.Scope, p.Base, p.Target, p.Steps, p.NeedsOwner)
	if err != nil {
		return err
	}
	account, err := explanationText(p.Explanation)
	if err != nil {
		return err
	}
	p.By = cmp.Or(p.By, t.who.Principal.ID)
	return t.insert("plan", `id, project, principal, verb, machine, request, scope, base, target, steps, needs_owner, explanation, created_at, expires_at`, "", [][]any{{
		string(p.ID), string(p.Project), string(p.By), string(p.Verb), p.Machine, string(p.Request), texts[0], texts[1], texts[2], texts[3], texts[4], account,
		micros(t.now), p.ExpiresAt.UnixMicro(),
	}}, nil)
}

// Plan returns a stored plan that has not expired, or that was carried out.
func (s *Store) Plan(ctx context.Context, who composa.Who, id composa.PlanID) (*composa.Plan, error) {
	p := composa.Plan{ID: id}
	err := s.read(ctx, who, "read a plan", func(t *tx) error {
		var request string
		found, err := t.get([]any{
			&p.Project, &p.By, &p.Verb, &p.Machine, &request, jsonText{&p.Scope}, jsonText{&p.Base}, jsonText{&p.Target}, jsonText{&p.Steps},
			jsonText{&p.NeedsOwner}, jsonText{&p.Explanation}, &p.Operation, moment{&p.CreatedAt}, moment{&p.ExpiresAt},
		}, `SELECT project, principal, verb, machine, request, scope, base, target, steps, needs_owner, explanation, operation, created_at, expires_at FROM plan WHERE id = $1`, string(id))
		if request != "" {
			p.Request = []byte(request)
		}
		switch {
		case err != nil:
			return err
		case !found || !who.Sees(p.Project):
			return composa.Errorf(composa.CodeNotFound, "cannot find plan %q: there is none, or it expired long ago", composa.Abridge(string(id), 40)).WithNext("plan again")
		case p.Operation == "" && !t.now.Before(p.ExpiresAt):
			return composa.Errorf(composa.CodeNotFound, "cannot find plan %q: it expired at %s", id, p.ExpiresAt.Format(time.RFC3339)).
				WithNext("plan again")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// carryOut records that an operation carries a plan out. A plan is carried out
// once, before it expires: it is answered with moved where another operation
// does, or did, and where it expired since it was read.
func (t *tx) carryOut(plan composa.PlanID, op composa.OperationID) error {
	if plan == "" {
		return nil
	}
	n, err := t.exec(`UPDATE plan SET operation = $1 WHERE id = $2 AND operation = '' AND expires_at > $3`, string(op), string(plan), micros(t.now))
	if err == nil && n == 0 {
		err = composa.Errorf(composa.CodeMoved, "cannot carry out plan %s: another operation does, or it expired", plan)
	}
	return err
}
