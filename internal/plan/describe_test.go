package plan_test

import (
	"fmt"
	"strings"

	"github.com/composa-dev/composa"
)

// describe tells a plan in lines for people: its steps with what they disturb,
// then the devices that it leaves alone. A plan without steps gives no lines.
func describe(p *composa.Plan) []string {
	var out []string
	for i := range p.Steps {
		s := &p.Steps[i]
		line := fmt.Sprintf("%d. %s", i+1, s.Step.String())
		if words := disturbed(s); len(words) > 0 {
			line += " (" + strings.Join(words, "; ") + ")"
		}
		out = append(out, line)
	}
	for _, place := range p.NeedsOwner {
		out = append(out, fmt.Sprintf("%s may hold data of another project and is left alone: it needs its owner", place))
	}
	return out
}

// disturbed says in words what a step disturbs.
func disturbed(s *composa.PlannedStep) []string {
	var out []string
	for _, d := range s.Disturbs {
		switch d {
		case composa.DisturbsHost:
			out = append(out, "its host is running")
		case composa.DisturbsPower:
			if !s.Step.On && s.Step.Hard {
				out = append(out, "cuts the power at once, where the fabric can")
			} else if !s.Step.On && s.Step.Grace > 0 {
				out = append(out, fmt.Sprintf("asks the host to shut down, and after %s cuts the power where the fabric can", s.Step.Grace))
			}
		case composa.DisturbsData:
			out = append(out, "drives that may hold data change hands")
		case composa.DisturbsP2P:
			out = append(out, "interrupts peer-to-peer")
		}
	}
	return out
}
