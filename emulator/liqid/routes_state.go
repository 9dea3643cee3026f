package liqid

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The calls about the director's own state, its log and its shell that no
// composing client makes: liqid-api.md 2.12.

// deploymentState is a LiqidDeploymentState (liqid-api.md 1.4). What its flags and
// modes mean is not known.
type deploymentState struct {
	FabricID    int               `json:"fabricId"`
	FabricType  string            `json:"fabricType"`
	Flags       string            `json:"flags"`
	Flags2      string            `json:"flags2"`
	Flags3      string            `json:"flags3"`
	Instance    string            `json:"instanceMode"`
	ModeID      int               `json:"modeId"`
	Quorum      bool              `json:"quorum"`
	Coordinates Coordinates       `json:"liqidCoordinates"`
	CPUs        map[string]string `json:"cpus"`
	Kubernetes  bool              `json:"kubernetesEnabled"`
	Slurm       bool              `json:"slurmEnabled"`
	Redfish     bool              `json:"redfishEnabled"`
	OpenStack   bool              `json:"openstackEnabled"`
}

// deploymentState tells of one director, alone, with nothing northbound: which
// is what is emulated.
func (r *request) deploymentState() (any, error) {
	cpus := map[string]string{}
	fabric := "gen3"
	for i := range r.devices {
		d := &r.devices[i]
		if d.gone {
			continue
		}
		fabric = max(fabric, d.Generation)
		if d.Kind == CPU {
			cpus[d.Name] = d.run()
		}
	}
	return one(deploymentState{
		FabricID: r.fabric, FabricType: fabric, Flags: hex16(systemFlags), Flags2: hex8(0), Flags3: hex8(0),
		Instance: "standalone", Quorum: true, Coordinates: directorAt, CPUs: cpus,
	}), nil
}

// systemFlags are the flags that are set of the director itself. What any of
// them means, and their names, are not known (liqid-api.md 3.10).
const systemFlags = 0x1

// flagNames lists the flags that can be asked for by name: none, as no name is known.
func (r *request) flagNames() (any, error) { return []string{}, nil }

type controlFlag struct {
	Name  text `json:"name"`
	Value text `json:"value"` // hex
}

type controlFlagState struct {
	Flag controlFlag `json:"control_flag"`
	Set  bool        `json:"is_set"`
}

// askFlag tells whether all the bits of a flag's value are set.
func (r *request) askFlag() (any, error) {
	var ask controlFlag
	if err := r.decode(&ask); err != nil {
		return nil, err
	}
	bits, err := strconv.ParseUint(strings.TrimPrefix(string(ask.Value), "0x"), 16, 64)
	if err != nil {
		return nil, invalid("value %q is not a hexadecimal number", ask.Value)
	}
	return one(controlFlagState{ask, bits != 0 && systemFlags&bits == bits}), nil
}

// degraded lists the steps a degraded director still has to take. An emulated
// one is never degraded.
func (r *request) degraded() (any, error) { return []struct{}{}, nil }

func (r *request) clearDegraded() (any, error) { return bare{"cleared"}, nil }

// document is an answer that is a file (liqid-api.md 2.0, not enveloped).
type document struct {
	contentType string
	body        []byte
}

func (a document) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.Header().Set("Server", serverHeader)
	w.Write(a.body)
}

// log answers the calls that the director remembers, a line each; what real
// logs hold is not known, so each of the three is the same.
func (r *request) log() (any, error) {
	switch t := r.PathValue("type"); t {
	case "system", "liqid", "combined":
	default:
		return nil, &refusal{http.StatusNotFound, "", "there is no log " + t + "; there are system, liqid, combined"}
	}
	var out bytes.Buffer
	for _, c := range r.d.Calls(0) {
		fmt.Fprintf(&out, "%s %s %s %d\n", c.Time.UTC().Format(time.RFC3339), c.Method, c.Path, c.Status)
	}
	return document{"application/octet-stream", out.Bytes()}, nil
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
	for _, p := range r.d.underWay() {
		if r.habits.Pending == "lists" && pass(p) {
			out = append(out, pendingRecord{
				Index: len(out), Type: kind, Command: p.command, CommandID: p.id, Start: p.start.UTC().Format(time.RFC3339Nano),
				ThreadID: p.id, Options: pendingOptions{r.fabric, p.group, p.on.machine},
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
	return r.listPending("PendingMachineCommand", func(p pendingCommand) bool { return p.group == group && p.on.machine == machine })
}
