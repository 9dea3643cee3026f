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
	return j.calls.commit(ctx, http.MethodPost, "machine/p2p", record)
}

// power switches the machine's host on or off (liqid-api.md 2.10). 2.5 has one
// way to switch off, shutdown. A host that is still on when its grace is over is
// told a second time, and at once where the step is hard; there is nothing
// harder to do, so then it is only waited for.
func (j *job) power(ctx context.Context) error {
	m, _, err := j.ourMachine()
	if err != nil {
		return err
	}
	verb := "power/shutdown"
	if j.step.On {
		verb = "power/start"
	}
	tell := func() error { return j.calls.change(ctx, http.MethodPost, verb, m.raw) }
	if err := tell(); err != nil || j.step.On {
		return err
	}
	j.changed = true
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	over := time.Now().Add(j.step.Grace)
	told := !j.step.Hard && j.step.Grace <= 0
	w := j.config.Poll.start()
	for {
		standing, why, err := j.judge(ctx, false)
		switch {
		case err != nil && !again(err):
			return as(composa.CodeUnknown, err)
		case err == nil && standing == composa.Holds:
			return nil
		case err == nil && standing == composa.Conflict:
			return faultf(composa.CodeFailed, "%s", why)
		case err == nil && j.pic.Ours(j.step.Machine).Power == composa.PowerUnknown:
			return faultf(composa.CodeFailed, "%s does not tell whether the machine is on", j.config.Name)
		case !told && !time.Now().Before(over):
			told = true
			if fresh, _, err := j.ourMachine(); err == nil {
				m = fresh
				_ = tell() // it was told once; what comes of it is seen by looking
			}
		}
		if w.pause(ctx) != nil {
			return j.stillOn()
		}
	}
}

func (j *job) stillOn() error {
	f := faultf(composa.CodeFailed, "machine %q is still on; director software 2.5 has no harder way than the shutdown it was sent", j.step.Machine.Label)
	f.next = "switch the host off by its management controller, then try again"
	return f
}
