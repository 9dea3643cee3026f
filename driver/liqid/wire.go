package liqid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

// Records as a 2.5 director writes them (liqid-api.md 1.4), as far as they are
// read. Fields that nobody reads are not named; numbers may come as text and
// text as numbers. Records that are sent back are sent as they came (raw).

// text reads a string that may come as a number, a bool or null.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch b = bytes.TrimSpace(b); {
	case len(b) == 0 || b[0] == '{' || b[0] == '[' || string(b) == "null":
	case json.Unmarshal(b, &s) == nil:
	default:
		s = string(b)
	}
	*t = text(s)
	return nil
}

// told is the value, empty where the director says that there is none
// (liqid-api.md 1.3: "n/a").
func (t text) told() string {
	s := strings.TrimSpace(string(t))
	switch strings.ToLower(s) {
	case "n/a", "na", "null":
		return ""
	}
	return s
}

// number reads an integer that may come as text, decimal or 0x…; ok is false
// for everything else.
type number struct {
	value int64
	ok    bool
}

func (n *number) UnmarshalJSON(b []byte) error {
	var t text
	_ = t.UnmarshalJSON(b) // it never fails
	*n = parseNumber(t.told())
	return nil
}

func parseNumber(s string) number {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{v, true}
	}
	if hex, is := strings.CutPrefix(strings.ToLower(s), "0x"); is {
		v, err := strconv.ParseInt(hex, 16, 64)
		return number{v, err == nil}
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v == v && v > -1e15 && v < 1e15 {
		return number{int64(v), true}
	}
	return number{}
}

// list reads an array; anything else is an empty one or a single element.
type list []json.RawMessage

func (l *list) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	var elements []json.RawMessage
	switch {
	case len(b) == 0 || string(b) == "null":
	case json.Unmarshal(b, &elements) == nil:
	default:
		elements = []json.RawMessage{bytes.Clone(b)}
	}
	*l = elements
	return nil
}

// envelope is around every answer but a few (liqid-api.md 2.0).
type envelope struct {
	data    []json.RawMessage
	refused bool
	words   string // what the errors say
}

func readEnvelope(b []byte) (e envelope, ok bool) {
	var wire struct {
		Response *struct {
			Data   list   `json:"data"`
			Errors list   `json:"errors"`
			Code   number `json:"code"`
		} `json:"response"`
	}
	if json.Unmarshal(b, &wire) != nil || wire.Response == nil {
		return e, false
	}
	e.data = wire.Response.Data
	e.refused = wire.Response.Code.value != 0 || len(wire.Response.Errors) > 0
	var words []string
	for _, raw := range wire.Response.Errors {
		var entry struct{ Message text }
		if json.Unmarshal(raw, &entry) != nil || entry.Message == "" {
			var plain text
			_ = plain.UnmarshalJSON(raw) // it never fails
			entry.Message = plain
		}
		if entry.Message != "" {
			words = append(words, string(entry.Message))
		}
	}
	e.words = strings.Join(words, "; ")
	return e, true
}

// group is a container of devices and machines.
type group struct {
	id   int
	name string
	raw  json.RawMessage
}

func readGroup(raw json.RawMessage) (group, error) {
	var w struct {
		ID   number `json:"grp_id"`
		Name text   `json:"group_name"`
	}
	if err := json.Unmarshal(raw, &w); err != nil || !w.ID.ok || w.ID.value <= 0 {
		return group{}, fmt.Errorf("a group without grp_id")
	}
	return group{int(w.ID.value), string(w.Name), raw}, nil
}

// machine is a composed server inside a group.
type machine struct {
	id, group int
	name      string
	p2p       bool
	created   time.Time // zero where it is not told
	raw       json.RawMessage
}

func (m *machine) native() string { return strconv.Itoa(m.id) }

func readMachine(raw json.RawMessage) (machine, error) {
	var w struct {
		ID    number `json:"mach_id"`
		Group number `json:"grp_id"`
		Name  text   `json:"mach_name"`
		P2P   text   `json:"p2p"`
		MTime number `json:"mtime"` // creation, Unix seconds (liqid-api.md 1.3)
	}
	if err := json.Unmarshal(raw, &w); err != nil || !w.ID.ok || w.ID.value <= 0 {
		return machine{}, fmt.Errorf("a machine without mach_id")
	}
	m := machine{id: int(w.ID.value), group: int(w.Group.value), name: w.Name.told(), p2p: strings.EqualFold(string(w.P2P), "on"), raw: raw}
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
		Name    text   `json:"name"`
		Group   number `json:"grp_id"`
		Machine text   `json:"mach_id"` // decimal text, or "n/a" (liqid-api.md 1.3)
		GName   text   `json:"gname"`
		MName   text   `json:"mname"`
	}
	if err := json.Unmarshal(raw, &w); err != nil || w.Name.told() == "" || !w.Group.ok {
		return member{}, fmt.Errorf("a member without name or grp_id")
	}
	m := member{name: w.Name.told(), group: int(w.Group.value), gname: w.GName.told(), mname: w.MName.told()}
	if id := w.Machine.told(); id != "" {
		n := parseNumber(id)
		if !n.ok {
			return member{}, fmt.Errorf("%s has mach_id %q", m.name, composa.Abridge(id, 24))
		}
		m.machine = max(0, int(n.value))
	}
	return m, nil
}

// coordinates address an element of the fabric. Missing parts count as 0.
type coordinates struct{ Rack, Shelf, Node number }

func (c coordinates) key() [3]int64 { return [3]int64{c.Rack.value, c.Shelf.value, c.Node.value} }

// class is what the API calls a kind of device in its paths (liqid-api.md 1.2).
type class struct {
	kind   composa.Kind
	path   string // predevice/…, relate/…
	detail string // system/device/info/…
}

var classes = map[string]class{
	"ComputeDeviceStatus": {composa.KindCPU, "compute", "cpu"},
	"GpuDeviceStatus":     {composa.KindGPU, "gpu", "gpu"},
	"SsdDeviceStatus":     {composa.KindSSD, "storage", "ssd"},
	"LinkDeviceStatus":    {composa.KindNIC, "network", "link"},
	"FpgaDeviceStatus":    {composa.KindFPGA, "fpga", "fpga"},
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

// readDevice reads a DeviceStatus. ok is false for what cannot be composed: a
// class that this era does not have, or a record without a name.
func readDevice(raw json.RawMessage) (d device, ok bool) {
	var w struct {
		Type     text         `json:"type"`
		Name     text         `json:"name"`
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
	if json.Unmarshal(raw, &w) != nil || w.Name.told() == "" {
		return device{}, false
	}
	d = device{name: w.Name.told(), health: healthOf(w.State.told()), at: w.Switch.told(), raw: raw}
	if d.class, ok = classes[string(w.Type)]; !ok {
		return device{}, false
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
		d.size = scaled(w.Capacity.value, mega)
	}
	if w.Location != nil {
		d.location, d.located = w.Location.key(), true
	}
	return d, true
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
	return pending{string(w.Command), int(w.Options.CID.value), int(w.Options.MID.value)}
}
