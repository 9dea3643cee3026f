package cli

import (
	"context"
	"fmt"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) unplugCommand() *cobra.Command {
	var flags changeFlags
	cmd := &cobra.Command{
		Use:   "unplug NAME [IDS …] [--gpu N] …",
		Short: "take devices from a machine",
		Long: `Take devices from a machine: those named, and so many of each kind. They are
free again.

What is given back is not undone: an interrupt only stops the waiting.`,
		Example: `  composa unplug train rack1/gpu3 rack1/ssd0
  composa unplug train --gpu 2`,
		Args:              argsBetween(1, -1, "a machine, and devices to take"),
		ValidArgsFunction: a.completeMachineThenOwn,
	}
	countFlags := addCountFlags(cmd, "take `N` devices of kind %s")
	flags.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		begin := fmt.Sprintf("cannot unplug %q", args[0])
		ask := api.Unplug{Ask: flags.ask()}
		var err error
		ask.Counts, err = countFlags.counts(begin, 1, func(ids string) string {
			return fmt.Sprintf("name devices without a flag: `composa unplug %s %s`", args[0], ids)
		})
		if err != nil {
			return err
		}
		if ask.IDs, err = parseArguments(args[1:]); err != nil {
			return err
		}
		if err := checkPlaces(begin, ask.IDs); err != nil {
			return err
		}
		if len(ask.IDs)+len(ask.Counts) == 0 {
			return wrong("%s: no devices are named", begin).next("write `composa unplug %s rack1/gpu3`, or `composa unplug %s --gpu 1`", args[0], args[0])
		}
		m, err := a.machineRef(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		plan := newPlan("unplug", m)
		plan.Unplug = &ask
		return a.changing(cmd, &flags, []change{{
			plan: plan,
			do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
				return c.Unplug(ctx, m.project, m.name, ask, 0)
			},
			said: saidOfWhole,
		}}, false)
	}
	return cmd
}
