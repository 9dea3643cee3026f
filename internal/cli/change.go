package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// changeFlags are those of every command that changes machines.
type changeFlags struct {
	dryRun, yes, noWait bool
	explain             bool // only where something is chosen
	timeout             duration
	message, key        string
}

func (f *changeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and do nothing")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do it without asking, also where it disturbs something in use")
	flags.BoolVar(&f.noWait, "no-wait", false, "do not wait for the end")
	flags.Var(&f.timeout, "timeout", "stop waiting after `D` (90s, 10m, 2h); the operation goes on")
	flags.StringVar(&f.message, "message", "", "why: `TEXT` for the record")
	_ = cmd.RegisterFlagCompletionFunc("timeout", nothing)
	_ = cmd.RegisterFlagCompletionFunc("message", nothing)
	addKey(cmd, &f.key)
}

// check refuses flags that cannot be meant.
func (f *changeFlags) check() error {
	if f.noWait && f.timeout.set {
		return wrong("cannot use --timeout with --no-wait: nothing is waited for")
	}
	if f.timeout.set && f.timeout.value <= 0 {
		return wrong("cannot use --timeout %s: it must be more than nothing", f.timeout.String())
	}
	if err := checkKey(f.key); err != nil {
		return err
	}
	return checkMessage(f.message)
}

func (f *changeFlags) ask() api.Ask { return api.Ask{Message: f.message} }

// change is one request that changes a machine, ready to be planned and made.
type change struct {
	plan api.NewPlan
	do   func(context.Context, *client.Client) (*client.Result, error)
	// said says in words what was done.
	said func(o *outcome) string
	// gone says that the machine was not found, so that only the call with the
	// command's key tells whether it was there when that was sent first.
	gone bool
	// inWords tells an error of the server in the words that were typed; nil:
	// as the server tells it.
	inWords func(error) error
}

// told is an error of the server as people are told it.
func (ch *change) told(err error) error {
	if err == nil || ch.inWords == nil {
		return err
	}
	return ch.inWords(err)
}

// outcome is what came of a change.
type outcome struct {
	change
	machine *api.Machine   // after it; nil while it goes on
	op      *api.Operation // nil where it was so already
	err     error
}

// changing carries out changes as the flags say, and prints what came of them:
// one thing, or with many a list.
func (a *app) changing(cmd *cobra.Command, flags *changeFlags, changes []change, many bool) error {
	ctx := cmd.Context()
	c, err := a.connect()
	if err != nil {
		return err
	}
	if err := a.announce(ctx); err != nil {
		return err
	}
	if flags.dryRun {
		return a.dryRun(ctx, c, changes, many, flags.explain)
	}
	if verb := changes[0].plan.Verb; verb != "compose" && !flags.yes {
		plans, err := plansToConsent(ctx, c, changes, flags.key != "")
		if err != nil {
			return err
		}
		if err := a.consent(ctx, plans, a.typed(cmd)); err != nil {
			return err
		}
	}
	outcomes, err := a.carryOut(cmd, c, flags, changes, many)
	if err != nil {
		return err
	}
	if flags.noWait {
		return a.showStarted(outcomes, many)
	}
	return a.showChanged(outcomes, many)
}

// announce says on standard error where something is about to be changed, and
// as whom.
func (a *app) announce(ctx context.Context) error {
	site, err := a.site(ctx)
	if err != nil {
		return err
	}
	project, err := a.project(ctx)
	if err != nil {
		return err
	}
	a.say("%s", marked(fmt.Sprintf("at %s as %s, project %s", a.server.text(), site.Principal, project), site.Emulated))
	return nil
}

// announceSite is announce for what belongs to no project.
func (a *app) announceSite(ctx context.Context) (*api.Site, error) {
	site, err := a.site(ctx)
	if err == nil {
		a.say("%s", marked(fmt.Sprintf("at %s as %s", a.server.text(), site.Principal), site.Emulated))
	}
	return site, err
}

// typed is the command as it was typed, for messages.
func (a *app) typed(cmd *cobra.Command) string {
	if len(a.args) == 0 {
		return cmd.UseLine()
	}
	return "composa " + quote(a.args)
}

