package cli

import (
	"context"
	"fmt"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) plugCommand() *cobra.Command {
	var (
		flags changeFlags
		asked conditions
	)
	cmd := &cobra.Command{
		Use:   "plug NAME [IDS …] [--gpu WANT] …",
		Short: "add devices to a machine",
		Long: `Add free devices of its fabric to a machine: those named, and so many of each
kind. WANT, --min and --where are as for compose. Devices of another machine are not taken: move does
that.`,
		Example: `  composa plug train --gpu 2
  composa plug train 'rack1/gpu[4-5]' rack1/ssd0
  composa plug train --ssd CM6-R:1
  composa plug train --gpu 1 --min gpu.memory=16GB`,
		Args:              argsBetween(1, -1, "a machine, and devices to add"),
		ValidArgsFunction: a.completeMachineThenFree,
	}
	kindFlags := a.addWantFlags(cmd)
	asked.add(a, cmd)
	flags.add(cmd)
	flags.addExplain(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if err := flags.check(); err != nil {
			return err
		}
		begin := fmt.Sprintf("cannot plug %q", args[0])
		wants, err := kindFlags.wants(begin)
		if err != nil {
			return err
		}
		ids, err := parseArguments(args[1:])
		if err != nil {
			return err
		}
		if len(wants)+len(ids) == 0 {
			return wrong("%s: no devices are named", begin).next("write `composa plug %s rack1/gpu3`, or `composa plug %s --gpu 1`", args[0], args[0])
		}
		if err := checkWants(begin, wants); err != nil {
			return err
		}
		named, err := a.wantsOf(ctx, begin, ids)
		if err != nil {
			return err
		}
		wants = append(wants, named...)
		if wants, err = asked.apply(begin, wants, false); err != nil {
			return err
		}
		if err := checkWants(begin, wants); err != nil {
			return err
		}
		m, err := a.machineRef(ctx, args[0])
		if err != nil {
			return err
		}
		ask := api.Plug{Devices: wants, Ask: flags.ask()}
		plan := newPlan("plug", m)
		plan.Plug = &ask
		return a.changing(cmd, &flags, []change{{
			plan: plan,
			do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
				return c.Plug(ctx, m.project, m.name, ask, 0)
			},
			said:    saidOfWhole,
			inWords: func(err error) error { return pointed(err, begin, wants) },
		}}, false)
	}
	return cmd
}

// wantsOf makes wants of devices that were named without their kind: the server
// knows it.
func (a *app) wantsOf(ctx context.Context, begin string, ids []string) ([]api.Want, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := checkPlaces(begin, ids); err != nil {
		return nil, err
	}
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	byKind := map[string]*api.Want{}
	for _, id := range ids {
		d, err := a.deviceNamed(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if byKind[d.Kind] == nil {
			byKind[d.Kind] = &api.Want{Kind: d.Kind}
		}
		w := byKind[d.Kind]
		w.IDs = append(w.IDs, id)
		w.Count = len(w.IDs)
	}
	var wants []api.Want
	for _, k := range kinds {
		if w := byKind[k]; w != nil {
			wants = append(wants, *w)
		}
	}
	return wants, nil
}
