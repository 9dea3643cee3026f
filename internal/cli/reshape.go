package cli

import (
	"context"
	"fmt"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) reshapeCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:   "reshape NAME --gpu N …",
		Short: "set how many devices of a kind a machine has",
		Long: `Set how many devices of each named kind a machine has: free ones are added, or
some are taken. Kinds that are not named stay as they are.`,
		Example:           `  composa reshape train --gpu 8 --nic 2`,
		Args:              argsBetween(1, 1, "a machine"),
		ValidArgsFunction: a.completeMachines,
	}
	countFlags := addCountFlags(cmd, "have `N` devices of kind %s")
	flags.add(cmd)
	flags.addExplain(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		begin := fmt.Sprintf("cannot reshape %q", args[0])
		totals, err := countFlags.counts(begin, 0, func(ids string) string {
			return fmt.Sprintf("`composa plug %s %s` adds them, `composa unplug %s %s` takes them", args[0], ids, args[0], ids)
		})
		if err != nil {
			return err
		}
		if len(totals) == 0 {
			return wrong("%s: no total is given", begin).next("write `composa reshape %s --gpu 4`, for example", args[0])
		}
		m, err := a.machineRef(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		ask := api.Reshape{Totals: totals, Ask: flags.ask()}
		plan := newPlan("reshape", m)
		plan.Reshape = &ask
		return a.changing(cmd, &flags, []change{{
			plan: plan,
			do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
				return c.Reshape(ctx, m.project, m.name, ask, 0)
			},
			said: saidOfWhole,
		}}, false)
	}
	return cmd
}
