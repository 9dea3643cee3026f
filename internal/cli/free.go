package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// maxGrace is the longest that a host may take to shut down.
const maxGrace = 24 * time.Hour

func (a *app) freeCommand() *cobra.Command {
	var (
		flags    changeFlags
		labels   []string
		grace    duration
		ifExists bool
	)
	cmd := &cobra.Command{
		Use:   "free NAME… | free --label K=V",
		Short: "give machines back",
		Long: `Give machines back: the host is asked to shut down and has --grace to do so, then
its power is cut where the fabric can; a Liqid director can only ask once more.
When it is off its devices are taken and are free again. A host that stays on is asked
again for a while, and then the operation is held until a person decides.

What is given back is not undone: an interrupt only stops the waiting.`,
		Example: `  composa free train
  composa free --label team=vision --yes
  composa free train --if-exists --yes`,
		ValidArgsFunction: a.completeMachines,
	}
	f := cmd.Flags()
	f.StringArrayVar(&labels, "label", nil, "the machines labelled `K=V` (repeatable: with all of them)")
	f.Var(&grace, "grace", "a host may take `D` to shut down (2m unless said; 0: do not wait for it)")
	f.BoolVar(&ifExists, "if-exists", false, "a machine that is not there is no error")
	flags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("label", a.completeMachineLabels)
	_ = cmd.RegisterFlagCompletionFunc("grace", nothing)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		ask := api.FreeMachine{Ask: flags.ask()}
		if grace.set {
			seconds := int((grace.value + time.Second - 1) / time.Second)
			if grace.value > maxGrace {
				return wrong("cannot free with --grace %s: at most %s are allowed", grace.value, maxGrace)
			}
			ask.Grace = &seconds
		}
		machines, err := a.toFree(cmd.Context(), args, labels, ifExists)
		if err != nil {
			return err
		}
		return a.freeing(cmd, &flags, machines, ask, len(args) != 1)
	}
	return cmd
}

// toFree finds the machines: all are there before any is touched.
func (a *app) toFree(ctx context.Context, names, labelWords []string, ifExists bool) ([]api.Machine, error) {
	labels, err := parseLabels(labelWords)
	switch {
	case err != nil:
		return nil, err
	case len(names) == 0 && len(labels) == 0:
		return nil, wrong("cannot free: no machine is named").next("write `composa free NAME`, or `composa free --label K=V`")
	case len(names) > 0 && len(labels) > 0:
		return nil, wrong("cannot free by name and by label at once").next("use one of the two")
	case len(names) > maxCount:
		return nil, wrong("cannot free %d machines at once: %d are allowed", len(names), maxCount)
	}
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	if len(labels) > 0 {
		project, err := a.project(ctx)
		if err != nil {
			return nil, err
		}
		machines, err := client.All(c.Machines(ctx, client.MachineFilter{Project: project, Labels: labels}))
		if err == nil && len(machines) == 0 && !ifExists {
			return nil, fail("not_found", "cannot free: no machine in project %s has the labels %s", project, labelsText(labels))
		}
		return machines, err
	}
	return a.namedMachines(ctx, c, names, ifExists)
}

func (a *app) namedMachines(ctx context.Context, c *client.Client, names []string, ifExists bool) ([]api.Machine, error) {
	var machines []api.Machine
	seen := map[string]bool{}
	for _, name := range names {
		m, err := a.machineNamed(ctx, c, name)
		if err == nil && m.FreedAt != nil {
			err = fail("not_found", "cannot free %q: it was freed at %s", name, momentText(*m.FreedAt))
		}
		if ifExists && err != nil && failureOf(err).problem.Code == "not_found" {
			a.say("%s is not there", name)
			continue
		}
		if err != nil {
			return nil, err
		}
		if seen[m.ID] {
			return nil, wrong("cannot free %q: it is named twice", name)
		}
		seen[m.ID] = true
		machines = append(machines, *m)
	}
	return machines, nil
}

func (a *app) freeing(cmd *cobra.Command, flags *changeFlags, machines []api.Machine, ask api.FreeMachine, many bool) error {
	if len(machines) == 0 {
		if many && a.format.structured() {
			return printList(a, machineTable, "machines", machines)
		}
		return nil
	}
	var changes []change
	for _, m := range machines {
		plan := newPlan("free", machineRef{m.Project, m.Name})
		plan.Free = &ask
		changes = append(changes, change{
			plan: plan,
			do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
				return c.Free(ctx, m.Project, m.Name, ask, 0)
			},
			said: func(o *outcome) string {
				return clean(fmt.Sprintf("%s is freed%s: %s on %s", m.Name, o.took(), orDefault(devicesText(m.Devices), "no devices"), marked(orDefault(m.Fabric, "no fabric"), m.Emulated))) + "\n"
			},
		})
	}
	return a.changing(cmd, flags, changes, many)
}
