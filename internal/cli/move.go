package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) moveCommand() *cobra.Command {
	var (
		flags    changeFlags
		from, to string
	)
	cmd := &cobra.Command{
		Use:   "move IDS … --from NAME --to NAME",
		Short: "move devices from one machine to another",
		Long: `Move devices from one machine to another of the same fabric and project. It is
the only command that takes devices from a machine for another one.`,
		Example:           `  composa move rack1/gpu3 rack1/gpu4 --from train --to render`,
		Args:              argsBetween(1, -1, "devices to move"),
		ValidArgsFunction: a.completeMoving,
	}
	cmd.Flags().StringVar(&from, "from", "", "machine `NAME` has them")
	cmd.Flags().StringVar(&to, "to", "", "machine `NAME` gets them")
	flags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", a.completeMachines)
	_ = cmd.RegisterFlagCompletionFunc("to", a.completeMachines)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		ch, err := a.moving(cmd.Context(), args, from, to, flags.ask())
		if err != nil {
			return err
		}
		return a.changing(cmd, &flags, []change{ch}, false)
	}
	return cmd
}

// moving checks what was typed and makes the change of it.
func (a *app) moving(ctx context.Context, named []string, from, to string, ask api.Ask) (change, error) {
	ids, err := parseArguments(named)
	if err != nil {
		return change{}, err
	}
	begin := "cannot move " + abridge(strings.Join(named, " "), 40)
	if err := checkPlaces(begin, ids); err != nil {
		return change{}, err
	}
	switch {
	case from == "":
		return change{}, wrong("%s: --from is missing", begin).next("name the machine that has them")
	case to == "":
		return change{}, wrong("%s: --to is missing", begin).next("name the machine that gets them")
	case from == to:
		return change{}, wrong("%s: --from and --to are both %q", begin, from)
	}
	m, err := a.machineRef(ctx, from)
	if err != nil {
		return change{}, err
	}
	target, err := a.machineRef(ctx, to)
	if err != nil {
		return change{}, err
	}
	if m.project != target.project {
		return change{}, wrong("%s: %q and %q are in two projects", begin, from, to)
	}
	move := api.Move{IDs: ids, To: target.name, Ask: ask}
	plan := newPlan("move", m)
	plan.Move = &move
	return change{
		plan: plan,
		do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
			return c.Move(ctx, m.project, m.name, move, 0)
		},
		said: func(o *outcome) string {
			return clean(fmt.Sprintf("moved %s from %s to %s on %s%s", strings.Join(ids, ", "), m.name, target.name, marked(o.machine.Fabric, o.machine.Emulated), o.took())) + "\n"
		},
	}, nil
}
