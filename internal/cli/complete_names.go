package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// completeMachines completes the machines that a command can do something with.
func (a *app) completeMachines(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Name() != "free" {
		return nothing(cmd, args, begin)
	}
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		project, _ := a.project(ctx) // not known: of every project
		me := ""
		if site, err := a.site(ctx); err == nil {
			me = site.Principal
		}
		offers := told(c.Machines(ctx, client.MachineFilter{Project: project}), func(m api.Machine) (offer, bool) {
			o := offer{word: m.Name, about: machineAbout(m)}
			if m.Owner != me {
				o.rank = 1
			}
			return o, suits(cmd.Name(), m) && !slices.Contains(args, m.Name)
		})
		mine := func(o offer) bool { return o.rank == 0 && strings.HasPrefix(o.word, begin) }
		if cmd.Name() == "free" && slices.ContainsFunc(offers, mine) {
			return slices.DeleteFunc(offers, func(o offer) bool { return o.rank != 0 })
		}
		return offers
	})
}

// suits says whether a verb can do something with a machine as it is.
func suits(verb string, m api.Machine) bool {
	switch verb {
	case "ssh":
		return m.Address != ""
	case "free", "plug", "reshape":
		return m.State != "freeing"
	case "unplug", "move":
		return m.State != "freeing" && len(m.Devices) > 0
	}
	return true
}

func machineAbout(m api.Machine) string {
	about := m.State
	if len(m.Devices) > 0 {
		about += ", " + devicesText(m.Devices)
	}
	if m.Fabric != "" {
		about += " on " + m.Fabric
	}
	return about
}

func (a *app) completePools(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Parent().Name() == "pool" {
		return nothing(cmd, args, begin)
	}
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		return told(c.Pools(ctx, a.flags.project), func(p api.Pool) (offer, bool) {
			return offer{word: p.Name, about: fmt.Sprintf("%d of %d free", p.Free, len(p.Devices))}, true
		})
	})
}

func (a *app) completeFabrics(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Parent().Name() == "fabric" {
		return nothing(cmd, args, begin)
	}
	head, _ := lastOfList(begin) // --fabric takes F,F
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		return told(c.Fabrics(ctx), func(f api.Fabric) (offer, bool) {
			about := f.State
			if shares := sharesText(f.Kinds); shares != "" {
				about += ", free " + shares
			}
			return offer{word: head + f.Name, about: about}, !named(head, f.Name)
		})
	})
}

// completeOperations completes the operations that a command can do something
// with, newest first.
func (a *app) completeOperations(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nothing(cmd, args, begin)
	}
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		rank := 0
		return told(c.Operations(ctx, client.OperationFilter{Open: cmd.Name() != "show"}), func(op api.Operation) (offer, bool) {
			rank++
			held := op.Phase == "held"
			decides := cmd.Name() == "retry" || cmd.Name() == "undo" || cmd.Name() == "resolve"
			return offer{word: op.ID, about: fmt.Sprintf("%s %s, %s", op.Verb, operationMachines(&op), op.Phase), rank: rank}, held || !decides
		})
	})
}

func (a *app) completeUsers(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nothing(cmd, args, begin)
	}
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		return told(c.Users(ctx, ""), func(u api.User) (offer, bool) { return offer{word: u.Name, about: u.Role}, true })
	})
}

// completeTokens completes the ids of tokens, the newest first.
func (a *app) completeTokens(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nothing(cmd, args, begin)
	}
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		rank := 0
		return told(c.Tokens(ctx, ""), func(t api.Token) (offer, bool) {
			rank--
			return offer{word: t.ID, about: strings.TrimSpace("of " + t.User + " " + t.Note), rank: rank}, true
		})
	})
}

func (a *app) completeProjects(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		return told(c.Projects(ctx), func(p api.Project) (offer, bool) { return offer{word: p.Name}, true })
	})
}

func (a *app) completeContexts(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	file, err := a.contexts()
	if err != nil || len(args) > 0 && cmd.Parent().Name() == "context" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []offer
	for _, c := range file.Contexts {
		offers = append(offers, offer{word: c.Name, about: c.URL})
	}
	return offered(begin, offers, ended)
}

// completeMachineLabels completes the keys of labels that machines have, and
// behind a key its values.
func (a *app) completeMachineLabels(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return a.completeLabels(begin, func(ctx context.Context, c *client.Client, see func(map[string]string)) {
		for m, err := range c.Machines(ctx, client.MachineFilter{Project: a.flags.project}) {
			if err != nil {
				return
			}
			see(m.Labels)
		}
	})
}

// completeDeviceLabels does the same with those of devices.
func (a *app) completeDeviceLabels(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return a.completeLabels(begin, func(ctx context.Context, c *client.Client, see func(map[string]string)) {
		for d, err := range c.Devices(ctx, client.DeviceFilter{}) {
			if err != nil {
				return
			}
			see(d.Labels)
		}
	})
}

// completeDeviceLabelKeys completes the keys alone.
func (a *app) completeDeviceLabelKeys(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	lines, _ := a.completeDeviceLabels(cmd, args, begin)
	for i, line := range lines {
		lines[i] = strings.Replace(line, "=", "", 1)
	}
	return lines, ended
}

func (a *app) completeLabels(begin string, all func(context.Context, *client.Client, func(map[string]string))) ([]string, cobra.ShellCompDirective) {
	_, _, valued := strings.Cut(begin, "=")
	how := open
	if valued {
		how = ended
	}
	return a.asking(begin, how, func(ctx context.Context, c *client.Client) []offer {
		used := map[string]int{}
		all(ctx, c, func(labels map[string]string) {
			for k, v := range labels {
				word := k + "="
				if valued {
					word += v
				}
				used[word]++
			}
		})
		var offers []offer
		for _, word := range slices.Sorted(maps.Keys(used)) {
			offers = append(offers, offer{word: word, about: fmt.Sprintf("on %d", used[word])})
		}
		return offers
	})
}

// lastOfList cuts a list with commas in front of what is being typed: head ends
// with its comma. Commas in brackets do not count.
func lastOfList(text string) (head, last string) {
	at, inside := 0, false
	for i := range len(text) {
		switch text[i] {
		case '[':
			inside = true
		case ']':
			inside = false
		case ',':
			if !inside {
				at = i + 1
			}
		}
	}
	return text[:at], text[at:]
}

// named says whether a list with commas holds a word.
func named(list, word string) bool {
	return slices.Contains(strings.Split(strings.TrimSuffix(list, ","), ","), word)
}
