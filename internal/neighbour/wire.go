package neighbour

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// envelope is around every answer (liqid-api.md 2.0).
type envelope struct {
	Response *struct {
		Data   []json.RawMessage `json:"data"`
		Errors []struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
			Type    string `json:"type"`
		} `json:"errors"`
		Code int `json:"code"`
	} `json:"response"`
}

type coordinates struct {
	Rack  int `json:"rack"`
	Shelf int `json:"shelf"`
	Node  int `json:"node"`
}

// groupRecord is a Group (1.4).
type groupRecord struct {
	Fabric int    `json:"fabr_id"`
	ID     int    `json:"grp_id"`
	Name   string `json:"group_name"`
	Pod    int    `json:"pod_id"`
}

// poolRecord is a GroupPool (1.4): it names the pool to edit.
type poolRecord struct {
	Group       int         `json:"grp_id"`
	Fabric      int         `json:"fabr_id"`
	Coordinates coordinates `json:"coordinates"`
}

// newMachine is the Machine of a creation: what is required, and the name twice
// as the vendor's own clients send it (2.5).
type newMachine struct {
	Fabric  int    `json:"fabr_id"`
	Group   int    `json:"grp_id"`
	ID      int    `json:"mach_id"`
	Name    string `json:"mach_name"`
	Compute string `json:"comp_name"`
	P2P     string `json:"p2p"`
}

// machineRecord is what is read of a Machine; the record itself is echoed whole.
type machineRecord struct {
	ID      int    `json:"mach_id"`
	Group   int    `json:"grp_id"`
	Name    string `json:"mach_name"`
	Compute string `json:"comp_name"`
	P2P     string `json:"p2p"`
	History []struct {
		Name string `json:"name"`
	} `json:"connection_history"`
	raw json.RawMessage
}

// device is what is read of a DeviceStatus; the record itself is echoed whole,
// with its type (A18).
type device struct {
	Name     string      `json:"name"`
	ID       string      `json:"dev_id"`
	Location coordinates `json:"location"`
	class    class
	raw      json.RawMessage
}

// predevice is a device as a member of a group (1.4).
type predevice struct {
	Name    string `json:"name"`
	Group   int    `json:"grp_id"`
	Machine string `json:"mach_id"` // decimal, or n/a
}

func (p predevice) machine() (int, error) {
	if p.Machine == "n/a" {
		return 0, nil
	}
	id, err := strconv.Atoi(p.Machine)
	if err != nil || id < 0 {
		return 0, fmt.Errorf("predevice %s has mach_id %q, which is neither an id nor n/a", p.Name, p.Machine)
	}
	return id, nil
}

// relator says that a device is to be, or no longer to be, in a group.
type relator struct {
	Device json.RawMessage `json:"deviceStatus"`
	Group  json.RawMessage `json:"group"`
}

// machineRelator says the same of a machine.
type machineRelator struct {
	Relator relator         `json:"groupDeviceRelator"`
	Machine json.RawMessage `json:"machine"`
}

// class is one kind of device by its names in paths (1.2).
type class struct {
	list   string // in status/… and predevice/…
	relate string // in relate/…
}

var (
	compute = class{"compute", "compute"}
	gpu     = class{"gpu", "gpu"}
	storage = class{"storage", "storage"}
	network = class{"network", "network"}
	fpga    = class{"fpga", "fpga"}
	memory  = class{"mem", "memory"}
)

// id reads an id that is a number for groups and a string for machines (A1).
func id(raw json.RawMessage) (int, error) {
	digits := string(raw)
	if json.Unmarshal(raw, &digits) != nil {
		digits = string(raw) // no string: the number itself
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s is no id", raw)
	}
	return n, nil
}

// decode reads a list of records.
func decode[T any](data []json.RawMessage) ([]T, error) {
	out := make([]T, len(data))
	for i, raw := range data {
		if err := json.Unmarshal(raw, &out[i]); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", raw, err)
		}
	}
	return out, nil
}

// one is the only element of a single result.
func one(data []json.RawMessage) (json.RawMessage, error) {
	if len(data) != 1 {
		return nil, fmt.Errorf("%d records came where there is one", len(data))
	}
	return data[0], nil
}
