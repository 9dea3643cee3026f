package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

const (
	// maxTold is how many of a machine's newest choices are told in any case.
	maxTold = 20
	// maxExplained is how many of them are asked for at most.
	maxExplained = 200
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME",
		Short: "tell why a machine has the devices that it has",
		Long: `Tell for each change of a machine that chose devices why it chose this fabric and
these devices, and what spoke against the others, as it was then. The newest comes
last. The last 20 are told, and of those before them the ones that chose what the
machine has now, as far as they are among the first one and the last 200.`,
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
			all, err := client.All(c.Operations(ctx, client.OperationFilter{Machine: m.ID}))
			if err != nil {
				return err
			}
			x := explaining{ask: func(op string) (*api.Explanation, error) { return c.Explanation(ctx, op) }, left: placesOf(m)}
			ops, err := x.told(all)
			if err != nil {
				return err
			}
			if x.more > 0 {
				a.say("%s %s not shown; `composa operation ls --machine %s` lists all", plural(x.more, "older change"), isOrAre(x.more), m.Name)
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

func placesOf(m *api.Machine) map[string]bool {
	places := map[string]bool{}
	for _, d := range m.Devices {
		if d.Place != "" {
			places[d.Place] = true
		}
	}
	return places
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// explaining finds the changes of a machine that are worth telling.
type explaining struct {
	ask  func(operation string) (*api.Explanation, error)
	left map[string]bool // what the machine has now and no change told so far chose
	more int             // how many changes are not told
}

// told are the operations that are told, oldest first: of all, the newest first,
// those newest that chose something, and of the older ones those that chose what
// is left. The very first is looked at before those between: it made the machine.
func (x *explaining) told(all []api.Operation) ([]api.Operation, error) {
	all = slices.DeleteFunc(slices.Clone(all), func(op api.Operation) bool { return op.Verb == "free" || op.Verb == "unplug" })
	told := make([]bool, len(all))
	look := func(i int, old bool) (err error) {
		if all[i].Explanation, err = x.ask(all[i].ID); err != nil || all[i].Explanation == nil {
			return err
		}
		chose := x.take(all[i].Explanation)
		if told[i] = chose || !old; !told[i] {
			x.more++
		}
		return nil
	}
	recent, end := min(len(all), maxTold), len(all)
	for i := range recent {
		if err := look(i, false); err != nil {
			return nil, err
		}
	}
	if end > recent && len(x.left) > 0 {
		end--
		if err := look(end, true); err != nil {
			return nil, err
		}
	}
	for i := recent; i < end; i++ {
		if len(x.left) == 0 || i >= maxExplained-1 {
			x.more += end - i
			break
		}
		if err := look(i, true); err != nil {
			return nil, err
		}
	}
	ops := []api.Operation{}
	for i := len(all) - 1; i >= 0; i-- {
		if told[i] {
			ops = append(ops, all[i])
		}
	}
	return ops, nil
}

// take crosses out what a change chose and the machine has; false where that is
// nothing.
func (x *explaining) take(e *api.Explanation) bool {
	now := map[string]string{}
	for _, s := range e.Since {
		if s.What != "missing" { // the machine has it still
			now[s.Place] = s.Now // empty but for what moved
		}
	}
	some := false
	for _, entry := range e.Chosen {
		for _, place := range entry.Places {
			if at, changed := now[place]; changed {
				place = at
			}
			some = some || x.left[place]
			delete(x.left, place)
		}
	}
	return some
}
