package runner

import (
	"slices"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/plan"
)

// inVain says whether an operation that only goes forward met its fault at the
// first thing that it had done, so that everything may be as it was before: the
// fabric refused, or tried and failed. A host that was asked in vain to go off
// may still do so, which no look can rule out.
func inVain(op *composa.Operation, r *composa.StepRecord, f fault) bool {
	if op.Direction != composa.Forward || !op.Verb.OnlyForward() || r == nil {
		return false
	}
	switch f.code {
	case composa.CodeRefused, composa.CodeUnsupported:
	case composa.CodeFailed:
		if r.Step.Act == composa.ActPower {
			return false
		}
	default:
		return false
	}
	return !slices.ContainsFunc(op.Steps, func(s composa.StepRecord) bool {
		other := s.Generation != r.Generation || s.Ordinal != r.Ordinal
		return other && s.Attempt > 0 && (s.State == composa.StepDone || s.Step.Act == composa.ActPower)
	})
}

// leave ends an operation that did nothing, with its machines as they were
// before, so that they can be changed again. It writes nothing, and answers
// false, where site does not show just that.
func (d *decision) leave(op *composa.Operation, l *leg, r *composa.StepRecord, site *composa.Site, why fault) bool {
	before := filled(&op.Prior, op, site)
	p, err := plan.For(site, op.Verb, op.Project, before)
	if err != nil || len(p.Steps) > 0 {
		return false
	}
	for i := range before.Goals {
		if unlike(&before.Goals[i], site.Pictures[d.state.Fabric]) != "" {
			return false
		}
	}
	back := *op
	back.Direction = composa.Undo
	claims, certain := settle(&back, &before, site)
	if !certain {
		return false
	}
	var rows []composa.StepRecord
	for row := r; row != nil; row = next(op, row) {
		evidence := why.text
		if row.Attempt == 0 {
			evidence = "not begun: nothing was changed"
		}
		rows = append(rows, d.ended(*row, composa.StepFailed, evidence))
	}
	d.write(op, composa.Advance{
		Direction: composa.Undo, Phase: composa.PhaseUndone, Reason: why.text,
		Result: &composa.Result{Code: why.code, Text: why.text},
		Steps:  rows, Claims: claims, Machines: endings(&back, &before, site, nil), Picture: l.survey,
	})
	d.effects.Nudge = true
	return true
}
