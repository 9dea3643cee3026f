package liqid

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/composa-dev/composa"
)

// p2p switches peer-to-peer: the whole record with its new value goes to
// machine/p2p (liqid-api.md 3.7).
func (j *job) p2p(ctx context.Context) error {
	m, _, err := j.ourMachine()
	if err != nil {
		return err
	}
	var record map[string]json.RawMessage
	if err := json.Unmarshal(m.raw, &record); err != nil {
		return &fault{code: composa.CodeUnreachable, why: "the machine's record cannot be read", err: err}
	}
	record["p2p"] = json.RawMessage(`"off"`)
	if j.step.On {
		record["p2p"] = json.RawMessage(`"on"`)
	}
	_, err = j.commit(ctx, http.MethodPost, "machine/p2p", record)
	return err
}

// power switches the machine's host on or off (liqid-api.md 2.10). There is one
// way to switch off: shutdown, which asks the host; it never cuts the power. A
// host that is still on when its grace is over is asked a second time, at once
// where the step is hard: that is all that hard means here. A host that is on
// when Timeouts.Power has passed after that, or of which the director does not
// tell, is a failure: the step never waits for it longer.
func (j *job) power(ctx context.Context) error {
	m, _, err := j.ourMachine()
	if err != nil {
		return err
	}
	verb := "shutdown"
	if j.step.On {
		verb = "start"
	}
	tell := func() error {
		method, path, body := j.know.speaks.power(verb, m)
		return j.calls.change(ctx, method, path, body)
	}
	if err := tell(); err != nil || j.step.On {
		return err
	}
	j.changed = true
	began := time.Now()
	over := began.Add(j.step.Grace)
	within, cancel := context.WithDeadline(ctx, over.Add(j.config.Timeouts.Power))
	defer cancel()
	told := !j.step.Hard && j.step.Grace <= 0
	w := j.wait()
	var seen *composa.SeenMachine
	for looks := 1; ; looks++ {
		ask := !told && !time.Now().Before(over)
		standing, why, err := j.judgeOff(within, looks > 1 && !ask)
		switch {
		case err != nil && within.Err() != nil: // it had no time to look
		case w.silent(err):
			return as(composa.CodeUnknown, j.silence(err))
		case err != nil && !again(err):
			return as(composa.CodeUnknown, err)
		case err != nil: // there is nothing to be seen just now
			ask = false
		case standing == composa.Holds:
			j.proven = true
			return nil
		case standing == composa.Conflict:
			return faultf(composa.CodeFailed, "%s", why)
		default:
			seen = j.pic.Ours(j.step.Machine)
		}
		if ask { // this look was at all of the machine: it is still the same one
			told = true
			if now, _, err := j.ourMachine(); err == nil {
				m = now
				_ = tell() // it was told once; what comes of it is seen by looking
			}
		}
		if w.pause(within) != nil {
			return j.notOff(seen, time.Since(began))
		}
	}
}

// wholly is how often a machine that is awaited off is looked at as a whole: its
// host alone says nothing of a machine that somebody took away meanwhile.
const wholly = time.Second

// judgeOff says whether the machine is off. Once its host was seen to be still on,
// the hosts alone are asked, but for now and then.
func (j *job) judgeOff(ctx context.Context, again bool) (composa.Standing, string, error) {
	if m := j.pic.Ours(j.step.Machine); again && m != nil && m.Power == composa.PowerOn && j.config.Clock().Sub(j.look.began) < wholly {
		nodes, err := j.readNodes(ctx)
		if err != nil {
			return "", "", err
		}
		l := *j.look
		l.nodes = nodes
		if machinePower(hostPower(&l), m.Devices) == composa.PowerOn {
			return composa.Ready, "", nil
		}
	}
	return j.judge(ctx, toProve)
}

// notOff says how the machine was seen when the time for its host was over.
func (j *job) notOff(seen *composa.SeenMachine, waited time.Duration) error {
	waited = waited.Round(time.Millisecond)
	switch {
	case seen == nil:
		return faultf(composa.CodeUnknown, "%s did not show machine %q for %s after its host was asked to shut down", j.config.Name, j.step.Machine.Label, waited)
	case seen.Power == composa.PowerUnknown:
		f := faultf(composa.CodeFailed, "its host was asked to shut down, and after %s %s still does not tell whether machine %q is on", waited, j.config.Name, seen.Label)
		f.next = "see why the director tells no state of its node, and switch the host off by its management controller where it is on; then try again"
		return f
	}
	f := faultf(composa.CodeFailed, "machine %q is still on %s after its host was asked to shut down; director software %s can only ask, it cannot cut the power", seen.Label, waited, j.know.speaks.era)
	f.next = "switch the host off by its management controller, then try again"
	return f
}
