package liqid

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// group is a container of devices and machines.
type group struct {
	id   int
	name string
	raw  json.RawMessage
}

func readGroup(raw json.RawMessage) (group, error) {
	var w struct {
		ID   text  `json:"grp_id"`
		Name label `json:"group_name"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return group{}, errors.New("what is not a group")
	}
	id, err := idOf(named("group", w.Name), "grp_id", w.ID, 1)
	if err != nil {
		return group{}, err
	}
	return group{id, string(w.Name), raw}, nil
}

// machine is a composed server inside a group.
type machine struct {
	id, group int
	name      string
	p2p       bool
	host      string    // a compute device in it; empty where none is told
	created   time.Time // zero where it is not told
	raw       json.RawMessage
}

func (m *machine) native() string { return strconv.Itoa(m.id) }

func readMachine(raw json.RawMessage) (machine, error) {
	var w struct {
		ID    text   `json:"mach_id"`
		Group text   `json:"grp_id"`
		Name  label  `json:"mach_name"`
		P2P   text   `json:"p2p"`
		Host  text   `json:"comp_name"`
		MTime number `json:"mtime"` // creation, Unix seconds (liqid-api.md 1.3)
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return machine{}, errors.New("what is not a machine")
	}
	what := named("machine", w.Name)
	id, err := idOf(what, "mach_id", w.ID, 1)
	if err != nil {
		return machine{}, err
	}
	m := machine{id: id, name: w.Name.told(), p2p: strings.EqualFold(string(w.P2P), "on"), raw: raw}
	if w.Group.told() != "" {
		if m.group, err = idOf(what, "grp_id", w.Group, 0); err != nil {
			return machine{}, err
		}
	}
	// Clients put the machine's own name there when they make one (liqid-api.md 2.5).
	if host := w.Host.told(); host != m.name {
		m.host = host
	}
	if w.MTime.ok && w.MTime.value > 0 && w.MTime.value < 1<<36 {
		m.created = time.Unix(w.MTime.value, 0).UTC()
	}
	return m, nil
}

// member is a device as a member of a group and perhaps of a machine. What lies
// in the system free pool has no such record (liqid-api.md 1.1, predevice).
type member struct {
	name           string
	group, machine int    // machine 0: attached to nothing
	gname, mname   string // empty where they are not told
}

func readMember(raw json.RawMessage) (member, error) {
	var w struct {
		Name    label `json:"name"`
		Group   text  `json:"grp_id"`
		Machine text  `json:"mach_id"` // decimal text, or "n/a" (liqid-api.md 1.3)
		GName   label `json:"gname"`
		MName   label `json:"mname"`
	}
	if err := json.Unmarshal(raw, &w); err != nil || w.Name.told() == "" {
		return member{}, errors.New("a member without a name")
	}
	m := member{name: w.Name.told(), gname: w.GName.told(), mname: w.MName.told()}
	what := named("member", w.Name)
	var err error
	if m.group, err = idOf(what, "grp_id", w.Group, -maxID); err != nil {
		return member{}, err
	}
	if w.Machine.told() != "" {
		if m.machine, err = idOf(what, "mach_id", w.Machine, -maxID); err != nil {
			return member{}, err
		}
		m.machine = max(0, m.machine)
	}
	return m, nil
}

// coordinates address an element of the fabric. Missing parts count as 0.
type coordinates struct{ Rack, Shelf, Node number }

func (c coordinates) key() [3]int64 { return [3]int64{c.Rack.value, c.Shelf.value, c.Node.value} }

// class is what the API calls a kind of device in its paths (liqid-api.md 1.2).
type class struct {
	kind   composa.Kind
	path   string // status/…, predevice/…
	relate string // relate/…
	detail string // device/info/…, system/device/info/…
}

var classes = map[string]class{
	"ComputeDeviceStatus": {composa.KindCPU, "compute", "compute", "cpu"},
	"GpuDeviceStatus":     {composa.KindGPU, "gpu", "gpu", "gpu"},
	"SsdDeviceStatus":     {composa.KindSSD, "storage", "storage", "ssd"},
	"LinkDeviceStatus":    {composa.KindNIC, "network", "network", "link"},
	"FpgaDeviceStatus":    {composa.KindFPGA, "fpga", "fpga", "fpga"},
	"MemoryDeviceStatus":  {composa.KindMemory, "mem", "memory", "mem"}, // from 3.x on (A4)
}

// device is the live view of one device, whoever has it (DeviceStatus).
type device struct {
	name     string
	class    class
	print    composa.Fingerprint // without serial: only details tell it
	health   composa.Health
	at       string // the switch it hangs on
	lanes    int
	bus      string
	size     int64 // bytes of a drive; 0 where it is not told
	location [3]int64
	located  bool
	raw      json.RawMessage
}

// errUnnamed says that a device cannot be shown: its name is not of letters,
// digits and -._: only, so it cannot be part of a place.
var errUnnamed = errors.New("a device whose name cannot be part of a place")

// maxDeviceName is how long the name of a device may be.
const maxDeviceName = 63

func placeable(name string) bool {
	return len(name) <= maxDeviceName && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:", r)
	})
}

// readDevice reads a DeviceStatus. ok is false for what cannot be composed: a
// class that is not known. A record without a type and a name is an error: what
// is in its place is not to be taken for gone.
func readDevice(raw json.RawMessage) (d device, ok bool, err error) {
	var w struct {
		Type     label        `json:"type"`
		Name     label        `json:"name"`
		DevID    text         `json:"dev_id"`
		Port     text         `json:"port_gid"`
		Switch   text         `json:"swit_gid"`
		VID      text         `json:"vid"`
		DID      text         `json:"did"`
		State    text         `json:"device_state"`
		Fabric   text         `json:"fabric_type"`
		Conn     text         `json:"conn_type"`
		Lanes    number       `json:"lanes"`
		Capacity number       `json:"capacity(MB)"` // the parentheses are the API's (liqid-api.md 1.3)
		Location *coordinates `json:"location"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return device{}, false, errors.New("what is not a device")
	}
	switch {
	case w.Name.told() == "":
		return device{}, false, errors.New("a device without a name")
	case w.Type.told() == "":
		return device{}, false, fmt.Errorf("%s without a type", named("device", w.Name))
	}
	d = device{name: w.Name.told(), health: healthOf(w.State.told()), at: w.Switch.told(), raw: raw}
	if d.class, ok = classes[string(w.Type)]; !ok {
		return device{}, false, nil
	}
	if !placeable(d.name) {
		return device{}, false, errUnnamed
	}
	if d.class.kind == composa.KindSSD && strings.Contains(d.name, "scm") {
		d.class.kind = composa.KindSCM // only the name tells Optane from other drives (liqid-api.md 1.2)
	}
	d.print = composa.Fingerprint{DevID: w.DevID.told(), Port: w.Port.told()}
	if v, p := bareHex(w.VID), bareHex(w.DID); v != "" && p != "" {
		d.print.PCI = v + ":" + p
	}
	if w.Lanes.value > 0 && w.Lanes.value <= 64 {
		d.lanes = int(w.Lanes.value)
	}
	if d.bus = w.Conn.told(); d.bus == "" {
		d.bus = w.Fabric.told()
	}
	if w.Capacity.ok {
		unit := int64(mega)
		if d.class.kind == composa.KindMemory {
			unit = mebi
		}
		d.size = scaled(w.Capacity.value, unit)
	}
	if w.Location != nil {
		d.location, d.located = w.Location.key(), true
	}
	return d, true, nil
}

