package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) fabricCheck() *cobra.Command {
	var probe bool
	cmd := &cobra.Command{
		Use:   "check NAME [--probe]",
		Short: "ask a fabric right now whether it answers, and how it takes things",
		Long: `Ask a fabric right now whether it answers, what it is, whether it could be used,
and what was seen so far of how it takes things: what its makers do not say, such
as whether it lets two edit the same machine. Nothing is changed on it. The exit
code is 1 where a check failed.

With --probe it is also tried: a machine without devices is made in the site's own
group, edited, and removed. No device is touched and nobody's machine is; it takes
some commits. The fabric must be one that Composa may manage.

docs/guides/liqid.md tells what each line means.`,
	}
	cmd.Flags().BoolVar(&probe, "probe", false, "also try what only trying tells, on an empty machine that is removed again")
	return a.onFabric(cmd, func(ctx context.Context, c *client.Client, name string) error {
		ask, doing := c.CheckFabric, "asking "+name
		if probe {
			if err := a.announce(ctx); err != nil {
				return err
			}
			ask, doing = c.ProbeFabric, "probing "+name
		}
		stop := a.waiting(doing)
		check, err := ask(ctx, name)
		stop()
		if err != nil {
			return err
		}
		if a.format.structured() {
			err = a.printStructured(check)
		} else {
			err = printList(a, checkTable, "checks", check.Checks)
		}
		if err == nil && !check.OK {
			return fail("failed", "cannot use fabric %q as it is: %s", name, failedChecks(check.Checks))
		}
		return err
	})
}

func failedChecks(checks []api.CheckLine) string {
	var names []string
	for _, c := range checks {
		if !c.OK {
			names = append(names, c.Name+": "+c.Text)
		}
	}
	return strings.Join(names, "; ")
}

var checkTable = table[api.CheckLine]{
	name: func(c api.CheckLine) string { return c.Name },
	columns: []column[api.CheckLine]{
		{name: "check", text: func(c api.CheckLine) string { return c.Name }},
		{name: "result", text: func(c api.CheckLine) string {
			if c.OK {
				return "ok"
			}
			return "failed"
		}},
		{name: "took", text: func(c api.CheckLine) string {
			if c.Seconds == 0 { // nothing was waited for
				return ""
			}
			return secondsText(c.Seconds)
		}},
		{name: "text", text: func(c api.CheckLine) string { return c.Text }},
	},
}

func (a *app) fabricInventory() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inventory NAME",
		Short: "show everything that a fabric shows right now",
		Long: `Look at a fabric right now and show everything that it shows: its machines, ours
and foreign ones, and its devices.`,
	}
	return a.onFabric(cmd, func(ctx context.Context, c *client.Client, name string) error {
		inv, err := c.Inventory(ctx, name)
		if err != nil {
			return err
		}
		sortNaturally(inv.Devices, func(d api.Device) string { return d.Place })
		switch {
		case a.format.structured():
			return a.printStructured(inv)
		case a.format == formatName || a.flags.columns != "":
			return printList(a, deviceTable, "devices", inv.Devices)
		}
		return a.showInventory(inv)
	})
}

func (a *app) showInventory(inv *api.Inventory) error {
	if !inv.Complete {
		a.say("the picture is not complete")
	}
	if err := printList(a, inventoryTable, "machines", inv.Machines); err != nil {
		return err
	}
	if len(inv.Machines) > 0 {
		if err := a.write([]byte("\n")); err != nil {
			return err
		}
	}
	return printList(a, deviceTable, "devices", inv.Devices)
}

var inventoryTable = table[api.InventoryMachine]{
	name: func(m api.InventoryMachine) string { return m.Label },
	columns: []column[api.InventoryMachine]{
		{name: "label", text: func(m api.InventoryMachine) string { return m.Label }},
		{name: "native", text: func(m api.InventoryMachine) string { return m.Native }},
		{name: "ours", text: func(m api.InventoryMachine) string { return yesNo(m.Ours) }},
		{name: "machine", text: func(m api.InventoryMachine) string { return m.Machine }},
		{name: "power", text: func(m api.InventoryMachine) string { return m.Power }},
		{name: "devices", text: func(m api.InventoryMachine) string { return fmt.Sprint(len(m.Devices)) }},
		{name: "p2p", wide: true, text: func(m api.InventoryMachine) string { return yesNo(m.P2P) }},
		{name: "places", wide: true, text: func(m api.InventoryMachine) string { return strings.Join(m.Devices, ", ") }},
	},
}
