package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) poolCommand() *cobra.Command {
	cmd := noun("pool", "keep devices for a purpose", "pools")
	cmd.Long = `Keep devices for a purpose. Only requests that name a pool get its devices
(compose --pool NAME), and those that name none get devices in no pool.`
	cmd.AddCommand(a.poolLs(), a.poolShow(), a.repeatable(a.poolCreate()), a.repeatable(a.poolRm()),
		a.repeatable(a.poolSet()),
		a.repeatable(a.poolRefill("add", "put devices into a pool: all of them or none", (*client.Client).AddToPool)),
		a.repeatable(a.poolRefill("remove", "take devices out of a pool: all of them or none", (*client.Client).RemoveFromPool)))
	return cmd
}

func (a *app) poolLs() *cobra.Command {
	var allProjects bool
	cmd := &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list pools",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			c, err := a.connect()
			if err != nil {
				return err
			}
			project := ""
			if !allProjects {
				if project, err = a.project(ctx); err != nil {
					return err
				}
			}
			pools, err := client.All(c.Pools(ctx, project))
			if err != nil {
				return err
			}
			sortNaturally(pools, func(p api.Pool) string { return p.Name })
			return printList(a, poolTable, "pools", pools)
		},
	}
	cmd.Flags().BoolVarP(&allProjects, "all-projects", "A", false, "of every project of yours")
	return cmd
}

func (a *app) poolShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Aliases: []string{"get"}, Short: "show one pool"}
	return a.onPool(cmd, func(ctx context.Context, c *client.Client, project, name string) error {
		p, err := c.Pool(ctx, project, name)
		if err != nil {
			return err
		}
		return a.showPool(p)
	})
}

// onPool makes cmd take the name of one pool.
func (a *app) onPool(cmd *cobra.Command, run func(ctx context.Context, c *client.Client, project, name string) error) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = argsBetween(1, 1, "a pool"), a.completePools
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, project, err := a.poolClient(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, project, args[0])
	}
	return cmd
}

// showPool shows a pool, and where that is the answer to a change of it, what the
// change does.
func (a *app) showPool(p *api.Pool) error {
	var tail strings.Builder
	if p.Change != nil {
		if p.Change.DryRun {
			a.say("dry run: nothing is changed")
		}
		for _, line := range p.Change.Lines {
			fmt.Fprintln(&tail, clean(line))
		}
	}
	return printOne(a, poolTable, *p, func(io.Writer) error { return a.printDetails(poolDetails(p), tail.String()) })
}

func (a *app) poolCreate() *cobra.Command {
	var (
		labels []string
		most   int
		where  string
		dryRun bool
	)
	cmd := &cobra.Command{
		Use:   "create NAME [IDS …]",
		Short: "make a pool, of devices, of what meets a condition, or empty",
		Long: `Make a pool, of devices, of what meets a condition, or empty. A machine takes
all of its devices from one pool, so a pool needs compute nodes of its own.

With --where the pool holds, now and later, every device that meets the
condition and was put into no pool. A device that comes to meet the conditions
of two pools is in the older one.

What is shown ends with what the pool does to others: which devices requests that
do not name it get no more, and how many of the site it holds. --dry-run tells
that, and makes no pool.`,
		Example: `  composa pool create vision 'rack1/gpu[0-3]' rack1/pcpu0 rack1/pcpu1
  composa pool create vision --where 'device.labels.team == "vision"'`,
		Args:              argsBetween(1, -1, "a name for the pool"),
		ValidArgsFunction: a.completeNewPool,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkName("pool", args[0]); err != nil {
				return err
			}
			pool := api.NewPool{Name: args[0], Most: most, Where: where}
			var err error
			if pool.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			if pool.IDs, err = parseArguments(args[1:]); err != nil {
				return err
			}
			if err := checkDoubled(fmt.Sprintf("cannot create pool %q", args[0]), pool.IDs); err != nil {
				return err
			}
			if cmd.Flags().Changed("most") {
				if err := checkMost(fmt.Sprintf("cannot create pool %q", args[0]), most); err != nil {
					return failureOf(err).next("leave --most out for any number")
				}
			}
			ctx := cmd.Context()
			c, project, err := a.poolClient(ctx, args[0])
			if err != nil {
				return err
			}
			if err := a.announce(ctx); err != nil {
				return err
			}
			pool.Project = project
			create := c.CreatePool
			if dryRun {
				create = c.TryPool
			}
			made, err := create(ctx, pool)
			if err != nil {
				return pointedList(err, fmt.Sprintf("cannot create pool %q", args[0]), where)
			}
			return a.showPool(made)
		},
	}
	cmd.Flags().IntVar(&most, "most", 0, "it may hold `N` devices (any number unless said)")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "label it `K=V` (repeatable)")
	filledVar(cmd.Flags(), &where, "where", "also hold what meets this `EXPR`, in CEL over device")
	_ = cmd.RegisterFlagCompletionFunc("where", a.completeExpression)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, poolDryRun)
	return cmd
}

