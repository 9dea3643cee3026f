package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// addExplain adds the flag of the commands that choose devices.
func (f *changeFlags) addExplain(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.explain, "explain", false, "tell why this fabric and these devices")
}

// explainText is the account of a choice: the server's lines, indented.
func explainText(x *api.Explanation) string {
	var b strings.Builder
	for _, line := range x.Lines {
		b.WriteString("  " + clean(line) + "\n")
	}
	return b.String()
}

// planExplained is a plan with the whole account of its choice in place of the
// reasons.
func planExplained(p *api.Plan) string {
	if p.Explanation == nil {
		return planText(p) + "  nothing had to be chosen\n"
	}
	plain := *p
	plain.Why = nil
	return planText(&plain) + explainText(p.Explanation)
}

// explain tells on standard error why a change that was begun chose as it did.
// That it cannot be told does not stop the change.
func (a *app) explain(ctx context.Context, c *client.Client, o *outcome) {
	if o.op == nil {
		a.say("nothing had to be chosen")
		return
	}
	x, err := c.Explanation(ctx, o.op.ID)
	switch {
	case err != nil:
		a.say("cannot tell why: %v", err)
	case x == nil:
		a.say("nothing is chosen yet: `composa explain %s` tells it later", o.plan.Machine)
	default:
		a.tell(explainText(x))
	}
}

// maxExplained is how many of a machine's newest operations are looked at.
const maxExplained = 20

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME",
		Short: "tell why a machine has the devices that it has",
		Long: `Tell for each change of a machine that chose devices why it chose this fabric and
these devices, and what spoke against the others, as it was then. The newest comes
last; it looks at the last 20 changes.`,
		Example: `  composa explain train
  composa compose train --gpu 4 --dry-run --explain`,
		Args:              argsBetween(1, 1, "a machine"),
		ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := a.connect()
			if err != nil {
				return err
			}
			m, err := a.machineNamed(ctx, c, args[0])
			if err != nil {
				return err
			}
			ops, err := explained(ctx, c, m.ID)
			if err != nil {
				return err
			}
			if a.format != formatPlain {
				return printList(a, operationTable, "operations", ops)
			}
			for _, op := range ops {
				head := fmt.Sprintf("%s %s, %s:\n", op.Verb, m.Name, momentText(op.CreatedAt))
				if err := a.write([]byte(clean(strings.TrimSuffix(head, "\n")) + "\n" + explainText(op.Explanation))); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// explained are the operations of a machine that chose something, oldest first.
func explained(ctx context.Context, c *client.Client, machine string) ([]api.Operation, error) {
	ops, err := atMost(maxExplained, c.Operations(ctx, client.OperationFilter{Machine: machine}))
	if err != nil {
		return nil, err
	}
	for i := range ops {
		if ops[i].Explanation, err = c.Explanation(ctx, ops[i].ID); err != nil {
			return nil, err
		}
	}
	ops = slices.DeleteFunc(ops, func(op api.Operation) bool { return op.Explanation == nil })
	slices.Reverse(ops)
	return ops, nil
}
