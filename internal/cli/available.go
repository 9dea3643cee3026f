package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) availableCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "available",
		Short: "show what can be had now, by kind and model",
		Long: `Show by kind and model how many devices are free, how many there are, and the most
that one machine could get now: a machine is made of devices of one fabric.`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if kind != "" {
				if kind, err = parseKind(kind); err != nil {
					return err
				}
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.All(c.Available(cmd.Context(), kind))
			if err != nil {
				return err
			}
			slices.SortStableFunc(list, func(x, y api.Available) int {
				if c := compareKinds(x.Kind, y.Kind); c != 0 {
					return c
				}
				return naturalCompare(x.Model, y.Model)
			})
			if err := a.sayEmulated(cmd.Context(), c); err != nil {
				return err
			}
			return printList(a, availableTable, "devices", list)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only of this `KIND`")
	_ = cmd.RegisterFlagCompletionFunc("kind", words(kinds...))
	return cmd
}

// sayEmulated says where all fabrics of the site, or some, are pretend hardware.
func (a *app) sayEmulated(ctx context.Context, c *client.Client) error {
	site, err := a.site(ctx)
	if err != nil || !site.Emulated {
		return err
	}
	fabrics, err := client.All(c.Fabrics(ctx))
	if err != nil {
		return err
	}
	a.say("%s", emulatedText(fabrics))
	return nil
}

// emulatedText is that sentence, of fabrics of which one at least is emulated.
func emulatedText(fabrics []api.Fabric) string {
	if slices.ContainsFunc(fabrics, func(f api.Fabric) bool { return !f.Emulated }) {
		return "some of this is emulated"
	}
	return "this site is emulated"
}

var availableTable = table[api.Available]{
	name: func(v api.Available) string { return v.Kind + " " + v.Model },
	columns: []column[api.Available]{
		{name: "kind", text: func(v api.Available) string { return v.Kind }},
		{name: "model", text: func(v api.Available) string { return v.Model }},
		{name: "free", text: func(v api.Available) string { return fmt.Sprint(v.Free) }},
		{name: "all", text: func(v api.Available) string { return fmt.Sprint(v.All) }},
		{name: "most", text: func(v api.Available) string { return fmt.Sprint(v.Most) }},
		{name: "fabrics", text: availableThere},
	},
}

// availableThere is each fabric's share, of three and more in a row that are
// alike together: "rack[1-14] 4/8 each, rack15 0/8".
func availableThere(v api.Available) string {
	alike := map[string][]string{} // fabrics by their share
	var shares []string
	for _, f := range v.Fabrics {
		share := fmt.Sprintf("%d/%d", f.Free, f.All)
		if alike[share] == nil {
			shares = append(shares, share)
		}
		alike[share] = append(alike[share], f.Fabric)
	}
	var words []string
	for _, share := range shares {
		for _, names := range ranges(alike[share]) {
			word := names + " " + share
			if strings.HasSuffix(names, "]") {
				word += " each"
			}
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}
