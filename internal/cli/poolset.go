package cli

import (
	"context"
	"fmt"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// maxMost bounds --most; the server's own bound is the same.
const maxMost = 100_000

// checkMost refuses a number of devices that no pool may hold at most.
func checkMost(begin string, most int) error {
	if most < 1 || most > maxMost {
		return wrong("%s: --most takes a number from 1 to %d, not %d", begin, maxMost, most)
	}
	return nil
}

const poolDryRun = "show what it would do and to whom, and do nothing"

// addPoolTerms adds the flags that say under which terms a pool is changed.
func addPoolTerms(cmd *cobra.Command, terms *client.PoolTerms) {
	cmd.Flags().BoolVar(&terms.DryRun, "dry-run", false, poolDryRun)
	cmd.Flags().Int64Var(&terms.Revision, "revision", 0, "only while the pool is at revision `N`, which pool show tells")
	_ = cmd.RegisterFlagCompletionFunc("revision", nothing)
}

// poolToChange connects, for a change of a pool under terms.
func (a *app) poolToChange(cmd *cobra.Command, name string, terms client.PoolTerms) (context.Context, *client.Client, string, error) {
	ctx := cmd.Context()
	if cmd.Flags().Changed("revision") && terms.Revision < 1 {
		return ctx, nil, "", wrong("cannot change pool %q: %d is no revision", name, terms.Revision).next("`composa pool show %s` tells it", name)
	}
	c, project, err := a.poolClient(ctx, name)
	if err != nil {
		return ctx, nil, "", err
	}
	return ctx, c, project, a.announce(ctx)
}

// changePool makes a change of a pool and shows the pool.
func (a *app) changePool(cmd *cobra.Command, name string, terms client.PoolTerms, change func(ctx context.Context, c *client.Client, project string) (*api.Pool, error)) error {
	ctx, c, project, err := a.poolToChange(cmd, name, terms)
	if err != nil {
		return err
	}
	p, err := change(ctx, c, project)
	if err != nil {
		return err
	}
	return a.showPool(p)
}

func (a *app) poolSet() *cobra.Command {
	var (
		terms           client.PoolTerms
		where           string
		most            int
		noWhere, noMost bool
		labels, drop    []string
	)
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "change the condition of a pool, how many devices it may hold, its labels",
		Long: `Change the condition of a pool, how many devices it may hold, its labels. What is
not named stays, and so does what was put into it with pool add.

Machines keep what they have: the pool of a device says who gets it next. What is
shown ends with the devices that come and go, which machines have some of them,
and how many of the site the pool holds; --dry-run tells that, and does nothing.
A device that is in another pool by its condition is not taken from it, be it that
this pool gets more room: the change is refused. With --revision a change is made to what you looked at, or not at all.`,
		Example: `  composa pool set vision --where 'device.labels.team == "vision"' --dry-run
  composa pool set vision --no-where --most 8
  composa pool set vision --label cost-center=7 --unlabel trial`,
		Args:              argsBetween(1, 1, "a pool"),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, changed := args[0], cmd.Flags().Changed
			var edit api.EditPool
			switch {
			case changed("where") && noWhere:
				return wrong("cannot use --where with --no-where").next("use one of the two")
			case changed("most") && noMost:
				return wrong("cannot use --most with --no-most").next("use one of the two")
			case changed("where") || noWhere:
				edit.Where = &where
			}
			if changed("most") {
				if err := checkMost(fmt.Sprintf("cannot set pool %q", name), most); err != nil {
					return failureOf(err).next("write --no-most for any number")
				}
			}
			if changed("most") || noMost {
				edit.Most = &most
			}
			var err error
			if edit.Labels, err = labelChanges(labels, drop); err != nil {
				return err
			}
			if edit.Where == nil && edit.Most == nil && edit.Labels == nil {
				return wrong("cannot set pool %q: nothing is said of it", name).next("see `%s --help`", cmd.CommandPath())
			}
			return a.changePool(cmd, name, terms, func(ctx context.Context, c *client.Client, project string) (*api.Pool, error) {
				p, err := c.EditPool(ctx, project, name, edit, terms)
				return p, pointedList(err, fmt.Sprintf("cannot set pool %q", name), where)
			})
		},
	}
	f := cmd.Flags()
	filledVar(f, &where, "where", "also hold what meets this `EXPR`, in CEL over device, in place of what it had")
	_ = cmd.RegisterFlagCompletionFunc("where", a.completeExpression)
	f.BoolVar(&noWhere, "no-where", false, "hold only what was put into it")
	f.IntVar(&most, "most", 0, "it may hold `N` devices")
	f.BoolVar(&noMost, "no-most", false, "it may hold any number")
	f.StringArrayVar(&labels, "label", nil, "label it `K=V` (repeatable)")
	f.StringArrayVar(&drop, "unlabel", nil, "remove the label of key `K` (repeatable)")
	addPoolTerms(cmd, &terms)
	return cmd
}
