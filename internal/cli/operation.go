package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) operationCommand() *cobra.Command {
	cmd := noun("operation", "list, follow and decide operations", "operations", "op", "ops")
	cmd.AddCommand(a.operationLs(), a.operationShow(), a.operationWait(),
		a.operationDecide("cancel", "ask an operation to stop and to put everything back",
			`Ask an operation to stop before its next step and to put everything back. A
queued one ends at once. What only goes forward (free, unplug) is not put back.
The exit code is 0 where it was ended so, and 9 where it was done before.`, (*client.Client).Cancel),
		a.operationDecide("retry", "let a held operation go on", "Let a held operation go on.", (*client.Client).Retry),
		a.operationDecide("undo", "let a held operation go back to what was before",
			"Let a held operation go back to what was before.", (*client.Client).Undo),
		a.operationDecide("resolve", "take what the fabric shows as the result of a held operation",
			`End a held operation by taking what the fabric shows now as its result. Nothing
is changed on the fabric. A machine that the fabric shows stays, also where it
was to be freed: with the devices that are in it, powered as it is, and with a
wish that asks for just these. A machine that it does not show is freed. What is
in no machine of the operation is held until it is shown given back.`, (*client.Client).Resolve))
	return cmd
}

// operationPhases are the phases of an operation, in the order of its life.
var operationPhases = []string{"queued", "running", "waiting", "undoing", "done", "undone", "cancelled", "held"}

func (a *app) operationLs() *cobra.Command {
	var (
		f       client.OperationFilter
		machine string
		limit   int
	)
	cmd := &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list operations, newest first",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if limit < 0 {
				return wrong("cannot list %d operations", limit).next("write --limit 20, or 0 for all of them")
			}
			if f.Phase != "" {
				if err := oneOf("--phase", f.Phase, operationPhases...); err != nil {
					return err
				}
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if machine != "" {
				m, err := a.machineNamed(ctx, c, machine)
				if err != nil {
					return err
				}
				f.Machine = m.ID
			}
			ops, err := atMost(limit, c.Operations(ctx, f))
			if err != nil {
				return err
			}
			return printList(a, operationTable, "operations", ops)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&machine, "machine", "", "only those of machine `NAME`, or of that id")
	flags.StringVar(&f.Verb, "verb", "", "only those of this `VERB`")
	flags.BoolVar(&f.Open, "open", false, "only those that have not ended")
	flags.StringVar(&f.Phase, "phase", "", "only those in this `PHASE`: "+strings.Join(operationPhases, ", "))
	flags.IntVar(&limit, "limit", 0, "only the newest `N` (0: all)")
	_ = cmd.RegisterFlagCompletionFunc("machine", a.completeMachines)
	_ = cmd.RegisterFlagCompletionFunc("verb", words("compose", "free", "plug", "unplug", "reshape", "move"))
	_ = cmd.RegisterFlagCompletionFunc("phase", words(operationPhases...))
	_ = cmd.RegisterFlagCompletionFunc("limit", nothing)
	return cmd
}

// atMost collects up to limit items; 0: all.
func atMost[T any](limit int, seq func(func(T, error) bool)) ([]T, error) {
	items := []T{}
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		if items = append(items, item); len(items) == limit {
			break
		}
	}
	return items, nil
}

func (a *app) operationShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Aliases: []string{"get"}, Short: "show one operation with its steps"}
	return a.onOperation(cmd, func(ctx context.Context, c *client.Client, id string) error {
		op, err := c.Operation(ctx, id, 0)
		if err != nil {
			return err
		}
		return a.showOperation(op)
	})
}

func (a *app) showOperation(op *api.Operation) error {
	return printOne(a, operationTable, *op, func(io.Writer) error {
		return a.printDetails(operationDetails(op, a.clock()), "")
	})
}

