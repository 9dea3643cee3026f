package liqid

import (
	"cmp"
	"slices"
	"strconv"
)

// How what is so becomes the records of groups, devices and machines that
// clients of an era are shown.

// show is a state together with what its records need besides.
type show struct {
	*state
	era    era
	habits *Habits
}

// deviceType is device_type of DeviceStatus and DeviceInfo (liqid-api.md 1.2).
func (s show) deviceType(d *device) string {
	if s.era.in(line2) {
		return d.devType()
	}
	switch d.devType() {
	case "comp":
		return "compute"
	case "targ":
		return "target/SSD"
	case "link":
		return "ethernet_link"
	case "infi":
		return "infiniband_link"
	case "fibr":
		return "fibrechannel_link"
	}
	return d.devType()
}

// health is device_state; what is not healthy is called so by inference.
func (d *device) health() string {
	if d.inactive {
		return "inactive | offline"
	}
	return healthy
}

// connType is conn_type, from 2.5 on.
func (s show) connType(d *device) string {
	if s.era.in(era24) {
		return ""
	}
	return d.Generation
}

func (s show) group(g group) groupRecord {
	return groupRecord{FabrID: s.fabric, GrpID: g.ID, GroupName: g.Name, PodID: podID}
}

func (s show) groupList() []groupRecord {
	out := []groupRecord{}
	for _, g := range s.sortedGroups() {
		out = append(out, s.group(g))
	}
	return out
}

// location is where a device says that it is. Rack and shelf are always 0 in 3.x
// (liqid-api.md 1.1).
func (s show) location(d *device) Coordinates {
	if s.era.in(line3) {
		return Coordinates{Node: d.Location.Node}
	}
	return d.Location
}

func (s show) status(d *device) statusRecord {
	r := statusRecord{
		Type: kindNames[d.Kind].statusType, Index: d.Index, Name: d.Name, Flags: hex16(flagWord),
		DeviceType: s.deviceType(d), DeviceState: d.health(), FabricType: d.Generation, ConnType: s.connType(d), Lanes: d.lanes(),
		DevID: hex8(d.DevID), SledID: hex8(noSledID), FabrID: s.fabric,
		SwitGID: hex6(d.Switch), PortGID: hex6(d.Port), FabrGID: hex8(d.fabrGID()), PodID: podID,
		VID: hex4(d.VID), DID: hex4(d.DID), Location: s.location(d), Owner: directorAt,
	}
	if s.era.in(line3) {
		r.Flags2 = hex8(0)
	}
	switch d.Kind {
	case SSD, SCM:
		r.CapacityMB = d.CapacityMB
	case Memory:
		r.CapacityMB, r.Unique = d.CapacityMB, unset
	case CPU:
		r.HConn, r.Unique = hex8(uint32(d.Index)), unset
	default:
		r.Unique = unset
	}
	return r
}

// statusList is every present device that pass lets through.
func (s show) statusList(pass func(*device) bool) []statusRecord {
	out := []statusRecord{}
	for i := range s.devices {
		if d := &s.devices[i]; !d.gone && pass(d) {
			out = append(out, s.status(d))
		}
	}
	return out
}

// predevice is a device as a member of its group.
func (s show) predevice(d *device) predeviceRecord {
	r := predeviceRecord{
		DevType: d.devType(), Name: d.Name, Index: strconv.Itoa(d.Index), Lanes: d.lanes(),
		FabrID: s.fabric, FabrGID: hex8(d.fabrGID()), Flags: hex16(flagWord),
		GrpID: d.group, GName: s.groups[d.group].Name, MachID: unset, MName: unset,
		OwnerGID: ownerGID, OwnerID: ownerGID, PodID: podID,
	}
	if !s.era.in(era32) {
		r.PortGID, r.SwitGID = hex6(d.Port), hex6(d.Switch)
	}
	if s.era.in(era24) {
		r.LiqidGID = ownerGID
	}
	if d.machine != 0 {
		r.MachID, r.MName = strconv.Itoa(d.machine), s.machines[d.machine].Name
	}
	return r
}

// predeviceList is every device in any group that pass lets through; what lies
// in the system free pool has no such record (liqid-api.md 1.1).
func (s show) predeviceList(pass func(predeviceRecord) bool) []predeviceRecord {
	if s.habits.Queue == "shown" {
		s.state = s.asQueued()
	}
	out := []predeviceRecord{}
	for i := range s.devices {
		if d := &s.devices[i]; d.group != 0 && !d.gone {
			if r := s.predevice(d); pass(r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// machine is the record of a machine. Of what it had it shows those that named has.
func (s show) machine(m machine, index int, attached []*device, named map[string]*device) machineRecord {
	r := machineRecord{
		Index: index, MachID: m.ID, GrpID: m.Group, FabrID: s.fabric,
		FabrGID: unset, PortGID: "0x0", SwitGID: "0x0", CompName: unset, // as before any device (liqid-api.md 1.4)
		MachName: m.Name, P2P: onOff(m.P2P), MTime: m.Created, History: []historyRecord{},
	}
	for _, d := range attached {
		if d.Kind == CPU && r.CompName == unset {
			r.FabrGID, r.PortGID, r.SwitGID, r.CompName = hex8(d.fabrGID()), hex6(d.Port), hex6(d.Switch), d.Name
		}
		r.History = append(r.History, s.connection(d, d.attached, 0))
	}
	if s.habits.History == "kept" {
		for _, p := range m.Past {
			if d := named[p.Name]; d != nil {
				r.History = append(r.History, s.connection(d, p.Attached, p.Detached))
			}
		}
		slices.SortStableFunc(r.History, func(a, b historyRecord) int { return cmp.Compare(a.ATime, b.ATime) })
	}
	return r
}

// connection is an entry of a machine's history; detached is 0 while it lasts.
// That free says that this connection is over is inferred (liqid-api.md A17).
func (s show) connection(d *device, attached, detached int64) historyRecord {
	return historyRecord{
		ATime: attached, DTime: detached, DevType: d.devType(), Name: d.Name,
		FabrGID: hex8(d.fabrGID()), OwnerGID: ownerGID, Free: detached != 0, UDesc: d.udesc,
	}
}

// machineList is every machine that pass lets through. Its index is its place
// among all machines.
func (s show) machineList(pass func(machine) bool) []machineRecord {
	attached := map[int][]*device{}
	for i := range s.devices {
		if d := &s.devices[i]; d.machine != 0 && !d.gone {
			attached[d.machine] = append(attached[d.machine], d)
		}
	}
	var named map[string]*device
	if s.habits.History == "kept" {
		named = s.byName()
	}
	out := []machineRecord{}
	for i, m := range s.sortedMachines() {
		if pass(m) {
			out = append(out, s.machine(m, i, byOrder(attached[m.ID]), named))
		}
	}
	return out
}

func (s show) oneMachine(id int) machineRecord {
	return s.machineList(func(m machine) bool { return m.ID == id })[0]
}
