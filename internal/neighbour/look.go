package neighbour

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// place is where a device is: a group, and a machine of it or 0.
type place struct{ group, machine int }

// freeDevices are the devices of a class that may be taken: listed as free, and
// in nobody's group or machine. They are in the director's order.
func (n *Neighbour) freeDevices(ctx context.Context, taken map[string]place, c class) ([]device, error) {
	listed, err := n.devices(ctx, n.dialect.free(c), c)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(listed, func(d device) bool {
		_, is := taken[d.Name]
		return is
	}), nil
}

// devices reads one list of DeviceStatus records.
func (n *Neighbour) devices(ctx context.Context, path string, c class) ([]device, error) {
	a, err := n.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	all, err := decode[device](a.data)
	for i := range all {
		all[i].raw, all[i].class = a.data[i], c
	}
	return all, err
}

// status is the record of one device as it is now, whoever has it.
func (n *Neighbour) status(ctx context.Context, d device) (device, error) {
	all, err := n.devices(ctx, n.dialect.all(d.class), d.class)
	if err != nil {
		return device{}, err
	}
	i := slices.IndexFunc(all, func(o device) bool { return o.Name == d.Name })
	if i < 0 {
		return device{}, fmt.Errorf("the director shows no %s any more", d.Name)
	}
	if all[i].ID != d.ID {
		return device{}, fmt.Errorf("%s is another part than before: %s, not %s", d.Name, all[i].ID, d.ID)
	}
	return all[i], nil
}

// groups are all groups, with the records as they came.
func (n *Neighbour) groups(ctx context.Context) (map[int]groupRecord, map[int]json.RawMessage, error) {
	a, err := n.call(ctx, http.MethodGet, "group", nil)
	if err != nil {
		return nil, nil, err
	}
	all, err := decode[groupRecord](a.data)
	if err != nil {
		return nil, nil, err
	}
	records, raw := map[int]groupRecord{}, map[int]json.RawMessage{}
	for i, g := range all {
		records[g.ID], raw[g.ID] = g, a.data[i]
	}
	return records, raw, nil
}

// allMachines are the machines of everybody, by id.
func (n *Neighbour) allMachines(ctx context.Context) (map[int]machineRecord, error) {
	a, err := n.call(ctx, http.MethodGet, "machine", nil)
	if err != nil {
		return nil, err
	}
	all, err := decode[machineRecord](a.data)
	if err != nil {
		return nil, err
	}
	out := map[int]machineRecord{}
	for i, m := range all {
		m.raw = a.data[i]
		out[m.ID] = m
	}
	return out, nil
}

// record is the Machine as it is now; a query by id tells exactly one (2.5).
func (n *Neighbour) record(ctx context.Context, m *machine) (machineRecord, error) {
	a, err := n.call(ctx, http.MethodGet, "machine?mach_id="+strconv.Itoa(m.id), nil)
	if err != nil {
		return machineRecord{}, err
	}
	raw, err := one(a.data)
	if err != nil {
		return machineRecord{}, fmt.Errorf("machine %d: %w", m.id, err)
	}
	r := machineRecord{raw: raw}
	if err := json.Unmarshal(raw, &r); err != nil {
		return machineRecord{}, err
	}
	if r.Name != m.name || r.Group != n.group.id {
		return machineRecord{}, fmt.Errorf("machine %d is %q of group %d, not %s of ours", m.id, r.Name, r.Group, m.name)
	}
	return r, nil
}

// members are the devices of one group. Whether the list of a group holds what
// is attached is not known of every director, so its machines are asked too.
func (n *Neighbour) members(ctx context.Context, group int, machines []int) (map[string]place, error) {
	out := map[string]place{}
	for _, m := range append([]int{0}, machines...) {
		list, err := get[predevice](ctx, n, n.dialect.members(group, m))
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			in, err := p.machine()
			if err != nil {
				return nil, err
			}
			if p.Group == group {
				out[p.Name] = place{p.Group, in}
			}
		}
	}
	return out, nil
}

// everything is where every device of every group is.
func (n *Neighbour) everything(ctx context.Context) (map[string]place, error) {
	groups, _, err := n.groups(ctx)
	if err != nil {
		return nil, err
	}
	machines, err := n.allMachines(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]place{}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		var in []int
		for _, id := range slices.Sorted(maps.Keys(machines)) {
			if machines[id].Group == g {
				in = append(in, id)
			}
		}
		members, err := n.members(ctx, g, in)
		if absent(err) || refused(err) {
			continue // it was removed since the list was read
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(out, members)
	}
	return out, nil
}

// ours is where the devices of our group are.
func (n *Neighbour) ours(ctx context.Context) (map[string]place, error) {
	var in []int
	for _, m := range n.machines {
		in = append(in, m.id)
	}
	return n.members(ctx, n.group.id, in)
}
