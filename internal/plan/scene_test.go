package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

const fabric = composa.FabricName("rack1")

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// abilities of the three shapes.
func abilities(shape string, reshape composa.ReshapeStyle) *composa.Abilities {
	a := &composa.Abilities{Reshape: reshape, DetachSure: true, Acts: []composa.Act{
		composa.ActMake, composa.ActReshape, composa.ActRemove, composa.ActP2P, composa.ActPower,
	}}
	switch shape {
	case "grouped":
		a.Groups, a.Make = composa.NeedRequired, composa.MakeEmpty
		a.Acts = append(a.Acts, composa.ActEnter, composa.ActLeave)
	case "whole":
		a.Groups, a.Make = composa.NeedNone, composa.MakeWhole
	case "hosted":
		a.Groups, a.Make = composa.NeedNone, composa.MakeHosted
		a.Acts = []composa.Act{composa.ActReshape, composa.ActPower}
	}
	return a
}

// scene is a site of one fabric, written down in words. Its methods end the
// building in the order in which they are called.
type scene struct {
	site *composa.Site
	able *composa.Abilities
}

func newScene(shape string, reshape composa.ReshapeStyle) *scene {
	able := abilities(shape, reshape)
	p := &composa.Picture{Fabric: fabric, Began: t0, Complete: true, Abilities: able}
	return &scene{able: able, site: (&composa.Site{
		Now:      t0,
		Fabrics:  []composa.Fabric{{Name: fabric, Access: composa.AccessManage, Abilities: able}},
		Pictures: map[composa.FabricName]*composa.Picture{fabric: p},
	}).Index()}
}

func (s *scene) picture() *composa.Picture { return s.site.Pictures[fabric] }

func kindOf(name string) composa.Kind {
	return composa.Kind(strings.TrimRight(name, "0123456789"))
}

func deviceID(name string) composa.DeviceID   { return composa.DeviceID("dev_" + name) }
func machineID(name string) composa.MachineID { return composa.MachineID("mach_" + name + "00000000") }
func fingerprint(name string) composa.Fingerprint {
	return composa.Fingerprint{Serial: "serial-" + name}
}

func ref(name string) composa.DeviceRef {
	return composa.DeviceRef{ID: deviceID(name), Name: name, Kind: kindOf(name), Fingerprint: fingerprint(name)}
}

// devices adds parts, all at one spot.
func (s *scene) devices(names string, spot composa.Spot) *scene {
	p := s.picture()
	for _, name := range strings.Fields(names) {
		p.Devices = append(p.Devices, composa.SeenDevice{Name: name, Kind: kindOf(name), Fingerprint: fingerprint(name), Health: composa.HealthOK, Spot: spot})
		s.site.Devices = append(s.site.Devices, composa.Device{
			ID: deviceID(name), Fabric: fabric, Name: name, Kind: kindOf(name), Fingerprint: fingerprint(name),
			Health: composa.HealthOK, Hygiene: composa.HygieneClean,
		})
	}
	slices.SortFunc(p.Devices, func(a, b composa.SeenDevice) int { return composa.NaturalCompare(a.Name, b.Name) })
	slices.SortFunc(s.site.Devices, func(a, b composa.Device) int { return composa.NaturalCompare(a.Name, b.Name) })
	s.site.Index()
	return s
}

func (s *scene) free(names string) *scene {
	return s.devices(names, composa.Spot{Area: composa.AreaFree})
}
func (s *scene) ours(names string) *scene {
	return s.devices(names, composa.Spot{Area: composa.AreaOurs, Group: "g1"})
}

func (s *scene) native(name string) string { return "native-" + name }

// machine adds a machine of ours that the fabric shows, off, with devices.
func (s *scene) machine(name, devices string) *scene {
	s.known(name).Made = true
	return s.shown(name, devices)
}

// shown adds a machine of ours to the picture.
func (s *scene) shown(name, devices string) *scene {
	m := s.site.Machine(machineID(name))
	m.Native, m.NativeSince = s.native(name), t0
	seen := composa.SeenMachine{Native: m.Native, Label: m.Label, InOurs: true, Created: t0, Devices: strings.Fields(devices), Power: composa.PowerOff}
	slices.SortFunc(seen.Devices, composa.NaturalCompare)
	s.picture().Machines = append(s.picture().Machines, seen)
	return s.devices(devices, composa.Spot{Area: composa.AreaMachine, Machine: m.Native}).claim(name, devices)
}

// known adds a machine that the site knows and the fabric does not show.
func (s *scene) known(name string) *composa.Machine {
	id := machineID(name)
	s.site.Machines = append(s.site.Machines, composa.Machine{
		ID: id, Project: "proj_a", Name: name, Fabric: fabric, Label: composa.MachineLabel(name, id),
	})
	return s.site.Machine(id)
}

