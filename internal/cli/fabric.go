package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) fabricCommand() *cobra.Command {
	cmd := noun("fabric", "list, show and check fabrics", "fabrics")
	cmd.AddCommand(a.fabricLs(), a.fabricShow(), a.fabricCheck(), a.fabricInventory())
	return cmd
}

func (a *app) fabricLs() *cobra.Command {
	return &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list fabrics",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			fabrics, err := client.All(c.Fabrics(cmd.Context()))
			if err != nil {
				return err
			}
			sortNaturally(fabrics, func(f api.Fabric) string { return f.Name })
			if err := printList(a, fabricTable, "fabrics", fabrics); err != nil {
				return err
			}
			if a.format == formatPlain || a.format == formatTable {
				for _, line := range troubles(fabrics) {
					a.say("%s", line)
				}
			}
			return nil
		},
	}
}

func (a *app) fabricShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Aliases: []string{"get"}, Short: "show one fabric"}
	return a.onFabric(cmd, func(ctx context.Context, c *client.Client, name string) error {
		f, err := c.Fabric(ctx, name)
		if err != nil {
			return err
		}
		return printOne(a, fabricTable, *f, func(io.Writer) error { return a.printDetails(fabricDetails(f), "") })
	})
}

// knownFabric refuses a list's fabric that does not exist; empty: any.
func knownFabric(ctx context.Context, c *client.Client, name string) error {
	if name == "" {
		return nil
	}
	if err := checkFabricName(name); err != nil {
		return err
	}
	_, err := c.Fabric(ctx, name)
	return err
}

func checkFabricName(name string) error {
	if err := checkDNSLabel("fabric", name); err != nil {
		return fail("not_found", "cannot find fabric %q: no fabric can have that name", abridge(name, 40)).next("`composa fabric ls` lists them")
	}
	return nil
}

// onFabric makes cmd take the name of one fabric.
func (a *app) onFabric(cmd *cobra.Command, run func(ctx context.Context, c *client.Client, name string) error) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = argsBetween(1, 1, "a fabric"), a.completeFabrics
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name := args[0]
		if err := checkFabricName(name); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, name)
	}
	return cmd
}

var fabricTable = table[api.Fabric]{
	name: func(f api.Fabric) string { return f.Name },
	columns: []column[api.Fabric]{
		{name: "name", text: func(f api.Fabric) string { return marked(f.Name, f.Emulated) }},
		{name: "driver", text: func(f api.Fabric) string { return strings.TrimSpace(f.Driver + " " + f.Era) }},
		{name: "state", text: fabricState},
		{name: "access", text: accessText},
		{name: "machines", text: func(f api.Fabric) string { return fmt.Sprint(f.Machines) }},
		{name: "free", text: func(f api.Fabric) string { return sharesText(f.Kinds) }},
		{name: "foreign", wide: true, text: func(f api.Fabric) string { return fmt.Sprint(f.Foreign) }},
		{name: "url", wide: true, text: func(f api.Fabric) string { return f.URL }},
		{name: "source", wide: true, text: func(f api.Fabric) string { return f.Source }},
		{name: "seen", wide: true, text: func(f api.Fabric) string { return optionalMoment(f.Seen) }},
		{name: "reason", wide: true, text: func(f api.Fabric) string { return f.Reason }},
	},
}

// sightAge is how old, in seconds, what is shown of a fabric gets before it is
// said: a quiet one is written down every ten.
const sightAge = 15

// fabricState is the state, with the age of what is shown where it is old.
func fabricState(f api.Fabric) string {
	if f.State == "ok" && f.Age >= sightAge {
		return "ok, seen " + secondsText(math.Floor(f.Age)) + " ago"
	}
	return f.State
}

// accessText is what may be done on a fabric.
func accessText(f api.Fabric) string {
	if f.ReadOnly != "" {
		return f.Access + ", read-only"
	}
	return f.Access
}

// troubles says, a line each, which fabrics are of no use as they are, and why.
func troubles(fabrics []api.Fabric) []string {
	var lines []string
	for _, f := range fabrics {
		switch {
		case f.State == "silent":
			lines = append(lines, fmt.Sprintf("%s is silent since %s: %s", f.Name, optionalMoment(f.SilentSince), orDefault(f.Reason, "nobody knows why")))
		case f.ReadOnly != "":
			lines = append(lines, f.Name+" is read-only: "+f.ReadOnly)
		}
	}
	return lines
}

// sharesText is how much of each kind is free: "cpu 2/4, gpu 5/16".
func sharesText(shares []api.Share) string {
	var words []string
	for _, s := range shares {
		words = append(words, fmt.Sprintf("%s %d/%d", s.Kind, s.Free, s.All))
	}
	return strings.Join(words, ", ")
}

func fabricDetails(f *api.Fabric) []detail {
	return []detail{
		{"name", marked(f.Name, f.Emulated)}, {"driver", strings.TrimSpace(f.Driver + " " + f.Era)}, {"url", f.URL}, {"source", f.Source},
		{"access", accessText(*f)}, {"read-only", f.ReadOnly}, {"state", fabricState(*f)}, {"seen", optionalMoment(f.Seen)}, {"silent since", optionalMoment(f.SilentSince)}, {"reason", f.Reason},
		{"free", sharesText(f.Kinds)}, {"machines", fmt.Sprint(f.Machines)}, {"foreign", fmt.Sprint(f.Foreign)},
		{"can", strings.Join(f.Acts, ", ")}, {"epoch", fmt.Sprint(f.Epoch)},
	}
}
