package cli

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// Completion asks the server for names. It never waits long and never says that
// something is wrong: then there is just nothing to complete.
const (
	completionWait = 2 * time.Second
	completionMost = 500
)

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// nothing completes nothing, not even names of files.
func nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// words completes fixed words.
func words(list ...string) completion {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeNames completes the names of what a list gives.
func completeNames[T any](a *app, begin string, list func(context.Context, *client.Client) iter.Seq2[T, error], name func(T) string) ([]string, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionWait)
	defer cancel()
	var names []string
	for item, err := range list(ctx, c) {
		if err != nil || len(names) == completionMost {
			break
		}
		if n := name(item); strings.HasPrefix(n, begin) {
			names = append(names, clean(n))
		}
	}
	sortNaturally(names, func(n string) string { return n })
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeMachines(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Name() != "free" {
		return nothing(cmd, args, begin)
	}
	return completeNames(a, begin, func(ctx context.Context, c *client.Client) iter.Seq2[api.Machine, error] {
		return c.Machines(ctx, client.MachineFilter{Project: a.flags.project})
	}, func(m api.Machine) string { return m.Name })
}

func (a *app) completeDevices(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nothing(cmd, args, begin)
	}
	return a.completePlaces(begin)
}

func (a *app) completePlaces(begin string) ([]string, cobra.ShellCompDirective) {
	return completeNames(a, begin, func(ctx context.Context, c *client.Client) iter.Seq2[api.Device, error] {
		return c.Devices(ctx, client.DeviceFilter{})
	}, func(d api.Device) string { return d.Place })
}

func (a *app) completeMachineThenDevices(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return a.completePlaces(begin)
	}
	return a.completeMachines(cmd, args, begin)
}

func (a *app) completePools(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Parent().Name() == "pool" {
		return nothing(cmd, args, begin)
	}
	return completeNames(a, begin, func(ctx context.Context, c *client.Client) iter.Seq2[api.Pool, error] {
		return c.Pools(ctx, a.flags.project)
	}, func(p api.Pool) string { return p.Name })
}

func (a *app) completePoolThenDevices(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return a.completePlaces(begin)
	}
	return a.completePools(cmd, args, begin)
}

func (a *app) completeFabrics(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Parent().Name() == "fabric" {
		return nothing(cmd, args, begin)
	}
	return completeNames(a, begin, func(ctx context.Context, c *client.Client) iter.Seq2[api.Fabric, error] {
		return c.Fabrics(ctx)
	}, func(f api.Fabric) string { return f.Name })
}

func (a *app) completeOperations(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nothing(cmd, args, begin)
	}
	return completeNames(a, begin, func(ctx context.Context, c *client.Client) iter.Seq2[api.Operation, error] {
		return c.Operations(ctx, client.OperationFilter{Open: cmd.Name() != "show"})
	}, func(op api.Operation) string { return op.ID })
}

func (a *app) completeProjects(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return completeNames(a, begin, func(ctx context.Context, c *client.Client) iter.Seq2[api.Project, error] {
		return c.Projects(ctx)
	}, func(p api.Project) string { return p.Name })
}

func (a *app) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	file, err := a.contexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return file.names(), cobra.ShellCompDirectiveNoFileComp
}
