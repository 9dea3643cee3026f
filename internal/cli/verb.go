package cli

import (
	"context"
	"strings"

	"github.com/composa-dev/composa/api"
)

// machineRef is a machine as it was named.
type machineRef struct{ project, name string }

// machineRef reads the name of a living machine: NAME, PROJECT/NAME, or an id.
func (a *app) machineRef(ctx context.Context, text string) (machineRef, error) {
	if strings.HasPrefix(text, "mach_") {
		c, err := a.connect()
		if err != nil {
			return machineRef{}, err
		}
		m, err := c.MachineByID(ctx, text)
		if err != nil {
			return machineRef{}, err
		}
		return machineRef{m.Project, m.Name}, nil
	}
	name := text
	if project, rest, ok := strings.Cut(text, "/"); ok {
		if err := checkProject(project); err != nil {
			return machineRef{}, err
		}
		if err := checkMachineWord(rest); err != nil {
			return machineRef{}, err
		}
		return machineRef{project, rest}, nil
	}
	if err := checkMachineWord(name); err != nil {
		return machineRef{}, err
	}
	project, err := a.project(ctx)
	return machineRef{project, name}, err
}

// checkMachineWord refuses what no machine can be named.
func checkMachineWord(name string) error {
	if err := checkDNSLabel("machine", name); err != nil {
		f := fail("not_found", "cannot find machine %q: no machine can have that name", abridge(name, 40))
		if strings.ToLower(name) != name {
			return f.next("names are in lower case: %s", abridge(strings.ToLower(name), 40))
		}
		return f.next("`composa machine ls` lists them")
	}
	return nil
}

// newPlan begins the plan of a verb on a machine; the caller adds the request.
func newPlan(verb string, m machineRef) api.NewPlan {
	return api.NewPlan{Verb: verb, Project: m.project, Machine: m.name}
}
