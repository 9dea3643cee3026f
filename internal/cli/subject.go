package cli

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// subjectID is what events know a thing by: the id of what is named, or the name
// of a fabric. A text with an underscore is an id, which no name can be, and is
// passed on: what it was of may be gone.
func (a *app) subjectID(ctx context.Context, c *client.Client, text string) (string, error) {
	switch {
	case text == "" || strings.Contains(text, "_") && !strings.Contains(text, "/"):
		return text, nil
	case strings.Contains(text, "/"):
		return a.slashedID(ctx, c, text)
	}
	fabrics, err := client.All(c.Fabrics(ctx))
	if err != nil || slices.ContainsFunc(fabrics, func(f api.Fabric) bool { return f.Name == text }) {
		return text, err
	}
	project, err := a.project(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, f := range fabrics {
		names = append(names, f.Name)
	}
	for m, err := range c.Machines(ctx, client.MachineFilter{Project: project}) {
		if err != nil || m.Name == text {
			return m.ID, err
		}
		names = append(names, m.Name)
	}
	for p, err := range c.Pools(ctx, project) {
		if err != nil || p.Name == text {
			return p.ID, err
		}
		names = append(names, p.Name)
	}
	f := fail("not_found", "cannot list events about %q: no machine, pool or fabric has that name", abridge(text, 40))
	if near := nearest(text, names); near != "" {
		return "", f.next("did you mean %s?", near)
	}
	return "", f.next("name a machine, a pool, a fabric, FABRIC/DEVICE, or an id: that of what is gone, or of an operation, `composa event ls` tells")
}

// slashedID is the id of FABRIC/DEVICE, or of PROJECT/MACHINE.
func (a *app) slashedID(ctx context.Context, c *client.Client, text string) (string, error) {
	d, err := a.deviceNamed(ctx, c, text)
	if err == nil {
		return d.ID, nil
	}
	if m, other := a.machineNamed(ctx, c, text); other == nil {
		return m.ID, nil
	}
	return "", err
}

var eventTypeForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)

// checkEventType refuses what cannot be a type of events or a family of them, and
// says of one that is not known here that it may be mistyped: a newer server may
// have it.
func (a *app) checkEventType(text string) error {
	known := slices.Clone(eventTypes)
	for _, t := range eventTypes {
		if family, _, _ := strings.Cut(t, "."); !slices.Contains(known, family) {
			known = append(known, family)
		}
	}
	if text == "" || slices.Contains(known, text) {
		return nil
	}
	hint := "`composa event ls --columns type` shows those that there were"
	if near := nearest(strings.ToLower(text), known); near != "" {
		hint = "did you mean " + near + "?"
	}
	if !eventTypeForm.MatchString(text) {
		return wrong("cannot list events: no type of events is written %q", abridge(text, 40)).next("%s", hint)
	}
	a.say("this composa knows no type %q of events: the server is asked, a newer one may have it", abridge(text, 40))
	a.say("%s", hint)
	return nil
}

// completeSubject completes machines, and behind a slash devices.
func (a *app) completeSubject(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(begin, "/") {
		return a.completePlace(begin)
	}
	return a.completeMachines(cmd, args, begin)
}
