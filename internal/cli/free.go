package cli

import (
	"context"
	"fmt"
	"strings"
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

With --key the same command once more frees nothing twice: what it freed is told, and what
is left of several machines is freed.

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
		machines, err := a.toFree(cmd.Context(), args, labels, ifExists, flags.key != "")
		if err != nil {
			return err
		}
		return a.freeing(cmd, &flags, machines, ask, len(args) != 1)
	}
	return cmd
}

// found is a machine to free, as it was found before anything is asked.
type found struct {
	ref     machineRef
	machine *api.Machine // nil: it is not there, and may have been when the command was first given
}

// toFree finds the machines: all are there before any is touched. keyed says that
// the command has a key, so that one which is not there may have been freed by it.
func (a *app) toFree(ctx context.Context, names, labelWords []string, ifExists, keyed bool) ([]found, error) {
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
		return a.labelledMachines(ctx, c, labels, ifExists, keyed)
	}
	return a.namedMachines(ctx, c, names, ifExists, keyed)
}

// keyLife is how long a key is kept at most; the server says the same.
const keyLife = 24 * time.Hour

// labelledMachines are the living machines with labels. With a key there may be
// none left: then one is enough that was freed while the key was kept.
func (a *app) labelledMachines(ctx context.Context, c *client.Client, labels map[string]string, ifExists, keyed bool) ([]found, error) {
	project, err := a.project(ctx)
	if err != nil {
		return nil, err
	}
	filter := client.MachineFilter{Project: project, Labels: labels}
	living, err := client.All(c.Machines(ctx, filter))
	if err != nil {
		return nil, err
	}
	var machines []found
	for _, m := range living {
		machines = append(machines, found{machineRef{m.Project, m.Name}, &m})
	}
	if len(machines) > 0 || ifExists {
		return machines, nil
	}
	if keyed {
		filter.Freed = true
		for m, err := range c.Machines(ctx, filter) { // the last one freed comes first
			if err != nil {
				return nil, err
			}
			if m.FreedAt != nil && a.clock().Sub(*m.FreedAt) < keyLife {
				a.say("no machine in project %s has the labels %s any more; %s was the last, freed at %s", project, labelsText(labels), m.Name, momentText(*m.FreedAt))
				return nil, nil
			}
			break
		}
	}
	return nil, fail("not_found", "cannot free: no machine in project %s has the labels %s", project, labelsText(labels))
}

// namedMachines are the machines of names or ids, each once; those that are not
// there come first.
func (a *app) namedMachines(ctx context.Context, c *client.Client, names []string, ifExists, keyed bool) ([]found, error) {
	var gone, living []found
	seen := map[machineRef]bool{}
	for _, name := range names {
		f, err := a.toFind(ctx, c, name, keyed)
		switch {
		case err != nil && ifExists && failureOf(err).problem.Code == "not_found", err == nil && ifExists && f.machine == nil:
			a.say("%s is not there", name)
			continue
		case err != nil:
			return nil, err
		case seen[f.ref]:
			return nil, wrong("cannot free %q: it is named twice", name)
		case f.machine != nil && f.machine.FreedAt != nil:
			a.say("%s was freed at %s", name, momentText(*f.machine.FreedAt))
			continue
		case f.machine == nil:
			gone = append(gone, *f)
		default:
			living = append(living, *f)
		}
		seen[f.ref] = true
	}
	return append(gone, living...), nil
}

// toFind finds one machine to free. With a key a name that no machine has may be
// that of one which the same command freed; an id that was freed stays freed.
func (a *app) toFind(ctx context.Context, c *client.Client, name string, keyed bool) (*found, error) {
	m, err := a.machineNamed(ctx, c, name)
	switch {
	case err == nil && m.FreedAt != nil && !keyed:
		return nil, fail("not_found", "cannot free %q: it was freed at %s", name, momentText(*m.FreedAt)).next("with --if-exists that is no error")
	case err == nil:
		return &found{machineRef{m.Project, m.Name}, m}, nil
	case !keyed || client.CodeOf(err) != "not_found" || strings.HasPrefix(name, "mach_"):
		return nil, err
	}
	ref, err := a.machineRef(ctx, name)
	return &found{ref: ref}, err
}

func (a *app) freeing(cmd *cobra.Command, flags *changeFlags, machines []found, ask api.FreeMachine, many bool) error {
	if len(machines) == 0 {
		if many && a.format.structured() {
			return printList(a, machineTable, "machines", []api.Machine{})
		}
		return nil
	}
	var changes []change
	for _, m := range machines {
		plan := newPlan("free", m.ref)
		plan.Free = &ask
		changes = append(changes, change{
			plan: plan,
			gone: m.machine == nil,
			do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
				return c.Free(ctx, m.ref.project, m.ref.name, ask, 0)
			},
			said: m.freed,
		})
	}
	return a.changing(cmd, flags, changes, many)
}

// freed says what was given back: now, or when the command was first given.
func (m *found) freed(o *outcome) string {
	if m.machine == nil || o.machine.ID != m.machine.ID {
		return clean(fmt.Sprintf("%s was freed at %s", m.ref.name, optionalMoment(o.machine.FreedAt))) + "\n"
	}
	return clean(fmt.Sprintf("%s is freed%s: %s on %s", m.ref.name, o.took(), orDefault(devicesText(m.machine.Devices), "no devices"),
		marked(orDefault(m.machine.Fabric, "no fabric"), m.machine.Emulated))) + "\n"
}
