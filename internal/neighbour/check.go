package neighbour

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// check finds what is not as this neighbour left it: a device of ours elsewhere,
// a device of somebody else's with us, a machine or group that is gone, changed
// or not ours. What others have is theirs, and is only looked at for our devices.
func (n *Neighbour) check(ctx context.Context) error {
	groups, _, err := n.groups(ctx)
	if err != nil {
		return err
	}
	machines, err := n.allMachines(ctx)
	if err != nil {
		return err
	}
	where, err := n.everything(ctx)
	if err != nil {
		return err
	}
	wrong := slices.Concat(n.wrongGroups(groups), n.wrongMachines(machines), n.wrongDevices(where))
	if len(wrong) > 0 {
		return fmt.Errorf("%d things are not as they were left: %s", len(wrong), strings.Join(wrong, "; "))
	}
	return nil
}

func (n *Neighbour) wrongGroups(groups map[int]groupRecord) (wrong []string) {
	if n.group != nil && groups[n.group.id].Name != n.group.name {
		wrong = append(wrong, fmt.Sprintf("group %d is %q, not %s", n.group.id, groups[n.group.id].Name, n.group.name))
	}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		if strings.HasPrefix(groups[g].Name, n.config.Prefix) && (n.group == nil || g != n.group.id) {
			wrong = append(wrong, fmt.Sprintf("group %d %s was removed, or never made", g, groups[g].Name))
		}
	}
	return wrong
}

func (n *Neighbour) wrongMachines(machines map[int]machineRecord) (wrong []string) {
	known := map[int]bool{}
	for _, m := range n.machines {
		known[m.id] = true
		r := machines[m.id]
		if r.Name != m.name || r.Group != n.group.id {
			wrong = append(wrong, fmt.Sprintf("machine %d is %q in group %d, not %s in %d", m.id, r.Name, r.Group, m.name, n.group.id))
			continue
		}
		if word := map[bool]string{true: "on", false: "off"}[m.p2p]; r.P2P != word {
			wrong = append(wrong, fmt.Sprintf("p2p of %s is %q, not %s", m.name, r.P2P, word))
		}
		for _, d := range m.devices {
			if !slices.ContainsFunc(r.History, func(h struct {
				Name string `json:"name"`
			}) bool {
				return h.Name == d.Name
			}) {
				wrong = append(wrong, fmt.Sprintf("the history of %s does not know %s", m.name, d.Name))
			}
			if d.class == compute && r.Compute != d.Name {
				wrong = append(wrong, fmt.Sprintf("the compute node of %s is %q, not %s", m.name, r.Compute, d.Name))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(machines)) {
		if strings.HasPrefix(machines[id].Name, n.config.Prefix) && !known[id] {
			wrong = append(wrong, fmt.Sprintf("machine %d %s was removed, or never made", id, machines[id].Name))
		}
	}
	return wrong
}

// wrongDevices compares where devices are with where they were put: outside of
// acts each of ours is in a machine.
func (n *Neighbour) wrongDevices(where map[string]place) (wrong []string) {
	if n.group == nil {
		return nil
	}
	should := map[string]place{}
	for _, m := range n.machines {
		for _, d := range m.devices {
			should[d.Name] = place{n.group.id, m.id}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(should)) {
		if now, is := where[name]; !is || now != should[name] {
			wrong = append(wrong, fmt.Sprintf("%s is at %+v, not at %+v", name, now, should[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(where)) {
		if _, is := should[name]; !is && where[name].group == n.group.id {
			wrong = append(wrong, fmt.Sprintf("%s is at %+v and was not put there", name, where[name]))
		}
	}
	return wrong
}