// host adds a machine that is its compute node and holds nothing of ours.
func (s *scene) host(cpu string) *scene {
	s.picture().Machines = append(s.picture().Machines, composa.SeenMachine{
		Native: "host-" + cpu, InOurs: true, Created: t0, Devices: []string{cpu}, Power: composa.PowerOff,
	})
	return s.devices(cpu, composa.Spot{Area: composa.AreaMachine, Machine: "host-" + cpu})
}

func (s *scene) claim(machine, devices string) *scene { return s.claimFor(machine, "", devices) }

func (s *scene) claimFor(machine, heir, devices string) *scene {
	for _, name := range strings.Fields(devices) {
		c := composa.Claim{
			ID: composa.ClaimID("claim_" + name), Device: deviceID(name), Machine: machineID(machine),
			Purpose: composa.PurposeMachine, Entry: string(kindOf(name)),
		}
		if heir != "" {
			c.Heir = machineID(heir)
		}
		s.site.Claims = slices.DeleteFunc(s.site.Claims, func(o composa.Claim) bool { return o.Device == c.Device })
		s.site.Claims = append(s.site.Claims, c)
	}
	s.site.Index()
	return s
}

// show changes how the fabric shows a machine.
func (s *scene) show(name string, change func(*composa.SeenMachine)) *scene {
	change(s.picture().Machine(s.native(name)))
	return s
}

func on(m *composa.SeenMachine)           { m.Power = composa.PowerOn }
func unknownPower(m *composa.SeenMachine) { m.Power = composa.PowerUnknown }
func withP2P(m *composa.SeenMachine)      { m.P2P = true }

// used marks a drive as one that may hold data of a project.
func (s *scene) used(name string, project composa.ProjectID) *scene {
	d := s.site.Device(deviceID(name))
	d.Hygiene, d.KeptFor = composa.HygieneUsed, project
	return s
}

// goal is what a machine is to be; devices "-" means that it is not to be.
func (s *scene) goal(name, devices string) composa.Goal {
	m := s.site.Machine(machineID(name))
	if m == nil {
		m = s.known(name)
	}
	g := composa.Goal{Machine: m.Ref(), Exists: devices != "-"}
	if !g.Exists {
		return g
	}
	for _, d := range strings.Fields(devices) {
		g.Devices = append(g.Devices, composa.Bound{Device: ref(d), Entry: string(kindOf(d))})
	}
	return g
}

func powered(g composa.Goal, on bool) composa.Goal { g.Power = &on; return g }
func peered(g composa.Goal, on bool) composa.Goal  { g.P2P = &on; return g }

func target(goals ...composa.Goal) composa.Target {
	return composa.Target{Fabric: fabric, Goals: goals}
}

// applied is the picture after a step had its effect: what a fabric does.
func applied(p *composa.Picture, s *composa.Step, able *composa.Abilities) *composa.Picture {
	out := *p
	out.Devices, out.Machines = slices.Clone(p.Devices), slices.Clone(p.Machines)
	for i := range out.Machines {
		out.Machines[i].Devices = slices.Clone(out.Machines[i].Devices)
	}
	outside := composa.Spot{Area: composa.AreaFree}
	if able.Groups == composa.NeedRequired {
		outside = composa.Spot{Area: composa.AreaOurs, Group: "g1"}
	}
	put := func(refs []composa.DeviceRef, spot composa.Spot) {
		for _, r := range refs {
			d := out.Device(r.Name)
			if m := out.Machine(d.Spot.Machine); m != nil {
				m.Devices = slices.DeleteFunc(m.Devices, func(name string) bool { return name == r.Name })
			}
			d.Spot = spot
			if m := out.Machine(spot.Machine); m != nil {
				m.Devices = append(m.Devices, r.Name)
				slices.SortFunc(m.Devices, composa.NaturalCompare)
			}
		}
	}
	inside := composa.Spot{Area: composa.AreaMachine, Machine: s.Machine.Native}
	switch s.Act {
	case composa.ActEnter:
		put(s.Attach, outside)
	case composa.ActLeave:
		put(s.Detach, composa.Spot{Area: composa.AreaFree})
	case composa.ActMake:
		out.Machines = append(out.Machines, composa.SeenMachine{
			Native: s.Machine.Native, Label: s.Machine.Label, InOurs: true, Created: t0, Power: composa.PowerOff,
		})
		put(s.Attach, inside)
	case composa.ActReshape:
		put(s.Detach, outside)
		put(s.Attach, inside)
	case composa.ActRemove:
		m := out.Machine(s.Machine.Native)
		for _, name := range slices.Clone(m.Devices) {
			put([]composa.DeviceRef{{Name: name}}, outside)
		}
		out.Machines = slices.DeleteFunc(out.Machines, func(m composa.SeenMachine) bool { return m.Native == s.Machine.Native })
	case composa.ActP2P:
		out.Machine(s.Machine.Native).P2P = s.On
	case composa.ActPower:
		m := out.Machine(s.Machine.Native)
		if m.Power = composa.PowerOff; s.On {
			m.Power = composa.PowerOn
		}
	default:
		panic(fmt.Sprintf("no fabric does %s", s.Act))
	}
	return &out
}