func plansOf(ctx context.Context, c *client.Client, changes []change) ([]*api.Plan, error) {
	var plans []*api.Plan
	for _, ch := range changes {
		p, err := c.Plan(ctx, ch.plan)
		if err != nil {
			return nil, ch.told(err)
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// plansToConsent are the plans to show before they are carried out. With a key a
// request of which no plan can be made goes out without: either it was done
// before, and nothing is done now, or it is refused for the same reason.
func plansToConsent(ctx context.Context, c *client.Client, changes []change, keyed bool) ([]*api.Plan, error) {
	var plans []*api.Plan
	for _, ch := range changes {
		if ch.gone {
			continue
		}
		p, err := c.Plan(ctx, ch.plan)
		switch {
		case err == nil:
			plans = append(plans, p)
		case !keyed || !decides(err):
			return nil, ch.told(err)
		}
	}
	return plans, nil
}

func (a *app) dryRun(ctx context.Context, c *client.Client, changes []change, many, explain bool) error {
	plans, err := plansOf(ctx, c, changes)
	if err != nil {
		return err
	}
	return a.showPlans(plans, many, explain)
}

// showPlans prints plans that are not carried out: one thing, or with many a
// list.
func (a *app) showPlans(plans []*api.Plan, many, explain bool) error {
	a.say("dry run: nothing is changed")
	if a.format.structured() {
		if many {
			return printList(a, planTable, "plans", plans)
		}
		return a.printStructured(plans[0])
	}
	if a.format != formatPlain {
		return printList(a, planTable, "plans", plans)
	}
	for _, p := range plans {
		text := planText(p)
		if explain {
			text = planExplained(p)
		}
		if err := a.write([]byte(text + appliedBy(p))); err != nil {
			return err
		}
	}
	return nil
}

// planTable shows plans.
var planTable = table[*api.Plan]{
	name: func(p *api.Plan) string { return p.ID },
	columns: []column[*api.Plan]{
		{name: "id", text: func(p *api.Plan) string { return p.ID }},
		{name: "verb", text: func(p *api.Plan) string { return p.Verb }},
		{name: "machine", text: func(p *api.Plan) string { return p.Machine }},
		{name: "fabric", text: func(p *api.Plan) string { return marked(p.Fabric, p.Emulated) }},
		{name: "steps", text: func(p *api.Plan) string { return fmt.Sprint(len(p.Steps)) }},
		{name: "disturbs", text: func(p *api.Plan) string { return strings.Join(p.Disturbs, ",") }},
		{name: "devices", wide: true, text: func(p *api.Plan) string { return placesText(p.Devices) }},
		{name: "expires", wide: true, text: func(p *api.Plan) string { return momentText(p.ExpiresAt) }},
	},
}

// carryOut makes the calls and, unless nobody waits, follows what comes of
// them. An error of its own is one that ends all of it. several says that the
// command is about more than one machine, also where one is left of them.
func (a *app) carryOut(cmd *cobra.Command, c *client.Client, flags *changeFlags, changes []change, several bool) ([]*outcome, error) {
	ctx := cmd.Context()
	key := orDefault(flags.key, rand.Text())
	verb := changes[0].plan.Verb
	again := a.again(cmd, key, verb != "compose")
	f := a.follow(c, verb == "free" || verb == "unplug", flags.timeout.value)
	defer f.close()
	var outcomes []*outcome
	var ops []*api.Operation
	for _, ch := range changes {
		o := &outcome{change: ch}
		outcomes = append(outcomes, o)
		o.err = f.call(ctx, func(ctx context.Context) error {
			r, err := ch.do(client.WithKey(ctx, keyOf(key, ch, several)), c)
			if err == nil {
				o.machine, o.op = r.Machine, r.Operation
			}
			return toldLost(ch.told(err), again)
		})
		switch {
		case f.left(o.err):
			return nil, failureOf(o.err).next("`%s` tells what came of it, and does nothing twice", again)
		case o.err != nil && ch.gone:
			return nil, o.err
		}
		if o.op != nil {
			ops = append(ops, o.op)
		}
		if flags.explain && o.err == nil {
			a.explain(ctx, c, o)
		}
	}
	if !flags.noWait {
		if err := f.untilSettled(ctx, ops...); err != nil {
			return nil, err
		}
		for _, o := range outcomes {
			if o.op != nil {
				o.op = f.ops[o.op.ID]
				o.end(ctx, f, again)
			}
		}
	}
	for _, o := range outcomes {
		o.missed()
	}
	return outcomes, nil
}

// missed takes it as a failure that a machine which was to have devices was freed
// since: what was asked for was done once, and is not there.
func (o *outcome) missed() {
	switch {
	case o.err != nil || o.machine == nil || o.machine.FreedAt == nil:
	case o.plan.Verb == "compose" || o.plan.Verb == "plug" || o.plan.Verb == "reshape":
		o.err = fail("not_found", "cannot %s %q: that was done before, and the machine was freed at %s", o.plan.Verb, o.plan.Machine, momentText(*o.machine.FreedAt)).
			next("ask for it with another key, or with a new plan")
	}
}

// left says whether an error means that the waiting was ended.
func (f *follower) left(err error) bool {
	if err == nil {
		return false
	}
	exit := failureOf(err).exit
	return exit == exitInterrupted || exit == exitTimeout
}

// end judges a settled operation and fetches the machine as it is after it.
// again is the command that tells of it once more.
func (o *outcome) end(ctx context.Context, f *follower, again string) {
	freedInTheMaking := o.plan.Verb == "free" && o.op.Verb == "compose" && o.op.Phase != "held"
	if !freedInTheMaking {
		o.err = judge(o.op, f.pressed > 0)
	}
	if o.err != nil || len(o.op.Machines) == 0 {
		return
	}
	id := o.op.Machines[0].ID
	for _, m := range o.op.Machines {
		if m.Name == o.plan.Machine {
			id = m.ID
		}
	}
	o.machine, o.err = f.closing(ctx, o.op, id, again)
	if o.err == nil {
		o.err = notFreed(o.op, o.machine)
	}
}

// notFreed tells of a free that a person resolved while the machine stands.
func notFreed(op *api.Operation, m *api.Machine) error {
	if op.Verb != "free" || !resolved(op) || m.FreedAt != nil {
		return nil
	}
	f := fail("conflict", "cannot free %q: %s", m.Name, op.Result.Text)
	f.problem.Operation = op.ID
	return f.next("`composa operation show %s` tells what is where", op.ID)
}

// judge says what a settled operation means: nil when it was done.
func judge(op *api.Operation, interruptedHere bool) error {
	result := api.Result{Code: op.Phase, Text: op.Reason}
	if op.Result != nil {
		result = *op.Result
	}
	text := orDefault(result.Text, "operation "+op.ID+" is "+op.Phase)
	if !strings.HasPrefix(text, "cannot ") {
		text = fmt.Sprintf("cannot %s %q: %s", op.Verb, operationName(op), text)
	}
	f := fail(orDefault(result.Code, "failed"), "%s", text)
	f.problem.Operation = op.ID
	switch op.Phase {
	case "done":
		return nil
	case "held":
		f.exit, f.problem.Code = exitHeld, "held"
		f.lines = append(f.lines, result.Where...)
		return f.next("%s", waysText(op.ID, result.Ways))
	case "cancelled":
		f.exit, f.problem.Code = exitFailed, "cancelled"
		if interruptedHere {
			f.exit = exitInterrupted
		}
	default:
		if f.exit != exitRefused {
			f.exit = exitFailed
		}
	}
	f.lines = append(f.lines, "everything is as it was before; see `composa operation show "+op.ID+"`")
	return f
}

// waysText says what a person can do about a held operation.
func waysText(id string, ways []string) string {
	if len(ways) == 0 {
		ways = []string{"retry", "undo", "resolve"}
	}
	var words []string
	for _, w := range ways {
		if !strings.Contains(w, " ") {
			w = fmt.Sprintf("`composa operation %s %s`", w, id)
		}
		words = append(words, w)
	}
	return "a person must decide: " + strings.Join(words, ", ")
}

// showStarted prints what was begun and is not waited for.
func (a *app) showStarted(outcomes []*outcome, many bool) error {
	var begun []*api.Operation
	var machines []*outcome
	for _, o := range outcomes {
		switch {
		case o.op != nil:
			begun = append(begun, o.op)
		case o.err == nil:
			machines = append(machines, o)
		}
	}
	if err := a.showMachines(machines, many && len(begun) == 0); err != nil {
		return err
	}
	if len(begun) > 0 {
		if err := a.showOperations(begun, many); err != nil {
			return err
		}
		defer a.say("%s", goesOn(begun))
	}
	return a.worst(outcomes)
}

func (a *app) showOperations(ops []*api.Operation, many bool) error {
	if a.format.structured() && !many {
		return a.printStructured(ops[0])
	}
	if a.format != formatPlain {
		var list []api.Operation
		for _, op := range ops {
			list = append(list, *op)
		}
		return printList(a, operationTable, "operations", list)
	}
	for _, op := range ops {
		if err := a.write([]byte(clean(operationName(op)+": "+opening(op)) + "\n")); err != nil {
			return err
		}
	}
	return nil
}

// showChanged prints the machines as they are now, and tells what failed.
func (a *app) showChanged(outcomes []*outcome, many bool) error {
	var done []*outcome
	for _, o := range outcomes {
		if o.err == nil && o.machine != nil {
			done = append(done, o)
		}
	}
	if err := a.showMachines(done, many); err != nil {
		return err
	}
	return a.worst(outcomes)
}

func (a *app) showMachines(outcomes []*outcome, many bool) error {
	if len(outcomes) == 0 && !many {
		return nil
	}
	if a.format != formatPlain || a.flags.columns != "" {
		machines := []api.Machine{}
		for _, o := range outcomes {
			machines = append(machines, *o.machine)
		}
		if a.format.structured() && !many {
			return a.printStructured(machines[0])
		}
		return printList(a, machineTable, "machines", machines)
	}
	for _, o := range outcomes {
		if err := a.write([]byte(o.said(o))); err != nil {
			return err
		}
	}
	return nil
}

// printStructured prints one value in the structured format asked for.
func (a *app) printStructured(v any) error {
	if a.format == formatJSONL {
		return a.printLine(v)
	}
	return a.printValue(v)
}

// worst tells of every failure but one, which it returns: the last, or the last
// whose answer was lost, because then the command is to be given again.
func (a *app) worst(outcomes []*outcome) error {
	var worst error
	for _, o := range outcomes {
		lesser := o.err
		if o.err != nil && (worst == nil || failureOf(worst).exit != exitUnreachable || failureOf(o.err).exit == exitUnreachable) {
			worst, lesser = o.err, worst
		}
		if lesser != nil {
			a.tell(failureOf(lesser).text())
		}
	}
	return worst
}

// took says how long an operation ran: ", in 14 s".
func (o *outcome) took() string {
	if o.op == nil || o.op.StartedAt == nil || o.op.EndedAt == nil {
		return ""
	}
	return ", in " + secondsText(o.op.EndedAt.Sub(*o.op.StartedAt).Seconds())
}

// saidOfWhole says what a machine is made of now.
func saidOfWhole(o *outcome) string {
	m := o.machine
	state := "is " + m.State
	if o.op != nil && o.op.Phase == "done" && m.State == "stale" {
		state = "is ready" // what was just done is known, however old the last look is
	}
	if o.op != nil && o.op.Phase == "done" && m.State == "changing" {
		state = fmt.Sprintf("has its %s, and is changed further", o.op.Verb)
	}
	if o.op == nil && m.Operation == "" {
		state += " already"
	}
	return clean(fmt.Sprintf("%s %s: %s on %s%s", m.Name, state, devicesText(m.Devices), marked(m.Fabric, m.Emulated), o.took())) + "\n"
}
