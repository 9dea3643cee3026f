package neighbour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// machine is ours.
type machine struct {
	id      int
	name    string
	devices []device
	p2p, on bool // as we last set them
}

func (m *machine) count(c class) int {
	k := 0
	for _, d := range m.devices {
		if d.class == c {
			k++
		}
	}
	return k
}

// makeMachine makes an empty machine in our group: an id is asked for and used
// (2.5, 3.2).
func (n *Neighbour) makeMachine(ctx context.Context) (*machine, error) {
	m := &machine{name: n.name("m")}
	err := n.until(ctx, "machine "+m.name+" is made", func() (bool, error) {
		next, err := n.nextID(ctx, "machine/nextid")
		if err != nil {
			return false, err
		}
		_, err = n.call(ctx, http.MethodPost, "machine", newMachine{Fabric: n.fabric, Group: n.group.id, ID: next, Name: m.name, Compute: m.name, P2P: "off"})
		if refused(err) {
			n.report.IDTaken++
			return false, nil
		}
		m.id = next
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	_, err = n.record(ctx, m)
	n.machines = append(n.machines, m)
	return m, err
}

// reshape attaches and detaches devices in one edit of a machine: fabric/edit,
// relate, fabric/reprogram, each with the whole Machine (2.1, 2.6).
func (n *Neighbour) reshape(ctx context.Context, m *machine, attach, detach []device) error {
	record, err := n.record(ctx, m)
	if err != nil {
		return err
	}
	err = n.until(ctx, "machine "+m.name+" may be edited", func() (bool, error) {
		_, err := n.call(ctx, http.MethodPost, "fabric/edit", record.raw)
		return n.opened(err)
	})
	if err != nil {
		return err
	}
	if err := n.relate(ctx, record.raw, attach, detach); err != nil {
		return errors.Join(err, n.giveUp(ctx, n.dialect.cancel(), record.raw))
	}
	if err := n.settle(ctx, m, attach, detach); err != nil {
		return err
	}
	m.devices = append(m.devices, attach...)
	m.devices = slices.DeleteFunc(m.devices, func(d device) bool {
		return slices.ContainsFunc(detach, func(o device) bool { return o.Name == d.Name })
	})
	return nil
}

// relate queues the changes of a machine and commits them.
func (n *Neighbour) relate(ctx context.Context, record json.RawMessage, attach, detach []device) error {
	for _, c := range []struct {
		method  string
		devices []device
	}{{http.MethodPost, attach}, {http.MethodDelete, detach}} {
		for _, d := range c.devices {
			now, err := n.status(ctx, d)
			if err != nil {
				return err
			}
			body := machineRelator{relator{now.raw, n.group.raw}, record}
			if _, err := n.call(ctx, c.method, "relate/"+d.class.relate, body); err != nil {
				return err
			}
		}
	}
	a, err := n.call(ctx, http.MethodPost, "fabric/reprogram", record)
	if err != nil {
		return err
	}
	return n.finish(ctx, a)
}

// settle waits until what was committed shows.
func (n *Neighbour) settle(ctx context.Context, m *machine, attach, detach []device) error {
	if err := n.quiet(ctx, fmt.Sprintf("%d/%d", n.group.id, m.id)); err != nil {
		return err
	}
	return n.until(ctx, "machine "+m.name+" has what it was given", func() (bool, error) {
		now, err := n.ours(ctx)
		for _, d := range attach {
			if now[d.Name] != (place{n.group.id, m.id}) {
				return false, err
			}
		}
		for _, d := range detach {
			if now[d.Name] != (place{n.group.id, 0}) {
				return false, err
			}
		}
		return true, err
	})
}

// remove removes a machine; its devices fall into the free pool of the group
// (2.5).
func (n *Neighbour) remove(ctx context.Context, m *machine) error {
	err := n.until(ctx, "machine "+m.name+" may be removed", func() (bool, error) {
		a, err := n.call(ctx, http.MethodDelete, "machine/"+strconv.Itoa(m.id), nil)
		if err == nil {
			return true, n.finish(ctx, a)
		}
		return n.opened(err)
	})
	if err != nil {
		return err
	}
	err = n.until(ctx, "machine "+m.name+" is gone", func() (bool, error) {
		all, err := n.allMachines(ctx)
		if err != nil || all[m.id].Name == m.name {
			return false, err
		}
		now, err := n.ours(ctx)
		for _, d := range m.devices {
			if now[d.Name] != (place{n.group.id, 0}) {
				return false, err
			}
		}
		return true, err
	})
	if err != nil {
		return err
	}
	n.machines = slices.DeleteFunc(n.machines, func(o *machine) bool { return o == m })
	return nil
}

// setP2P posts the whole Machine with another p2p, and reads it back (3.7).
func (n *Neighbour) setP2P(ctx context.Context, m *machine, on bool) error {
	record, err := n.record(ctx, m)
	if err != nil {
		return err
	}
	word := map[bool]string{true: "on", false: "off"}[on]
	if record.P2P == word {
		m.p2p = on
		return nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(record.raw, &fields); err != nil {
		return err
	}
	fields["p2p"] = json.RawMessage(strconv.Quote(word))
	var a answer
	err = n.until(ctx, "p2p of "+m.name+" may be set", func() (bool, error) {
		a, err = n.call(ctx, http.MethodPost, "machine/p2p", fields)
		return n.opened(err)
	})
	if absent(err) {
		n.noP2P = true // as in 3.2, perhaps
		return nil
	}
	if err == nil {
		err = n.finish(ctx, a)
	}
	if err != nil {
		return err
	}
	m.p2p = on
	return n.until(ctx, "p2p of "+m.name+" is "+word, func() (bool, error) {
		record, err := n.record(ctx, m)
		return record.P2P == word, err
	})
}

// setPower starts a machine or shuts it down (2.10). How long that takes is the
// host's affair.
func (n *Neighbour) setPower(ctx context.Context, m *machine, on bool) error {
	verb := map[bool]string{true: "start", false: "shutdown"}[on]
	record, err := n.record(ctx, m)
	if err != nil {
		return err
	}
	if n.dialect.three {
		_, err = n.call(ctx, http.MethodPut, fmt.Sprintf("power/%s/%d/%d", verb, n.group.id, m.id), nil)
	} else {
		_, err = n.call(ctx, http.MethodPost, "power/"+verb, record.raw)
	}
	if err == nil {
		m.on = on
	}
	return err
}