// onOperation makes cmd take the id of one operation.
func (a *app) onOperation(cmd *cobra.Command, run func(ctx context.Context, c *client.Client, id string) error) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = argsBetween(1, 1, "the id of an operation"), a.completeOperations
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id := args[0]
		if !strings.HasPrefix(id, "op_") || strings.ContainsAny(id, "/?#%") {
			return fail("not_found", "cannot find operation %q: ids of operations begin with op_", abridge(id, 40)).next("`composa operation ls` lists them")
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, id)
	}
	return cmd
}

func (a *app) operationWait() *cobra.Command {
	var timeout duration
	cmd := &cobra.Command{
		Use:   "wait ID",
		Short: "follow an operation to its end",
		Long: `Follow an operation to its end. The exit code is that of the command that began
it: 0 done, 1 undone or cancelled, 10 held. An interrupt only stops the waiting.`,
	}
	cmd.Flags().Var(&timeout, "timeout", "stop waiting after `D` (90s, 10m, 2h); the operation goes on")
	_ = cmd.RegisterFlagCompletionFunc("timeout", nothing)
	return a.onOperation(cmd, func(ctx context.Context, c *client.Client, id string) error {
		op, err := c.Operation(ctx, id, 0)
		if err != nil {
			return err
		}
		_, err = a.waitFor(ctx, c, op, timeout.value)
		return err
	})
}

// waitFor follows an operation, prints how it ended, and says so with the error.
func (a *app) waitFor(ctx context.Context, c *client.Client, op *api.Operation, timeout time.Duration) (*api.Operation, error) {
	f := a.follow(c, true, timeout)
	err := f.untilSettled(ctx, op)
	f.close()
	if err != nil {
		return nil, err
	}
	op = f.ops[op.ID]
	if err := a.printEnded(op); err != nil {
		return nil, err
	}
	return op, judge(op, false)
}

func (a *app) printEnded(op *api.Operation) error {
	return printOne(a, operationTable, *op, func(io.Writer) error {
		if resolved(op) {
			text := clean(fmt.Sprintf("%s: %s is %s", operationName(op), op.Verb, op.Result.Text)) + "\n"
			for _, w := range op.Result.Where {
				text += "  " + clean(w) + "\n"
			}
			return a.write([]byte(text))
		}
		line := fmt.Sprintf("%s: %s is %s", operationName(op), op.Verb, op.Phase)
		if ran := elapsed(op, a.clock()); ran > 0 {
			line += ", " + secondsText(ran.Seconds())
		}
		return a.write([]byte(clean(line) + "\n"))
	})
}

// resolved says whether a person took what the fabric shows as the result.
func resolved(op *api.Operation) bool {
	return op.Phase == "done" && op.Result != nil && op.Result.Code == ""
}

// operationDecide makes a command that decides about an operation.
func (a *app) operationDecide(verb, short, long string, do func(*client.Client, context.Context, string) (*api.Operation, error)) *cobra.Command {
	var noWait bool
	var timeout duration
	cmd := &cobra.Command{Use: verb + " ID", Short: short, Long: long}
	cmd.Flags().Bool("yes", false, "taken as in other commands; nothing is asked here")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for the end")
	cmd.Flags().Var(&timeout, "timeout", "stop waiting after `D` (90s, 10m, 2h); the operation goes on")
	_ = cmd.RegisterFlagCompletionFunc("timeout", nothing)
	return a.repeatable(a.onOperation(cmd, func(ctx context.Context, c *client.Client, id string) error {
		if err := a.announce(ctx); err != nil {
			return err
		}
		op, err := do(c, ctx, id)
		if err != nil {
			return err
		}
		if noWait {
			if verb == "cancel" && !client.Settled(op) {
				a.say("%s: %s", operationName(op), cancelText(op))
			}
			if err := a.showOperation(op); err != nil {
				return err
			}
			return asDecided(verb, op, nil)
		}
		op, err = a.waitFor(ctx, c, op, timeout.value)
		return asDecided(verb, op, err)
	}))
}

