package runner

import (
	"errors"
	"fmt"
	"strings"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
)

// verdict is what an error of the driver says about a step.
type verdict string

const (
	verdictLater   verdict = "later"   // nothing happened; the same call may succeed
	verdictNever   verdict = "never"   // nothing happened; the same call will not succeed
	verdictUnknown verdict = "unknown" // it may have happened, or may yet
	verdictFailed  verdict = "failed"  // the fabric tried, in vain or in part
)

// read says what an error of the driver means.
func read(err error) verdict {
	switch driver.CodeOf(err) {
	case composa.CodeBusy, composa.CodeUnreachable:
		return verdictLater
	case composa.CodeRefused, composa.CodeUnsupported, composa.CodeReadOnly, composa.CodeConflict:
		return verdictNever
	case composa.CodeFailed:
		return verdictFailed
	}
	return verdictUnknown
}

// faultOf is an error of the driver as the operation will tell it. What has no
// code is not shown to people; the loop logs it.
func faultOf(err error) fault {
	var e *composa.Error
	if errors.As(err, &e) {
		return fault{code: driver.CodeOf(err), text: e.Error()}
	}
	return fault{code: composa.CodeUnknown, text: "the fabric's driver failed without saying why"}
}

// hear takes in the answer of a call. It writes nothing.
func (d *decision) hear(op *composa.Operation, l *leg, c *Call, a *Answer) {
	if c.at != l.at && c.Kind != CallReserve {
		return
	}
	if a.Err == nil && c.Kind != CallObserve {
		l.rest()
	}
	switch c.Kind {
	case CallReserve:
		d.hearReserved(op, l, c, a)
	case CallApply:
		d.hearApplied(op, l, c, a)
	case CallSettle:
		d.hearSettled(op, l, a)
	case CallObserve:
		d.hearLook(op, l, c, a)
	}
}

// hearAhead keeps a handle that was reserved ahead. Where it was not, it is
// reserved when it is needed, and then an error counts.
func (l *leg) hearAhead(c *Call, a *Answer) {
	if a.Err == nil && a.Native != "" && c.Step.Machine.ID != "" {
		l.keep(c.Step.Machine.ID, a.Native)
	}
}

func (l *leg) keep(machine composa.MachineID, native string) {
	if l.handles == nil {
		l.handles = map[composa.MachineID]string{}
	}
	l.handles[machine] = native
}

func (d *decision) hearReserved(op *composa.Operation, l *leg, c *Call, a *Answer) {
	switch {
	case a.Err == nil && a.Native != "":
		l.keep(c.Step.Machine.ID, a.Native)
	case a.Err == nil:
		l.fails(op, fault{code: composa.CodeFailed, text: "the fabric chose no handle for the machine"})
	case read(a.Err) == verdictLater, read(a.Err) == verdictUnknown: // it changes nothing, so not knowing is no harm
		l.wait(d.now, faultOf(a.Err).text)
	default:
		l.fails(op, faultOf(a.Err))
	}
}

func (d *decision) hearApplied(op *composa.Operation, l *leg, c *Call, a *Answer) {
	if a.Err == nil {
		if a.Picture != nil {
			if standing, _ := c.Step.Judge(a.Picture); standing == composa.Holds {
				l.proof = a.Picture
				return
			}
		}
		if c.shared {
			l.part()
		}
		l.doubts()
		return
	}
	if c.shared {
		l.hearShared(a)
		return
	}
	switch read(a.Err) {
	case verdictLater:
		l.wait(d.now, faultOf(a.Err).text)
	case verdictNever:
		l.fails(op, faultOf(a.Err))
	case verdictFailed:
		why := faultOf(a.Err)
		l.doubts()
		l.cause = &why
	default:
		l.doubts()
		l.answer = faultOf(a.Err).text
	}
}

// hearShared takes in an error that all of a company met. Each tries again alone
// where nothing happened, and else finds out for itself what did.
func (l *leg) hearShared(a *Answer) {
	l.part()
	if v := read(a.Err); v != verdictLater && v != verdictNever {
		l.doubts()
	}
}

func (d *decision) hearSettled(op *composa.Operation, l *leg, a *Answer) {
	switch {
	case a.Err == nil && l.overdue:
		l.overdue, l.quiet = false, a.Ended
		return
	case a.Err == nil:
		l.settled = a.Ended
		return
	}
	if v := read(a.Err); v == verdictNever || v == verdictFailed {
		l.refused++
	}
	if l.refused >= maxSettles {
		f := faultOf(a.Err)
		f.hold = true
		l.fails(op, f)
		return
	}
	l.wait(d.now, faultOf(a.Err).text)
}

func (d *decision) hearLook(op *composa.Operation, l *leg, c *Call, a *Answer) {
	if a.Err != nil {
		l.wait(d.now, faultOf(a.Err).text)
		return
	}
	if a.Picture == nil {
		l.wait(d.now, "the fabric showed nothing")
		return
	}
	r := current(op)
	switch {
	case c.look == lookSurvey:
		d.hearSurvey(l, r, a.Picture)
	case r == nil:
	case c.look == lookBefore:
		d.hearBefore(op, l, r, a.Picture)
	case c.look == lookDoubt:
		d.hearDoubt(op, l, r, a.Picture)
	}
}

// hearBefore refuses to take somebody's machine for ours.
func (d *decision) hearBefore(op *composa.Operation, l *leg, r *composa.StepRecord, p *composa.Picture) {
	switch made := r.Step.Made(p); {
	case made != nil:
		l.fails(op, fault{code: composa.CodeConflict, text: fmt.Sprintf("somebody else made a machine (%s) of exactly these devices", made.Native)})
	case !p.Complete:
		l.wait(d.now, "the fabric did not show everything")
	default:
		l.checked = true
		l.rest()
	}
}

// hearDoubt judges a step of which nobody knew what became of it.
func (d *decision) hearDoubt(op *composa.Operation, l *leg, r *composa.StepRecord, p *composa.Picture) {
	standing, why := r.Step.Judge(p)
	if not := d.unclear(l, r.Step.Devices(), p, standing == composa.Holds); not != "" {
		if !l.overdue {
			l.wait(d.now, fmt.Sprintf("finding out what became of %q: %s", r.Step.String(), not))
		}
		return
	}
	l.rest()
	switch {
	case standing == composa.Holds:
		l.proof = p
	case l.cause != nil:
		l.fails(op, *l.cause)
	case standing == composa.Conflict:
		l.fails(op, fault{code: composa.CodeConflict, text: why})
	case r.Attempt >= maxAttempts:
		l.fails(op, fault{code: composa.CodeFailed, text: fmt.Sprintf("cannot %s: it was tried %d times, and %s", r.Step.String(), r.Attempt, l.last(&r.Step))})
	default:
		l.again = true
	}
}

// last says what came of the last try of a step that had no effect.
func (l *leg) last(s *composa.Step) string {
	why, again := l.answer, true
	for again { // who hands an error on says once more what could not be done
		why, again = strings.CutPrefix(why, "cannot "+s.String()+": ")
	}
	if why == "" {
		return "no look shows it"
	}
	return "the last error was: " + why
}

// hearSurvey keeps a look at all that the operation may touch.
func (d *decision) hearSurvey(l *leg, r *composa.StepRecord, p *composa.Picture) {
	var devices []composa.DeviceRef
	if r != nil && r.State == composa.StepRunning {
		devices = r.Step.Devices()
	}
	if not := d.unclear(l, devices, p, false); not != "" {
		if !l.overdue {
			l.wait(d.now, "looking where everything is: "+not)
		}
		return
	}
	l.survey = p
	l.rest()
}
