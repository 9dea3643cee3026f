package liqid

import (
	"fmt"
	"strconv"
	"strings"
)

// The calls about the fabric and the director itself: liqid-api.md 2.1, 2.12 and 2.14.

func (r *request) fabricID() (any, error) { return one(r.fabric), nil }

func (r *request) getCoordinates() (any, error) { return one(r.coordinates), nil }

func (r *request) setCoordinates() (any, error) {
	f, err := r.fields()
	if err != nil {
		return nil, err
	}
	c := Coordinates{f.Rack.value, f.Shelf.value, f.Node.value}
	if !f.Rack.given || !f.Shelf.given || !f.Node.given || min(c.Rack, c.Shelf, c.Node) < 0 {
		return nil, invalid("rack, shelf and node are not all numbers from 0 on")
	}
	_, err = r.d.change(true, func(s *state) error { s.coordinates, s.blame.pointed = c, r.by; return nil })
	return one(c), err
}

type availableRecord struct {
	Address     string      `json:"address"`
	Port        int         `json:"port"`
	Coordinates Coordinates `json:"coordinates"`
}

func (r *request) availableCoordinates() (any, error) {
	return one(availableRecord{Address: "192.0.2.1", Port: 8080, Coordinates: directorAt}), nil
}

// atDirector refuses coordinates in the path that are not this director's.
func (r *request) atDirector() error {
	at := fmt.Sprintf("%s/%s/%s", r.PathValue("rack"), r.PathValue("shelf"), r.PathValue("node"))
	if at != fmt.Sprintf("%d/%d/%d", directorAt.Rack, directorAt.Shelf, directorAt.Node) {
		return invalid("there is no director at %s", at)
	}
	return nil
}

// component is one element of version; clients need an RFC 3339 date (liqid-api.md 1.4).
type component struct {
	Component      string `json:"component"`
	Branch         string `json:"branch"`
	Changeset      string `json:"changeset"`
	ChangesetShort string `json:"changeset_short"`
	Date           string `json:"date"`
	DateShort      string `json:"date_short"`
	Version        string `json:"version"`
}

// components are those of a 2.5 director; 3.x lists one less (liqid-api.md 1.4).
var components = []string{"liqid-agent", "liqid-api", "liqid-boot", "liqid-cfg", "liqid-director", "liqid-fabric", "liqid-mon", "liqid-mgt", "liqid-ui"}

// emulatedBranch is how version says that nothing here is real.
const emulatedBranch = "emulated"

func (r *request) version() (any, error) {
	if r.era.in(era24) {
		return one(daemonVersions()), nil
	}
	names := components
	if r.era.in(line3) {
		names = names[1:]
	}
	var out []component
	for _, name := range names {
		out = append(out, component{
			Component: name, Branch: emulatedBranch, Changeset: strings.Repeat("0", 40), ChangesetShort: strings.Repeat("0", 8),
			Date: "2021-07-01T00:00:00Z", DateShort: "2021-07-01", Version: r.era.String() + ".0.0",
		})
	}
	return out, nil
}

// daemonVersion is one daemon in version of 2.4.
type daemonVersion struct {
	Major  int `json:"major"`
	Minor  int `json:"minor"`
	Patch  int `json:"patch"`
	Number int `json:"number"`
}

// daemonVersions is version of 2.4: one record of all daemons. The branch is
// ours: a place to say that nothing here is real.
func daemonVersions() map[string]any {
	out := map[string]any{"branch": emulatedBranch}
	for _, name := range []string{"liqcfgd-version", "liqmond-version", "liqmgt-version", "ui-version"} {
		out[name] = daemonVersion{2, 4, 0, 0}
	}
	return out
}

// resetRecord is a Timestamp: 2.x tells milliseconds, 3.x seconds that fit 32
// bits and the milliseconds beside them (liqid-api.md 2.12, A11).
type resetRecord struct {
	Epoch     int64 `json:"epoch"`
	Timestamp int64 `json:"timestamp,omitempty"`
}

func (r *request) now() any {
	t := r.d.clock()
	if r.era.in(line3) {
		return one(resetRecord{t.Unix(), t.UnixMilli()})
	}
	return one(resetRecord{Epoch: t.UnixMilli()})
}

// reset disconnects and forgets like group/clear and finds the fabric's devices
// again; user descriptions stay. restart of 2.4, which restarts the daemons too,
// does no more that a client could see.
func (r *request) reset() (any, error) {
	_, err := r.d.change(true, func(s *state) error {
		s.clear(r.by)
		s.coordinates = directorAt
		return nil
	})
	return r.now(), err
}

// restarted answers system/restart/…: devices are found again where they were.
func (r *request) restarted() (any, error) { return r.now(), nil }

// toggle is a FabricToggleComposite (liqid-api.md 1.4).
type toggle struct {
	Coordinates Coordinates `json:"coordinates"`
	Flag        text        `json:"flag"`
	Options     text        `json:"options"`
}

// toggleFabric takes a flag for the fabric and answers it; nothing else of the
// protocol tells of it again.
func (r *request) toggleFabric() (any, error) {
	var t toggle
	if err := r.decode(&t); err != nil {
		return nil, err
	}
	if t.Options != "add" {
		return nil, invalid("options is %q, not add", t.Options)
	}
	if t.Coordinates != directorAt {
		return nil, invalid("there is no director at %v", t.Coordinates)
	}
	return one(t), nil
}

