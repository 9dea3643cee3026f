package cli

import (
	"context"
	"io"
	"net/netip"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) deviceCommand() *cobra.Command {
	cmd := noun("device", "list, show and describe devices", "devices")
	cmd.AddCommand(a.deviceLs(), a.deviceShow(), a.repeatable(a.deviceSet()))
	return cmd
}

func (a *app) deviceLs() *cobra.Command {
	var (
		f    client.DeviceFilter
		kind string
		free bool
	)
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "list devices",
		Example: `  composa device ls --kind gpu --free
  composa device ls --where 'device.kind == "ssd" && device.size >= 1*TB' -o wide`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var err error
			if kind != "" {
				if f.Kind, err = parseKind(kind); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("free") {
				f.Free = &free
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := knownFabric(ctx, c, f.Fabric); err != nil {
				return err
			}
			devices, err := client.All(c.Devices(ctx, f))
			if err != nil {
				return pointedList(err, "cannot list devices", f.Where)
			}
			sortNaturally(devices, func(d api.Device) string { return d.Place })
			return printList(a, deviceTable, "devices", devices)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&kind, "kind", "", "only of this `KIND`")
	flags.StringVar(&f.Fabric, "fabric", "", "only of fabric `NAME`")
	flags.BoolVar(&free, "free", false, "only free ones (--free=false: only those that are not)")
	flags.StringVar(&f.Pool, "pool", "", "only those in pool `NAME`")
	flags.StringVar(&f.Use, "use", "", "only those in this `USE`: free, claimed, attached or foreign")
	filledVar(flags, &f.Where, "where", "only those that meet this `EXPR`, such as 'device.memory >= 16*GB'")
	flags.StringVar(&f.Model, "model", "", "only those whose model's name contains `TEXT`")
	_ = cmd.RegisterFlagCompletionFunc("kind", words(kinds...))
	_ = cmd.RegisterFlagCompletionFunc("fabric", a.completeFabrics)
	_ = cmd.RegisterFlagCompletionFunc("pool", a.completePools)
	_ = cmd.RegisterFlagCompletionFunc("where", a.completeExpression)
	_ = cmd.RegisterFlagCompletionFunc("use", words("free", "claimed", "attached", "foreign"))
	_ = cmd.RegisterFlagCompletionFunc("model", a.completeModels)
	return cmd
}

func (a *app) deviceShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show FABRIC/DEVICE|ID",
		Aliases:           []string{"get"},
		Short:             "show one device",
		Args:              argsBetween(1, 1, "a device"),
		ValidArgsFunction: a.completeDevices,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			d, err := a.deviceNamed(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return a.showDevice(d)
		},
	}
}

func (a *app) showDevice(d *api.Device) error {
	return printOne(a, deviceTable, *d, func(io.Writer) error { return a.printDetails(deviceDetails(d), "") })
}

