package neighbour

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// errNoRoom says that fewer devices are free than an act needs.
var errNoRoom = errors.New("too few devices are free")

// deed is a kind of act.
type deed string

const (
	compose deed = "compose"
	plug    deed = "plug"
	unplug  deed = "unplug"
	p2p     deed = "set p2p"
	power   deed = "set power"
	free    deed = "free"
	disband deed = "remove the group"
)

// want is so many devices of a class.
type want struct {
	class class
	count int
}

// act is one thing to do.
type act struct {
	what    deed
	machine *machine // nil for compose and disband
	wants   []want   // of compose and plug
	devices []device // of unplug
}

func (a act) String() string {
	if a.machine == nil {
		return string(a.what)
	}
	return fmt.Sprintf("%s of machine %d %s", a.what, a.machine.id, a.machine.name)
}

// holding is what choosing looks at.
type holding struct {
	machines []*machine
	most     int
	group    bool
	memory   bool // the director knows memory devices
	p2p      bool // and p2p
}

func (n *Neighbour) owned() holding {
	return holding{n.machines, n.config.Machines, n.group != nil, slices.Contains(n.dialect.classes, memory), !n.noP2P}
}

// choose decides the next act.
func choose(rng *rand.Rand, h holding) act {
	if len(h.machines) == 0 {
		if h.group && rng.IntN(3) == 0 {
			return act{what: disband}
		}
		return act{what: compose, wants: wish(rng, h.memory)}
	}
	m := h.machines[rng.IntN(len(h.machines))]
	var can []act
	if len(h.machines) < h.most {
		can = append(can, act{what: compose, wants: wish(rng, h.memory)}, act{what: compose, wants: wish(rng, h.memory)})
	}
	can = append(can, act{what: plug, machine: m, wants: []want{{[]class{gpu, storage, network}[rng.IntN(3)], 1}}})
	var parts []device
	for _, d := range m.devices {
		if d.class != compute {
			parts = append(parts, d)
		}
	}
	if len(parts) > 0 {
		can = append(can, act{what: unplug, machine: m, devices: []device{parts[rng.IntN(len(parts))]}})
	}
	if h.p2p && m.count(gpu) >= 2 {
		can = append(can, act{what: p2p, machine: m})
	}
	can = append(can, act{what: power, machine: m}, act{what: free, machine: m})
	return can[rng.IntN(len(can))]
}

// wish is what a machine is to have: one compute node and a few parts.
func wish(rng *rand.Rand, mem bool) []want {
	wants := []want{{compute, 1}, {gpu, 1 + rng.IntN(2)}}
	for _, c := range []class{storage, network, memory} {
		if (c != memory || mem) && rng.IntN(3) == 0 {
			wants = append(wants, want{c, 1})
		}
	}
	return wants
}

func (n *Neighbour) do(ctx context.Context, a act) error {
	switch a.what {
	case compose:
		return n.compose(ctx, a.wants)
	case plug:
		return n.plug(ctx, a.machine, a.wants)
	case unplug:
		return n.unplug(ctx, a.machine, a.devices)
	case p2p:
		return n.setP2P(ctx, a.machine, !a.machine.p2p)
	case power:
		return n.setPower(ctx, a.machine, !a.machine.on)
	case free:
		return n.free(ctx, a.machine)
	}
	if n.group == nil {
		return nil
	}
	return n.removeGroup(ctx)
}

// compose makes a machine of free devices: into the group, a machine, into the
// machine (3.2).
func (n *Neighbour) compose(ctx context.Context, wants []want) error {
	if n.group == nil {
		if err := n.makeGroup(ctx); err != nil {
			return err
		}
	}
	taken, err := n.enter(ctx, wants)
	if err != nil {
		return err
	}
	m, err := n.makeMachine(ctx)
	if err != nil {
		return err
	}
	return n.reshape(ctx, m, taken, nil)
}

func (n *Neighbour) plug(ctx context.Context, m *machine, wants []want) error {
	taken, err := n.enter(ctx, wants)
	if err != nil {
		return err
	}
	return n.reshape(ctx, m, taken, nil)
}

// unplug shuts the machine down first, so that no program has the device open.
func (n *Neighbour) unplug(ctx context.Context, m *machine, devices []device) error {
	if err := n.off(ctx, m); err != nil {
		return err
	}
	if err := n.reshape(ctx, m, nil, devices); err != nil {
		return err
	}
	return n.leave(ctx, devices)
}

// free removes the machine, and gives its devices back (3.6).
func (n *Neighbour) free(ctx context.Context, m *machine) error {
	if err := n.off(ctx, m); err != nil {
		return err
	}
	if err := n.remove(ctx, m); err != nil {
		return err
	}
	return n.leave(ctx, m.devices)
}

func (n *Neighbour) off(ctx context.Context, m *machine) error {
	if !m.on {
		return nil
	}
	return n.setPower(ctx, m, false)
}

// pick chooses of what is free.
func (n *Neighbour) pick(ctx context.Context, taken map[string]place, wants []want) ([]device, error) {
	var picked []device
	for _, w := range wants {
		all, err := n.freeDevices(ctx, taken, w.class)
		if err != nil {
			return nil, err
		}
		if len(all) < w.count {
			return nil, errNoRoom
		}
		n.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		picked = append(picked, all[:w.count]...)
	}
	return picked, nil
}

// missing is what is wanted and not yet taken.
func missing(wants []want, taken []device) []want {
	var out []want
	for _, w := range wants {
		for _, d := range taken {
			if d.class == w.class {
				w.count--
			}
		}
		if w.count > 0 {
			out = append(out, w)
		}
	}
	return out
}
