package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) machineCommand() *cobra.Command {
	cmd := noun("machine", "list and show machines", "machines")
	cmd.AddCommand(a.machineLs(), a.machineShow())
	cmd.AddCommand(a.machineVerbs()...)
	return cmd
}

func (a *app) machineLs() *cobra.Command {
	var (
		f           client.MachineFilter
		labels      []string
		allProjects bool
	)
	cmd := &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list machines",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var err error
			if f.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if !allProjects {
				if f.Project, err = a.project(ctx); err != nil {
					return err
				}
			}
			if err := knownFabric(ctx, c, f.Fabric); err != nil {
				return err
			}
			machines, err := client.All(c.Machines(ctx, f))
			if err != nil {
				return err
			}
			sortNaturally(machines, func(m api.Machine) string { return m.Name })
			return printList(a, machineTable, "machines", machines)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.State, "state", "", "only those in this `STATE`")
	flags.StringVar(&f.Fabric, "fabric", "", "only those on fabric `NAME`")
	flags.StringArrayVar(&labels, "label", nil, "only those labelled `K=V` (repeatable)")
	flags.BoolVar(&f.Freed, "freed", false, "those that were freed, in place of the living")
	flags.BoolVarP(&allProjects, "all-projects", "A", false, "of every project of yours")
	_ = cmd.RegisterFlagCompletionFunc("fabric", a.completeFabrics)
	_ = cmd.RegisterFlagCompletionFunc("label", a.completeMachineLabels)
	_ = cmd.RegisterFlagCompletionFunc("state", words("queued", "composing", "ready", "changing", "freeing", "held", "degraded", "lost", "stale"))
	return cmd
}

func (a *app) machineShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME|ID",
		Aliases:           []string{"get"},
		Short:             "show one machine, also one that was freed by its id",
		Args:              argsBetween(1, 1, "a machine"),
		ValidArgsFunction: a.completeMachines,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			m, err := a.machineNamed(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return printOne(a, machineTable, *m, func(w io.Writer) error {
				return a.printDetails(machineDetails(m), reachText(m))
			})
		},
	}
}

// machineNamed fetches a machine by NAME, PROJECT/NAME or id.
func (a *app) machineNamed(ctx context.Context, c *client.Client, text string) (*api.Machine, error) {
	if strings.HasPrefix(text, "mach_") {
		return c.MachineByID(ctx, text)
	}
	ref, err := a.machineRef(ctx, text)
	if err != nil {
		return nil, err
	}
	return c.Machine(ctx, ref.project, ref.name)
}

var machineTable = table[api.Machine]{
	name: func(m api.Machine) string { return m.Name },
	columns: []column[api.Machine]{
		{name: "name", text: func(m api.Machine) string { return m.Name }},
		{name: "state", text: func(m api.Machine) string { return m.State }},
		{name: "fabric", text: func(m api.Machine) string { return marked(m.Fabric, m.Emulated) }},
		{name: "devices", text: func(m api.Machine) string { return devicesText(m.Devices) }},
		{name: "address", text: func(m api.Machine) string { return m.Address }},
		{name: "owner", text: func(m api.Machine) string { return m.Owner }},
		{name: "id", wide: true, text: func(m api.Machine) string { return m.ID }},
		{name: "project", wide: true, text: func(m api.Machine) string { return m.Project }},
		{name: "power", wide: true, text: func(m api.Machine) string { return m.Power }},
		{name: "places", wide: true, text: func(m api.Machine) string { return placesText(m.Devices) }},
		{name: "labels", wide: true, text: func(m api.Machine) string { return labelsText(m.Labels) }},
		{name: "operation", wide: true, text: func(m api.Machine) string { return m.Operation }},
		{name: "created", wide: true, text: func(m api.Machine) string { return momentText(m.CreatedAt) }},
		{name: "freed", wide: true, text: func(m api.Machine) string { return optionalMoment(m.FreedAt) }},
	},
}

// detail is one line of what is shown of one thing; empty values are left out.
type detail struct{ name, value string }

// printDetails prints lines of a name and a value, and then what follows.
func (a *app) printDetails(details []detail, tail string) error {
	width := 0
	for _, d := range details {
		if d.value != "" {
			width = max(width, len(d.name))
		}
	}
	color := a.colored(a.out)
	var b strings.Builder
	for _, d := range details {
		if d.value == "" {
			continue
		}
		value := clean(d.value)
		if color {
			value = paint(value)
		}
		fmt.Fprintf(&b, "%-*s  %s\n", width, clean(d.name), value)
	}
	return a.write([]byte(b.String() + tail))
}

func machineDetails(m *api.Machine) []detail {
	details := []detail{
		{"name", m.Name}, {"state", machineState(m)}, {"project", m.Project}, {"owner", m.Owner},
		{"fabric", marked(m.Fabric, m.Emulated)}, {"power", m.Power}, {"p2p", onOff(m.P2P)},
		{"address", m.Address}, {"login", m.Login}, {"os", m.OS}, {"boot image", m.BootImage}, {"reach", m.Reach},
		{"labels", labelsText(m.Labels)}, {"pool", m.Wish.Pool}, {"wish", wishText(m.Wish)},
		{"operation", m.Operation}, {"created", momentText(m.CreatedAt)}, {"changed", momentText(m.UpdatedAt)}, {"freed", optionalMoment(m.FreedAt)},
		{"id", m.ID}, {"label", m.Label}, {"native", m.Native},
	}
	devices := append([]api.MachineDevice{}, m.Devices...)
	sortNaturally(devices, func(d api.MachineDevice) string { return d.Place })
	for _, d := range devices {
		place := d.Place
		if place == "" {
			place = "in no place any more"
		}
		text := strings.TrimSpace(place + "  " + d.Kind + " " + d.Model)
		if d.State != "attached" && d.Place != "" {
			text += "  (" + d.State + ")"
		}
		details = append(details, detail{"device", text})
	}
	for _, d := range m.Drift {
		details = append(details, detail{"differs", strings.TrimSpace(d.Sort + " " + cmp.Or(d.Text, d.Device, "a part that is gone"))})
	}
	return details
}

// machineState is the state; a stale one has its age beside it.
func machineState(m *api.Machine) string {
	if m.State == "stale" && m.StateAge > 0 {
		return fmt.Sprintf("stale (last seen %s ago)", secondsText(m.StateAge))
	}
	return m.State
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return ""
}

// wishText is what was asked for, as compose takes it: "--gpu A100:4 --ssd 1".
func wishText(w api.Wish) string {
	var words []string
	for _, d := range w.Devices {
		words = append(words, "--"+d.Kind+" "+wantText(d))
		for _, flag := range conditionFlags(d) {
			if !slices.Contains(words, flag) { // it was asked once for all of a kind
				words = append(words, flag)
			}
		}
	}
	if len(w.Fabrics) > 0 {
		words = append(words, "--fabric "+strings.Join(w.Fabrics, ","))
	}
	return strings.Join(words, " ")
}