func (a *app) deviceSet() *cobra.Command {
	var (
		address, login, cordon string
		uncordon               bool
		labels, drop           []string
	)
	cmd := &cobra.Command{
		Use:   "set FABRIC/DEVICE",
		Short: "say what a fabric does not know of a device",
		Long: `Say what a fabric does not know of a device: the address and login of the host
behind a cpu, labels, and whether it may be given out. What is not named stays.`,
		Example: `  composa device set rack1/pcpu2 --address 10.0.0.12 --login ubuntu
  composa device set rack1/gpu3 --cordon "fan is loud"
  composa device set rack1/gpu3 --uncordon --label shelf=2`,
		Args:              argsBetween(1, 1, "a device"),
		ValidArgsFunction: a.completeDevices,
		RunE: func(cmd *cobra.Command, args []string) error {
			edit, err := deviceEdit(cmd, address, login, cordon, uncordon, labels, drop)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := a.announce(ctx); err != nil {
				return err
			}
			d, err := a.deviceNamed(ctx, c, args[0])
			if err != nil {
				return err
			}
			fabric, name, _ := strings.Cut(d.Place, "/")
			if d, err = c.EditDevice(ctx, fabric, name, 0, edit); err != nil {
				return err
			}
			return a.showDevice(d)
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "address", "", "the host behind a cpu is at `ADDRESS` (empty: forget it)")
	f.StringVar(&login, "login", "", "one logs in there as `NAME` (empty: forget it)")
	f.StringVar(&cordon, "cordon", "", "do not give it out, for this `REASON`")
	f.BoolVar(&uncordon, "uncordon", false, "give it out again")
	f.StringArrayVar(&labels, "label", nil, "label it `K=V` (repeatable)")
	f.StringArrayVar(&drop, "unlabel", nil, "remove the label of key `K` (repeatable)")
	for _, name := range []string{"address", "login", "cordon"} {
		_ = cmd.RegisterFlagCompletionFunc(name, nothing)
	}
	_ = cmd.RegisterFlagCompletionFunc("label", a.completeDeviceLabels)
	_ = cmd.RegisterFlagCompletionFunc("unlabel", a.completeDeviceLabelKeys)
	return cmd
}

// deviceEdit reads the flags of device set.
func deviceEdit(cmd *cobra.Command, address, login, cordon string, uncordon bool, labels, drop []string) (api.EditDevice, error) {
	var e api.EditDevice
	changed := cmd.Flags().Changed
	if changed("address") {
		if err := checkAddress(address); err != nil {
			return e, err
		}
		e.Address = &address
	}
	if changed("login") {
		if err := checkLogin(login); err != nil {
			return e, err
		}
		e.Login = &login
	}
	none := ""
	switch {
	case changed("cordon") && uncordon:
		return e, wrong("cannot use --cordon with --uncordon").next("use one of the two")
	case changed("cordon") && strings.TrimSpace(cordon) == "":
		return e, wrong("cannot cordon without a reason").next("write --cordon REASON, or --uncordon to give it out again")
	case len(cordon) > maxMessage:
		return e, wrong("cannot cordon: the reason has %d characters, %d are allowed", len(cordon), maxMessage)
	case changed("cordon"):
		e.Cordon = &cordon
	case uncordon:
		e.Cordon = &none
	}
	var err error
	if e.Labels, err = labelChanges(labels, drop); err != nil {
		return e, err
	}
	if e.Address == nil && e.Login == nil && e.Cordon == nil && e.Labels == nil {
		return e, wrong("cannot set a device: nothing is said of it").next("see `%s --help`", cmd.CommandPath())
	}
	return e, nil
}

// labelChanges are the labels to set, and with nil those to remove; nil where
// there are none.
func labelChanges(labels, drop []string) (map[string]*string, error) {
	set, err := parseLabels(labels)
	if err != nil || len(set)+len(drop) == 0 {
		return nil, err
	}
	out := map[string]*string{}
	for k, v := range set {
		out[k] = &v
	}
	for _, k := range drop {
		if _, both := out[k]; both {
			return nil, wrong("cannot set and remove label %q at once", abridge(k, 40))
		}
		out[k] = nil
	}
	return out, nil
}

// checkAddress refuses what ssh could not go to: neither an IP address nor a
// host name. Empty is allowed.
func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	if _, err := netip.ParseAddr(address); err == nil {
		return nil
	}
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-'
	}
	if len(address) > 253 || address[0] == '-' || address[0] == '.' || strings.ContainsFunc(address, bad) {
		return wrong("cannot use address %q: it is neither an IP address nor a host name", abridge(address, 40))
	}
	return nil
}

// checkLogin refuses what could not be a login, or would be an option of ssh.
func checkLogin(login string) error {
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`@:/\"'$;&|<>`+"`", r) }
	if len(login) > 64 || strings.HasPrefix(login, "-") || strings.ContainsFunc(login, bad) {
		return wrong("cannot use login %q: it is not the name of a user", abridge(login, 40))
	}
	return nil
}

