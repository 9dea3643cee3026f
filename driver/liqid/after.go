package liqid

import (
	"context"
	"errors"
	"slices"

	"github.com/composa-dev/composa"
)

// after says what an act that failed means, by looking where that can tell.
func (j *job) after(ctx context.Context, err error) (*composa.Picture, error) {
	if j.changed && codeOf(err) != composa.CodeFailed {
		err = as(composa.CodeUnknown, err)
	}
	code := codeOf(err)
	f, _ := errors.AsType[*fault](err)
	look := code == composa.CodeUnknown || code == composa.CodeRefused || j.opened && (code == composa.CodeBusy || code == composa.CodeConflict)
	if !look || (f != nil && f.open) {
		return nil, err
	}
	if code == composa.CodeUnknown {
		if j.quiet(ctx) != nil {
			return nil, err
		}
	}
	standing, why, looked := j.judge(ctx, twoReadings)
	switch {
	case looked != nil:
		if j.opened && code != composa.CodeUnknown {
			return nil, as(composa.CodeUnknown, err) // somebody may have committed our session, and nothing tells
		}
	case standing == composa.Holds:
		return j.pic, nil
	case j.begun():
		return nil, as(composa.CodeUnknown, err)
	case standing == composa.Conflict && code == composa.CodeRefused:
		return nil, faultf(composa.CodeConflict, "%s", why)
	}
	return nil, err
}

// begun says whether a part of the step was done that was not before: somebody
// else committed our session with what was queued by then. A part that was
// exchanged is none of the step's; it was moved where its place was.
func (j *job) begun() bool {
	if j.was == nil {
		return false
	}
	attach, detach := j.step.Todo(j.was)
	stillIn, stillOut := j.step.Todo(j.pic)
	area := map[composa.Act]composa.Area{composa.ActReshape: composa.AreaOurs, composa.ActLeave: composa.AreaFree}[j.step.Act]
	done := func(d composa.DeviceRef, left []composa.DeviceRef, there func(composa.Spot) bool) bool {
		seen, before := j.pic.Device(d.Name), j.was.Device(d.Name)
		switch {
		case seen == nil:
			return false
		case !seen.Fingerprint.Same(d.Fingerprint):
			return before != nil && seen.Spot != before.Spot
		}
		return there(seen.Spot) && !slices.ContainsFunc(left, func(l composa.DeviceRef) bool { return l.Name == d.Name })
	}
	return slices.ContainsFunc(attach, func(d composa.DeviceRef) bool {
		return done(d, stillIn, func(composa.Spot) bool { return true })
	}) || slices.ContainsFunc(detach, func(d composa.DeviceRef) bool {
		return done(d, stillOut, func(at composa.Spot) bool { return at.Area == area })
	})
}