type fabricIDRecord struct {
	ID number `json:"id"`
}

// setFabricID gives the fabric another id, which all records carry from then on.
func (r *request) setFabricID() (any, error) {
	var f fabricIDRecord
	if err := r.decode(&f); err != nil {
		return nil, err
	}
	if !f.ID.given || f.ID.value <= 0 {
		return nil, invalid("id is missing or not positive")
	}
	_, err := r.d.change(true, func(s *state) error { s.fabric = f.ID.value; return nil })
	return one(struct {
		ID int `json:"id"`
	}{f.ID.value}), err
}

// fabricTypes lists the fabrics there can be (liqid-api.md 1.2); their values
// are not known and counted here.
func (r *request) fabricTypes() (any, error) {
	type flag struct {
		Name        string `json:"name"`
		Value       string `json:"value,omitempty"`       // 2.x
		ValueString string `json:"valueString,omitempty"` // 3.x
	}
	var out []flag
	for i, name := range []string{"gen3", "gen4", "nvof", "gpuof", "genz", "nvmeof", "ip_based"} {
		f := flag{Name: name, Value: fmt.Sprintf("0x%x", i+1)}
		if r.era.in(line3) {
			f.Value, f.ValueString = "", f.Value
		}
		out = append(out, f)
	}
	return out, nil
}

// sshState is whether the director's shell can be reached: bare in 2.5, in an
// envelope and under other names in 3.x (liqid-api.md 1.4, 4).
type sshState struct {
	Active  bool `json:"active"`
	Enabled bool `json:"enabled"`
}

type sshState3 struct {
	Active  bool `json:"is-active"`
	Enabled bool `json:"is-enabled"`
}

func (r *request) ssh() (any, error) { return r.sshAnswer(r.settings.SSH), nil }

func (r *request) sshAnswer(on bool) any {
	if r.era.in(line3) {
		return one(sshState3{on, on})
	}
	return bare{sshState{on, on}}
}

func (r *request) setSSH() (any, error) {
	var on bool
	var record sshState3
	var err error
	if r.era.in(line3) {
		err = r.decode(&record)
		on = record.Enabled
	} else {
		err = r.decode(&on)
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.d.change(false, func(s *state) error { s.settings.SSH = on; return nil }); err != nil {
		return nil, err
	}
	if r.era.in(line3) {
		return r.sshAnswer(on), nil
	}
	return bare{0}, nil
}

// backupResult is a BackupResult (liqid-api.md 1.4).
type backupResult struct {
	CommandLine    string `json:"commandLine"`
	StandardOutput string `json:"standardOutput"`
	StandardError  string `json:"standardError"`
	ExitValue      int    `json:"exitValue"`
}

// backup answers as a backup that could not be made: an emulated director has
// neither a disk of its own nor a remote place.
func (r *request) backup() (any, error) {
	where, known := map[string]string{"0": "local", "1": "remote"}[r.PathValue("where")]
	if !known {
		return nil, invalid("backup %q is not 0 (local) or 1 (remote)", r.PathValue("where"))
	}
	return one(backupResult{CommandLine: "backup " + where, StandardError: "an emulated director keeps no backups", ExitValue: 1}), nil
}

type pciNode struct {
	ID         int    `json:"id"`       // one client of 3.2 reads 32 bits
	ParentID   int    `json:"parentId"` // 0: nothing is above it
	Name       string `json:"name"`
	DeviceType string `json:"deviceType"`
	Hardware   any    `json:"hardwareComponent"`
}

type switchRecord struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	FabrID  int    `json:"fabr_id"`
	SwitGID string `json:"swit_gid"`
}

// topology answers an array that holds one array of nodes: the director, its
// switches, and the devices on each (liqid-api.md 1.4). A device's hardware is its
// DeviceStatus. Left out are the fields of switches and ports beyond their names
// and ids: lanes, flags and states, the ports themselves, and all counters of bytes
// and errors, because nothing here counts any; hosts are told as devices, not as
// nodes of type HOST.
func (r *request) topology() (any, error) {
	const root = 1
	nodes := []pciNode{{ID: root, Name: r.d.config.Name, DeviceType: "MGMT"}}
	switches := map[uint32]int{} // node ids
	for i := range r.devices {
		d := &r.devices[i]
		if switches[d.Switch] == 0 {
			name := "switch" + strconv.Itoa(len(switches))
			switches[d.Switch] = len(nodes) + 1
			nodes = append(nodes, pciNode{ID: len(nodes) + 1, ParentID: root, Name: name, DeviceType: "plx",
				Hardware: switchRecord{Type: "plx", Name: name, FabrID: r.fabric, SwitGID: hex6(d.Switch)}})
		}
		if !d.gone {
			nodes = append(nodes, pciNode{ID: len(nodes) + 1, ParentID: switches[d.Switch], Name: d.Name, DeviceType: d.devType(), Hardware: r.show.status(d)})
		}
	}
	return one(nodes), nil
}
