package cli

import (
	"context"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// addExplain adds the flag of the commands that choose devices.
func (f *changeFlags) addExplain(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.explain, "explain", false, "tell why this fabric and these devices")
}

// explainText is the account of a choice: the server's lines, indented.
func explainText(x *api.Explanation) string {
	var b strings.Builder
	for _, line := range x.Lines {
		b.WriteString("  " + clean(line) + "\n")
	}
	return b.String()
}

// planExplained is a plan with the whole account of its choice in place of the
// reasons.
func planExplained(p *api.Plan) string {
	if p.Explanation == nil {
		return planText(p) + "  nothing had to be chosen\n"
	}
	plain := *p
	plain.Why = nil
	return planText(&plain) + explainText(p.Explanation)
}

// explain tells on standard error why a change that was begun chose as it did.
// That it cannot be told does not stop the change.
func (a *app) explain(ctx context.Context, c *client.Client, o *outcome) {
	if o.op == nil {
		a.say("nothing had to be chosen")
		return
	}
	x, err := c.Explanation(ctx, o.op.ID)
	switch {
	case err != nil:
		a.say("cannot tell why: %v", err)
	case x == nil:
		a.say("nothing is chosen yet: `composa explain %s` tells it later", o.plan.Machine)
	default:
		a.tell(explainText(x))
	}
}
