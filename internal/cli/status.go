package cli

import (
	"context"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// siteStatus is what status shows: the REST objects of each part.
type siteStatus struct {
	Site       *api.Site       `json:"site"`
	Fabrics    []api.Fabric    `json:"fabrics"`
	Machines   []api.Machine   `json:"machines"`
	Operations []api.Operation `json:"operations"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "show the racks, what is free, your machines and open operations",
		Long: `Show the racks, what is free, your machines and open operations. On a terminal it is
made to fit: racks that are alike are told together, and what there is no room for is
counted, with the command that lists it. Off a terminal, and with -o wide, all is listed.`,
		Example: `  composa status
  composa status -o json`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case a.format.structured():
				return a.printStructured(s)
			case a.format == formatName:
				return printList(a, machineTable, "machines", s.Machines)
			case a.flags.columns != "":
				return wrong("cannot choose the columns of status: it shows several tables").next("use `composa machine ls --columns …`")
			}
			if width, height, ok := a.terminal(a.out); ok && a.format == formatPlain {
				b := &board{head: a.boardHead(), status: s, now: a.clock(), color: a.colored(a.out)}
				return a.write([]byte(strings.Join(b.lines(width, max(0, height-1)), "\n") + "\n"))
			}
			return a.showStatus(s)
		},
	}
}

func (a *app) status(ctx context.Context) (*siteStatus, error) {
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	s := &siteStatus{}
	if s.Site, err = a.site(ctx); err != nil {
		return nil, err
	}
	if s.Fabrics, err = client.All(c.Fabrics(ctx)); err != nil {
		return nil, err
	}
	if s.Machines, err = client.All(c.Machines(ctx, client.MachineFilter{})); err != nil {
		return nil, err
	}
	if s.Operations, err = client.All(c.Operations(ctx, client.OperationFilter{Open: true})); err != nil {
		return nil, err
	}
	sortNaturally(s.Fabrics, func(f api.Fabric) string { return f.Name })
	sortNaturally(s.Machines, func(m api.Machine) string { return m.Name })
	return s, nil
}

func (a *app) showStatus(s *siteStatus) error {
	if err := a.write([]byte(clean(a.boardHead()) + "\n\n")); err != nil {
		return err
	}
	if err := printSection(a, fabricTable, "fabrics", s.Fabrics); err != nil {
		return err
	}
	if lines := troubles(s.Fabrics); len(lines) > 0 {
		for i := range lines {
			lines[i] = clean(lines[i]) + "\n"
		}
		if err := a.write([]byte(strings.Join(lines, "") + "\n")); err != nil {
			return err
		}
	}
	if err := printSection(a, machineTable, "machines", s.Machines); err != nil {
		return err
	}
	if err := printSection(a, operationTable, "open operations", s.Operations); err != nil {
		return err
	}
	if note := heldNote(s.Operations, 0); note != "" {
		return a.write([]byte(clean(note) + "\n"))
	}
	return nil
}

// printSection prints one table of several; where there is nothing it says so.
func printSection[T any](a *app, t table[T], noun string, items []T) error {
	if len(items) == 0 {
		return a.write([]byte("no " + noun + "\n\n"))
	}
	if err := printList(a, t, noun, items); err != nil {
		return err
	}
	return a.write([]byte("\n"))
}