// asDecided takes the end that was asked for as success: an operation that was
// cancelled or undone on purpose. One that was done before it could be cancelled
// is not.
func asDecided(verb string, op *api.Operation, err error) error {
	switch {
	case err == nil && verb == "cancel" && op.Phase == "done":
		return tooLate(op)
	case err == nil:
		return nil
	}
	f := failureOf(err)
	putBack := f.exit == exitFailed && f.problem.Operation != ""
	if putBack && (verb == "cancel" || verb == "undo") {
		return nil
	}
	return err
}

// tooLate tells of an operation that was done although it was to be cancelled.
func tooLate(op *api.Operation) error {
	f := fail("conflict", "cannot cancel operation %s: too late, %s of %q was done", op.ID, op.Verb, operationName(op))
	f.problem.Operation = op.ID
	switch op.Verb {
	case "compose":
		return f.next("`composa free %s` gives it back", operationName(op))
	case "free":
		return f.next("what is given back is only to be composed anew: `composa operation show %s` tells what it did", op.ID)
	}
	return f.next("`composa operation show %s` tells what it did", op.ID)
}

var operationTable = table[api.Operation]{
	name: func(op api.Operation) string { return op.ID },
	columns: []column[api.Operation]{
		{name: "id", text: func(op api.Operation) string { return op.ID }},
		{name: "verb", text: func(op api.Operation) string { return op.Verb }},
		{name: "machine", text: func(op api.Operation) string { return operationMachines(&op) }},
		{name: "phase", text: func(op api.Operation) string { return op.Phase }},
		{name: "fabric", text: func(op api.Operation) string { return marked(op.Fabric, op.Emulated) }},
		{name: "by", text: func(op api.Operation) string { return op.Principal }},
		{name: "created", text: func(op api.Operation) string { return momentText(op.CreatedAt) }},
		{name: "reason", text: func(op api.Operation) string { return op.Reason }},
		{name: "message", wide: true, text: func(op api.Operation) string { return op.Message }},
		{name: "project", wide: true, text: func(op api.Operation) string { return op.Project }},
		{name: "behind", wide: true, text: func(op api.Operation) string { return op.Behind }},
		{name: "ended", wide: true, text: func(op api.Operation) string { return optionalMoment(op.EndedAt) }},
	},
}

func operationMachines(op *api.Operation) string {
	if len(op.Machines) == 0 {
		return ""
	}
	return operationName(op)
}

func operationDetails(op *api.Operation, now time.Time) []detail {
	took := ""
	if op.StartedAt != nil {
		took = secondsText(elapsed(op, now).Seconds())
	}
	typical := ""
	if op.Typical > 0 {
		typical = secondsText(op.Typical) + " the last times"
	}
	details := []detail{
		{"id", op.ID}, {"verb", op.Verb}, {"machine", operationMachines(op)}, {"project", op.Project}, {"by", op.Principal}, {"message", op.Message},
		{"phase", op.Phase}, {"direction", op.Direction}, {"behind", op.Behind}, {"reason", op.Reason}, {"fabric", marked(op.Fabric, op.Emulated)},
		{"created", momentText(op.CreatedAt)}, {"started", optionalMoment(op.StartedAt)}, {"ended", optionalMoment(op.EndedAt)},
		{"took", took}, {"typical", typical}, {"deadline", optionalMoment(op.Deadline)},
	}
	for i, s := range currentSteps(op) {
		if s.State == "failed" && s.Attempt == 0 {
			continue // given up before it was ever begun
		}
		text := stepText(&s)
		if s.State == "running" {
			text += ": running"
		}
		details = append(details, detail{fmt.Sprintf("step %d", i+1), text})
	}
	if op.Result == nil {
		return details
	}
	details = append(details, detail{"result", strings.TrimSpace(op.Result.Code + " " + op.Result.Text)})
	for _, w := range op.Result.Where {
		details = append(details, detail{"where", w})
	}
	if op.Phase == "held" {
		details = append(details, detail{"next", waysText(op.ID, op.Result.Ways)})
	}
	return details
}
