package memory

import (
	"context"
	"slices"

	"github.com/composa-dev/composa"
)

// Settle implements driver.Fabric. It ends the session that is open on the
// step's group or machine, together with what is still to be committed in it,
// and waits for every other late effect of the step. Where the world has a
// settle time it cannot know of late effects and leaves them. With access
// observe it answers read_only: the step may have been begun with another.
func (f *fabric) Settle(ctx context.Context, s composa.Step) error {
	a := &attempt{fabric: f, step: &s}
	if f.access == composa.AccessObserve {
		return a.settleError(composa.Errorf(composa.CodeReadOnly, "it may have left something open, and %s is only observed", f.world.config.Name))
	}
	for range settleRounds {
		quiet, err := f.settleRound(ctx, &s)
		switch {
		case err != nil:
			return a.settleError(err)
		case quiet:
			return nil
		}
	}
	return a.settleError(composa.Errorf(composa.CodeUnknown, "something of it is open after %d rounds", settleRounds))
}

// settleRounds is how often Settle looks for what is left: ending one thing can
// let another one through.
const settleRounds = 8

// settleRound ends what is open and says whether nothing was.
func (f *fabric) settleRound(ctx context.Context, s *composa.Step) (quiet bool, err error) {
	w := f.world
	var open []session
	var waiting []lateEffect
	err = f.send(ctx, Call{Name: "tasks", Step: s}, func(Fault) error {
		open, waiting = w.leftOpen(f.site, s)
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, l := range waiting {
		if err := f.await(ctx, s, l); err != nil {
			return false, err
		}
	}
	for _, o := range open {
		err := f.send(ctx, Call{Name: "edit.cancel", Target: o.target, Changing: true, Step: s}, func(Fault) error {
			w.closeSession(o.id)
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	return len(open)+len(waiting) == 0, nil
}

func (a *attempt) settleError(err error) error {
	code := composa.CodeOf(err)
	if code == composa.CodeInternal {
		code = composa.CodeUnknown
	}
	return composa.Errorf(code, "cannot settle what was begun to %s: %w", a.step, err)
}

// leftOpen finds what an unfinished Apply of s left: sessions of the site on
// the step's target, and late effects.
func (w *World) leftOpen(site composa.SiteID, s *composa.Step) (open []session, waiting []lateEffect) {
	target := ""
	switch s.Act {
	case composa.ActEnter, composa.ActLeave:
		target = "group " + w.ownGroup(&w.now, site)
	case composa.ActReshape:
		target = "machine " + s.Machine.Native
	}
	for _, o := range w.sessions {
		if o.target == target && o.owner == site {
			open = append(open, o)
		}
	}
	if w.config.SettleTime > 0 {
		return open, nil
	}
	for _, l := range w.late {
		if l.owner == site && (l.key == stepKey(s) || partOf(s, l.call.Step)) {
			waiting = append(waiting, l)
		}
	}
	return open, waiting
}

// partOf says whether an enter step may have been carried out as a part of whole,
// which took in devices for several operations.
func partOf(s, whole *composa.Step) bool {
	return whole != nil && s.Act == composa.ActEnter && whole.Act == composa.ActEnter && whole.Machine.ID == "" &&
		slices.ContainsFunc(whole.Attach, func(d composa.DeviceRef) bool {
			return slices.ContainsFunc(s.Attach, func(own composa.DeviceRef) bool { return own.Name == d.Name })
		})
}

// await ends one late effect: what belongs to a session is called off, anything
// else takes effect before the call returns.
func (f *fabric) await(ctx context.Context, s *composa.Step, l lateEffect) error {
	w := f.world
	return f.send(ctx, Call{Name: "task.await", Target: l.call.String(), Step: s}, func(Fault) error {
		i := slices.IndexFunc(w.late, func(x lateEffect) bool { return x.call.Seq == l.call.Seq })
		if i < 0 {
			return nil
		}
		w.late = slices.Delete(w.late, i, i+1)
		switch l.call.Name {
		case "edit.open", "edit.commit", "edit.cancel":
			return nil
		}
		w.happen(l)
		return nil
	})
}
