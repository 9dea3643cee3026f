package liqid

import (
	"fmt"
	"strconv"
	"time"
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
	_, err = r.d.change(true, func(s *state) error { s.coordinates = c; return nil })
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

func (r *request) version() (any, error) {
	var out []component
	for _, name := range []string{"liqid-agent", "liqid-api", "liqid-boot", "liqid-cfg", "liqid-director", "liqid-fabric", "liqid-mon", "liqid-mgt", "liqid-ui"} {
		out = append(out, component{
			Component: name, Branch: "emulated", Changeset: "0000000000000000000000000000000000000000", ChangesetShort: "00000000",
			Date: "2021-07-01T00:00:00Z", DateShort: "2021-07-01", Version: "2.5.0.0",
		})
	}
	return out, nil
}

type authMetaData struct {
	Mode string            `json:"mode"`
	Data map[string]string `json:"data"`
}

func (r *request) deployment() (any, error) {
	return one(authMetaData{Mode: "none", Data: map[string]string{}}), nil
}

type resetRecord struct {
	Epoch int64 `json:"epoch"` // milliseconds in 2.5
}

// reset disconnects and forgets like group/clear and finds the fabric's devices
// again; user descriptions stay.
func (r *request) reset() (any, error) {
	_, err := r.d.change(true, func(s *state) error {
		s.clear()
		s.coordinates = directorAt
		return nil
	})
	return one(resetRecord{r.d.clock().UnixMilli()}), err
}

type pciNode struct {
	ID         string `json:"id"`
	ParentID   string `json:"parentId"`
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
// switches, and the devices on each (liqid-api.md 1.4).
func (r *request) topology() (any, error) {
	root := "mgmt"
	nodes := []pciNode{{ID: root, Name: r.d.config.Name, DeviceType: "MGMT"}}
	seen := map[uint32]bool{}
	for i := range r.devices {
		d := &r.devices[i]
		if !seen[d.Switch] {
			seen[d.Switch] = true
			nodes = append(nodes, pciNode{ID: hex6(d.Switch), ParentID: root, Name: "switch" + strconv.Itoa(len(seen)-1), DeviceType: "plx",
				Hardware: switchRecord{Type: "plx", Name: "switch" + strconv.Itoa(len(seen)-1), FabrID: r.fabric, SwitGID: hex6(d.Switch)}})
		}
		if !d.gone {
			nodes = append(nodes, pciNode{ID: hex6(d.Port), ParentID: hex6(d.Switch), Name: d.Name, DeviceType: d.devType(), Hardware: r.show.status(d)})
		}
	}
	return one(nodes), nil
}

// pendingRecord is a Pending*Command (liqid-api.md 1.4).
type pendingRecord struct {
	Index       int            `json:"index"`
	Type        string         `json:"type"`
	Command     string         `json:"command"`
	CommandID   int            `json:"commandId"`
	Credentials *string        `json:"credentials"`
	Start       string         `json:"start"`
	Stop        string         `json:"stop"`
	ThreadID    int            `json:"threadId"`
	Options     pendingOptions `json:"options"`
}

type pendingOptions struct {
	FID int `json:"fid"`
	CID int `json:"cid"`
	MID int `json:"mid"`
}

// listPending lists the commits under way. An id that does not exist has none:
// that is how the deletion of a machine shows as settled.
func (r *request) listPending(kind string, pass func(pendingCommand) bool) (any, error) {
	if fabric, err := r.pathID("fabric"); err != nil || fabric != r.fabric {
		return nil, invalid("there is no fabric %s", r.PathValue("fabric"))
	}
	r.d.mu.Lock()
	defer r.d.mu.Unlock()
	out := []pendingRecord{}
	for _, p := range r.d.pending {
		if pass(p) {
			out = append(out, pendingRecord{
				Index: len(out), Type: kind, Command: p.command, CommandID: p.id, Start: p.start.UTC().Format(time.RFC3339Nano),
				ThreadID: p.id, Options: pendingOptions{r.fabric, p.group, p.machine},
			})
		}
	}
	return out, nil
}

func (r *request) pendingOfFabric() (any, error) {
	return r.listPending("PendingFabricCommand", func(pendingCommand) bool { return true })
}

// pendingOfGroup includes the group's machines.
func (r *request) pendingOfGroup() (any, error) {
	group, err := r.pathID("group")
	if err != nil {
		return nil, err
	}
	return r.listPending("PendingGroupCommand", func(p pendingCommand) bool { return p.group == group })
}

func (r *request) pendingOfMachine() (any, error) {
	group, err := r.pathID("group")
	if err != nil {
		return nil, err
	}
	machine, err := r.pathID("machine")
	if err != nil {
		return nil, err
	}
	return r.listPending("PendingMachineCommand", func(p pendingCommand) bool { return p.group == group && p.machine == machine })
}
