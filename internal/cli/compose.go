package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) composeCommand() *cobra.Command {
	var (
		flags   changeFlags
		asked   conditions
		fabrics []string
		labels  []string
		wish    api.Wish
	)
	cmd := &cobra.Command{
		Use:   "compose NAME [--cpu WANT] [--gpu WANT] …",
		Short: "make a machine out of free devices",
		Long: `Make a machine out of free devices of one fabric.

WANT says which devices of a kind:

  4                             any four
  A100:4                        four whose model's name contains A100
  'rack1/gpu3,rack1/gpu[4-7]'   exactly these; the quotes keep brackets from the shell
  ipmi=192.0.2.12               the compute node with that management address (--cpu only)

A kind may be given several times. --min and --where ask something of each device of
a kind: a least, such as --min gpu.memory=40GB, or any condition over device, such as
--where 'nic:device.speed >= 100*Gb' (composa help selectors). --cpu counts compute nodes, not cores; it is 1
unless said. Without --fabric any fabric will do, without --pool only devices in
no pool.

The same command once more finds the same machine. If the machine cannot be made
everything is put back as it was.`,
		Example: `  composa compose train --gpu 4 --ssd 1 --nic 1
  composa compose train --gpu A100:4 --fabric rack1,rack2 --p2p
  composa compose train --gpu 2 --min gpu.memory=16GB --min cpu.cores=16
  composa compose train --ssd 1 --where 'ssd:device.size >= 1*TB'
  composa compose train --cpu rack1/pcpu2 --gpu 'rack1/gpu[0-3]' --dry-run`,
		Args:              argsBetween(1, 1, "a name for the machine"),
		ValidArgsFunction: nothing,
	}
	kindFlags := a.addWantFlags(cmd)
	asked.add(a, cmd)
	f := cmd.Flags()
	f.StringArrayVar(&fabrics, "fabric", nil, "on fabric `F`, or one of F,F")
	filledVar(f, &wish.Pool, "pool", "take devices of pool `P` only; it needs compute nodes of its own")
	f.StringArrayVar(&labels, "label", nil, "label it `K=V` (repeatable)")
	f.BoolVar(&wish.P2P, "p2p", false, "peer-to-peer traffic between its GPUs")
	f.StringVar(&wish.Power, "power", "", "`WORD`: on (the default) powers it on once made, keep leaves power alone")
	flags.add(cmd)
	flags.addExplain(cmd)
	_ = cmd.RegisterFlagCompletionFunc("fabric", a.completeFabrics)
	_ = cmd.RegisterFlagCompletionFunc("pool", a.completePools)
	_ = cmd.RegisterFlagCompletionFunc("label", a.completeMachineLabels)
	_ = cmd.RegisterFlagCompletionFunc("power", words("on", "keep"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		ch, err := a.composing(cmd.Context(), args[0], wish, kindFlags, asked, fabrics, labels, flags.ask())
		if err != nil {
			return err
		}
		return a.changing(cmd, &flags, []change{ch}, false)
	}
	return cmd
}

// composing checks what was typed and makes the change of it.
func (a *app) composing(ctx context.Context, name string, wish api.Wish, kindFlags wantFlags, asked conditions, fabrics, labels []string, ask api.Ask) (change, error) {
	if err := checkName("machine", name); err != nil {
		return change{}, err
	}
	begin := fmt.Sprintf("cannot compose %q", name)
	var err error
	if wish.Devices, err = kindFlags.wants(begin); err != nil {
		return change{}, err
	}
	if wish.Devices, err = asked.apply(begin, wish.Devices, true); err != nil {
		return change{}, err
	}
	if err := checkWants(begin, wish.Devices); err != nil {
		return change{}, err
	}
	if wish.Labels, err = parseLabels(labels); err != nil {
		return change{}, err
	}
	if wish.Fabrics, err = parseFabrics(begin, fabrics); err != nil {
		return change{}, err
	}
	if wish.Power != "" && wish.Power != "on" && wish.Power != "keep" {
		return change{}, wrong("%s: power %q is neither on nor keep", begin, abridge(wish.Power, 24))
	}
	if wish.Pool != "" {
		if err := checkDNSLabel("pool", wish.Pool); err != nil {
			return change{}, wrong("%s: no pool can be named %q", begin, abridge(wish.Pool, 40))
		}
	}
	project, err := a.project(ctx)
	if err != nil {
		return change{}, err
	}
	put := api.PutMachine{Wish: wish, Ask: ask}
	plan := newPlan("compose", machineRef{project, name})
	plan.Compose = &put
	return change{
		plan: plan,
		do: func(ctx context.Context, c *client.Client) (*client.Result, error) {
			return c.PutMachine(ctx, project, name, put, 0)
		},
		said:    func(o *outcome) string { return saidOfWhole(o) + reachText(o.machine) },
		inWords: func(err error) error { return pointed(err, begin, wish.Devices) },
	}, nil
}

// parseFabrics reads the names of fabrics; "any" alone is none.
func parseFabrics(begin string, texts []string) ([]string, error) {
	var fabrics []string
	for _, text := range texts {
		for _, name := range strings.Split(text, ",") {
			name = strings.TrimSpace(name)
			if name == "any" && len(texts) == 1 && text == "any" {
				return nil, nil
			}
			if err := checkDNSLabel("fabric", name); err != nil {
				return nil, wrong("%s: no fabric can be named %q", begin, abridge(name, 40)).next("`composa fabric ls` lists them")
			}
			fabrics = append(fabrics, name)
		}
	}
	return fabrics, nil
}

// reachText is the line that gets one into a machine, or the line that an
// operator must run so that it can be shown.
func reachText(m *api.Machine) string {
	switch {
	case m.FreedAt != nil:
		return ""
	case m.Address != "":
		return clean("ssh "+quote([]string{destination(m)})) + "\n"
	}
	if line := addressLine(m); line != "" {
		return clean("its address is not known; "+line) + "\n"
	}
	return ""
}

// addressLine says how an operator makes the address of a machine known; empty
// where it has no compute node.
func addressLine(m *api.Machine) string {
	for _, d := range m.Devices {
		if d.Kind == "cpu" {
			return fmt.Sprintf("an operator can say it: composa device set %s --address ADDRESS --login LOGIN", quote([]string{d.Place}))
		}
	}
	return ""
}

// destination is where ssh goes: "ubuntu@10.0.0.12".
func destination(m *api.Machine) string {
	if m.Login == "" {
		return m.Address
	}
	return m.Login + "@" + m.Address
}