func (a *app) poolRm() *cobra.Command {
	var terms client.PoolTerms
	cmd := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"delete"},
		Short:   "remove a pool into which no device was put",
		Long: `Remove a pool into which no device was put. What it holds by its condition is then
in the oldest other pool whose condition it meets, or in none; --dry-run tells
that, and removes nothing.`,
		Args:              argsBetween(1, 1, "a pool"),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			ctx, c, project, err := a.poolToChange(cmd, name, terms)
			if err != nil {
				return err
			}
			if terms.DryRun {
				p, err := c.TryDeletePool(ctx, project, name, terms.Revision)
				if err != nil {
					return err
				}
				return a.showPool(p)
			}
			if err := c.DeletePool(ctx, project, name, terms.Revision); err != nil {
				return err
			}
			a.say("removed pool %s", name)
			return nil
		},
	}
	addPoolTerms(cmd, &terms)
	return cmd
}

// poolRefill makes pool add and pool remove.
func (a *app) poolRefill(verb, short string, do func(*client.Client, context.Context, string, string, []string, client.PoolTerms) (*api.Pool, error)) *cobra.Command {
	var terms client.PoolTerms
	cmd := &cobra.Command{
		Use:   verb + " NAME IDS …",
		Short: short,
		Long:  capital(short) + ".\nMachines keep what they have; the pool of a device says who gets it next.",
		Example: "  composa pool " + verb + " vision 'rack1/gpu[0-3]'\n" +
			"  composa pool " + verb + " vision rack1/pcpu1 rack1/ssd1 --dry-run",
		Args:              argsBetween(2, -1, "a pool and devices"),
		ValidArgsFunction: a.completePoolThenDevices,
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseArguments(args[1:])
			if err != nil {
				return err
			}
			if err := checkDoubled(fmt.Sprintf("cannot %s in pool %q", verb, args[0]), ids); err != nil {
				return err
			}
			return a.changePool(cmd, args[0], terms, func(ctx context.Context, c *client.Client, project string) (*api.Pool, error) {
				return do(c, ctx, project, args[0], ids, terms)
			})
		},
	}
	addPoolTerms(cmd, &terms)
	return cmd
}

// poolClient connects, and says in which project the pool is.
func (a *app) poolClient(ctx context.Context, name string) (*client.Client, string, error) {
	if err := checkDNSLabel("pool", name); err != nil {
		return nil, "", fail("not_found", "cannot find pool %q: no pool can have that name", abridge(name, 40)).next("`composa pool ls` lists them")
	}
	c, err := a.connect()
	if err != nil {
		return nil, "", err
	}
	project, err := a.project(ctx)
	return c, project, err
}

var poolTable = table[api.Pool]{
	name: func(p api.Pool) string { return p.Name },
	columns: []column[api.Pool]{
		{name: "name", text: func(p api.Pool) string { return p.Name }},
		{name: "project", text: func(p api.Pool) string { return p.Project }},
		{name: "devices", text: func(p api.Pool) string { return fmt.Sprint(len(p.Devices)) }},
		{name: "free", text: func(p api.Pool) string { return fmt.Sprint(p.Free) }},
		{name: "most", text: func(p api.Pool) string { return numberText(p.Most) }},
		{name: "owner", text: func(p api.Pool) string { return p.Owner }},
		{name: "where", wide: true, text: func(p api.Pool) string { return p.Where }},
		{name: "places", wide: true, text: func(p api.Pool) string { return strings.Join(p.Devices, ", ") }},
		{name: "labels", wide: true, text: func(p api.Pool) string { return labelsText(p.Labels) }},
		{name: "created", wide: true, text: func(p api.Pool) string { return momentText(p.CreatedAt) }},
		{name: "id", wide: true, text: func(p api.Pool) string { return p.ID }},
	},
}

// poolShare is how much of the site a pool holds; empty where the server does
// not tell.
func poolShare(p *api.Pool) string {
	if p.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d of the %s of the site", len(p.Devices), plural(p.Of, "device"))
}

func poolDetails(p *api.Pool) []detail {
	places := append([]string{}, p.Devices...)
	sortNaturally(places, func(s string) string { return s })
	return []detail{
		{"name", p.Name}, {"project", p.Project}, {"owner", p.Owner}, {"free", fmt.Sprintf("%d of %d", p.Free, len(p.Devices))},
		{"holds", poolShare(p)},
		{"where", p.Where}, {"most", numberText(p.Most)}, {"devices", strings.Join(places, ", ")}, {"labels", labelsText(p.Labels)},
		{"created", momentText(p.CreatedAt)}, {"revision", numberText(int(p.Revision))}, {"id", p.ID},
	}
}