func bareHex(t text) string { return strings.TrimPrefix(strings.ToLower(t.told()), "0x") }

// healthOf reads device_state. "active | online" is healthy (liqid-api.md 1.3);
// other words are not documented, so what does not say that it is down counts as
// degraded. A director that does not tell is taken at its silence.
func healthOf(state string) composa.Health {
	low := strings.ToLower(state)
	switch {
	case low == "", strings.Join(strings.Fields(low), " ") == "active | online":
		return composa.HealthOK
	case strings.Contains(low, "fail"), strings.Contains(low, "offline"), strings.Contains(low, "error"), strings.Contains(low, "dead"):
		return composa.HealthFailed
	}
	return composa.HealthDegraded
}

// node is the state of a host (NodeStatus). Its record does not name the cpu:
// the location does (liqid-api.md 2.10).
type node struct {
	location [3]int64
	power    composa.PowerState
}

func readNode(raw json.RawMessage) (node, bool) {
	var w struct {
		Location *coordinates `json:"location"`
		Run      text         `json:"run"`
	}
	if json.Unmarshal(raw, &w) != nil || w.Location == nil {
		return node{}, false
	}
	n := node{location: w.Location.key(), power: composa.PowerUnknown}
	switch strings.ToLower(w.Run.told()) {
	case "up", "on": // booted; powered, not necessarily booted
		n.power = composa.PowerOn
	case "off":
		n.power = composa.PowerOff
	}
	return n, true
}

// pending is a command under way (liqid-api.md 1.4, Pending*Command). group and
// machine are 0 where it does not say.
type pending struct {
	command        string
	group, machine int
}

func readPending(raw json.RawMessage) pending {
	var w struct {
		Command text `json:"command"`
		Options struct{ CID, MID number }
	}
	if json.Unmarshal(raw, &w) != nil {
		return pending{command: "something"}
	}
	return pending{string(w.Command), w.Options.CID.small(), w.Options.MID.small()}
}
