package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// progress shows how operations go on.
type progress interface {
	// show takes a newer state of one operation.
	show(op *api.Operation)
	// note prints a line between.
	note(line string)
	// close takes away what is not to stay.
	close()
}

// newProgress chooses: live on a terminal, lines elsewhere, nothing where it was
// asked for.
func (a *app) newProgress() progress {
	width, _, live := a.terminal(a.err)
	switch {
	case a.flags.quiet || a.flags.progress == "none":
		return &silentProgress{out: a.err, quiet: a.flags.quiet}
	case live && a.flags.progress == "auto" && a.getenv("TERM") != "dumb":
		return newLiveProgress(a.err, width, a.clock)
	}
	return &plainProgress{out: a.err, last: map[string]*api.Operation{}}
}

// silentProgress shows nothing; notes are dropped with -q only.
type silentProgress struct {
	out   io.Writer
	quiet bool
}

func (*silentProgress) show(*api.Operation) {}
func (p *silentProgress) note(line string) {
	if !p.quiet {
		fmt.Fprintln(p.out, clean(line))
	}
}
func (*silentProgress) close() {}

// plainProgress prints a line for every change.
type plainProgress struct {
	out  io.Writer
	last map[string]*api.Operation
}

func (p *plainProgress) show(op *api.Operation) {
	for _, line := range changes(p.last[op.ID], op) {
		p.note(line)
	}
	p.last[op.ID] = op
}

func (p *plainProgress) note(line string) { fmt.Fprintln(p.out, clean(line)) }
func (*plainProgress) close()             {}

// changes tells, a line each, what is new in an operation since it was last
// seen; last is nil the first time.
func changes(last, op *api.Operation) []string {
	var lines []string
	name := operationName(op)
	add := func(format string, args ...any) {
		lines = append(lines, name+": "+fmt.Sprintf(format, args...))
	}
	if last == nil {
		last = &api.Operation{Direction: op.Direction}
		add("%s", opening(op))
	}
	if op.Behind != "" && op.Phase == "queued" && op.Behind != last.Behind {
		add("waits behind operation %s", op.Behind)
	}
	if op.CancelRequested && !last.CancelRequested && !client.Settled(op) {
		add("%s", cancelText(op))
	}
	if op.Phase != last.Phase {
		switch op.Phase {
		case "waiting", "undoing", "held":
			add("%s", withReason(phaseText(op.Phase), op.Reason))
		}
	}
	lines = append(lines, stepChanges(name, last, op)...)
	return lines
}

// opening is the first line about an operation.
func opening(op *api.Operation) string {
	text := op.Verb
	if op.Fabric != "" {
		text += " on " + marked(op.Fabric, op.Emulated)
	}
	if n := len(currentSteps(op)); n > 0 {
		text += ", " + plural(n, "step")
	}
	if op.Typical > 0 {
		text += ", about " + secondsText(op.Typical) + " the last times"
	}
	return text + ", operation " + op.ID
}

func phaseText(phase string) string {
	switch phase {
	case "waiting":
		return "waits for its fabric"
	case "undoing":
		return "goes back to what was before"
	case "held":
		return "is held, a person must decide"
	}
	return phase
}

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

// stepChanges tells of the steps of the newest generation that are in another
// state than last.
func stepChanges(name string, last, op *api.Operation) []string {
	var lines []string
	steps := currentSteps(op)
	for i := range steps {
		s := &steps[i]
		old := sameStep(last, s)
		if s.State == "planned" || s.State == "" || old != nil && old.State == s.State && old.Attempt == s.Attempt {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %d/%d %s", name, i+1, len(steps), stepText(s)))
	}
	return lines
}

// stepText is a step with how it stands: "attach rack1/gpu0 to train: done, 2 s".
func stepText(s *api.Step) string {
	text := s.Text
	switch s.State {
	case "running":
		if s.Attempt > 1 {
			text += fmt.Sprintf(" (attempt %d)", s.Attempt)
		}
	case "done":
		text += ": done"
		if s.BeganAt != nil && s.EndedAt != nil {
			text += ", " + secondsText(s.EndedAt.Sub(*s.BeganAt).Seconds())
		}
	case "failed":
		text = withReason(text+": failed", s.Evidence)
	}
	return text
}

// sameStep is what a step was the last time, or nil.
func sameStep(last *api.Operation, s *api.Step) *api.Step {
	for i := range last.Steps {
		if o := &last.Steps[i]; o.Generation == s.Generation && o.Ordinal == s.Ordinal {
			return o
		}
	}
	return nil
}

// currentSteps are the steps of the newest generation: those that are carried
// out.
func currentSteps(op *api.Operation) []api.Step {
	newest := 0
	for _, s := range op.Steps {
		newest = max(newest, s.Generation)
	}
	var steps []api.Step
	for _, s := range op.Steps {
		if s.Generation == newest {
			steps = append(steps, s)
		}
	}
	return steps
}

// operationName is the machine that an operation is about, else its id.
func operationName(op *api.Operation) string {
	var names []string
	for _, m := range op.Machines {
		if m.Name != "" {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return op.ID
	}
	return strings.Join(names, ", ")
}

// elapsed is how long an operation runs, or ran.
func elapsed(op *api.Operation, now time.Time) time.Duration {
	switch {
	case op.StartedAt == nil:
		return 0
	case op.EndedAt != nil:
		return op.EndedAt.Sub(*op.StartedAt)
	}
	return max(0, now.Sub(*op.StartedAt))
}
