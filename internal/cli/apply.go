package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// planPrefix begins the ids of plans.
const planPrefix = "plan_"

func (a *app) applyCommand() *cobra.Command {
	var (
		flags changeFlags
		id    string
	)
	cmd := &cobra.Command{
		Use:   "apply -f PLAN",
		Short: "carry out a plan that --dry-run showed, exactly as it was shown",
		Long: `Carry out the plan of an id, which --dry-run prints: its devices and its steps, and no
others. Where something that it touches is not any more as it was, nothing is done, and
what moved is told. A plan is kept for an hour and carried out once: applied again it gives
what came of it.`,
		Example: `  composa plug train --gpu 2 --dry-run
  composa apply -f plan_k3v9q2xwabcdefgh --yes`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			if err := checkPlanID(id); err != nil {
				return err
			}
			return a.apply(cmd, &flags, id)
		},
	}
	cmd.Flags().StringVarP(&id, "file", "f", "", "carry out the plan of this `ID`")
	_ = cmd.RegisterFlagCompletionFunc("file", nothing)
	flags.add(cmd)
	return cmd
}

// checkPlanID refuses what cannot be the id of a plan.
func checkPlanID(id string) error {
	const how = "a command with --dry-run prints the id of its plan"
	switch {
	case id == "":
		return wrong("cannot apply: no plan is named").next("write -f PLAN; " + how)
	case !strings.HasPrefix(id, planPrefix) || strings.ContainsAny(id, "/?#%. ") || len(id) > maxName:
		return wrong("cannot apply %q: it is not the id of a plan, and files are not applied", abridge(id, 40)).next(how)
	}
	return nil
}

func (a *app) apply(cmd *cobra.Command, flags *changeFlags, id string) error {
	ctx := cmd.Context()
	c, err := a.connect()
	if err != nil {
		return err
	}
	if err := a.announce(ctx); err != nil {
		return err
	}
	p, err := c.StoredPlan(ctx, id)
	if err != nil {
		return err
	}
	if flags.dryRun {
		return a.showPlans([]*api.Plan{p}, false, flags.explain)
	}
	if p.Verb != "compose" && !flags.yes {
		if err := a.consent(ctx, []*api.Plan{p}, a.typed(cmd)); err != nil {
			return err
		}
	}
	outcomes, err := a.carryOut(cmd, c, flags, []change{{
		plan: api.NewPlan{Verb: p.Verb, Project: p.Project, Machine: p.Machine},
		do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
			return c.CarryOut(ctx, api.CarryOut{Plan: id, Ask: flags.ask()}, 0)
		},
		said: saidOfPlan,
	}}, false)
	if err != nil {
		return err
	}
	if flags.noWait {
		return a.showStarted(outcomes, false)
	}
	return a.showChanged(outcomes, false)
}

func saidOfPlan(o *outcome) string {
	if o.machine.FreedAt != nil {
		return clean(fmt.Sprintf("%s is freed%s", o.machine.Name, o.took())) + "\n"
	}
	return saidOfWhole(o) + reachText(o.machine)
}

// appliedBy is the line that carries out a plan as it is shown; empty where there
// is nothing to do.
func appliedBy(p *api.Plan) string {
	if len(p.Steps) == 0 {
		return ""
	}
	return clean(fmt.Sprintf("exactly this is done by `composa apply -f %s`, until %s", p.ID, momentText(p.ExpiresAt))) + "\n"
}

// movedLines tell what is not any more as a plan found it.
func movedLines(moved []api.Moved) []string {
	var lines []string
	for _, m := range moved {
		line := m.Text
		if m.By != "" {
			line += ", by " + m.By
		}
		if m.Operation != "" {
			line += ", operation " + m.Operation
		}
		lines = append(lines, line)
	}
	return lines
}