// deviceNamed fetches a device by place or id.
func (a *app) deviceNamed(ctx context.Context, c *client.Client, text string) (*api.Device, error) {
	if strings.HasPrefix(text, "dev_") {
		return c.DeviceByID(ctx, text)
	}
	places, err := parsePlaces("device", text)
	if err != nil {
		return nil, err
	}
	if len(places) != 1 {
		return nil, wrong("cannot read device %q: it names %d devices, one is needed", abridge(text, 40), len(places))
	}
	fabric, name, _ := strings.Cut(places[0], "/")
	return c.Device(ctx, fabric, name)
}

var deviceTable = table[api.Device]{
	name: func(d api.Device) string { return d.Place },
	columns: []column[api.Device]{
		{name: "device", text: func(d api.Device) string { return marked(d.Place, d.Emulated) }},
		{name: "kind", text: func(d api.Device) string { return d.Kind }},
		{name: "model", text: func(d api.Device) string { return strings.TrimSpace(d.Vendor + " " + d.Model) }},
		{name: "capacity", text: capacityText},
		{name: "use", text: func(d api.Device) string { return d.Use }},
		{name: "machine", text: func(d api.Device) string { return d.Machine }},
		{name: "health", text: func(d api.Device) string { return d.Health }},
		{name: "free", text: freeText},
		{name: "pool", wide: true, text: func(d api.Device) string { return d.Pool }},
		{name: "hygiene", wide: true, text: func(d api.Device) string { return d.Hygiene }},
		{name: "serial", wide: true, text: func(d api.Device) string { return d.Serial }},
		{name: "firmware", wide: true, text: func(d api.Device) string { return d.Firmware }},
		{name: "link", wide: true, text: linkText},
		{name: "switch", wide: true, text: func(d api.Device) string { return d.Switch }},
		{name: "ipmi", wide: true, text: func(d api.Device) string { return d.IPMI }},
		{name: "address", wide: true, text: func(d api.Device) string { return d.Address }},
		{name: "cordon", wide: true, text: cordonText},
		{name: "labels", wide: true, text: func(d api.Device) string { return labelsText(d.Labels) }},
		{name: "id", wide: true, text: func(d api.Device) string { return d.ID }},
	},
}

// capacityText is what a device has, by its kind.
func capacityText(d api.Device) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if d.Cores > 0 && d.Kind == "cpu" {
		add(plural(d.Cores, "core"))
	}
	add(bytesText(d.Memory))
	add(sizeText(d.Size))
	add(speedText(d.Speed))
	return strings.Join(parts, ", ")
}

func linkText(d api.Device) string {
	if d.Lanes == 0 {
		return d.Bus
	}
	return strings.TrimSpace(d.Bus + " x" + numberText(d.Lanes))
}

// freeText is yes, or why not.
func freeText(d api.Device) string {
	if !d.Free && d.WhyNot != "" {
		return "no: " + d.WhyNot
	}
	return yesNo(d.Free)
}

func cordonText(d api.Device) string {
	if d.Cordon == nil {
		return ""
	}
	return d.Cordon.Reason + " (" + d.Cordon.By + ", " + momentText(d.Cordon.At) + ")"
}

func deviceDetails(d *api.Device) []detail {
	learning := ""
	if d.Learning {
		learning = "its details were not read yet"
	}
	return []detail{
		{"device", marked(d.Place, d.Emulated)}, {"kind", d.Kind}, {"vendor", d.Vendor}, {"model", d.Model}, {"serial", d.Serial},
		{"firmware", d.Firmware}, {"cores", numberText(d.Cores)}, {"threads", numberText(d.Threads)},
		{"memory", bytesText(d.Memory)}, {"size", sizeText(d.Size)}, {"speed", speedText(d.Speed)}, {"link", linkText(*d)},
		{"switch", d.Switch}, {"ipmi", d.IPMI}, {"learning", learning}, {"health", d.Health}, {"use", d.Use}, {"free", freeText(*d)},
		{"hygiene", d.Hygiene}, {"cordon", cordonText(*d)}, {"machine", d.Machine}, {"project", d.Project}, {"pool", d.Pool},
		{"address", d.Address}, {"login", d.Login}, {"labels", labelsText(d.Labels)}, {"first seen", momentText(d.FirstSeen)}, {"id", d.ID},
	}
}
