package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "follow what happens to machines, operations and fabrics, calmly",
		Long: `Follow what happens until an interrupt. On a terminal the site is shown as it is, a
few times a second where something changes, as much of it as there is room for. Off a
terminal, and with --progress plain, there is a line where a machine, an operation or a
fabric comes into another state. Each single event is shown by
` + "`composa event ls --follow`" + `.`,
		Example: `  composa watch
  composa watch -o jsonl > changes`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), c)
		},
	}
}

// watch prints the state of each thing that an event is about, where it is
// another one than before.
func (a *app) watch(ctx context.Context, c *client.Client) error {
	if a.format == formatJSON || a.format == formatYAML {
		return wrong("cannot watch with -o %s: a list has an end", a.format).next("use -o jsonl")
	}
	site, err := a.site(ctx)
	if err != nil {
		return err
	}
	if a.livePage() {
		return a.watchLive(ctx, c)
	}
	a.say("%s", marked("watching "+a.server.url+" as "+site.Principal, site.Emulated))
	seen := map[string]string{}
	for e, err := range c.Events(ctx, "", client.EventFilter{}) {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil // interrupted: that was all
		case err != nil:
			return err
		case e.Type == client.Reset:
			a.say("some events are not to be had any more; look with `composa status`")
			continue
		}
		if err := a.watched(ctx, c, seen, e); err != nil {
			return err
		}
	}
	return nil
}

// livePage says whether results go to a terminal that a page can be drawn on.
func (a *app) livePage() bool {
	width, height, ok := a.terminal(a.out)
	return ok && width > 0 && height > 0 && a.format == formatPlain && a.flags.progress == "auto" && a.getenv("TERM") != "dumb"
}

// sighting is one line of watch.
type sighting struct {
	At       string `json:"at"`
	Subject  string `json:"subject"`
	Name     string `json:"name"`
	State    string `json:"state"`
	Text     string `json:"text,omitempty"`
	Emulated bool   `json:"emulated,omitempty"`
}

// watched looks at what an event is about, and prints it where its state is
// new.
func (a *app) watched(ctx context.Context, c *client.Client, seen map[string]string, e api.Event) error {
	s, ok := look(ctx, c, e)
	if !ok || seen[e.Subject] == s.State+s.Text {
		return nil
	}
	seen[e.Subject] = s.State + s.Text
	if a.format == formatJSONL {
		return a.printLine(s)
	}
	if a.format == formatName {
		return a.write([]byte(clean(s.Name) + "\n"))
	}
	state := clean(s.State)
	if a.colored(a.out) {
		state = paint(state)
	}
	line := fmt.Sprintf("%s  %s  %s", s.At, clean(marked(s.Name, s.Emulated)), state)
	if s.Text != "" {
		line += "  " + clean(s.Text)
	}
	return a.write([]byte(line + "\n"))
}

// look fetches what an event is about as it is now. Things that are no machine,
// operation or fabric, or gone, are passed over.
func look(ctx context.Context, c *client.Client, e api.Event) (sighting, bool) {
	s := sighting{At: momentText(e.At), Subject: e.Subject}
	switch subject := e.Subject; {
	case strings.HasPrefix(subject, "mach_"):
		m, err := c.MachineByID(ctx, subject)
		if err != nil {
			return s, false
		}
		s.Name, s.State, s.Emulated = "machine "+m.Name, m.State, m.Emulated
		if m.State == "ready" {
			s.Text = devicesText(m.Devices) + " on " + m.Fabric
		}
	case strings.HasPrefix(subject, "op_"):
		op, err := c.Operation(ctx, subject, 0)
		if err != nil {
			return s, false
		}
		s.Name, s.State, s.Text, s.Emulated = op.Verb+" "+operationName(op), op.Phase, op.Reason, op.Emulated
	case strings.HasPrefix(e.Type, "fabric."):
		f, err := c.Fabric(ctx, subject)
		if err != nil {
			return s, false
		}
		s.Name, s.State, s.Text, s.Emulated = "fabric "+f.Name, f.State, f.Reason, f.Emulated
	default:
		return s, false
	}
	return s, true
}
