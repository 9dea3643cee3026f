package cli

import (
	"context"
	"iter"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

func (a *app) eventCommand() *cobra.Command {
	cmd := noun("event", "list and follow events", "events")
	cmd.AddCommand(a.eventLs())
	return cmd
}

func (a *app) eventLs() *cobra.Command {
	var (
		filter client.EventFilter
		after  string
		follow bool
		limit  int
	)
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "list events, or follow them as they happen",
		Long: `List events in the order in which they happened. With --follow those that happen
from now on are printed (or with --after those behind one), until an interrupt.
With --limit the newest alone are listed, still the oldest of them first. -o jsonl
prints one object a line.`,
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case limit < 0:
				return wrong("cannot list %d events", limit).next("write --limit 20, or 0 for all of them")
			case limit > 0 && follow:
				return wrong("cannot follow only %s: those that happen are printed as long as they are followed", plural(limit, "event")).next("leave out --limit or --follow")
			}
			if err := a.checkEventType(filter.Type); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if filter.Subject, err = a.subjectID(cmd.Context(), c, filter.Subject); err != nil {
				return err
			}
			if follow {
				return a.followEvents(cmd.Context(), c, after, filter)
			}
			events, err := newest(limit, c.PastEvents(cmd.Context(), after, filter))
			if err != nil {
				return err
			}
			return printList(a, eventTable, "events", events)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "print events as they happen")
	f.IntVar(&limit, "limit", 0, "only the newest `N` (0: all)")
	f.StringVar(&after, "after", "", "only those behind the event of this `ID`")
	f.StringVar(&filter.Type, "type", "", "only those of this `TYPE`, such as machine.ready, or family, such as machine")
	f.StringVar(&filter.Subject, "subject", "", "only those about this machine, pool, fabric, device, or `ID`")
	for _, name := range []string{"after", "limit"} {
		_ = cmd.RegisterFlagCompletionFunc(name, nothing)
	}
	_ = cmd.RegisterFlagCompletionFunc("subject", a.completeSubject)
	_ = cmd.RegisterFlagCompletionFunc("type", words(eventTypes...))
	return cmd
}

// newest collects the last limit items, in their order; 0: all.
func newest[T any](limit int, seq iter.Seq2[T, error]) ([]T, error) {
	var last []T
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		last = append(last, item)
		if limit > 0 && len(last) == 2*limit { // so that moving costs one copy an item
			last = append(last[:0], last[limit:]...)
		}
	}
	if limit > 0 && len(last) > limit {
		last = last[len(last)-limit:]
	}
	return last, nil
}

// followEvents prints events until an interrupt, which is how it ends.
func (a *app) followEvents(ctx context.Context, c *client.Client, after string, filter client.EventFilter) error {
	switch a.format {
	case formatJSON, formatYAML:
		return wrong("cannot follow events with -o %s: a list has an end", a.format).next("use -o jsonl")
	}
	columns, err := eventTable.choose(a.flags.columns, a.format == formatWide)
	if err != nil {
		return err
	}
	for e, err := range c.Events(ctx, after, filter) {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil // interrupted: that was all
		case err != nil:
			return err
		}
		if err := a.printEvent(columns, e); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printEvent(columns []column[api.Event], e api.Event) error {
	if a.format == formatJSONL || a.format == formatName {
		return printList(a, eventTable, "events", []api.Event{e})
	}
	cells := rows(columns, []api.Event{e})[0]
	return a.write([]byte(strings.Join(cells, gap) + "\n"))
}

var eventTable = table[api.Event]{
	name: func(e api.Event) string { return e.ID },
	columns: []column[api.Event]{
		{name: "at", text: func(e api.Event) string { return momentText(e.At) }},
		{name: "type", text: func(e api.Event) string { return e.Type }},
		{name: "subject", text: func(e api.Event) string { return e.Subject }},
		{name: "by", text: func(e api.Event) string { return e.Principal }},
		{name: "cause", text: func(e api.Event) string { return e.Cause }},
		{name: "id", wide: true, text: func(e api.Event) string { return e.ID }},
		{name: "project", wide: true, text: func(e api.Event) string { return e.Project }},
		{name: "revision", wide: true, text: func(e api.Event) string { return numberText(int(e.Revision)) }},
	},
}
